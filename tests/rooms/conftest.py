"""A served web process with people, a room and a scripted node; and a whole running township with a browser for who tests with those."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation.clock import ManualClock, SystemClock
from foundation.database import Database
from foundation.settings import Settings
from tests.browser import ARGUMENTS, playwright
from tests.rooms.consultation import VILLAGE_SITES
from tests.rooms.harness import Page, RoomWeb, ScriptedNode
from tests.serving import ADMIN, Served, build_township


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


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running township with a person in each of two villages."""
    system = Served(tmp_path_factory.mktemp("consultation") / "home")
    build_township(system.home)
    system.create_admin()
    database = Database(Settings(home=system.home).database)
    with database.writing() as session:
        for site in VILLAGE_SITES:
            create_person(
                session,
                SystemClock(),
                SYSTEM,
                name=site,
                password=ADMIN[1],
                role=Role.VILLAGE,
                display_name=f"{site} 值守",
                site_id=site,
            )
    database.close()
    system.start()
    yield system
    system.stop()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    """One Chromium; each participant gets a profile of their own in it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    arguments = [
        *ARGUMENTS,
        "--use-fake-device-for-media-stream=fps=10",
        "--auto-select-desktop-capture-source=Entire screen",
    ]
    with playwright() as running:
        browser = running.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()
