"""Upstream: what one participant sends: each packet's way into the cache and the fan-out, and what the node tells the publisher of it.

Hot path in `receive`: no logging, no awaits.
"""

import secrets
from collections.abc import Callable

from conference.media import redundancy, rtcp
from conference.media.bandwidth import Uplink
from conference.media.fanout import Fanout
from conference.media.ingress import NACK_RETRY_S, Stream
from conference.media.ladder import VOICE_BPS, Layer
from conference.media.negotiate import ABS_SEND_TIME, AUDIO_LEVEL, RIDS, Offer
from conference.media.slots import RED
from conference.media.sources import Sources
from conference.media.stats import Counters
from conference.media.thin import Thin
from conference.media.udp import PAYLOAD_BYTES_MAX
from conference.media.wire import RTP_HEADER, RTP_HEADER_BYTES, Packet, extension, payload_bounds, rtx_original

KEY_FRAME_EVERY_S = 0.4
"""One PLI for each source of a publisher in this time: a request on one simulcast layer makes libvpx send key frames on all."""


REMB_MIN_BPS = 30_000
RECOVERED_MAX = 0x8000
"""A number that lies further ahead than this lies behind: nothing was lost."""
DEFAULT_HEIGHTS = {"q": 180, "h": 360, "f": 720}
DEFAULT_BITRATES_BPS = {"q": 120_000, "h": 400_000, "f": 1_500_000}
"""What a layer is taken for until its first key frame and its first measured second have come."""
LINGER_S = 5.0
"""A layer that nobody sees any more is sent for so long: windows are resized, speakers come back."""
COMES_AFTER_S = 4.0
ASK_LAYER_AGAIN_S = 15.0
LOWEST = ("", RIDS[0])
"""What is thinned out: the lowest layer, or the only one. A larger picture that is too much becomes a smaller one first."""


