"""Roll-ups: minute and hour figures are right, also after late and corrected readings, and come in pieces."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from sqlalchemy import select

from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from operations import rollups
from operations.readings import HOUR_MS, MINUTE_MS, by_hour, by_minute, newest, recent_minutes
from operations.rollups import roll_up_due
from operations.sensing import Sensing


def minutes(database: Database) -> list[tuple[float, ...]]:
    with database.reading() as session:
        query = select(
            by_minute.c.low, by_minute.c.mean, by_minute.c.high, by_minute.c.last, by_minute.c["count"]
        ).order_by(by_minute.c.at)
        return [tuple(row) for row in session.execute(query)]


def take(sensing: Sensing, start: int, *values: tuple[int, float]) -> None:
    sensing.take([{"sensor": "river-stage", "at": start + offset, "value": value} for offset, value in values])


def roll_up(database: Database) -> int:
    with database.writing() as session:
        return roll_up_due(session)


def due_from(database: Database) -> int | None:
    with database.reading() as session:
        due: int | None = session.execute(select(newest.c.due_from).where(newest.c.sensor_key == 1)).scalar_one()
        return due


def test_a_minute_has_its_low_mean_high_last_and_count(
    sensing: Sensing, any_township: Database, clock: ManualClock
) -> None:
    start = epoch_ms(clock.now()) // HOUR_MS * HOUR_MS - HOUR_MS
    take(sensing, start, (0, 1.0), (10_000, 5.0), (50_000, 3.0), (MINUTE_MS, 7.0))
    assert roll_up(any_township) == 1
    assert minutes(any_township) == [(1.0, 3.0, 5.0, 3.0, 3), (7.0, 7.0, 7.0, 7.0, 1)]
    with any_township.reading() as session:
        assert session.execute(select(by_hour.c.mean, by_hour.c["count"])).one() == (4.0, 4)


def test_a_late_reading_makes_its_minute_due_again(
    sensing: Sensing, any_township: Database, clock: ManualClock
) -> None:
    start = epoch_ms(clock.now()) // HOUR_MS * HOUR_MS - HOUR_MS
    take(sensing, start, (0, 1.0), (MINUTE_MS, 2.0))
    roll_up(any_township)
    assert roll_up(any_township) == 0
    take(sensing, start, (30_000, 9.0))
    assert roll_up(any_township) == 1
    assert minutes(any_township) == [(1.0, 5.0, 9.0, 9.0, 2), (2.0, 2.0, 2.0, 2.0, 1)]


def test_a_reading_of_2016_that_arrives_now_holds_no_writer_for_long(
    sensing: Sensing, any_township: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = epoch_ms(clock.now()) // HOUR_MS * HOUR_MS - 3 * HOUR_MS
    take(sensing, start, *((minute * MINUTE_MS + half * 30_000, 2.0) for minute in range(150) for half in (0, 1)))
    while roll_up(any_township):
        pass
    before = minutes(any_township)
    old = epoch_ms(datetime(2016, 7, 1, tzinfo=UTC))
    take(sensing, old, (0, 9.0))
    take(sensing, start, (149 * MINUTE_MS + 45_000, 2.0))  # a live one: all between the two is due
    monkeypatch.setattr(rollups, "ROWS_AT_ONCE", 40)
    monkeypatch.setattr(rollups, "SHORT_MS", 0)
    pieces = [due_from(any_township)]
    while roll_up(any_township):
        pieces.append(due_from(any_township))
    # 302 readings, 40 or the rest of a minute more at once; the ten years between them pass in one step.
    assert pieces[0] == old and pieces[-1] is None
    assert len(pieces) == 1 + 8
    steps = [later - earlier for earlier, later in pairwise(pieces[1:-1]) if earlier and later]
    assert set(steps) == {20 * MINUTE_MS}
    assert minutes(any_township) == [(9.0, 9.0, 9.0, 9.0, 1), *before[:-1], (2.0, 2.0, 2.0, 2.0, 3)]
    with any_township.reading() as session:
        hours = session.execute(select(by_hour.c.mean, by_hour.c["count"]).order_by(by_hour.c.at)).all()
    assert [tuple(hour) for hour in hours] == [(9.0, 1), (2.0, 120), (2.0, 120), (2.0, 61)]


def test_what_is_left_of_one_sensor_does_not_keep_others_due_for_ever(
    sensing: Sensing, any_township: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollups, "ROWS_AT_ONCE", 2)
    monkeypatch.setattr(rollups, "SHORT_MS", 0)
    start = epoch_ms(clock.now()) // HOUR_MS * HOUR_MS - HOUR_MS
    take(sensing, start, (0, 1.0), (MINUTE_MS, 2.0), (2 * MINUTE_MS, 3.0))
    sensing.take([{"sensor": "river-flow", "at": start, "value": 4.0}])
    assert [roll_up(any_township) for _ in range(3)] == [1, 2, 0]
    assert len(minutes(any_township)) == 4


def test_the_recent_past_has_the_last_value_of_each_minute_rolled_up_or_not(
    sensing: Sensing, any_township: Database, clock: ManualClock
) -> None:
    start = epoch_ms(clock.now()) // HOUR_MS * HOUR_MS - HOUR_MS
    take(sensing, start, (0, 1.0), (10_000, 2.0), (MINUTE_MS, 3.0))
    roll_up(any_township)
    take(sensing, start, (2 * MINUTE_MS, 4.0), (2 * MINUTE_MS + 5_000, 5.0))
    with any_township.reading() as session:
        minutes = recent_minutes(session, 1, 10)
        assert [value for _at, value in minutes] == [2.0, 3.0, 5.0]
        assert [value for _at, value in recent_minutes(session, 1, 2)] == [3.0, 5.0]
