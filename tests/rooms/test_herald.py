"""Rosters are told at once, and where changes crowd, together."""

from collections.abc import Callable

from conference.herald import GATHER_S, Herald
from foundation.loops import error_counts

ROOM = "room"


class Pauses:
    """Pauses that end when the test says so."""

    def __init__(self) -> None:
        self.running: list[Callable[[], None]] = []

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        assert seconds == GATHER_S
        self.running.append(action)

    def end(self) -> None:
        self.running.pop(0)()


def test_a_change_is_told_at_once_and_a_crowd_of_them_once_more() -> None:
    told: list[tuple[str, str | None]] = []
    pauses = Pauses()
    herald = Herald(lambda room, world: told.append((room, world)), pauses.later)
    for _ in range(42):
        herald.roster_changed(ROOM, None)
    assert told == [(ROOM, None)]
    pauses.end()
    assert told == [(ROOM, None)] * 2
    pauses.end()
    assert told == [(ROOM, None)] * 2
    assert not pauses.running
    herald.roster_changed(ROOM, None)
    assert len(told) == 3


def test_rooms_do_not_wait_for_each_other() -> None:
    told: list[str] = []
    pauses = Pauses()
    herald = Herald(lambda room, _world: told.append(room), pauses.later)
    for room in ("first", "second"):
        herald.roster_changed(room, None)
    assert told == ["first", "second"]


def test_a_roster_that_could_not_be_told_does_not_silence_the_room() -> None:
    told: list[str] = []

    def tell(room: str, _world: str | None) -> None:
        told.append(room)
        if len(told) == 2:
            raise OSError("the database is away")

    pauses = Pauses()
    herald = Herald(tell, pauses.later)
    herald.roster_changed(ROOM, None)
    herald.roster_changed(ROOM, None)
    before = error_counts().get("rooms.roster", 0)
    pauses.end()
    assert error_counts()["rooms.roster"] == before + 1
    herald.roster_changed(ROOM, None)
    pauses.end()
    assert len(told) == 3
