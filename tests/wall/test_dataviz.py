"""Data to pictures: sizes, gaps, marks and gauges."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dataviz.downsample import downsample, with_gaps
from dataviz.hydrograph import Mark, hydrograph
from dataviz.screen import share_of_diagonal
from dataviz.theme import level_colour, read_tokens, template

TOKENS_CSS = (Path(__file__).parents[2] / "dashboard/assets/css/tokens.css").read_text(encoding="utf-8")
TOKENS = read_tokens(TOKENS_CSS)
HOUR = 3_600_000


def frame(values: list[float], step: str = "1h") -> pd.DataFrame:
    return pd.DataFrame({"at": pd.date_range("2018-08-19", periods=len(values), freq=step, tz="UTC"), "value": values})


@pytest.mark.parametrize(("distance_m", "arcmin", "pixels"), [(5, 16, 37), (5, 20, 46), (8, 16, 59), (8, 20, 73)])
def test_text_on_a_55_inch_panel_has_the_published_sizes(distance_m: float, arcmin: float, pixels: int) -> None:
    assert share_of_diagonal(55, distance_m, arcmin) * np.hypot(1920, 1080) == pytest.approx(pixels, abs=0.7)


def test_a_screen_without_size_is_refused() -> None:
    with pytest.raises(ValueError):
        share_of_diagonal(0, 3, 20)


def test_light_tokens_override_dark_ones_and_share_the_rest() -> None:
    light = read_tokens(TOKENS_CSS, "light")
    assert light["ground"] != TOKENS["ground"]
    assert light["space-4"] == TOKENS["space-4"]
    assert (TOKENS["weight"], light["weight"]) == ("500", "400")


def test_both_themes_have_every_colour_of_a_figure() -> None:
    for theme in ("dark", "light"):
        tokens = read_tokens(TOKENS_CSS, theme)
        assert template(tokens).layout.font.color == tokens["text"]
        assert len({level_colour(tokens, level) for level in (1, 2, 3, 4)}) == 4
    with pytest.raises(ValueError):
        level_colour(TOKENS, 5)


def test_labels_are_readable_on_every_ground() -> None:
    for theme in ("dark", "light"):
        tokens = read_tokens(TOKENS_CSS, theme)
        for ground in ("ground", "surface", "surface-raised"):
            for text in ("text", "text-label", "text-quiet"):
                assert contrast(tokens[text], tokens[ground]) >= 4.5, (theme, text, ground)


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 relative contrast of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_a_gap_is_drawn_as_a_gap() -> None:
    at = np.array([0, 1, 2, 10, 11], np.int64) * HOUR
    times, values = with_gaps(at, np.arange(5.0), 2 * HOUR)
    assert np.isnan(values).tolist() == [False, False, False, True, False, False]
    assert times[3] == 6 * HOUR


def test_downsampling_keeps_the_peak_and_the_gaps() -> None:
    at = np.arange(10_000, dtype=np.int64) * 1000
    at[6000:] += HOUR
    value = np.sin(np.arange(10_000) / 500)
    value[1234] = 17.0
    times, values = downsample(at, value, 400, 60_000)
    assert np.nanmax(values) == 17.0
    assert np.isnan(values).sum() == 1
    assert len(times) <= 410
    assert (np.diff(times) > 0).all()


def test_a_series_of_nothing_but_missing_values_is_empty() -> None:
    times, _ = downsample(np.arange(10, dtype=np.int64), np.full(10, np.nan), 3, 5)
    assert times.size == 0


def test_times_that_run_backwards_are_refused() -> None:
    with pytest.raises(ValueError):
        with_gaps(np.array([2, 1], np.int64), np.array([1.0, 2.0]), 5)


def test_a_hydrograph_shows_its_marks_and_local_time() -> None:
    marks = [Mark("alert", 12.5, "警戒"), Mark("guarantee", 14.0, "保证")]
    figure = hydrograph(frame([11, 12, 13]), marks, TOKENS, unit="m", gap=pd.Timedelta("3h"), timezone="Asia/Shanghai")
    assert [shape.y0 for shape in figure.layout.shapes] == [12.5, 14.0]
    assert figure.layout.annotations[0].text == "警戒 12.5"
    assert pd.Timestamp(figure.data[0].x[0]).hour == 8
    assert figure.data[0].connectgaps is False


def test_late_and_repeated_rows_end_up_in_order_once() -> None:
    rows = frame([1, 2, 3]).iloc[[2, 0, 1, 1]].reset_index(drop=True)
    rows.loc[3, "value"] = 9.0
    figure = hydrograph(rows, [], TOKENS, unit="m", gap=pd.Timedelta("3h"), timezone="UTC")
    assert list(figure.data[0].y) == [1, 9, 3]


def test_an_empty_river_is_an_empty_picture() -> None:
    figure = hydrograph(frame([]), [], TOKENS, unit="m", gap=pd.Timedelta("1h"), timezone="UTC")
    assert len(figure.data[0].x) == 0


def test_naive_times_are_refused() -> None:
    rows = frame([1.0])
    rows["at"] = rows["at"].dt.tz_localize(None)
    with pytest.raises(ValueError):
        hydrograph(rows, [], TOKENS, unit="m", gap=pd.Timedelta("1h"), timezone="UTC")
