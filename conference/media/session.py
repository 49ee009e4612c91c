"""A session: one connection of a participant, from its first STUN check to its end: keys, streams, slots, feedback.

It owns its DTLS association, its streams and its slots; `close` ends them in that order, once. The room owns the session.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable

from aiortc import RTCCertificate

from conference.media import rtcp
from conference.media.bandwidth import Downlink, Uplink
from conference.media.dtls import DtlsEndpoint
from conference.media.fanout import Fanout
from conference.media.ingress import SILENT, Stream
from conference.media.negotiate import ABS_SEND_TIME, AUDIO_LEVEL, RIDS, Offer, Section, SlotNumbers
from conference.media.slots import Slot, Target
from conference.media.srtp import Direction
from conference.media.stats import Counters
from conference.media.udp import UdpPort
from conference.media.wire import RTP_HEADER, RTP_HEADER_BYTES, Packet, extension, payload_bounds, rtx_original
from foundation.errors import ProtocolError

STREAMS_MAX = 16
KEY_FRAME_EVERY_S = 0.4
"""One PLI for each source of a publisher in this time: a request on one simulcast layer makes libvpx send key frames on all."""
RTX_PER_SECOND_MAX = 1500
ROUND_TRIP_START_S = 0.1
ALIVE_S = 1.0
"""A layer without a packet for this long is not chosen."""
LOST_AFTER_S = 3.0
CLOSED_AFTER_S = 15.0

DEFAULT_HEIGHTS = {"q": 180, "h": 360, "f": 720}
DEFAULT_BITRATES_BPS = {"q": 150_000, "h": 500_000, "f": 1_500_000}


class Session:
    """One connection. `on_connected` and `on_closed(reason)` tell the room; `on_closed` may come at any time, once."""

    def __init__(
        self,
        name: str,
        participant: str,
        offer: Offer,
        publish: Iterable[str],
        *,
        subscribe: bool,
        port: UdpPort,
        fanout: Fanout,
        counters: Counters,
        certificate: RTCCertificate,
        now: float,
    ) -> None:
        """LookupError when the port has no free destination."""
        self.name = name
        self.participant = participant
        self.offer = offer
        self.ufrag = secrets.token_hex(4)
        self.password = secrets.token_hex(16)
        self.password_bytes = self.password.encode()
        self.key: bytes | None = None
        self.local = b""
        self._source = b""
        self.receiving: Direction | None = None
        self.receive_handle: object = None
        self.last_at = now
        self.asking = False
        self.round_trip_s = ROUND_TRIP_START_S
        self.state = "new"
        self.wants: dict[str, tuple[str, str, int]] = {}
        self.announced: dict[str, tuple[str | None, str]] = {}
        self.uplink = Uplink()
        self.downlink = Downlink()
        self.on_connected: Callable[[], None] = lambda: None
        self.on_closed: Callable[[str], None] = lambda _reason: None
        self._granted = set(publish)
        self._port = port
        self._fanout = fanout
        self._counters = counters
        self._certificate = certificate
        self._sending: Direction | None = None
        self._dtls: DtlsEndpoint | None = None
        self._handshake: asyncio.Task[None] | None = None
        self._ssrc = secrets.randbits(31) + 1
        self._target = Target()
        self._destination = port.allocate()
        self._sections = {
            section.mid: section for section in offer.sections if section.source and section.direction != "inactive"
        }
        self._by_payload = self._payload_table()
        self.sources: dict[str, dict[str, Stream]] = {}
        self._streams: dict[int, Stream] = {}
        self._rtx: dict[int, Stream] = {}
        self._key_asked: dict[str, float] = {}
        self._rtx_left = RTX_PER_SECOND_MAX
        self._sending_bps = 0
        self._sampled_at = 0.0
        self._abs_send_time = next(
            (s.extensions[ABS_SEND_TIME] for s in offer.sections if ABS_SEND_TIME in s.extensions), 0
        )
        self._audio_level = next((s.extensions[AUDIO_LEVEL] for s in offer.sections if AUDIO_LEVEL in s.extensions), 0)
        self.slots: dict[str, Slot] = {}
        self._slots_by_ssrc: dict[int, Slot] = {}
        if subscribe:
            self._make_slots()
        for section in self._sections.values():
            if not section.rids:
                self._announced_streams(section)

    # Setting up

    def _payload_table(self) -> dict[int, list[Section]]:
        table: dict[int, list[Section]] = {}
        for section in self._sections.values():
            for codec in (section.codec, section.rtx):
                if codec is not None:
                    table.setdefault(codec.payload_type, []).append(section)
        return table

    def _make_slots(self) -> None:
        used: set[int] = set()

        def fresh() -> int:
            while (ssrc := secrets.randbits(32)) in used or not ssrc:
                continue
            used.add(ssrc)
            return ssrc

        for section in self.offer.sections:
            if not section.slot or section.codec is None:
                continue
            slot = Slot(
                section.slot,
                section.kind,
                section.mid,
                ssrc=fresh(),
                rtx_ssrc=fresh() if section.rtx else 0,
                payload_type=section.codec.payload_type,
                rtx_payload_type=section.rtx.payload_type if section.rtx else 0,
                clock_rate=section.codec.clock_rate,
                extension_id=section.extensions.get(ABS_SEND_TIME, 0),
                start=secrets.randbits(31),
                target=self._target,
            )
            slot.codec = section.codec.name
            self.slots[slot.name] = slot
            self._slots_by_ssrc[slot.ssrc] = slot

    def slot_numbers(self) -> dict[str, SlotNumbers]:
        """What the answer says about the slots; a session that may not subscribe has slots that stay dark."""
        numbers = {name: SlotNumbers(slot.ssrc, slot.rtx_ssrc) for name, slot in self.slots.items()}
        for section in self.offer.sections:
            if section.slot and section.slot not in numbers:
                numbers[section.slot] = SlotNumbers(secrets.randbits(32) | 1, 0)
        return numbers

    def _announced_streams(self, section: Section) -> None:
        """SSRCs that the offer names (no simulcast)."""
        for ssrc in section.ssrcs:
            if ssrc not in section.rtx_of.values():
                stream = self._add_stream(section, "", ssrc)
                rtx = section.rtx_of.get(ssrc, 0)
                if stream is not None and rtx:
                    stream.rtx_ssrc = rtx
                    self._rtx[rtx] = stream
                return

    def _add_stream(self, section: Section, rid: str, ssrc: int) -> Stream | None:
        codec = section.codec
        if codec is None or len(self._streams) >= STREAMS_MAX:
            return None
        layers = self.sources.setdefault(section.source, {})
        stale = layers.get(rid)
        if stale is not None:
            # The browser began anew with another SSRC: the slots follow it, from its next key frame on.
            self._streams.pop(stale.ssrc, None)
            self._rtx.pop(stale.rtx_ssrc, None)
        stream = Stream(
            self.participant, section.source, rid, ssrc, codec.name, codec.clock_rate, nack="nack" in codec.feedback
        )
        stream.granted = section.source in self._granted
        layers[rid] = stream
        self._streams[ssrc] = stream
        if stale is not None:
            for slot in [*stale.sinks, *stale.waiting]:
                slot.detach()
                slot.wait_for(stream)
        return stream

    def _discover(self, data: bytes, kind: int, ssrc: int) -> bool:
        """Find out from mid and rid (or the payload type) what an unknown SSRC is; RFC 8843 section 9.2, RFC 8852."""
        mid = extension(data, self.offer.mid_extension) if self.offer.mid_extension else None
        section = self._sections.get(mid.decode("ascii", "replace")) if mid else None
        if section is None:
            sections = self._by_payload.get(kind & 0x7F, [])
            section = sections[0] if len(sections) == 1 else None
        if section is None:
            return False
        is_rtx = section.rtx is not None and kind & 0x7F == section.rtx.payload_type
        if not is_rtx and (section.codec is None or kind & 0x7F != section.codec.payload_type):
            return False
        wanted = self.offer.repaired_extension if is_rtx else self.offer.rid_extension
        value = extension(data, wanted) if wanted and section.rids else None
        rid = value.decode("ascii", "replace") if value else ""
        if section.rids and rid not in section.rids:
            return False
        if not is_rtx:
            return self._add_stream(section, rid, ssrc) is not None
        stream = self.sources.get(section.source, {}).get(rid)
        if stream is None or len(self._rtx) >= STREAMS_MAX:
            return False
        self._rtx.pop(stream.rtx_ssrc, None)
        stream.rtx_ssrc = ssrc
        self._rtx[ssrc] = stream
        return True

    # The link

    def source_towards(self, key: bytes, local: bytes) -> bytes:
        """The source address that answers to `key` need (empty: the kernel's choice)."""
        if self.key == key and self.local == local:
            return self._source
        return self._port.source_for(key, local)

    def reach(self, key: bytes, local: bytes, source: bytes, *, nominate: bool) -> bool:
        """An authentic check came from `key` to our address `local`; returns whether packets go that way from now on.

        The first one is learned, another only when the browser nominates it (USE-CANDIDATE, RFC 8445 section 7.3.1.5).
        """
        if (self.key == key and self.local == local) or (self.key is not None and not nominate):
            return False
        self.key, self.local, self._source = key, local, source
        self._target.name, self._target.control = self._port.aim(self._destination, key, source)
        for slot in self.slots.values():
            if slot.stream is not None:
                slot.stream.fan = None
        if self._dtls is None:
            self._dtls = DtlsEndpoint(self._certificate, self._send_dtls, lambda: self.end("dtls_closed"))
            self._handshake = asyncio.get_running_loop().create_task(self._shake_hands(self._dtls))
        return True

    def _send_dtls(self, data: bytes) -> None:
        if self.key is not None:
            self._port.send_to(data, self.key, self._source)

    async def _shake_hands(self, dtls: DtlsEndpoint) -> None:
        try:
            receiving, sending = await dtls.handshake(self.offer.fingerprints)
        except ProtocolError as error:
            self._counters.drop("dtls_failed")
            self.end(str(error.detail.get("reason", error.code)))
            return
        if self.state == "closed":
            return
        self.receiving, self._sending = receiving, sending
        self.receive_handle = receiving.handle
        self._target.direction, self._target.handle = sending, sending.handle
        self.state = "connected"
        self.on_connected()

    def feed_dtls(self, data: bytes) -> None:
        """Take one DTLS datagram from this session's address."""
        if self._dtls is None or not self._dtls.feed(data):
            self._counters.drop("dtls_queue_full")

    @property
    def connected(self) -> bool:
        """Whether keys are there: only then slots may be attached."""
        return self._sending is not None and self.state != "closed"

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
        uplink = self.uplink
        uplink.octets += len(data)
        if now != self._sampled_at and self._abs_send_time:
            self._sampled_at = now
            value = extension(data, self._abs_send_time)
            if value is not None and len(value) == 3:
                uplink.sample(value[0] << 16 | value[1] << 8 | value[2], now)
        stream = self._streams.get(ssrc)
        if stream is None:
            stream = self._rtx.get(ssrc)
            if stream is None:
                if not self._discover(data, kind, ssrc):
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
        if not stream.granted:
            self._counters.drop("not_granted")
            return
        packet = Packet(data, offset, end, kind >> 7, seq, timestamp, now)
        read = stream.read
        if read is not None:
            read(packet)
        elif self._audio_level:
            value = extension(data, self._audio_level)
            if value:
                stream.hear(value[0] & 0x7F)
        if seq == stream.expected and not stream.waiting:
            # Nearly every packet: the next one, and no slot waits for it.
            packet.ext = stream.highest + 1
            if packet.key:
                stream.key_wanted = False
            stream.take(packet)
            if stream.sinks:
                self._fanout.add(stream, packet)
        else:
            self._place(stream, packet, now)

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
            if packet.key:
                stream.key_wanted = False
            stream.take_after_gap(packet)
            if stream.missing:
                self.asking = True
            if stream.sinks:
                self._fanout.add(stream, packet)
        elif place == "late":
            stream.take_late(packet)
            if stream.sinks:
                self._fanout.late(stream, packet, now)
        else:
            # Chromium sends RTX copies of old packets as bandwidth probes: those end here.
            self._counters.drop(place)

    def _begin_anew(self, stream: Stream) -> None:
        self._fanout.flush(stream.last_arrival)
        for slot in list(stream.sinks):
            slot.detach()
            slot.wait_for(stream)
        stream.reset()

    def receive_rtcp(self, data: bytes, now: float) -> None:
        """Take one encrypted compound RTCP packet."""
        plain = self.receiving.unprotect_rtcp(data) if self.receiving else None
        if plain is None:
            self._counters.drop("srtcp_unprotect")
            return
        try:
            feedback = rtcp.parse(plain)
        except ProtocolError as error:
            self._counters.drop(error.code)
            return
        for ssrc, ntp, timestamp in feedback.senders:
            stream = self._streams.get(ssrc)
            if stream is not None:
                stream.report_ntp, stream.report_timestamp, stream.report_at = ntp, timestamp, now
        self._reports(feedback.blocks, now)
        for ssrc, numbers in feedback.nacks:
            slot = self._slots_by_ssrc.get(ssrc)
            if slot is not None:
                self._send_again(slot, numbers, now)
        for ssrc in feedback.key_frames:
            slot = self._slots_by_ssrc.get(ssrc)
            if slot is not None and slot.stream is not None:
                slot.stream.key_wanted = True
        if feedback.estimate:
            self.downlink.estimate(feedback.estimate, self._sending_bps, now)

    def _reports(self, blocks: list[rtcp.ReportBlock], now: float) -> None:
        worst = 0.0
        for block in blocks:
            slot = self._slots_by_ssrc.get(block.ssrc)
            if slot is None:
                continue
            slot.loss, slot.jitter, slot.lost = block.fraction / 256, block.jitter, block.lost
            if slot.kind == "video" and slot.stream is not None:
                worst = max(worst, slot.loss)
            trip = rtcp.round_trip_s(block, time.time())
            if trip is not None and trip < 10:
                self.downlink.round_trip(trip)
                self.round_trip_s = 0.8 * self.round_trip_s + 0.2 * trip
        if blocks:
            self.downlink.lose(worst, self._sending_bps, now)

    def _send_again(self, slot: Slot, numbers: list[int], now: float) -> None:
        if not slot.rtx_ssrc or not self.connected:
            return
        for number in numbers:
            if self._rtx_left <= 0:
                self._counters.drop("rtx_limited")
                return
            packet = slot.find(number, now)
            if packet is None:
                self._counters.drop("rtx_gone")
                continue
            self._rtx_left -= 1
            self._fanout.retransmit(slot, packet, number, now)

    # Feedback out

    def send_rtcp(self, data: bytes) -> None:
        """Encrypt and send one compound packet."""
        if self._sending is None or self.key is None:
            return
        secret = self._sending.protect_rtcp(data)
        if secret is not None:
            self._port.send_to(secret, self.key, self._source)

    def ask_again(self, now: float) -> bool:
        """Send the NACKs that are due; returns whether anything is still missing."""
        left = False
        retry_s = max(0.04, 1.2 * self.round_trip_s)
        for stream in self._streams.values():
            if stream.missing:
                numbers = stream.due(now, retry_s)
                if numbers:
                    self.send_rtcp(rtcp.nack(self._ssrc, stream.ssrc, numbers))
                left = left or bool(stream.missing)
        return left

    def ask_key_frames(self, now: float) -> None:
        """Ask for the key frames that slots wait for, throttled by source, again and again until they come."""
        for kind, layers in self.sources.items():
            if kind == "audio":
                continue
            wanted = [s for s in layers.values() if (s.waiting or (s.key_wanted and s.sinks)) and s.granted]
            if wanted and now - self._key_asked.get(kind, -1.0) >= KEY_FRAME_EVERY_S:
                self._key_asked[kind] = now
                for stream in wanted:
                    self.send_rtcp(rtcp.picture_loss(self._ssrc, stream.ssrc))

    def report(self, now: float) -> None:
        """Once a second: receiver reports and REMB upward, sender reports for the slots downward, rates measured."""
        self._rtx_left = RTX_PER_SECOND_MAX
        for stream in self._streams.values():
            stream.measure(now)
        blocks = []
        for stream in self._streams.values():
            if stream.started:
                fraction, lost, highest, jitter = stream.report()
                last = stream.report_ntp >> 16 & 0xFFFFFFFF
                delay = int((now - stream.report_at) * 65536) & 0xFFFFFFFF if last else 0
                blocks.append(rtcp.ReportBlock(stream.ssrc, fraction, lost, highest, jitter, last, delay))
        message = rtcp.receiver_report(self._ssrc, blocks)
        video = [stream.ssrc for stream in self._streams.values() if stream.kind != "audio"]
        if video:
            message += rtcp.remb(self._ssrc, self.uplink.estimate_bps, video)
        self.uplink.grow(1.0)
        epoch = time.time()
        ntp = rtcp.ntp_time(epoch)
        sending = 0
        for slot in self.slots.values():
            stream_shown = slot.stream
            if stream_shown is None:
                continue
            sending += stream_shown.bitrate
            timestamp = self._timestamp_now(stream_shown, now)
            if timestamp is not None:
                packets, octets = slot.sent()
                report = rtcp.sender_report(
                    slot.ssrc, ntp, timestamp + slot.timestamp_delta & 0xFFFFFFFF, packets, octets
                )
                message += report + rtcp.source_description(slot.ssrc, f"fenghuo-{slot.name}")
        self._sending_bps = sending
        self.downlink.tick(sending, now)
        while message:  # below the usual MTU: split between packets
            part, message = rtcp.split(message, 1100)
            self.send_rtcp(part)

    def _timestamp_now(self, stream: Stream, now: float) -> int | None:
        """The publisher's RTP time at this moment, from its last sender report, so that sound and picture agree."""
        if stream.report_ntp:
            return stream.report_timestamp + int((now - stream.report_at) * stream.clock_rate)
        if stream.started:
            return stream.last_timestamp + int((now - stream.last_arrival) * stream.clock_rate)
        return None

    # Rules

    def grant(self, publish: Iterable[str]) -> None:
        """What this participant may send from now on; everything else is dropped and counted."""
        self._granted = set(publish)
        for source, layers in self.sources.items():
            for stream in layers.values():
                granted = source in self._granted
                if stream.granted and not granted:
                    for slot in [*stream.sinks, *stream.waiting]:
                        slot.detach()
                        slot.wait_for(None)
                    stream.reset()
                    stream.level = float(SILENT)
                stream.granted = granted

    def layers(self, kind: str, codec: str, now: float) -> list[Stream]:
        """The layers of a source that arrive now, lowest first, in a codec that the asking slot can take."""
        streams = [
            stream
            for stream in self.sources.get(kind, {}).values()
            if stream.granted and stream.started and stream.codec == codec and now - stream.last_arrival < ALIVE_S
        ]
        return sorted(streams, key=lambda stream: RIDS.index(stream.rid) if stream.rid in RIDS else 0)

    def microphone(self) -> Stream | None:
        """The stream of the microphone, while it may be heard."""
        stream = self.sources.get("audio", {}).get("")
        return stream if stream is not None and stream.granted else None

    def all_streams(self) -> list[Stream]:
        """Every stream of this publisher."""
        return list(self._streams.values())

    # The end

    def end(self, reason: str) -> None:
        """Tell the room that this session is over; it then calls `close`."""
        if self.state != "closed":
            self.on_closed(reason)

    def close(self) -> None:
        """Close DTLS, streams, slots, in this order; what others showed of this session goes dark. Safe to call twice."""
        if self.state == "closed":
            return
        self.state = "closed"
        if self._dtls is not None:
            self._closing = asyncio.get_running_loop().create_task(self._close_dtls(self._dtls, self._handshake))
        for stream in [s for layers in self.sources.values() for s in layers.values()]:
            for slot in [*stream.sinks, *stream.waiting]:
                slot.detach()
                slot.wait_for(None)
        for slot in self.slots.values():
            slot.detach()
            slot.wait_for(None)
        self._port.release(self._destination)

    async def _close_dtls(self, dtls: DtlsEndpoint, handshake: asyncio.Task[None] | None) -> None:
        await dtls.close()
        if handshake is not None and handshake is not asyncio.current_task() and not handshake.done():
            handshake.cancel()

    def describe(self, now: float) -> dict[str, object]:
        """Figures for `node.stats`."""
        return {
            "session": self.name,
            "participant": self.participant,
            "state": self.state,
            "silent_s": round(now - self.last_at, 2),
            "round_trip_ms": round(self.round_trip_s * 1000),
            "uplink_bps": self.uplink.estimate_bps,
            "downlink_bps": self.downlink.budget_bps,
            "streams": [
                {
                    "kind": stream.kind,
                    "rid": stream.rid,
                    "height": stream.height,
                    "bitrate_bps": stream.bitrate,
                    "packets": stream.packets,
                    "unrecovered": stream.unrecovered,
                    "jitter_ms": round(stream.jitter * 1000 / stream.clock_rate, 1),
                }
                for stream in self.all_streams()
            ],
            "slots": [
                {
                    "slot": slot.name,
                    "participant": slot.stream.participant if slot.stream else None,
                    "rid": slot.stream.rid if slot.stream else None,
                    "loss": round(slot.loss, 3),
                    "rtx": slot.rtx_sent,
                }
                for slot in self.slots.values()
            ],
        }
