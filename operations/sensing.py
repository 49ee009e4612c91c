"""Taking in readings: every row is checked, the good ones are durable when the call returns, the bad ones are named with their reason."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from prometheus_client import Counter
from sqlalchemy import Dialect, case, func
from sqlalchemy.dialects import postgresql, sqlite

from auth.principal import Principal
from foundation.clock import Clock, epoch_ms
from foundation.database import Database
from foundation.errors import UserError
from operations.notation import MISSING_NUMBERS, SECONDS_FROM, epoch_number
from operations.prepared import Prepared
from operations.readings import GOOD, SUSPECT, newest, readings
from operations.stations import all_sensors

FUTURE_TOLERANCE_MS = 120_000
"""A reading may be this far ahead of our clock: sensors' clocks drift, but a date in the future is a fault."""
OLDEST_MS = 0
LOWEST = -9_000.0
"""No sensor of ours measures less: a mark such as -9999 is none of its values, even where nobody told what it can measure."""
REGISTRY_RELOAD_S = 2.0
"""An unknown sensor makes us look again for new sensors, at most this often."""
QUALITIES: dict[str, int] = {"good": GOOD, "suspect": SUSPECT}
BAD_QUALITY = "bad"
MAX_BATCH = 10_000
MAX_NAME = 80

accepted_total = Counter("fenghuo_readings_accepted_total", "Readings kept, repeats included")
rejected_total = Counter("fenghuo_readings_rejected_total", "Readings refused, by reason", ["code"])


@dataclass(frozen=True)
class SensorFacts:
    """What must be known of a sensor to check its readings."""

    id: str
    key: int
    site_id: str
    unit: str
    valid_low: float
    valid_high: float


@dataclass(frozen=True)
class Rejection:
    """One refused row: its place in the batch, the field that is wrong, and the code of the reason."""

    index: int
    sensor: str | None
    field: str
    code: str


@dataclass(frozen=True)
class Outcome:
    """What became of a batch."""

    accepted: int
    rejected: list[Rejection] = field(default_factory=list)


Row = tuple[int, int, float, int]
"""Sensor key, epoch milliseconds, value, quality."""


