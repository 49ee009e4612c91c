"""Namespace /room with a real Socket.IO client on a served application, and a scripted node at /nodes."""

from typing import Any

import pytest
import socketio
from prometheus_client import CollectorRegistry, generate_latest

from conference import news, presence, roster, watch
from conference.nodes import CALL_TIMEOUT_S
from foundation import journal
from foundation.clock import ManualClock
from foundation.identifiers import new_id
from tests.rooms.harness import Page, RoomWeb, ScriptedNode, until

OFFICER = "值班员 李国强"
VILLAGE = "梨树坪 王小梅"


def go_in(page: Page, room: str, node: ScriptedNode) -> str:
    """Join, offer and be connected; the participant's id."""
    participant = str(page.join(room)["participant"])
    assert page.ask("offer", {"sdp": "v=0 offer"})["sdp"] == "v=0 answer"
    node.session(room, participant, page.session, "connected")
    until(lambda: any(told["session"] == page.session for told in node.had("room.grants")))
    return participant


def kinds(web: RoomWeb) -> list[str]:
    with web.database.reading() as session:
        return [row.kind for row in reversed(journal.newest(session, 100, frozenset({"rooms"})))]


def test_joining_tells_who_one_is_and_everybody_who_is_there(
    web: RoomWeb, room: str, officer: Page, village: Page
) -> None:
    welcome = officer.join(room)
    assert (welcome["name"], welcome["role"], welcome["title"]) == (OFFICER, "host", "防汛会商")
    assert (welcome["video_slots"], welcome["ice_servers"], welcome["live"]) == (9, [], False)
    assert village.join(room)["role"] == "speaker"
    until(lambda: set(officer.roster()) == {OFFICER, VILLAGE})


def test_an_offer_goes_to_the_node_with_the_grants_and_its_answer_comes_back(
    room: str, officer: Page, node: ScriptedNode
) -> None:
    participant = officer.join(room)["participant"]
    answer = officer.ask("offer", {"sdp": "v=0 offer"})
    assert answer == {"sdp": "v=0 answer", "slots": [{"mid": "3", "slot": "a0", "kind": "audio"}]}
    assert node.had("room.offer") == [
        {
            "room": room,
            "participant": participant,
            "session": officer.session,
            "sdp": "v=0 offer",
            "grants": {"publish": ["audio", "camera", "screen"], "subscribe": True},
        }
    ]


def test_a_listener_is_granted_nothing_to_send(web: RoomWeb, room: str, node: ScriptedNode) -> None:
    link = web.link(room, "县领导", "listener").split("link=")[1]
    guest = Page(web, web.authority.links.redeem(link, []).access_token)
    assert guest.join(room)["role"] == "listener"
    guest.ask("offer", {"sdp": "v=0"})
    assert node.had("room.offer")[0]["grants"]["publish"] == []
    assert guest.ask("state", {"camera": True})["error"]["code"] == "forbidden"
    guest.close()


def test_without_a_media_node_the_offer_says_so(room: str, officer: Page) -> None:
    officer.join(room)
    assert officer.ask("offer", {"sdp": "v=0"})["error"]["code"] == "no_node"


def test_the_nodes_refusal_reaches_the_page_with_its_code(room: str, officer: Page, node: ScriptedNode) -> None:
    node.errors["room.offer"] = {"code": "bad_offer", "message": "m=application"}
    officer.join(room)
    assert officer.ask("offer", {"sdp": "v=0"})["error"]["code"] == "bad_offer"


