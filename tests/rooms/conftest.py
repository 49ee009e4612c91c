"""A served web process with people, a room and a scripted node."""

from collections.abc import Iterator

import pytest

from foundation.clock import ManualClock
from foundation.database import Database
from foundation.settings import Settings
from tests.rooms.harness import Page, RoomWeb, ScriptedNode


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
