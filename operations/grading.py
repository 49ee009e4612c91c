"""Grading (分级): the level that the law suggests for an accident from its casualties and losses; the officer decides."""

from dataclasses import dataclass

from foundation.errors import UserError
from operations.incidents import Level


@dataclass(frozen=True)
class Threshold:
    """From these figures on an accident is of `level` at least; each figure alone suffices. The loss is in yuan."""

    level: Level
    deaths: int
    injuries: int
    loss: int


# Regulation on work-safety accidents (国务院令第493号) article 3: “以上” includes the figure, “以下” excludes it.
THRESHOLDS: tuple[Threshold, ...] = (
    Threshold(Level.I, deaths=30, injuries=100, loss=100_000_000),
    Threshold(Level.II, deaths=10, injuries=50, loss=50_000_000),
    Threshold(Level.III, deaths=3, injuries=10, loss=10_000_000),
)
"""Worst first; what reaches none of them is Ⅳ. Pages get this table and apply it as `suggested_level` does."""


def suggested_level(deaths: int = 0, injuries: int = 0, loss: float = 0) -> Level:
    """The level that the figures suggest: `deaths` and serious `injuries` in persons, direct `loss` in yuan.

    UserError("bad_amount") for a negative or unreal figure.
    """
    # Written so that NaN is refused too.
    if not (0 <= deaths <= 1e9 and 0 <= injuries <= 1e9 and 0 <= loss <= 1e15):
        raise UserError("bad_amount")
    for threshold in THRESHOLDS:
        if deaths >= threshold.deaths or injuries >= threshold.injuries or loss >= threshold.loss:
            return threshold.level
    return Level.IV
