"""The picture of a river: level or flow over time, with its marks (警戒, 保证) drawn and its gaps left open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dataviz.downsample import downsample
from dataviz.theme import level_colour, template

MarkKind = Literal["alert", "guarantee", "limit", "design", "check"]

MARK_COLOUR: dict[MarkKind, int] = {"limit": 3, "alert": 2, "design": 2, "guarantee": 1, "check": 1}
"""Which of the four warning colours a mark is drawn in; it says how bad, and is no level of an incident."""

POINTS = 1200
"""Points drawn at most: about two for each pixel column of a wide chart."""


@dataclass(frozen=True)
class Mark:
    """A height that has a name."""

    kind: MarkKind
    value: float
    name: str


def hydrograph(
    readings: pd.DataFrame,
    marks: Sequence[Mark],
    tokens: Mapping[str, str],
    *,
    unit: str,
    gap: pd.Timedelta,
    timezone: str,
    text_px: float = 16.0,
    points: int = POINTS,
) -> go.Figure:
    """A figure of one series: columns `at` (aware times) and `value` (in `unit`), in any order, repeats allowed (the last one holds).

    A distance of more than `gap`, and every missing value, is an open gap. Times are shown in `timezone`. An empty frame gives an empty
    picture with its marks. Raises ValueError for naive times, KeyError for a missing column or token.
    """
    at, value = _columns(readings)
    at, value = downsample(at, value, points, int(gap.total_seconds() * 1000))
    local = pd.to_datetime(at, unit="ms", utc=True).tz_convert(timezone).tz_localize(None)
    figure = go.Figure(
        go.Scatter(
            x=local,
            y=value,
            mode="lines",
            line={"color": tokens["data-water"], "width": text_px / 8, "shape": "linear"},
            connectgaps=False,
        ),
        layout={"template": template(tokens, text_px), "uirevision": "keep"},
    )
    figure.update_yaxes(title={"text": unit})
    for mark in marks:
        draw_mark(figure, mark, tokens, text_px)
    return figure


def draw_mark(figure: go.Figure, mark: Mark, tokens: Mapping[str, str], text_px: float) -> None:
    """Draw one mark across the picture, named and numbered at its right end, and widen the picture so that it is inside."""
    colour = level_colour(tokens, MARK_COLOUR[mark.kind])
    figure.add_shape(
        type="line",
        xref="paper",
        x0=0,
        x1=1,
        y0=mark.value,
        y1=mark.value,
        line={"color": colour, "width": text_px / 12, "dash": "dash"},
    )
    figure.add_annotation(
        text=f"{mark.name} {mark.value:g}",
        xref="paper",
        x=1,
        xanchor="right",
        y=mark.value,
        yanchor="bottom",
        showarrow=False,
        font={"color": colour, "size": text_px},
    )


def _columns(
    readings: pd.DataFrame,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    frame = readings[["at", "value"]]
    if frame.empty:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    times = pd.DatetimeIndex(frame["at"])
    if times.tz is None:
        raise ValueError("times without a time zone")
    series = pd.Series(frame["value"].to_numpy(np.float64), index=times.tz_convert(None).as_unit("ms").asi8)
    series = series[~series.index.duplicated(keep="last")].sort_index()
    return series.index.to_numpy(np.int64), series.to_numpy(np.float64)
