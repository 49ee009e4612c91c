"""How a room is led, as people see it: hand, floor, chat, ringing, roll call, minutes, lobby, lock, and being asked to unmute."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect

from tests.rooms.consultation import VILLAGE_SITES, Consultation, stats, until_hears, until_sees
from tests.serving import ADMIN, Served

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]


def test_a_raised_hand_is_seen_and_a_host_lowers_it(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    village.keyboard.press("h")
    expect(officer.locator(".tile:not(.tile--own) .tile__hand")).to_be_visible(timeout=10_000)
    officer.keyboard.press("p")
    officer.locator('#people-list [data-key^="lower/"]').click()
    expect(officer.locator(".tile:not(.tile--own) .tile__hand")).to_be_hidden(timeout=10_000)
    expect(village.locator('.controls [data-action="hand"]')).to_have_attribute("aria-pressed", "false")


def test_with_one_floor_a_held_key_speaks_and_nobody_else_does(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    until_hears(officer, 1)
    officer.keyboard.press("p")
    officer.locator("label", has=officer.locator("#rule-floor")).click()
    for page in (officer, village):
        expect(page.locator(".tile--own .tile__muted")).to_be_visible(timeout=10_000)
        expect(page.locator('.controls [data-action="talk"]')).to_be_visible()
    village.keyboard.down(" ")
    expect(officer.locator("#floor")).to_contain_text("正在发言", timeout=10_000)
    expect(officer.locator(".tile:not(.tile--own) .tile__floor")).to_be_visible()
    officer.locator("#title").click()
    officer.keyboard.down(" ")
    expect(officer.locator("#notice")).to_contain_text("别人正在发言", timeout=10_000)
    officer.keyboard.up(" ")
    village.keyboard.up(" ")
    expect(officer.locator("#floor")).to_contain_text("无人发言", timeout=10_000)
    expect(village.locator(".tile--own .tile__muted")).to_be_visible()
    box = village.locator('.controls [data-action="talk"]').bounding_box()
    assert box is not None
    village.mouse.move(box["x"] + 20, box["y"] + 20)
    village.mouse.down()
    expect(village.locator(".tile--own .tile__floor")).to_be_visible(timeout=10_000)
    village.mouse.up()
    expect(village.locator(".tile--own .tile__floor")).to_be_hidden(timeout=10_000)


def test_on_a_tablet_and_in_the_command_room_one_speaks_by_holding_the_button(
    served: Served, chromium: Browser
) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    tablet = consultation.come(VILLAGE_SITES[0], consultation.context(has_touch=True))
    talk = tablet.locator('.controls [data-action="talk"]')
    expect(talk).to_be_visible()
    expect(tablet.locator(".tile--own .tile__muted")).to_be_visible()
    box = talk.bounding_box()
    assert box is not None
    tablet.mouse.move(box["x"] + 20, box["y"] + 20)
    tablet.mouse.down()
    expect(officer.locator(".tile:not(.tile--own) .tile__muted")).to_be_hidden(timeout=10_000)
    until_hears(officer, 1)
    tablet.mouse.up()
    expect(officer.locator(".tile:not(.tile--own) .tile__muted")).to_be_visible(timeout=10_000)
    expect(tablet.locator("#notice")).to_be_hidden()
    tablet.click('[data-action="settings"]')
    tablet.locator("label", has=tablet.locator("#use-hold")).click()
    tablet.click('[data-action="settings-close"]')
    expect(talk).to_be_hidden()
    big = consultation.context()
    big.add_init_script("localStorage.setItem('fenghuo-room-layout', 'command')")
    wall = consultation.come(VILLAGE_SITES[1], big)
    expect(wall.locator('.controls [data-action="talk"]')).to_be_visible()


def test_chat_is_text_and_is_there_for_who_comes_later(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    village.keyboard.press("c")
    village.fill("#chat-text", "<img src=x onerror=alert(1)> 水位 3.2 米")
    village.keyboard.press("Enter")
    expect(officer.locator('.controls [data-action="chat"] .control__flag')).to_have_text("1", timeout=10_000)
    officer.keyboard.press("c")
    expect(officer.locator("#chat-log .chat__text")).to_have_text("<img src=x onerror=alert(1)> 水位 3.2 米")
    assert officer.locator("#chat-log img").count() == 0
    expect(officer.locator('.controls [data-action="chat"] .control__flag')).to_be_hidden()
    late = consultation.come(VILLAGE_SITES[1])
    late.keyboard.press("c")
    expect(late.locator("#chat-log .chat__text")).to_contain_text("水位 3.2 米")
    assert consultation.complaints == []


def test_a_missing_site_is_named_rung_and_called(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    consultation.come(VILLAGE_SITES[0])
    expect(officer.locator("#present")).to_contain_text("到 1 / 应到 2", timeout=15_000)
    officer.keyboard.press("r")
    missing = officer.locator(f'#calls-list [data-site="{VILLAGE_SITES[1]}"]')
    expect(missing).to_contain_text("未到")
    missing.locator("button").click()
    expect(missing).to_contain_text("正在呼叫", timeout=10_000)
    officer.click("#call")
    expect(officer.locator("#notice")).to_contain_text("已记入日志")
    consultation.come(VILLAGE_SITES[1])
    expect(officer.locator("#present")).to_contain_text("全部到齐", timeout=15_000)


def test_a_decision_stands_in_the_minutes_of_all(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    # A laptop that was set up elsewhere: what counts is the township's zone.
    officer = consultation.come(ADMIN[0], consultation.context(timezone_id="America/New_York"))
    village = consultation.come(VILLAGE_SITES[0])
    officer.click('.controls [data-action="minutes"]')
    officer.fill("#minute-text", "低洼处 12 户 20 时前转移")
    officer.fill("#minute-due", "昨天 8:00")
    officer.click("#minutes-form button")
    assert officer.locator("#minute-due").evaluate("(field) => field.validity.customError")
    officer.fill("#minute-due", "明天 8:00")
    expect(officer.locator("#minute-due-read")).to_contain_text("08:00")
    officer.fill("#minute-who", "王支书")
    officer.click("#minutes-form button")
    village.click('.controls [data-action="minutes"]')
    expect(village.locator("#minutes-list")).to_contain_text("低洼处 12 户", timeout=10_000)
    expect(village.locator("#minutes-list")).to_contain_text("责任单位：王支书")
    _, tasks = served.call("GET", "/api/v1/tasks")
    [task] = [task for task in tasks if task["text"] == "低洼处 12 户 20 时前转移"]
    assert (task["who"], task["status"]) == ("王支书", "ordered")
    due = datetime.fromtimestamp(task["due"] / 1000, ZoneInfo("Asia/Shanghai"))
    assert (due.hour, due.minute) == (8, 0)
    expect(village.locator("#minutes-list")).to_contain_text("08:00")
    expect(village.locator("#minutes-form")).to_be_hidden()


def test_a_guest_waits_until_a_host_admits_them(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    officer.keyboard.press("p")
    officer.locator("label", has=officer.locator("#rule-lobby")).click()
    _, link = served.call("POST", f"/api/v1/rooms/{consultation.room}/links", {"name": "王医生", "role": "speaker"})
    guest = consultation.context().new_page()
    guest.goto(link["url"])
    guest.wait_for_url(consultation.url)
    guest.click('[data-action="join"]')
    expect(guest.locator("#lobby")).to_be_visible(timeout=10_000)
    expect(officer.locator('.controls [data-action="people"] .control__flag')).to_have_text("1", timeout=10_000)
    officer.get_by_role("button", name="允许 王医生 进入").click()
    expect(guest.locator("#link")).to_have_attribute("data-link", "live", timeout=30_000)
    until_sees(guest, 1)
    assert stats(guest)["negotiations"] == 1


def test_all_are_muted_and_one_is_asked_to_speak(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer, village = consultation.come(ADMIN[0]), consultation.come(VILLAGE_SITES[0])
    until_hears(officer, 1)
    officer.keyboard.press("p")
    officer.click("#mute-all")
    expect(village.locator("#notice")).to_contain_text("主持人已将您静音", timeout=10_000)
    expect(officer.locator("#people-list .people__line").last).to_contain_text("下行", timeout=10_000)
    officer.locator('#people-list [data-key^="ask/"]').click()
    expect(village.locator("#asked")).to_be_visible(timeout=10_000)
    village.click('[data-action="asked-yes"]')
    expect(officer.locator(".tile:not(.tile--own) .tile__muted")).to_be_hidden(timeout=10_000)


def test_a_locked_room_lets_nobody_new_in_and_says_so(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    officer.keyboard.press("p")
    officer.locator("label", has=officer.locator("#rule-locked")).click()
    expect(officer.locator("#locked")).to_be_visible(timeout=10_000)
    context = consultation.context()
    context.request.post(f"{served.url}/login", form={"name": VILLAGE_SITES[0], "password": ADMIN[1]}, max_redirects=0)
    village = context.new_page()
    village.goto(consultation.url)
    village.click('[data-action="join"]')
    expect(village.locator("#over-reason")).to_contain_text("已锁定", timeout=15_000)
