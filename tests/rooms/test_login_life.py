"""A stay that lasts longer than an access token, in real browsers: with tokens that live seconds, and web restarted after their life."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.rooms.consultation import Consultation, villages
from tests.serving import Served

LIFE_S = 6
SHORT = f"""
import auth.logins, auth.tokens
auth.tokens.ACCESS_S = auth.logins.ACCESS_S = {LIFE_S}
"""
"""What makes it short is put in front of each process of the platform: it is no setting, since nobody should have to choose it."""
LONG_MS = 60_000

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A running township whose access tokens live LIFE_S seconds."""
    first = tmp_path_factory.mktemp("short")
    (first / "sitecustomize.py").write_text(SHORT)
    root = Path(__file__).parents[2]
    with villages(tmp_path_factory.mktemp("life"), PYTHONPATH=f"{first}:{root}") as system:
        system.token_s = 0.0
        yield system


def outlive(page: Page) -> None:
    """Wait until the access token that the page was opened with is over."""
    page.wait_for_timeout((LIFE_S + 1) * 1000)


def restart_web(served: Served, *pages: Page) -> None:
    """End web, and wait until every page has noticed that and is connected again."""
    served.kill("web")
    for page in pages:
        expect(page.locator("#link")).not_to_have_attribute("data-link", "live", timeout=LONG_MS)
    for page in pages:
        expect(page.locator("#link")).to_have_attribute("data-link", "live", timeout=LONG_MS)


def test_a_stay_outlives_the_life_of_its_access_token(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    village, guest = consultation.come("lishuping"), consultation.come_by_link("赵技术员")
    outlive(village)
    restart_web(served, village, guest)
    # What the page asks by HTTP finds its login too.
    assert village.evaluate("fetch('/api/v1/rooms').then((answer) => answer.status)") == 200
    assert consultation.complaints == []


def test_a_page_whose_timers_slept_renews_when_it_is_refused_and_ends_when_the_login_is_over(
    served: Served, chromium: Browser
) -> None:
    consultation = Consultation(served, chromium)
    context = consultation.context()
    # A renewal on the timer never comes through; the one after a refusal does.
    page = consultation.come("lishuping", context)
    context.route("**/auth/refresh", lambda route: route.abort())
    outlive(page)
    context.unroute("**/auth/refresh")
    context.clear_cookies(name="fenghuo_access")
    restart_web(served, page)
    # Logged out elsewhere: now it is over, and the page says so.
    context.clear_cookies()
    served.kill("web")
    expect(page.locator("#over")).to_be_visible(timeout=LONG_MS)


def test_a_room_s_page_renews_before_it_asks_again_by_http(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    context = consultation.context()
    page = consultation.come("admin", context)
    context.clear_cookies(name="fenghuo_access")
    page.click('[data-action="people"]')
    with page.expect_response(lambda answer: answer.url.endswith("/lines") and answer.status == 200):
        pass
