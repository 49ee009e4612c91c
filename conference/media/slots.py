"""Slots: receiving places with a constant SSRC; which stream one shows is switched by rewriting numbers, at a key frame."""

from collections import deque
from typing import TYPE_CHECKING, Literal

from conference.media.srtp import Direction
from conference.media.wire import Packet

if TYPE_CHECKING:
    from conference.media.ingress import Stream

MAPPINGS_KEPT = 16
RTX_REPEAT_S = 0.02
"""The same packet is not sent again within this time: two NACKs on the way for one loss."""
RTX_TIMES_KEPT = 1024
RED = "RED"
"""The codec of a stream of redundant sound (RFC 2198)."""
Manner = Literal["moving", "slow", "still"]
"""How a slot shows its picture: with all frames, without some of them, or as single key frames."""
Shown = tuple[str | None, str, Manner]
"""Participant (None: dark), kind of source, manner."""
STILL_BITS = 64_000
"""What a still is taken for until one was sent."""


class Target:
    """Where a slot's packets go: the SRTP context and the address of its session, filled in when the session is connected.

    `direction` keeps alive what `handle` points to for as long as any slot or fan refers to this target.
    """

    __slots__ = ("control", "direction", "handle", "name")

    def __init__(self) -> None:
        self.direction: Direction | None = None
        self.handle: object = None
        self.name = 0
        self.control = 0


class Mapping:
    """How one source's numbers became this slot's, from sequence number `first_seq` on."""

    __slots__ = ("first_ext", "first_seq", "picture_delta", "seq_delta", "stream", "timestamp_delta", "tl0_delta")

    def __init__(
        self,
        stream: "Stream",
        first_ext: int,
        first_seq: int,
        seq_delta: int,
        timestamp_delta: int,
        picture_delta: int,
        tl0_delta: int,
    ) -> None:
        self.stream = stream
        self.first_ext = first_ext
        self.first_seq = first_seq
        self.seq_delta = seq_delta
        self.timestamp_delta = timestamp_delta
        self.picture_delta = picture_delta
        self.tl0_delta = tl0_delta


