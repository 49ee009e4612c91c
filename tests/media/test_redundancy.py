"""RED: read, and what the node makes of it."""

from hypothesis import given
from hypothesis import strategies as st

from conference.media.ingress import Stream
from conference.media.redundancy import pack, split
from conference.media.wire import Packet
from tests.media.fuzz import Bench
from tests.media.packets import rtp

RED_TYPE, OPUS_TYPE, SSRC = 63, 111, 30


def red(older: list[tuple[int, bytes]], newest: bytes) -> bytes:
    """A RED payload."""
    return pack(OPUS_TYPE, older, newest)


blocks = st.lists(st.tuples(st.integers(1, 0x3FFF), st.binary(min_size=1, max_size=200)), max_size=4)


@given(blocks, st.binary(max_size=200))
def test_what_was_packed_is_read(older: list[tuple[int, bytes]], newest: bytes) -> None:
    payload = b"head" + red(older, newest) + b"padding"
    assert split(payload, 4, len(payload) - 7) == (older, newest)


def test_a_single_block_has_nothing_older() -> None:
    payload = red([], b"opus")
    assert split(payload, 0, len(payload)) == ([], b"opus")


@given(st.binary(max_size=60))
def test_anything_is_read_or_refused(payload: bytes) -> None:
    found = split(payload, 0, len(payload))
    if found is not None:
        assert sum(len(block) for _, block in found[0]) + len(found[1]) <= len(payload)


def test_an_older_block_longer_than_the_packet_is_refused() -> None:
    assert split(red([(960, b"x" * 50)], b"")[:20], 0, 20) is None


def say(bench: Bench, seq: int, payload: bytes, kind: int) -> None:
    """One packet of the publisher's microphone."""
    level = bytes([1 << 4, 30])
    bench.take_rtp(rtp(seq, 960 * seq, payload, ssrc=SSRC, kind=kind, extension=level))


def said(packet: Packet) -> bytes:
    return packet.data[packet.offset : packet.end]


def microphone(bench: Bench) -> Stream:
    found = bench.publisher.sources.microphone()
    assert found is not None
    return found


def test_a_lost_packet_comes_again_in_the_next_and_everybody_hears_it_in_a_form_they_can_read() -> None:
    bench = Bench()
    slots = [slot for slot in bench.watcher.downstream.slots.values() if slot.kind == "audio"]
    able, unable = slots[0], slots[1]
    unable.red_payload_type = 0
    say(bench, 10, red([], b"ten"), RED_TYPE)
    stream = microphone(bench)
    able.wait_for(stream)
    assert stream.plain is not None
    unable.wait_for(stream.plain)
    say(bench, 11, red([(960, b"ten")], b"eleven"), RED_TYPE)
    say(bench, 13, red([(960, b"twelve")], b"thirteen"), RED_TYPE)
    assert (able.payload_type, unable.payload_type) == (RED_TYPE, OPUS_TYPE)
    assert stream.recovered == 1 and stream.packets == 4
    again, plain = stream.cached(12), stream.plain.cached(12)
    assert again is not None and said(again) == red([(960, b"eleven")], b"twelve")
    assert plain is not None and (plain.data, plain.timestamp) == (b"twelve", 960 * 12)
    assert bench.counters.packets_out >= 6
    # What comes after all is a copy, and what was never sent again stays lost.
    say(bench, 12, red([(960, b"eleven")], b"twelve"), RED_TYPE)
    assert bench.counters.dropped["duplicate"] == 2
    say(bench, 17, red([(960, b"sixteen")], b"seventeen"), RED_TYPE)
    assert stream.cached(15) is None and stream.cached(16) is not None


def test_a_microphone_that_changes_to_single_sound_goes_on() -> None:
    bench = Bench()
    say(bench, 10, b"ten", OPUS_TYPE)
    assert microphone(bench).plain is None
    say(bench, 11, red([(960, b"ten")], b"eleven"), RED_TYPE)
    say(bench, 12, b"twelve", OPUS_TYPE)
    packet = microphone(bench).cached(12)
    assert packet is not None and said(packet) == red([(960, b"eleven")], b"twelve")


def test_where_somebody_s_line_loses_much_every_word_is_said_three_times() -> None:
    bench = Bench()
    for number in range(10, 14):
        say(bench, number, red([], str(number).encode()), RED_TYPE)
        microphone(bench).deep = True
    packet = microphone(bench).cached(13)
    assert packet is not None and said(packet) == red([(1920, b"11"), (960, b"12")], b"13")


def test_a_muted_microphone_is_silent_in_both_forms() -> None:
    bench = Bench()
    say(bench, 10, red([], b"ten"), RED_TYPE)
    plain = microphone(bench).plain
    assert plain is not None
    slot = bench.watcher.downstream.slots["a0"]
    slot.wait_for(plain)
    say(bench, 11, red([(960, b"ten")], b"eleven"), RED_TYPE)
    assert slot.stream is plain
    bench.publisher.sources.grant(["camera"], 1)
    assert slot.stream is None
    say(bench, 12, red([(960, b"eleven")], b"twelve"), RED_TYPE)
    assert bench.counters.dropped["not_granted"] == 1
