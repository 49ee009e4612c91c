"""Downstream: what one participant receives: the slots, the budget they share, and answers to what the receiver asks for again."""

import asyncio
import secrets
from collections.abc import Callable

from conference.media import rtcp
from conference.media.bandwidth import PROBE_S, Downlink
from conference.media.fanout import Fanout
from conference.media.ingress import Stream
from conference.media.ladder import Step
from conference.media.negotiate import ABS_SEND_TIME, Offer, Section, SlotNumbers
from conference.media.slots import Slot, Target
from conference.media.srtp import Direction
from conference.media.stats import Counters

RTX_SHARE = 0.5
RTX_OCTETS_MIN = 4_000
"""What is sent again in a second is at most this share of what the line carries: browsers ask again and again, and where packets are lost for want
of room the answers would take all of it."""
REPORT_PACKETS_MAX = 20_000
"""A report that has moved on by more than this says nothing of a second or a few."""
PAD_EVERY_S = 0.02
PADDING_BYTES = 255
"""The most that one packet can hold (RFC 3550 section 5.1)."""
AROUND_BYTES = 36
"""What is around a payload inside a datagram: 12 bytes of header, 8 of extension, 16 of SRTP's tag."""

ROUND_TRIP_START_S = 0.1
ROUND_TRIP_MAX_S = 10.0
"""A longer one is a report that answers a sender report of another life."""


