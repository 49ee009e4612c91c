"""Fan-out: one packet in, one row for each slot that shows it, encrypted in place and sent together.

Hot path. A burst is what one stream received between two flushes. Each burst is written either row by row (`fill_rows`) or for all its
subscribers at once with numpy (`fill_block`); both give the same bytes (tests/media/test_fanout.py holds them against each other).
A row: 12 bytes RTP header, 8 bytes of header extension holding abs-send-time, the payload with PictureID and TL0PICIDX rewritten.
"""

from collections.abc import Iterator
from itertools import starmap
from struct import Struct

import numpy as np

from conference.media import srtp
from conference.media.ingress import Stream
from conference.media.slots import Slot
from conference.media.stats import Counters
from conference.media.udp import (
    MESSAGE,
    PAYLOAD_BYTES_MAX,
    ROW_BYTES,
    SEGMENT_RUN_MAX,
    SEND_HEADER_BYTES,
    SEND_ROWS,
    UdpPort,
)
from conference.media.wire import ONE_BYTE_PROFILE, Packet
from foundation.loops import survived

BLOCK_ROWS_MIN = 20
"""From this many rows on, the block pays; below, the rows one by one (measured by benchmarks/media_forwarding.py and rooms_forwarding.py)."""

HEADER_BYTES = SEND_HEADER_BYTES
PLAIN, PADDED = 0x90, 0xB0
"""First byte of a row: version 2, an extension, and whether there is padding (RFC 3550 section 5.1)."""
HEADER = Struct("!BBHIIHHI")
HEADER_WORDS = HEADER_BYTES // 4
WORDS = HEADER_WORDS + 1
"""A row's header as numbers of 32 bits, and one that holds TL0PICIDX (the upper 8 bits) and PictureID (the lower 16)."""
TL0_AT, PICTURE_AT = 4 * HEADER_WORDS, 4 * HEADER_WORDS + 2
"""Where these two stand among the bytes of the words."""
_STEP = Struct("=6I")
_MESSAGE = Struct("=QI4xQQQQ")

U32 = np.uint32
# A sequence number, TL0PICIDX and PictureID begin anew at their own width; what they carry over is taken away. The marker stays.
_KEPT = np.array([0x0080FFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0xFF007FFF], U32)


def abs_send_time(now: float) -> int:
    """`now` (seconds) as 24 bits of 6.18 fixed point (the abs-send-time header extension)."""
    return int(now * 262144) & 0xFFFFFF


class Fan:
    """The slots that show one stream, as columns: rebuilt when a slot comes or goes, not for each packet."""

    __slots__ = ("_handles", "fixed", "messages", "single", "sinks", "starts")

    def __init__(self, sinks: list[Slot], port: UdpPort) -> None:
        self.sinks = sinks
        # A peer that needs its source named has its own control message: rare (several interfaces), so it goes row by row.
        # So does one whose way out cannot segment.
        self.single = any(slot.target.control or slot.target.name in port.unsegmented for slot in sinks)
        self._handles = {1: [slot.target.handle for slot in sinks]}
        self.messages = np.zeros(len(sinks), MESSAGE)
        self.messages["name"] = [slot.target.name for slot in sinks]
        self.messages["name_bytes"] = port.name_bytes
        self.messages["iov_count"] = 1
        # What a packet's own numbers are added to, and what is set then: (slots, 1, WORDS).
        self.starts = np.array([_starts(slot) for slot in sinks], U32).reshape(-1, 1, WORDS)
        self.fixed = np.zeros_like(self.starts)
        self.fixed[:, 0, 0] = [PLAIN << 24 | slot.payload_type << 16 for slot in sinks]
        self.fixed[:, 0, HEADER_WORDS] = 0x8000  # a PictureID of 15 bits says so (RFC 7741 section 4.2)

    def handles(self, count: int) -> list[object]:
        """The SRTP context of each row of a burst of `count` packets."""
        known = self._handles.get(count)
        if known is None:
            known = self._handles[count] = [handle for handle in self._handles[1] for _ in range(count)]
        return known


