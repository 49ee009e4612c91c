"""The MQTT broker inside the worker (amqtt), for installations without one of their own.

What amqtt acknowledges must be in the database, so its protocol handler is replaced by one that hands each message to the ingest and sends
the PUBACK only after the commit. That handler, and the name under which amqtt finds it, are amqtt's inside: the version is pinned.
A broker that stalls (seen with 200 messages in flight) is found by a probe of its own and restarted; what was not acknowledged comes again.
A port that another program holds is told as the ingest's state and tried again: the worker has more to do than to listen.

Who closes whom: `EmbeddedBroker.close()` shuts the listeners, which closes every connection.
"""

import asyncio
import contextlib
import hmac
import logging
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import amqtt.broker
from amqtt.adapters import BufferReader, ReaderAdapter, WriterAdapter
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig
from amqtt.errors import MQTTError
from amqtt.mqtt.constants import QOS_0, QOS_1
from amqtt.mqtt.protocol.broker_handler import BrokerProtocolHandler
from amqtt.mqtt.puback import PubackPacket
from amqtt.plugins.base import BaseAuthPlugin
from amqtt.session import IncomingApplicationMessage, OutgoingApplicationMessage, Session

from foundation.loops import guarded, supervised, survived
from operations.ingest import Ingest, Message
from operations.mapping import MAX_PAYLOAD_BYTES

MAX_CONNECTIONS = 200
MAX_UNACKNOWLEDGED = 5_000
"""Messages between arrival and commit, over all connections; beyond it a connection that sends more is closed."""
PROBE_EVERY_S = 15.0
PROBE_TIMEOUT_S = 10.0
LISTEN_AGAIN_S = 3.0
"""How often a port that another program holds is tried again."""
SESSION_EXPIRY_S = 3600
CONNECT_TIMEOUT_S = 10.0
"""A connection must begin with a CONNECT within this time: those that say nothing would use up the connections of all."""
MAX_CONNECT_BYTES = 4096
CONNECT = 0x10
MQTT_5 = 5
MQTT_3_1_1 = 4
REFUSED_5 = b"\x20\x03\x00\x84\x00"
"""CONNACK: unsupported protocol version (MQTT 5 section 3.2.2.2)."""
REFUSED_3 = b"\x20\x02\x00\x01"
"""CONNACK: unacceptable protocol version (MQTT 3.1.1 section 3.2.2.3)."""
SENSOR_ACCOUNT = "sensor"

logger = logging.getLogger(__name__)

Sink = Callable[[str, bytes], Awaitable[None]]


class TooFast(Exception):
    """A sender that goes on while thousands of its messages are not yet acknowledged."""


