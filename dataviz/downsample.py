"""Fewer points that draw the same line, with its gaps kept as gaps."""

import numpy as np
import numpy.typing as npt
from tsdownsample import MinMaxLTTBDownsampler

LEAST_POINTS = 4
"""Points that each unbroken stretch keeps, however short its share."""

Times = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


def with_gaps(at_ms: Times, value: Values, gap_ms: int) -> tuple[Times, Values]:
    """The series with a NaN inserted wherever two neighbours are more than `gap_ms` apart, so that no line is drawn across.

    `at_ms` is ascending epoch milliseconds. Raises ValueError when the lengths differ or the times run backwards.
    """
    _check(at_ms, value)
    breaks = np.flatnonzero(np.diff(at_ms) > gap_ms) + 1
    if breaks.size == 0:
        return at_ms, value
    middles = (at_ms[breaks - 1] + at_ms[breaks]) // 2
    return np.insert(at_ms, breaks, middles), np.insert(value, breaks, np.nan)


def downsample(at_ms: Times, value: Values, points: int, gap_ms: int) -> tuple[Times, Values]:
    """At most about `points` points of the series (MinMaxLTTB, Van Der Donckt et al. 2023), extremes kept, NaN where there is a gap.

    A gap is a NaN value or a distance of more than `gap_ms`. Each unbroken stretch gets points by its length, at least `LEAST_POINTS`.
    Raises ValueError as `with_gaps` does, and for fewer than three points.
    """
    if points < 3:
        raise ValueError("a line needs at least three points")
    _check(at_ms, value)
    if at_ms.size <= points:
        return with_gaps(at_ms, value, gap_ms)
    broken = np.isnan(value)
    edges = np.flatnonzero((np.diff(at_ms) > gap_ms) | broken[1:] | broken[:-1]) + 1
    times: list[Times] = []
    values: list[Values] = []
    for part_at, part in zip(np.split(at_ms, edges), np.split(value, edges), strict=True):
        if np.isnan(part).any():
            continue
        keep = _choose(part_at, part, max(LEAST_POINTS, points * part.size // value.size))
        if times:
            times.append(np.array([(times[-1][-1] + part_at[0]) // 2], dtype=np.int64))
            values.append(np.array([np.nan]))
        times.append(part_at[keep])
        values.append(part[keep])
    if not times:
        return np.empty(0, np.int64), np.empty(0, np.float64)
    return np.concatenate(times), np.concatenate(values)


def _choose(at_ms: Times, value: Values, points: int) -> npt.NDArray[np.int64]:
    if value.size <= points:
        return np.arange(value.size, dtype=np.int64)
    downsampler = MinMaxLTTBDownsampler()  # type: ignore[no-untyped-call]
    chosen = downsampler.downsample(at_ms, value, n_out=points)
    return np.asarray(chosen, dtype=np.int64)


def _check(at_ms: Times, value: Values) -> None:
    if at_ms.shape != value.shape or at_ms.ndim != 1:
        raise ValueError("times and values must be two columns of one length")
    if at_ms.size > 1 and bool((np.diff(at_ms) < 0).any()):
        raise ValueError("times run backwards")