class Sensing:
    """The one door through which readings come in, whatever carried them (MQTT, HTTP, a file)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._registry: dict[str, SensorFacts] = {}
        self._loaded_at = float("-inf")
        self._lock = Lock()
        dialect = database.engine.dialect
        upsert, upsert_newest = _statements(dialect)
        self._upsert = Prepared(upsert, dialect, ("sensor_key", "at", "value", "quality"))
        self._upsert_newest = Prepared(
            upsert_newest, dialect, ("sensor_key", "at", "value", "quality", "measured_by", "due_from", "due_to")
        )

    def take(self, rows: Sequence[Any], principal: Principal | None = None) -> Outcome:
        """Check and keep a batch of `{"sensor", "at", "value", "unit"?, "site"?, "quality"?}`; `at` is ISO 8601 with a zone, or epoch ms or s.

        `unit` and `site`, where given, must be the sensor's. `quality` is what the sender thinks of the value: good (the same as none) or
        suspect, as a word or as kept (0, 1); one that it calls bad is refused. Outside what the sensor can measure a value is suspect
        whatever its sender says, and one that is a usual mark for "nothing was measured" there (-9999, 32766) is refused as `no_value`.

        A repeated (sensor, at) replaces the value: the newest word of a sensor about a moment counts. A time up to `FUTURE_TOLERANCE_MS` ahead
        of our clock is kept as it was sent; which reading is a sensor's newest is told at `operations.readings.newest`. With a `principal`, only
        sensors of sites for which they hold `reading.write` are taken. Raises UserError("batch_too_large"), and Unavailable when the
        database cannot take it: then nothing of the batch was kept and nothing may be acknowledged.
        """
        if len(rows) > MAX_BATCH:
            raise UserError("batch_too_large", limit=MAX_BATCH)
        now = epoch_ms(self._clock.now())
        latest = now + FUTURE_TOLERANCE_MS
        good: dict[tuple[int, int], Row] = {}
        rejected: list[Rejection] = []
        allowed: dict[str, bool] = {}
        for index, row in enumerate(rows):
            facts, wrong = self._facts(row)
            if facts is None or wrong:
                name = _sayable(row.get("sensor")) if isinstance(row, dict) else None
                rejected.append(Rejection(index, name, *(wrong or ("sensor", "sensor_unknown"))))
                continue
            if principal is not None and not _remember(
                allowed, facts.site_id, lambda site: principal.may("reading.write", site=site)
            ):
                rejected.append(Rejection(index, facts.id, "sensor", "sensor_forbidden"))
                continue
            at, value, quality, wrong = _check(row, facts, latest)
            if wrong:
                rejected.append(Rejection(index, facts.id, *wrong))
                continue
            good[facts.key, at] = (facts.key, at, value, quality)
        if good:
            self._keep(list(good.values()), now)
        accepted = len(rows) - len(rejected)
        accepted_total.inc(accepted)
        for rejection in rejected:
            rejected_total.labels(rejection.code).inc()
        return Outcome(accepted, rejected)

    def forget_registry(self) -> None:
        """Look up the sensors anew at the next batch (after one was added or changed)."""
        with self._lock:
            self._loaded_at = float("-inf")
            self._registry = {}

    def _facts(self, row: Any) -> tuple[SensorFacts | None, tuple[str, str] | None]:
        if not isinstance(row, dict):
            return None, ("", "not_an_object")
        name = row.get("sensor")
        if not isinstance(name, str):
            return None, ("sensor", "missing")
        facts = self._registry.get(name)
        if facts is None:
            self._reload()
            facts = self._registry.get(name)
        return facts, None if facts else ("sensor", "sensor_unknown")

    def _reload(self) -> None:
        with self._lock:
            now = self._clock.monotonic()
            if now - self._loaded_at < REGISTRY_RELOAD_S:
                return
            with self._database.reading() as session:
                self._registry = {
                    sensor.id: SensorFacts(
                        sensor.id,
                        sensor.key,
                        station.site_id,
                        sensor.unit,
                        -math.inf if sensor.valid_low is None else sensor.valid_low,
                        math.inf if sensor.valid_high is None else sensor.valid_high,
                    )
                    for sensor, station in all_sensors(session)
                }
            # Only now: a look that failed must be repeated before anybody is told that a sensor is unknown.
            self._loaded_at = now

    def _keep(self, rows: list[Row], now: int) -> None:
        last: dict[int, Row] = {}
        spans: dict[int, tuple[int, int]] = {}
        for row in rows:
            key, at = row[0], row[1]
            present = last.get(key)
            if present is None:
                last[key], spans[key] = row, (at, at)
                continue
            start, end = spans[key]
            spans[key] = (min(start, at), max(end, at))
            # Of several that are ahead of our clock the one that stands later arrived later.
            if min(at, now) >= min(present[1], now):
                last[key] = row
        with self._database.writing() as session:
            connection = session.connection()
            self._upsert.run(connection, rows)
            # Sorted: two writers that lock the same rows in another order would dead-lock on PostgreSQL.
            self._upsert_newest.run(
                connection, [(*last[key], min(last[key][1], now), *spans[key]) for key in sorted(last)]
            )


def _check(row: dict[str, Any], facts: SensorFacts, latest: int) -> tuple[int, float, int, tuple[str, str] | None]:
    """Time, value and quality of a row; or the field that is wrong, with the code of the reason."""
    value, wrong = _value(row.get("value"))
    if wrong:
        return 0, 0.0, GOOD, ("value", wrong)
    outside = not facts.valid_low <= value <= facts.valid_high
    if value in MISSING_NUMBERS and (outside or value < LOWEST):
        return 0, 0.0, GOOD, ("value", "no_value")
    unit = row.get("unit")
    if unit is not None and unit != facts.unit:
        return 0, 0.0, GOOD, ("unit", "wrong_unit")
    site = row.get("site")
    if site is not None and site != facts.site_id:
        return 0, 0.0, GOOD, ("site", "wrong_site")
    at = parse_moment(row.get("at"))
    if at is None:
        return 0, 0.0, GOOD, ("at", "missing" if row.get("at") is None else "not_a_moment")
    if at > latest:
        return 0, 0.0, GOOD, ("at", "in_the_future")
    if at < OLDEST_MS:
        return 0, 0.0, GOOD, ("at", "before_1970")
    if at < SECONDS_FROM and not isinstance(row["at"], str):
        # Seconds or milliseconds since the device was switched on, as one tells that never learnt the time.
        return 0, 0.0, GOOD, ("at", "clock_not_set")
    quality = _quality(row.get("quality"))
    if quality is None:
        return 0, 0.0, GOOD, ("quality", "bad_quality" if row["quality"] == BAD_QUALITY else "quality_unknown")
    if outside:
        quality = SUSPECT
    return at, value, quality, None


def _value(told: object) -> tuple[float, str]:
    """The number, or the code of what is wrong with it."""
    if type(told) is not float and type(told) is not int:  # a bool is an int to isinstance
        return 0.0, "missing" if told is None else "not_a_number"
    try:
        value = float(told)
    except OverflowError:  # an integer of hundreds of digits
        value = math.inf
    return value, "" if math.isfinite(value) else "not_finite"


def _quality(told: object) -> int | None:
    """What the sender thinks of the value, as it is kept; None for what is bad or has no meaning here."""
    if told is None:
        return GOOD
    if type(told) is int:
        return told if told in (GOOD, SUSPECT) else None
    return QUALITIES.get(told) if isinstance(told, str) else None


def parse_moment(text: object) -> int | None:
    """Epoch milliseconds of an ISO 8601 moment with a zone, or of epoch milliseconds or seconds (the size tells which); None for anything else."""
    if isinstance(text, bool):
        return None
    if isinstance(text, int | float):
        return epoch_number(text)
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else epoch_ms(moment)
    except (ValueError, OverflowError):
        return None


def _sayable(name: object) -> str | None:
    """What was sent as a sensor's name, short and writable as UTF-8 (JSON allows lone surrogates, UTF-8 does not)."""
    return name[:MAX_NAME].encode("utf-8", "replace").decode() if isinstance(name, str) else None


