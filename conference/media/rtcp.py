"""RTCP: read what peers send with every length checked, write what the node sends (RFC 3550, 4585, 5104, REMB draft)."""

from dataclasses import dataclass, field
from struct import Struct

from foundation.errors import ProtocolError

SR, RR, SDES, BYE, RTPFB, PSFB = 200, 201, 202, 203, 205, 206
PACKETS_MAX = 32
NACKS_MAX = 256
NTP_EPOCH_S = 2208988800  # 1900 to 1970

_HEAD = Struct("!BBH")
_PAIR = Struct("!II")
_SENDER = Struct("!IQIII")
_BLOCK = Struct("!IIIIII")
_NACK = Struct("!HH")


@dataclass(slots=True)
class ReportBlock:
    """One reception report: fraction of 256 lost, packets lost, jitter in clock units, and what round trips follow from."""

    ssrc: int
    fraction: int
    lost: int
    highest: int
    jitter: int
    last_report: int
    delay: int


@dataclass(slots=True)
class Feedback:
    """Everything that one compound packet says."""

    senders: list[tuple[int, int, int]] = field(default_factory=list)
    """(ssrc, 64-bit NTP time, RTP timestamp) of each sender report."""
    blocks: list[ReportBlock] = field(default_factory=list)
    nacks: list[tuple[int, list[int]]] = field(default_factory=list)
    key_frames: list[int] = field(default_factory=list)
    """SSRCs for which a PLI or FIR came."""
    estimate: int = 0
    """REMB in bit/s; 0 when there is none."""
    goodbyes: list[int] = field(default_factory=list)


def _blocks(data: bytes, at: int, end: int, count: int, into: list[ReportBlock]) -> None:
    for _ in range(count):
        if at + 24 > end:
            raise ProtocolError("rtcp_malformed")
        ssrc, loss, highest, jitter, last_report, delay = _BLOCK.unpack_from(data, at)
        lost = loss & 0xFFFFFF
        if lost & 0x800000:
            lost -= 0x1000000
        into.append(ReportBlock(ssrc, loss >> 24, lost, highest, jitter, last_report, delay))
        at += 24


def parse(data: bytes) -> Feedback:
    """Read one decrypted compound packet; raises ProtocolError("rtcp_malformed") when a length does not fit."""
    result = Feedback()
    size = len(data)
    at = 0
    packets = 0
    while at < size:
        packets += 1
        if at + 4 > size or packets > PACKETS_MAX:
            raise ProtocolError("rtcp_malformed")
        first, kind, words = _HEAD.unpack_from(data, at)
        end = at + 4 + 4 * words
        if first >> 6 != 2 or end > size:
            raise ProtocolError("rtcp_malformed")
        body = at + 4
        at = end
        count = first & 0x1F
        if kind == SR and body + 24 <= end:
            ssrc, ntp, timestamp, _, _ = _SENDER.unpack_from(data, body)
            result.senders.append((ssrc, ntp, timestamp))
            _blocks(data, body + 24, end, count, result.blocks)
        elif kind == RR and body + 4 <= end:
            _blocks(data, body + 4, end, count, result.blocks)
        elif kind == BYE:
            if body + 4 * count > end:
                raise ProtocolError("rtcp_malformed")
            result.goodbyes += [int.from_bytes(data[body + 4 * i : body + 4 * i + 4], "big") for i in range(count)]
        elif kind == RTPFB and count == 1 and body + 8 <= end:
            _nacks(data, body, end, result)
        elif kind == PSFB and body + 8 <= end:
            _payload_feedback(data, body, end, count, result)
    return result


def _nacks(data: bytes, body: int, end: int, result: Feedback) -> None:
    """Generic NACK (RFC 4585 section 6.2.1)."""
    numbers: list[int] = []
    for at in range(body + 8, end - 3, 4):
        first, mask = _NACK.unpack_from(data, at)
        numbers.append(first)
        numbers += [first + 1 + bit & 0xFFFF for bit in range(16) if mask >> bit & 1]
        if len(numbers) >= NACKS_MAX:
            break
    result.nacks.append((_PAIR.unpack_from(data, body)[1], numbers[:NACKS_MAX]))