class Slot:
    """One receiving place of one session.

    Nothing in it changes with each packet: what was sent last follows from the stream that it shows and the deltas.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        mid: str,
        *,
        ssrc: int,
        rtx_ssrc: int,
        formats: dict[str, tuple[int, int]],
        red_payload_type: int = 0,
        clock_rate: int,
        extension_id: int,
        start: int,
        target: Target,
        moved: "set[Slot]",
    ) -> None:
        """`formats`: each codec that the receiver takes to its payload type and that of its RTX (0: none), the preferred one first.

        `start`: a random number for the first sequence, timestamp and picture; `extension_id` of abs-send-time (0: none).

        The slot adds itself to `moved` whenever it may show something else than before.
        """
        self.name = name
        self.kind = kind
        self.mid = mid
        self.ssrc = ssrc
        self.rtx_ssrc = rtx_ssrc
        self.formats = formats
        self.codecs = tuple(formats)
        self.payload_type = formats[self.codecs[0]][0]
        self.red_payload_type = red_payload_type
        """0: this receiver cannot read redundant sound."""
        self.clock_rate = clock_rate
        # An id that was not negotiated is ignored by the receiver (RFC 8285 section 4.1.2); so the layout of a row is always the same.
        self.extension_head = ((extension_id or 14) << 4 | 2) << 24
        self.target = target
        self._moved = moved
        self._dark: Shown = (None, kind, "moving")
        self.undecodable = ""
        """The codec of what is wanted here, when it comes in none that the receiver takes."""
        self.told: tuple[Shown, str] = (self._dark, "")
        """What the page knows of it: what is shown, and what cannot be."""
        self.stream: Stream | None = None
        self.pending: Stream | None = None
        self.seq_delta = 0
        self.timestamp_delta = 0
        self.picture_delta = 0
        self.tl0_delta = 0
        self.first_ext = 0
        self.standing: Stream | None = None
        """What is shown as stills: attached for one key frame, then dark until the next is due."""
        self.still_at = 0.0
        self.still_bits = STILL_BITS
        self._still_octets = 0
        self.mappings: deque[Mapping] = deque(maxlen=MAPPINGS_KEPT)
        self._seq = start & 0x7FFF
        self._timestamp = start & 0x7FFFFFFF
        self._picture = start & 0x3FFF
        self._tl0 = start & 0xFF
        self._at = 0.0
        self._used = False
        self._packets = 0
        self._octets = 0
        self._rate_at = 0.0
        self._rate_sent = 0
        self._rtx_seq = start >> 8 & 0x7FFF
        self._rtx_times: dict[int, float] = {}
        self.rtx_sent = 0
        self.freezes = 0
        """How often its picture stood still, as the receiver's browser counts."""
        self.asked = 0
        """Packets that the receiver missed and asked for, since its last report."""
        self.loss = 0.0
        self.reported = 0
        """The highest number, with its wraps, that the receiver has reported."""
        self.echoed = 0
        """The sender report that the receiver has echoed last."""
        self.jitter = 0
        self.lost = 0

    @property
    def mapping(self) -> Mapping:
        """The mapping in force; only while a stream is shown."""
        return self.mappings[-1]

    def wait_for(self, stream: "Stream | None") -> None:
        """Show `stream` from its next switching point on (a key frame; for sound, its next packet); None cancels the wait."""
        if self.pending is stream:
            return
        if self.pending is not None:
            self.pending.waiting.discard(self)
        self.pending = stream
        if stream is not None:
            stream.waiting.add(self)

    def detach(self) -> None:
        """Show nothing; remember where the numbers stand, so that they only move forward."""
        stream = self.stream
        if stream is None:
            return
        if stream.highest >= self.first_ext:
            self._seq = stream.highest + self.seq_delta & 0xFFFF
            self._timestamp = stream.last_timestamp + self.timestamp_delta & 0xFFFFFFFF
            self._picture = stream.last_picture + self.picture_delta & 0x7FFF
            self._tl0 = stream.last_tl0 + self.tl0_delta & 0xFF
            self._at = stream.last_arrival
        self._packets += stream.packets
        self._octets += stream.octets
        stream.sinks.discard(self)
        stream.stills.discard(self)
        stream.fan = None
        self.stream = None
        self._moved.add(self)

    def attach(self, stream: "Stream", packet: Packet) -> None:
        """Show `stream` from `packet` on; call it before the stream has taken the packet into account.

        Sequence, PictureID and TL0PICIDX go on by one; the timestamp by the time that passed (RFC 3550 section 5.1).
        """
        self.detach()
        self.wait_for(None)
        self.payload_type = self.red_payload_type if stream.codec == RED else self.formats[stream.codec][0]
        passed = packet.arrival - self._at if self._used else 0.0
        step = max(1, min(int(passed * self.clock_rate), 0x3FFFFFFF))
        self.seq_delta = self._seq + 1 - packet.seq & 0xFFFF
        self.timestamp_delta = self._timestamp + step - packet.timestamp & 0xFFFFFFFF
        self.picture_delta = self._picture + 1 - packet.picture & 0x7FFF
        self.tl0_delta = self._tl0 + 1 - packet.tl0 & 0xFF
        self.first_ext = packet.ext
        self._used = True
        self._packets -= stream.packets
        self._octets -= stream.octets
        self.mappings.append(
            Mapping(
                stream,
                packet.ext,
                self._seq + 1 & 0xFFFF,
                self.seq_delta,
                self.timestamp_delta,
                self.picture_delta,
                self.tl0_delta,
            )
        )
        self.stream = stream
        self._moved.add(self)
        stream.sinks.add(self)
        stream.fan = None
        if self.standing is stream:
            stream.stills.add(self)
            self._still_octets = stream.octets

    def stand(self, stream: "Stream", every_s: float, now: float) -> None:
        """Show `stream` as stills, one in `every_s` seconds; to be called again and again."""
        if self.standing is not stream:
            self.standing = stream
            self._moved.add(self)
            # A picture that moved until now stands as it is.
            self.still_at = now if self.stream is stream else 0.0
            self.detach()
        if self.stream is None and now - self.still_at >= every_s:
            self.wait_for(stream)

    def stood(self, now: float) -> None:
        """The key frame of a still is complete."""
        if self.stream is not None:
            self.still_bits = 8 * (self.stream.octets - self._still_octets)
        self.still_at = now
        self.detach()

    def go_on(self) -> None:
        """No stills any more: what is attached goes on moving."""
        if self.standing is None:
            return
        self.standing = None
        self._moved.add(self)
        if self.stream is not None:
            self.stream.stills.discard(self)

    def cannot_show(self, codec: str) -> None:
        """What is wanted here comes in `codec` only, which the receiver does not take; empty: no such thing."""
        if self.undecodable != codec:
            self.undecodable = codec
            self._moved.add(self)

    def rtx_payload_type(self, mapping: Mapping) -> int:
        """Return the payload type under which a packet of `mapping` is sent again; 0: none."""
        return self.formats[mapping.stream.codec][1] if mapping.stream.codec in self.formats else 0

    def untell(self) -> None:
        """The page knows nothing of it, or has forgotten it."""
        self.told = (self._dark, "")
        self._moved.add(self)

    @property
    def shown(self) -> Shown:
        """Whose source it shows, which, and how."""
        stream = self.stream or self.standing
        if stream is None:
            return self._dark
        manner: Manner = "still" if self.standing is not None else "slow" if stream.slow else "moving"
        return (stream.participant, stream.kind, manner)

    def sent(self) -> tuple[int, int]:
        """Packets and payload octets sent so far, for sender reports."""
        if self.stream is None:
            return self._packets, self._octets
        return self._packets + self.stream.packets, self._octets + self.stream.octets

    def rate(self, now: float, around: int) -> int:
        """What was sent since the last call, bit/s, each packet with `around` bytes around its payload; called about once a second."""
        packets, octets = self.sent()
        sent = octets + packets * around
        passed, self._rate_at = now - self._rate_at, now
        before, self._rate_sent = self._rate_sent, sent
        return int((sent - before) * 8 / passed) if passed > 0 else 0

    def mapping_of(self, seq: int) -> Mapping | None:
        """The mapping under which sequence number `seq` was sent, or None if it is too old."""
        for mapping in reversed(self.mappings):
            if seq - mapping.first_seq & 0xFFFF < 0x8000:
                return mapping
        return None

    def find(self, seq: int, now: float) -> Packet | None:
        """The cached packet that was sent as `seq`; None when it is gone, or was sent again a moment ago."""
        mapping = self.mapping_of(seq)
        if mapping is None:
            return None
        packet = mapping.stream.cached(seq - mapping.seq_delta & 0xFFFF)
        if packet is None or packet.ext < mapping.first_ext:
            return None
        times = self._rtx_times
        if seq not in times:
            self.asked += 1
        if now - times.get(seq, -1.0) < RTX_REPEAT_S:
            return None
        times[seq] = now
        if len(times) > RTX_TIMES_KEPT:
            del times[next(iter(times))]
        return packet

    def next_rtx_seq(self) -> int:
        """The next number of the RTX stream; each is used once."""
        self._rtx_seq = self._rtx_seq + 1 & 0xFFFF
        self.rtx_sent += 1
        return self._rtx_seq

    def rewritten_payload(self, packet: Packet, mapping: Mapping) -> bytes:
        """The payload of `packet` with this slot's PictureID and TL0PICIDX."""
        payload = bytearray(packet.data[packet.offset : packet.end])
        if packet.picture_at:
            if packet.picture_wide:
                picture = packet.picture + mapping.picture_delta & 0x7FFF
                payload[packet.picture_at] = 0x80 | picture >> 8
                payload[packet.picture_at + 1] = picture & 0xFF
            else:
                payload[packet.picture_at] = packet.picture + mapping.picture_delta & 0x7F
        if packet.tl0_at:
            payload[packet.tl0_at] = packet.tl0 + mapping.tl0_delta & 0xFF
        return bytes(payload)
