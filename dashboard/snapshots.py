"""What each topic of the feed looks like now, and how a journal entry is told to a page (docs/feed-protocol.md)."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.orm import Session

from auth.sites import list_sites, site_state
from dashboard.messages import LANGUAGES, Lang, text
from dashboard.visibility import TOPICS, Visibility
from foundation import journal
from foundation.clock import Clock
from foundation.errors import UserError
from foundation.journal import JournalRow
from operations.duty import duty_state
from operations.incidents import incident_state, incidents_on_board
from operations.readings import Newest, newest_of_all, recent, recent_minutes, since
from operations.resources import list_resources, resource_state
from operations.stations import Sensor, all_sensors, sensor_state
from operations.tasks import open_tasks, task_state

RECENT_POINTS = 120
"""How many points of each sensor a page gets to draw its small chart."""
GRAIN_MS = 60_000
"""One point at most for this much time: two hours of a gauge say more about a river than two minutes."""
TICK_ROWS = 5_000
"""Readings in one tick at most; of more only the newest are told."""
FIRST_SPAN_MS = 60_000
NEWEST_EVENTS = 40


class RoomStates(Protocol):
    """What the feed needs to know of consultations (conference.rooms)."""

    def __call__(self, session: Session) -> dict[str, dict[str, Any]]:
        """The state of each open room, by id."""


def event_of(row: JournalRow) -> dict[str, Any]:
    """A journal entry as pages get it."""
    return {
        "id": row.id,
        "at": row.at,
        "kind": row.kind,
        "topic": row.topic,
        "subject": row.subject,
        "site": row.site_id,
        "actor": row.actor.get("name", ""),
        "summary": {lang: summary(lang, row) for lang in LANGUAGES},
        "detail": row.detail,
        "state": row.state,
    }


def summary(lang: Lang, row: JournalRow) -> str:
    """One sentence about a journal entry, in the reader's language."""
    detail = {key: _plain(value) for key, value in row.detail.items() if isinstance(value, str | int | float)}
    for key in ("level", "from"):
        if isinstance(detail.get(key), int):
            detail[key] = text(lang, f"journal.level.{detail[key]}")
    if row.kind == "mode.changed":
        detail = {key: text(lang, f"journal.mode.{value}") for key, value in detail.items()}
    if lang in detail:
        detail["name"] = detail[lang]
    if "unit" in detail:
        detail["unit"] = _unit(lang, str(detail["unit"]))
    detail.setdefault("name", "")
    try:
        # A unit that English does not write leaves its space behind.
        sentence = text(lang, f"journal.{row.kind}", **detail, actor=row.actor.get("name", ""))
        sentence = sentence.replace("  ", " ").rstrip()
        if detail.get("feedback"):
            sentence = text(lang, "journal.task.feedback", sentence=sentence, feedback=detail["feedback"])
        return sentence
    except KeyError:
        return row.kind


def _unit(lang: Lang, unit: str) -> str:
    """Units are kept as the township writes them; those that the catalogue knows are translated."""
    try:
        return text(lang, f"wall.unit.{unit}")
    except KeyError:
        return unit


def _plain(value: str | float) -> str | float:
    """An amount as people write it: 143, not 143.0."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


@dataclass
class _Trace:
    """A sensor as the feed remembers it."""

    id: str
    state: dict[str, Any]
    newest: Newest | None
    recent: deque[tuple[int, float]]

    def forget_after(self, at: int) -> None:
        """Take back what the small chart shows of later times than the newest reading: the sensor's clock was ahead."""
        while self.recent and self.recent[-1][0] > at:
            self.recent.pop()

    def add(self, at: int, value: float) -> None:
        """Move the small chart on: a newer value of the same minute replaces the last one."""
        if self.recent:
            last = self.recent[-1][0]
            if at <= last:
                return
            if at // GRAIN_MS == last // GRAIN_MS:
                self.recent.pop()
        self.recent.append((at, value))


