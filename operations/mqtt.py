"""Readings from an MQTT broker elsewhere (Mosquitto, EMQX): read fast, acknowledged only after the commit.

Who closes whom: `Subscriber.close()` disconnects; the broker keeps what was not acknowledged for our next session (same client id).
"""

import logging
import ssl
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from foundation.clock import Clock
from foundation.errors import UserError
from foundation.identifiers import new_id
from foundation.loops import SupervisedThread, guarded
from operations.ingest import Ingest, Message
from operations.mapping import MAX_PAYLOAD_BYTES
from operations.mqtt_client import FAILURE_FROM, BatchClient, Incoming

RECEIVE_MAXIMUM = 10_000
"""Messages the broker may send us without an acknowledgement (MQTT 5 section 3.1.2.11.3)."""
SESSION_EXPIRY_S = 86_400
KEEP_ALIVE_S = 20
RECONNECT_MAX_S = 10
CLOSE_S = 10.0
PROBE_EVERY_S = 2.0
"""How often a message of our own is sent through the broker, to measure how long readings wait there."""
PROBE_TOPIC = "fenghuo-worker/probe"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BrokerAddress:
    """Where a broker listens and who we are to it."""

    host: str
    port: int
    tls: bool = False
    user: str = ""
    password: str = field(default="", repr=False)

    @classmethod
    def of(cls, url: str) -> "BrokerAddress":
        """What `mqtt://user:password@host:port` (or `mqtts://`) says; UserError("bad_mqtt_url") for anything else."""
        try:
            parts = urlsplit(url)
            given = parts.port
        except ValueError as error:
            raise UserError("bad_mqtt_url") from error
        if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
            raise UserError("bad_mqtt_url")
        tls = parts.scheme == "mqtts"
        port = given or (8883 if tls else 1883)
        return cls(parts.hostname, port, tls, unquote(parts.username or ""), unquote(parts.password or ""))

    def prepare(self, client: paho.Client) -> None:
        """Give a client its account and TLS."""
        if self.user:
            client.username_pw_set(self.user, self.password)
        if self.tls:
            client.tls_set_context(ssl.create_default_context())


