"""Running systems, shared by the tests that do not break them."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Playwright

from tests.browser import Watched, chromium, playwright
from tests.serving import Served, running_township


@pytest.fixture(scope="module")
def running_playwright() -> Iterator[Playwright]:
    """Playwright: while it runs, its loop keeps asyncio.run from working in this thread."""
    with playwright() as running:
        yield running


@pytest.fixture
def browser(running_playwright: Playwright) -> Iterator[Watched]:
    """A Chromium of the test's own."""
    with chromium(running_playwright) as watched:
        yield watched


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running township that tests use but do not break."""
    with running_township(tmp_path_factory.mktemp("served")) as system:
        yield system


@pytest.fixture(scope="module")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running township of the module's own, to be killed: each test leaves it running."""
    with running_township(tmp_path_factory.mktemp("breakable")) as system:
        yield system
