"""A running township, and a browser with the desk open in it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page

from auth.passwords import hash_password
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.settings import Settings
from tests.browser import Watched, chromium, playwright
from tests.serving import ADMIN, Served, running_township


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running township of the module's own: one test kills its web process."""
    with running_township(tmp_path_factory.mktemp("desk")) as system:
        yield system


@pytest.fixture
def watched() -> Iterator[Watched]:
    """A Chromium of the test's own, as large as a common desk screen."""
    with playwright() as running, chromium(running, 1366, 768) as browser:
        yield browser


@pytest.fixture
def desk(served: Served, watched: Watched) -> Page:
    """The desk, as the administrator sees it after logging in by keyboard."""
    page = watched.page()
    page.goto(f"{served.url}/desk/")
    page.wait_for_url("**/login**")
    page.keyboard.type(ADMIN[0])
    page.keyboard.press("Tab")
    page.keyboard.type(ADMIN[1])
    page.keyboard.press("Enter")
    page.wait_for_selector("#desk[data-ready]")
    page.wait_for_selector("[data-part=feed][data-state=up]")
    return page


@pytest.fixture(scope="module")
def village(served: Served) -> str:
    """The login name of a village's liaison; the password is the name three times."""
    name = "lishuping"
    database = Database(Settings(home=served.home).database)
    with database.writing() as session:
        create_person(
            session,
            SystemClock(),
            SYSTEM,
            name=name,
            password_hash=hash_password(name * 3),
            role=Role.VILLAGE,
            display_name="梨树坪联络员",
            site_id="lishuping",
        )
    database.close()
    return name
