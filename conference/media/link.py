"""The connection to web that the node dials itself (docs/room-protocol.md): commands in, news and load out; dialled again for ever."""

import asyncio
import logging
import secrets
import ssl
from collections.abc import Callable, Coroutine
from importlib import metadata
from typing import Any, Protocol

import aiohttp
import socketio

from foundation.errors import FenghuoError, ProtocolError
from foundation.loops import survived

NAMESPACE = "/nodes"
LOAD_EVERY_S = 2.0
DIAL_AGAIN_S = 0.25
DIAL_AGAIN_MAX_S = 1.0

log = logging.getLogger(__name__)

Handler = Callable[[dict[str, Any]], Coroutine[Any, Any, dict[str, Any]]]


class Commanded(Protocol):
    """What web commands over this connection (conference.media.node)."""

    news: asyncio.Queue[tuple[str, dict[str, Any]]]
    """What web is to be told: event and payload."""

    def commands(self) -> dict[str, Handler]:
        """Event name to handler."""

    def announce(self) -> None:
        """Web is (again) there."""

    def load(self) -> dict[str, Any]:
        """The `load` event."""


def guarded(handler: Handler) -> Callable[[object], Coroutine[Any, Any, dict[str, Any]]]:
    """A command as Socket.IO calls it: every answer is an object, errors are `{"error": {"code", "message"}}`."""

    async def handle(request: object = None) -> dict[str, Any]:
        try:
            if not isinstance(request, dict):
                raise ProtocolError("bad_request", reason="not an object")
            return await handler(request)
        except FenghuoError as error:
            message = str(error.detail.get("reason", error.code))
            return {"error": {"code": error.code, "message": message}}
        except Exception:  # noqa: BLE001 - web gets an answer at once instead of waiting for it in vain
            survived("media.command")
            return {"error": {"code": "internal", "message": "an internal error"}}

    return handle


class Link:
    """The connection to web: dialled until `ending` is set, commands in, news and load out."""

    def __init__(
        self, node: Commanded, web_url: str, token: str, node_id: str, trust: Callable[[], ssl.SSLContext]
    ) -> None:
        """`trust` says what a connection by https believes; asked for each, since certificates are renewed."""
        self._node = node
        self._web_url = web_url
        self._trust = trust
        self.ending = False
        run = secrets.token_hex(8)
        self._auth = {"token": token, "kind": "media", "node": node_id, "version": _version(), "run": run}

    async def run(self) -> None:
        """Stay connected until cancelled; a lost web is dialled again after 0.25 s, doubling up to 1 s."""
        pause = DIAL_AGAIN_S
        while not self.ending:
            try:
                if await self._try(pause):
                    pause = DIAL_AGAIN_S
            except Exception:  # noqa: BLE001 - a node that dials no more is lost to web until somebody restarts it
                survived("media.link")
            await asyncio.sleep(pause * (0.75 + 0.5 * secrets.randbelow(1000) / 1000))
            pause = min(pause * 2, DIAL_AGAIN_MAX_S)

    async def _try(self, pause: float) -> bool:
        try:
            # An HTTP session of our own: Socket.IO's client leaves its own open after each attempt that fails.
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=self._trust())) as http:
                return await self._dial(http, pause)
        except OSError as error:
            log.error("what web's https should be believed by cannot be read", extra={"reason": str(error)[:200]})
            return False

    async def _dial(self, http: aiohttp.ClientSession, pause: float) -> bool:
        """One connection from beginning to end; returns whether it came about."""
        client = socketio.AsyncClient(reconnection=False, handle_sigint=False, http_session=http)
        for event, handler in self._node.commands().items():
            client.on(event, guarded(handler), namespace=NAMESPACE)
        try:
            await client.connect(
                self._web_url,
                auth=self._auth,
                # So that web knows us before the websocket opens: strangers have few threads.
                headers={"Authorization": f"Bearer {self._auth['token']}"},
                namespaces=[NAMESPACE],
                transports=["websocket"],
                wait_timeout=5,
            )
            log.info("connected to web")
            await self._serve(client)
            log.warning("web is away; media goes on")
            return True
        except (socketio.exceptions.SocketIOError, aiohttp.ClientError, OSError, TimeoutError) as error:
            log.info("web does not answer", extra={"reason": str(error)[:200], "again_in_s": pause})
            return False
        finally:
            await client.shutdown()

    async def _serve(self, client: Any) -> None:
        self._node.announce()
        senders = [asyncio.create_task(self._send_news(client)), asyncio.create_task(self._send_load(client))]
        try:
            await client.wait()
        finally:
            for sender in senders:
                sender.cancel()
            await asyncio.gather(*senders, return_exceptions=True)

    async def _send_news(self, client: Any) -> None:
        while True:
            event, payload = await self._node.news.get()
            try:
                await client.emit(event, payload, namespace=NAMESPACE)
            except socketio.exceptions.SocketIOError:
                return  # the connection has ended: the next one tells what lives
            except Exception:  # noqa: BLE001 - the next piece of news is sent all the same
                survived("media.news")

    async def _send_load(self, client: Any) -> None:
        while True:
            try:
                await client.emit("load", self._node.load(), namespace=NAMESPACE)
            except socketio.exceptions.SocketIOError:
                return
            except Exception:  # noqa: BLE001 - a node whose load is not told counts as hung
                survived("media.load")
            await asyncio.sleep(LOAD_EVERY_S)


def _version() -> str:
    try:
        return metadata.version("fenghuo")
    except metadata.PackageNotFoundError:
        return "unknown"