class Downstream:
    """The sending side of one session. `wants`: slot to (participant, kind, height in device pixels); the room fills it and chooses by it."""

    def __init__(
        self,
        offer: Offer,
        *,
        subscribe: bool,
        fanout: Fanout,
        counters: Counters,
        clock: Callable[[], float],
        send_rtcp: Callable[[bytes], None],
    ) -> None:
        """`send_rtcp` encrypts and sends a compound packet to the subscriber; `clock` gives monotonic seconds."""
        self._clock = clock
        self._send_rtcp = send_rtcp
        self.link = Downlink()
        self.round_trip_s = ROUND_TRIP_START_S
        self.wants: dict[str, tuple[str, str, int]] = {}
        self.slots: dict[str, Slot] = {}
        self.sounds: list[Slot] = []
        self.pictures: list[Slot] = []
        self.moved: set[Slot] = set()
        """Slots that may show something else than the page was told."""
        self._offer = offer
        self._fanout = fanout
        self._counters = counters
        self._target = Target()
        self._by_ssrc: dict[int, Slot] = {}
        self._rtx_octets_left = RTX_OCTETS_MIN
        self._sending_bps = self._sound_bps = 0
        """What went into the slots in the last second, and what of it was sound."""
        self.step: Step = "full"
        self.needed_bps = 0
        """What would carry every wish; the room computes it."""
        self._padding: asyncio.TimerHandle | None = None
        self._padding_owed = 0.0
        self._padding_until = 0.0
        if subscribe:
            self._make_slots()

    def _make_slots(self) -> None:
        used: set[int] = set()

        def fresh() -> int:
            while (ssrc := secrets.randbits(32)) in used or not ssrc:
                continue
            used.add(ssrc)
            return ssrc

        for section in self._offer.sections:
            if not section.slot or section.codec is None:
                continue
            slot = Slot(
                section.slot,
                section.kind,
                section.mid,
                ssrc=fresh(),
                rtx_ssrc=fresh() if any(rtx for _, rtx in section.formats) else 0,
                formats=_formats(section),
                red_payload_type=section.red.payload_type if section.red else 0,
                clock_rate=section.codec.clock_rate,
                extension_id=section.extensions.get(ABS_SEND_TIME, 0),
                start=secrets.randbits(31),
                target=self._target,
                moved=self.moved,
            )
            self.slots[slot.name] = slot
            (self.sounds if slot.kind == "audio" else self.pictures).append(slot)
            self._by_ssrc[slot.ssrc] = slot

    def slot_numbers(self) -> dict[str, SlotNumbers]:
        """What the answer says about the slots; a session that may not subscribe has slots that stay dark."""
        numbers = {name: SlotNumbers(slot.ssrc, slot.rtx_ssrc) for name, slot in self.slots.items()}
        for section in self._offer.sections:
            if section.slot and section.slot not in numbers:
                numbers[section.slot] = SlotNumbers(secrets.randbits(32) | 1, 0)
        return numbers

    # Where it goes

    def aim(self, name: int, control: int) -> None:
        """Packets go to this address from now on (`UdpPort.aim`)."""
        self._target.name, self._target.control = name, control
        for slot in self.slots.values():
            if slot.stream is not None:
                slot.stream.fan = None

    def unlock(self, direction: Direction) -> None:
        """The keys are there: from now on slots may be attached."""
        self._target.direction, self._target.handle = direction, direction.handle

    # What the receiver says

    def take_feedback(self, feedback: rtcp.Feedback, now: float) -> None:
        """Take the reports, NACKs, key-frame requests and the REMB of one compound packet."""
        self._reports(feedback.blocks, now)
        for ssrc, numbers in feedback.nacks:
            slot = self._by_ssrc.get(ssrc)
            if slot is not None:
                self._send_again(slot, numbers, now)
        for ssrc in feedback.key_frames:
            slot = self._by_ssrc.get(ssrc)
            if slot is not None and slot.stream is not None:
                slot.stream.key_wanted = True
        if feedback.estimate:
            # Browsers estimate what comes as pictures; sound is not in it.
            sound_bps = int(self._sound_bps * (1 - self.link.loss))
            self.link.estimate(feedback.estimate + sound_bps, self._sending_bps, now)

    def _reports(self, blocks: list[rtcp.ReportBlock], now: float) -> None:
        lost = 0.0
        expected = 0
        for block in blocks:
            slot = self._by_ssrc.get(block.ssrc)
            if slot is None:
                continue
            slot.loss, slot.jitter, slot.lost = block.fraction / 256, block.jitter, block.lost
            came = block.highest - slot.reported & 0xFFFFFFFF if slot.reported else 0
            slot.reported = block.highest
            if came <= REPORT_PACKETS_MAX:
                expected += came
                # A report counts what came again as not lost: browsers tell of a line that loses a fifth that it loses little or nothing.
                lost += min(came, max(slot.loss * came, slot.asked))
            slot.asked = 0
            # Each sender report measures once. A receiver goes on echoing the last one that it got, be it an hour old: the way of a report that
            # came through a full line would look like the line's for as long as no other comes, as while a slot is dark.
            trip = rtcp.round_trip_s(block, now) if block.last_report != slot.echoed else None
            slot.echoed = block.last_report
            if trip is not None and trip < ROUND_TRIP_MAX_S:
                self.link.round_trip(trip, now)
                self.round_trip_s = 0.8 * self.round_trip_s + 0.2 * trip
        if blocks:
            self.link.lose(lost, expected, self._sending_bps, now)

    def _send_again(self, slot: Slot, numbers: list[int], now: float) -> None:
        if not slot.rtx_ssrc or self._target.direction is None:
            return
        for number in numbers:
            if self._rtx_octets_left <= 0:
                self._counters.drop("rtx_limited")
                return
            packet = slot.find(number, now)
            if packet is None:
                self._counters.drop("rtx_gone")
                continue
            self._rtx_octets_left -= packet.end - packet.offset + AROUND_BYTES
            self._fanout.retransmit(slot, packet, number, now)

    # What the receiver is told

    def report(self, now: float) -> bytes:
        """Once a second: the sender reports of the slots, as a compound to be sent; the budget grows with time."""
        self._rtx_octets_left = max(RTX_OCTETS_MIN, int(self.link.budget_bps * RTX_SHARE / 8))
        self._sound_bps = sum(slot.rate(now, AROUND_BYTES) for slot in self.sounds)
        self._sending_bps = self._sound_bps + sum(slot.rate(now, AROUND_BYTES) for slot in self.pictures)
        self.link.tick(self._sending_bps, self.needed_bps, now)
        if self.link.probe_bps and self._padding is None:
            self._padding_until, self._padding_owed = now + PROBE_S, 0.0
            self._pad()
        return self._sender_reports(now)

    def _sender_reports(self, now: float) -> bytes:
        ntp = rtcp.ntp_time(now)
        message = b""
        for slot in self.slots.values():
            timestamp = _timestamp_now(slot.stream, now) if slot.stream is not None else None
            if timestamp is not None:
                packets, octets = slot.sent()
                message += rtcp.sender_report(
                    slot.ssrc, ntp, timestamp + slot.timestamp_delta & 0xFFFFFFFF, packets, octets
                )
                message += rtcp.source_description(slot.ssrc, f"fenghuo-{slot.name}")
        return message

    def _pad(self) -> None:
        """Send the padding of a probe, a little every PAD_EVERY_S, while there is one."""
        self._padding = None
        carrier = next(
            (slot for slot in self.slots.values() if slot.mappings and slot.rtx_payload_type(slot.mapping)), None
        )
        if not self.link.probe_bps or carrier is None or self._target.direction is None:
            return
        now = self._clock()
        if now >= self._padding_until:
            self.link.padded()
            # The round trip of this very moment shows whether the padding stands in a queue.
            self._send_rtcp(self._sender_reports(now))
            return
        self._padding_owed += self.link.probe_bps * PAD_EVERY_S / 8
        while self._padding_owed >= PADDING_BYTES + AROUND_BYTES:
            self._padding_owed -= PADDING_BYTES + AROUND_BYTES
            self._fanout.pad(carrier, PADDING_BYTES, now)
        self._padding = asyncio.get_running_loop().call_later(PAD_EVERY_S, self._pad)

    def close(self) -> None:
        """All slots go dark."""
        self._target.direction = None
        if self._padding is not None:
            self._padding.cancel()
        for slot in self.slots.values():
            slot.go_on()
            slot.detach()
            slot.wait_for(None)

    def describe(self) -> list[dict[str, object]]:
        """Figures of every slot for `node.stats`."""
        return [
            {
                "slot": slot.name,
                "participant": slot.shown[0],
                "kind": slot.shown[1],
                "manner": slot.shown[2],
                "rid": slot.stream.rid if slot.stream else None,
                "bitrate_bps": slot.stream.bitrate if slot.stream else 0,
                "packets": slot.sent()[0],
                "loss": round(slot.loss, 3),
                "lost": slot.lost,
                "jitter_ms": round(slot.jitter * 1000 / slot.stream.clock_rate, 1) if slot.stream else 0.0,
                "rtx": slot.rtx_sent,
                "freezes": slot.freezes,
            }
            for slot in self.slots.values()
        ]


def _formats(section: Section) -> dict[str, tuple[int, int]]:
    """Return each codec of a receiving section to its payload type and that of its RTX (0: none)."""
    if section.codec is None:
        return {}
    formats = section.formats or [(section.codec, None)]
    return {codec.name: (codec.payload_type, rtx.payload_type if rtx else 0) for codec, rtx in formats}


def _timestamp_now(stream: Stream, now: float) -> int | None:
    """The publisher's RTP time at this moment, from its last sender report, so that sound and picture agree."""
    if stream.report_ntp:
        return stream.report_timestamp + int((now - stream.report_at) * stream.clock_rate)
    if stream.started:
        return stream.last_timestamp + int((now - stream.last_arrival) * stream.clock_rate)
    return None
