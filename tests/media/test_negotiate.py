"""The offer: real ones are answered, bad ones refused with a sentence."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc import sdp as aiortc_sdp
from hypothesis import given
from hypothesis import strategies as st

from conference.media.negotiate import SlotNumbers, parse_offer, write_answer
from foundation.errors import ProtocolError

DATA = Path(__file__).parents[1] / "data"
CHROMIUM = (DATA / "sdp" / "chromium-156-offer-simulcast.sdp").read_text()


def answer_to(text: str) -> str:
    offer = parse_offer(text)
    slots = {section.slot: SlotNumbers(1000 + i, 2000 + i) for i, section in enumerate(offer.sections) if section.slot}
    return write_answer(
        offer,
        ufrag="ours",
        password="p" * 32,
        fingerprint="AA:" * 31 + "AA",
        candidates=[("127.0.0.1", 5000)],
        slots=slots,
    )


def test_a_real_browsers_offer_is_understood() -> None:
    offer = parse_offer(CHROMIUM)
    assert [section.source or section.slot for section in offer.sections] == [
        "audio",
        "camera",
        "a0",
        "a1",
        "v0",
        "v1",
        "v2",
    ]
    camera = offer.sections[1]
    assert camera.rids == ["q", "h", "f"]
    assert camera.codec is not None and camera.codec.name == "VP8"
    assert camera.rtx is not None and camera.rtx.payload_type == 97
    assert (offer.mid_extension, offer.rid_extension, offer.repaired_extension) == (4, 10, 11)


def test_the_answer_is_sound_sdp() -> None:
    parsed = aiortc_sdp.SessionDescription.parse(answer_to(CHROMIUM))
    assert [media.rtp.muxId for media in parsed.media] == [str(number) for number in range(7)]
    assert [media.direction for media in parsed.media] == ["recvonly"] * 2 + ["sendonly"] * 5
    text = answer_to(CHROMIUM)
    assert "a=simulcast:recv q;h;f" in text and "a=ice-lite" in text and "transport-cc" not in text
    assert text.count("a=setup:passive") == 7


def test_h264_is_taken_where_there_is_no_vp8() -> None:
    offer = parse_offer(CHROMIUM.replace("VP8/90000", "VP7/90000"))
    codec = offer.sections[1].codec
    assert codec is not None and codec.name == "H264" and "42e01f" in codec.parameters


def test_an_offer_of_aiortc_is_understood() -> None:
    async def offered() -> str:
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for kind, direction in (
            ("audio", "sendonly"),
            ("video", "sendonly"),
            ("audio", "recvonly"),
            ("video", "recvonly"),
        ):
            connection.addTransceiver(kind, direction=direction)
        await connection.setLocalDescription(await connection.createOffer())
        text = str(connection.localDescription.sdp)
        await connection.close()
        return text

    offer = parse_offer(asyncio.run(offered()))
    assert [section.source or section.slot for section in offer.sections] == ["audio", "camera", "a0", "v0"]


BAD: dict[str, tuple[Callable[[str], str], str]] = {
    "data channel": (
        lambda text: text + "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:9\r\n",
        "data channels",
    ),
    "no fingerprint": (lambda text: text.replace("a=fingerprint", "a=nothing"), "fingerprint"),
    "a mid twice": (lambda text: text.replace("a=mid:2", "a=mid:1"), "mid"),
    "a bad media line": (lambda text: text.replace("m=audio 9 UDP", "m=audio nine UDP", 1), "media line"),
    "sending behind receiving": (lambda text: text.replace("a=recvonly", "a=sendonly"), "too many"),
    "too large": (lambda text: text + "a=x\r\n" * 20_000, "64 KiB"),
    "too many lines": (lambda text: text + "a=x\r\n" * 500, "lines"),
    "two hundred sections": (lambda text: text + "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n" * 200, "media sections"),
    "no media": (lambda text: "v=0\r\n", "no media"),
    "nothing": (lambda text: "", "no media"),
    "no ICE": (lambda text: text.replace("a=ice-ufrag", "a=x"), "ICE"),
    "a payload type of RTCP": (lambda text: text.replace("SAVPF 111 63", "SAVPF 72 63", 1), "payload type"),
    "a camera that speaks H.265 only": (
        lambda text: text.replace(" VP8/90000", " H265/90000").replace(" H264/90000", " H265/90000"),
        "neither VP8 nor H264",
    ),
    "not DTLS": (lambda text: text.replace("UDP/TLS/RTP/SAVPF", "RTP/AVP"), "DTLS"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_offer_is_refused_with_a_reason(case: str) -> None:
    change, words = BAD[case]
    with pytest.raises(ProtocolError) as caught:
        parse_offer(change(CHROMIUM))
    assert caught.value.code == "bad_offer"
    assert words in str(caught.value.detail["reason"])


@given(st.data())
def test_no_changed_offer_escapes_as_another_error(data: st.DataObject) -> None:
    lines = CHROMIUM.splitlines()[:80]
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(lines) - 1))
        lines[index] = data.draw(
            st.one_of(st.text(max_size=40), st.just(lines[index][: data.draw(st.integers(0, 40))]))
        )
    try:
        answer_to("\r\n".join(lines))
    except ProtocolError as error:
        assert error.code == "bad_offer"
