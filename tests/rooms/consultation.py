"""A consultation as people have it, for tests: a running system, its room, real Chromium pages with fake devices, and what each sees."""

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect

from auth.passwords import hash_password
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.settings import Settings
from tests.browser import ARGUMENTS, OWN_SCHEMES
from tests.relay import Relay, through
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


def until(what: Callable[[], Any], timeout_s: float = SIGHT_S) -> Any:
    end = time.monotonic() + timeout_s
    while not (result := what()):
        if time.monotonic() > end:
            raise AssertionError("did not happen in time")
        time.sleep(0.25)
    return result


def people_at(home: Path, sites: dict[str, tuple[str, Role]]) -> None:
    """A person at each site, whose login is the site's id, with the name shown and the role."""
    database = Database(Settings(home=home).database)
    with database.writing() as session:
        for site, (shown, role) in sites.items():
            create_person(
                session,
                SystemClock(),
                SYSTEM,
                name=site,
                password_hash=hash_password(ADMIN[1]),
                role=role,
                display_name=shown,
                site_id=site,
            )
    database.close()


@contextmanager
def villages(folder: Path, **environment: str) -> Iterator[Served]:
    """A running township with a person in each of two villages, in a data folder below `folder`."""
    system = Served(folder / "home", ("serve",), **environment)
    build_township(system.home)
    system.create_admin()
    people_at(system.home, {site: (f"{site} 值守", Role.VILLAGE) for site in VILLAGE_SITES})
    system.start()
    try:
        yield system
    finally:
        system.stop()


@contextmanager
def browser(running: Playwright) -> Iterator[Browser]:
    """One Chromium; each participant gets a profile of their own in it."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("chromium is not installed")
    arguments = [
        *ARGUMENTS,
        "--use-fake-device-for-media-stream=fps=10",
        "--auto-select-desktop-capture-source=Entire screen",
    ]
    one = running.chromium.launch(executable_path=path, args=arguments)
    try:
        yield one
    finally:
        one.close()


class Consultation:
    """A room of the running system, and the pages in it."""

    def __init__(
        self, served: Served, browser: Browser, line: Relay | None = None, *, expected: Sequence[str] = VILLAGE_SITES
    ) -> None:
        """With `line` all media goes over it; `expected`: the sites that are called."""
        self.served = served
        self.line = line
        self.browser = browser
        self.hosts: set[str] = set()
        self.complaints: list[str] = []
        status, room = served.call("POST", "/api/v1/rooms", {"title": "防汛会商", "expected": list(expected)})
        assert status == 201, room
        self.room = str(room["id"])
        self.url = f"{served.url}/rooms/{self.room}"

    def context(self, **options: Any) -> BrowserContext:
        """A browser profile whose requests and complaints are noted."""
        screen = {"viewport": {"width": 1366, "height": 768}, "locale": "zh-CN", **options}
        context = self.browser.new_context(**screen)
        context.add_init_script(SMALL_CAMERA)
        if self.line is not None:
            context.add_init_script(through(self.served.media_port, self.line.port))
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
