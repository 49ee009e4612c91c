"""DTLS-SRTP with aiortc's RTCDtlsTransport, used narrowly: datagrams in through a queue, out through a callable, keys out.

The private names of aiortc live in this module only; `self_test` proves them at start. There is no public way to the keys: nothing to fall
back to.
"""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport

from conference.media.srtp import Direction
from foundation.errors import ProtocolError

HANDSHAKE_TIMEOUT_S = 10.0
QUEUE_DATAGRAMS = 64
ALERT = 21
"""Content type of an alert record (RFC 6347 section 4.1)."""
ALERT_AT = 13
"""Where a record's content begins."""


def make_certificate() -> RTCCertificate:
    """A fresh certificate (ECDSA P-256, 30 days): one for each process."""
    return RTCCertificate.generateCertificate()


def fingerprint(certificate: RTCCertificate) -> str:
    """The SHA-256 fingerprint of `certificate` as SDP writes it (RFC 8122)."""
    return next(str(f.value) for f in certificate.getFingerprints() if f.algorithm == "sha-256")


class _Pipe:
    """What RTCDtlsTransport wants of an ICE transport: a role, `_recv` and `_send`."""

    def __init__(self, role: str, send: Callable[[bytes], None]) -> None:
        self.role = role
        self.send = send
        self.queue: asyncio.Queue[bytes | None] = asyncio.Queue(QUEUE_DATAGRAMS)

    async def _recv(self) -> bytes:
        data = await self.queue.get()
        if data is None:
            raise ConnectionError
        return data

    async def _send(self, data: bytes) -> None:
        self.send(data)


class DtlsEndpoint:
    """One DTLS association. `feed` takes datagrams, `send` is called with datagrams, `handshake` yields the SRTP contexts."""

    def __init__(
        self,
        certificate: RTCCertificate,
        send: Callable[[bytes], None],
        on_closed: Callable[[], None],
        *,
        server: bool = True,
    ) -> None:
        self._send = send
        self._pipe = _Pipe("controlled" if server else "controlling", self._sent)
        self._transport = RTCDtlsTransport(cast(Any, self._pipe), [certificate])
        self._transport._set_role("server" if server else "client")
        self._transport.on("statechange", self._state_changed)
        self._on_closed = on_closed
        self._connected = False
        self._server = server
        self.alert = ""
        """The last alert that went either way before there were keys (RFC 5246 section 7.2): why a handshake failed."""

    def _sent(self, data: bytes) -> None:
        self._note_alert("sent", data)
        self._send(data)

    def _note_alert(self, way: str, data: bytes) -> None:
        """Note an alert that can be read: epoch 0, alone in its datagram."""
        if len(data) >= ALERT_AT + 2 and data[0] == ALERT and data[3:5] == b"\0\0":
            level = "fatal" if data[ALERT_AT] == 2 else "warning"
            self.alert = f"{level} alert {data[ALERT_AT + 1]} {way}"

    def feed(self, data: bytes) -> bool:
        """Take one DTLS datagram from the peer; False when the queue is full and it was dropped."""
        if not self._connected:
            self._note_alert("received", data)
        try:
            self._pipe.queue.put_nowait(data)
        except asyncio.QueueFull:
            return False
        return True

    async def handshake(self, fingerprints: list[tuple[str, str]]) -> tuple[Direction, Direction]:
        """Shake hands and check the peer's certificate against `fingerprints` (algorithm, value).

        Returns the SRTP contexts (receiving, sending). Raises ProtocolError("dtls_failed") on timeout, a wrong fingerprint, or no
        common SRTP profile.
        """
        parameters = RTCDtlsParameters(
            fingerprints=[RTCDtlsFingerprint(algorithm=algorithm, value=value) for algorithm, value in fingerprints],
            # The role of the *remote* side.
            role="client" if self._server else "server",
        )
        try:
            await asyncio.wait_for(self._transport.start(parameters), HANDSHAKE_TIMEOUT_S)
        except TimeoutError:
            raise ProtocolError("dtls_failed", reason=self.alert or "timeout") from None
        if self._transport.state != "connected":
            raise ProtocolError("dtls_failed", reason=self.alert or "handshake or fingerprint")
        self._connected = True
        return Direction(self._transport._rx_srtp), Direction(self._transport._tx_srtp)

    async def close(self) -> None:
        """Say goodbye (close_notify) and end the association; safe to call twice."""
        self._connected = False
        await self._transport.stop()

    def _state_changed(self) -> None:
        if self._connected and self._transport.state in ("closed", "failed"):
            self._connected = False
            self._on_closed()


async def self_test() -> None:
    """Two associations shake hands in memory, and one reads what the other encrypts; ProtocolError("dtls_self_test") when they do not."""
    certificate = make_certificate()
    fingerprints = [("sha-256", fingerprint(certificate))]
    ends: dict[str, DtlsEndpoint] = {}

    def send_to_server(data: bytes) -> None:
        ends["server"].feed(data)

    def send_to_client(data: bytes) -> None:
        ends["client"].feed(data)

    try:
        client = DtlsEndpoint(certificate, send_to_server, lambda: None, server=False)
        server = DtlsEndpoint(certificate, send_to_client, lambda: None)
        ends.update(client=client, server=server)
        (_, sending), (receiving, _) = await asyncio.gather(
            server.handshake(fingerprints), client.handshake(fingerprints)
        )
        report = bytes([0x80, 201, 0, 1, 0, 0, 0, 7])
        if receiving.unprotect_rtcp(sending.protect_rtcp(report) or b"") != report:
            raise ProtocolError("dtls_self_test", step="keys")
        await client.close()
        await server.close()
    except AttributeError as error:
        raise ProtocolError("dtls_self_test", step=str(error)) from error
