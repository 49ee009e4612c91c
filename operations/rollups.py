"""Roll-ups: minute and hour figures of the readings, so that a year's chart costs as many rows as it has pixels.

Minutes are computed from the raw readings, hours from the minutes. Whoever writes readings waits meanwhile, so one transaction takes a bounded
number of them: after a late reading of years ago and a live one all between the two is due, and is worked off piece by piece, oldest first.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from operations.readings import HOUR_MS, MINUTE_MS, by_hour, by_minute, newest, readings

SENSORS_AT_ONCE = 200
ROWS_AT_ONCE = 20_000
"""Raw readings in one transaction: about a tenth of a second on a small computer."""


@dataclass(frozen=True)
class Figures:
    """How the rows of `table`, one for each `width` (ms), come from those of `source`."""

    table: Table
    width: int
    source: Table
    low: ColumnElement[Any]
    mean: ColumnElement[Any]
    high: ColumnElement[Any]
    last: ColumnElement[Any]
    count: ColumnElement[Any]


MINUTE = Figures(
    by_minute,
    MINUTE_MS,
    readings,
    low=func.min(readings.c.value),
    mean=func.avg(readings.c.value),
    high=func.max(readings.c.value),
    last=readings.c.value,
    count=func.count(),
)
HOUR = Figures(
    by_hour,
    HOUR_MS,
    by_minute,
    low=func.min(by_minute.c.low),
    mean=func.sum(by_minute.c.mean * by_minute.c["count"]) / func.sum(by_minute.c["count"]),
    high=func.max(by_minute.c.high),
    last=by_minute.c.last,
    count=func.sum(by_minute.c["count"]),
)


def roll_up_due(session: Session, kept_from: int = 0) -> int:
    """Compute anew minutes and hours that got readings since the last time, late ones included; give for how many sensors, 0 when none is due.

    What lies before `kept_from` (epoch ms, a whole hour) stays as it is: its raw readings were purged, and a late one among them must not replace
    what was computed from all.
    At most `ROWS_AT_ONCE` raw readings (and the rest of the minute of the last one); what is left stays due. The session must be a
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
    left, done = ROWS_AT_ONCE, 0
    for key, start, end in session.execute(query).all():
        if left <= 0:
            break
        start, rows = max(start, kept_from), 0
        stop = start
        if start <= end:
            stop, rows = _piece(connection, key, start - start % MINUTE_MS, end - end % MINUTE_MS + MINUTE_MS, left)
            _roll_up(connection, key, start, stop)
        rest = {"due_from": stop, "due_to": end} if start <= end and stop <= end else {"due_from": None, "due_to": None}
        connection.execute(update(newest).where(newest.c.sensor_key == key).values(rest))
        left, done = left - rows, done + 1
    return done


def _piece(connection: Connection, key: int, start: int, end: int, limit: int) -> tuple[int, int]:
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
    count, last = connection.execute(select(func.count(), func.max(rows.c.at))).one()
    return (last - last % MINUTE_MS + MINUTE_MS if count == limit else end), count


def _roll_up(connection: Connection, key: int, start: int, stop: int) -> None:
    """Replace the figures of one sensor for the minutes from `start` up to, not including, `stop` (epoch ms), and for the hours they touch."""
    for figures in (MINUTE, HOUR):
        width = figures.width
        _replace(connection, figures, key, start - start % width, stop + -stop % width)


def _replace(connection: Connection, figures: Figures, key: int, start: int, end: int) -> None:
    table, source = figures.table, figures.source
    connection.execute(delete(table).where(table.c.sensor_key == key, table.c.at >= start, table.c.at < end))
    period: Any = source.c.at - source.c.at % figures.width
    found = (
        select(
            period.label("period"),
            figures.low.label("low"),
            figures.mean.label("mean"),
            figures.high.label("high"),
            func.max(source.c.at).label("last_at"),
            figures.count.label("count"),
        )
        .where(source.c.sensor_key == key, source.c.at >= start, source.c.at < end)
        .group_by(period)
        .subquery()
    )
    rows = select(
        source.c.sensor_key, found.c.period, found.c.low, found.c.mean, found.c.high, figures.last, found.c["count"]
    ).join(found, and_(source.c.sensor_key == key, source.c.at == found.c.last_at))
    connection.execute(insert(table).from_select(["sensor_key", "at", "low", "mean", "high", "last", "count"], rows))
