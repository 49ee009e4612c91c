"""The level that an accident's figures suggest (domain rule: 30/100/¥100 m, 10/50/¥50 m, 3/10/¥10 m)."""

import pytest

from foundation.errors import UserError
from operations.grading import suggested_level
from operations.incidents import Level

MILLION = 1_000_000


@pytest.mark.parametrize(
    ("deaths", "injuries", "loss", "level"),
    [
        (0, 0, 0, Level.IV),
        (2, 9, 10 * MILLION - 1, Level.IV),
        (3, 0, 0, Level.III),
        (0, 10, 0, Level.III),
        (0, 0, 10 * MILLION, Level.III),
        (9, 49, 50 * MILLION - 1, Level.III),
        (10, 0, 0, Level.II),
        (0, 50, 0, Level.II),
        (0, 0, 50 * MILLION, Level.II),
        (29, 99, 100 * MILLION - 1, Level.II),
        (30, 0, 0, Level.I),
        (0, 100, 0, Level.I),
        (0, 0, 100 * MILLION, Level.I),
        (1, 120, 0, Level.I),
    ],
)
def test_the_worst_single_figure_decides_the_level(deaths: int, injuries: int, loss: int, level: Level) -> None:
    assert suggested_level(deaths, injuries, loss) is level


@pytest.mark.parametrize("figures", [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (0, 0, float("nan")), (0, 0, float("inf"))])
def test_an_unreal_figure_is_refused(figures: tuple[int, int, float]) -> None:
    with pytest.raises(UserError):
        suggested_level(*figures)
