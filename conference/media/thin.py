"""A picture at a part of its frame rate: its base frames alone, as a stream of its own, for lines that carry no more.

VP8 as browsers send it in layers has frames that no other frame needs (temporal layers, RFC 7741 section 4.2, TID). Without them the picture moves
less often and costs a third to a half. The twin has its own sequence numbers and PictureIDs without gaps, so that a receiver misses nothing.
Hot path: integers, no logging, no awaits.
"""

from conference.media.ingress import CACHE_PACKETS, Stream
from conference.media.wire import Packet


class Thin(Stream):
    """The twin of a camera's layer: made while somebody sees it or waits for it, measured always."""

    slow = True

    def __init__(self, layer: Stream) -> None:
        # What is missing is asked for by the layer itself; the twin only waits for it.
        super().__init__(
            layer.participant, layer.kind, layer.rid, layer.ssrc, layer.codec, layer.clock_rate, nack=False
        )
        self.height, self.granted = layer.height, layer.granted
        self._number = self._frame = 0

    def reset(self) -> None:
        """Begin anew at the layer's next packet; the numbers only move forward."""
        super().reset()
        self._come_to = -1
        """The extended number of the layer that this has come to; -1: it begins at the next packet."""
        self._picture = -1
        """The layer's PictureID behind the twin's last."""

    def skip(self, packet: Packet) -> None:
        """The layer has taken `packet`, and nobody sees the twin: what it would cost is counted."""
        self._come_to = -1
        if packet.tid == 0:
            self.octets += packet.end - packet.offset

    def next_of(self, layer: Stream, packet: Packet) -> list[Packet]:
        """The twin's next packets, in order, now that the layer has taken `packet`: none while one before them may still come.

        One that is lost for good leaves a gap, so that the receiver asks for a key frame instead of showing what it cannot have decoded.
        """
        at = self._come_to if self._come_to >= 0 else packet.ext
        at = max(at, layer.highest - CACHE_PACKETS + 1)
        ready = []
        while at <= layer.highest:
            kept = layer.cached(at & 0xFFFF)
            if kept is None or kept.ext != at:
                if at in layer.missing:
                    break
                self._number = self._number + 1 & 0xFFFF
            elif kept.tid == 0:
                ready.append(self._copy(kept))
            at += 1
        self._come_to = at
        return ready

    def _copy(self, packet: Packet) -> Packet:
        self._number = self._number + 1 & 0xFFFF
        if packet.picture != self._picture:
            self._picture = packet.picture
            self._frame = self._frame + 1 & 0x7FFF
        copy = Packet(
            packet.data, packet.offset, packet.end, packet.marker, self._number, packet.timestamp, packet.arrival
        )
        copy.key, copy.height = packet.key, packet.height
        copy.picture, copy.picture_at, copy.picture_wide = self._frame, packet.picture_at, packet.picture_wide
        copy.tl0, copy.tl0_at = packet.tl0, packet.tl0_at
        return copy
