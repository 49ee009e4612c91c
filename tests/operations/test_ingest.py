"""From a broker to the database: what is refused is counted by its reason, and a broker that is gone is told."""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.packettypes import PacketTypes

from foundation.clock import ManualClock, SystemClock, epoch_ms
from foundation.database import Database
from foundation.errors import Unavailable
from operations.ingest import LATE_S, Ingest, IngestState, Message
from operations.mapping import Mapping
from operations.mqtt import Probe, Subscriber
from operations.readings import newest_of_all
from operations.sensing import Outcome, Sensing
from tests.servers import Mosquitto, Server

WAIT_S = 20


class Gateway:
    """A carrier that notes what was acknowledged to it."""

    def __init__(self, ingest: Ingest) -> None:
        self.ingest = ingest
        self.settled: list[Any] = []

    def settle(self, tokens: Sequence[Any]) -> None:
        self.settled += tokens

    def send(self, *messages: tuple[str, bytes], retained: bool = False) -> None:
        """Bring messages, whose tokens are their payloads."""
        arrival = self.ingest.arrival()
        self.ingest.put([Message(topic, payload, arrival, retained, self, payload) for topic, payload in messages])


@pytest.fixture
def ingest(township: Database, clock: ManualClock) -> Iterator[Ingest]:
    """A queue with its writer at work."""
    ingest = Ingest(Sensing(township, clock), Mapping(), clock)
    ingest.start()
    yield ingest
    ingest.stop()


@pytest.fixture
def gateway(ingest: Ingest) -> Gateway:
    """What brings messages to it."""
    return Gateway(ingest)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


STAGE = "fenghuo/bizhai/river-stage"


def test_a_message_under_another_site_s_topic_is_refused_and_counted(
    ingest: Ingest, gateway: Gateway, township: Database
) -> None:
    gateway.send(
        ("fenghuo/baida/river-stage", b"3.5"),
        (STAGE, b'{"value": 3.5, "quality": "bad"}'),
        (STAGE, b'{"value": 3.5, "quality": "suspect"}'),
    )
    until(lambda: len(gateway.settled) == 3)
    assert dict(ingest.outcomes) == {"wrong_site": 1, "bad_quality": 1, "kept": 1}
    with township.reading() as session:
        assert newest_of_all(session)[1].quality == 1


def test_a_retained_message_is_a_reading_only_with_a_time_of_its_own(
    ingest: Ingest, gateway: Gateway, township: Database, clock: ManualClock
) -> None:
    measured = epoch_ms(clock.now()) - 3_600_000
    gateway.send((STAGE, b"3.5"), (STAGE, b'{"value": 3.5}'), retained=True)
    gateway.send((STAGE, b'{"value": 3.4, "at": %d}' % measured), retained=True)
    until(lambda: len(gateway.settled) == 3)
    assert dict(ingest.outcomes) == {"retained_without_time": 2, "kept": 1}
    with township.reading() as session:
        assert newest_of_all(session)[1].at == measured


def test_a_row_that_the_database_cannot_bear_is_counted_and_the_others_are_kept(
    township: Database, clock: ManualClock
) -> None:
    class Fragile(Sensing):
        def take(self, rows: Sequence[Any], principal: Any = None) -> Outcome:
            if any(row["value"] == 13 for row in rows):
                raise ArithmeticError("nobody foresaw thirteen")
            return super().take(rows, principal)

    ingest = Ingest(Fragile(township, clock), Mapping(), clock)
    gateway = Gateway(ingest)
    gateway.send((STAGE, b"12"), (STAGE, b"13"), (STAGE, b"14"))
    ingest.start()
    until(lambda: len(gateway.settled) == 3)
    ingest.stop()
    assert dict(ingest.outcomes) == {"failed": 1, "kept": 2}
    assert ingest.status.state == "ok"


