"""What the wall shows from 3.5, 5 and 8 metres, in a real browser: nothing is cut, nothing lies on anything else."""

from collections.abc import Iterator

import pytest

from tests.browser import chromium, playwright
from tests.wall.screens import FAULTS, Screens

HD = (1920, 1080)
UHD = (3840, 2160)


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Screens]:
    """The wall's page, served once."""
    with Screens.of(tmp_path_factory.mktemp("screens")) as served:
        yield served


@pytest.mark.parametrize(
    ("size", "distance_m", "scenario", "lang"),
    [
        (UHD, 3.5, "many_incidents", "zh"),
        (HD, 3.5, "flood", "en"),
        (HD, 5, "huge", "zh"),
        (HD, 5, "all_lost", "en"),
        (HD, 5, "long_names", "zh"),
        (HD, 8, "all_lost", "zh"),
    ],
)
def test_no_text_is_cut_or_lies_on_another(
    screens: Screens, size: tuple[int, int], distance_m: float, scenario: str, lang: str
) -> None:
    faults: dict[str, list[str]] = {}
    with playwright() as running, chromium(running, *size) as browser:
        page = browser.page()
        for name in screens.tour(page, scenario, f"lang={lang}&distance={distance_m}"):
            if found := page.evaluate(FAULTS):
                faults[name] = found
    assert not faults
    assert not browser.complaints
