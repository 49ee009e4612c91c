"""RTP on the wire: header, extensions, padding, VP8 and H264 payloads, read with every length checked."""

from struct import Struct

RTP_HEADER = Struct("!BBHII")  # RFC 3550 section 5.1
RTP_HEADER_BYTES = 12
ONE_BYTE_PROFILE = 0xBEDE  # RFC 8285 section 4.2
TWO_BYTE_PROFILE = 0x1000  # RFC 8285 section 4.3

_U16 = Struct("!H")


class Packet:
    """One RTP packet of a publisher, decrypted, as the cache keeps it.

    `data` is the whole packet; its payload without padding is `data[offset:end]`. `ext` is the sequence number extended to a growing
    integer by the stream. `picture_at` and `tl0_at` are offsets from the start of the payload (0: not there). `tid`: the temporal layer of
    a picture's packet (0: what all others need).
    """

    __slots__ = (
        "arrival",
        "data",
        "end",
        "ext",
        "height",
        "key",
        "marker",
        "offset",
        "picture",
        "picture_at",
        "picture_wide",
        "seq",
        "tid",
        "timestamp",
        "tl0",
        "tl0_at",
    )

    def __init__(
        self, data: bytes, offset: int, end: int, marker: int, seq: int, timestamp: int, arrival: float
    ) -> None:
        self.data = data
        self.offset = offset
        self.end = end
        self.marker = marker
        self.seq = seq
        self.timestamp = timestamp
        self.arrival = arrival
        self.ext = 0
        self.key = False
        self.height = 0
        self.picture_at = 0
        self.picture_wide = False
        self.picture = 0
        self.tl0_at = 0
        self.tl0 = 0
        self.tid = 0


def payload_bounds(data: bytes) -> tuple[int, int]:
    """Where the payload of an RTP packet starts and ends, padding taken off; `(-1, -1)` for a malformed packet.

    `data` must hold at least the 12 bytes of the fixed header (RFC 3550 section 5.1, extension 5.3.1).
    """
    size = len(data)
    first = data[0]
    offset = RTP_HEADER_BYTES + 4 * (first & 0x0F)
    if first & 0x10:
        if offset + 4 > size:
            return -1, -1
        offset += 4 + 4 * (data[offset + 2] << 8 | data[offset + 3])
    end = size
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            return -1, -1
        end -= padding
    if offset > end:
        return -1, -1
    return offset, end


def extension(data: bytes, wanted: int) -> bytes | None:
    """The value of the header extension with id `wanted`, or None; a malformed block has no values.

    `data` must have passed `payload_bounds`. RFC 8285 sections 4.2 and 4.3.
    """
    first = data[0]
    if not first & 0x10:
        return None
    at = RTP_HEADER_BYTES + 4 * (first & 0x0F)
    profile = data[at] << 8 | data[at + 1]
    end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
    at += 4
    if profile == ONE_BYTE_PROFILE:
        while at < end:
            head = data[at]
            at += 1
            if head == 0:
                continue
            ident = head >> 4
            length = (head & 0x0F) + 1
            if ident == 15 or at + length > end:
                return None
            if ident == wanted:
                return data[at : at + length]
            at += length
    elif profile & 0xFFF0 == TWO_BYTE_PROFILE:
        while at < end:
            ident = data[at]
            at += 1
            if ident == 0:
                continue
            if at >= end:
                return None
            length = data[at]
            at += 1
            if at + length > end:
                return None
            if ident == wanted:
                return data[at : at + length]
            at += length
    return None


def read_vp8(packet: Packet) -> None:
    """Note PictureID, TL0PICIDX, temporal layer, key frame and height of a VP8 payload (RFC 7741 section 4); a short payload has none."""
    data = packet.data
    start = packet.offset
    end = packet.end
    if start >= end:
        return
    first = data[start]
    at = start + 1
    if first & 0x80:
        if at >= end:
            return
        flags = data[at]
        at += 1
        if flags & 0x80:
            if at >= end:
                return
            if data[at] & 0x80:
                if at + 1 >= end:
                    return
                packet.picture = (data[at] & 0x7F) << 8 | data[at + 1]
                packet.picture_wide = True
                packet.picture_at = at - start
                at += 2
            else:
                packet.picture = data[at]
                packet.picture_at = at - start
                at += 1
        if flags & 0x40:
            if at >= end:
                packet.picture_at = 0
                return
            packet.tl0 = data[at]
            packet.tl0_at = at - start
            at += 1
        if flags & 0x30:
            if flags & 0x20 and at < end:
                packet.tid = data[at] >> 6
            at += 1
    # Start of the first partition, and the inverse key frame bit clear (RFC 7741 sections 4.2 and 4.3).
    if first & 0x17 == 0x10 and at < end and not data[at] & 0x01:
        packet.key = True
        if at + 10 <= end and data[at + 3 : at + 6] == b"\x9d\x01\x2a":
            packet.height = (data[at + 9] << 8 | data[at + 8]) & 0x3FFF


def read_h264(packet: Packet) -> None:
    """Note whether an H264 payload starts a key frame: SPS or IDR, alone, aggregated or as first fragment (RFC 6184 section 5)."""
    data = packet.data
    at = packet.offset
    end = packet.end
    if at >= end:
        return
    kind = data[at] & 0x1F
    if kind in (5, 7):
        packet.key = True
    elif kind == 24:  # STAP-A
        at += 1
        while at + 2 < end:
            if data[at + 2] & 0x1F in (5, 7):
                packet.key = True
                return
            at += 2 + (data[at] << 8 | data[at + 1])
    elif kind == 28 and at + 1 < end:  # FU-A
        packet.key = bool(data[at + 1] & 0x80) and data[at + 1] & 0x1F in (5, 7)


def rtx_original(data: bytes, offset: int, end: int) -> int:
    """The original sequence number that an RTX payload carries (RFC 4588 section 4), or -1 when it is only padding."""
    if end - offset < 2:
        return -1
    return int(_U16.unpack_from(data, offset)[0])
