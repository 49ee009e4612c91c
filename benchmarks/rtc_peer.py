"""A real ICE, DTLS and SRTP client for benchmarks: it publishes prepared VP8 packets and drains what it receives, without decoding."""

import asyncio
import ctypes
import os
import re
import secrets
import socket
import struct
import time
from dataclasses import dataclass, field
from fractions import Fraction

from aiortc import RTCCertificate
from aiortc.codecs.vpx import Vp8Encoder
from av import VideoFrame

from benchmarks.drain import ROW_BYTES, ROWS, Drain
from conference.media import rtcp, stun
from conference.media.dtls import DtlsEndpoint, fingerprint
from conference.media.srtp import Direction

FRAME_RATE = 25
FRAMES = 50
CLOCK_RATE = 90_000
VP8_PAYLOAD_TYPE = 96
OPUS_PAYLOAD_TYPE = 111
VOICE_BYTES = 60
"""20 ms of Opus at 24 kbit/s."""
HEARD = 3
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
SO_ATTACH_FILTER = 26
SO_MEMINFO = 55
MEMINFO_DROPS = 8
TIMESPEC = struct.Struct("=qq")
LOAD_BYTE, AT_LEAST, TAKE = 0x30, 0x35, 0x06
"""Operations of classic BPF; the last takes so many bytes of the packet (0: it is refused)."""
DRAIN = Drain()
RTP_OVERHEAD_BYTES = 20 + 16
"""The header with abs-send-time, and the tag of AES-GCM."""
CONSENT_EVERY_S = 2.0
REPORT_EVERY_S = 1.0
GENEROUS_BPS = 100_000_000
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"


def prepared_frames(bits_per_second: int) -> list[list[bytes]]:
    """Two seconds of a moving 640×480 picture as VP8 payloads, a key frame each second: [frame][packet]."""
    encoder = Vp8Encoder()
    encoder.target_bitrate = bits_per_second
    frames = []
    noise = secrets.token_bytes(640 * 480)
    for number in range(FRAME_RATE + FRAMES):  # the first second is left out: its key frame is not typical
        frame = VideoFrame(640, 480, "yuv420p")
        shift = number * 640 * 3 % len(noise)
        frame.planes[0].update(bytes(b >> 2 for b in noise[shift:] + noise[:shift]))
        for plane in frame.planes[1:]:
            plane.update(bytes([128]) * (320 * 240))
        frame.pts = number * CLOCK_RATE // FRAME_RATE
        frame.time_base = Fraction(1, CLOCK_RATE)
        payloads, _ = encoder.encode(frame, force_keyframe=number % FRAME_RATE == 0)
        frames.append(payloads)
    return frames[FRAME_RATE:]


def steady_bursts(packets: int, packet_bytes: int, bursts_per_s: float) -> list[list[bytes]]:
    """A second of bursts of equal packets (RTP header to SRTP tag: `packet_bytes`), the first a key frame of 640×480: [burst][packet]."""
    size = packet_bytes - RTP_OVERHEAD_BYTES
    noise = secrets.token_bytes(size)
    key = b"\x90\x80\x80\x00" + b"\x10\x00\x00\x9d\x01\x2a\x80\x02\xe0\x01"
    other = b"\x90\x80\x80\x00" + b"\x11\x00\x00"
    rest = b"\x80\x80\x80\x00"
    bursts = []
    for number in range(max(1, int(bursts_per_s))):
        first = key if number == 0 else other
        bursts.append(
            [(first if index == 0 else rest) + noise[len(first if index == 0 else rest) :] for index in range(packets)]
        )
    return bursts


@dataclass
class Remote:
    """What a server's SDP says."""

    ufrag: str
    password: str
    fingerprints: list[tuple[str, str]]
    address: tuple[str, int]
    setup: str
    mids: list[str] = field(default_factory=list)
    payload_types: list[int] = field(default_factory=list)


