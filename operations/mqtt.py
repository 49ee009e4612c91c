"""Readings from an MQTT broker elsewhere (Mosquitto, EMQX): read fast, acknowledged only after the commit.

Who closes whom: `Subscriber.close()` disconnects; the broker keeps what was not acknowledged for our next session (same client id).
"""

import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from foundation.errors import UserError
from operations.ingest import Ingest

RECEIVE_MAXIMUM = 4_000
"""Messages the broker may send us without an acknowledgement (MQTT 5 section 3.1.2.11.3)."""
SESSION_EXPIRY_S = 86_400
KEEP_ALIVE_S = 20
RECONNECT_MAX_S = 10

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

    def __init__(self, url: str, client_id: str, topics: list[str], ingest: Ingest) -> None:
        self._address = BrokerAddress.of(url)
        self._topics = topics
        self._ingest = ingest
        # Acknowledged by hand, after the commit; otherwise a killed worker loses what it had read.
        self._client = paho.Client(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=paho.MQTTv5,
            manual_ack=True,
            reconnect_on_failure=True,
        )
        self._client.reconnect_delay_set(1, RECONNECT_MAX_S)
        self._address.prepare(self._client)
        self._client.on_connect = self._connected
        self._client.on_connect_fail = lambda _client, _data: ingest.carrier_lost("no_broker")
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._message
        self.connected = False

    def open(self) -> None:
        """Connect, now or as soon as the broker is there, and stay connected."""
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.ReceiveMaximum = RECEIVE_MAXIMUM
        properties.SessionExpiryInterval = SESSION_EXPIRY_S
        self._client.connect_async(
            self._address.host, self._address.port, keepalive=KEEP_ALIVE_S, clean_start=False, properties=properties
        )
        self._client.loop_start()

    def close(self) -> None:
        """Disconnect; the session stays at the broker."""
        self._client.disconnect()
        self._client.loop_stop()

    def _connected(self, client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            logger.error("the MQTT broker refused us", extra={"reason": str(reason)})
            self._ingest.carrier_lost("no_broker")
            return
        self.connected = True
        self._ingest.carrier_found()
        client.subscribe([(topic, paho.SubscribeOptions(qos=1)) for topic in self._topics])
        logger.info("connected to the MQTT broker", extra={"host": self._address.host})

    def _disconnected(self, _client: paho.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if self.connected:
            logger.warning("the MQTT broker is gone", extra={"reason": str(reason)})
        self.connected = False
        if reason.is_failure:  # not when it is we who leave
            self._ingest.carrier_lost("no_broker")

    def _message(self, client: paho.Client, _data: Any, message: paho.MQTTMessage) -> None:
        # Waits while the queue is full: then we stop reading, and TCP and the receive maximum hold the broker back.
        self._ingest.put(message.topic, bytes(message.payload), _acknowledgement(client, message.mid, message.qos))


def _acknowledgement(client: paho.Client, mid: int, qos: int) -> Callable[[bool], None]:
    def acknowledge(_kept: bool) -> None:
        client.ack(mid, qos)

    return acknowledge
