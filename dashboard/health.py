"""What operators and machines ask: is it alive (`/healthz`), can it serve (`/readyz`), how does it go (`/metrics`)."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from dashboard.gate import Gate
from foundation import disk
from foundation.clock import Clock
from foundation.database import Database
from foundation.loops import SupervisedThread

PARTS_WAIT_S = 30.0
"""After a start, worker and media are waited for this long; later their absence is told but does not make web unready."""


SCRAPER_SECRET = "metrics"
"""The secret that a Prometheus shows: an access token lives only 15 minutes."""

disk_days_left = Gauge(
    "fenghuo_disk_days_left", "Days until the disk is full at the rate of the last week; NaN: unknown"
)


class Health:
    """The three questions, for one web process."""

    def __init__(
        self,
        gate: Gate,
        database: Database,
        clock: Clock,
        system: Callable[[], dict[str, Any]],
        threads: Sequence[SupervisedThread],
    ) -> None:
        """`threads`: the loops without which web does not work; each is a part of `/readyz` by its name."""
        self._gate = gate
        self._database = database
        self._clock = clock
        self._system = system
        self._threads = threads
        self._started_at = clock.monotonic()
        self._complete = False
        disk_days_left.set_function(lambda: _days_left(gate, clock))

    def blueprint(self) -> Blueprint:
        """The routes."""
        blueprint = Blueprint("health", __name__)
        public = self._gate.public("says only whether the server works")
        blueprint.add_url_rule("/healthz", "healthz", public(lambda: _json({"state": "alive"}, 200)))
        blueprint.add_url_rule("/readyz", "readyz", public(self._readyz))
        figures = self._gate.needs("metrics.read", or_secret=SCRAPER_SECRET)(_metrics)
        blueprint.add_url_rule("/metrics", "metrics", figures)
        return blueprint

    def _readyz(self) -> Response:
        database = self._database.probe()
        system = self._system()
        parts = {name: system[name]["state"] for name in ("worker", "media")}
        if all(state == "up" for state in parts.values()) or self._clock.monotonic() - self._started_at > PARTS_WAIT_S:
            self._complete = True
        # How readings come in: the doctor's question. Web can work without them, so it stays ready.
        ingest = system["ingest"]["reason"] or system["ingest"]["state"]
        loops = {thread.name: thread.state for thread in self._threads}
        ready = database == "ok" and self._complete and "stopped" not in loops.values()
        state = "ready" if ready else "not ready"
        return _json({"state": state, "database": database, **parts, "ingest": ingest, **loops}, 200 if ready else 503)


def _days_left(gate: Gate, clock: Clock) -> float:
    days = disk.days_left(gate.settings.home, clock.now())
    return math.nan if days is None else days


def _metrics() -> Response:
    return Response(generate_latest(), content_type=CONTENT_TYPE_LATEST)


def _json(content: Any, status: int) -> Response:
    return Response(orjson.dumps(content), status, mimetype="application/json", headers={"Cache-Control": "no-store"})
