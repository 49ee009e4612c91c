"""Slots: numbers go on without a gap, whatever is shown."""

from conference.media.ingress import CACHE_PACKETS, Stream
from tests.media.packets import arrive, packet, slot, stream, vp8


def test_a_switch_waits_for_a_key_frame_and_goes_on_by_one() -> None:
    one, two, place = stream("one"), stream("two"), slot()
    place.wait_for(one)
    arrive(one, packet(10, 1000, vp8(50, 3), 1.0))
    assert place.stream is None
    arrive(one, packet(11, 4000, vp8(51, 4, key=True), 1.1))
    arrive(one, packet(12, 7000, vp8(52, 5), 1.2))
    assert place.stream is one
    last = (12 + place.seq_delta & 0xFFFF, 7000 + place.timestamp_delta & 0xFFFFFFFF, 52 + place.picture_delta & 0x7FFF)
    place.wait_for(two)
    arrive(two, packet(60000, 9, vp8(7, 200), 1.25))
    assert place.stream is one
    arrive(two, packet(60001, 99, vp8(8, 201, key=True), 1.3))
    assert place.stream is two and place not in one.sinks
    assert 60001 + place.seq_delta & 0xFFFF == last[0] + 1
    assert 8 + place.picture_delta & 0x7FFF == last[2] + 1
    assert 201 + place.tl0_delta & 0xFF == (last_tl0(place) + 1) & 0xFF
    # 0.1 s later, at 90 kHz.
    assert abs((99 + place.timestamp_delta & 0xFFFFFFFF) - last[1] - 9000) <= 1


def last_tl0(place: object) -> int:
    mappings = place.mappings  # type: ignore[attr-defined]
    return int(5 + mappings[-2].tl0_delta & 0xFF)


def test_an_old_number_is_found_under_the_mapping_of_its_time() -> None:
    one, two, place = stream("one"), stream("two"), slot()
    place.wait_for(one)
    arrive(one, packet(10, 0, vp8(1, key=True)))
    arrive(one, packet(11, 0, vp8(1)))
    sent = 11 + place.seq_delta & 0xFFFF
    place.wait_for(two)
    arrive(two, packet(500, 0, vp8(9, key=True)))
    found = place.find(sent, 5.0)
    assert found is not None and found.seq == 11
    assert place.find(sent, 5.001) is None, "two NACKs for one loss are answered once"
    assert place.find(sent + 5, 5.0) is None


def test_copies_of_old_packets_are_not_forwarded() -> None:
    one = stream()
    assert arrive(one, packet(10, 0, vp8(1, key=True))) == "next"
    assert arrive(one, packet(12, 0, vp8(2))) == "next"
    assert list(one.missing) == [one.highest - 1]
    assert arrive(one, packet(11, 0, vp8(1))) == "late"
    assert one.missing == {}
    assert arrive(one, packet(11, 0, vp8(1))) == "duplicate"
    assert arrive(one, packet(9, 0, vp8(1))) == "old"
    assert one.packets == 3


def test_a_missing_packet_is_asked_for_a_bounded_number_of_times() -> None:
    one = stream()
    arrive(one, packet(10, 0, vp8(1, key=True)))
    arrive(one, packet(12, 0, vp8(2), 1.0))
    asked = [now for now in range(1000) if one.due(1.0 + now / 100, 0.04)]
    assert 2 <= len(asked) <= 10 and one.missing == {} and one.unrecovered == 1


def test_a_wrap_of_the_sequence_is_no_jump_and_a_long_silence_is_one() -> None:
    one = stream()
    arrive(one, packet(65535, 0, vp8(1, key=True)))
    assert arrive(one, packet(0, 0, vp8(2))) == "next"
    assert one.highest & 0xFFFF == 0
    assert one.place(packet(5000, 0, vp8(3))) == "jump"


def test_the_cache_keeps_its_bound() -> None:
    one = stream()
    for seq in range(CACHE_PACKETS * 2):
        arrive(one, packet(seq, 0, vp8(1, key=seq == 0)))
    assert len(one.cache) == CACHE_PACKETS
    assert one.cached(0) is None and one.cached(CACHE_PACKETS) is not None


def test_packets_are_kept_for_two_seconds_and_a_copy_of_an_older_one_is_not_taken_for_new() -> None:
    one = stream()
    for seq in range(40):
        arrive(one, packet(seq, 0, vp8(1, key=seq == 0), arrival=seq / 10))
    one.forget_old(4.0)
    assert one.cached(19) is None and one.cached(20) is not None
    assert one.place(packet(3, 0, vp8(1), arrival=4.0)) == "old"


def test_a_still_is_one_whole_key_frame_and_the_numbers_go_on() -> None:
    source, place = stream("one"), slot()
    place.stand(source, 2.0, 5.0)
    assert arrive(source, packet(10, 0, vp8(1, key=True), 5.0)) == "next"
    assert place in source.stills
    arrive(source, packet(11, 0, vp8(1, start=False), 5.0, marker=True))
    place.stood(5.0)
    assert place.stream is None and place.still_bits == 8 * (source.octets)
    first = place.mapping
    place.stand(source, 2.0, 6.9)
    assert place not in source.waiting, "the next is not due yet"
    arrive(source, packet(12, 3000, vp8(2), 6.95))
    place.stand(source, 2.0, 7.0)
    arrive(source, packet(13, 6000, vp8(3, key=True), 7.1))
    assert place.mapping.first_seq == (11 + first.seq_delta + 1) & 0xFFFF, "what lay between is not missed"
    assert place.standing is source


def test_a_picture_that_moves_again_is_a_still_no_more() -> None:
    source, place = stream("one"), slot()
    place.stand(source, 2.0, 5.0)
    arrive(source, packet(10, 0, vp8(1, key=True), 5.0))
    place.standing = None
    source.stills.discard(place)
    assert place.stream is source


def test_a_slot_changes_its_payload_type_with_the_codec_of_its_source() -> None:
    one, two, place = stream("one"), Stream("two", "camera", "", 8, "H264", 90_000, nack=True), slot()
    place.wait_for(one)
    arrive(one, packet(10, 0, vp8(1, key=True)))
    assert place.payload_type == 96
    sent = 10 + place.seq_delta & 0xFFFF
    place.wait_for(two)
    arrive(two, packet(500, 0, b"\x67sps"))
    assert place.stream is None or place.stream is one, "nothing else than a key frame begins"
    key = packet(501, 0, b"\x65idr")
    key.key = True
    arrive(two, key)
    assert place.stream is two and place.payload_type == 102
    mappings = [place.mapping_of(sent), place.mapping_of(501 + place.seq_delta & 0xFFFF)]
    assert [place.rtx_payload_type(one) for one in mappings if one is not None] == [97, 103]
