"""A consultation as people have it: the real web process, the real media node, real Chromium pages with fake devices."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from auth.passwords import hash_password
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.settings import Settings
from tests.rooms.consultation import (
    VILLAGE_SITES,
    Consultation,
    present,
    sees,
    stats,
    until,
    until_hears,
    until_sees,
    villages,
)
from tests.serving import ADMIN, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]


def test_three_see_and_hear_each_other_and_a_guest_comes_and_goes_without_a_new_offer(
    served: Served, chromium: Browser
) -> None:
    consultation = Consultation(served, chromium)
    three = [consultation.come(name) for name in (ADMIN[0], *VILLAGE_SITES)]
    for page in three:
        until_sees(page, 2)
        until_hears(page, 2)
    guest = consultation.come_by_link("王医生")
    until_sees(guest, 3)
    for page in three:
        until_sees(page, 3)
    assert "王医生" in present(served, consultation.room)
    assert stats(guest)["negotiations"] == 1
    guest.click('[data-action="leave"]')
    expect(guest.locator("#over-reason")).to_have_text("您已离开会商。")
    for page in three:
        until_sees(page, 2)
        assert stats(page)["negotiations"] == 1
    assert "王医生" not in present(served, consultation.room)
    assert consultation.hosts == {"127.0.0.1"}
    assert consultation.complaints == []


def test_media_goes_on_while_web_is_killed_and_mute_survives(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    until_sees(village, 1)
    village.keyboard.press("m")
    muted = officer.locator(".tile:not(.tile--own) .tile__muted")
    expect(muted).to_be_visible(timeout=10_000)
    served.kill("web")
    expect(officer.locator("#link")).to_have_attribute("data-link", "signal_lost", timeout=15_000)
    assert sees(officer, 1)
    served.wait_ready()
    for page in (officer, village):
        expect(page.locator("#link")).to_have_attribute("data-link", "live", timeout=30_000)
        assert stats(page)["negotiations"] == 1
    until_sees(officer, 1)
    until_sees(village, 1)
    expect(muted).to_be_visible()
    until(lambda: len(present(served, consultation.room)) == 2 and all(present(served, consultation.room).values()))


def test_everybody_is_back_by_themselves_after_the_media_node_was_killed(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    until_sees(village, 1)
    served.kill("media")
    until(lambda: stats(officer)["negotiations"] > 1 and stats(village)["negotiations"] > 1, 60)
    until_sees(officer, 1)
    until_sees(village, 1)
    until(lambda: all(present(served, consultation.room).values()))
    assert len(present(served, consultation.room)) == 2
    assert officer.locator(".tile").count() == 2


def seen_height(page: Page) -> int:
    """Lines of the shared screen as it is decoded."""
    return max((slot["frameHeight"] for slot in stats(page)["slots"] if slot["kind"] == "screen"), default=0)


def test_a_shared_screen_is_seen_and_stands_in_the_middle(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    until_sees(officer, 1)
    village.keyboard.press("s")
    until(lambda: officer.locator('.tile[data-kind="screen"][data-picture="true"]').count() == 1)
    screen = officer.locator('.tile[data-kind="screen"]').bounding_box()
    camera = officer.locator('.tile[data-kind="camera"]').first.bounding_box()
    assert screen is not None and camera is not None
    assert screen["width"] > 2 * camera["width"]
    # As text: as sharp as the screen is, whatever happens to the frame rate.
    shared = village.evaluate("() => screen.height * devicePixelRatio")
    until(lambda: seen_height(officer) >= min(shared, 1080))
    village.keyboard.press("s")
    expect(officer.locator('.tile[data-kind="screen"]')).to_have_count(0, timeout=15_000)
    assert stats(officer)["negotiations"] == stats(village)["negotiations"] == 1


def test_who_has_no_camera_and_no_microphone_still_sees_and_hears(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    context = consultation.context()
    context.add_init_script(
        "if (navigator.mediaDevices) navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('refused', 'NotAllowedError'))"
    )
    village = consultation.come(VILLAGE_SITES[0], context)
    until_sees(village, 1)
    until_hears(village, 1)
    expect(village.locator('.controls [data-action="mute"]')).to_be_disabled()
    expect(officer.locator(".tile:not(.tile--own) .tile__muted")).to_be_visible(timeout=10_000)
    assert consultation.complaints == []


def test_a_link_that_another_browser_has_used_is_refused_in_plain_words(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    _, link = served.call("POST", f"/api/v1/rooms/{consultation.room}/links", {"name": "张主任", "role": "listener"})
    first, second = consultation.context().new_page(), consultation.context().new_page()
    first.goto(link["url"])
    first.wait_for_url(consultation.url)
    expect(first.locator("#prejoin-name")).to_have_text("张主任")
    second.goto(link["url"])
    expect(second.locator("#over-reason")).to_contain_text("另一台设备", timeout=10_000)
    first.goto(link["url"])
    first.wait_for_url(consultation.url)
    expect(first.locator('[data-action="join"]')).to_be_enabled()


def test_a_leader_is_a_host_and_may_choose_to_watch_only(served: Served, chromium: Browser) -> None:
    database = Database(Settings(home=served.home).database)
    with database.writing() as session:
        create_person(
            session,
            SystemClock(),
            SYSTEM,
            name="leader",
            password_hash=hash_password(ADMIN[1]),
            role=Role.LEADER,
            display_name="镇长",
        )
    database.close()
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    context = consultation.context()
    context.request.post(f"{served.url}/login", form={"name": "leader", "password": ADMIN[1]}, max_redirects=0)
    leader = context.new_page()
    leader.goto(consultation.url)
    expect(leader.locator("#choose-camera")).to_be_visible()
    leader.locator("label", has=leader.locator("#choose-watch")).click()
    expect(leader.locator("#choose-camera")).to_be_hidden()
    expect(leader.locator("#own-preview")).to_be_hidden()
    consultation.join(leader)
    until_sees(leader, 1)
    until_hears(leader, 1)
    expect(leader.locator("#listens")).to_have_text("旁听")
    for control in ("mute", "camera", "screen"):
        expect(leader.locator(f'.controls [data-action="{control}"]')).to_be_hidden()
    assert leader.locator(".tile").count() == officer.locator(".tile").count() == 1
    officer.keyboard.press("p")
    expect(officer.locator("#people-list")).to_contain_text("旁听")
    leader.reload()
    consultation.join(leader)
    until_hears(officer, 1)
    leader.keyboard.press("p")
    expect(leader.locator("#mute-all")).to_be_visible()
    officer.keyboard.press("p")


def test_nobody_sees_a_room_without_a_login_or_a_link(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    page = consultation.context().new_page()
    page.goto(consultation.url)
    assert urlsplit(page.url).path == "/login"


def test_a_page_with_sixteen_places_makes_an_offer_that_the_node_takes(
    chromium: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """All that a browser knows of codecs would make it larger than 64 KiB."""
    with villages(tmp_path_factory.mktemp("sixteen"), FENGHUO_VIDEO_SLOTS="16") as large:
        page = Consultation(large, chromium).come(ADMIN[0])
        assert sum(slot["slot"].startswith("v") for slot in stats(page)["slots"]) == 16
