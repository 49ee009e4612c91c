"""The gate's Socket.IO side: who may connect, which event needs which permission, what size an event may have, what a refusal looks like.

An event that is not allowed or fails is acknowledged with `{"error": {"code", "message"}}`; a connection is refused with the code as its message.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from typing import Any, Protocol

import orjson
from flask import g, request
from flask_socketio import ConnectionRefusedError, SocketIO, disconnect

from auth.authority import Authority
from auth.permissions import GRANTS, Permission
from auth.principal import Principal
from conference.nodes import MEDIA_EVENTS, Nodes
from dashboard.messages import Lang
from dashboard.origins import is_own_origin
from dashboard.problems import Problems, public_face
from foundation.errors import FenghuoError, Forbidden, ProtocolError, Unauthenticated, Unavailable
from foundation.loops import survived
from foundation.settings import Settings

MAX_EVENT_BYTES = 80 * 1024
"""An SDP offer (64 KiB) and what is around it."""
RULE = "fenghuo_rule"
STASH = "fenghuo.principal"
NODE_EVENTS = (*MEDIA_EVENTS, "load", "ingest")

logger = logging.getLogger(__name__)

Handler = Callable[[Principal, dict[str, Any]], dict[str, Any] | None]


@dataclass(frozen=True)
class Rule:
    """What something declared: the permission that it needs, or why it is public. `secret` names a secret that opens it, too."""

    needs: Permission | None = None
    public: str | None = None
    secret: str | None = None


def ruled(rule: Rule) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that writes the rule on the function (a new one: bound methods take no attributes)."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def declared(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        setattr(declared, RULE, rule)
        return declared

    return decorate


class PageNamespace(Protocol):
    """What serves a namespace that pages connect to (conference.signalling)."""

    @property
    def handlers(self) -> Mapping[str, tuple[Permission, Callable[[Principal, dict[str, Any]], dict[str, Any]]]]:
        """Every event with the permission that it needs and who answers it."""

    def connected(self, principal: Principal, /) -> None:
        """A page has connected."""

    def disconnected(self) -> None:
        """A page's connection ended."""


class Sockets(ABC):
    """Registers Socket.IO events with their permission. `dashboard.gate.Gate` is the whole of it."""

    problems: Problems

    def __init__(self, authority: Authority, settings: Settings) -> None:
        self.authority = authority
        self.settings = settings
        self._servers: list[SocketIO] = []

    @abstractmethod
    def language(self) -> Lang:
        """The reader's language."""

    @abstractmethod
    def proved_by_cookie(self) -> Principal:
        """Who the browser is by its cookies."""

    def on_connect(
        self,
        socketio: SocketIO,
        namespace: str,
        *,
        needs: Permission,
        handler: Callable[[Principal], None] | None = None,
        disconnected: Callable[[], None] | None = None,
    ) -> None:
        """Let in who holds `needs`: by `auth = {"token"}`, or by a page's cookie from a page of ours. `handler` may refuse with an error of ours."""

        def connect(hello: Any = None) -> None:
            principal = self._socket_proof(hello)
            principal.require(needs)
            if not self.authority.still_valid(principal):
                raise Unauthenticated("unauthenticated")
            request.environ[f"{STASH}{namespace}"] = principal
            g.fenghuo_principal = principal
            if handler is not None:
                handler(principal)
            _keep_open()

        self._register(socketio, "connect", namespace, Rule(needs=needs), _refusing(connect))
        if disconnected is not None:
            self._on_disconnect(socketio, namespace, disconnected)

    def on(
        self,
        socketio: SocketIO,
        event: str,
        namespace: str,
        *,
        needs: Permission,
        handler: Handler | None = None,
        max_bytes: int = MAX_EVENT_BYTES,
    ) -> Callable[[Handler], Handler]:
        """Answer `event` for who holds `needs`: `handler(principal, payload)`, its result is the acknowledgement. Without `handler` a decorator."""

        def register(answer: Handler) -> Handler:
            def handle(*arguments: Any) -> dict[str, Any]:
                try:
                    principal = self._socket_principal(namespace)
                    principal.require(needs)
                    return answer(principal, _payload(arguments, max_bytes)) or {}
                except Unauthenticated as error:
                    told = self._told(error, event)
                    disconnect()
                    return told
                except FenghuoError as error:
                    return self._told(error, event)
                except Exception:  # noqa: BLE001 - `survived` logs and counts it
                    # The connection must survive our mistake; the page learns that it was ours.
                    survived(f"event{namespace}.{event}")
                    return self._told(Unavailable("internal"), event)

            self._register(socketio, event, namespace, Rule(needs=needs), handle)
            return answer

        if handler is not None:
            register(handler)
        return register

    def socket_namespace(self, socketio: SocketIO, namespace: str, served: PageNamespace | Nodes) -> None:
        """Register a whole namespace: the pages' rooms, or the nodes that dial in."""
        if isinstance(served, Nodes):
            self._serve_nodes(socketio, namespace, served)
            return
        # One permission opens the connection: every event asks for its own again.
        first = next(permission for permission, _handler in served.handlers.values())
        self.on_connect(socketio, namespace, needs=first, handler=served.connected, disconnected=served.disconnected)
        for event, (permission, handler) in served.handlers.items():
            self.on(socketio, event, namespace, needs=permission, handler=handler)

    def events(self, *socketios: SocketIO) -> list[tuple[str, Rule | None]]:
        """Every registered event of the servers known and given, with what it declared."""
        found: dict[str, Rule | None] = {}
        for socketio in {id(one): one for one in (*self._servers, *socketios)}.values():
            for event, handler, namespace in _handlers(socketio):
                rule = getattr(handler, RULE, None)
                found[f"{namespace} {event}"] = rule if isinstance(rule, Rule) else None
        return sorted(found.items())

    def _serve_nodes(self, socketio: SocketIO, namespace: str, nodes: Nodes) -> None:
        def connect(hello: Any = None) -> None:
            token = hello.get("token") if isinstance(hello, dict) else None
            name = hello.get("node") if isinstance(hello, dict) else None
            principal = self.authority.authenticate_node(
                token if isinstance(token, str) else "", name if isinstance(name, str) else ""
            )
            principal.require("nodes.connect")
            request.environ[f"{STASH}{namespace}"] = principal
            nodes.connected(_sid(), hello)
            _keep_open()

        rule = Rule(needs="nodes.connect")
        self._register(socketio, "connect", namespace, rule, _refusing(connect))
        self._on_disconnect(socketio, namespace, lambda: nodes.disconnected(_sid()))
        for event in NODE_EVENTS:
            self.on(socketio, event, namespace, needs="nodes.connect", handler=_telling(nodes, event))

    def _on_disconnect(self, socketio: SocketIO, namespace: str, handler: Callable[[], None]) -> None:
        def gone(*_reason: Any) -> None:
            handler()

        self._register(socketio, "disconnect", namespace, Rule(public="the end of a connection asks for nothing"), gone)

    def _register(
        self, socketio: SocketIO, event: str, namespace: str, rule: Rule, handler: Callable[..., Any]
    ) -> None:
        if rule.needs is not None and rule.needs not in GRANTS:
            raise ValueError(f"no such permission: {rule.needs}")
        setattr(handler, RULE, rule)
        socketio.on(event, namespace=namespace)(handler)
        if not any(one is socketio for one in self._servers):
            self._servers.append(socketio)

    def _socket_proof(self, hello: Any) -> Principal:
        token = hello.get("token") if isinstance(hello, dict) else None
        if token is not None:
            if not isinstance(token, str):
                raise Unauthenticated("unauthenticated")
            return self.authority.authenticate(token)
        if not is_own_origin(request, self.settings):
            raise Forbidden("forbidden", reason="cross origin", origin=request.headers.get("Origin"))
        return self.proved_by_cookie()

    def _socket_principal(self, namespace: str) -> Principal:
        principal = request.environ.get(f"{STASH}{namespace}")
        if not isinstance(principal, Principal) or not self.authority.still_valid(principal):
            raise Unauthenticated("unauthenticated")
        g.fenghuo_principal = principal
        return principal

    def _told(self, error: FenghuoError, event: str) -> dict[str, Any]:
        if not isinstance(error, Unavailable):
            logger.info("an event was refused", extra={"event": event, "code": error.code, "why": error.detail})
        return {"error": {"code": public_face(error)[0], "message": self.problems.sentence(error)}}


