"""The big screen: a Dash page without callbacks whose modules keep it live from the feed."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from dash import Dash, dcc, html
from flask import Flask, has_request_context, request

from dashboard.dash_page import DashPage
from dashboard.messages import Lang, catalogue
from dataviz.hydrograph import MARK_COLOUR, hydrograph
from dataviz.screen import LEAST_ARCMIN, TARGET_ARCMIN, share_of_diagonal
from dataviz.theme import read_tokens
from foundation.settings import Settings

PREFIX = "/wall/"
SCENES = ("overview", "sensors", "resources", "duty")
SCENE_S = 25
"""How long each scene stays. One screen can have its own, by its address (docs/administrator.md)."""
HOLD_S = 120
"""How long an incident of level Ⅰ or Ⅱ holds the screen; /wall/?hold=300 for one screen."""
MAP_URL = "/api/v1/map.geojson"
CSS = ("tokens", "fonts", "base", "wall")
TOKENS = Path(__file__).parent / "assets" / "css" / "tokens.css"


@dataclass(frozen=True)
class Timing:
    """How the scenes change, in seconds."""

    scene_s: int = SCENE_S
    hold_s: int = HOLD_S


def create_wall(
    server: Flask, settings: Settings, timing: Timing | None = None, signed_in: Callable[[], str] = str
) -> Dash:
    """Mount the wall at /wall/ on `server`; who may open it is decided in front of it (dashboard.gate)."""
    app = _WallApp(settings, timing or Timing(), server, signed_in)
    app.layout = _layout(settings)
    return app


class _WallApp(DashPage):
    """The wall: always dark, with the screen geometry that the address asks for."""

    def __init__(self, settings: Settings, timing: Timing, server: Flask, signed_in: Callable[[], str]) -> None:
        super().__init__("wall", server, settings, CSS, signed_in)
        self._settings = settings
        self._timing = timing

    def page_language(self) -> Lang:
        return page_language(self._settings)

    def page_theme(self) -> Literal["dark", "light"]:
        return "dark"

    def page_content(self, lang: Lang) -> dict[str, Any]:
        return page_config(self._settings, self._timing, lang)


def page_language(settings: Settings) -> Lang:
    """The language that the address asks for (?lang=en), otherwise that of the installation."""
    asked = request.args.get("lang") if has_request_context() else None
    if asked == "en":
        return "en"
    return "zh" if asked == "zh" else settings.lang


def page_config(settings: Settings, timing: Timing, lang: Lang) -> dict[str, Any]:
    """What the page's modules need: language and texts, time zone, text sizes as shares of the diagonal, scenes and their times."""
    tokens = read_tokens(TOKENS.read_text(encoding="utf-8"))
    diagonal = _asked("diagonal", settings.wall_diagonal_in, 5, 400)
    distance = _asked("distance", settings.wall_distance_m, 0.3, 60)
    return {
        "lang": lang,
        "timezone": settings.timezone,
        "messages": catalogue(lang, "wall"),
        "text": {
            "target": share_of_diagonal(diagonal, distance, TARGET_ARCMIN),
            "least": share_of_diagonal(diagonal, distance, LEAST_ARCMIN),
        },
        "scenes": list(SCENES),
        "scene_s": timing.scene_s,
        "hold_s": timing.hold_s,
        "confirm_h": settings.confirm_hours,
        "map": MAP_URL,
        "colours": {kind: tokens[f"level-{rank}"] for kind, rank in MARK_COLOUR.items()},
    }


def _asked(name: str, standard: float, low: float, high: float) -> float:
    """A number of the address (one screen may differ from the others), if it is one and within reason."""
    value = request.args.get(name, type=float) if has_request_context() else None
    return value if value is not None and low < value <= high else standard


def _layout(settings: Settings) -> html.Div:
    """The skeleton of all scenes; the page's modules fill it. No Dash callback ever draws it again."""
    tokens = read_tokens(TOKENS.read_text(encoding="utf-8"))
    empty = pd.DataFrame({"at": pd.to_datetime([], utc=True), "value": pd.Series([], dtype=float)})
    figure = hydrograph(empty, [], tokens, unit="", gap=pd.Timedelta("1h"), timezone=settings.timezone)
    graph = dcc.Graph(figure=figure, config={"staticPlot": True, "displayModeBar": False}, className="river-graph")

    def scene(name: str, *children: Any) -> html.Section:
        return html.Section(children, id=f"scene-{name}", className=f"scene scene-{name}")

    def box(name: str, class_name: str = "stack") -> html.Div:
        return html.Div(id=name, className=class_name)

    header = html.Header(
        [
            html.Div([html.Span(id="clock"), html.Span(id="clock-note")], className="head-clock"),
            html.Div([html.H1(id="township"), html.Span(id="mode", className="mode")], className="head-place"),
            html.Div(id="duty-now", className="head-duty"),
            html.Div(id="links", className="head-links"),
        ],
        className="wall-head",
    )
    hooks: dict[str, Any] = {"data-banner": "disconnected", "role": "alert"}
    banner = html.Div(
        [html.Strong(id="banner-title"), html.Span(id="banner-text")],
        id="banner",
        className="wall-banner",
        hidden=True,
        **hooks,
    )
    scenes = html.Main(
        [
            scene("overview", box("overview-left"), box("overview-map"), box("overview-right")),
            scene(
                "sensors",
                box("sensors-chart"),
                html.Div(
                    [box("sensors-river", "part"), box("sensors-reservoir", "part")], className="stack sensors-water"
                ),
                box("sensors-ground"),
                html.Div(
                    [box("sensors-rain", "part"), box("sensors-weather", "part")], className="stack sensors-right"
                ),
            ),
            scene("resources", box("resources-grid", "thirds")),
            scene("duty", box("duty-people"), box("duty-rooms")),
            scene("incident", box("incident-head"), box("incident-log"), box("incident-map"), box("incident-right")),
        ],
        className="scenes",
    )
    footer = html.Footer([box("ticker", "ticker"), box("scenes", "scene-bar")], className="wall-foot")
    return html.Div(
        [
            header,
            banner,
            html.Div(id="trouble", className="wall-trouble", hidden=True, role="status"),
            html.Div(id="alarms", className="wall-alarms", hidden=True, role="status"),
            scenes,
            footer,
            html.Div(graph, id="river-figure"),
        ],
        className="wall",
    )
