"""Throttling: after some free attempts each further one must wait twice as long, whatever is guessed at.

The table is in memory and bounded, and counts by the monotonic clock: setting the wall clock neither pardons nor locks out. A wait that is long
enough to matter is also written to the database, with wall time, so that a restart does not pardon it.
"""

import ipaddress
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter
from sqlalchemy import Integer, String, delete, func, select
from sqlalchemy.orm import Mapped, mapped_column

from foundation.clock import Clock
from foundation.database import Base, Database, UtcDateTime
from foundation.errors import TooMany

TABLE_SIZE = 10_000
KEPT_SIZE = 1_000
"""Rows in the database."""
KEEP_FROM_S = 30.0
"""Waits from this length on are written to the database."""
FORGET_S = 3600.0
"""Attempts older than this no longer count."""
MAX_DOUBLINGS = 30
LONGEST_S = 900.0
"""No limit has a longer wait."""
KEY_LENGTH = 160

THROTTLED = Counter("fenghuo_auth_throttled_total", "Attempts that had to wait.", ["what"])
FORGOTTEN = Counter("fenghuo_auth_throttle_dropped_total", "Entries dropped from a full throttle table.")


class ThrottleRow(Base):
    """A wait that survives a restart."""

    __tablename__ = "throttled"

    key: Mapped[str] = mapped_column(String(KEY_LENGTH), primary_key=True)
    attempts: Mapped[int] = mapped_column(Integer)
    last_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True)
class Limit:
    """`free` attempts at once, then waits of `first_s`, twice that, … up to `longest_s` (seconds)."""

    free: int
    first_s: float
    longest_s: float


@dataclass
class _Entry:
    """Moments are monotonic seconds."""

    attempts: int
    last_at: float
    until: float


class Throttle:
    """Counts attempts by key. An attempt counts as failed until `succeeded` says otherwise, so that many at once gain nothing."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        with database.reading() as session:
            for row in session.execute(select(ThrottleRow).where(ThrottleRow.until > clock.now())).scalars():
                # However the wall clock was set meanwhile, nobody waits longer than the longest wait.
                left = min((row.until - clock.now()).total_seconds(), LONGEST_S)
                self._entries[row.key] = _Entry(row.attempts, clock.monotonic(), clock.monotonic() + left)

    def attempt(self, what: str, keys: Sequence[tuple[str, Limit]]) -> None:
        """Count an attempt under each key, or raise TooMany("too_many", retry_after_s=…) when one of them has to wait."""
        now = self._clock.monotonic()
        kept: dict[str, _Entry] = {}
        with self._lock:
            wait = max((self._wait(f"{what}:{key}"[:KEY_LENGTH], now) for key, _limit in keys), default=0.0)
            if wait > 0:
                THROTTLED.labels(what).inc()
                raise TooMany("too_many", retry_after_s=max(1, round(wait)))
            for key, limit in keys:
                full = f"{what}:{key}"[:KEY_LENGTH]
                entry = self._count(full, limit, now)
                if entry.until - now >= KEEP_FROM_S:
                    kept[full] = _Entry(entry.attempts, entry.last_at, entry.until)
        if kept:
            self._keep(kept)

    def succeeded(self, what: str, cleared: str, refunded: str | None = None) -> None:
        """Forget the attempts under `cleared`, and give back one under `refunded` (not all: one good account must not pardon guesses at others)."""
        with self._lock:
            self._entries.pop(f"{what}:{cleared}"[:KEY_LENGTH], None)
            entry = self._entries.get(f"{what}:{refunded}"[:KEY_LENGTH])
            if entry is not None:
                entry.attempts = max(0, entry.attempts - 1)
                entry.until = entry.last_at

    def _wait(self, key: str, now: float) -> float:
        entry = self._entries.get(key)
        return 0.0 if entry is None else entry.until - now

    def _count(self, key: str, limit: Limit, now: float) -> _Entry:
        entry = self._entries.pop(key, None)
        if entry is None or now - max(entry.last_at, entry.until) > FORGET_S:
            entry = _Entry(0, now, now)
        entry.attempts += 1
        entry.last_at = now
        over = entry.attempts - limit.free
        if over >= 0:
            entry.until = now + min(limit.longest_s, limit.first_s * 2 ** min(over, MAX_DOUBLINGS))
        self._entries[key] = entry
        while len(self._entries) > TABLE_SIZE:
            self._entries.popitem(last=False)
            FORGOTTEN.inc()
        return entry

    def _keep(self, kept: dict[str, _Entry]) -> None:
        now, ago = self._clock.now(), self._clock.monotonic()
        with self._database.writing() as session:
            session.execute(delete(ThrottleRow).where(ThrottleRow.until < now))
            room = KEPT_SIZE - session.execute(select(func.count()).select_from(ThrottleRow)).scalar_one()
            for key, entry in kept.items():
                row = session.get(ThrottleRow, key)
                if row is None:
                    if room <= 0:
                        FORGOTTEN.inc()
                        continue
                    room -= 1
                    row = ThrottleRow(key=key)
                    session.add(row)
                row.attempts, row.last_at = entry.attempts, now - timedelta(seconds=ago - entry.last_at)
                row.until = now + timedelta(seconds=entry.until - ago)


def network_of(address: str | None) -> str:
    """What an address is counted by: itself, or for IPv6 its /64, which one subscriber has whole."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
