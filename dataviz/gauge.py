"""The geometry of gauges: where a bar ends, where a mark stands, how an arc is drawn; numbers only, no colours."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Coverage:
    """What is there against what is needed."""

    share: float
    """Filled part of the bar, 0…1; the bar's end is the larger of `have` and `need`."""
    need_at: float
    """Place of the mark of the need on the same bar, 0…1."""
    missing: float
    """How much is missing, in the unit of the stock; never negative."""


def coverage(have: float, need: float) -> Coverage:
    """A bar of `have` with a mark at `need`. Raises ValueError for negative or non-finite numbers."""
    if not (math.isfinite(have) and math.isfinite(need)) or have < 0 or need < 0:
        raise ValueError("a stock is a finite number, not below zero")
    end = max(have, need)
    if end == 0:
        return Coverage(share=0.0, need_at=1.0, missing=0.0)
    return Coverage(share=have / end, need_at=need / end, missing=max(0.0, need - have))


def position(value: float, low: float, high: float) -> float:
    """Where `value` stands on a scale from `low` to `high`, 0…1, held at the ends. Raises ValueError for an empty scale."""
    if not high > low:
        raise ValueError("a scale needs a length")
    return min(1.0, max(0.0, (value - low) / (high - low)))


def arc(x: float, y: float, radius: float, start_deg: float, end_deg: float) -> str:
    """An SVG path of the arc around (x, y) from `start_deg` clockwise to `end_deg`; 0° is up (SVG 2 section 9.3.8).

    Raises ValueError for an arc of more than a whole turn, less than nothing, or a radius that is not positive.
    """
    sweep = end_deg - start_deg
    if not 0 <= sweep < 360 or radius <= 0:
        raise ValueError("an arc needs a radius and less than a whole turn")

    def point(degrees: float) -> str:
        angle = math.radians(degrees)
        return f"{x + radius * math.sin(angle):.2f} {y - radius * math.cos(angle):.2f}"

    return f"M {point(start_deg)} A {radius:g} {radius:g} 0 {int(sweep > 180)} 1 {point(end_deg)}"
