"""What can be made to be logged fills no disk."""

import logging
from datetime import UTC, datetime

from foundation.clock import ManualClock
from foundation.logs import LINES_BURST, PLACES_MAX, TRACEBACK_LINES, RateLimit


def record(line: int, *, traceback: bool = False) -> logging.LogRecord:
    error = ValueError()
    info = (ValueError, error, None) if traceback else None
    return logging.LogRecord("a.place", logging.WARNING, "file.py", line, "text %s", (), info)


def test_each_place_that_logs_is_bounded_and_says_how_many_lines_were_left_out() -> None:
    clock = ManualClock(datetime(2026, 11, 20, tzinfo=UTC))
    limit = RateLimit(clock)
    assert sum(limit.filter(record(1)) for _ in range(10_000)) == LINES_BURST
    assert limit.filter(record(2)), "another place is not silenced by it"
    clock.advance(1)
    after = record(1)
    assert limit.filter(after)
    assert after.__dict__["left_out"] == 10_000 - LINES_BURST
    assert not limit.filter(record(1))


def test_a_traceback_counts_as_several_lines() -> None:
    limit = RateLimit(ManualClock(datetime(2026, 11, 20, tzinfo=UTC)))
    assert sum(limit.filter(record(1, traceback=True)) for _ in range(1000)) == LINES_BURST / TRACEBACK_LINES


def test_the_table_of_places_is_bounded() -> None:
    limit = RateLimit(ManualClock(datetime(2026, 11, 20, tzinfo=UTC)))
    for line in range(3 * PLACES_MAX):
        assert limit.filter(record(line))
    assert len(limit._places) == PLACES_MAX
