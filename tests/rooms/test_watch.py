"""The watch of every second: it outlives whatever goes wrong in one of them."""

import logging
import threading

import pytest

from conference import watch
from conference.switchboard import Switchboard
from conference.watch import Watch
from foundation.clock import ManualClock
from foundation.database import Database
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


def test_an_unforeseen_error_is_logged_and_the_watch_goes_on_with_everything_else(
    web: RoomWeb,
    database: Database,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.01)
    board = FailingBoard(web)
    watching = Watch(board, database, clock)
    with caplog.at_level(logging.ERROR):
        watching.start()
        assert board.went_on.wait(10)
        watching.stop()
    errors = [record for record in caplog.records if record.name == "conference.watch"]
    assert len(errors) == 2
    assert all(record.exc_info is not None and record.exc_info[0] is KeyError for record in errors)
    assert board.others >= 2