class Upstream:
    """The receiving side of one session. `send_rtcp` encrypts and sends a compound packet to the publisher; `sources` owns the streams."""

    def __init__(
        self, offer: Offer, sources: Sources, *, fanout: Fanout, counters: Counters, send_rtcp: Callable[[bytes], None]
    ) -> None:
        self.link = Uplink()
        self.asking = False
        """Set when a packet is found missing, or with `switched`; whoever calls `ask_again` takes it back."""
        self.switched = False
        """Set when a slot shows something else than before: its page waits for that word."""
        self._sources = sources
        self._streams = sources.streams
        self._rtx = sources.rtx
        self._fanout = fanout
        self._counters = counters
        self._send_rtcp = send_rtcp
        self._ssrc = secrets.randbits(31) + 1
        self.refused = 0
        """Packets of sources that are not granted, since somebody last looked."""
        self.empty_report = rtcp.receiver_report(self._ssrc, [])
        self._key_asked: dict[str, float] = {}
        self._sampled_at = 0.0
        self._needed: dict[str, float] = {}
        self._asked_since: dict[str, float] = {}
        self._abs_send_time = _extension_id(offer, ABS_SEND_TIME)
        self._audio_level = _extension_id(offer, AUDIO_LEVEL)
        self._red = sources.red_payload_type
        self._opus = next((s.codec.payload_type for s in offer.sections if s.source == "audio" and s.codec), 0)

    # Packets in

    def receive(self, data: bytes, now: float) -> None:
        """Take one decrypted RTP packet (hot path)."""
        if len(data) < RTP_HEADER_BYTES:
            self._counters.drop("rtp_malformed")
            return
        _, kind, seq, timestamp, ssrc = RTP_HEADER.unpack_from(data)
        offset, end = payload_bounds(data)
        if offset < 0:
            self._counters.drop("rtp_malformed")
            return
        link = self.link
        link.octets += len(data)
        if now != self._sampled_at and self._abs_send_time:
            self._sampled_at = now
            value = extension(data, self._abs_send_time)
            if value is not None and len(value) == 3:
                link.sample(value[0] << 16 | value[1] << 8 | value[2], now)
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._rtx.get(ssrc)
            if stream is None:
                if not self._sources.discover(data, kind, ssrc):
                    self._counters.drop("unknown_ssrc")
                    return
                self.receive(data, now)
                return
            seq = rtx_original(data, offset, end)
            if seq < 0:
                return  # Padding that probes for bandwidth; nothing is lost with it.
            offset += 2
            if not stream.started:
                return
        if end - offset > PAYLOAD_BYTES_MAX:
            self._counters.drop("too_long")
            return
        if not stream.granted:
            self._counters.drop("not_granted")
            self.refused += 1
            return
        read = stream.read
        if read is None and (kind & 0x7F == self._red or stream.plain is not None):
            self._receive_red(stream, data, (offset, end), kind, seq, timestamp, now)
            return
        packet = Packet(data, offset, end, kind >> 7, seq, timestamp, now)
        if read is not None:
            read(packet)
        elif self._audio_level:
            self._hear(stream, data)
        self._take(stream, packet, now)
        if stream.thin is not None:
            self._thin_out(stream, stream.thin, packet, now)
        elif packet.tid and stream.rid in LOWEST:
            stream.thin = Thin(stream)

    def _thin_out(self, stream: Stream, thin: Thin, packet: Packet, now: float) -> None:
        if thin.sinks or thin.waiting:
            for one in thin.next_of(stream, packet):
                self._take(thin, one, now)
        else:
            thin.skip(packet)

    def _hear(self, stream: Stream, data: bytes) -> None:
        value = extension(data, self._audio_level)
        if value:
            stream.hear(value[0] & 0x7F)

    def _take(self, stream: Stream, packet: Packet, now: float) -> None:
        """Keep a packet and forward it."""
        if packet.seq == stream.expected and not stream.waiting and not stream.stills:
            # Nearly every packet: the next one, and no slot waits for it or leaves with it.
            packet.ext = stream.highest + 1
            if packet.key:
                stream.key_wanted = False
            stream.take(packet)
            if stream.sinks:
                self._fanout.add(stream, packet)
        else:
            self._place(stream, packet, now)

    def _receive_red(
        self, stream: Stream, data: bytes, bounds: tuple[int, int], kind: int, seq: int, timestamp: int, now: float
    ) -> None:
        """Take one packet of a microphone that sends redundant sound: what was lost before it is recovered from it.

        The stream then carries RED only (a packet that came without is wrapped), its `plain` twin the newest block of each.
        """
        offset, end = bounds
        older: list[tuple[int, bytes]] = []
        newest = data[offset:end]
        if kind & 0x7F == self._red:
            found = redundancy.split(data, offset, end)
            if found is None:
                self._counters.drop("red_malformed")
                return
            older, newest = found
        plain = stream.plain or self._twin(stream)
        if self._audio_level:
            self._hear(stream, data)
        lost = seq - stream.expected & 0xFFFF if stream.started else 0
        for back in range(min(lost, len(older)) if lost < RECOVERED_MAX else 0, 0, -1):
            age, payload = older[-back]
            self._say(stream, plain, payload, 0, seq - back & 0xFFFF, timestamp - age & 0xFFFFFFFF, now)
            stream.recovered += 1
        self._say(stream, plain, newest, kind >> 7, seq, timestamp, now)

    def _say(
        self, stream: Stream, plain: Stream, payload: bytes, marker: int, seq: int, timestamp: int, now: float
    ) -> None:
        """One packet of sound, in both forms: with what was said before it, and alone."""
        if len(payload) >= PAYLOAD_BYTES_MAX:  # a RED header of one byte stands before it
            self._counters.drop("too_long")
            return
        older = [(timestamp - when & 0xFFFFFFFF, said) for when, said in stream.spoken]
        whole = redundancy.pack(self._opus, older if stream.deep else older[-1:], payload)
        stream.spoken.append((timestamp, payload))
        self._take(stream, Packet(whole, 0, len(whole), marker, seq, timestamp, now), now)
        self._take(plain, Packet(payload, 0, len(payload), marker, seq, timestamp, now), now)

    def _twin(self, stream: Stream) -> Stream:
        """The first redundant packet: from now on there are two forms of this sound, and each slot shows the one that suits it."""
        plain = Stream(
            stream.participant, stream.kind, stream.rid, stream.ssrc, stream.codec, stream.clock_rate, nack=False
        )
        stream.codec, stream.plain = RED, plain
        for slot in list(stream.sinks):
            slot.detach()
            slot.wait_for(stream if slot.red_payload_type else plain)
        return plain

    def _place(self, stream: Stream, packet: Packet, now: float) -> None:
        """A packet that is not simply the next one, or one for which a slot waits."""
        place = stream.place(packet)
        if place == "jump":
            self._counters.drop("jumps")
            self._begin_anew(stream)
            place = stream.place(packet)
        if place == "next":
            if stream.waiting and (packet.key or stream.kind == "audio"):
                self._fanout.flush(now)
                for slot in list(stream.waiting):
                    slot.attach(stream, packet)
                self.asking = self.switched = True
            if packet.key:
                stream.key_wanted = False
            stream.take_after_gap(packet)
            if stream.missing:
                self.asking = True
            if stream.sinks:
                self._fanout.add(stream, packet)
            if stream.stills and packet.marker:
                self._fanout.flush(now)
                for slot in list(stream.stills):
                    slot.stood(now)
        elif place == "late":
            stream.take_late(packet)
            if stream.sinks:
                self._fanout.late(stream, packet, now)
        else:
            # Chromium sends RTX copies of old packets as bandwidth probes: those end here.
            self._counters.drop(place)

    def _begin_anew(self, stream: Stream) -> None:
        self._fanout.flush(stream.last_arrival)
        for one in (stream, stream.thin):
            if one is None:
                continue
            for slot in list(one.sinks):
                slot.detach()
                slot.wait_for(one)
            one.reset()

    def take_reports(self, senders: list[tuple[int, int, int]], now: float) -> None:
        """Note the publisher's sender reports: (SSRC, 64-bit NTP time, RTP timestamp) of each."""
        for ssrc, ntp, timestamp in senders:
            stream = self._streams.get(ssrc)
            if stream is not None:
                for one in stream.forms:
                    one.report_ntp, one.report_timestamp, one.report_at = ntp, timestamp, now

    # What is wanted of the publisher

    def layers(self, kind: str, arriving: list[Stream], now: float) -> tuple[Layer, ...]:
        """The layers of a source from which slots may choose, lowest first: those that arrive, and those that would if they were asked for.

        A layer that does not come although it was asked for (the publisher's line is too weak) is left out for a while.
        """
        known = {stream.rid: stream for stream in self._sources.by_kind.get(kind, {}).values()}
        present = {stream.rid for stream in arriving}
        chosen = []
        for rid in self._sources.rids(kind) or [stream.rid for stream in arriving]:
            if rid in present or self._would_come(rid, now):
                stream = known.get(rid)
                height = stream.height if stream is not None and stream.height else DEFAULT_HEIGHTS.get(rid, 720)
                rate = stream.usual_bps if stream is not None and rid in present else 0
                if stream is not None and rate and stream.thin is not None and 0 < stream.thin.usual_bps < rate:
                    chosen.append(Layer(rid, height, stream.thin.usual_bps, slow=True))
                chosen.append(Layer(rid, height, rate or DEFAULT_BITRATES_BPS.get(rid, 1_500_000)))
        return tuple(chosen)

    def _would_come(self, rid: str, now: float) -> bool:
        since = self._asked_since.get(rid)
        return since is None or not COMES_AFTER_S < now - since < COMES_AFTER_S + ASK_LAYER_AGAIN_S

    def need(self, kind: str, rid: str, now: float) -> None:
        """A slot was given this layer of a camera: it is to be sent."""
        if kind == "camera" and rid:
            self._needed[rid] = now
            stream = self._sources.by_kind.get(kind, {}).get(rid)
            if stream is not None and now - stream.last_arrival < COMES_AFTER_S:
                self._asked_since.pop(rid, None)
            elif now - self._asked_since.setdefault(rid, now) > COMES_AFTER_S + ASK_LAYER_AGAIN_S:
                self._asked_since[rid] = now

    def wanted(self, now: float) -> dict[str, object]:
        """What should be sent on this line: the camera's layers that somebody sees (the lowest always), none where it carries only the voice."""
        rids = self._sources.rids("camera")
        seen = [rid for rid in rids if rid == rids[0] or now - self._needed.get(rid, -LINGER_S) < LINGER_S]
        return {"camera": seen if self.link.pictures else [], "pictures": self.link.pictures}

    # Feedback to the publisher

    def ask_again(self, now: float, round_trip_s: float) -> bool:
        """Send the NACKs that are due; returns whether anything is still missing."""
        left = False
        retry_s = max(NACK_RETRY_S, 1.2 * round_trip_s)
        for stream in self._streams.values():
            if stream.missing:
                numbers = stream.due(now, retry_s)
                if numbers:
                    self._send_rtcp(rtcp.nack(self._ssrc, stream.ssrc, numbers))
                left = left or bool(stream.missing)
        return left

    def ask_key_frames(self, now: float) -> None:
        """Ask for the key frames that slots wait for, throttled by source, again and again until they come."""
        for kind, layers in self._sources.by_kind.items():
            if kind == "audio":
                continue
            wanted = [stream for stream in layers.values() if stream.granted and any(map(_needs_key, stream.forms))]
            if wanted and now - self._key_asked.get(kind, -1.0) >= KEY_FRAME_EVERY_S:
                self._key_asked[kind] = now
                for stream in wanted:
                    self._send_rtcp(rtcp.picture_loss(self._ssrc, stream.ssrc))

    def report(self, now: float) -> bytes:
        """Once a second: rates measured; the receiver report and the REMB for the publisher, as a compound to be sent."""
        blocks = []
        for stream in self._streams.values():
            for one in stream.forms:
                one.measure(now)
                one.forget_old(now)
            if stream.started:
                fraction, lost, highest, jitter = stream.report()
                last = stream.report_ntp >> 16 & 0xFFFFFFFF
                delay = int((now - stream.report_at) * 65536) & 0xFFFFFFFF if last else 0
                blocks.append(rtcp.ReportBlock(stream.ssrc, fraction, lost, highest, jitter, last, delay))
        message = rtcp.receiver_report(self._ssrc, blocks)
        video = [stream.ssrc for stream in self._streams.values() if stream.kind != "audio"]
        if video:
            # A REMB holds the pictures only: what the voice takes of the line comes first.
            voice = sum(VOICE_BPS for stream in self._streams.values() if stream.kind == "audio" and stream.bitrate)
            message += rtcp.remb(self._ssrc, max(REMB_MIN_BPS, self.link.estimate_bps - voice), video)
        self.link.loss = self.loss
        self.link.settle(1.0, now)
        return message

    @property
    def loss(self) -> float:
        """The worst share lost of any stream that arrives at present (0…1)."""
        return max((stream.loss for stream in self._streams.values() if stream.bitrate), default=0.0)

    def describe(self) -> list[dict[str, object]]:
        """Figures of every stream for `node.stats`."""
        return [
            {
                "kind": stream.kind,
                "rid": stream.rid,
                "height": stream.height,
                "bitrate_bps": stream.bitrate,
                "packets": stream.packets,
                "codec": stream.codec,
                "unrecovered": stream.unrecovered,
                "recovered": stream.recovered,
                "jitter_ms": round(stream.jitter * 1000 / stream.clock_rate, 1),
            }
            for stream in self._streams.values()
        ]


def _needs_key(stream: Stream) -> bool:
    return bool(stream.waiting) or (stream.key_wanted and bool(stream.sinks))


def _extension_id(offer: Offer, uri: str) -> int:
    """The id that the offer gives to a header extension; 0 when it has it not."""
    return next((section.extensions[uri] for section in offer.sections if uri in section.extensions), 0)