def test_nothing_is_acknowledged_while_the_database_takes_nothing_and_the_lag_is_that_of_the_oldest(
    township: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = threading.Event()
    full.set()

    class Full(Sensing):
        def take(self, rows: Sequence[Any], principal: Any = None) -> Outcome:
            if full.is_set():
                raise Unavailable("disk_full")
            return super().take(rows, principal)

    monkeypatch.setattr("operations.ingest.RETRY_S", 0.01)
    ingest = Ingest(Full(township, clock), Mapping(), clock)
    gateway = Gateway(ingest)
    began = epoch_ms(clock.now())
    gateway.send((STAGE, b"1"))
    ingest.start()
    until(lambda: ingest.status == IngestState("stopped", "disk_full", began))
    clock.advance(180)
    gateway.send((STAGE, b"2"))
    assert ingest.lag_s == 180
    assert gateway.settled == []
    full.clear()
    until(lambda: len(gateway.settled) == 2)
    assert (ingest.lag_s, ingest.status.state) == (0, "ok")


def test_readings_that_wait_in_the_broker_are_told_as_a_delay(
    ingest: Ingest, clock: ManualClock, tmp_path: Path
) -> None:
    probe = Probe(clock)
    payload = probe.next()
    assert payload is not None
    ingest.watch(ingest._writer, lag_s=lambda: probe.lag_s)
    clock.advance(LATE_S + 1)
    assert ingest.status == IngestState("behind", "", epoch_ms(clock.now()))
    probe.returned(b"somebody else's")
    assert probe.lag_s == LATE_S + 1
    probe.returned(payload.encode())
    assert probe.lag_s == LATE_S + 1, "that one did wait so long"
    again = probe.next()
    assert again is not None
    probe.returned(again.encode())
    assert (probe.lag_s, ingest.status.state) == (0, "ok")
    probe.next()
    probe.forget(refused=True)
    assert probe.next() is None, "a broker whose rules let none through says nothing about the delay"


def test_a_writer_that_ended_is_told_as_stopped_and_started_again(
    township: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    ingest = Ingest(Sensing(township, clock), Mapping(), clock)
    write = ingest._write

    def end_once(batch: list[Message]) -> bool:
        if not ended:
            ended.append(ingest.status.state)
            raise SystemExit
        return write(batch)

    monkeypatch.setattr(ingest, "_write", end_once)
    monkeypatch.setattr("foundation.loops.RESTART_AFTER_S", 0.2)
    gateway = Gateway(ingest)
    ingest.start()
    gateway.send((STAGE, b"1"))
    until(lambda: ingest.status.reason == "writer_ended")
    until(lambda: len(gateway.settled) == 1)
    assert ingest.status.state == "ok"
    ingest.stop()


def remaining(length: int) -> bytes:
    """A length as MQTT writes it (MQTT 5 section 1.5.5)."""
    written = bytearray()
    while True:
        length, byte = divmod(length, 128)
        written.append(byte | (0x80 if length else 0))
        if not length:
            return bytes(written)


def publish(topic: bytes, payload: bytes, packet_id: int, properties: bytes = b"", flags: int = 0x32) -> bytes:
    body = struct.pack("!H", len(topic)) + topic + struct.pack("!H", packet_id)
    body += remaining(len(properties)) + properties + payload
    return bytes([flags]) + remaining(len(body)) + body


class LenientBroker(Server):
    """A broker that lets through what MQTT forbids: it greets a client, sends it `packets`, and notes what is acknowledged."""

    def __init__(self, *packets: bytes) -> None:
        super().__init__()
        self.acknowledged: list[int] = []
        self.connections = 0
        self._packets = packets
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.settimeout(WAIT_S)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _address = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            with client, contextlib.suppress(OSError):
                while packet := self._packet(client):
                    kind, body = packet
                    if kind == PacketTypes.CONNECT:
                        client.sendall(b"\x20\x03\x00\x00\x00")
                    elif kind == PacketTypes.SUBSCRIBE:
                        client.sendall(b"\x90\x05" + body[:2] + b"\x00\x01\x01")
                        client.sendall(b"".join(self._packets))
                    elif kind == PacketTypes.PUBACK:
                        self.acknowledged.append(int.from_bytes(body[:2], "big"))

    def _packet(self, client: socket.socket) -> tuple[int, bytes] | None:
        first = client.recv(2)
        if len(first) < 2:
            return None
        assert first[1] < 0x80
        body = b""
        while len(body) < first[1]:
            body += client.recv(first[1] - len(body))
        return first[0] >> 4, body

    def close(self) -> None:
        self._listener.close()


def test_ill_formed_topics_and_properties_are_counted_and_acknowledged_and_ingest_goes_on(
    ingest: Ingest, clock: ManualClock
) -> None:
    user_property = b"\x26\x00\x02\xff\xfe\x00\x03\x00ab"
    broker = LenientBroker(
        publish(b"fenghuo/bizhai/\xff\xfe", b"1", 1),
        publish(b"fenghuo/bizhai/\xed\xa0\x80", b"1", 2),
        publish(b"fenghuo/bizhai/river-\x00stage", b"1", 3),
        publish(b"", b"1", 4),
        publish(STAGE.encode(), b"3.5", 5, user_property),
        publish(STAGE.encode(), b"x" * 70_000, 6),
        publish(STAGE.encode(), b"3.6", 7, flags=0x33),
        publish(STAGE.encode(), b"3.7", 8, flags=0x3A),
    )
    subscriber = Subscriber(f"mqtt://127.0.0.1:{broker.port}", "w", ["fenghuo/+/+"], ingest, clock)
    subscriber.open()
    try:
        until(lambda: len(broker.acknowledged) == 8)
        assert sorted(broker.acknowledged) == [1, 2, 3, 4, 5, 6, 7, 8]
        assert dict(ingest.outcomes) == {
            "topic_not_utf8": 2,
            "sensor_unknown": 1,
            "topic_unknown": 1,
            "payload_too_large": 1,
            "retained_without_time": 1,
            "kept": 2,
        }
        assert (ingest.status.state, broker.connections) == ("ok", 1)
    finally:
        subscriber.close()
        broker.close()


def test_a_reading_thread_that_ended_is_told_as_stopped_and_reads_on(
    ingest: Ingest, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = LenientBroker(publish(STAGE.encode(), b"3.5", 1))
    monkeypatch.setattr("foundation.loops.RESTART_AFTER_S", 0.2)
    subscriber = Subscriber(f"mqtt://127.0.0.1:{broker.port}", "w", ["fenghuo/+/+"], ingest, clock)
    put, ends = ingest.put, [1]

    def end_once(messages: Sequence[Message]) -> None:
        if ends:
            raise SystemExit(ends.pop())
        put(messages)

    monkeypatch.setattr(ingest, "put", end_once)
    subscriber.open()
    try:
        until(lambda: ingest.status.reason == "reader_ended")
        until(lambda: broker.acknowledged == [1])
        until(lambda: ingest.status.state == "ok")
        assert broker.connections == 2
    finally:
        subscriber.close()
        broker.close()


def test_an_acknowledgement_of_an_earlier_connection_acknowledges_nothing(
    ingest: Ingest, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[list[int]] = []
    subscriber = Subscriber("mqtt://127.0.0.1:1", "w", [], ingest, clock)
    monkeypatch.setattr(subscriber._client, "acknowledge", sent.append)
    subscriber._connection = 2
    subscriber.settle([(1, 5), (2, 6), (2, 0)])
    assert sent == [[6]]


def test_what_waits_in_a_real_broker_delays_the_probe(
    township: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SystemClock()
    broker = Mosquitto(tmp_path)
    broker.start()
    ingest = Ingest(Sensing(township, clock), Mapping(), clock)
    ingest.start()
    monkeypatch.setattr("operations.mqtt.PROBE_EVERY_S", 0.05)
    subscriber = Subscriber(f"mqtt://127.0.0.1:{broker.port}", "w", Mapping().topics, ingest, clock)
    lags: list[float] = []
    returned = subscriber._probe.returned

    def note(payload: bytes) -> None:
        returned(payload)
        lags.append(subscriber._probe.lag_s)

    monkeypatch.setattr(subscriber._probe, "returned", note)
    subscriber.open()
    try:
        until(lambda: len(lags) > 1)
        assert 0 < lags[0] < LATE_S
    finally:
        subscriber.close()
        ingest.stop()
        broker.stop()


def test_a_broker_that_is_gone_is_told_since_when_and_forgotten_when_it_is_back(
    ingest: Ingest, clock: ManualClock, tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path)
    subscriber = Subscriber(f"mqtt://127.0.0.1:{broker.port}", "fenghuo-worker", Mapping().topics, ingest, clock)
    lost = IngestState("stopped", "no_broker", epoch_ms(clock.now()))
    subscriber.open()
    try:
        until(lambda: ingest.status == lost)
        broker.start()
        until(lambda: ingest.status.state == "ok")
        clock.advance(60)
        broker.stop()
        until(lambda: ingest.status == IngestState("stopped", "no_broker", epoch_ms(clock.now())))
        broker.start()
        until(lambda: ingest.status.state == "ok")
    finally:
        subscriber.close()
        broker.stop()
    assert ingest.status.state == "ok", "leaving is not losing"
