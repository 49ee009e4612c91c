"""Ingress: one RTP stream of a publisher: order, loss, jitter, the packet cache, RTX unwrapped, what to ask for again.

Hot path: integers and preallocated lists, no logging, no awaits.
"""

from collections import deque
from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING

from conference.media.wire import Packet, read_h264, read_vp8

if TYPE_CHECKING:
    from conference.media.fanout import Fan
    from conference.media.slots import Slot
    from conference.media.thin import Thin

CACHE_PACKETS = 2048
"""2 s and more up to 1,000 packets/s (a satellite round trip is 0.6 s). A power of two."""
CACHE_S = 2.0
"""Nobody asks for older ones; let go, their memory is used again while the processor still has it at hand."""

GAP_MAX = 512
"""A jump further than this is a new beginning, not a loss."""

NACK_RETRY_S = 0.04
NACK_TRIES_MAX = 10
NACK_AGE_MAX_S = 2.0
MISSING_MAX = 512
REPEATS_MAX = 2
USUAL_S = 5
"""Seconds by which a stream's usual bitrate is known."""
SILENT = 127
"""dBov of silence (RFC 6464)."""

READERS = {"VP8": read_vp8, "H264": read_h264}

LEVEL_HALF_LIFE_PACKETS = 8


class Stream:
    """One SSRC of a publisher (one layer of a camera, a microphone, a screen).

    `sinks` are the slots that show it, `waiting` those that will from its next key frame on, `stills` those sinks that leave behind it.
    """

    slow = False
    """Whether it lacks some frames of the layer that it is made of."""

    def __init__(
        self, participant: str, kind: str, rid: str, ssrc: int, codec: str, clock_rate: int, *, nack: bool
    ) -> None:
        self.participant = participant
        self.kind = kind
        self.rid = rid
        self.ssrc = ssrc
        self.codec = codec
        self.clock_rate = clock_rate
        self.nack = nack
        self.read: Callable[[Packet], None] | None = READERS.get(codec)
        """Notes in a packet what its codec says (key frame, PictureID); None for sound."""
        self.rtx_ssrc = 0
        self.granted = True
        self.key_wanted = False
        self.sinks: set[Slot] = set()
        self.waiting: set[Slot] = set()
        self.stills: set[Slot] = set()
        self.deep = False
        """Whether redundant sound is to hold two packets again, not one: somebody's line loses much."""
        self.spoken: deque[tuple[int, bytes]] = deque(maxlen=REPEATS_MAX)
        """The last packets of redundant sound: timestamp and what they said."""
        self.plain: Stream | None = None
        """The same sound without redundancy, for those who cannot read RED or whose line is too weak for it."""
        self.thin: Thin | None = None
        """The same picture at a part of its frame rate."""
        self.fan: Fan | None = None
        self.height = 0
        self.level = float(SILENT)
        self.reset()
        self.bitrate = 0
        self.usual_bps = 0
        """The median of the last USUAL_S bitrates: a second with a key frame in it says nothing of the others. 0: nothing comes."""
        self._rates: deque[int] = deque(maxlen=USUAL_S)
        self._rate_octets = 0
        self._rate_at = 0.0

    @property
    def forms(self) -> tuple["Stream", ...]:
        """The stream itself and its twins."""
        return tuple(one for one in (self, self.plain, self.thin) if one is not None)

    def reset(self) -> None:
        """Begin anew at the next packet: after a mute, or a jump."""
        self.highest = 0
        self.expected = -1
        """The 16-bit number of the next packet in order; -1 before the first."""
        self.base = 0
        self.oldest = 0
        """The extended number from which on packets are kept."""
        self.started = False
        self.packets = 0
        self.octets = 0
        self.last_timestamp = 0
        self.last_picture = 0
        self.last_tl0 = 0
        self.last_arrival = 0.0
        self.jitter = 0.0
        self._transit = 0.0
        self.missing: dict[int, list[float]] = {}
        self.unrecovered = 0
        self.recovered = 0
        """Packets of sound that came again in the one behind them (RED)."""
        self.cache: list[Packet | None] = [None] * CACHE_PACKETS
        self.loss = 0.0
        """Share lost between the last two reports, before anything was sent again."""
        self._expected_prior = 0
        self._received_prior = 0
        self.report_ntp = 0
        self.report_timestamp = 0
        self.report_at = 0.0

    def place(self, packet: Packet) -> str:
        """Extend the packet's number, and say what it is: `next` (in order), `late`, `duplicate`, `old` or `jump`."""
        seq = packet.seq
        if not self.started:
            packet.ext = seq + 0x10000
            return "next"
        highest = self.highest
        ext = highest + ((seq - highest + 0x8000 & 0xFFFF) - 0x8000)
        packet.ext = ext
        distance = ext - highest
        if distance == 1:
            return "next"
        if distance > 0:
            return "next" if distance <= GAP_MAX else "jump"
        if -distance >= CACHE_PACKETS or ext < self.oldest:
            return "old"
        cached = self.cache[ext & CACHE_PACKETS - 1]
        if cached is not None and cached.ext == ext:
            return "duplicate"
        return "late"

    def take_after_gap(self, packet: Packet) -> None:
        """Account for a packet that may be the first, or behind a gap: what is in between becomes missing."""
        if not self.started:
            self.started = True
            self.base = self.oldest = packet.ext
            self._transit = packet.arrival * self.clock_rate - packet.timestamp
        elif self.nack and packet.ext > self.highest + 1:
            missing = self.missing
            for lost in range(self.highest + 1, packet.ext):
                missing[lost] = [packet.arrival, packet.arrival, 0.0]
            while len(missing) > MISSING_MAX:
                del missing[next(iter(missing))]
                self.unrecovered += 1
        self.take(packet)

    def take(self, packet: Packet) -> None:
        """Account for the newest packet and keep it."""
        ext = packet.ext
        self.highest = ext
        self.expected = packet.seq + 1 & 0xFFFF
        timestamp = packet.timestamp
        if packet.picture_at:
            self.last_picture = packet.picture
        if packet.tl0_at:
            self.last_tl0 = packet.tl0
        if packet.height:
            self.height = packet.height
        arrival = packet.arrival
        self.last_arrival = arrival
        if timestamp != self.last_timestamp:
            # RFC 3550 appendix A.8, once for each frame: the packets of one burst say nothing new.
            self.last_timestamp = timestamp
            transit = arrival * self.clock_rate - timestamp
            self.jitter += (min(abs(transit - self._transit), self.clock_rate) - self.jitter) / 16
            self._transit = transit
        self.cache[ext & CACHE_PACKETS - 1] = packet
        self.packets += 1
        self.octets += packet.end - packet.offset

    def take_late(self, packet: Packet) -> None:
        """Account for a packet that came out of order or again, and keep it."""
        self.missing.pop(packet.ext, None)
        self.cache[packet.ext & CACHE_PACKETS - 1] = packet
        self.packets += 1
        self.octets += packet.end - packet.offset

    def hear(self, level: int) -> None:
        """Take the level of one sound packet, 0 (loudest) to 127 (silence) in -dBov (RFC 6464)."""
        self.level += (level - self.level) / LEVEL_HALF_LIFE_PACKETS

    def heard_level(self, now: float) -> float:
        """The level now; a microphone that has sent nothing for a second is silent (DTX, or a lost link)."""
        return self.level if now - self.last_arrival < 1.0 else float(SILENT)

    def cached(self, seq: int) -> Packet | None:
        """The packet with 16-bit number `seq`, if it is still kept."""
        packet = self.cache[seq & CACHE_PACKETS - 1]
        return packet if packet is not None and packet.seq == seq else None

    def due(self, now: float, retry_s: float) -> list[int]:
        """The 16-bit numbers to ask for now (RFC 4585 section 6.2.1); each at most NACK_TRIES_MAX times and for 2 s."""
        numbers = []
        gone = []
        for ext, entry in self.missing.items():
            since, next_at, tries = entry
            if now - since > NACK_AGE_MAX_S or tries >= NACK_TRIES_MAX:
                gone.append(ext)
            elif now >= next_at:
                numbers.append(ext & 0xFFFF)
                entry[1] = now + retry_s
                entry[2] = tries + 1
        for ext in gone:
            del self.missing[ext]
            self.unrecovered += 1
        return numbers

    def measure(self, now: float) -> None:
        """Compute the bitrate since the last call (bit/s); called about once a second."""
        if self._rate_at:
            passed = max(now - self._rate_at, 0.001)
            self.bitrate = int(max(0, self.octets - self._rate_octets) * 8 / passed)
            if self.bitrate:
                self._rates.append(self.bitrate)
                self.usual_bps = int(median(self._rates))
            else:
                self._rates.clear()
                self.usual_bps = 0
        self._rate_at = now
        self._rate_octets = self.octets

    def forget_old(self, now: float) -> None:
        """Let go of packets older than CACHE_S (`now`: monotonic seconds); called about once a second."""
        cache = self.cache
        oldest = max(self.oldest, self.highest - CACHE_PACKETS + 1)
        while oldest < self.highest:
            kept = cache[oldest & CACHE_PACKETS - 1]
            if kept is not None:
                if now - kept.arrival <= CACHE_S:
                    break
                cache[oldest & CACHE_PACKETS - 1] = None
            oldest += 1
        self.oldest = oldest

    def report(self) -> tuple[int, int, int, int]:
        """Fraction lost (of 256), packets lost, highest number, jitter: a report block's body (RFC 3550 section 6.4.1, A.3)."""
        expected = self.highest - self.base + 1 if self.started else 0
        interval = expected - self._expected_prior
        received = self.packets - self._received_prior
        self._expected_prior = expected
        self._received_prior = self.packets
        lost = max(0, interval - received)
        fraction = min(255, lost * 256 // interval) if interval > 0 else 0
        self.loss = fraction / 256
        return (
            fraction,
            max(-0x800000, min(0x7FFFFF, expected - self.packets)),
            self.highest & 0xFFFFFFFF,
            int(self.jitter),
        )
