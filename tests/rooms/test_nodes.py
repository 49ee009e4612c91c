"""The registry of nodes: what it tells the feed and the metrics."""

from typing import Any

from prometheus_client import CollectorRegistry, generate_latest

from conference.nodes import DIAL_IN_S, LOAD_SILENT_S
from foundation.clock import ManualClock, epoch_ms
from tests.rooms.harness import Page, RoomWeb, ScriptedNode, until
from tests.rooms.test_signalling import go_in

LOAD = {
    "rooms": 1,
    "sessions": 3,
    "counters": {"packets_in": 10, "packets_out": 20, "bytes_in": 1000, "bytes_out": 2000, "dropped": {"stun": 4}},
    "cpu_seconds": 1.5,
    "loop_errors": {"tick": 2},
}


def worker(web: RoomWeb) -> ScriptedNode:
    return ScriptedNode(web, "w1", kind="worker")


def test_the_feed_learns_which_parts_are_up_and_since_when(web: RoomWeb, clock: ManualClock) -> None:
    began = epoch_ms(clock.now())
    assert web.nodes.system_state()["media"] == {"state": "unknown", "since": began}
    assert web.nodes.system_state()["ingest"]["state"] == "ok", "nobody cries wolf while web has just started"
    clock.advance(DIAL_IN_S)
    state = web.nodes.system_state()
    assert state["media"] == {"state": "down", "since": began}
    assert state["ingest"]["state"] == "stopped" and state["ingest"]["reason"] == "no_worker"
    clock.advance(5)
    media, work = ScriptedNode(web), worker(web)
    assert web.nodes.system_state()["media"] == {"state": "up", "since": began + 11000}
    assert web.nodes.system_state()["worker"] == {"state": "up", "since": began + 11000}
    assert web.nodes.system_state()["ingest"]["state"] == "ok"
    work.tell("ingest", {"state": "stopped", "reason": "disk_full", "since": began, "rate": 0, "lag_s": 2.5})
    assert web.nodes.system_state()["ingest"] == {
        "state": "stopped",
        "reason": "disk_full",
        "since": began,
        "rate": 0.0,
        "lag_s": 2.5,
    }
    clock.advance(5)
    media.close()
    until(lambda: web.nodes.system_state()["media"] == {"state": "down", "since": began + 16000})
    work.close()


def test_the_metrics_show_what_the_nodes_reported(web: RoomWeb, node: ScriptedNode) -> None:
    node.tell("load", LOAD)
    registry = CollectorRegistry()
    registry.register(web.nodes)
    text = generate_latest(registry).decode()
    for line in (
        'fenghuo_nodes{kind="media"} 1.0',
        'fenghuo_media_sessions{node="n1"} 3.0',
        'fenghuo_media_packets_total{direction="out",node="n1"} 20.0',
        'fenghuo_media_dropped_total{node="n1",reason="stun"} 4.0',
        'fenghuo_node_loop_errors_total{loop="tick",node="n1"} 2.0',
    ):
        assert line in text


def test_what_a_node_says_is_bounded_and_never_breaks_the_registry(web: RoomWeb, node: ScriptedNode) -> None:
    strange: list[Any] = [
        {},
        {"counters": None},
        {"counters": {"dropped": {f"r{number}": "x" for number in range(500)}}},
        {"rooms": "many", "sessions": None, "cpu_seconds": True},
    ]
    for load in strange:
        node.tell("load", load)
        registry = CollectorRegistry()
        registry.register(web.nodes)
        assert len(generate_latest(registry)) < 20_000
    for event in ("session", "slots", "speakers"):
        assert node.tell(event, {"room": 5})["error"]["code"] == "bad_request"
    assert node.tell("ingest", {"state": "ok"})["error"]["code"] == "bad_request"


def test_a_node_that_dials_again_takes_its_own_place(web: RoomWeb, node: ScriptedNode) -> None:
    again = ScriptedNode(web)
    node.close()
    found = web.nodes.media_node("n1")
    assert found is not None and found.sid == again.sid
    assert web.nodes.system_state()["media"]["state"] == "up"
    again.close()


def test_a_draining_or_silent_node_gets_no_new_room(web: RoomWeb, node: ScriptedNode, clock: ManualClock) -> None:
    other = ScriptedNode(web, "n2")
    node.tell("load", {**LOAD, "sessions": 0, "draining": True})
    other.tell("load", LOAD)
    assert web.nodes.least_loaded().id == "n2"
    clock.advance(30)
    node.tell("load", {**LOAD, "sessions": 99})
    assert web.nodes.least_loaded().id == "n1"
    other.close()


def test_a_room_goes_on_elsewhere_when_its_node_hangs_though_its_wire_stands(
    web: RoomWeb, room: str, officer: Page, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    go_in(village, room, node)
    other = ScriptedNode(web, "n2")
    clock.advance(LOAD_SILENT_S + 1)
    other.tell("load", LOAD)
    at = officer.join(room)["participant"]
    assert "error" not in officer.ask("offer", {"sdp": "v=0"})
    assert len(other.had("room.offer")) == len(node.had("room.offer")) == 1
    # Who was on it is told so, and comes to the others, although it reports again.
    web.tick()
    assert until(lambda: village.told("closed")) == [{"reason": "node_lost"}]
    node.tell("load", LOAD)
    other.tell("session", {"room": room, "session": officer.session, "participant": at, "state": "connected"})
    assert "error" not in village.join(room) and "error" not in village.ask("offer", {"sdp": "v=0"})
    assert len(other.had("room.offer")) == 2
    other.close()
