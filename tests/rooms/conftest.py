"""A served web process with people, a room and a scripted node; and a whole running township with a browser for who tests with those."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from foundation.clock import ManualClock
from foundation.database import Database
from foundation.settings import Settings
from tests.browser import playwright
from tests.rooms.consultation import browser, villages
from tests.rooms.harness import Page, RoomWeb, ScriptedNode
from tests.serving import Served


@pytest.fixture
def web(settings: Settings, database: Database, clock: ManualClock) -> Iterator[RoomWeb]:
    """The rooms' web process; its clock stands still."""
    served = RoomWeb(settings, database, clock)
    served.people()
    yield served
    served.stop()


@pytest.fixture
def node(web: RoomWeb) -> Iterator[ScriptedNode]:
    """A media node that has dialled in."""
    scripted = ScriptedNode(web)
    yield scripted
    scripted.close()


@pytest.fixture
def room(web: RoomWeb) -> str:
    """An open room."""
    return web.open_room()


@pytest.fixture
def officer(web: RoomWeb) -> Iterator[Page]:
    """The officer's page, connected."""
    page = Page(web, web.token("officer"))
    yield page
    page.close()


@pytest.fixture
def village(web: RoomWeb) -> Iterator[Page]:
    """A village's page, connected."""
    page = Page(web, web.token("lishuping"))
    yield page
    page.close()


@pytest.fixture(scope="package")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running township with a person in each of two villages; every test opens a room of its own in it."""
    with villages(tmp_path_factory.mktemp("consultation")) as system:
        yield system


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """One Chromium; each participant gets a profile of their own in it."""
    with playwright() as running, browser(running) as one:
        yield one