class Readings:
    """The newest readings of all sensors, kept in memory and moved on once a second from the database.

    The database is asked, not the processes that wrote: so a tick is true whoever took the reading in, and after any restart.
    """

    def __init__(self) -> None:
        self._traces: dict[int, _Trace] = {}

    def advance(self, session: Session) -> dict[str, list[tuple[int, float, int]]]:
        """Look for what is new and give it by sensor id, oldest first: (epoch ms, value, quality).

        The last of each sensor is its newest, also where that lies before what was told last (`operations.readings.newest`).
        """
        present = newest_of_all(session)
        unknown = present.keys() - self._traces.keys()
        if unknown or not self._traces:
            self.load(session)
            return {
                self._traces[key].id: [(newest.at, newest.value, newest.quality)]
                for key, newest in present.items()
                if key in unknown and key in self._traces
            }
        moved = {key: newest for key, newest in present.items() if newest != self._traces[key].newest}
        if not moved:
            return {}
        # A corrected newest reading is told as it is; of a sensor that never reported, the last minute.
        after = {
            key: trace.newest.at if trace.newest else moved[key].at - FIRST_SPAN_MS
            for key in moved
            if not (trace := self._traces[key]).newest or trace.newest.at < moved[key].at
        }
        fresh = since(session, after, TICK_ROWS)
        told: dict[str, list[tuple[int, float, int]]] = {}
        for key, newest in moved.items():
            trace = self._traces[key]
            rows = [row for row in fresh.get(key, ()) if row[0] <= newest.at] or [
                (newest.at, newest.value, newest.quality)
            ]
            trace.newest = newest
            trace.forget_after(newest.at)
            for at, value, _quality in rows:
                trace.add(at, value)
            told[trace.id] = rows
        return told

    def load(self, session: Session) -> None:
        """Read every sensor, its newest reading and its recent ones anew."""
        present = newest_of_all(session)
        self._traces = {
            sensor.key: _Trace(
                sensor.id,
                sensor_state(sensor, station),
                present.get(sensor.key),
                deque(_recent(session, sensor), RECENT_POINTS),
            )
            for sensor, station in all_sensors(session)
        }

    def snapshot(self) -> dict[str, dict[str, Any]]:
        """The topic `readings`."""
        return {
            trace.id: {**trace.state, **_told(trace.newest), "recent": list(trace.recent)}
            for trace in self._traces.values()
        }

    def newest(self) -> dict[str, list[tuple[int, float, int]]]:
        """The newest reading of each sensor in the shape of a tick: for a client that missed ticks."""
        return {
            trace.id: [(trace.newest.at, trace.newest.value, trace.newest.quality)]
            for trace in self._traces.values()
            if trace.newest is not None
        }


def _recent(session: Session, sensor: Sensor) -> list[tuple[int, float]]:
    fast = sensor.period_s * 1000 < GRAIN_MS
    return (recent_minutes if fast else recent)(session, sensor.key, RECENT_POINTS)


def _told(newest: Newest | None) -> dict[str, Any]:
    if newest is None:
        return {"at": None, "value": None, "quality": None}
    return {"at": newest.at, "value": newest.value, "quality": newest.quality}


class Snapshots:
    """The state of every topic, computed at most once for each journal entry, tick and kind of reader, however many pages ask."""

    def __init__(
        self, clock: Clock, readings: Readings, rooms: RoomStates, system: Callable[[], dict[str, Any]]
    ) -> None:
        self._clock = clock
        self._readings = readings
        self._rooms = rooms
        self._system = system
        self._version: object = None
        self._kept: dict[tuple[str, object], Any] = {}
        self._lock = threading.Lock()

    def of(self, session: Session, topic: str, version: object, visibility: Visibility) -> Any:
        """The snapshot of `topic` for readers who see `visibility`; computed anew when `version` is not the one of the last call.

        UserError("topic_unknown").
        """
        if topic not in TOPICS:
            raise UserError("topic_unknown", topic=topic)
        key = (topic, visibility if topic == "journal" else visibility.scope(topic))
        with self._lock:
            if version != self._version:
                self._version = version
                self._kept.clear()
            if key not in self._kept:
                self._kept[key] = self._make(session, topic, visibility)
            return self._kept[key]

    def system(self) -> dict[str, Any]:
        """The topic `system`, always as of now."""
        return self._system()

    def _make(self, session: Session, topic: str, visibility: Visibility) -> Any:
        scope = visibility.scope(topic)
        match topic:
            case "sites":
                return {site.id: site_state(site) for site in list_sites(session)}
            case "readings":
                return self._readings.snapshot()
            case "incidents":
                on_board = incidents_on_board(session, scope, self._clock.now())
                return {incident.id: incident_state(incident) for incident in on_board}
            case "resources":
                return {resource.id: resource_state(resource) for resource in list_resources(session, scope)}
            case "duty":
                return duty_state(session, self._clock.now())
            case "rooms":
                return self._rooms(session)
            case "tasks":
                return {task.id: task_state(task) for task in open_tasks(session, scope)}
            case "journal":
                rows = journal.newest(session, NEWEST_EVENTS, within=visibility.criterion())
                return [event_of(row) for row in rows]
        return self._system()
