"""The worker outlives what nobody foresaw."""

import asyncio
from typing import Any

import pytest
import socketio

from fenghuo import worker as worker_module
from fenghuo.worker import Worker
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.loops import error_counts
from foundation.settings import Settings


def test_a_report_that_fails_is_not_the_last(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = error_counts().get("worker.report", 0)
    dialled = asyncio.Event()
    dials: list[int] = []

    class Client:
        """A connection that fails in ways of its own, when it begins and when it ends."""

        def __init__(self, **_options: Any) -> None:
            dials.append(1)
            if len(dials) == 3:
                dialled.set()

        async def connect(self, *_where: Any, **_options: Any) -> None:
            raise ValueError("what web sent makes no sense")

        async def disconnect(self) -> None:
            if len(dials) == 2:
                raise RuntimeError("it had never begun")

    monkeypatch.setattr(socketio, "AsyncClient", Client)
    monkeypatch.setattr(worker_module, "DIAL_AGAIN_S", 0)

    async def report() -> None:
        reporting = asyncio.create_task(Worker(settings, SystemClock())._report("w", settings.web_address))
        async with asyncio.timeout(10):
            await dialled.wait()
        assert not reporting.done()
        reporting.cancel()
        await asyncio.gather(reporting, return_exceptions=True)

    asyncio.run(report())
    # The first failure and the one of another kind; the log holds back what comes so soon.
    assert error_counts()["worker.report"] - before >= 2
