"""A consultation over a line that loses and goes dark: real pages, the real node, a relay that is the same every time."""

import time
from functools import partial

import pytest
from playwright.sync_api import Browser, Page

from tests.relay import relay_to
from tests.rooms.consultation import VILLAGE_SITES, Consultation, pictures, sees, stats, until, until_hears, until_sees
from tests.serving import ADMIN, Served

LOSS = 0.05
LOSSY_S = 15.0
FRAMES_PER_S_MIN = 5
"""The cameras give 10."""
FREEZES_MAX_S = 1.5
"""All freezes of a picture together, over LOSSY_S: the machine encodes and decodes several cameras in software beside the rest."""
DARK_S = 20.0
BACK_WITHIN_S = 3.0

KEEP_PEERS = """
window.peers = [];
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer { constructor(...told) { super(...told); window.peers.push(this); } };
"""

Figures = dict[str, dict[str, float]]

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(400)]


def figures(page: Page) -> Figures:
    """What the newest peer connection says of the picture that it receives, and of its own camera: sums over the streams."""
    told: Figures = page.evaluate(
        """async () => {
          const sums = { in: {}, out: {} };
          for (const entry of (await window.peers.at(-1).getStats()).values()) {
            const into = entry.kind !== "video" ? null : entry.type === "inbound-rtp" ? sums.in : entry.type === "outbound-rtp" ? sums.out : null;
            if (into === null) continue;
            for (const [key, value] of Object.entries(entry)) if (typeof value === "number") into[key] = (into[key] ?? 0) + value;
          }
          return sums;
        }"""
    )
    return told


def test_five_percent_loss_both_ways_is_made_good_by_asking_again(served: Served, chromium: Browser) -> None:
    with relay_to(served.media_port) as line:
        consultation = Consultation(served, chromium, line)
        pages = []
        for name in (ADMIN[0], VILLAGE_SITES[0]):
            context = consultation.context()
            context.add_init_script(KEEP_PEERS)
            pages.append(consultation.come(name, context))
        for page in pages:
            until_sees(page, 1)
        before = [figures(page) for page in pages]
        line.up.loss = line.down.loss = LOSS
        time.sleep(LOSSY_S)
        after = [figures(page) for page in pages]
        for page, was, now in zip(pages, before, after, strict=True):

            def grown(side: str, what: str, was: Figures = was, now: Figures = now) -> float:
                return now[side].get(what, 0.0) - was[side].get(what, 0.0)

            assert grown("in", "framesDecoded") > LOSSY_S * FRAMES_PER_S_MIN, (was, now)
            assert grown("in", "totalFreezesDuration") <= FREEZES_MAX_S, (was, now)
            # What the page missed it asked for, and the node sent it again; what the node missed, the page sent again.
            assert grown("in", "nackCount") > 0 and grown("in", "retransmittedPacketsReceived") > 0, (was, now)
            assert grown("out", "nackCount") > 0 and grown("out", "retransmittedPacketsSent") > 0, (was, now)
            assert stats(page)["negotiations"] == 1
        assert line.clients >= 2 and min(line.up.dropped["lost"], line.down.dropped["lost"]) > 50


def test_after_a_blackout_of_twenty_seconds_media_is_back_within_three_without_a_click(
    served: Served, chromium: Browser
) -> None:
    with relay_to(served.media_port) as line:
        consultation = Consultation(served, chromium, line)
        pages = [consultation.come(name) for name in (ADMIN[0], VILLAGE_SITES[0])]
        for page in pages:
            until_sees(page, 1)
        line.go_dark()
        time.sleep(DARK_S)
        line.come_back()
        ended = time.monotonic()
        back: dict[int, float] = {}
        seen = [pictures(page) for page in pages]
        while len(back) < len(pages) and time.monotonic() - ended < 30:
            for number, page in enumerate(pages):
                now = pictures(page)
                if number not in back and any(frames > seen[number].get(key, 0) for key, frames in now.items()):
                    back[number] = time.monotonic() - ended
                seen[number] = now
            time.sleep(0.1)
        assert len(back) == len(pages) and max(back.values()) <= BACK_WITHIN_S, back
        for page in pages:
            until_hears(page, 1)
            until(partial(sees, page, 1), 20)
