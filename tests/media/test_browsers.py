"""Real Chromium pages on a bare node: pictures move, someone comes and goes, nobody negotiates twice."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.media.running import start_node
from tests.media.web import TinyWeb
from tests.servers import free_port

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="Debian's chromium is not installed"),
]


@pytest.fixture
def web() -> Iterator[TinyWeb]:
    tiny = TinyWeb()
    node = start_node(tiny.port, free_port(socket.SOCK_DGRAM))
    try:
        assert tiny.connected.wait(20)
        yield tiny
        node.terminate()
        assert node.wait(10) == 0
    finally:
        if node.poll() is None:
            node.kill()
            node.wait()
        tiny.stop()


@pytest.fixture
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--headless=new", *ARGUMENTS])
        yield chromium
        chromium.close()


def join(browser: Browser, web: TinyWeb, name: str, height: int = 360, **options: Any) -> Page:
    page = browser.new_context().new_page()
    page.goto(f"http://127.0.0.1:{web.port}/")
    page.wait_for_selector("body[data-ready]", state="attached")
    page.evaluate(
        "([name, height, options]) => {"
        " window.me = new Client('room-1', name, `s-${name}`, height); return window.me.join(options); }",
        [name, height, options],
    )
    return page


def want(page: Page, others: list[str], height: int = 360, kind: str = "camera") -> None:
    page.evaluate(
        "(video) => window.me.want(video)",
        [{"slot": f"v{i}", "participant": other, "kind": kind, "height": height} for i, other in enumerate(others)],
    )


def stats(page: Page) -> dict[str, Any]:
    result: dict[str, Any] = page.evaluate("() => window.me.stats()")
    return result


def frames(page: Page) -> dict[str, int]:
    return {s["slot"]: s["framesDecoded"] for s in stats(page)["slots"] if s["slot"].startswith("v") and s["source"]}


def shown(page: Page, slot: str) -> dict[str, Any]:
    return next((s for s in stats(page)["slots"] if s["slot"] == slot), {})


def until(what: Any, page: Page | None = None, timeout_s: float = 40.0) -> Any:
    end = time.monotonic() + timeout_s
    while not (result := what()):
        if time.monotonic() > end:
            raise AssertionError(f"did not happen in time: {stats(page) if page else ''}")
        time.sleep(0.2)
    return result


def grows(page: Page, slots: int) -> bool:
    before = frames(page)
    time.sleep(1.0)
    after = frames(page)
    return sum(after[slot] > before.get(slot, 0) + 3 for slot in after) >= slots


def test_three_browsers_see_and_hear_each_other_and_a_fourth_comes_and_goes(web: TinyWeb, browser: Browser) -> None:
    names = ["alpha", "bravo", "charlie"]
    pages = {name: join(browser, web, name) for name in names}
    for name, page in pages.items():
        want(page, [other for other in names if other != name])
    for page in pages.values():
        until(lambda page=page: grows(page, 2), page)
        heard = [s for s in stats(page)["slots"] if s["slot"].startswith("a") and s["totalAudioEnergy"] > 0.01]
        assert len(heard) == 2
    fourth = join(browser, web, "delta")
    want(fourth, names)
    until(lambda: grows(fourth, 3), fourth)
    want(pages["alpha"], ["delta", "bravo", "charlie"])
    until(lambda: grows(pages["alpha"], 3), pages["alpha"])
    fourth.evaluate("() => window.me.leave()")
    web.wait_for(
        lambda events: any(
            e == "slots"
            and p["session"] == "s-alpha"
            and any(slot["slot"] == "v0" and slot["participant"] is None for slot in p["slots"])
            for e, p in events
        )
    )
    want(pages["alpha"], ["bravo", "charlie"])
    until(lambda: grows(pages["alpha"], 2), pages["alpha"])
    for page in pages.values():
        result = stats(page)
        assert result["negotiations"] == 1
        assert result["state"] == "connected"
        assert sum(s["packetsLost"] for s in result["slots"]) == 0
    if "FENGHUO_SHOW" in os.environ:
        print(web.call("node.stats", {}), [stats(p) for p in pages.values()])


def test_a_picture_changes_its_size_and_a_screen_is_shared_without_a_gap(web: TinyWeb, browser: Browser) -> None:
    sender, viewer = join(browser, web, "alpha", 540), join(browser, web, "bravo")
    for height in (135, 540, 135):
        want(viewer, ["alpha"], height)
        until(lambda height=height: shown(viewer, "v0").get("frameHeight") == height, viewer)
        until(lambda: grows(viewer, 1), viewer)
    sender.evaluate("() => window.me.shareScreen()")
    want(viewer, ["alpha"], 1080, "screen")
    until(lambda: shown(viewer, "v0").get("kind") == "screen", viewer)
    until(lambda: grows(viewer, 1), viewer)
    result = shown(viewer, "v0")
    assert result["packetsLost"] == 0 and result["nackCount"] == 0
    assert stats(sender)["negotiations"] == stats(viewer)["negotiations"] == 1
