"""The embedded broker: a port that somebody else holds, a start that fails, a stall."""

import asyncio
import socket
from collections.abc import Callable

import pytest
from amqtt.broker import Broker

from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from operations import broker as broker_module
from operations.broker import EmbeddedBroker
from operations.ingest import Ingest, IngestState
from operations.mapping import Mapping
from operations.sensing import Sensing
from tests.servers import free_port


@pytest.fixture
def ingest(township: Database, clock: ManualClock) -> Ingest:
    """The queue behind the broker; its writer is not started."""
    return Ingest(Sensing(township, clock), Mapping(), clock)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look again at once, so that no test waits."""
    monkeypatch.setattr(broker_module, "LISTEN_AGAIN_S", 0.02)
    monkeypatch.setattr(broker_module, "PROBE_EVERY_S", 0.02)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():
            await asyncio.sleep(0.01)


def test_a_port_that_another_program_holds_is_told_since_when_and_taken_when_it_is_free(
    ingest: Ingest, clock: ManualClock
) -> None:
    async def listen_at_last() -> None:
        port = free_port()
        began = epoch_ms(clock.now())
        with socket.socket() as stranger:
            stranger.bind(("127.0.0.1", port))
            stranger.listen()
            broker = EmbeddedBroker("127.0.0.1", port, "", ingest)
            await broker.open()
            clock.advance(5)
            await asyncio.sleep(0.1)
            assert ingest.status == IngestState("stopped", "port_taken", began)
        await until(lambda: ingest.status.state == "ok")
        assert await broker_module._answers("127.0.0.1", port)
        await broker.close()

    asyncio.run(listen_at_last())


def test_a_restart_that_fails_is_tried_again(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[int] = []
    answers: list[bool] = [False]
    real_start = Broker.start

    async def failing(self: Broker) -> None:
        starts.append(1)
        if len(starts) == 2:
            raise RuntimeError("nobody foresaw this")
        await real_start(self)

    async def stalled_once(_host: str, _port: int) -> bool:
        return answers.pop() if answers else True

    monkeypatch.setattr(Broker, "start", failing)
    monkeypatch.setattr(broker_module, "_answers", stalled_once)

    async def restart() -> None:
        broker = EmbeddedBroker("127.0.0.1", free_port(), "", ingest)
        await broker.open()
        await until(lambda: len(starts) == 3 and ingest.status.state == "ok")
        await broker.close()

    asyncio.run(restart())