def _refusing(connect: Callable[..., None]) -> Callable[..., None]:
    """Turn every error of `connect` into a refused connection, with the code as its message."""

    def checked(*arguments: Any) -> None:
        try:
            connect(*arguments[:1])
        except FenghuoError as error:
            code = public_face(error)[0]
            logger.info("a connection was refused", extra={"code": code, "why": error.detail})
            raise ConnectionRefusedError(code, {"code": code}) from None
        except Exception:  # noqa: BLE001 - `survived` logs and counts it
            # Flask-SocketIO would call again without arguments on a TypeError; and no page learns of our mistakes.
            survived("event.connect")
            raise ConnectionRefusedError("internal", {"code": "internal"}) from None

    return checked


def _telling(nodes: Nodes, event: str) -> Handler:
    def tell(_principal: Principal, payload: dict[str, Any]) -> None:
        nodes.told(_sid(), event, payload)

    return tell


def _payload(arguments: tuple[Any, ...], max_bytes: int) -> dict[str, Any]:
    payload = arguments[0] if arguments else {}
    if len(arguments) > 1 or not isinstance(payload, dict):
        raise ProtocolError("bad_request")
    try:
        size = len(orjson.dumps(payload))
    except TypeError:
        # Binary parts, or numbers and texts that JSON does not know.
        raise ProtocolError("bad_request") from None
    if size > max_bytes:
        raise ProtocolError("bad_request", limit=max_bytes)
    return payload


def _handlers(socketio: SocketIO) -> list[tuple[str, Any, str]]:
    if socketio.server is None:
        return [(event, handler, namespace) for event, handler, namespace in socketio.handlers]
    functions = [
        (event, handler, namespace)
        for namespace, events in socketio.server.handlers.items()
        for event, handler in events.items()
    ]
    classes = [("*", handler, namespace) for namespace, handler in socketio.server.namespace_handlers.items()]
    return functions + classes


def _keep_open() -> None:
    """Tell the worker that the websocket is one of ours (fenghuo.connections): it closes those that open no namespace."""
    opened = getattr(request.environ.get("gunicorn.socket"), "opened", None)
    if opened is not None:
        opened()


def _sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]
