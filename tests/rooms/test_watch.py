"""The watch of every second: it outlives whatever goes wrong in one of them."""

import threading

import pytest

from conference import watch
from conference.switchboard import Switchboard
from conference.validity import Validity
from conference.watch import Watch
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.loops import error_counts
from tests.rooms.harness import RoomWeb


class FailingBoard(Switchboard):
    """A switchboard with a mistake in it, that has been fixed at the third try."""

    def __init__(self, web: RoomWeb) -> None:
        super().__init__(web.socketio, web.database, web.nodes, "/room")
        self.tries = 0
        self.others = 0
        self.went_on = threading.Event()

    def release_overdue(self, now: float) -> set[str]:
        self.tries += 1
        if self.tries < 3:
            raise KeyError("unforeseen")
        self.went_on.set()
        return super().release_overdue(now)

    def carried(self) -> set[str]:
        self.others += 1
        return super().carried()


def test_an_unforeseen_error_is_counted_and_the_watch_goes_on_with_everything_else(
    web: RoomWeb,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.01)
    board = FailingBoard(web)
    watching = Watch(board, database, clock, Validity(board, database, clock, web.authority.current))
    before = error_counts().get("rooms.end_left_behind", 0)
    watching.start()
    assert board.went_on.wait(10)
    watching.stop()
    assert error_counts()["rooms.end_left_behind"] == before + 2
    assert board.others >= 2
