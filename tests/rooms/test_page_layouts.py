"""Layouts of the page: chosen by key and menu, remembered, and in a command room nothing but pictures until somebody moves."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.rooms.consultation import VILLAGE_SITES, Consultation, until_sees
from tests.serving import ADMIN, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]

SIZES = ((1920, 1080), (1366, 768), (1280, 800), (800, 1280), (390, 844))


def outside(page: Page) -> list[str]:
    """What does not fit: tiles and controls beyond the window's edges, and a page that scrolls."""
    told: list[str] = page.evaluate(
        """() => {
          const found = [];
          if (document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight) found.push("scrolls");
          for (const one of document.querySelectorAll(".tile, .controls button, .room__head > *")) {
            const box = one.getBoundingClientRect();
            const beyond = box.left < 0 || box.top < 0 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1;
            if (box.width > 0 && beyond) found.push(one.className || one.id);
          }
          return found;
        }"""
    )
    return told


def test_everything_fits_on_every_screen_in_every_layout(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    for layout in ("grid", "speaker", "command"):
        expect(officer.locator("body")).to_have_attribute("data-layout", layout)
        for width, height in SIZES:
            officer.set_viewport_size({"width": width, "height": height})
            officer.wait_for_timeout(200)
            assert outside(officer) == [], (layout, width, height)
        officer.keyboard.press("l")


def test_the_layout_is_remembered_and_a_pinned_picture_is_large(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    officer.click('[data-action="layout"]')
    officer.click('#layouts [data-layout="speaker"]')
    expect(officer.locator('.tile[data-large="true"]')).to_have_count(1)
    officer.reload()
    consultation.join(officer)
    expect(officer.locator("body")).to_have_attribute("data-layout", "speaker")
    officer.keyboard.press("l")
    officer.keyboard.press("l")
    expect(officer.locator('.tile[data-large="true"]')).to_have_count(0)
    own = officer.locator(".tile--own")
    own.locator(".tile__pin").focus()
    officer.keyboard.press("Enter")
    expect(own).to_have_attribute("data-large", "true")
    expect(own.locator(".tile__pin")).to_have_attribute("aria-pressed", "true")
    until_sees(village, 1)


def test_a_command_room_shows_controls_only_when_the_mouse_moves(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    officer.keyboard.press("l")
    officer.keyboard.press("l")
    controls = officer.locator(".controls")
    expect(controls).to_be_visible()
    expect(controls).to_be_hidden(timeout=10_000)
    officer.mouse.move(400, 300)
    expect(controls).to_be_visible()


def test_every_control_has_a_name(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    officer.keyboard.press("p")
    nameless = officer.evaluate(
        """() => [...document.querySelectorAll("#room button, #room input, #room select, #room textarea")]
          .filter((one) => one.offsetParent !== null && !(one.innerText || "").trim() && !one.getAttribute("aria-label"))
          .filter((one) => !one.labels?.length && !one.querySelector("[aria-label]"))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
