"""Roll-ups: minute and hour figures of the readings, so that a year's chart costs as many rows as it has pixels."""

from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, insert, select, update
from sqlalchemy.orm import Session

from operations.readings import HOUR_MS, MINUTE_MS, by_hour, by_minute, newest, readings

SENSORS_AT_ONCE = 200


def roll_up_due(session: Session) -> int:
    """Compute anew every minute and hour that got readings since the last call, late ones included; give how many sensors were due.

    The session must be a writing one: a reading that arrives meanwhile waits, and makes its span due again.
    """
    query = (
        select(newest.c.sensor_key, newest.c.due_from, newest.c.due_to)
        .where(newest.c.due_from.is_not(None))
        .limit(SENSORS_AT_ONCE)
        .with_for_update()
    )
    due = list(session.execute(query))
    connection = session.connection()
    for key, start, end in due:
        for table, width in ((by_minute, MINUTE_MS), (by_hour, HOUR_MS)):
            _recompute(connection, table, width, key, start - start % width, end - end % width + width)
        connection.execute(update(newest).where(newest.c.sensor_key == key).values(due_from=None, due_to=None))
    return len(due)


def _recompute(connection: Connection, table: Table, width: int, key: int, start: int, end: int) -> None:
    """Replace the roll-ups of one sensor from `start` up to, not including, `end` (epoch ms, multiples of `width`)."""
    connection.execute(delete(table).where(table.c.sensor_key == key, table.c.at >= start, table.c.at < end))
    period: Any = readings.c.at - readings.c.at % width
    figures = (
        select(
            period.label("period"),
            func.min(readings.c.value).label("low"),
            func.avg(readings.c.value).label("mean"),
            func.max(readings.c.value).label("high"),
            func.max(readings.c.at).label("last_at"),
            func.count().label("count"),
        )
        .where(readings.c.sensor_key == key, readings.c.at >= start, readings.c.at < end)
        .group_by(period)
        .subquery()
    )
    rows = select(
        readings.c.sensor_key,
        figures.c.period,
        figures.c.low,
        figures.c.mean,
        figures.c.high,
        readings.c.value,
        figures.c["count"],
    ).join(figures, and_(readings.c.sensor_key == key, readings.c.at == figures.c.last_at))
    connection.execute(insert(table).from_select(["sensor_key", "at", "low", "mean", "high", "last", "count"], rows))