_Key = TypeVar("_Key")


def _remember(known: dict[_Key, bool], key: _Key, ask: Callable[[_Key], bool]) -> bool:
    if key not in known:
        known[key] = ask(key)
    return known[key]


def _statements(dialect: Dialect) -> tuple[Any, Any]:
    insert = postgresql.insert if dialect.name == "postgresql" else sqlite.insert
    least, greatest = (func.least, func.greatest) if dialect.name == "postgresql" else (func.min, func.max)
    row = insert(readings)
    upsert = row.on_conflict_do_update(
        index_elements=["sensor_key", "at"], set_={"value": row.excluded.value, "quality": row.excluded.quality}
    )
    mine = insert(newest)
    newer = mine.excluded.measured_by >= newest.c.measured_by

    def later(column: str) -> Any:
        return case((newer, mine.excluded[column]), else_=newest.c[column])

    upsert_newest = mine.on_conflict_do_update(
        index_elements=["sensor_key"],
        set_={
            **{name: later(name) for name in ("at", "value", "quality", "measured_by")},
            "due_from": least(mine.excluded.due_from, func.coalesce(newest.c.due_from, mine.excluded.due_from)),
            "due_to": greatest(mine.excluded.due_to, func.coalesce(newest.c.due_to, mine.excluded.due_to)),
        },
    )
    return upsert, upsert_newest
