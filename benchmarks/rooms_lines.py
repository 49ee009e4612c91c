"""Consultations over bad lines in real Chromium pages: loss, a satellite's delay, lines for little or for the voice alone, a blackout.

Everything is measured by what the browsers decode. The lines are relays that behave the same every time (tests/relay.py).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

from benchmarks.figure import tell, tell_at_most
from tests.browser import playwright
from tests.relay import Relay, relay_to, through
from tests.rooms.consultation import VILLAGE_SITES, Consultation, browser, stats, until_hears, until_sees, villages
from tests.serving import ADMIN, Served

LOOK_S = 30.0
NARROW_S = 60.0
NARROW_BPS = 64_000
TIGHT_BPS = (130_000, 200_000)
"""More than a voice, less than all that one would like to see: what does not fit must not be sent."""
SETTLED_S = 15.0
SATELLITE_DELAY_S = 0.3
DARK_S = 30.0
LONG_GAP_S = 0.5

WATCH = """
window.peers = [];
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer { constructor(...told) { super(...told); window.peers.push(this); } };
window.figures = async () => {
  const sums = { audio: {}, video: {} };
  for (const entry of (await window.peers.at(-1).getStats()).values()) {
    if (entry.type !== "inbound-rtp") continue;
    for (const [key, value] of Object.entries(entry)) {
      if (typeof value === "number") sums[entry.kind][key] = (sums[entry.kind][key] ?? 0) + value;
    }
  }
  return sums;
};
window.gaps = [];
window.watchGaps = () => {
  const video = document.querySelector('.tile:not(.tile--own)[data-picture="true"] video');
  window.gaps = [];
  let before = performance.now();
  const shown = () => {
    const now = performance.now();
    window.gaps.push((now - before) / 1000);
    before = now;
    video.requestVideoFrameCallback(shown);
  };
  video.requestVideoFrameCallback(shown);
};
"""


class Pair:
    """Two pages in one room, each over a line of its own; the village's is the one that suffers unless both are set."""

    def __init__(self, served: Served, browser: Browser, here: Relay, there: Relay) -> None:
        self.lines = (here, there)
        consultation = Consultation(served, browser)
        self.pages: list[Page] = []
        for name, line in zip((ADMIN[0], VILLAGE_SITES[0]), self.lines, strict=True):
            context = consultation.context()
            context.add_init_script(WATCH)
            context.add_init_script(through(served.media_port, line.port))
            self.pages.append(consultation.come(name, context))
        for page in self.pages:
            until_sees(page, 1)
            until_hears(page, 1)

    def set(self, **options: float) -> None:
        """The same for both lines, both ways."""
        for line in self.lines:
            for way in (line.up, line.down):
                for name, value in options.items():
                    setattr(way, name, value)


def figures(page: Page) -> dict[str, dict[str, float]]:
    """Sums over the receiving streams: audio and video."""
    told: dict[str, dict[str, float]] = page.evaluate("() => window.figures()")
    return told


def grown(was: dict[str, dict[str, float]], now: dict[str, dict[str, float]], kind: str, what: str) -> float:
    """By how much a figure grew."""
    return now[kind].get(what, 0.0) - was[kind].get(what, 0.0)


def concealed(was: dict[str, dict[str, float]], now: dict[str, dict[str, float]]) -> float:
    """Share of speech that was made up, %; silence that stood for silence does not count."""
    made_up = grown(was, now, "audio", "concealedSamples") - grown(was, now, "audio", "silentConcealedSamples")
    return 100 * made_up / max(1.0, grown(was, now, "audio", "totalSamplesReceived"))


def look(pair: Pair, seconds: float) -> tuple[list[float], list[float], list[float]]:
    """For each page over `seconds`: gaps between pictures over LONG_GAP_S, speech concealed (%), lost packets of pictures that came again (%).

    Browsers count a packet as lost although it came again on its RTX stream (RFC 4588), and copies that came twice; but one that never came has
    them ask for a key frame. Several may hide behind one such request.
    """
    before = [figures(page) for page in pair.pages]
    for page in pair.pages:
        page.evaluate("() => window.watchGaps()")
    time.sleep(seconds)
    long, speech, again = [], [], []
    for page, was in zip(pair.pages, before, strict=True):
        now = figures(page)
        gaps: list[float] = page.evaluate("() => window.gaps")
        long.append(float(sum(gap > LONG_GAP_S for gap in gaps[1:])))
        speech.append(concealed(was, now))
        lost, came, asked = (
            grown(was, now, "video", what) for what in ("packetsLost", "retransmittedPacketsReceived", "pliCount")
        )
        again.append(max(0.0, min(100 * came / max(1.0, lost), 100.0 - 100 * asked / max(1.0, lost))))
        print(f"lost {lost:g}, came again {came:g}, key frames asked for {asked:g}", file=sys.stderr)
    print(long, speech, again, file=sys.stderr)
    return long, speech, again