def _starts(slot: Slot) -> tuple[int, ...]:
    tail = slot.tl0_delta << 24 | slot.picture_delta
    return (slot.seq_delta, slot.timestamp_delta, slot.ssrc, ONE_BYTE_PROFILE << 16 | 1, slot.extension_head, tail)


def runs(sizes: list[int]) -> list[tuple[int, int]]:
    """Split a burst into (start, count) that UDP_SEGMENT can carry: equal sizes, the last of a run may be smaller."""
    result = []
    start = 0
    for index in range(1, len(sizes)):
        previous = sizes[index - 1]
        # A shorter one ends the run, and a longer one cannot join it.
        if sizes[index] > previous or previous < sizes[start] or index - start >= SEGMENT_RUN_MAX:
            result.append((start, index - start))
            start = index
    result.append((start, len(sizes) - start))
    return result


def frames(packets: list[Packet]) -> Iterator[tuple[int, int]]:
    """Split a burst into (start, end) of packets in which the same is rewritten at the same places."""
    start = 0
    first = packets[0]
    for index, packet in enumerate(packets):
        if (
            packet.picture != first.picture
            or packet.picture_at != first.picture_at
            or packet.picture_wide != first.picture_wide
            or packet.tl0 != first.tl0
            or packet.tl0_at != first.tl0_at
        ):
            yield start, index
            start, first = index, packet
    yield start, len(packets)


