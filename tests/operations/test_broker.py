"""The embedded broker: a port that somebody else holds, a start that fails, a stall."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable

import paho.mqtt.client as paho
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


CONNECT_5 = b"\x10\x0f\x00\x04MQTT\x05\x02\x00\x0a\x00\x00\x02ab"
CONNECT_3_1 = b"\x10\x10\x00\x06MQIsdp\x03\x02\x00\x0a\x00\x02ab"
CONNECT_3_1_1 = b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x0a\x00\x02ab"


@pytest.mark.parametrize(
    ("first", "answer"),
    [
        (CONNECT_5, b"\x20\x03\x00\x84\x00"),
        (CONNECT_3_1, b"\x20\x02\x00\x01"),
        (CONNECT_3_1_1.replace(b"\x04\x02\x00", b"\x09\x02\x00"), b"\x20\x02\x00\x01"),
        (CONNECT_3_1_1, b"\x20\x02\x00\x00"),
        (b"\x10\xff\xff\xff\xff\xff", b""),
        (b"\x10\xff\x7f", b""),
        (b"\x10\x02\x00\x40", b""),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
    ],
)
def test_a_client_of_another_version_is_told_so_and_whatever_else_comes_ends_only_its_connection(
    ingest: Ingest, first: bytes, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker_module, "PROBE_EVERY_S", 60)

    async def greet() -> None:
        port = free_port()
        broker = EmbeddedBroker("127.0.0.1", port, "", ingest)
        await broker.open()
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(first)
                assert await reader.read(len(answer) or 1) == answer
                if answer != b"\x20\x02\x00\x00":
                    assert await reader.read(1) == b"", "the connection is closed"
                    assert broker._broker is not None
                    assert sum(ingest.events.values()) == 1
                    (server,) = broker._broker._servers.values()
                    await until(lambda: server.conn_count == 0)
                writer.close()
        finally:
            await broker.close()

    asyncio.run(greet())


def test_what_subscribers_want_reaches_them_and_every_message_is_acknowledged_after_the_commit(
    ingest: Ingest, township: Database
) -> None:
    async def pass_on() -> None:
        port = free_port()
        broker = EmbeddedBroker("127.0.0.1", port, "", ingest)
        await broker.open()
        try:
            async with asyncio.timeout(20):
                await asyncio.to_thread(_send_and_listen, port, ingest)
        finally:
            await broker.close()

    asyncio.run(pass_on())
    ingest.stop()
    assert dict(ingest.outcomes) == {"kept": 4}


def _send_and_listen(port: int, ingest: Ingest) -> None:
    """Send by each QoS, at first with nobody who listens."""
    topic, heard = "fenghuo/bizhai/river-stage", list[bytes]()
    sender, listener = (paho.Client(paho.CallbackAPIVersion.VERSION2) for _ in range(2))
    listener.on_message = lambda _client, _data, message: heard.append(bytes(message.payload))
    for client in (sender, listener):
        client.connect("127.0.0.1", port)
        client.loop_start()
    first = sender.publish(topic, b"1", qos=1)
    assert not first.is_published(), "nothing is written yet"
    ingest.start()
    first.wait_for_publish(10)
    assert first.is_published()
    subscribed = threading.Event()
    listener.on_subscribe = lambda *_: subscribed.set()
    listener.subscribe(topic, 1)
    assert subscribed.wait(10)
    for qos in (0, 1, 2):
        sender.publish(topic, str(2 + qos).encode(), qos=qos).wait_for_publish(10)
    deadline = time.monotonic() + 10
    while len(heard) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sorted(heard) == [b"2", b"3", b"4"]
    for client in (sender, listener):
        client.disconnect()
        client.loop_stop()


def test_a_connection_that_says_nothing_is_closed(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "PROBE_EVERY_S", 60)
    monkeypatch.setattr(broker_module, "CONNECT_TIMEOUT_S", 0.05)

    async def wait() -> None:
        port = free_port()
        broker = EmbeddedBroker("127.0.0.1", port, "", ingest)
        await broker.open()
        try:
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                assert await reader.read(1) == b""
                writer.close()
        finally:
            await broker.close()

    asyncio.run(wait())


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