def _payload_feedback(data: bytes, body: int, end: int, count: int, result: Feedback) -> None:
    if count == 1:  # PLI, RFC 4585 section 6.3.1
        result.key_frames.append(_PAIR.unpack_from(data, body)[1])
    elif count == 4:  # FIR, RFC 5104 section 4.3.1: the SSRC is in each entry
        result.key_frames += [_PAIR.unpack_from(data, at)[0] for at in range(body + 8, end - 7, 8)][:PACKETS_MAX]
    elif count == 15 and body + 16 <= end and data[body + 8 : body + 12] == b"REMB":
        exponent = data[body + 13] >> 2
        mantissa = (data[body + 13] & 3) << 16 | data[body + 14] << 8 | data[body + 15]
        result.estimate = min(mantissa << exponent, 1 << 40)


def receiver_report(ssrc: int, blocks: list[ReportBlock]) -> bytes:
    """A receiver report with up to 31 blocks."""
    blocks = blocks[:31]
    out = _HEAD.pack(0x80 | len(blocks), RR, 1 + 6 * len(blocks)) + ssrc.to_bytes(4, "big")
    for block in blocks:
        loss = block.fraction << 24 | block.lost & 0xFFFFFF
        out += _BLOCK.pack(block.ssrc, loss, block.highest, block.jitter, block.last_report, block.delay)
    return out


def sender_report(ssrc: int, ntp: int, timestamp: int, packets: int, octets: int) -> bytes:
    """A sender report without blocks."""
    return _HEAD.pack(0x80, SR, 6) + _SENDER.pack(ssrc, ntp, timestamp, packets & 0xFFFFFFFF, octets & 0xFFFFFFFF)


def source_description(ssrc: int, cname: str) -> bytes:
    """An SDES packet with one CNAME (RFC 3550 section 6.5)."""
    name = cname.encode()[:255]
    chunk = ssrc.to_bytes(4, "big") + bytes([1, len(name)]) + name + b"\0"
    chunk += bytes(-len(chunk) % 4)
    return _HEAD.pack(0x81, SDES, len(chunk) // 4) + chunk


def nack(sender: int, ssrc: int, numbers: list[int]) -> bytes:
    """A generic NACK for `numbers` (16 bit, in order of age)."""
    entries: list[list[int]] = []
    for number in numbers:
        if entries and 0 < (number - entries[-1][0] & 0xFFFF) <= 16:
            entries[-1][1] |= 1 << (number - entries[-1][0] & 0xFFFF) - 1
        else:
            entries.append([number, 0])
    out = _HEAD.pack(0x81, RTPFB, 2 + len(entries)) + _PAIR.pack(sender, ssrc)
    return out + b"".join(_NACK.pack(first, mask) for first, mask in entries)


def picture_loss(sender: int, ssrc: int) -> bytes:
    """A PLI."""
    return _HEAD.pack(0x81, PSFB, 2) + _PAIR.pack(sender, ssrc)


def remb(sender: int, bits_per_second: int, ssrcs: list[int]) -> bytes:
    """Receiver Estimated Maximum Bitrate (draft-alvestrand-rmcat-remb-03 section 2.2)."""
    exponent = max(0, bits_per_second.bit_length() - 18)
    mantissa = bits_per_second >> exponent
    out = _HEAD.pack(0x8F, PSFB, 4 + len(ssrcs)) + _PAIR.pack(sender, 0) + b"REMB"
    out += bytes([len(ssrcs), exponent << 2 | mantissa >> 16]) + (mantissa & 0xFFFF).to_bytes(2, "big")
    return out + b"".join(ssrc.to_bytes(4, "big") for ssrc in ssrcs)


def ntp_time(now: float) -> int:
    """Return the seconds `now` of a clock that only grows as a 64-bit NTP time (RFC 3550 section 4: it need not be the time of day)."""
    return int((now + NTP_EPOCH_S) * (1 << 32)) & 0xFFFFFFFFFFFFFFFF


def round_trip_s(block: ReportBlock, now_s: float) -> float | None:
    """The round trip that a report block shows (RFC 3550 section 6.4.1), or None when it names no sender report."""
    if not block.last_report:
        return None
    middle = ntp_time(now_s) >> 16 & 0xFFFFFFFF
    trip = middle - block.last_report - block.delay & 0xFFFFFFFF
    return trip / 65536 if trip < 0x80000000 else None


def split(compound: bytes, limit: int) -> tuple[bytes, bytes]:
    """Cut a compound of our own between two packets so that the first part has at most `limit` bytes (or is one packet)."""
    at = 0
    while at < len(compound):
        end = at + 4 + 4 * (compound[at + 2] << 8 | compound[at + 3])
        if end > limit and at:
            break
        at = end
    return compound[:at], compound[at:]
