"""What one participant may take up, and what one node that hangs may hold up."""

from contextlib import ExitStack, closing

import pytest

from auth.principal import SYSTEM
from conference import calling, watch
from conference.turnstile import CONNECTIONS_OF_ONE_MAX
from foundation.clock import ManualClock
from foundation.identifiers import new_id
from tests.rooms.harness import Page, RoomWeb, ScriptedNode, until
from tests.rooms.test_leading import guest
from tests.rooms.test_signalling import go_in

OFFER = {"sdp": "v=0"}


def test_a_participant_has_two_sessions_on_a_node_at_most(
    web: RoomWeb, room: str, node: ScriptedNode, village: Page
) -> None:
    go_in(village, room, node)
    sessions = [village.session]
    for _ in range(5):
        village.session = new_id()
        sessions.append(village.session)
        village.join(room)
        village.ask("offer", OFFER)
    # Its link stands still: the media goes on until the newest one's does.
    until(lambda: [one["session"] for one in node.had("room.leave")] == sessions[1:-1])


def test_a_session_that_was_replaced_while_the_node_answered_ends(
    web: RoomWeb, room: str, node: ScriptedNode, village: Page
) -> None:
    village.join(room)
    first = village.session
    with closing(Page(web, web.token("lishuping"))) as again:
        node.hangs.add("room.offer")
        village.client.emit("offer", OFFER, namespace="/room")
        until(lambda: node.had("room.offer"))
        node.hangs.clear()
        again.join(room)
        node.released.set()
        # Told once before the node knew the session, and once after.
        until(lambda: [one["session"] for one in node.had("room.leave")].count(first) == 2)


def test_the_oldest_connection_of_one_guest_gives_way(web: RoomWeb, room: str, officer: Page) -> None:
    with ExitStack() as stack:
        token = web.authority.links.redeem(web.link(room, "王医生", "speaker").split("link=")[1], []).access_token
        pages = [stack.enter_context(closing(Page(web, token))) for _ in range(CONNECTIONS_OF_ONE_MAX + 1)]
        assert until(lambda: pages[0].told("closed")) == [{"reason": "replaced"}]
        until(lambda: not pages[0].client.connected)
        assert all(page.client.connected for page in pages[1:])
        assert officer.client.connected
        pages[1].close()
        last = stack.enter_context(closing(guest(web, room)))
        assert all(page.client.connected for page in (*pages[2:], last))


def test_a_ring_ends_in_time_though_the_players_node_hangs(
    web: RoomWeb, room: str, node: ScriptedNode, officer: Page, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.02)
    go_in(officer, room, node)
    officer.ask("state", {"camera": True})
    node.slots = [{"mid": "3", "slot": "v0", "kind": "video"}]
    for number in range(2):
        with web.database.writing() as session:
            _, token = web.authority.devices.add(session, SYSTEM, f"大屏 {number}")
        web.signalling.whip.offer(web.authority.authenticate(token), room, "v=0\nm=video 9\na=recvonly\n", "watch")
    node.hangs.update(("room.want", "node.stats"))
    web.signalling.start()
    officer.ask("ring", {"site": "lishuping"})
    until(lambda: node.had("room.want"))
    clock.advance(calling.RINGS_FOR_S + 1)
    # Before the first answer of the node was given up, after 5 s.
    until(lambda: officer.told("roster")[-1]["rings"].get("lishuping", {}).get("state") == "no_screen", timeout_s=4)
