"""A consultation as people have it: the real web process, the real media node, real Chromium pages with fake devices."""

import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.settings import Settings
from tests.browser import ARGUMENTS, OWN_SCHEMES, playwright
from tests.serving import ADMIN, Served, build_township

VILLAGE_SITES = ("lishuping", "zhongzhai")
SMALL_CAMERA = """
const devices = navigator.mediaDevices;
const open = devices?.getUserMedia.bind(devices);
if (devices) devices.getUserMedia = (asked) => open({ ...asked, video: asked.video && { ...asked.video, width: 320, height: 180, frameRate: 10 } });
"""
"""Three to four software encoders at once: what is tested is who sees whom, not how fast this machine encodes."""
SIGHT_S = 90.0
"""Software encoders of several pages share the machine with the rest: pictures may take a while, but must come."""

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]


def until(what: Callable[[], Any], timeout_s: float = SIGHT_S) -> Any:
    end = time.monotonic() + timeout_s
    while not (result := what()):
        if time.monotonic() > end:
            raise AssertionError("did not happen in time")
        time.sleep(0.25)
    return result


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


class Consultation:
    """A room of the running system, and the pages in it."""

    def __init__(self, served: Served, browser: Browser) -> None:
        self.served = served
        self.browser = browser
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        status, room = served.call("POST", "/api/v1/rooms", {"title": "防汛会商", "expected": list(VILLAGE_SITES)})
        assert status == 201, room
        self.room = str(room["id"])
        self.url = f"{served.url}/rooms/{self.room}"

    def context(self, **options: Any) -> BrowserContext:
        """A browser profile whose requests and complaints are noted."""
        context = self.browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN", **options)
        context.add_init_script(SMALL_CAMERA)
        context.on("request", lambda asked: self._note(asked.url))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        return context

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in OWN_SCHEMES:
            self.hosts.add(parts.hostname or "")

    def come(self, name: str, context: BrowserContext | None = None) -> Page:
        """Log in, open the room, join."""
        context = context or self.context()
        answer = context.request.post(
            f"{self.served.url}/login", form={"name": name, "password": ADMIN[1]}, max_redirects=0
        )
        assert answer.status == 303, answer.text()
        page = context.new_page()
        page.goto(self.url)
        return self.join(page)

    def come_by_link(self, name: str, role: str = "speaker") -> Page:
        """Open a fresh join link and join."""
        status, link = self.served.call("POST", f"/api/v1/rooms/{self.room}/links", {"name": name, "role": role})
        assert status == 201, link
        page = self.context().new_page()
        page.goto(link["url"])
        page.wait_for_url(self.url)
        return self.join(page)

    def join(self, page: Page) -> Page:
        """Press the button and wait for the link."""
        page.click('[data-action="join"]')
        expect(page.locator("#link")).to_have_attribute("data-link", "live", timeout=60_000)
        return page


def stats(page: Page) -> dict[str, Any]:
    told: dict[str, Any] = page.evaluate("() => window.fenghuo.room.stats()")
    return told


def pictures(page: Page) -> dict[str, int]:
    """Frames decoded so far, by the participant that each tile shows."""
    frames = {slot["slot"]: slot["framesDecoded"] for slot in stats(page)["slots"]}
    tiles: list[dict[str, str]] = page.evaluate(
        "() => [...document.querySelectorAll('.tile[data-slot][data-picture=\"true\"]')].map((tile) => ({ ...tile.dataset }))"
    )
    return {f"{tile['source']}/{tile['kind']}": frames.get(tile["slot"], 0) for tile in tiles}


def sees(page: Page, count: int) -> bool:
    """Whether `count` pictures are on the page and move."""
    before = pictures(page)
    if len(before) != count:
        return False
    page.wait_for_timeout(1500)
    after = pictures(page)
    return len(after) == count and all(after[key] > before.get(key, 0) for key in after)


def until_sees(page: Page, count: int) -> None:
    """Wait until the page shows `count` moving pictures; say what it has when it does not."""
    try:
        until(lambda: sees(page, count))
    except AssertionError as error:
        link = page.locator("#link").inner_text()
        raise AssertionError(f"{count} pictures were expected; {link}; {pictures(page)}; {stats(page)}") from error


def until_hears(page: Page, count: int) -> None:
    until(lambda: hears(page, count))


def hears(page: Page, count: int) -> bool:
    heard = [slot for slot in stats(page)["slots"] if slot["kind"] == "audio" and slot["audioEnergy"] > 0.01]
    return len(heard) >= count


def present(served: Served, room: str) -> dict[str, bool]:
    """Who the platform says is in the room, and whether connected."""
    _, rooms = served.call("GET", "/api/v1/rooms")
    return {one["name"]: one["connected"] for state in rooms if state["id"] == room for one in state["present"]}


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
    muted = officer.locator(".tile:not(.tile--own) .tile__name svg")
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
    expect(officer.locator(".tile:not(.tile--own) .tile__name svg")).to_be_visible(timeout=10_000)
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


def test_a_leader_watches_without_being_asked_for_a_camera(served: Served, chromium: Browser) -> None:
    database = Database(Settings(home=served.home).database)
    with database.writing() as session:
        create_person(
            session, SystemClock(), SYSTEM, name="leader", password=ADMIN[1], role=Role.LEADER, display_name="镇长"
        )
    database.close()
    consultation = Consultation(served, chromium)
    officer = consultation.come(ADMIN[0])
    context = consultation.context()
    context.add_init_script(
        "window.asked = 0; if (navigator.mediaDevices)"
        " navigator.mediaDevices.getUserMedia = () => { window.asked += 1; return Promise.reject(new Error()); }"
    )
    leader = consultation.come("leader", context)
    until_sees(leader, 1)
    until_hears(leader, 1)
    expect(leader.locator("#listens")).to_have_text("旁听")
    for control in ("mute", "camera", "screen"):
        expect(leader.locator(f'.controls [data-action="{control}"]')).to_be_hidden()
    assert leader.evaluate("() => window.asked") == 0
    assert leader.locator(".tile").count() == officer.locator(".tile").count() == 1
    officer.keyboard.press("p")
    expect(officer.locator("#people-list")).to_contain_text("旁听")


def test_nobody_sees_a_room_without_a_login_or_a_link(served: Served, chromium: Browser) -> None:
    consultation = Consultation(served, chromium)
    page = consultation.context().new_page()
    page.goto(consultation.url)
    assert urlsplit(page.url).path == "/login"
