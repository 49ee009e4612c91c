"""The machine's clock is set: the journal says so, once, and the feed goes on ticking."""

import threading
import time
from datetime import timedelta
from unittest.mock import MagicMock

import pytest
from sqlalchemy import select

from dashboard.feed import Feed
from dashboard.snapshots import Readings, Snapshots, summary
from fenghuo.clock_watch import ClockWatch
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.journal import JournalRow


def entries(database: Database) -> list[JournalRow]:
    with database.reading() as session:
        return list(session.execute(select(JournalRow).where(JournalRow.kind == "clock.jumped")).scalars())


@pytest.mark.parametrize("hours", [-8, 8])
def test_a_clock_that_was_set_is_in_the_journal_once(database: Database, clock: ManualClock, hours: int) -> None:
    watch = ClockWatch(database, clock)
    for _ in range(3):
        clock.advance(5)
        watch.look()
    clock.set_wall(clock.now() + timedelta(hours=hours))
    for _ in range(3):
        clock.advance(5)
        watch.look()
    (row,) = entries(database)
    assert summary("zh", row) == f"系统时钟被调整 {hours * 3600:+d} 秒"


def test_what_could_not_be_written_is_told_later(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = ClockWatch(database, clock)
    clock.set_wall(clock.now() + timedelta(hours=1))
    with monkeypatch.context() as patch:
        patch.setattr(database, "_checked_at", float("inf"))
        patch.setattr(database, "state", "full")
        with pytest.raises(Unavailable):
            watch.look()
    watch.look()
    assert len(entries(database)) == 1


def test_the_feed_ticks_on_whatever_the_wall_clock_is_set_to(database: Database, clock: ManualClock) -> None:
    readings = Readings()
    snapshots = Snapshots(clock, readings, lambda _session: {}, dict)
    feed = Feed(MagicMock(), MagicMock(), database, clock, readings, snapshots)
    feed.start()
    try:
        for hours in (0, -8, 0, 8, 0):
            clock.set_wall(clock.now() + timedelta(hours=hours))
            before, deadline = feed._ticks, time.monotonic() + 10
            clock.advance(1)
            while feed._ticks == before and time.monotonic() < deadline:
                threading.Event().wait(0.02)
            assert feed._ticks == before + 1
    finally:
        feed.stop()