class Subscriber:
    """One subscription to an outside broker, for as long as the process lives."""

    def __init__(self, url: str, client_id: str, topics: list[str], ingest: Ingest, clock: Clock) -> None:
        self._address = BrokerAddress.of(url)
        self._topics = topics
        self._ingest = ingest
        self._clock = clock
        self._probe = Probe(clock)
        # Acknowledged by hand, after the commit; otherwise a killed worker loses what it had read.
        self._client = BatchClient(client_id, self._messages)
        self._client.reconnect_delay_set(1, RECONNECT_MAX_S)
        self._address.prepare(self._client)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = lambda _client, _data: ingest.carrier_lost("no_broker")
        self._client.on_subscribe = self._subscribed
        self._client.on_publish = self._published
        self._client.on_disconnect = self._disconnected
        self._connection = 0
        self._reading = SupervisedThread("mqtt", self._read)
        self._probing = SupervisedThread("mqtt probe", self._send_probes)
        self.connected = False

    def open(self) -> None:
        """Connect, now or as soon as the broker is there, and stay connected."""
        self._ingest.watch(self._reading, lag_s=lambda: self._probe.lag_s)
        self._reading.start()
        self._probing.start()

    def close(self) -> None:
        """Disconnect; the session stays at the broker."""
        self._reading.stopping.set()
        self._client.disconnect()
        self._probing.stop(CLOSE_S)
        self._reading.stop(CLOSE_S)

    def settle(self, tokens: Sequence[Any]) -> None:
        """Acknowledge messages to the broker; those of an earlier connection come again, and are acknowledged then."""
        connection = self._connection
        self._client.acknowledge([packet_id for of, packet_id in tokens if of == connection and packet_id])

    def _read(self, _stopping: threading.Event) -> None:
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        self._client.run(self._address.host, self._address.port, KEEP_ALIVE_S, properties)

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        # A packet identifier means something within its connection only: kept over a reconnect it could acknowledge another message.
        self._connection += 1
        if reason.is_failure:
            logger.error("the MQTT broker refused us", extra={"reason": str(reason)})
            self._ingest.carrier_lost("no_broker")
            return
        self.connected = True
        self._probe.forget()
        self._ingest.carrier_found()
        client.subscribe([(topic, paho.SubscribeOptions(qos=1)) for topic in [*self._topics, PROBE_TOPIC]])
        logger.info("connected to the MQTT broker", extra={"host": self._address.host})

    def _subscribed(self, _client: paho.Client, _data: Any, _mid: int, reasons: Any, _properties: Any) -> None:
        if reasons[-1].value >= FAILURE_FROM:
            self._probe.forget(refused=True)
        refused = [topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.value >= FAILURE_FROM]
        if refused:
            logger.error("the MQTT broker refused a subscription", extra={"topics": refused[:10]})
            self._ingest.carrier_lost("no_subscription")

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self.connected:
            logger.warning("the MQTT broker is gone", extra={"reason": str(reason)})
        self.connected = False
        if reason.is_failure:  # not when it is we who leave
            self._ingest.carrier_lost("no_broker")

    def _messages(self, incoming: list[Incoming]) -> None:
        connection, arrival = self._connection, self._ingest.arrival()
        refused: list[tuple[int, int]] = []
        taken: list[Message] = []
        for topic, payload, packet_id, qos, retained in incoming:
            token = (connection, packet_id if qos else 0)
            try:
                name = topic.decode()
            except UnicodeDecodeError:
                # MQTT forbids such a topic (section 1.5.4), but brokers such as EMQX let it through; sent again it would be no better.
                self._ingest.refuse(repr(topic), "topic_not_utf8")
                refused.append(token)
                continue
            if name == PROBE_TOPIC:
                self._probe.returned(payload)
                refused.append(token)
                continue
            taken.append(Message(name, payload[: MAX_PAYLOAD_BYTES + 1], arrival, retained, self, token))
        self.settle(refused)
        # Waits while the queue is full: then we stop reading, and TCP and the receive maximum hold the broker back.
        self._ingest.put(taken)

    def _send_probes(self, stopping: threading.Event) -> None:
        while not stopping.wait(PROBE_EVERY_S):
            with guarded("mqtt probe"):
                if self.connected and (payload := self._probe.next()) is not None:
                    self._client.publish(PROBE_TOPIC, payload, qos=1)

    def _published(self, _client: paho.Client, _data: Any, _mid: int, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._probe.forget(refused=True)


class Probe:
    """How long a message waits in the broker: one of our own queues there behind the readings. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._name = ""
        self._sent_at: float | None = None
        self._last_s = 0.0
        self._refused = False

    @property
    def lag_s(self) -> float:
        """How long the one that is under way has waited, at least as long as the last one did, seconds."""
        with self._lock:
            waited = 0.0 if self._sent_at is None else self._clock.monotonic() - self._sent_at
            return max(self._last_s, waited)

    def next(self) -> str | None:
        """The payload of the next one; None while one is under way, or where the broker's rules let none through."""
        with self._lock:
            if self._sent_at is not None or self._refused:
                return None
            self._name, self._sent_at = new_id(), self._clock.monotonic()
            return self._name

    def returned(self, payload: bytes) -> None:
        """Something came on its topic; what is not ours is passed over."""
        with self._lock:
            if self._sent_at is not None and payload == self._name.encode():
                self._last_s, self._sent_at = self._clock.monotonic() - self._sent_at, None

    def forget(self, refused: bool = False) -> None:
        """The one under way does not come back: its connection ended, or the broker `refused` it."""
        with self._lock:
            self._sent_at, self._last_s, self._refused = None, 0.0, refused