class DurableHandler(BrokerProtocolHandler):  # type: ignore[misc]
    """amqtt's handler of one connection, acknowledging only what is kept."""

    sink: Sink
    events: Counter[str]

    @classmethod
    async def init_from_connect(
        cls,
        reader: ReaderAdapter,
        writer: WriterAdapter,
        plugins_manager: Any,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> tuple[BrokerProtocolHandler, Session]:
        """Take in a client that speaks MQTT 3.1.1; every other one is told so. MQTTError, and a closed connection, for whatever else goes wrong.

        amqtt reads a CONNECT of MQTT 5 as one of 3.1.1, and waits for ever for bytes that do not come; and a connection whose beginning
        raises anything but its own errors is never counted as ended.
        """
        reason = "bad_connect"
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                packet, level = await _read_connect(reader)
                if level != MQTT_3_1_1:
                    reason = "protocol_version"
                    logger.warning("an MQTT client speaks another version than 3.1.1", extra={"level": level})
                    writer.write(REFUSED_5 if level == MQTT_5 else REFUSED_3)
                    await writer.drain()
                    raise MQTTError(f"protocol level {level}")
                begun: tuple[BrokerProtocolHandler, Session] = await super().init_from_connect(
                    BufferReader(packet), writer, plugins_manager, loop
                )
        except Exception as error:
            # Whoever connects can send anything: its connection ends, and only that.
            cls.events[reason] += 1
            with guarded("broker connect"):
                await writer.close()
            raise MQTTError(str(error)) from error
        return begun

    async def _handle_message_flow(self, app_message: IncomingApplicationMessage | OutgoingApplicationMessage) -> None:
        if isinstance(app_message, IncomingApplicationMessage) and app_message.publish_packet is not None:
            try:
                await self.sink(app_message.topic, bytes(app_message.publish_packet.data or b""))
            except TooFast:
                self.events["too_fast"] += 1
                # Not awaited inside itself: closing waits for this very task.
                asyncio.get_running_loop().call_soon(self._reader_task.cancel if self._reader_task else lambda: None)
                return
            if not self._is_for_others(app_message):
                # amqtt's way to the subscribers, with a dozen tasks for each message, is four fifths of its work.
                if app_message.qos == QOS_1:
                    await self._send_packet(PubackPacket.build(app_message.packet_id))
                return
        await super()._handle_message_flow(app_message)

    def _is_for_others(self, message: IncomingApplicationMessage) -> bool:
        """Whether anybody but us wants it: subscribers, or those who will ask for the retained one; and what QoS 2 still has to do."""
        return bool(message.retain or message.qos not in (QOS_0, QOS_1) or self.plugins_manager.context.subscriptions)


class Doorkeeper(BaseAuthPlugin):  # type: ignore[misc]
    """Lets in everybody (on loopback), or who shows the sensors' account."""

    @dataclass
    class Config:
        """`password` empty: everybody may connect."""

        password: str = field(default="", repr=False)

    async def authenticate(self, *, session: Session) -> bool | None:
        expected: str = self.config.password
        if not expected:
            return True
        given = f"{session.username or ''}:{session.password or ''}"
        return hmac.compare_digest(given.encode(), f"{SENSOR_ACCOUNT}:{expected}".encode())


class EmbeddedBroker:
    """The broker and its watchdog, on the running event loop."""

    def __init__(self, host: str, port: int, password: str, ingest: Ingest) -> None:
        self._config = BrokerConfig.from_dict(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{host}:{port}", "max_connections": MAX_CONNECTIONS}},
                "session_expiry_interval": SESSION_EXPIRY_S,
                "plugins": {"operations.broker.Doorkeeper": {"password": password}},
            }
        )
        self._bind = (host, port)
        self._address = ("127.0.0.1" if host in ("0.0.0.0", "") else host, port)
        self._ingest = ingest
        self._unsettled = 0
        self._broker: Broker | None = None
        self._watch: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Listen, now or as soon as the port is free, and go on until `close`."""
        self._loop = asyncio.get_running_loop()
        DurableHandler.sink = staticmethod(self._take)
        DurableHandler.events = self._ingest.events
        amqtt.broker.BrokerProtocolHandler = DurableHandler
        await self._keep_listening()
        self._watch = asyncio.create_task(supervised("broker watch", self._watchdog))

    async def close(self) -> None:
        """Stop listening and close every connection."""
        if self._watch:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
        await self._stop()

    async def _keep_listening(self) -> None:
        """Restart a broker that stalled, start one where there is none; whatever fails is logged and tried at the next look."""
        try:
            if self._broker is not None and not await _answers(*self._address):
                self._ingest.events["broker_restarted"] += 1
                logger.error("the embedded broker stalled and is restarted")
                await self._stop()
            if self._broker is None:
                await self._start()
        except Exception:  # noqa: BLE001 - `survived` logs and counts it
            # amqtt lets out whatever its parts raise; a watch that ended here would leave the township without a broker for ever.
            survived("broker.start")
            self._ingest.carrier_lost("no_broker")

    async def _start(self) -> None:
        # Asked before amqtt does: it logs a traceback for each try, and this one is made every few seconds.
        if not _is_free(self._bind):
            self._ingest.carrier_lost("port_taken")
            return
        broker = Broker(self._config)
        await broker.start()
        self._broker = broker
        self._ingest.carrier_found()

    async def _stop(self) -> None:
        broker, self._broker = self._broker, None
        if broker is None:
            return
        try:
            await asyncio.wait_for(broker.shutdown(), PROBE_TIMEOUT_S)
        except Exception:  # noqa: BLE001 - `survived` logs and counts it
            # It may be the stalled one that is being replaced: its successor starts whatever became of it.
            survived("broker.stop")
            # It shuts its listeners last; one left open would hold the port against its successor.
            for server in broker._servers.values():
                if server.instance:
                    server.instance.close()

    async def _take(self, topic: str, payload: bytes) -> None:
        """Wait until the message is durable, or refused for good."""
        kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self._unsettled >= MAX_UNACKNOWLEDGED:
            raise TooFast
        # A sender's own message is of now, whether the broker is to keep it for others (the retain flag) or not.
        if not self._ingest.offer(
            Message(topic, payload[: MAX_PAYLOAD_BYTES + 1], self._ingest.arrival(), False, self, kept)
        ):
            raise TooFast
        self._unsettled += 1
        try:
            await kept
        finally:
            self._unsettled -= 1

    def settle(self, tokens: Sequence[Any]) -> None:
        """Let the messages of a batch be acknowledged; from the ingest's thread."""

        def resolve() -> None:
            for kept in tokens:
                if not kept.done():
                    kept.set_result(None)

        with contextlib.suppress(RuntimeError):  # the loop is closed: the process is ending
            self._loop.call_soon_threadsafe(resolve)

    async def _watchdog(self) -> None:
        while True:
            await asyncio.sleep(LISTEN_AGAIN_S if self._broker is None else PROBE_EVERY_S)
            await self._keep_listening()


async def _read_connect(reader: ReaderAdapter) -> tuple[bytes, int]:
    """A whole CONNECT packet and its protocol level (MQTT 3.1.1 section 3.1); MQTTError for anything else."""
    first = await reader.read(1)
    if first[0] != CONNECT:
        raise MQTTError("the first packet is no CONNECT")
    lengths = b""
    while True:
        lengths += await reader.read(1)
        if lengths[-1] < 0x80:
            break
        if len(lengths) == 4:
            raise MQTTError("bad remaining length")
    length = sum((byte & 0x7F) << 7 * place for place, byte in enumerate(lengths))
    if length > MAX_CONNECT_BYTES:
        raise MQTTError("a CONNECT too large")
    body = await reader.read(length)
    (name_length,) = struct.unpack_from("!H", body)
    return first + lengths + body, body[2 + name_length]


def _is_free(address: tuple[str, int]) -> bool:
    """Whether a listener can be opened at `address`."""
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


async def _answers(host: str, port: int) -> bool:
    """Whether the broker takes a connection and reacts to a CONNECT within the time limit (it may refuse it: we show no account)."""
    connect = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x0a\x00\x06fh-dog"
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(connect)
                await writer.drain()
                await reader.read(4)
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
    return True
