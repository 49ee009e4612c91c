"""Taking in readings: every row is checked, the good ones are durable when the call returns, the bad ones are named with their reason."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Any, TypeVar

from prometheus_client import Counter
from sqlalchemy import Connection, Dialect, case, func
from sqlalchemy.dialects import postgresql, sqlite

from auth.principal import Principal
from foundation.clock import Clock, epoch_ms
from foundation.database import Database
from foundation.errors import UserError
from operations.readings import GOOD, SUSPECT, newest, readings
from operations.stations import all_sensors

FUTURE_TOLERANCE_MS = 120_000
"""A reading may be this far ahead of our clock: sensors' clocks drift, but a date in the future is a fault."""
OLDEST_MS = 0
REGISTRY_RELOAD_S = 2.0
"""An unknown sensor makes us look again for new sensors, at most this often."""
MAX_BATCH = 10_000

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


class Sensing:
    """The one door through which readings come in, whatever carried them (MQTT, HTTP, a file)."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._registry: dict[str, SensorFacts] = {}
        self._loaded_at = float("-inf")
        self._lock = Lock()
        self._upsert, self._upsert_newest = _statements(database.engine.dialect)

    def take(self, rows: Sequence[Any], principal: Principal | None = None) -> Outcome:
        """Check and keep a batch of `{"sensor", "at", "value", "unit"?}`; `at` is ISO 8601 with a zone or integer epoch milliseconds.

        A repeated (sensor, at) replaces the value: the newest word of a sensor about a moment counts. With a `principal`, only
        sensors of sites for which they hold `reading.write` are taken. Raises UserError("batch_too_large"), and Unavailable when the
        database cannot take it: then nothing of the batch was kept and nothing may be acknowledged.
        """
        if len(rows) > MAX_BATCH:
            raise UserError("batch_too_large", limit=MAX_BATCH)
        latest = epoch_ms(self._clock.now()) + FUTURE_TOLERANCE_MS
        good: dict[tuple[int, int], dict[str, Any]] = {}
        rejected: list[Rejection] = []
        allowed: dict[str, bool] = {}
        for index, row in enumerate(rows):
            facts, wrong = self._facts(row)
            if facts is None or wrong:
                name = row.get("sensor") if isinstance(row, dict) and isinstance(row.get("sensor"), str) else None
                rejected.append(Rejection(index, name, *(wrong or ("sensor", "sensor_unknown"))))
                continue
            if principal is not None and not _remember(
                allowed, facts.site_id, lambda site: principal.may("reading.write", site=site)
            ):
                rejected.append(Rejection(index, facts.id, "sensor", "sensor_forbidden"))
                continue
            at, value, wrong = _check(row, facts, latest)
            if wrong:
                rejected.append(Rejection(index, facts.id, *wrong))
                continue
            quality = GOOD if facts.valid_low <= value <= facts.valid_high else SUSPECT
            good[facts.key, at] = {"sensor_key": facts.key, "at": at, "value": value, "quality": quality}
        if good:
            self._keep(list(good.values()))
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
            self._loaded_at = now
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

    def _keep(self, rows: list[dict[str, Any]]) -> None:
        last: dict[int, dict[str, Any]] = {}
        for row in rows:
            present = last.get(row["sensor_key"])
            if present is None:
                last[row["sensor_key"]] = {**row, "due_from": row["at"], "due_to": row["at"]}
                continue
            present["due_from"] = min(present["due_from"], row["at"])
            present["due_to"] = max(present["due_to"], row["at"])
            if row["at"] >= present["at"]:
                present.update(at=row["at"], value=row["value"], quality=row["quality"])
        with self._database.writing() as session:
            connection: Connection = session.connection()
            connection.execute(self._upsert, rows)
            # Sorted: two writers that lock the same rows in another order would dead-lock on PostgreSQL.
            connection.execute(self._upsert_newest, [last[key] for key in sorted(last)])


def _check(row: dict[str, Any], facts: SensorFacts, latest: int) -> tuple[int, float, tuple[str, str] | None]:
    value = row.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0, 0.0, ("value", "missing" if value is None else "not_a_number")
    if not math.isfinite(value):
        return 0, 0.0, ("value", "not_finite")
    unit = row.get("unit")
    if unit is not None and unit != facts.unit:
        return 0, 0.0, ("unit", "wrong_unit")
    at = parse_moment(row.get("at"))
    if at is None:
        return 0, 0.0, ("at", "missing" if row.get("at") is None else "not_a_moment")
    if at > latest:
        return 0, 0.0, ("at", "in_the_future")
    if at < OLDEST_MS:
        return 0, 0.0, ("at", "before_1970")
    return at, float(value), None


def parse_moment(text: object) -> int | None:
    """Epoch milliseconds of an ISO 8601 moment with a zone, or of integer epoch milliseconds; None for anything else."""
    if isinstance(text, bool):
        return None
    if isinstance(text, int):
        return text if abs(text) < 1 << 53 else None
    if isinstance(text, float):
        return int(text) if math.isfinite(text) and abs(text) < 1 << 53 else None
    if not isinstance(text, str) or len(text) > 40:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else epoch_ms(moment)
    except (ValueError, OverflowError):
        return None


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
    newer = mine.excluded.at >= newest.c.at

    def later(column: str) -> Any:
        return case((newer, mine.excluded[column]), else_=newest.c[column])

    upsert_newest = mine.on_conflict_do_update(
        index_elements=["sensor_key"],
        set_={
            "at": greatest(mine.excluded.at, newest.c.at),
            "value": later("value"),
            "quality": later("quality"),
            "due_from": least(mine.excluded.due_from, func.coalesce(newest.c.due_from, mine.excluded.due_from)),
            "due_to": greatest(mine.excluded.due_to, func.coalesce(newest.c.due_to, mine.excluded.due_to)),
        },
    )
    return upsert, upsert_newest
