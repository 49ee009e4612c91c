"""Who speaks WebRTC but is neither Chromium's page of ours nor aiortc is seen and heard in a room, too."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import sync_playwright

from tests.reach.network import lan
from tests.rooms.consultation import (
    VILLAGE_SITES,
    Consultation,
    browser,
    stats,
    until,
    until_hears,
    until_sees,
    villages,
)
from tests.servers import program
from tests.serving import ADMIN, Served
from tests.stacks.running import present_since, sites, stack

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(300)]

SEEN_WITHIN_S = 5.0
"""Three seconds, one until it tells, and one for a machine that runs two browsers; Firefox itself says nothing for longer than that."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # Firefox leaves the loopback out where the machine has any other address: it gets one on a cable of our own.
    with lan() as network:
        reachable = f"127.0.0.1,{network.here}"
        with villages(tmp_path_factory.mktemp("stacks"), FENGHUO_MEDIA_HOST=reachable) as system:
            yield system


def test_firefox_and_chromium_see_and_hear_each_other_and_firefox_sees_its_node_hang(served: Served) -> None:
    firefox = program("firefox-esr")
    with sync_playwright() as running, browser(running) as chromium:
        consultation = Consultation(served, chromium)
        officer = consultation.come(ADMIN[0])
        _, link = served.call("POST", f"/api/v1/rooms/{consultation.room}/links", {"name": "火狐", "role": "speaker"})
        with stack("firefox.mjs", firefox, link["url"], consultation.url) as there:
            until_sees(officer, 1)
            until_hears(officer, 1)
            assert stats(officer)["negotiations"] == 1
            until(lambda: there.told.get("link") == "live")
            until(lambda: any(slot["framesDecoded"] > 10 for slot in there.told["slots"]))
            until(lambda: any(slot["audioEnergy"] > 0.01 for slot in there.told["slots"]))
            assert there.told["negotiations"] == 1
            node = served.child("media")
            node.suspend()
            try:
                until(lambda: there.told.get("link") != "live", SEEN_WITHIN_S)
            finally:
                node.resume()
            until(lambda: there.told.get("link") == "live")
        until(lambda: officer.locator(".tile:not(.tile--own)").count() == 0)


def test_fourteen_sites_without_a_browser_come_back_after_their_node_was_killed(served: Served) -> None:
    with sites(served, 14) as (room, told):
        until(lambda: told().get("live") == 14)
        since = present_since(served, room)
        served.kill("media")
        until(lambda: len(present_since(served, room) - since) == 14)
        until(lambda: told().get("live") == 14)


def test_the_whip_and_whep_clients_of_others_publish_and_watch(served: Served) -> None:
    _, room = served.call("POST", "/api/v1/rooms", {"title": "会商"})
    tokens = [served.log_in(name, ADMIN[1]) for name in VILLAGE_SITES]
    with (
        stack("libwebrtc.mjs", "publish", f"{served.url}/whip/{room['id']}", tokens[0]) as encoder,
        stack("libwebrtc.mjs", "watch", f"{served.url}/whep/{room['id']}", tokens[1]) as player,
    ):
        until(lambda: encoder.told.get("state") == player.told.get("state") == "connected")
        until(lambda: player.told["frames"] > 10 and player.told["samples"] > 48_000)
        assert player.told["height"] > 0
