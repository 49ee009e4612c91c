"""DTLS-SRTP with aiortc's RTCDtlsTransport, used narrowly: datagrams in through a queue, out through a callable, keys out.

The private names of aiortc live in this module only; `self_test` proves them at start. There is no public way to the keys: nothing to fall
back to.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, cast

from aiortc import RTCCertificate, RTCDtlsFingerprint, RTCDtlsParameters, RTCDtlsTransport
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import Certificate

from conference.media import openssl
from conference.media.srtp import Direction, direction
from foundation.errors import ProtocolError

HANDSHAKE_TIMEOUT_S = 10.0
QUEUE_DATAGRAMS = 64
HASHES: dict[str, Callable[[], hashes.HashAlgorithm]] = {
    "sha-256": hashes.SHA256,
    "sha-384": hashes.SHA384,
    "sha-512": hashes.SHA512,
}
ALERT = 21
"""Content type of an alert record (RFC 6347 section 4.1)."""
ALERT_AT = 13
"""Where a record's content begins."""


def make_certificate() -> RTCCertificate:
    """Return a fresh certificate (ECDSA P-256, 30 days): one for each process."""
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


class EncoderEndpoint:
    """As `DtlsEndpoint`, for who only publishes: it takes the certificates that encoders show (conference.media.openssl)."""

    def __init__(
        self, certificate: RTCCertificate, send: Callable[[bytes], None], on_closed: Callable[[], None], *, server: bool
    ) -> None:
        """DtlsRefused where the library is missing."""
        self._association = openssl.Association(certificate._cert, certificate._key, server=server)
        self._send = send
        self._on_closed = on_closed
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUE_DATAGRAMS)
        self._reading: asyncio.Task[None] | None = None

    def feed(self, data: bytes) -> bool:
        """Take one DTLS datagram from the peer; False when the queue is full and it was dropped."""
        try:
            self._queue.put_nowait(data)
        except asyncio.QueueFull:
            return False
        return True

    async def handshake(self, fingerprints: list[tuple[str, str]]) -> tuple[Direction, Direction]:
        """Shake hands and check the peer's certificate; as `DtlsEndpoint.handshake`."""
        try:
            await asyncio.wait_for(self._shake(), HANDSHAKE_TIMEOUT_S)
            shown = self._association.peer_certificate()
            if not fingerprints or any(_digest(shown, algorithm) != value for algorithm, value in fingerprints):
                raise ProtocolError("dtls_failed", reason="fingerprint")
            profile, receiving, sending = self._association.keys()
        except TimeoutError:
            raise ProtocolError("dtls_failed", reason="timeout") from None
        except openssl.DtlsRefused as error:
            self._flush()  # the alert
            raise ProtocolError("dtls_failed", reason=str(error)) from error
        self._reading = asyncio.get_running_loop().create_task(self._read())
        return direction(receiving, profile, sending=False), direction(sending, profile, sending=True)

    async def _shake(self) -> None:
        association = self._association
        while not association.shake():
            self._flush()
            try:
                association.take(await asyncio.wait_for(self._queue.get(), association.timeout_s()))
            except TimeoutError:
                association.pass_time()
        self._flush()

    async def _read(self) -> None:
        """Wait for the peer's goodbye; its last flight, should it come again, is answered."""
        while True:
            self._association.take(await self._queue.get())
            gone = self._association.closed_by_peer()
            self._flush()
            if gone:
                self._on_closed()
                return

    def _flush(self) -> None:
        for datagram in self._association.datagrams():
            self._send(datagram)

    async def close(self) -> None:
        """Say goodbye (close_notify) and end the association; safe to call twice."""
        reading, self._reading = self._reading, None
        if reading is not None:
            self._association.say_goodbye()
            self._flush()
            if reading is not asyncio.current_task():
                reading.cancel()


def _digest(certificate: Certificate, algorithm: str) -> str:
    """The fingerprint of a certificate as SDP writes it (RFC 8122)."""
    return certificate.fingerprint(HASHES[algorithm]()).hex(":").upper()


Endpoint = DtlsEndpoint | EncoderEndpoint


def endpoint(
    certificate: RTCCertificate,
    send: Callable[[bytes], None],
    on_closed: Callable[[], None],
    *,
    server: bool,
    encoder: bool,
) -> Endpoint:
    """Return what shakes hands with a peer: for an `encoder` the one that takes more certificates, where the machine has it."""
    if encoder:
        with contextlib.suppress(openssl.DtlsRefused):
            return EncoderEndpoint(certificate, send, on_closed, server=server)
    return DtlsEndpoint(certificate, send, on_closed, server=server)


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
