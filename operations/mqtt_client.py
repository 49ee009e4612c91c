"""paho's MQTT client, reading and acknowledging many messages at once.

paho reads each packet with three system calls, decodes a PUBLISH into objects that nobody here looks at, raises on properties that are not UTF-8,
and sends each PUBACK by itself: 1,000 messages a second cost it a quarter of a processor. Connecting, TLS, keep-alive, subscribing and
reconnecting stay paho's. The names that begin with `_` are paho's inside: its version is pinned, `tests/operations/test_mqtt_client.py` holds them.
"""

import struct
import threading
from collections.abc import Callable, Sequence
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt import MQTTException
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

READ_BYTES = 256 * 1024
MAX_PACKET_BYTES = 1024 * 1024
"""The broker sends no larger packet (MQTT 5 section 3.1.2.11.4); a larger one ends the connection."""
PUBLISH = 0x30
PUBACK = 0x40
FAILURE_FROM = 0x80
"""Reason codes from here on are failures (MQTT 5 section 2.4)."""


class Incoming(NamedTuple):
    """A PUBLISH packet as it came; `topic` is whatever bytes the broker let through."""

    topic: bytes
    payload: bytes
    packet_id: int
    qos: int
    retained: bool


class BatchClient(paho.Client):
    """An MQTT 5 client that hands over all messages of one read together, none of them acknowledged."""

    def __init__(self, client_id: str, take: Callable[[list[Incoming]], None]) -> None:
        super().__init__(
            paho.CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=True,
        )
        self._take = take
        self._unread = bytearray()

    def run(self, host: str, port: int, keep_alive_s: int, properties: Properties) -> None:
        """Connect, now or as soon as the broker is there, and stay connected until `disconnect`; in the calling thread."""
        # As loop_start does it: otherwise other threads would write to the socket beside this one.
        self._thread = threading.current_thread()
        properties.MaximumPacketSize = MAX_PACKET_BYTES
        self.connect_async(host, port, keepalive=keep_alive_s, clean_start=False, properties=properties)
        try:
            self.loop_forever(retry_first_connection=True)
        finally:
            self._thread = None

    def reconnect(self) -> MQTTErrorCode:
        """Connect anew; what was read of the former connection is forgotten."""
        self._unread.clear()
        return super().reconnect()

    def acknowledge(self, packet_ids: Sequence[int]) -> None:
        """Send one PUBACK for each QoS 1 message, all together; from any thread."""
        if packet_ids:
            puback = struct.Struct("!BBH").pack
            self._packet_queue(PacketTypes.PUBACK << 4, b"".join(puback(PUBACK, 2, one) for one in packet_ids), 0, 0)

    def _packet_read(self) -> MQTTErrorCode:
        try:
            data = self._sock_recv(READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_AGAIN
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not data:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        self._unread += data
        with self._msgtime_mutex:
            self._last_bytes_received = paho.time_func()
        return self._packets()

    def _packets(self) -> MQTTErrorCode:
        """Work off the whole packets among what was read."""
        unread, messages = self._unread, list[Incoming]()
        at, result = 0, MQTTErrorCode.MQTT_ERR_SUCCESS
        while not result:
            try:
                start, end = _bounds(unread, at)
                if end > len(unread):
                    break
                header = unread[at]
                if header & 0xF0 == PUBLISH:
                    messages.append(_publish(header, bytes(unread[start:end])))
                else:
                    result = self._other(header, unread[start:end])
                at = end
            except (ValueError, struct.error, IndexError, MQTTException):
                # The broker's own fault: what follows in this stream has no beginning any more.
                result = MQTTErrorCode.MQTT_ERR_PROTOCOL
        del unread[:at]
        if messages:
            self._take(messages)
        return result

    def _other(self, header: int, body: bytearray) -> MQTTErrorCode:
        """Let paho handle a packet that is no PUBLISH."""
        self._in_packet = {
            "command": header,
            "have_remaining": 1,
            "remaining_count": [],
            "remaining_mult": 1,
            "remaining_length": len(body),
            "packet": body,
            "to_process": 0,
            "pos": 0,
        }
        return self._packet_handle()


def _bounds(data: bytearray, at: int) -> tuple[int, int]:
    """Where the body of the packet at `at` begins and ends; beyond the end of `data` while it is not whole. ValueError when too large."""
    length = shift = 0
    for place in range(at + 1, at + 5):
        if place >= len(data):
            return place, len(data) + 1
        length |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            if length > MAX_PACKET_BYTES:
                raise ValueError("packet_too_large")
            return place + 1, place + 1 + length
        shift += 7
    raise ValueError("bad_length")


def _publish(header: int, body: bytes) -> Incoming:
    """Decode a PUBLISH packet (MQTT 5 section 3.3); its properties are passed over unread, since a sender chooses what is in them."""
    end = 2 + int.from_bytes(body[:2], "big")
    qos = header >> 1 & 3
    topic, packet_id = body[2:end], 0
    if qos:
        packet_id = int.from_bytes(body[end : end + 2], "big")
        end += 2
    if body[end] == 0:
        end += 1
    else:
        length = shift = 0
        while True:
            byte = body[end]
            length |= (byte & 0x7F) << shift
            end, shift = end + 1, shift + 7
            if byte < 0x80:
                break
            if shift > 21:
                raise ValueError("bad_length")
        end += length
    if end > len(body):
        raise ValueError("bad_packet")
    return Incoming(topic, body[end:], packet_id, qos, bool(header & 1))