def read_sdp(sdp: str, network: str) -> Remote:
    """Read ICE, fingerprint, mids, and the UDP host candidate whose address starts with `network`."""

    def first(pattern: str) -> str:
        found = re.search(pattern, sdp, re.MULTILINE)
        if found is None:
            raise ValueError(f"no {pattern} in {sdp}")
        return found.group(1)

    prints = re.findall(r"^a=fingerprint:(sha-256) (\S+)", sdp, re.MULTILINE)
    candidates = re.findall(r"^a=candidate:\S+ 1 udp \d+ (\S+) (\d+) typ host", sdp, re.MULTILINE | re.IGNORECASE)
    address = next((host, int(port)) for host, port in candidates if host.startswith(network))
    return Remote(
        first(r"^a=ice-ufrag:(\S+)"),
        first(r"^a=ice-pwd:(\S+)"),
        [(algorithm, value) for algorithm, value in prints][-1:],
        address,
        first(r"^a=setup:(\S+)"),
        re.findall(r"^a=mid:(\S+)", sdp, re.MULTILINE),
        [int(number) for number in re.findall(r"^a=rtpmap:(\d+) VP8/90000", sdp, re.MULTILINE)],
    )


class RtcPeer:
    """One connection. `received` counts RTP packets; nothing received is decrypted or kept."""

    def __init__(self, certificate: RTCCertificate, host: str) -> None:
        self.certificate = certificate
        self.ufrag = secrets.token_hex(4)
        self.password = secrets.token_hex(12)
        self.ssrc = secrets.randbits(31) + 1
        self._received = 0
        self._filtered = False
        self.sent = 0
        self.key_frame_requests = 0
        self._moments: list[tuple[int, float]] | None = None
        self._timed_ssrc = b""
        self.companion: RtcPeer | None = None
        self.host = host
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE if os.geteuid() == 0 else socket.SO_RCVBUF, 8 << 20)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self._remote: Remote | None = None
        self._checked = asyncio.Event()
        self._dtls: DtlsEndpoint | None = None
        self._sending: Direction | None = None
        self._receiving: Direction | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._seq = secrets.randbits(15)
        self._picture = 0
        self._sound_seq = 0
        self._noise = secrets.token_bytes(VOICE_BYTES)
        self._timestamp = secrets.randbits(31)

    @property
    def received(self) -> int:
        """RTP packets that came."""
        if not self._filtered:
            return self._received
        memory = self._socket.getsockopt(socket.SOL_SOCKET, SO_MEMINFO, 36)
        return self._received + int(struct.unpack_from("=I", memory, 4 * MEMINFO_DROPS)[0])

    def leave_counting_to_the_kernel(self) -> None:
        """From now on RTP that reaches the socket is counted there and goes no further: a filter refuses it, which counts as a drop.

        So the receivers of hundreds of thousands of packets a second need no processor of their own. Everything else is read as ever.
        """
        # Classic BPF: operation, steps to skip when true and when false, operand. The packet begins with its UDP header of 8 bytes.
        # RTP: first byte 128 to 191 (RFC 7983), second none of RTCP's (RFC 5761 section 4).
        program = [
            (LOAD_BYTE, 0, 0, 8),
            (AT_LEAST, 0, 4, 128),
            (AT_LEAST, 3, 0, 192),
            (LOAD_BYTE, 0, 0, 9),
            (AT_LEAST, 0, 2, 192),
            (AT_LEAST, 1, 0, 224),
            (TAKE, 0, 0, 0xFFFFFFFF),
            (TAKE, 0, 0, 0),
        ]
        code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in program))
        told = struct.pack("@HP", len(program), ctypes.addressof(code))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, told)
        self._filtered = True

    @property
    def port(self) -> int:
        """The local UDP port."""
        return int(self._socket.getsockname()[1])

    # SDP

    def _section(
        self, mid: str, direction: str, setup: str, *, sends: bool, payload_type: int = VP8_PAYLOAD_TYPE
    ) -> list[str]:
        rtx = payload_type + 1
        lines = [
            f"m=video 9 UDP/TLS/RTP/SAVPF {payload_type} {rtx}",
            f"c=IN IP4 {self.host}",
            f"a=mid:{mid}",
            f"a={direction}",
            "a=rtcp-mux",
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.password}",
            f"a=fingerprint:sha-256 {fingerprint(self.certificate)}",
            f"a=setup:{setup}",
            f"a=extmap:2 {ABS_SEND_TIME}",
            f"a=rtpmap:{payload_type} VP8/90000",
            f"a=rtcp-fb:{payload_type} goog-remb",
            f"a=rtcp-fb:{payload_type} nack",
            f"a=rtcp-fb:{payload_type} nack pli",
            f"a=rtpmap:{rtx} rtx/90000",
            f"a=fmtp:{rtx} apt={payload_type}",
        ]
        if sends:
            lines += [f"a=msid:bench{mid} bench{mid}", f"a=ssrc:{self.ssrc} cname:bench"]
        return [*lines, f"a=candidate:1 1 udp 2130706431 {self.host} {self.port} typ host", "a=end-of-candidates"]

    def _sound_section(self, mid: str, *, sends: bool) -> list[str]:
        lines = [
            f"m=audio 9 UDP/TLS/RTP/SAVPF {OPUS_PAYLOAD_TYPE}",
            f"c=IN IP4 {self.host}",
            f"a=mid:{mid}",
            f"a={'sendonly' if sends else 'recvonly'}",
            "a=rtcp-mux",
            f"a=ice-ufrag:{self.ufrag}",
            f"a=ice-pwd:{self.password}",
            f"a=fingerprint:sha-256 {fingerprint(self.certificate)}",
            "a=setup:actpass",
            f"a=extmap:1 {AUDIO_LEVEL}",
            f"a=extmap:2 {ABS_SEND_TIME}",
            f"a=rtpmap:{OPUS_PAYLOAD_TYPE} opus/48000/2",
        ]
        return [*lines, *([f"a=ssrc:{self.ssrc + 1} cname:bench"] if sends else [])]

    def _session(self, mids: list[str]) -> list[str]:
        return [
            "v=0",
            "o=- 1 1 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE " + " ".join(mids),
            "a=msid-semantic:WMS *",
        ]

    def offer(self, *, sends: bool, receives: int, sound: bool = False) -> str:
        """One sending picture (or none) and `receives` receiving ones; with `sound` a microphone and three places to hear, too."""
        sections: list[tuple[bool, bool]] = [(True, True)] * sound + [(False, True)] * sends
        sections += [(True, False)] * (HEARD if sound else 0) + [(False, False)] * receives
        lines = self._session([str(number) for number in range(len(sections))])
        for number, (is_sound, out) in enumerate(sections):
            if is_sound:
                lines += self._sound_section(str(number), sends=out)
            else:
                lines += self._section(str(number), "sendonly" if out else "recvonly", "actpass", sends=out)
        return "\r\n".join(lines) + "\r\n"

    def answer(self, offer: Remote) -> str:
        """The receiving answer to a server's offer; we are the DTLS client."""
        lines = self._session(offer.mids)
        for mid, payload_type in zip(offer.mids, offer.payload_types, strict=True):
            lines += self._section(mid, "recvonly", "active", sends=False, payload_type=payload_type)
        return "\r\n".join(lines) + "\r\n"

    # Connecting

    async def connect(self, remote: Remote) -> None:
        """ICE check, DTLS (as server where the remote side is active), keys; then consent and feedback go on by themselves."""
        self._remote = remote
        loop = asyncio.get_running_loop()
        loop.add_reader(self._socket, self._readable)
        self._dtls = DtlsEndpoint(self.certificate, self._send, lambda: None, server=remote.setup == "active")
        for _ in range(100):
            self._check()
            try:
                await asyncio.wait_for(self._checked.wait(), 0.1)
                break
            except TimeoutError:
                continue
        else:
            raise TimeoutError("no ICE answer")
        self._receiving, self._sending = await self._dtls.handshake(remote.fingerprints)
        self._tasks = [loop.create_task(self._consent()), loop.create_task(self._report())]

    def _send(self, data: bytes) -> None:
        if self._remote is not None:
            try:
                self._socket.sendto(data, self._remote.address)
            except BlockingIOError:
                return

    def _check(self) -> None:
        remote = self._remote
        if remote is not None:
            name = f"{remote.ufrag}:{self.ufrag}"
            self._send(
                stun.binding_request(secrets.token_bytes(12), name, remote.password.encode(), use_candidate=True)
            )

    async def _consent(self) -> None:
        while True:
            self._check()
            await asyncio.sleep(CONSENT_EVERY_S)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY_S)
            if self._sending is not None:
                message = rtcp.receiver_report(self.ssrc, []) + rtcp.remb(self.ssrc, GENEROUS_BPS, [])
                secret = self._sending.protect_rtcp(message)
                if secret is not None:
                    self._send(secret)

    def note_moments(self) -> list[tuple[int, float]]:
        """Note from now on when each packet is sent, and when the kernel took in each that comes: not when this busy process reads it.

        Returns the list that grows: sequence number (of the first stream that comes, repeats left out) and wall-clock seconds.
        """
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._moments = []
        return self._moments

    def _read_moments(self, moments: list[tuple[int, float]]) -> None:
        while True:
            try:
                data, extra, _, _ = self._socket.recvmsg(ROW_BYTES, 64)
            except BlockingIOError:
                return
            if data[0] < 128:
                if data[0] < 4:
                    self._stun(data)
            elif not 191 < data[1] < 224:
                self._received += 1
                seconds, nanoseconds = TIMESPEC.unpack(extra[0][2])
                self._timed_ssrc = self._timed_ssrc or data[8:12]
                if data[8:12] == self._timed_ssrc:
                    moments.append((int.from_bytes(data[2:4], "big"), seconds + nanoseconds / 1e9))

    def _readable(self) -> None:
        if self._moments is not None:
            self._read_moments(self._moments)
            return
        view = DRAIN.view
        while count := DRAIN.read(self._socket):
            for row in range(count):
                at = row * ROW_BYTES
                first = view[at]
                if first > 127:
                    if not 191 < view[at + 1] < 224:
                        self._received += 1
                elif first < 4:
                    self._stun(DRAIN.datagram(row))
                elif self._dtls is not None:
                    self._dtls.feed(DRAIN.datagram(row))
            if count < ROWS:
                return

    def _stun(self, data: bytes) -> None:
        if data[:2] == b"\x01\x01":
            self._checked.set()
            return
        if len(data) >= 20 and data[:2] == b"\x00\x01" and self._remote is not None:
            address = self._remote.address
            answer = stun.binding_success(data[8:20], socket.inet_aton(address[0]), address[1], self.password.encode())
            self._socket.sendto(answer, address)

    # Media

    def publish(self, payloads: list[bytes]) -> None:
        """Send one frame as one burst."""
        sending = self._sending
        if sending is None:
            return
        self._timestamp = self._timestamp + CLOCK_RATE // FRAME_RATE & 0xFFFFFFFF
        self._picture = self._picture + 1 & 0x7FFF
        sent = int(time.monotonic() * 262144) & 0xFFFFFF
        for index, payload in enumerate(payloads):
            self._seq = self._seq + 1 & 0xFFFF
            marker = 0x80 if index == len(payloads) - 1 else 0
            header = struct.pack(
                "!BBHIIHHI",
                0x90,
                marker | VP8_PAYLOAD_TYPE,
                self._seq,
                self._timestamp,
                self.ssrc,
                0xBEDE,
                1,
                0x22 << 24 | sent,
            )
            # The encoder's descriptor is X, I and a 15-bit PictureID (RFC 7741 section 4.2): the picture goes on from loop to loop.
            body = payload[:2] + struct.pack("!H", 0x8000 | self._picture) + payload[4:]
            secret = sending.session.protect(header + body)
            if self._moments is not None:
                self._moments.append((self._seq, time.time()))
            self._send(secret)
            self.sent += 1

    def speak(self, level: int) -> None:
        """Send 20 ms of sound as loud as `level` (-dBov, RFC 6464): noise, which nobody decodes."""
        if self._sending is None:
            return
        self._sound_seq = self._sound_seq + 1 & 0xFFFF
        sent = int(time.monotonic() * 262144) & 0xFFFFFF
        header = struct.pack(
            "!BBHIIHHBBIH",
            0x90,
            OPUS_PAYLOAD_TYPE,
            self._sound_seq,
            self._sound_seq * 960 & 0xFFFFFFFF,
            self.ssrc + 1,
            0xBEDE,
            2,
            0x10,
            level,
            0x22 << 24 | sent,
            0,
        )
        self._send(self._sending.session.protect(header + self._noise))
        self.sent += 1

    async def close(self) -> None:
        """End the connection."""
        for task in self._tasks:
            task.cancel()
        if self._dtls is not None:
            await self._dtls.close()
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()
