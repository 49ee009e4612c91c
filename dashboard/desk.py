"""The duty desk: a Dash page without callbacks; its modules keep it live from the feed and write through the HTTP API.

One way in for people and programs: what an officer enters takes the same road, with the same checks, as what another system sends. The page makes
the ids, so a double click or a retry is once. Its controls are the browser's own, because the keyboard, the draft and the screen
reader then work without a line of ours in between.
"""

from dataclasses import asdict
from typing import Any, Literal

from dash import Dash, html
from flask import Flask, Response, request

from auth.permissions import GRANTS
from auth.principal import Principal
from dashboard.cookies import theme
from dashboard.dash_page import DashPage
from dashboard.gate import Gate
from dashboard.messages import Lang, catalogue
from dashboard.pairing import APPROVE_PATH
from dashboard.signedin import signed_in_tags
from foundation.settings import Settings
from operations.grading import THRESHOLDS

PREFIX = "/desk/"
ROOMS = "/rooms/"
CSS = ("tokens", "fonts", "base", "desk")


def create_desk(server: Flask, gate: Gate, settings: Settings) -> Dash:
    """Mount the desk at /desk/ on `server`, for whoever may `desk.use`."""
    app = _DeskApp(gate, settings, server)
    app.layout = lambda: _layout(gate.language())
    gate.mount(PREFIX, needs="desk.use", dash_app=app)

    @server.after_request
    def remember_language(response: Response) -> Response:
        if request.path == PREFIX and request.args.get("lang") in ("zh", "en"):
            gate.cookies.speak(response, gate.language())
        return response

    return app


class _DeskApp(DashPage):
    """The desk: what the reader may do, in the reader's language and theme."""

    def __init__(self, gate: Gate, settings: Settings, server: Flask) -> None:
        super().__init__("desk", server, settings, CSS, lambda: signed_in_tags(gate.principal(), gate.language()))
        self._gate = gate
        self._settings = settings

    def page_language(self) -> Lang:
        return self._gate.language()

    def page_theme(self) -> Literal["dark", "light"]:
        return theme()

    def page_content(self, lang: Lang) -> dict[str, Any]:
        return page_config(self._settings, self._gate.principal(), lang)


def page_config(settings: Settings, principal: Principal, lang: Lang) -> dict[str, Any]:
    """What the page's modules need. `may` holds the reader's permissions: true for every site, false for their own only.

    It decides what is shown, nothing else: each request is checked where it arrives.
    """
    return {
        "lang": lang,
        "timezone": settings.timezone,
        "messages": {**catalogue(lang, "desk"), **_units(lang)},
        "me": {"id": principal.id, "name": principal.name, "role": principal.role.value, "site": principal.site_id},
        "may": {name: principal.may(name, None) for name in GRANTS if principal.may(name)},
        "confirm_h": settings.confirm_hours,
        "grading": [asdict(threshold) for threshold in THRESHOLDS],
        "rooms": ROOMS,
        "approve": APPROVE_PATH,
    }


def _units(lang: Lang) -> dict[str, str]:
    """The units that the wall's catalogue translates, as the desk's own texts."""
    texts = catalogue(lang, "wall").items()
    return {f"desk.{key.removeprefix('wall.')}": text for key, text in texts if key.startswith("wall.unit.")}


def _layout(lang: Lang) -> html.Div:
    """The skeleton; the page's modules fill it. No Dash callback ever draws it again."""
    t = catalogue(lang, "desk")

    def panel(name: str, *children: Any, heading: str | None = None) -> html.Section:
        title = [html.H2(t[heading], className="panel__title", id=f"heading-{name}")] if heading else []
        labelled: dict[str, Any] = {"aria-labelledby": f"heading-{name}"} if heading else {}
        return html.Section(
            [*title, *children], id=f"panel-{name}", className=f"panel desk-panel desk-{name}", **labelled
        )

    hooks: dict[str, Any] = {"data-banner": "disconnected", "role": "alert"}
    banner = html.Div(
        [html.Strong(t["desk.banner.title"]), html.Span(id="desk-banner-text")],
        id="desk-banner",
        className="banner banner--danger desk-banner",
        hidden=True,
        **hooks,
    )
    alert: dict[str, Any] = {"role": "alert"}
    # Its time counts on every second, which nobody wants read out.
    silent: dict[str, Any] = {"role": "status", "aria-live": "off"}
    trouble = html.Div(id="desk-trouble", className="banner banner--warning desk-banner", hidden=True, **silent)
    login = html.Div(
        [html.Span(t["desk.login.over"]), html.A(t["desk.login.again"], href=f"/login?next={PREFIX}")],
        id="desk-login",
        className="banner banner--warning desk-banner",
        hidden=True,
        **alert,
    )
    columns = html.Main(
        [
            html.Div(
                [
                    panel("intake", html.Div(id="desk-intake"), heading="desk.intake.heading"),
                    panel("shift", html.Div(id="desk-shift"), heading="desk.duty.heading"),
                ],
                className="desk-column desk-column--intake",
            ),
            html.Div(
                [
                    panel("list", html.Div(id="desk-incidents"), heading="desk.list.heading"),
                    panel("detail", html.Div(id="desk-detail"), heading="desk.detail.heading"),
                ],
                className="desk-column desk-column--incidents",
            ),
            html.Div(
                [
                    panel(
                        "tabs",
                        html.Div(id="desk-tabs", className="tabs"),
                        html.Div(id="desk-rooms", className="tab-panel"),
                        html.Div(id="desk-tasks", className="tab-panel", hidden=True),
                        html.Div(id="desk-resources", className="tab-panel", hidden=True),
                        html.Div(id="desk-walls", className="tab-panel", hidden=True),
                    ),
                    panel("log", html.Div(id="desk-journal"), heading="desk.journal.heading"),
                ],
                className="desk-column desk-column--side",
            ),
        ],
        className="desk-columns",
    )
    status: dict[str, Any] = {"role": "status"}
    return html.Div(
        [
            html.Header(id="desk-head", className="desk-head"),
            banner,
            login,
            trouble,
            columns,
            html.Div(id="desk-said", className="desk-said", **status),
        ],
        id="desk",
        className="desk",
    )
