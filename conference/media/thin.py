"""A picture at a part of its frame rate: its base frames alone, as a stream of its own, for lines that carry no more.

VP8 as browsers send it in layers has frames that no other frame needs (temporal layers, RFC 7741 section 4.2, TID). Without them the picture moves
less often and costs a third to a half. The twin has its own sequence numbers and PictureIDs without gaps, so that a receiver misses nothing.
Hot path: integers, no logging, no awaits.
"""

from conference.media.ingress import CACHE_PACKETS, Stream
from conference.media.wire import Packet


def twin_of(stream: Stream) -> Stream:
    """The twin of a camera's layer, which shows nothing yet."""
    # What is missing is asked for by the layer itself; the twin only waits for it.
    thin = Stream(stream.participant, stream.kind, stream.rid, stream.ssrc, stream.codec, stream.clock_rate, nack=False)
    thin.height, thin.granted, thin.slow = stream.height, stream.granted, True
    return thin


def thinned(stream: Stream, packet: Packet) -> list[Packet]:
    """The twin's next packets, in order, now that the layer has taken `packet`: none while one before them may still come.

    One that is lost for good leaves a gap, so that the receiver asks for a key frame instead of showing what it cannot have decoded.
    """
    at = stream.thin_at if stream.thin_at >= 0 else packet.ext
    at = max(at, stream.highest - CACHE_PACKETS + 1)
    ready = []
    while at <= stream.highest:
        kept = stream.cached(at & 0xFFFF)
        if kept is None or kept.ext != at:
            if at in stream.missing:
                break
            stream.thin_seq = stream.thin_seq + 1 & 0xFFFF
        elif kept.tid == 0:
            ready.append(_copy(stream, kept))
        at += 1
    stream.thin_at = at
    return ready


def _copy(stream: Stream, packet: Packet) -> Packet:
    stream.thin_seq = stream.thin_seq + 1 & 0xFFFF
    if packet.picture != stream.thin_source:
        stream.thin_source = packet.picture
        stream.thin_picture = stream.thin_picture + 1 & 0x7FFF
    copy = Packet(
        packet.data, packet.offset, packet.end, packet.marker, stream.thin_seq, packet.timestamp, packet.arrival
    )
    copy.key, copy.height = packet.key, packet.height
    copy.picture, copy.picture_at, copy.picture_wide = stream.thin_picture, packet.picture_at, packet.picture_wide
    copy.tl0, copy.tl0_at = packet.tl0, packet.tl0_at
    return copy