class Fanout:
    """Collects bursts and flushes them through one UdpPort. `flush` must be called before the loop sleeps."""

    def __init__(self, port: UdpPort, counters: Counters, *, block_rows_min: int = BLOCK_ROWS_MIN) -> None:
        self._port = port
        self._counters = counters
        self._block_rows_min = block_rows_min
        self._bursts: dict[Stream, list[Packet]] = {}
        self.parts = 0
        """Counts the packets of frames that were not the last of theirs."""
        self.unfinished = False
        """Whether more of the frame that was added last is still to come."""
        self._view = port.view
        self._sizes_view = port.sizes_view
        self._message_view = port.message_view
        self._headers = port.memory.view(U32)[:, :HEADER_WORDS]
        self._iovs = port.messages["iov"]
        self._steps = np.zeros((SEND_ROWS, WORDS), U32)
        self._steps_view = self._steps.view(np.uint8).reshape(-1).data
        self._row = 0
        self._void_rows = 0
        """Rows among those written that could not be encrypted and belong to no message."""
        self._message = 0
        self._octets = 0
        self._sent_time = 0

    def add(self, stream: Stream, packet: Packet) -> None:
        """Forward `packet` to every slot that shows `stream`, at the next flush; one that fits into no row is dropped."""
        if packet.end - packet.offset > PAYLOAD_BYTES_MAX:
            self._counters.drop("too_long")
            return
        burst = self._bursts.get(stream)
        if burst is None:
            self._bursts[stream] = [packet]
        else:
            burst.append(packet)
        self.unfinished = not packet.marker and stream.kind != "audio"
        self.parts += self.unfinished

    def flush(self, now: float) -> None:
        """Write, encrypt and send what was added (`now`: monotonic seconds, for abs-send-time). Raises nothing."""
        if not self._bursts:
            return
        # Taken away first: a burst that raises is gone, and not tried again with every later one.
        bursts, self._bursts = self._bursts, {}
        self.unfinished = False
        self._sent_time = abs_send_time(now)
        refused = len(self._port.unsegmented)
        for stream, packets in bursts.items():
            try:
                self._forward(stream, packets)
            except Exception:  # noqa: BLE001 - one stream's burst must not keep the others' from leaving
                survived("media.fanout")
                self._counters.drop("fanout_failed", len(packets))
        self._send()
        if len(self._port.unsegmented) > refused:
            for stream in bursts:
                stream.fan = None

    def _forward(self, stream: Stream, packets: list[Packet]) -> None:
        """Write one stream's burst into rows."""
        fan = stream.fan
        if fan is None:
            sinks = list(stream.sinks)
            try:
                fan = stream.fan = Fan(sinks, self._port)
            except Exception:  # noqa: BLE001 - one slot that does not fit into the columns must not cost the others their rows
                survived("media.fanout")
                self._put_each(sinks, packets)
                return
        count = len(fan.sinks)
        if not count:
            return
        step = max(1, SEND_ROWS // count)
        for start in range(0, len(packets), step):
            part = packets[start : start + step]
            rows = count * len(part)
            if self._row + rows > SEND_ROWS:
                self._send()
                if rows > SEND_ROWS:
                    self._counters.drop("fan_too_wide", rows)
                    continue
            try:
                if rows >= self._block_rows_min and not fan.single:
                    self.fill_block(fan, part)
                else:
                    self.fill_rows(fan, part)
            except Exception:  # noqa: BLE001 - what one row raises must not cost the other destinations theirs
                survived("media.fanout")
                self._put_each(fan.sinks, part)

    def _put_each(self, sinks: list[Slot], packets: list[Packet]) -> None:
        """Write the rows of a burst that raised one by one: only those at fault are dropped."""
        for slot in sinks:
            for packet in packets:
                try:
                    self._put_packet(slot, packet)
                except Exception:  # noqa: BLE001 - counted here, logged by the caller
                    self._counters.drop("row_failed")

    def retransmit(self, slot: Slot, packet: Packet, seq: int, now: float) -> None:
        """Send one old packet again as RTX (RFC 4588 section 4): own SSRC, own sequence, the original number in front."""
        mapping = slot.mapping_of(seq)
        kind = slot.rtx_payload_type(mapping) if mapping is not None else 0
        if mapping is None or not kind:
            return
        self.flush(now)
        self._sent_time = abs_send_time(now)
        body = seq.to_bytes(2, "big") + slot.rewritten_payload(packet, mapping)
        rtx_seq = slot.next_rtx_seq()
        timestamp = packet.timestamp + mapping.timestamp_delta & 0xFFFFFFFF
        marker = packet.marker << 7 | kind
        self._put(slot, marker, rtx_seq, timestamp, slot.rtx_ssrc, body)
        self._send()

    def pad(self, slot: Slot, size: int, now: float) -> None:
        """Send `size` bytes of padding (at most 255) on a slot's RTX stream: they probe the line and mean nothing else."""
        self.flush(now)
        self._sent_time = abs_send_time(now)
        timestamp = slot.mapping.timestamp_delta + slot.mapping.stream.last_timestamp & 0xFFFFFFFF
        padding = bytes(size - 1) + bytes([size])
        self._put(
            slot,
            slot.rtx_payload_type(slot.mapping),
            slot.next_rtx_seq(),
            timestamp,
            slot.rtx_ssrc,
            padding,
            first=PADDED,
        )
        self._send()

    def late(self, stream: Stream, packet: Packet, now: float) -> None:
        """Forward a packet that came out of order or was recovered, to slots that already showed the stream at that point."""
        self.flush(now)
        self._sent_time = abs_send_time(now)
        for slot in stream.sinks:
            if packet.ext >= slot.first_ext:
                self._put_packet(slot, packet)
        self._send()

    def _put_packet(self, slot: Slot, packet: Packet) -> None:
        self._put(
            slot,
            packet.marker << 7 | slot.payload_type,
            packet.seq + slot.seq_delta & 0xFFFF,
            packet.timestamp + slot.timestamp_delta & 0xFFFFFFFF,
            slot.ssrc,
            slot.rewritten_payload(packet, slot.mapping),
        )

    def _put(
        self, slot: Slot, marker: int, seq: int, timestamp: int, ssrc: int, payload: bytes, *, first: int = PLAIN
    ) -> None:
        if self._row >= SEND_ROWS:
            self._send()
        row = self._row
        at = row * ROW_BYTES
        size = HEADER_BYTES + len(payload)
        if size + srtp.TRAILER_BYTES_MAX > ROW_BYTES:
            self._counters.drop("too_long")
            return
        HEADER.pack_into(
            self._view,
            at,
            first,
            marker,
            seq,
            timestamp,
            ssrc,
            ONE_BYTE_PROFILE,
            1,
            slot.extension_head | self._sent_time,
        )
        self._view[at + HEADER_BYTES : at + size] = payload
        self._sizes_view[row] = size
        if srtp.protect(slot.target.handle, self._port.rows[row], self._port.lengths[row]) != srtp.OK:
            self._counters.drop("srtp_protect")
            return
        self._row = row + 1
        self._octets += size
        target = slot.target
        control = target.control
        iov = self._port.iov_base + 16 * row
        size = self._port.source_bytes if control else 0
        length = self._port.name_bytes
        _MESSAGE.pack_into(self._message_view, self._message * 64, target.name, length, iov, 1, control, size)
        self._message += 1

    def fill_rows(self, fan: Fan, packets: list[Packet]) -> None:
        """Write and encrypt a burst row by row: cheapest for few rows."""
        view = self._view
        sizes = self._sizes_view
        rows = self._port.rows
        lengths = self._port.lengths
        protect = srtp.protect
        pack_header = HEADER.pack_into
        pack_message = _MESSAGE.pack_into
        message_view = self._message_view
        port = self._port
        iov_base = port.iov_base
        name_bytes = port.name_bytes
        source_bytes = port.source_bytes
        sent_time = self._sent_time
        row = self._row
        message = self._message
        payloads = [memoryview(packet.data)[packet.offset : packet.end] for packet in packets]
        count = len(packets)
        single = [(index, 1) for index in range(count)]
        parts = runs([len(payload) for payload in payloads]) if port.segmentation and count > 1 else single
        for slot in fan.sinks:
            target = slot.target
            handle = target.handle
            name = target.name
            control = target.control
            first = row
            seq_delta = slot.seq_delta
            timestamp_delta = slot.timestamp_delta
            kind = slot.payload_type
            ssrc = slot.ssrc
            last = slot.extension_head | sent_time
            for packet, payload in zip(packets, payloads, strict=True):
                at = row * ROW_BYTES
                pack_header(
                    view,
                    at,
                    PLAIN,
                    packet.marker << 7 | kind,
                    packet.seq + seq_delta & 0xFFFF,
                    packet.timestamp + timestamp_delta & 0xFFFFFFFF,
                    ssrc,
                    ONE_BYTE_PROFILE,
                    1,
                    last,
                )
                at += HEADER_BYTES
                size = len(payload)
                view[at : at + size] = payload
                if packet.picture_at:
                    place = at + packet.picture_at
                    if packet.picture_wide:
                        picture = packet.picture + slot.picture_delta & 0x7FFF
                        view[place] = 0x80 | picture >> 8
                        view[place + 1] = picture & 0xFF
                    else:
                        view[place] = packet.picture + slot.picture_delta & 0x7F
                if packet.tl0_at:
                    view[at + packet.tl0_at] = packet.tl0 + slot.tl0_delta & 0xFF
                sizes[row] = size + HEADER_BYTES
                if protect(handle, rows[row], lengths[row]):
                    self._counters.drop("srtp_protect")
                    continue
                row += 1
            whole = not control and row - first == count and name not in port.unsegmented
            # A peer that needs its source named, or a burst with a row that failed, goes row by row.
            for start, length in parts if whole else [(each, 1) for each in range(row - first)]:
                iov = iov_base + 16 * (first + start)
                if length > 1:
                    told = port.control_base + sizes[first + start] * port.control_bytes
                    told_bytes = port.control_bytes
                else:
                    told, told_bytes = control, source_bytes if control else 0
                pack_message(message_view, message * 64, name, name_bytes, iov, length, told, told_bytes)
                message += 1
        self._row = row
        self._message = message
        self._octets += len(fan.sinks) * sum(map(len, payloads))

    def fill_block(self, fan: Fan, packets: list[Packet]) -> None:
        """Write a burst for all subscribers at once: headers as columns, payloads broadcast, then encrypt each row."""
        count = len(packets)
        width = len(fan.sinks)
        first = self._row
        rows = width * count
        sizes = self._write_block(fan, packets, first)
        end = first + rows
        each = zip(fan.handles(count), self._port.rows[first:end], self._port.lengths[first:end], strict=True)
        statuses = list(starmap(srtp.protect, each))
        self._row = end
        if any(statuses):
            self._describe_good(fan, statuses, first, count)
            return
        self._octets += width * sum(sizes)
        self._describe(fan, sizes, first, count)

    def _write_block(self, fan: Fan, packets: list[Packet], first: int) -> list[int]:
        count = len(packets)
        width = len(fan.sinks)
        end = first + width * count
        sent = self._sent_time
        for index, packet in enumerate(packets):
            _STEP.pack_into(
                self._steps_view,
                index * _STEP.size,
                packet.marker << 23 | packet.seq,
                packet.timestamp,
                0,
                0,
                sent,
                packet.tl0 << 24 | packet.picture,
            )
        words = fan.starts + self._steps[:count]
        words &= _KEPT
        words |= fan.fixed
        words.byteswap(inplace=True)
        self._headers[first:end] = words.reshape(-1, WORDS)[:, :HEADER_WORDS]
        block = self._port.memory[first:end].reshape(width, count, ROW_BYTES)
        sizes = []
        for index, packet in enumerate(packets):
            size = packet.end - packet.offset
            sizes.append(size)
            payload = np.frombuffer(packet.data, np.uint8, size, packet.offset)
            block[:, index, HEADER_BYTES : HEADER_BYTES + size] = payload
        octets = words.view(np.uint8)
        for start, stop in frames(packets):
            packet = packets[start]
            if packet.picture_at:
                at = HEADER_BYTES + packet.picture_at
                picture = octets[:, start:stop, PICTURE_AT:]
                if packet.picture_wide:
                    block[:, start:stop, at : at + 2] = picture
                else:
                    block[:, start:stop, at] = picture[..., 1] & 0x7F
            if packet.tl0_at:
                block[:, start:stop, HEADER_BYTES + packet.tl0_at] = octets[:, start:stop, TL0_AT]
        lengths = self._port.sizes[first:end]
        if count == 1:
            lengths[:] = sizes[0] + HEADER_BYTES
        else:
            lengths.reshape(width, count)[:] = [size + HEADER_BYTES for size in sizes]
        return sizes

    def _describe(self, fan: Fan, sizes: list[int], first: int, count: int) -> None:
        """One message for each subscriber and run of equal sizes."""
        port = self._port
        width = len(fan.sinks)
        end = first + width * count
        parts = runs(sizes) if port.segmentation and count > 1 else [(index, 1) for index in range(count)]
        for start, length in parts:
            messages = port.messages[self._message : self._message + width]
            messages[:] = fan.messages
            self._iovs[self._message : self._message + width] = port.iovs[first + start : end : count]
            if length > 1:
                first_sizes = port.sizes[first + start : end : count].astype(np.uint64)
                messages["iov_count"] = length
                messages["control"] = port.control_base + first_sizes * port.control_bytes
                messages["control_bytes"] = port.control_bytes
            self._message += width

    def _describe_good(self, fan: Fan, statuses: list[int], first: int, count: int) -> None:
        """One message for each row that could be encrypted: a destination whose keys refuse costs the others nothing."""
        port = self._port
        for place, status in enumerate(statuses):
            if status:
                self._counters.drop("srtp_protect")
                self._void_rows += 1
                continue
            target = fan.sinks[place // count].target
            row = first + place
            iov = port.iov_base + 16 * row
            _MESSAGE.pack_into(self._message_view, self._message * 64, target.name, port.name_bytes, iov, 1, 0, 0)
            self._message += 1
            self._octets += port.sizes_view[row]

    def _send(self) -> None:
        rows, messages, octets = self._row - self._void_rows, self._message, self._octets
        self._row = self._message = self._octets = self._void_rows = 0
        if messages:
            counters = self._counters
            try:
                counters.packets_out += self._port.send(rows, messages)
            except Exception:  # noqa: BLE001 - these rows are lost, and nothing that comes after them
                survived("media.send")
                counters.drop("send_failed", rows)
            else:
                counters.bytes_out += octets
