"""How soon one is in a consultation: from the click to the first picture of somebody else, and fourteen sites after their media node was killed.

Everything runs on this machine: what a page needs of the processor is in the figures. Fourteen Chromium pages that only hear each other
fill two cores before anything happens, so the sites return twice: by the page's own protocol module on libwebrtc, where the platform is
what takes the time, and as Chromium pages, where the machine is.
"""

import json
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

from playwright.sync_api import Browser

from benchmarks.figure import p95, tell_at_most
from tests.browser import playwright
from tests.rooms.consultation import VILLAGE_SITES, Consultation, browser, present, until, until_sees, villages
from tests.serving import ADMIN, Served
from tests.stacks.running import present_since, sites

JOINS = 40
SITES = 14
BACK_MAX_S = 120.0
"""Fourteen browsers and the node share two processors: it may take a while, but all must come."""
KILLS = 3
CALM_S = 35.0
"""A process that has lived for half a minute is started anew without a pause."""
DIALLED = "a node has dialled in"

FIRST_PICTURE = """
window.firstPicture = new Promise((resolve) => {
  const watched = new Set();
  let clicked = 0;
  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest('[data-action="join"]')) clicked = performance.now();
  }, true);
  const look = () => {
    for (const video of document.querySelectorAll(".tile:not(.tile--own) video")) {
      if (watched.has(video)) continue;
      watched.add(video);
      video.requestVideoFrameCallback((now) => resolve(now - clicked));
    }
  };
  new MutationObserver(look).observe(document, { childList: true, subtree: true });
});
"""
VOICE_ALONE = """
const devices = navigator.mediaDevices;
const ask = devices.getUserMedia.bind(devices);
devices.getUserMedia = (asked) => asked.video ? Promise.reject(new DOMException("no camera", "NotFoundError")) : ask(asked);
"""
"""Fourteen software encoders would measure the machine, not the platform."""


def clicks(served: Served, chromium: Browser) -> list[float]:
    """Milliseconds from the click on "join" to the first picture of the one who is there; JOINS times, a fresh page each."""
    consultation = Consultation(served, chromium)
    consultation.come(ADMIN[0])
    times = []
    for _ in range(JOINS):
        context = consultation.context()
        context.add_init_script(FIRST_PICTURE)
        page = consultation.come(VILLAGE_SITES[0], context)
        times.append(float(page.evaluate("() => window.firstPicture")))
        until_sees(page, 1)
        context.close()
        until(lambda: sum(present(served, consultation.room).values()) == 1)
    return times


def returns(served: Served, room: str) -> list[float]:
    """After each of KILLS: seconds from the restarted node's word to web until all SITES of the room have their link."""
    seconds = []
    for _ in range(KILLS):
        time.sleep(CALM_S)
        words = len(dialled(served))
        killed = time.time()
        served.kill("media")
        while len(dialled(served)) == words:
            time.sleep(0.05)
        word = dialled(served)[-1]
        while returned(served, room, killed) < SITES:
            if time.time() - killed > BACK_MAX_S:
                raise AssertionError(f"{returned(served, room, killed)} of {SITES} are back")
            time.sleep(0.02)
        back = time.time()
        seconds.append(back - word)
        print(f"back {back - word:.2f} s after the node's word, {back - killed:.2f} s after the kill", file=sys.stderr)
    return seconds


def voices(consultation: Consultation) -> None:
    """SITES pages that send and hear sound."""
    for number in range(SITES):
        _, link = consultation.served.call(
            "POST", f"/api/v1/rooms/{consultation.room}/links", {"name": f"村 {number + 1}", "role": "speaker"}
        )
        context = consultation.browser.new_context(viewport={"width": 800, "height": 600}, locale="zh-CN")
        context.add_init_script(VOICE_ALONE)
        page = context.new_page()
        page.goto(link["url"])
        page.wait_for_url(consultation.url)
        consultation.join(page)


def returned(served: Served, room: str, killed: float) -> int:
    """How many the platform says are in the room by a media link that stands since after the kill (seconds since the epoch)."""
    return sum(since / 1000 > killed for _, since in present_since(served, room))


def dialled(served: Served) -> list[float]:
    """When a media node told web that it is there (seconds since the epoch)."""
    moments = []
    for line in served.log.read_text().splitlines():
        if DIALLED not in line or not line.startswith("{"):
            continue
        said = json.loads(line)
        if said["message"] == DIALLED and said["kind"] == "media":
            moments.append(datetime.fromisoformat(said["at"]).timestamp())
    return moments


def main() -> None:
    """Both figures."""
    with (
        tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder,
        villages(Path(folder)) as served,
        playwright() as running,
    ):
        with browser(running) as chromium:
            times = clicks(served, chromium)
        print(sorted(round(one) for one in times), file=sys.stderr)
        tell_at_most("rooms, click to the first picture of another, p95", "ms", [p95(times)], 700)
        back = f"rooms, {SITES} sites back after their node was restarted"
        with sites(served, SITES) as (room, told):
            until(lambda: told().get("live") == SITES)
            tell_at_most(back, "s", returns(served, room), 2)
        with browser(running) as chromium:
            consultation = Consultation(served, chromium)
            voices(consultation)
            tell_at_most(f"{back}, as Chromium pages on this machine", "s", returns(served, consultation.room), 2)


if __name__ == "__main__":
    main()
