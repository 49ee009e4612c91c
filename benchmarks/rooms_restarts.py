"""A consultation in real browsers over which web is restarted again and again: a command room, two villages and a guest, watched every second.

With the standard forty minutes and a restart each ten, access tokens (15 minutes) run out twice. Nobody may notice but by a line in the
head of the page: no stay ends, no session is made anew, the voices go on.
"""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from playwright.sync_api import Page

from benchmarks.figure import tell
from benchmarks.interruption import end_in_order_when_told
from tests.browser import playwright
from tests.rooms.consultation import Consultation, browser, villages
from tests.serving import Served

LOOK_S = 5.0
BACK_S = 120.0
"""A page that is not live so long after a restart has lost it."""
LINE_S = 20.0
"""The start of web on two cores, and the page's back-off; a machine that does more beside takes longer."""
VOICE_GAP_S = 5.0
"""The fake devices beep once a second, and both the beeps and the looks drift on a busy machine."""


WATCH = """() => {
  const link = document.getElementById("link");
  const seen = { links: [[Date.now(), link.dataset.link]], silence: 0, made: 0, ended: "" };
  window.seen = seen;
  new MutationObserver(() => seen.links.push([Date.now(), link.dataset.link])).observe(link, { attributes: true, attributeFilter: ["data-link"] });
  let energy = 0, heard = performance.now(), first = null;
  setInterval(async () => {
    const over = document.getElementById("over");
    if (!over.hidden) seen.ended ||= document.getElementById("over-reason").textContent;
    const { slots, negotiations } = await fenghuo.room.stats();
    first ??= negotiations;
    seen.made = negotiations - first;
    const sum = slots.filter(({ kind }) => kind === "audio").reduce((all, { audioEnergy }) => all + audioEnergy, 0);
    const now = performance.now();
    if (sum > energy) heard = now;
    energy = sum;
    seen.silence = Math.max(seen.silence, now - heard);
  }, 500);
}"""
"""Kept by the page itself: a look from outside takes seconds on a busy machine."""


class Watched:
    """What one page went through."""

    def __init__(self, name: str, page: Page) -> None:
        self.name = name
        self.page = page
        self.seen: dict[str, Any] = {}
        self.said = 1
        page.evaluate(WATCH)

    def look(self) -> None:
        """Read what the page has seen, and say what is new."""
        self.seen = self.page.evaluate("() => window.seen")
        for at, link in self.seen["links"][self.said :]:
            print(f"{at / 1000:.1f}  {self.name}: {link} {self.seen['ended']}", file=sys.stderr, flush=True)
        self.said = len(self.seen["links"])

    def line_s(self, restart: float) -> float:
        """How long the line in the head said something after web was killed (epoch seconds); BACK_S when it still does."""
        states = [(at / 1000, link) for at, link in self.seen["links"]]
        gone = next((at for at, link in states if at >= restart and link != "live"), None)
        if gone is None:
            return 0.0
        return next((at - gone for at, link in states if at > gone and link == "live"), BACK_S)


def run(minutes: float, every: float) -> bool:
    """Hold the consultation; whether every bar was reached."""
    with (
        TemporaryDirectory(prefix="fenghuo-restarts-") as folder,
        villages(Path(folder)) as served,
        playwright() as running,
        browser(running) as chromium,
    ):
        consultation = Consultation(served, chromium)
        pages = {
            "command room": consultation.come("admin"),
            "lishuping": consultation.come("lishuping"),
            "zhongzhai": consultation.come("zhongzhai"),
            "guest": consultation.come_by_link("赵技术员"),
        }
        pages["lishuping"].wait_for_timeout(10_000)
        watched = [Watched(name, page) for name, page in pages.items()]
        restarts = _watch(served, watched, minutes * 60, every * 60)
        return _tell(watched, restarts, minutes, consultation.complaints)


def _watch(served: Served, watched: list[Watched], length_s: float, every_s: float) -> list[float]:
    began = time.monotonic()
    restarts: list[float] = []
    while (passed := time.monotonic() - began) < length_s:
        if passed >= (len(restarts) + 1) * every_s and passed + BACK_S < length_s:
            restarts.append(time.time())
            served.kill("web")
            print(f"{restarts[-1]:.1f}  web was killed", file=sys.stderr, flush=True)
        for one in watched:
            one.look()
        time.sleep(LOOK_S)
    return restarts


def _tell(watched: list[Watched], restarts: list[float], minutes: float, complaints: list[str]) -> bool:
    lines = {one.name: [one.line_s(at) for at in restarts] for one in watched}
    for name, spans in lines.items():
        print(f"{name}: a line for {[round(each, 1) for each in spans]} s", file=sys.stderr)
    for complaint in complaints:
        print(f"a page complained: {complaint}", file=sys.stderr)
    what = f"rooms, {len(restarts)} restarts of web in {minutes:g} min"
    seen = [one.seen for one in watched]
    longest_line_s = max((span for spans in lines.values() for span in spans), default=0.0)
    figures: list[tuple[str, str, float, float]] = [
        ("stays that ended", "", sum(bool(each["ended"]) for each in seen), 0),
        ("sessions made anew", "", sum(each["made"] for each in seen), 0),
        ("longest silence", "s", max(each["silence"] for each in seen) / 1000, VOICE_GAP_S),
        ("longest line in the head after a restart", "s", longest_line_s, LINE_S),
    ]
    met = []
    for name, unit, ours, bar in figures:

        def reached(mine: float, _peer: float, bar: float = bar) -> bool:
            return mine <= bar

        met.append(tell(f"{what}: {name}", unit, [ours], [], peer_name="", goal=f"<= {bar:g}", met=reached))
    return all(met)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--every", type=float, default=10, help="minutes between two restarts of web")
    end_in_order_when_told()
    asked = parser.parse_args()
    sys.exit(not run(asked.minutes, asked.every))


if __name__ == "__main__":
    main()
