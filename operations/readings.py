"""Readings as they are kept: the raw rows, the newest of each sensor, and the minute and hour roll-ups."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, Literal

from sqlalchemy import BigInteger, Column, Float, Integer, Select, SmallInteger, Table, and_, bindparam, or_, select
from sqlalchemy.orm import Session

from foundation.database import Base

GOOD = 0
SUSPECT = 1

MINUTE_MS = 60_000
HOUR_MS = 3_600_000

readings = Table(
    "readings",
    Base.metadata,
    Column("sensor_key", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("value", Float, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    sqlite_with_rowid=False,
)
"""One value of one sensor at one time (epoch milliseconds, UTC)."""

newest = Table(
    "newest_readings",
    Base.metadata,
    Column("sensor_key", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("value", Float, nullable=False),
    Column("quality", SmallInteger, nullable=False),
    Column("measured_by", BigInteger, nullable=False),
    Column("due_from", BigInteger),
    Column("due_to", BigInteger),
)
"""The newest reading of each sensor, and the span of raw readings whose roll-ups are due (null when none is).

The newest is the one with the latest `measured_by`: its own time, or the time at which it arrived where that was earlier, since nothing is
measured after it arrived. Of two with the same, the one that arrived later. So a reading from a clock that ran ahead keeps its time and is
the newest at once, but gives way to the next one after the clock was put right; a late reading still replaces nothing.
"""


def _roll_up(name: str) -> Table:
    return Table(
        name,
        Base.metadata,
        Column("sensor_key", Integer, primary_key=True, autoincrement=False),
        Column("at", BigInteger, primary_key=True, autoincrement=False),
        Column("low", Float, nullable=False),
        Column("mean", Float, nullable=False),
        Column("high", Float, nullable=False),
        Column("last", Float, nullable=False),
        Column("count", Integer, nullable=False),
        sqlite_with_rowid=False,
    )


by_minute = _roll_up("readings_minute")
by_hour = _roll_up("readings_hour")

Grain = Literal["raw", "minute", "hour"]


@dataclass(frozen=True)
class Newest:
    """The newest reading of a sensor: epoch milliseconds, value in the sensor's unit, quality (0 good, 1 suspect)."""

    at: int
    value: float
    quality: int


def newest_of_all(session: Session) -> dict[int, Newest]:
    """The newest reading of every sensor that has one, by sensor key."""
    query = select(newest.c.sensor_key, newest.c.at, newest.c.value, newest.c.quality)
    return {key: Newest(at, value, quality) for key, at, value, quality in session.execute(query)}


SPANS_AT_ONCE = 200
"""Sensors in one query of `since`: SQLite refuses an expression deeper than 1,000."""


def since(session: Session, after: dict[int, int], limit: int) -> dict[int, list[tuple[int, float, int]]]:
    """For each sensor key, its readings later than the given time (epoch ms), oldest first: (at, value, quality).

    At most `limit` rows for each `SPANS_AT_ONCE` sensors; the newest are kept.
    """
    found: dict[int, list[tuple[int, float, int]]] = {}
    keys = iter(after.items())
    while spans := list(islice(keys, SPANS_AT_ONCE)):
        given = {"limit": limit}
        for number, (key, at) in enumerate(spans):
            given[f"key{number}"], given[f"at{number}"] = key, at
        for key, at, value, quality in session.execute(_since(len(spans)), given):
            found.setdefault(key, []).append((at, value, quality))
    for rows in found.values():
        rows.reverse()
    return found


@lru_cache(maxsize=256)
def _since(count: int) -> Select[Any]:
    """The query of `since` for so many sensors: every second's tick asks it, and building it costs more than its rows."""
    spans = (
        and_(readings.c.sensor_key == bindparam(f"key{number}"), readings.c.at > bindparam(f"at{number}"))
        for number in range(count)
    )
    return (
        select(readings.c.sensor_key, readings.c.at, readings.c.value, readings.c.quality)
        .where(or_(*spans))
        .order_by(readings.c.at.desc())
        .limit(bindparam("limit"))
    )


def series(
    session: Session, sensor_key: int, start: int, end: int, grain: Grain, limit: int
) -> list[tuple[int, float]]:
    """(epoch ms, value) from `start` up to `end` (both included), oldest first; the newest `limit` rows.

    Roll-ups give their mean at the beginning of their period.
    """
    table = {"raw": readings, "minute": by_minute, "hour": by_hour}[grain]
    value = table.c.value if grain == "raw" else table.c.mean
    query = (
        select(table.c.at, value)
        .where(table.c.sensor_key == sensor_key, table.c.at >= start, table.c.at <= end)
        .order_by(table.c.at.desc())
        .limit(limit)
    )
    rows = [(at, value) for at, value in session.execute(query)]
    rows.reverse()
    return rows


def recent_minutes(session: Session, sensor_key: int, count: int) -> list[tuple[int, float]]:
    """The last value of each of the last `count` minutes that have one, oldest first: (epoch ms, value).

    From the roll-ups, and from the raw readings that came after them.
    """
    query = (
        select(by_minute.c.at, by_minute.c.last)
        .where(by_minute.c.sensor_key == sensor_key)
        .order_by(by_minute.c.at.desc())
        .limit(count)
    )
    rows = [(at, value) for at, value in session.execute(query)]
    rows.reverse()
    end = rows[-1][0] + MINUTE_MS if rows else 0
    by_end: dict[int, tuple[int, float]] = {at // MINUTE_MS: (at, value) for at, value in rows}
    raw = (
        select(readings.c.at, readings.c.value)
        .where(readings.c.sensor_key == sensor_key, readings.c.at >= end)
        .order_by(readings.c.at.desc())
        .limit(count * 60)
    )
    for at, value in reversed(list(session.execute(raw))):
        by_end[at // MINUTE_MS] = (at, value)
    return list(by_end.values())[-count:]


def recent(session: Session, sensor_key: int, count: int) -> list[tuple[int, float]]:
    """The last `count` readings of a sensor, oldest first: (epoch ms, value)."""
    query = (
        select(readings.c.at, readings.c.value)
        .where(readings.c.sensor_key == sensor_key)
        .order_by(readings.c.at.desc())
        .limit(count)
    )
    rows = [(at, value) for at, value in session.execute(query)]
    rows.reverse()
    return rows
