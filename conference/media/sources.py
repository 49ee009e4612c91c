"""Sources: what one participant sends, by kind and layer, and which of it an SSRC is. It owns the streams."""

from collections.abc import Iterable

from conference.media.ingress import SILENT, Stream
from conference.media.negotiate import RIDS, Offer, Section
from conference.media.wire import extension

STREAMS_MAX = 16
ALIVE_S = 1.0
"""A layer without a packet for this long is not chosen."""


class Sources:
    """The streams of one session. `streams` and `rtx` find one by its own SSRC and by that of its retransmissions."""

    def __init__(self, participant: str, offer: Offer, publish: Iterable[str]) -> None:
        self._participant = participant
        self._offer = offer
        self.granted = set(publish)
        self._granted_version = 0
        self._sections = {
            section.mid: section for section in offer.sections if section.source and section.direction != "inactive"
        }
        self._by_payload = self._payload_table()
        self.by_kind: dict[str, dict[str, Stream]] = {}
        self.streams: dict[int, Stream] = {}
        self.rtx: dict[int, Stream] = {}
        for section in self._sections.values():
            if not section.rids:
                self._announced(section)

    def _payload_table(self) -> dict[int, list[Section]]:
        table: dict[int, list[Section]] = {}
        for section in self._sections.values():
            for codec in (section.codec, section.rtx, section.red):
                if codec is not None:
                    table.setdefault(codec.payload_type, []).append(section)
        return table

    def _announced(self, section: Section) -> None:
        """SSRCs that the offer names (no simulcast)."""
        for ssrc in section.ssrcs:
            if ssrc not in section.rtx_of.values():
                stream = self._add(section, "", ssrc)
                rtx = section.rtx_of.get(ssrc, 0)
                if stream is not None and rtx:
                    stream.rtx_ssrc = rtx
                    self.rtx[rtx] = stream
                return

    def _add(self, section: Section, rid: str, ssrc: int) -> Stream | None:
        codec = section.codec
        if codec is None or len(self.streams) >= STREAMS_MAX:
            return None
        layers = self.by_kind.setdefault(section.source, {})
        stale = layers.get(rid)
        if stale is not None:
            # The browser began anew with another SSRC: the slots follow it, from its next key frame on.
            self.streams.pop(stale.ssrc, None)
            self.rtx.pop(stale.rtx_ssrc, None)
        stream = Stream(
            self._participant, section.source, rid, ssrc, codec.name, codec.clock_rate, nack="nack" in codec.feedback
        )
        stream.granted = section.source in self.granted
        layers[rid] = stream
        self.streams[ssrc] = stream
        if stale is not None:
            for slot in [slot for one in stale.forms for slot in (*one.sinks, *one.waiting)]:
                slot.detach()
                slot.wait_for(stream)
        return stream

    def discover(self, data: bytes, kind: int, ssrc: int) -> bool:
        """Find out from mid and rid (or the payload type) what an unknown SSRC is (RFC 8843 section 9.2, RFC 8852); False when it is nothing."""
        mid = extension(data, self._offer.mid_extension) if self._offer.mid_extension else None
        section = self._sections.get(mid.decode("ascii", "replace")) if mid else None
        if section is None:
            sections = self._by_payload.get(kind & 0x7F, [])
            section = sections[0] if len(sections) == 1 else None
        if section is None:
            return False
        is_rtx = section.rtx is not None and kind & 0x7F == section.rtx.payload_type
        known = [codec.payload_type for codec in (section.codec, section.red) if codec is not None]
        if not is_rtx and kind & 0x7F not in known:
            return False
        wanted = self._offer.repaired_extension if is_rtx else self._offer.rid_extension
        value = extension(data, wanted) if wanted and section.rids else None
        rid = value.decode("ascii", "replace") if value else ""
        if section.rids and rid not in section.rids:
            return False
        if not is_rtx:
            return self._add(section, rid, ssrc) is not None
        stream = self.by_kind.get(section.source, {}).get(rid)
        if stream is None or len(self.rtx) >= STREAMS_MAX:
            return False
        self.rtx.pop(stream.rtx_ssrc, None)
        stream.rtx_ssrc = ssrc
        self.rtx[ssrc] = stream
        return True

    def grant(self, publish: Iterable[str], version: int) -> None:
        """What this participant may send from now on; everything else is dropped and counted. An older version than the last is too late."""
        if version < self._granted_version:
            return
        self.granted, self._granted_version = set(publish), version
        for kind, layers in self.by_kind.items():
            for stream in layers.values():
                granted = kind in self.granted
                for one in stream.forms:
                    if one.granted and not granted:
                        self._darken(one)
                        one.reset()
                        one.level = float(SILENT)
                    one.granted = granted

    def layers(self, kind: str, now: float) -> list[Stream]:
        """The layers of a source that arrive now, lowest first."""
        streams = [
            stream
            for stream in self.by_kind.get(kind, {}).values()
            if stream.granted and stream.started and now - stream.last_arrival < ALIVE_S
        ]
        return sorted(streams, key=lambda stream: RIDS.index(stream.rid) if stream.rid in RIDS else 0)

    def rids(self, kind: str) -> list[str]:
        """The layers that the offer promises for a source, lowest first; none without simulcast."""
        section = next((section for section in self._sections.values() if section.source == kind), None)
        return [rid for rid in RIDS if section is not None and rid in section.rids]

    @property
    def red_payload_type(self) -> int:
        """The payload type of redundant sound; -1 where the microphone has none."""
        section = next((section for section in self._sections.values() if section.source == "audio"), None)
        return section.red.payload_type if section is not None and section.red is not None else -1

    def microphone(self) -> Stream | None:
        """The stream of the microphone, while it may be heard."""
        stream = self.by_kind.get("audio", {}).get("")
        return stream if stream is not None and stream.granted else None

    def holds(self, stream: Stream) -> bool:
        """Whether `stream` is still one of these, or the twin of one."""
        found = self.streams.get(stream.ssrc)
        return found is not None and stream in found.forms

    def _darken(self, stream: Stream) -> None:
        for slot in [*stream.sinks, *stream.waiting]:
            slot.detach()
            slot.wait_for(None)

    def close(self) -> None:
        """What others showed of this participant goes dark."""
        for layers in self.by_kind.values():
            for stream in layers.values():
                for one in stream.forms:
                    self._darken(one)
