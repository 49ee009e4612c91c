"""Roll-ups: minute and hour figures of the readings, so that a year's chart costs as many rows as it has pixels.

Minutes are computed from the raw readings, hours from the minutes. Whoever writes readings waits meanwhile, so one transaction takes a bounded
number of them: after a late reading of years ago and a live one all between the two is due, and is worked off piece by piece, oldest first.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, Table, and_, bindparam, func, literal_column, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from operations.prepared import Prepared
from operations.readings import HOUR_MS, MINUTE_MS, by_hour, by_minute, newest, readings

SENSORS_AT_ONCE = 500
ROWS_AT_ONCE = 20_000
"""Raw readings in one transaction: about a tenth of a second on a small computer."""
SHORT_MS = 5 * MINUTE_MS
"""A span that nobody counts before it is computed: of a sensor that reports each second it has 300 readings."""


@dataclass(frozen=True)
class Statements:
    """What one transaction executes, compiled once."""

    minutes: Prepared
    hours: Prepared
    settle: Prepared


def roll_up_due(session: Session, kept_from: int = 0) -> int:
    """Compute anew minutes and hours that got readings since the last time, late ones included; give for how many sensors, 0 when none is due.

    What lies before `kept_from` (epoch ms, a whole hour) stays as it is: its raw readings were purged, and a late one among them must not replace
    what was computed from all.
    About `ROWS_AT_ONCE` raw readings (and the rest of the minute of the last one); what is left stays due. The session must be a
    writing one: a reading that arrives meanwhile waits, and makes its span due again.
    """
    query = (
        select(newest.c.sensor_key, newest.c.due_from, newest.c.due_to)
        .where(newest.c.due_from.is_not(None))
        # In the order in which writers lock these rows, otherwise the two would dead-lock on PostgreSQL.
        .order_by(newest.c.sensor_key)
        .limit(SENSORS_AT_ONCE)
        .with_for_update()
    )
    connection = session.connection()
    statements = _statements(connection.dialect)
    left = ROWS_AT_ONCE
    minutes: list[tuple[int, int, int]] = []
    hours: list[tuple[int, int, int]] = []
    rest: list[tuple[int, int | None, int | None]] = []
    for key, due_from, due_to in session.execute(query).all():
        if left <= 0:
            break
        due_from = max(due_from, kept_from)
        if due_from > due_to:
            rest.append((key, None, None))
            continue
        start, end = due_from - due_from % MINUTE_MS, due_to - due_to % MINUTE_MS + MINUTE_MS
        if end - start <= SHORT_MS:
            stop, rows = end, (end - start) // 1000
        else:
            stop, rows = _piece(session, key, start, end, left)
        minutes.append((key, start, stop))
        hours.append((key, start - start % HOUR_MS, stop + -stop % HOUR_MS))
        rest.append((key, stop, due_to) if stop <= due_to else (key, None, None))
        left -= rows
    if rest:
        statements.minutes.run(connection, minutes)
        statements.hours.run(connection, hours)
        statements.settle.run(connection, rest)
    return len(rest)


def _piece(session: Session, key: int, start: int, end: int, limit: int) -> tuple[int, int]:
    """The whole minutes from `start` on, `end` at the latest, that hold about `limit` raw readings: where they stop, and how many those are.

    Years without a reading cost nothing and are passed in one piece.
    """
    rows = (
        select(readings.c.at)
        .where(readings.c.sensor_key == key, readings.c.at >= start, readings.c.at < end)
        .order_by(readings.c.at)
        .limit(limit)
        .subquery()
    )
    count, last = session.execute(select(func.count(), func.max(rows.c.at))).one()
    return (last - last % MINUTE_MS + MINUTE_MS if count == limit else end), count


@lru_cache(maxsize=4)
def _statements(dialect: Dialect) -> Statements:
    raw = readings.c
    minutes = _roll_up(
        dialect,
        by_minute,
        MINUTE_MS,
        readings,
        low=func.min(raw.value),
        mean=func.avg(raw.value),
        high=func.max(raw.value),
        last=raw.value,
        count=func.count(),
    )
    fine = by_minute.c
    hours = _roll_up(
        dialect,
        by_hour,
        HOUR_MS,
        by_minute,
        low=func.min(fine.low),
        mean=func.sum(fine.mean * fine["count"]) / func.sum(fine["count"]),
        high=func.max(fine.high),
        last=fine.last,
        count=func.sum(fine["count"]),
    )
    settle = (
        update(newest)
        .where(newest.c.sensor_key == bindparam("key", type_=Integer))
        .values(due_from=bindparam("from", type_=BigInteger), due_to=bindparam("to", type_=BigInteger))
    )
    return Statements(minutes, hours, Prepared(settle, dialect, ("key", "from", "to")))


def _roll_up(
    dialect: Dialect, table: Table, width: int, source: Table, *, low: Any, mean: Any, high: Any, last: Any, count: Any
) -> Prepared:
    """The figures of `table`, one row for each `width` (ms), from the rows of `source`: of one sensor from `start` up to, not including, `stop`.

    Readings are corrected, never taken away, so a row that is there is replaced.
    """
    key = bindparam("key", type_=Integer)
    start, stop = (bindparam(name, type_=BigInteger) for name in ("start", "stop"))
    period: Any = source.c.at - source.c.at % literal_column(str(width))
    found = (
        select(
            period.label("period"),
            low.label("low"),
            mean.label("mean"),
            high.label("high"),
            func.max(source.c.at).label("last_at"),
            count.label("count"),
        )
        .where(source.c.sensor_key == key, source.c.at >= start, source.c.at < stop)
        .group_by(period)
        .subquery()
    )
    figures = select(
        source.c.sensor_key, found.c.period, found.c.low, found.c.mean, found.c.high, last, found.c["count"]
    ).join(found, and_(source.c.sensor_key == key, source.c.at == found.c.last_at))
    names = ["low", "mean", "high", "last", "count"]
    insert = postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    # SQLite takes the ON of an upsert for that of a join unless a WHERE stands between (sqlite.org/lang_upsert.html, Parsing Ambiguity).
    figures = figures.where(source.c.sensor_key == key)
    upsert = insert.from_select(["sensor_key", "at", *names], figures)
    upsert = upsert.on_conflict_do_update(
        index_elements=["sensor_key", "at"], set_={name: upsert.excluded[name] for name in names}
    )
    return Prepared(upsert, dialect, ("key", "start", "stop"))
