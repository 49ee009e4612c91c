"""The one offer and the one answer: read with every length bounded, answered as text (RFC 8829, 8839, 8842, 8853, 9143).

The parser is our own, linear in the offer's size: aiortc's asserts on a bad media line, needs 160 ms for some 64 kB of input, and knows
neither `rid` nor `simulcast`.
"""

import re
import secrets
from dataclasses import dataclass, field

from foundation.errors import ProtocolError

OFFER_BYTES_MAX = 64 * 1024
SECTION_LINES_MAX = 400
SECTIONS_MAX = 24
AUDIO_SLOTS_MAX = 3
VIDEO_SLOTS_MAX = 16
SSRCS_MAX = 32
RIDS = ("q", "h", "f")
"""Simulcast layers, lowest first."""

AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"

FEEDBACK = ("goog-remb", "ccm fir", "nack", "nack pli")
"""No transport-cc: with both, Chromium sends only transport-cc, and the node estimates by REMB."""

_MEDIA_LINE = re.compile(r"m=(\w{1,16}) (\d{1,5}) ([A-Z/]{1,40})((?: [\w\-]{1,32}){1,64})")
_TOKEN = re.compile(r"[\w\-]{1,32}", re.ASCII)
_ICE = re.compile(r"[A-Za-z0-9+/]{4,256}")
_DIGEST = re.compile(r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){19,63}")
_DIGESTS = ("sha-256", "sha-384", "sha-512")
_DIRECTIONS = ("sendonly", "recvonly", "inactive", "sendrecv")


@dataclass(slots=True)
class Codec:
    """One payload type of a section: encoding name in upper case (`VP8`, `H264`, `OPUS`, `RTX` …), clock rate, parameters."""

    payload_type: int
    name: str
    clock_rate: int
    parameters: str = ""
    feedback: set[str] = field(default_factory=set)

    @property
    def apt(self) -> int:
        """The payload type that an RTX payload type repeats (RFC 4588 section 8.6), or -1."""
        match = re.search(r"(?:^|;)\s*apt=(\d{1,3})(?:;|$)", self.parameters)
        return int(match.group(1)) if match else -1


@dataclass(slots=True)
class Section:
    """One m-line of an offer."""

    kind: str
    mid: str = ""
    direction: str = "sendrecv"
    profile: str = ""
    payload_types: list[int] = field(default_factory=list)
    codecs: dict[int, Codec] = field(default_factory=dict)
    extensions: dict[str, int] = field(default_factory=dict)
    ssrcs: list[int] = field(default_factory=list)
    rtx_of: dict[int, int] = field(default_factory=dict)
    """Primary SSRC to the SSRC of its retransmissions."""
    rids: list[str] = field(default_factory=list)
    source: str = ""
    """`audio`, `camera` or `screen` when it sends; empty when it receives."""
    slot: str = ""
    """`a0` … or `v0` … when it receives."""
    codec: Codec | None = None
    rtx: Codec | None = None
    formats: list[tuple[Codec, Codec | None]] = field(default_factory=list)
    """Each codec that a picture slot can show, with its RTX: a slot changes between them with its source. The first are `codec` and `rtx`."""
    red: Codec | None = None
    """Redundant sound around the codec (RFC 2198), where the browser has it."""


@dataclass(slots=True)
class Offer:
    """An offer that passed every guard. `fingerprints`: (algorithm, value) of the peer's certificate."""

    ufrag: str
    password: str
    fingerprints: list[tuple[str, str]]
    sections: list[Section]
    setup: str = ""
    """`passive`: the peer is the DTLS server, and the node its client (RFC 8842 section 5.3). Else the node is the server."""
    mid_extension: int = 0
    rid_extension: int = 0
    repaired_extension: int = 0


def _bad(reason: str) -> ProtocolError:
    return ProtocolError("bad_offer", reason=reason)


