"""Packets made by hand for tests of the media node's parts."""

from struct import Struct

from conference.media.ingress import Stream
from conference.media.slots import Slot, Target
from conference.media.wire import Packet, payload_bounds, read_vp8

_HEADER = Struct("!BBHII")


def rtp(
    seq: int,
    timestamp: int,
    payload: bytes,
    *,
    ssrc: int = 7,
    kind: int = 96,
    marker: bool = False,
    extension: bytes = b"",
) -> bytes:
    """An RTP packet; `extension` is a one-byte-header block without its padding."""
    head = _HEADER.pack(
        0x90 if extension else 0x80, kind | (0x80 if marker else 0), seq & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc
    )
    if extension:
        padded = extension + bytes(-len(extension) % 4)
        head += b"\xbe\xde" + (len(padded) // 4).to_bytes(2, "big") + padded
    return head + payload


def vp8(
    picture: int, tl0: int = 0, *, key: bool = False, start: bool = True, body: bytes = b"picture", tid: int = 0
) -> bytes:
    """A VP8 payload with a 15-bit PictureID, TL0PICIDX and temporal layer."""
    descriptor = bytes([0x80 | (0x10 if start else 0), 0xE0, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, tl0, tid << 6])
    return descriptor + (b"\x00" if key else b"\x01") + b"\x00\x00\x9d\x01\x2a\x80\x02\x68\x01" + body


def packet(seq: int, timestamp: int, payload: bytes, arrival: float = 0.0, *, marker: bool = False) -> Packet:
    """The same as the node reads it."""
    data = rtp(seq, timestamp, payload, marker=marker)
    offset, end = payload_bounds(data)
    result = Packet(data, offset, end, int(marker), seq & 0xFFFF, timestamp & 0xFFFFFFFF, arrival)
    read_vp8(result)
    return result


def stream(participant: str = "someone", rid: str = "") -> Stream:
    """A VP8 camera stream."""
    return Stream(participant, "camera", rid, 7, "VP8", 90_000, nack=True)


def slot(target: Target | None = None, *, start: int = 1000, ssrc: int = 99, extension_id: int = 2) -> Slot:
    """A video slot."""
    return Slot(
        "v0",
        "video",
        "5",
        ssrc=ssrc,
        rtx_ssrc=ssrc + 1,
        formats={"VP8": (96, 97), "H264": (102, 103)},
        clock_rate=90_000,
        extension_id=extension_id,
        start=start,
        target=target or Target(),
        moved=set(),
    )


def arrive(source: Stream, one: Packet) -> str:
    """What the session does with a packet: place it, let waiting slots attach at a key frame, take it."""
    place = source.place(one)
    if place == "next":
        if one.key:
            for waiting in list(source.waiting):
                waiting.attach(source, one)
        source.take_after_gap(one)
    elif place == "late":
        source.take_late(one)
    return place
