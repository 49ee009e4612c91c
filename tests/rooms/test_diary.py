"""The link diary, and what a page hears of its own line."""

from typing import Any

import pytest
import socketio

from conference.diary import EVERY_S
from foundation import journal
from foundation.clock import ManualClock
from tests.rooms.harness import Page, RoomWeb, ScriptedNode, until
from tests.rooms.test_signalling import go_in

LINE = {
    "step": "stills",
    "down_bps": 480_000,
    "down_loss": 0.06,
    "up_bps": 900_000,
    "up_loss": 0.0,
    "round_trip_ms": 640,
    "freezes": 2,
}


def written(web: RoomWeb) -> list[dict[str, Any]]:
    """The diary's entries, oldest first."""
    with web.database.reading() as session:
        return [row.detail for row in reversed(journal.newest(session, 20, frozenset({"lines"})))]


def test_each_minute_the_journal_keeps_how_every_line_was(
    web: RoomWeb, room: str, village: Page, node: ScriptedNode, clock: ManualClock
) -> None:
    participant = go_in(village, room, node)
    node.figures = {"rooms": [{"room": room, "sessions": [{"participant": participant, "line": LINE}]}]}
    clock.advance(EVERY_S - 1)
    web.tick()
    assert written(web) == []
    clock.advance(1)
    node.tell("load", {})
    web.tick()
    told = {"participant": participant, "name": "梨树坪 王小梅", "site": "lishuping", **LINE}
    assert written(web) == [{"title": "防汛会商", "lines": [told]}]
    web.tick()
    assert len(written(web)) == 1, "once a minute"


def test_a_host_reads_how_everybodys_line_is_and_nobody_else_does(
    web: RoomWeb, room: str, village: Page, node: ScriptedNode
) -> None:
    participant = go_in(village, room, node)
    session = {"participant": participant, "line": LINE, "slots": [{"slot": "v0", "loss": 0.02}]}
    stranger = {"participant": "somebody", "line": LINE}
    node.figures = {"rooms": [{"room": room, "sessions": [session, stranger]}, {"room": "x", "sessions": [session]}]}
    client = web.app.test_client()

    def lines(who: str) -> Any:
        return client.get(f"/api/v1/rooms/{room}/lines", headers={"Authorization": f"Bearer {web.token(who)}"})

    assert lines("officer").get_json() == [{"name": "梨树坪 王小梅", "site": "lishuping", **session}]
    assert lines("lishuping").status_code == 403


def test_what_a_browser_counts_goes_to_the_node(room: str, village: Page, node: ScriptedNode) -> None:
    go_in(village, room, node)
    assert village.ask("freezes", {"slots": {"v0": 3}}) == {}
    (told,) = until(lambda: node.had("room.freezes"))
    assert told == {"room": room, "session": village.session, "slots": {"v0": 3}}


@pytest.mark.parametrize("slots", [None, [], {"a0": 1}, {"v16": 1}, {"v0": -1}, {"v0": True}, {"v0": 10**9}])
def test_a_count_that_the_protocol_does_not_know_is_refused(
    room: str, village: Page, node: ScriptedNode, slots: Any
) -> None:
    go_in(village, room, node)
    assert village.ask("freezes", {"slots": slots})["error"]["code"] == "bad_request"


def test_a_node_that_tells_nonsense_writes_nothing(
    web: RoomWeb, room: str, node: ScriptedNode, clock: ManualClock
) -> None:
    for figures in (
        {},
        {"rooms": 5},
        {"rooms": [{"room": 7, "sessions": [{}]}]},
        {"rooms": [{"room": "x", "sessions": [{"line": 1}]}]},
    ):
        node.figures = figures
        clock.advance(EVERY_S)
        node.tell("load", {})
        web.tick()
    assert written(web) == []


def test_a_page_hears_what_its_line_carries_and_nobody_else_does(
    room: str, officer: Page, village: Page, node: ScriptedNode
) -> None:
    go_in(village, room, node)
    go_in(officer, room, node)
    line = {"step": "speech", "bps": 50_000, "loss": 0.2, "send": {"camera": [], "pictures": False}}
    node.tell("line", {"room": room, "session": village.session, **line})
    assert until(lambda: village.told("line")) == [line]
    assert officer.told("line") == []


@pytest.mark.parametrize("wrong", [{"step": "great"}, {"send": None}, {"session": 5}])
def test_a_line_that_the_protocol_does_not_know_is_refused(
    room: str, village: Page, node: ScriptedNode, wrong: Any
) -> None:
    go_in(village, room, node)
    line = {"room": room, "session": village.session, "step": "full", "bps": 1, "loss": 0, "send": {}, **wrong}
    try:
        answer = node.tell("line", line)
    except socketio.exceptions.TimeoutError:
        answer = {"error": {"code": "bad_request"}}
    assert answer["error"]["code"] == "bad_request"
    assert village.told("line") == []
