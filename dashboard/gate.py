"""The gate: nothing of the web process answers anybody unless it says which permission it needs, or why it is public.

A view says so with `@gate.needs("incident.create")` or `@gate.public("why")`, written below the route decorator; a Dash app by its path
(`gate.mount`) and each of its callbacks (`gate.callback_needs`); a Socket.IO event where it is registered (`dashboard.sockets`).
A route that says nothing is refused, and `gate.inventory()` lists all of them for a test.
"""

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Literal

from dash import Dash, _callback
from flask import Blueprint, Flask, g, has_request_context, request
from flask.typing import ResponseReturnValue
from flask_socketio import SocketIO
from werkzeug.http import parse_cookie

from auth.authority import Authority
from auth.permissions import GRANTS, Permission
from auth.principal import Principal
from auth.refusals import refuse
from dashboard.body_limit import require_small_body
from dashboard.cookies import PROOFS, Cookies, theme
from dashboard.messages import Lang
from dashboard.origins import require_same_origin
from dashboard.problems import Problems
from dashboard.signedin import signed_in_tags
from dashboard.sockets import RULE, Rule, Sockets, ruled
from foundation.errors import Forbidden, Unauthenticated
from foundation.secrets import secret
from foundation.settings import Settings

BEARER = "bearer "
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""They change nothing (RFC 9110 section 9.2.1)."""

logger = logging.getLogger(__name__)

Before = Callable[[], ResponseReturnValue | None]
View = Callable[..., Any]


@dataclass(frozen=True)
class Mount:
    """A path prefix under which a Dash app answers. `before` may answer first (a redirect), or leave it to the rule by giving None."""

    prefix: str
    rule: Rule
    before: Before | None
    dash_app: Dash | None


@dataclass(frozen=True)
class Entry:
    """One way into the web process, and what it declared."""

    kind: Literal["route", "callback", "event"]
    name: str
    rule: Rule | None


class Gate(Sockets):
    """The one gate of a Flask application. Make it before any blueprint is registered."""

    def __init__(self, app: Flask, authority: Authority, settings: Settings) -> None:
        super().__init__(authority, settings)
        self.cookies = Cookies(settings)
        self._app = app
        self._mounts: list[Mount] = []
        self._secrets: dict[str, str] = {}
        self._endpoints = {"static": Rule(public="the pages' own files hold no data")}
        # Only for its templates, which error pages need wherever the application's own are.
        app.register_blueprint(Blueprint("gate", __name__, template_folder="templates"))
        app.before_request(self._check)
        app.context_processor(
            lambda: {
                "signed_in": lambda: signed_in_tags(self.principal_or_none(), self.language()),
                "theme": theme(),
            }
        )
        self.problems = Problems(app, self.language)

    # --- declaring

    def needs(self, permission: Permission, or_secret: str | None = None) -> Callable[[View], View]:
        """The view answers only whoever holds `permission` (at some site: the floors below check which).

        With `or_secret` also a program that shows `<home>/secrets/<or_secret>` as its bearer token: it opens this view and nothing else.
        """
        if permission not in GRANTS:
            raise ValueError(f"no such permission: {permission}")
        if or_secret is not None:
            self._secrets[or_secret] = secret(self.settings.home, or_secret)
        return ruled(Rule(needs=permission, secret=or_secret))

    def public(self, why: str) -> Callable[[View], View]:
        """The view answers everybody, for the reason given."""
        if not why:
            raise ValueError("a public view needs a reason")
        return ruled(Rule(public=why))

    def callback_needs(self, permission: Permission) -> Callable[[View], View]:
        """The Dash callback runs only for whoever holds `permission`; written below `@app.callback`."""

        def decorate(callback: View) -> View:
            @wraps(callback)
            def checked(*args: Any, **kwargs: Any) -> Any:
                self.principal().require(permission)
                return callback(*args, **kwargs)

            setattr(checked, RULE, Rule(needs=permission))
            return checked

        return decorate

    def mount(
        self, prefix: str, *, needs: Permission, before: Before | None = None, dash_app: Dash | None = None
    ) -> None:
        """Everything under the path `prefix` that declares nothing itself needs `needs`. With `dash_app` its callbacks are in the inventory."""
        if not (prefix.startswith("/") and prefix.endswith("/")) or prefix == "/":
            raise ValueError(f"a mount is a path with a slash at both ends: {prefix}")
        known = next((mount for mount in self._mounts if mount.prefix == prefix), None)
        if known is not None:
            # A page may be mounted where its door is (before) and where it is made (dash_app).
            self._mounts.remove(known)
            if known.rule.needs != needs:
                raise ValueError(f"{prefix} was mounted with {known.rule.needs}")
            before, dash_app = before or known.before, dash_app or known.dash_app
        self._mounts.append(Mount(prefix, Rule(needs=needs), before, dash_app))
        self._mounts.sort(key=lambda mount: -len(mount.prefix))

    # --- asking

    def principal(self) -> Principal:
        """Who makes this request, or whose event it is. Raises Unauthenticated when nobody proved anything, or the proof is bad."""
        known: Principal | None = g.get("fenghuo_principal")
        if known is None:
            known = self._prove()
            g.fenghuo_principal = known
        return known

    def principal_or_none(self) -> Principal | None:
        """Who makes this request, or None; a bad proof counts as none. For pages that answer everybody."""
        try:
            return self.principal()
        except Unauthenticated:
            return None

    def still_valid(self, principal: Principal) -> bool:
        """Whether a living connection's right still holds; cheap to ask often."""
        return self.authority.still_valid(principal)

    def proven(self, cookie: str, authorization: str) -> bool:
        """Whether these two headers of a request prove somebody; asks no database, and is thus no permission."""
        tokens = [_bearer_of(authorization)] if authorization else []
        if cookie:
            jar = parse_cookie(cookie)
            tokens += [jar[name] for name in PROOFS if name in jar]
        return any(self.authority.recognizes(token) for token in tokens if token)

    def inventory(self, *socketios: SocketIO) -> list[Entry]:
        """Every Flask route, Dash callback and Socket.IO event (of this gate's and the given servers) with what it declared, None for nothing."""
        entries = [
            Entry("route", f"{rule.rule} ({rule.endpoint})", self._rule_of(rule.endpoint, rule.rule)[0])
            for rule in self._app.url_map.iter_rules()
        ]
        for app in self._dash_apps():
            prefix = app.config.routes_pathname_prefix
            entries += [
                Entry("callback", f"{prefix} {name}", _callback_rule(callback)) for name, callback in _callbacks(app)
            ]
        entries += [Entry("event", name, rule) for name, rule in self.events(*socketios)]
        return sorted(entries, key=lambda entry: (entry.kind, entry.name))

    def ways(self, prefix: str) -> list[tuple[str, str, Rule | None]]:
        """Method, path and declared rule of every route below the path `prefix`."""
        return sorted(
            (
                (method, rule.rule, self._rule_of(rule.endpoint, rule.rule)[0])
                for rule in self._app.url_map.iter_rules()
                for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
                if rule.rule.startswith(f"{prefix}/")
            ),
            key=lambda way: way[:2],
        )

    def undeclared(self, *socketios: SocketIO) -> list[Entry]:
        """The entries of the inventory that declare nothing: must be none."""
        return [entry for entry in self.inventory(*socketios) if entry.rule is None]

    # --- checking

    def _dash_apps(self) -> list[Dash]:
        """Every Dash app of the application, mounted here or not: some of its views are its own methods."""
        mounted = [mount.dash_app for mount in self._mounts if mount.dash_app is not None]
        owners = [getattr(view, "__self__", None) for view in self._app.view_functions.values()]
        found = {id(app): app for app in (*mounted, *owners) if isinstance(app, Dash)}
        return list(found.values())

    def _check(self) -> ResponseReturnValue | None:
        if request.url_rule is None:
            # Nothing here: Flask says 404, 405, or adds the slash.
            return None
        require_same_origin(request, self.settings)
        rule, before = self._rule_of(request.endpoint or "", request.path)
        if before is not None:
            answer = before()
            if answer is not None:
                return answer
        if rule is None:
            logger.error("a route declares no permission", extra={"endpoint": request.endpoint, "path": request.path})
            raise Forbidden("forbidden", reason="undeclared", endpoint=request.endpoint)
        if rule.needs is not None and not self._shows(rule.secret):
            self.principal().require(rule.needs)
        elif rule.public is not None:
            require_small_body(request)
        return None

    def _shows(self, name: str | None) -> bool:
        """Whether the request shows the secret called `name` as its bearer token."""
        shown = _bearer()
        if name is None or not shown:  # a secret whose file was emptied opens nothing
            return False
        return hmac.compare_digest(shown.encode("utf-8", "surrogatepass"), self._secrets[name].encode())

    def _rule_of(self, endpoint: str, path: str) -> tuple[Rule | None, Before | None]:
        view = self._app.view_functions.get(endpoint)
        declared = getattr(view, RULE, None) or self._endpoints.get(endpoint)
        if isinstance(declared, Rule):
            return declared, None
        for mount in self._mounts:
            if path.startswith(mount.prefix):
                return mount.rule, mount.before
        return None, None

    def _prove(self) -> Principal:
        if "Authorization" in request.headers:
            token = _bearer()
            if not token:
                raise Unauthenticated("unauthenticated")
            return self._accepted(token)
        return self.proved_by_cookie()

    def _accepted(self, token: str) -> Principal:
        """Return who shows the token. Before a change the database is asked whether the right still holds. Raises Unauthenticated."""
        principal = self.authority.authenticate(token)
        if request.method not in SAFE_METHODS and not self.authority.still_valid(principal):
            raise refuse("access", "taken away", principal=principal.id)
        return principal

    def proved_by_cookie(self) -> Principal:
        """Who the browser is by its cookies: a person before a guest before a wall. Raises Unauthenticated."""
        for name in PROOFS:
            token = request.cookies.get(name)
            if token:
                try:
                    return self._accepted(token)
                except Unauthenticated:
                    continue
        raise Unauthenticated("unauthenticated")

    def language(self) -> Lang:
        """The language to answer in: what the address asks for, what the reader chose before, or the settings'."""
        if not has_request_context():
            # Dash asks for a page's layout once while it is made.
            return self.settings.lang
        for asked in (request.args.get("lang"), request.cookies.get("fenghuo_lang")):
            if asked == "zh":
                return "zh"
            if asked == "en":
                return "en"
        return self.settings.lang


def _bearer() -> str:
    """The request's bearer token (RFC 6750 section 2.1); empty when it shows none."""
    return _bearer_of(request.headers.get("Authorization", ""))


def _bearer_of(header: str) -> str:
    return header[len(BEARER) :].strip() if header[: len(BEARER)].lower() == BEARER else ""


def _callbacks(app: Dash) -> list[tuple[str, dict[str, Any]]]:
    # Dash moves callbacks of the module-level decorator into the app at its first request; both places count.
    return [*app.callback_map.items(), *_callback.GLOBAL_CALLBACK_MAP.items()]


def _callback_rule(callback: dict[str, Any]) -> Rule | None:
    function = callback.get("callback")
    if function is None:
        return Rule(public="runs in the browser only")
    rule = getattr(function, RULE, None)
    return rule if isinstance(rule, Rule) else None
