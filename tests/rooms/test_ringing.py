"""A site is rung on its pages, in real browsers: on a phone's start page, on a page that opens meanwhile, and on none."""

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.rooms.consultation import Consultation
from tests.serving import ADMIN, Served

PHONE = {"width": 390, "height": 844}
SOON_MS = 30_000

pytestmark = [pytest.mark.browser, pytest.mark.slow]


def somebody(consultation: Consultation, name: str) -> BrowserContext:
    """A browser in which somebody is logged in, with a phone's screen."""
    context = consultation.context(viewport=PHONE, has_touch=True, is_mobile=True)
    answer = context.request.post(
        f"{consultation.served.url}/login", form={"name": name, "password": ADMIN[1]}, max_redirects=0
    )
    assert answer.status == 303
    return context


def opened(context: BrowserContext, url: str) -> Page:
    """A page that is connected: it rings, or says why it could not."""
    page = context.new_page()
    page.goto(url)
    expect(page.locator("dialog.ring")).to_be_attached()
    return page


def ring(host: Page, site: str) -> None:
    """The host rings the site, by the roll call."""
    if not host.locator("#tab-calls").is_visible():
        host.click('[data-action="calls"]')
    host.locator(f'#calls-list [data-site="{site}"] button').click()


def line_of(host: Page, site: str) -> str:
    return f'#calls-list [data-site="{site}"]'


def test_a_ring_on_a_phone_s_start_page_is_joined_with_one_tap(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    host = consultation.come("admin")
    context = somebody(consultation, "lishuping")
    start, field = opened(context, f"{served.url}/"), opened(context, f"{served.url}/field")
    for page in (start, field):
        page.locator("h1").first.click()
    ring(host, "lishuping")
    for page in (start, field):
        expect(page.locator("dialog.ring")).to_be_visible(timeout=SOON_MS)
        expect(page.locator("dialog.ring")).to_contain_text("防汛会商")
    expect(host.locator(line_of(host, "lishuping"))).to_have_attribute("data-why", "ringing")
    start.locator("[data-ring=join]").tap()
    start.wait_for_url(consultation.url)
    expect(start.locator("#link")).to_have_attribute("data-link", "live", timeout=60_000)
    expect(host.locator(line_of(host, "lishuping"))).to_have_attribute("data-state", "present")
    expect(field.locator("dialog.ring")).to_be_hidden()
    # The page that joined does not join once more by itself.
    start.reload()
    expect(start.locator("#join")).to_be_enabled()
    assert consultation.complaints == []


def test_a_ring_reaches_a_page_that_opens_meanwhile_and_is_declined(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    host = consultation.come("admin")
    ring(host, "zhongzhai")
    line = host.locator(line_of(host, "zhongzhai"))
    expect(line).to_have_attribute("data-why", "unheard", timeout=SOON_MS)
    expect(host.locator("#notice")).to_contain_text("没有屏幕在线")
    page = opened(somebody(consultation, "zhongzhai"), f"{served.url}/")
    expect(page.locator("dialog.ring")).to_be_visible(timeout=SOON_MS)
    expect(line).to_have_attribute("data-why", "ringing")
    # Silenced, it stays at the edge of the page, where it can still be answered.
    page.keyboard.press("Escape")
    expect(page.locator("dialog.ring")).to_be_hidden()
    expect(page.locator(".ring-bar")).to_contain_text("防汛会商")
    page.locator(".ring-bar").get_by_role("button", name="不参加").click()
    expect(page.locator(".ring-bar")).not_to_contain_text("防汛会商", timeout=SOON_MS)
    expect(line).to_have_attribute("data-why", "declined", timeout=SOON_MS)
    assert consultation.complaints == []
