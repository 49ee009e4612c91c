"""Retention: raw readings, roll-ups, and logins and links that are over have a configured life. The journal is never purged.

Deleted in small batches, each in a transaction of its own: whoever writes a reading waits for one batch at most. SQLite gives freed pages to the
next rows, so the file stops growing; it does not shrink.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, func, select
from sqlalchemy.orm import Session

from auth.devices import Pairing
from auth.links import JoinLink
from auth.logins import Login, RefreshToken
from auth.throttle import ThrottleRow
from foundation.clock import epoch_ms
from operations.readings import HOUR_MS, by_hour, by_minute, newest, readings

BATCH = 2_000
"""Rows in one transaction: some hundredths of a second on a small computer."""


@dataclass(frozen=True)
class Keep:
    """How many days each kind of row is kept, logins after their end; 0 days of readings or figures: for ever."""

    readings: int = 0
    minutes: int = 0
    hours: int = 0
    logins: int = 1

    def rolled_from(self, now: datetime) -> int:
        """Epoch ms of the first hour whose raw readings and minutes are all kept: what lies before it cannot be computed anew."""
        days = [kept for kept in (self.readings, self.minutes) if kept]
        return _first_hour(now, min(days)) if days else 0


def purge_some(session: Session, now: datetime, keep: Keep) -> int:
    """Delete up to BATCH rows whose time is over, oldest first within a sensor; the number of them, 0 when none is left."""
    for table, days in ((readings, keep.readings), (by_minute, keep.minutes), (by_hour, keep.hours)):
        if days and (gone := _purge_readings(session, table, _first_hour(now, days))):
            return gone
    before = now - timedelta(days=keep.logins)
    over = select(Login.id).where(Login.ends_at < before).order_by(Login.ends_at).limit(BATCH // 10)
    logins = list(session.execute(over).scalars())
    if logins:
        session.execute(delete(RefreshToken).where(RefreshToken.login_id.in_(logins)))
        return _count(session.execute(delete(Login).where(Login.id.in_(logins))))
    for model, key, ends in (
        (JoinLink, JoinLink.id, JoinLink.expires_at),
        (Pairing, Pairing.device_code_hash, Pairing.expires_at),
        (ThrottleRow, ThrottleRow.key, ThrottleRow.until),
    ):
        keys = list(session.execute(select(key).where(ends < before).limit(BATCH)).scalars())
        if keys:
            return _count(session.execute(delete(model).where(key.in_(keys))))
    return 0


def _purge_readings(session: Session, table: Table, before: int) -> int:
    """Delete up to BATCH rows older than `before` (epoch ms), sensor by sensor along the primary key."""
    left = BATCH
    for key in session.execute(select(newest.c.sensor_key)).scalars().all():
        old = (
            select(table.c.at)
            .where(table.c.sensor_key == key, table.c.at < before)
            .order_by(table.c.at)
            .limit(left)
            .subquery()
        )
        last = session.execute(select(func.max(old.c.at))).scalar_one()
        if last is not None:
            left -= _count(session.execute(delete(table).where(table.c.sensor_key == key, table.c.at <= last)))
        if left <= 0:
            break
    return BATCH - left


def _first_hour(now: datetime, days: int) -> int:
    at = epoch_ms(now) - days * 24 * HOUR_MS
    return at - at % HOUR_MS


def _count(result: Any) -> int:
    return int(result.rowcount)
