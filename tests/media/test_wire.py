"""RTP, VP8 and H264 as they come, and as nobody should send them."""

from hypothesis import given
from hypothesis import strategies as st

from conference.media import rtcp, stun
from conference.media.wire import Packet, extension, payload_bounds, read_h264, read_vp8
from foundation.errors import ProtocolError
from tests.media.packets import packet, rtp, vp8


def test_a_key_frame_and_its_height_are_seen() -> None:
    one = packet(1, 1, vp8(300, 7, key=True))
    assert (one.key, one.height, one.picture, one.tl0) == (True, 360, 300, 7)
    assert packet(1, 1, vp8(300, tid=2)).tid == 2
    assert not packet(1, 1, vp8(300, key=True, start=False)).key
    assert not packet(1, 1, vp8(300)).key


def test_an_h264_key_frame_is_seen_alone_aggregated_and_in_fragments() -> None:
    def key(payload: bytes) -> bool:
        one = Packet(payload, 0, len(payload), 0, 0, 0, 0.0)
        read_h264(one)
        return one.key

    assert key(b"\x67\x42") and key(b"\x65\x88") and key(b"\x78\x00\x02\x67\x42\x00\x01\x68") and key(b"\x7c\x85")
    assert not key(b"\x61") and not key(b"\x7c\x05") and not key(b"\x78\x00\x01\x61") and not key(b"")


def test_header_extensions_are_found_in_both_forms() -> None:
    data = rtp(1, 1, b"x", extension=b"\x10\x85\x22\x01\x02\x03")
    assert extension(data, 1) == b"\x85"
    assert extension(data, 2) == b"\x01\x02\x03"
    assert extension(data, 3) is None
    two = bytes([0x90, 96]) + bytes(10) + b"\x10\x00\x00\x01" + b"\x05\x02\xab\xcd"
    assert extension(two, 5) == b"\xab\xcd"


def test_padding_is_taken_off_and_impossible_padding_refused() -> None:
    padded = bytes([0xA0, 96]) + bytes(10) + b"abc" + b"\x00\x02"
    assert payload_bounds(padded) == (12, 15)
    assert payload_bounds(bytes([0xA0, 96]) + bytes(10) + b"\xff") == (-1, -1)


@given(st.binary(min_size=12, max_size=200), st.integers(0, 15))
def test_no_bytes_make_the_readers_fail(data: bytes, wanted: int) -> None:
    offset, end = payload_bounds(data)
    if offset < 0:
        return
    assert 12 <= offset <= end <= len(data)
    extension(data, wanted)
    for read in (read_vp8, read_h264):
        one = Packet(data, offset, end, 0, 0, 0, 0.0)
        read(one)
        assert not one.picture_at or offset + one.picture_at + one.picture_wide < end
        assert not one.tl0_at or offset + one.tl0_at < end


@given(st.binary(max_size=300))
def test_no_bytes_make_rtcp_or_stun_fail(data: bytes) -> None:
    stun.parse_binding_request(data)
    try:
        rtcp.parse(data)
    except ProtocolError as error:
        assert error.code == "rtcp_malformed"


@given(st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=60, unique=True))
def test_every_number_asked_for_again_arrives(numbers: list[int]) -> None:
    feedback = rtcp.parse(rtcp.nack(1, 2, numbers))
    assert feedback.nacks[0][0] == 2
    assert set(feedback.nacks[0][1]) == set(numbers)


def test_what_rtcp_writes_it_reads() -> None:
    block = rtcp.ReportBlock(5, 128, -3, 70000, 9, 1, 2)
    compound = rtcp.receiver_report(1, [block]) + rtcp.remb(1, 1_234_567, [5]) + rtcp.picture_loss(1, 6)
    compound += rtcp.sender_report(9, rtcp.ntp_time(1000.5), 77, 3, 4) + rtcp.source_description(9, "name")
    feedback = rtcp.parse(compound)
    assert feedback.blocks == [block]
    assert abs(feedback.estimate - 1_234_567) < 8
    assert feedback.key_frames == [6]
    assert feedback.senders == [(9, rtcp.ntp_time(1000.5), 77)]
