"""The field page and the first page on a phone, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from auth.passwords import hash_password
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.settings import Settings
from tests.browser import Watched, chromium, playwright
from tests.serving import Served

PHONE = (390, 844)
BACK_MS = 30_000
NAME, PASSWORD = "zhou", "a good long password"

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module", autouse=True)
def person(served: Served) -> None:
    """Somebody of the mobile unit's kind: in the field, at one site."""
    database = Database(Settings(home=served.home).database)
    with database.writing() as session:
        create_person(
            session,
            SystemClock(),
            SYSTEM,
            name=NAME,
            password_hash=hash_password(PASSWORD),
            role=Role.FIELD,
            display_name="周队",
            site_id="bizhai",
        )
    database.close()


@pytest.fixture
def phone() -> Iterator[Watched]:
    """A Chromium of the test's own, as large as a phone."""
    with playwright() as running, chromium(running, *PHONE) as browser:
        yield browser


@pytest.fixture
def first_page(served: Served, phone: Watched) -> Page:
    """The first page, as somebody in the field sees it."""
    page = phone.page()
    page.goto(f"{served.url}/login?next=/")
    page.fill("#name", NAME)
    page.fill("#password", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served.url}/")
    return page


def test_the_first_page_shows_each_person_only_what_they_may_open(served: Served, first_page: Page) -> None:
    status, room = served.call("POST", "/api/v1/rooms", {"title": "防汛会商"})
    assert status == 201
    first_page.reload()
    expect(first_page.locator("a[href='/desk/'], a[href='/people'], a[href='/desk/walls/approve']")).to_have_count(0)
    expect(first_page.locator("#chooser-rooms")).to_contain_text("防汛会商")
    expect(first_page.locator(f"a[href='/rooms/{room['id']}']")).to_be_visible()
    links = first_page.eval_on_selector_all("a[href^='/']:not([href*='lang='])", "all => all.map(a => a.href)")
    assert all(first_page.request.get(link).status == 200 for link in links), links


def test_a_page_that_may_not_be_opened_says_why_and_where_to_go(served: Served, first_page: Page) -> None:
    answer = first_page.goto(f"{served.url}/desk/")
    assert answer is not None and answer.status == 403
    expect(first_page.locator("main")).to_contain_text("周队（现场人员）")
    first_page.get_by_role("link", name="首页").click()
    expect(first_page.locator("a[href='/field']")).to_be_visible()


def test_a_report_from_the_field_waits_for_the_network_and_arrives_once(
    served: Served, phone: Watched, first_page: Page
) -> None:
    first_page.click("a[href='/field']")
    first_page.get_by_role("button", name="报送").click()
    expect(first_page.locator("[data-report=error]")).to_be_visible()
    first_page.route("**/api/v1/incidents", lambda route: route.abort())
    first_page.fill("#title", "三组后山\n滑坡")
    first_page.check("[name=class][value=natural]")
    first_page.check("[name=level][value='3']")
    first_page.fill("#place", "桥头")
    first_page.get_by_role("button", name="报送").click()
    expect(first_page.locator("[data-report=waiting] [data-state=server]")).to_contain_text("三组后山 滑坡")
    first_page.reload()
    expect(first_page.locator("[data-report=waiting]")).to_contain_text("三组后山 滑坡")
    first_page.unroute("**/api/v1/incidents")
    expect(first_page.locator("[data-report=known]")).to_contain_text("三组后山 滑坡", timeout=BACK_MS)
    expect(first_page.locator("[data-report=waiting] li")).to_have_count(0)
    _, found = served.call("GET", "/api/v1/incidents")
    (known,) = [incident for incident in found if incident["title"] == "三组后山 滑坡"]
    assert (known["site"], known["place"], known["class"]) == ("bizhai", "桥头", "natural")
    assert first_page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert phone.strangers() == set()