def test_a_connected_session_is_shown_and_journalled(
    web: RoomWeb, room: str, officer: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    until(lambda: officer.roster()[OFFICER]["connected"])
    assert kinds(web) == ["room.opened", "room.joined"]


def test_want_is_checked_and_passed_on(room: str, officer: Page, village: Page, node: ScriptedNode) -> None:
    other = go_in(village, room, node)
    go_in(officer, room, node)
    picture = {"slot": "v0", "participant": other, "kind": "camera", "height": 359.6}
    assert officer.ask("want", {"video": [picture]}) == {}
    assert node.had("room.want")[-1] == {
        "room": room,
        "session": officer.session,
        "video": [{**picture, "height": 360}],
    }
    for bad in (
        {**picture, "slot": "v9"},
        {**picture, "slot": "v01"},
        {**picture, "slot": "a0"},
        {**picture, "participant": "x"},
        {**picture, "kind": "audio"},
        {**picture, "height": -1},
        {**picture, "height": True},
        {**picture, "height": None},
        "v0",
    ):
        assert officer.ask("want", {"video": [bad]})["error"]["code"] == "bad_request"
    assert officer.ask("want", {"video": [picture, picture]})["error"]["code"] == "bad_request"
    assert officer.ask("want", {"video": [picture] * 17})["error"]["code"] == "bad_request"


def test_state_reaches_the_others(room: str, officer: Page, village: Page, node: ScriptedNode) -> None:
    go_in(officer, room, node)
    go_in(village, room, node)
    before = len(node.had("room.grants"))
    assert village.ask("state", {"muted": True, "camera": True}) == {}
    until(lambda: officer.roster()[VILLAGE]["muted"] and officer.roster()[VILLAGE]["camera"])
    assert len(node.had("room.grants")) == before


def test_slots_reach_their_page_only_and_speakers_everybody(
    room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    other = go_in(village, room, node)
    shown = {"slot": "v0", "kind": "camera", "participant": other}
    node.tell("slots", {"room": room, "session": officer.session, "slots": [shown]})
    node.tell("speakers", {"room": room, "participants": [other]})
    until(lambda: village.told("speakers") and officer.told("speakers"))
    assert officer.told("slots") == [{"slots": [shown]}]
    assert village.told("slots") == []


def test_a_host_mutes_through_the_node_and_a_speaker_cannot(
    room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    host, other = go_in(officer, room, node), go_in(village, room, node)
    assert village.ask("mute", {"participant": host})["error"]["code"] == "forbidden"
    assert officer.ask("mute", {"participant": other}) == {}
    until(lambda: village.roster()[VILLAGE]["muted"])
    version = village.told("roster")[-1]["version"]
    silent = {"room": room, "session": village.session, "publish": ["camera", "screen"], "version": version}
    until(lambda: node.had("room.grants")[-1:] == [silent])
    village.ask("state", {"muted": False})
    until(lambda: node.had("room.grants")[-1]["publish"] == ["audio", "camera", "screen"])
    assert node.had("room.grants")[-1]["version"] > version


def test_a_host_removes_and_the_removed_cannot_come_back(
    room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    other = go_in(village, room, node)
    assert officer.ask("remove", {"participant": other}) == {}
    until(lambda: village.told("closed") == [{"reason": "removed"}])
    until(lambda: set(officer.roster()) == {OFFICER})
    until(lambda: [told["session"] for told in node.had("room.leave")] == [village.session])
    assert village.join(room)["error"]["code"] == "forbidden"


def test_the_newest_session_replaces_the_older_page(web: RoomWeb, room: str, village: Page, node: ScriptedNode) -> None:
    participant = go_in(village, room, node)
    other_page = Page(web, web.token("lishuping"))
    assert other_page.join(room)["participant"] == participant
    until(lambda: village.told("closed") == [{"reason": "replaced"}])
    # Its media goes on until the new one's does.
    assert node.had("room.leave") == []
    other_page.ask("offer", {"sdp": "v=0"})
    node.session(room, participant, other_page.session, "connected")
    until(lambda: node.had("room.leave"))
    assert node.had("room.leave")[-1] == {"room": room, "session": village.session, "reason": "replaced"}
    assert village.ask("state", {"muted": True})["error"]["code"] == "bad_request"
    other_page.close()


def test_a_page_that_dials_again_goes_on_with_its_session(
    web: RoomWeb, room: str, village: Page, node: ScriptedNode
) -> None:
    participant = go_in(village, room, node)
    shown = {"slot": "v0", "kind": "camera", "participant": new_id()}
    node.tell("slots", {"room": room, "session": village.session, "slots": [shown]})
    village.close()
    again = Page(web, web.token("lishuping"))
    again.session = village.session
    welcome = again.join(room)
    assert (welcome["participant"], welcome["live"]) == (participant, True)
    until(lambda: again.told("slots") == [{"slots": [shown]}])
    assert again.ask("want", {"video": []}) == {}
    assert again.told("closed") == []
    again.close()


def test_leaving_is_told_to_the_node_the_others_and_the_journal(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    go_in(village, room, node)
    assert village.ask("leave", {}) == {}
    until(lambda: set(officer.roster()) == {OFFICER})
    until(lambda: node.had("room.leave"))
    assert kinds(web)[-1] == "room.left"


def test_a_page_that_goes_before_it_had_any_media_was_never_there(
    web: RoomWeb, room: str, officer: Page, village: Page
) -> None:
    officer.join(room)
    village.join(room)
    until(lambda: set(officer.roster()) == {OFFICER, VILLAGE})
    village.close()
    until(lambda: set(officer.roster()) == {OFFICER})
    assert kinds(web) == ["room.opened"]


def test_a_lost_link_shows_at_once_and_is_journalled_after_a_while(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    participant = go_in(village, room, node)
    clock.advance(watch.START_GRACE_S)
    node.session(room, participant, village.session, "lost")
    until(lambda: officer.roster()[VILLAGE]["connected"] is False)
    web.tick()
    assert "room.lost" not in kinds(web)
    clock.advance(presence.LOST_AFTER_S)
    web.tick()
    assert kinds(web)[-1] == "room.lost"
    node.session(room, participant, village.session, "connected")
    assert kinds(web)[-1] == "room.returned"


def test_a_node_that_dials_again_in_time_loses_nobody(
    web: RoomWeb, room: str, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    participant = go_in(village, room, node)
    node.close()
    until(lambda: web.nodes.media_node("n1") is None)
    again = ScriptedNode(web)
    again.session(room, participant, village.session, "connected")
    clock.advance(news.NODE_GRACE_S)
    web.tick()
    assert village.ask("want", {"video": []}) == {}
    assert village.told("closed") == []
    again.close()


def test_nobody_waits_for_the_sessions_of_a_node_that_was_restarted(
    web: RoomWeb, room: str, village: Page, node: ScriptedNode
) -> None:
    go_in(village, room, node)
    node.close()
    again = ScriptedNode(web, run="second")
    web.tick()
    until(lambda: village.told("closed") == [{"reason": "node_lost"}])
    until(lambda: village.roster()[VILLAGE]["connected"] is False)
    again.close()


def test_a_node_that_stays_away_ends_its_sessions_so_that_pages_make_new_ones(
    web: RoomWeb, room: str, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(village, room, node)
    node.close()
    until(lambda: web.nodes.media_node("n1") is None)
    clock.advance(news.NODE_GRACE_S)
    web.tick()
    until(lambda: village.told("closed") == [{"reason": "node_lost"}])
    other = ScriptedNode(web, "n2")
    village.session = new_id()
    go_in(village, room, other)
    until(lambda: village.roster()[VILLAGE]["connected"])
    assert village.told("closed") == [{"reason": "node_lost"}]
    other.close()


def test_a_restarted_web_takes_the_living_sessions_over_and_ends_the_others(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    participant = go_in(village, room, node)
    go_in(officer, room, node)
    for gone in (village, officer, node, web):
        gone.stop() if isinstance(gone, RoomWeb) else gone.close()
    second = RoomWeb(web.settings, web.database, clock)
    second.signalling.start()
    returned = ScriptedNode(second)
    returned.session(room, participant, village.session, "connected")
    page = Page(second, second.token("lishuping"))
    page.session = village.session
    welcome = page.join(room)
    assert (welcome["participant"], welcome["live"]) == (participant, True)
    assert all(one["connected"] for one in welcome["roster"]["participants"])
    assert page.ask("want", {"video": []}) == {}
    clock.advance(watch.START_GRACE_S)
    second.tick()
    until(lambda: page.roster()[OFFICER]["connected"] is False)
    assert page.roster()[VILLAGE]["connected"] is True
    assert kinds(second) == ["room.opened", "room.joined", "room.joined"]
    page.close()
    returned.close()
    second.stop()


def test_a_second_web_process_takes_nobody_away_from_the_first(
    web: RoomWeb, room: str, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(village, room, node)
    second = RoomWeb(web.settings, web.database, clock)
    second.signalling.start()
    second.tick()
    with web.database.reading() as session:
        assert [one["connected"] for one in roster.whole(session, room)["participants"]] == [True]
    clock.advance(watch.START_GRACE_S)
    second.tick()
    web.tick()
    until(lambda: village.roster()[VILLAGE]["connected"] is True)
    for _ in range(3):
        second.tick()
        web.tick()
    with web.database.reading() as session:
        assert [one["connected"] for one in roster.whole(session, room)["participants"]] == [True]
    assert kinds(web) == ["room.opened", "room.joined"]
    second.stop()


def test_who_closed_the_page_is_gone_after_two_minutes_and_who_only_has_no_link_is_not(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(officer, room, node)
    link = web.link(room, "王医生", "speaker").split("link=")[1]
    guest = Page(web, web.authority.links.redeem(link, []).access_token)
    for page in (guest, village):
        node.session(room, go_in(page, room, node), page.session, "lost")
    guest.close()
    until(lambda: web.signalling._turnstile.connections == 2)
    # Whose media does not come through, for hours, and whose page goes on trying.
    for _ in range(8):
        clock.advance(presence.PAGE_SEEN_EVERY_S)
        web.tick()
    until(lambda: set(officer.roster()) == {OFFICER, VILLAGE})
    assert kinds(web).count("room.left") == 1
    village.close()
    until(lambda: web.signalling._turnstile.connections == 1)
    clock.advance(presence.GONE_S)
    web.tick()
    until(lambda: set(officer.roster()) == {OFFICER})
    [site] = [one for one in officer.told("roster")[-1]["rollcall"] if one["site"] == "lishuping"]
    assert (site["state"], site["why"]) == ("missing", "link_lost")


def test_that_a_computer_is_busy_is_told_to_its_node(room: str, village: Page, node: ScriptedNode) -> None:
    go_in(village, room, node)
    assert village.ask("busy", {}) == {}
    until(lambda: node.had("room.busy") == [{"room": room, "session": village.session}])


def test_a_node_with_a_session_that_nobody_has_is_told_to_end_it(room: str, web: RoomWeb, node: ScriptedNode) -> None:
    node.session(room, new_id(), new_id(), "connected")
    until(lambda: node.had("room.leave"))
    node.session(new_id(), new_id(), new_id(), "connected")
    until(lambda: node.had("room.close"))


def test_a_room_is_on_one_node_and_a_new_one_goes_to_the_least_loaded(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    busy = {"rooms": 1, "sessions": 9, "counters": {}, "cpu_seconds": 1}
    node.tell("load", busy)
    idle = ScriptedNode(web, "n2")
    idle.tell("load", {**busy, "sessions": 0})
    go_in(officer, room, idle)
    idle.tell("load", {**busy, "sessions": 20})
    go_in(village, room, idle)
    assert len(idle.had("room.offer")) == 2
    assert node.had("room.offer") == []
    idle.close()


def test_ending_a_room_ends_it_for_all(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(officer, room, node)
    go_in(village, room, node)
    client = web.app.test_client()
    path = f"/api/v1/rooms/{room}/close"
    refused = client.post(path, headers={"Authorization": f"Bearer {web.token('lishuping')}"})
    assert refused.status_code == 403
    ended = client.post(path, headers={"Authorization": f"Bearer {web.token('officer')}"})
    assert (ended.status_code, ended.get_json()["open"]) == (200, False)
    web.tick()
    until(lambda: officer.told("closed") == [{"reason": "ended"}] and village.told("closed") == [{"reason": "ended"}])
    until(lambda: node.had("room.close"))
    assert officer.join(room)["error"]["code"] == "room_closed"


@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("join", {}),
        ("join", {"room": "x", "session": "y"}),
        ("join", {"room": None, "session": 5}),
        ("join", "room"),
        ("offer", {"sdp": "v=0"}),
        ("want", {"video": []}),
        ("state", {"muted": True}),
        ("mute", {}),
        ("leave", {}),
    ],
)
def test_what_the_protocol_does_not_know_is_a_bad_request(officer: Page, event: str, payload: Any) -> None:
    assert officer.ask(event, payload)["error"]["code"] == "bad_request"


@pytest.mark.parametrize("payload", [{}, {"muted": 1}, {"camera": None}, {"other": True}])
def test_a_state_that_is_not_one_is_refused(room: str, officer: Page, payload: Any) -> None:
    officer.join(room)
    assert officer.ask("state", payload)["error"]["code"] == "bad_request"


def test_an_offer_that_is_too_large_never_reaches_the_node(room: str, officer: Page, node: ScriptedNode) -> None:
    officer.join(room)
    assert officer.ask("offer", {"sdp": "x" * (64 * 1024 + 1)})["error"]["code"] == "bad_offer"
    assert officer.ask("offer", {"sdp": 5})["error"]["code"] == "bad_offer"
    assert node.had("room.offer") == []


def test_an_unknown_room_is_not_found(officer: Page) -> None:
    assert officer.join(new_id())["error"]["code"] == "not_found"


def test_one_who_floods_is_told_so_and_the_others_go_on(web: RoomWeb, room: str, officer: Page, village: Page) -> None:
    officer.join(room)
    village.join(room)
    codes = [officer.ask("state", {"muted": True}).get("error", {}).get("code") for _ in range(60)]
    assert codes[0] is None
    assert codes[-1] == "too_many"
    registry = CollectorRegistry()
    registry.register(web.signalling)
    assert "fenghuo_room_pages 2.0" in (figures := generate_latest(registry).decode())
    assert "fenghuo_room_events_throttled_total 0.0" not in figures
    assert village.ask("state", {"muted": True}) == {}


def test_the_hosts_are_told_once_who_sends_too_many_events(room: str, officer: Page, village: Page) -> None:
    officer.join(room)
    participant = village.join(room)["participant"]
    for _ in range(60):
        village.ask("state", {"muted": True})
    assert until(lambda: officer.told("offence")) == [{"participant": participant, "what": "events"}]
    assert village.told("offence") == []


@pytest.mark.parametrize("what", ["flood", "not_granted"])
def test_the_hosts_are_told_whom_the_node_throttles(
    room: str, officer: Page, village: Page, node: ScriptedNode, what: str
) -> None:
    go_in(officer, room, node)
    participant = go_in(village, room, node)
    node.tell("offence", {"room": room, "session": village.session, "participant": participant, "what": what})
    assert until(lambda: officer.told("offence")) == [{"participant": participant, "what": what}]
    assert village.told("offence") == []


def test_nobody_connects_without_a_proof(web: RoomWeb) -> None:
    for namespace, proof in (
        ("/room", {"token": "x.y.z"}),
        ("/room", {}),
        ("/nodes", {"token": "wrong", "kind": "media", "node": "n"}),
    ):
        client = socketio.Client(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            client.connect(web.url, namespaces=[namespace], auth=proof, transports=["websocket"], wait_timeout=5)
        client.disconnect()


def test_a_node_that_goes_away_while_it_is_asked_does_not_hold_the_page(
    room: str, officer: Page, web: RoomWeb, node: ScriptedNode
) -> None:
    def vanish(_payload: dict[str, Any]) -> dict[str, Any]:
        node.client.eio.disconnect(abort=True)
        return {}

    node.client.on("room.offer", vanish, namespace="/nodes")
    officer.join(room)
    assert CALL_TIMEOUT_S < 10
    assert officer.ask("offer", {"sdp": "v=0"})["error"]["code"] == "no_node"