def loss(pair: Pair, share: float) -> None:
    """Both lines lose, both ways."""
    pair.set(loss=share)
    time.sleep(5)
    long, speech, _ = look(pair, LOOK_S)
    pair.set(loss=0.0)
    percent = round(share * 100)
    if percent == 5:
        say(f"{percent} % loss both ways: gaps between pictures over {LONG_GAP_S} s", "", max(long), 0)
    most = 1.0 if percent == 5 else 8.0
    say(f"{percent} % loss both ways: speech concealed", "%", max(speech), most)


def satellite(pair: Pair) -> None:
    """A round trip of 600 ms for each page, with 5 % loss."""
    pair.set(delay_s=SATELLITE_DELAY_S, loss=0.05)
    time.sleep(8)
    _, _, again = look(pair, LOOK_S)
    pair.set(delay_s=0.0, loss=0.0)
    tell(
        "rooms, 600 ms round trip with 5 % loss: lost packets of pictures that came again",
        "%",
        [min(again)],
        [],
        peer_name="",
        goal=">= 95",
        met=lambda mine, _: mine >= 95,
    )


def narrow(pair: Pair, seconds: float) -> None:
    """The village's line carries 64 kbit/s both ways; then all of it again."""
    line = pair.lines[1]
    line.up.rate_bps = line.down.rate_bps = NARROW_BPS
    time.sleep(10)
    silent, end = 0, time.monotonic() + seconds
    before = [figures(page) for page in pair.pages]
    was = before
    while time.monotonic() < end:
        time.sleep(2)
        now = [figures(page) for page in pair.pages]
        silent += sum(grown(a, b, "audio", "packetsReceived") <= 0 for a, b in zip(was, now, strict=True))
        was = now
    speech = [concealed(a, b) for a, b in zip(before, was, strict=True)]
    print(speech, pair.pages[1].locator("#line").inner_text(), line.up.dropped, line.down.dropped, file=sys.stderr)
    say(f"64 kbit/s both ways: spans of 2 s without speech, of {seconds:g} s", "", silent, 0)
    line.up.rate_bps = line.down.rate_bps = 0
    begin = time.monotonic()
    moving = [figures(page)["video"].get("framesDecoded", 0.0) for page in pair.pages]
    back = [0.0, 0.0]
    while 0.0 in back and time.monotonic() - begin < 60:
        time.sleep(1)
        for number, page in enumerate(pair.pages):
            frames = figures(page)["video"].get("framesDecoded", 0.0)
            if frames - moving[number] >= 5 and not back[number]:
                back[number] = time.monotonic() - begin
            moving[number] = frames
    say("after 64 kbit/s: pictures move again", "s", max(back) if 0.0 not in back else 60.0, 15)


def tight(pair: Pair) -> None:
    """The village's line carries little more than voices, both ways."""
    line = pair.lines[1]
    for rate in TIGHT_BPS:
        line.up.rate_bps = line.down.rate_bps = rate
        time.sleep(SETTLED_S)
        _, speech, _ = look(pair, LOOK_S)
        print(pair.pages[1].locator("#line").inner_text(), line.up.dropped, line.down.dropped, file=sys.stderr)
        say(f"{rate // 1000} kbit/s both ways: speech concealed", "%", max(speech), 8)
    line.up.rate_bps = line.down.rate_bps = 0


def blackout(pair: Pair) -> None:
    """Nothing goes through for half a minute."""
    for line in pair.lines:
        line.go_dark()
    time.sleep(DARK_S)
    before = [figures(page) for page in pair.pages]
    for line in pair.lines:
        line.come_back()
    begin = time.monotonic()
    back: dict[int, float] = {}
    while len(back) < len(pair.pages) and time.monotonic() - begin < 30:
        for number, page in enumerate(pair.pages):
            now = figures(page)
            fresh = now["video"].get("framesDecoded", 0) != before[number]["video"].get("framesDecoded", 0)
            if number not in back and fresh and now["video"].get("framesDecoded", 0) > 0:
                back[number] = time.monotonic() - begin
        time.sleep(0.1)
    say("blackout of 30 s: pictures back", "s", max(back.values()) if len(back) == 2 else 30.0, 3)


def say(figure: str, unit: str, value: float, most: float) -> None:
    """A figure that may be at most `most`."""
    tell_at_most(f"rooms, {figure}", unit, [value], most)


def main() -> None:
    """Command line: all of them, or those named."""
    cases: dict[str, Callable[[Pair], Any]] = {
        "loss5": lambda pair: loss(pair, 0.05),
        "loss20": lambda pair: loss(pair, 0.20),
        "satellite": satellite,
        "narrow": lambda pair: narrow(pair, arguments.narrow_s),
        "tight": tight,
        "blackout": blackout,
    }
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", default=list(cases))
    parser.add_argument(
        "--narrow-s", type=float, default=NARROW_S, help="seconds at 64 kbit/s (600 for the whole figure)"
    )
    arguments = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder,
        villages(Path(folder)) as served,
        playwright() as running,
    ):
        for name in arguments.cases:
            with (
                browser(running) as chromium,
                relay_to(served.media_port) as here,
                relay_to(served.media_port) as there,
            ):
                pair = Pair(served, chromium, here, there)
                cases[name](pair)
                print(f"sessions made: {[stats(page)['negotiations'] for page in pair.pages]}", file=sys.stderr)


if __name__ == "__main__":
    main()
