"""What `/readyz` says of web's own loops."""

import threading

import pytest
from flask import Flask

from auth.authority import Authority
from dashboard.gate import Gate
from dashboard.health import Health
from fenghuo.web import Web
from foundation import loops
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.loops import SupervisedThread
from foundation.settings import Settings

WAIT_S = 10.0
SYSTEM = {"worker": {"state": "up"}, "media": {"state": "up"}, "ingest": {"state": "ok", "reason": ""}}


def test_a_loop_that_ended_is_stopped_in_readyz_until_it_runs_again(
    settings: Settings, database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "RESTART_AFTER_S", 0.01)
    ended, may_start, runs = threading.Event(), threading.Event(), threading.Event()

    def body(stopping: threading.Event) -> None:
        if not ended.is_set():
            raise SystemExit(1)
        runs.set()
        stopping.wait()

    thread = SupervisedThread("rooms", body)
    pause = thread.stopping.wait

    def paused(seconds: float | None = None) -> bool:
        if seconds is not None:
            ended.set()
            may_start.wait(WAIT_S)
        return pause(seconds)

    monkeypatch.setattr(thread.stopping, "wait", paused)
    app = Flask("health")
    gate = Gate(app, Authority(database, clock, settings.home), settings)
    app.register_blueprint(Health(gate, database, clock, lambda: SYSTEM, [thread]).blueprint())
    thread.start()
    try:
        assert ended.wait(WAIT_S)
        answer = app.test_client().get("/readyz")
        assert (answer.status_code, answer.get_json()["rooms"]) == (503, "stopped")
        may_start.set()
        assert runs.wait(WAIT_S)
        answer = app.test_client().get("/readyz")
        assert (answer.status_code, answer.get_json()["rooms"]) == (200, "running")
    finally:
        may_start.set()
        thread.stop(WAIT_S)


def test_a_database_file_that_was_removed_is_said_by_readyz_and_to_every_page(settings: Settings) -> None:
    web = Web(settings)
    try:
        assert web.database.path is not None
        web.database.path.unlink()
        answer = web.app.test_client().get("/readyz")
        assert (answer.status_code, answer.get_json()["database"]) == (503, "removed")
        assert web.system()["database"] == "removed"
    finally:
        web.close()