def _number(text: str, top: int, what: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 10 or int(text) > top:
        raise _bad(f"bad {what}")
    return int(text)


def parse_offer(text: object) -> Offer:
    """Read a browser's offer; raises ProtocolError("bad_offer", reason=…) with a sentence for what does not pass."""
    if not isinstance(text, str):
        raise _bad("the offer is not text")
    if len(text) > OFFER_BYTES_MAX or len(text.encode("utf-8", "replace")) > OFFER_BYTES_MAX:
        raise _bad("larger than 64 KiB")
    lines = [line.rstrip("\r") for line in text.split("\n")]
    offer = Offer("", "", [], [])
    section: Section | None = None
    count = 0
    for line in lines:
        if not line:
            continue
        if not line.isprintable():
            raise _bad("a control character")
        count += 1
        if line.startswith("m="):
            count = 0
            if len(offer.sections) >= SECTIONS_MAX:
                raise _bad(f"more than {SECTIONS_MAX} media sections")
            section = _media(line)
            offer.sections.append(section)
        elif count > SECTION_LINES_MAX:
            raise _bad(f"more than {SECTION_LINES_MAX} lines in one section")
        elif line.startswith("a="):
            name, _, value = line[2:].partition(":")
            if not _transport(offer, name, value) and section is not None:
                _attribute(section, name, value)
    _check(offer)
    return offer


def _media(line: str) -> Section:
    if line.startswith("m=application"):
        # The SCTP parser behind it can be made to loop for ever; room state travels over Socket.IO.
        raise _bad("data channels are refused (m=application)")
    match = _MEDIA_LINE.fullmatch(line)
    if match is None or match.group(1) not in ("audio", "video"):
        raise _bad("bad media line")
    section = Section(match.group(1), profile=match.group(3))
    if section.profile not in ("UDP/TLS/RTP/SAVPF", "TCP/TLS/RTP/SAVPF", "RTP/SAVPF"):
        raise _bad("media without DTLS-SRTP")
    for word in match.group(4).split():
        payload_type = _number(word, 127, "payload type")
        if 64 <= payload_type <= 95:  # confused with RTCP, RFC 5761 section 4
            raise _bad("bad payload type")
        section.payload_types.append(payload_type)
    return section


def _transport(offer: Offer, name: str, value: str) -> bool:
    """What all sections share under BUNDLE; repeated in each, so it must be the same each time."""
    if name == "ice-ufrag":
        if not _ICE.fullmatch(value) or (offer.ufrag and offer.ufrag != value):
            raise _bad("bad ICE user name")
        offer.ufrag = value
    elif name == "ice-pwd":
        if not _ICE.fullmatch(value) or len(value) < 22 or (offer.password and offer.password != value):
            raise _bad("bad ICE password")
        offer.password = value
    elif name == "fingerprint":
        algorithm, _, digest = value.partition(" ")
        algorithm = algorithm.lower()
        if algorithm in _DIGESTS:
            if not _DIGEST.fullmatch(digest):
                raise _bad("bad fingerprint")
            if (algorithm, digest.upper()) not in offer.fingerprints:
                offer.fingerprints.append((algorithm, digest.upper()))
            if len(offer.fingerprints) > len(_DIGESTS):
                raise _bad("several certificates")
    elif name == "setup":
        if value not in ("actpass", "active", "passive") or (offer.setup and offer.setup != value):
            raise _bad("setup must be the same everywhere: actpass, active or passive")
        offer.setup = value
    else:
        return False
    return True


def _attribute(section: Section, name: str, value: str) -> None:
    if name == "mid":
        if not _TOKEN.fullmatch(value):
            raise _bad("bad mid")
        section.mid = value
    elif name in _DIRECTIONS and not value:
        section.direction = name
    elif name == "extmap":
        ident, _, rest = value.partition(" ")
        number = _number(ident.partition("/")[0], 255, "extmap")
        if 0 < number < 15:
            section.extensions[rest.partition(" ")[0]] = number
    elif name == "rtpmap":
        ident, _, rest = value.partition(" ")
        payload_type = _number(ident, 127, "rtpmap")
        parts = rest.split("/")
        if payload_type in section.payload_types and len(parts) >= 2 and _TOKEN.fullmatch(parts[0]):
            section.codecs[payload_type] = Codec(
                payload_type, parts[0].upper(), _number(parts[1], 1_000_000, "clock rate")
            )
    elif name in ("fmtp", "rtcp-fb"):
        ident, _, rest = value.partition(" ")
        codecs = list(section.codecs.values()) if ident == "*" else [section.codecs.get(_number(ident, 127, name))]
        for codec in codecs:
            if codec is None:
                continue
            if name == "fmtp":
                codec.parameters = rest
            elif len(codec.feedback) < 16:
                codec.feedback.add(rest)
    elif name == "ssrc":
        ssrc = _number(value.partition(" ")[0], 0xFFFFFFFF, "ssrc")
        if ssrc not in section.ssrcs:
            section.ssrcs.append(ssrc)
        if len(section.ssrcs) > SSRCS_MAX:
            raise _bad("too many SSRCs")
    elif name == "ssrc-group":
        words = value.split()
        if len(words) == 3 and words[0] == "FID":
            section.rtx_of[_number(words[1], 0xFFFFFFFF, "ssrc")] = _number(words[2], 0xFFFFFFFF, "ssrc")
    elif name == "rid":
        words = value.split()
        if len(words) >= 2 and words[1] == "send" and _TOKEN.fullmatch(words[0]) and len(section.rids) < len(RIDS):
            section.rids.append(words[0])


def _check(offer: Offer) -> None:
    if not offer.sections:
        raise _bad("no media")
    if not offer.ufrag or not offer.password:
        raise _bad("no ICE user name or password")
    if not offer.fingerprints:
        raise _bad("no fingerprint")
    mids: set[str] = set()
    sources: list[str] = []
    slots = {"audio": 0, "video": 0}
    for section in offer.sections:
        if not section.mid or section.mid in mids:
            raise _bad("a mid is missing or comes twice")
        mids.add(section.mid)
        _choose_codec(section)
        if section.direction == "recvonly":
            index = slots[section.kind]
            slots[section.kind] = index + 1
            if index >= (AUDIO_SLOTS_MAX if section.kind == "audio" else VIDEO_SLOTS_MAX):
                raise _bad(f"too many receiving {section.kind} sections")
            section.slot = f"{section.kind[0]}{index}"
        else:
            # `sendrecv` is answered `recvonly` (RFC 9725 section 4.2, RFC 3264 section 6.1): stacks offer it without being asked to.
            if section.slot or any(slots.values()):
                raise _bad("a sending section behind a receiving one")
            free = ("audio",) if section.kind == "audio" else ("camera", "screen")
            section.source = next((source for source in free if source not in sources), "")
            if not section.source:
                raise _bad(f"too many sending {section.kind} sections")
            sources.append(section.source)
        if section.rids and (section.kind != "video" or len(set(section.rids)) != len(section.rids)):
            raise _bad("bad simulcast")
        # With BUNDLE an id means the same in every section (RFC 9143 section 9.1).
        offer.mid_extension = offer.mid_extension or section.extensions.get(MID, 0)
        offer.rid_extension = offer.rid_extension or section.extensions.get(RID, 0)
        offer.repaired_extension = offer.repaired_extension or section.extensions.get(REPAIRED_RID, 0)


def _choose_codec(section: Section) -> None:
    """Choose Opus; VP8 and H264 (packetization mode 1), each with the RTX that belongs to it. What sends, sends the first."""
    ordered = [section.codecs[number] for number in section.payload_types if number in section.codecs]
    if section.kind == "audio":
        section.codec = next((codec for codec in ordered if codec.name == "OPUS" and codec.clock_rate == 48000), None)
        if section.codec is None:
            raise _bad("no Opus")
        number = str(section.codec.payload_type)
        section.red = next((c for c in ordered if c.name == "RED" and c.parameters == f"{number}/{number}"), None)
        return
    whole = [c for c in ordered if c.name == "H264" and "packetization-mode=1" in c.parameters]
    vp8 = next((c for c in ordered if c.name == "VP8"), None)
    # Constrained baseline first: what every receiver of H264 decodes (RFC 7742 section 6.2).
    h264 = next((c for c in whole if "42e01f" in c.parameters.lower()), whole[0] if whole else None)
    for codec in (vp8, h264):
        if codec is not None:
            rtx = next((c for c in ordered if c.name == "RTX" and c.apt == codec.payload_type), None)
            section.formats.append((codec, rtx))
    if not section.formats:
        raise _bad("neither VP8 nor H264")
    section.codec, section.rtx = section.formats[0]


@dataclass(slots=True, frozen=True)
class SlotNumbers:
    """The SSRCs of one slot in the answer; `rtx_ssrc` 0 where there is no RTX."""

    ssrc: int
    rtx_ssrc: int


def write_answer(
    offer: Offer,
    *,
    ufrag: str,
    password: str,
    fingerprint: str,
    candidates: list[tuple[str, int]],
    slots: dict[str, SlotNumbers],
) -> str:
    """Return the answer to `offer`: ICE-lite, DTLS passive unless the peer is, one SSRC for each slot (by name), the candidates (address, port)."""
    lines = [
        "v=0",
        f"o=- {secrets.randbits(62)} 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(section.mid for section in offer.sections),
        "a=ice-lite",
        "a=msid-semantic:WMS *",
    ]
    ice = [
        f"a=ice-ufrag:{ufrag}",
        f"a=ice-pwd:{password}",
        f"a=fingerprint:sha-256 {fingerprint}",
        "a=setup:active" if offer.setup == "passive" else "a=setup:passive",
    ]
    hosts = [
        # Priority of a host candidate, RFC 8445 section 5.1.2.1; an earlier address is preferred.
        f"a=candidate:{index + 1} 1 udp {126 << 24 | (65535 - index) << 8 | 255} {host} {port} typ host"
        for index, (host, port) in enumerate(candidates)
    ] + ["a=end-of-candidates"]
    for section in offer.sections:
        lines += _answer_section(section, ice, slots)
        lines += hosts
    return "\r\n".join(lines) + "\r\n"


def _answer_section(section: Section, ice: list[str], slots: dict[str, SlotNumbers]) -> list[str]:
    codec, red = section.codec, section.red
    if codec is None:
        raise _bad("no codec")
    # What stands first is what the browser sends: redundant sound where there is any.
    formats = section.formats if section.slot else section.formats[:1]
    chosen = [each for pair in formats for each in pair if each is not None] or [each for each in (red, codec) if each]
    types = " ".join(str(each.payload_type) for each in chosen)
    direction = "inactive" if section.direction == "inactive" else "recvonly"
    if section.slot:
        direction = "sendonly"
    lines = [f"m={section.kind} 9 {section.profile} {types}", "c=IN IP4 0.0.0.0", "a=rtcp-mux", "a=rtcp-rsize", *ice]
    lines += [f"a=mid:{section.mid}", f"a={direction}"]
    uris = [ABS_SEND_TIME]
    if section.source:
        uris = [AUDIO_LEVEL, ABS_SEND_TIME, MID] if section.kind == "audio" else [ABS_SEND_TIME, MID, RID, REPAIRED_RID]
    lines += [f"a=extmap:{section.extensions[uri]} {uri}" for uri in uris if uri in section.extensions]
    if section.kind == "audio":
        if red:
            lines.append(f"a=rtpmap:{red.payload_type} red/48000/2")
            lines.append(f"a=fmtp:{red.payload_type} {red.parameters}")
        lines.append(f"a=rtpmap:{codec.payload_type} opus/48000/2")
        lines.append(f"a=fmtp:{codec.payload_type} minptime=10;useinbandfec=1;usedtx=1")
    else:
        for each, rtx in formats:
            lines.append(f"a=rtpmap:{each.payload_type} {each.name}/{each.clock_rate}")
            lines += [f"a=rtcp-fb:{each.payload_type} {kind}" for kind in FEEDBACK if kind in each.feedback]
            if each.parameters:
                lines.append(f"a=fmtp:{each.payload_type} {each.parameters}")
            if rtx:
                lines.append(f"a=rtpmap:{rtx.payload_type} rtx/{rtx.clock_rate}")
                lines.append(f"a=fmtp:{rtx.payload_type} apt={each.payload_type}")
    if section.rids and direction == "recvonly":
        lines += [f"a=rid:{rid} recv" for rid in section.rids]
        lines.append("a=simulcast:recv " + ";".join(section.rids))
    if section.slot:
        numbers = slots[section.slot]
        name = f"fenghuo-{section.slot}"
        lines.append(f"a=msid:{name} {name}")
        if numbers.rtx_ssrc:
            lines.append(f"a=ssrc-group:FID {numbers.ssrc} {numbers.rtx_ssrc}")
        lines.append(f"a=ssrc:{numbers.ssrc} cname:{name}")
        if numbers.rtx_ssrc:
            lines.append(f"a=ssrc:{numbers.rtx_ssrc} cname:{name}")
    return lines
