"""Fan-out: the block and the rows give the same bytes, and what comes out is what a receiver can decrypt."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pylibsrtp import Policy

from conference.media import fanout as fanout_module
from conference.media import srtp
from conference.media.fanout import Fanout, runs
from conference.media.slots import Slot, Target
from conference.media.stats import Counters
from conference.media.udp import SEGMENT_RUN_MAX, UdpPort
from tests.media.packets import arrive, packet, slot, stream, vp8

KEY = bytes(range(60))
PROFILES = (Policy.SRTP_PROFILE_AEAD_AES_256_GCM, Policy.SRTP_PROFILE_AES128_CM_SHA1_80)


@pytest.fixture(scope="module")
def receivers() -> Iterator[list[socket.socket]]:
    sockets = []
    for _ in range(12):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.bind(("127.0.0.1", 0))
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        one.setblocking(False)
        sockets.append(one)
    yield sockets
    for one in sockets:
        one.close()


def drained(one: socket.socket) -> list[bytes]:
    result = []
    while True:
        try:
            result.append(one.recv(2048))
        except BlockingIOError:
            return result


def forwarded(
    receivers: list[socket.socket], payloads: list[tuple[bytes, bool]], *, rows_min: int, how: str, now: float
) -> list[list[bytes]]:
    """Send one burst to all receivers in one way; what each got."""
    counters = Counters()
    port = UdpPort("127.0.0.1", 0, counters, system_calls=how != "python")
    if how == "single":
        port.segmentation = False
    out = Fanout(port, counters, block_rows_min=rows_min)
    source = stream()
    slots: list[Slot] = []
    for index, receiver in enumerate(receivers):
        target = Target()
        target.direction = srtp.direction(KEY, PROFILES[index % 2], sending=True)
        target.handle = target.direction.handle
        target.name, target.control = port.aim(port.allocate(), port.form.key(*receiver.getsockname()), b"")
        slots.append(slot(target, start=1000 + 7919 * index, ssrc=5000 + index, extension_id=index % 4))
        slots[-1].wait_for(source)
    for index, (payload, marker) in enumerate(payloads):
        one = packet(65500 + index, 4_294_960_000 + index * 3000, payload, 1.0, marker=marker)
        arrive(source, one)
        out.add(source, one)
    out.flush(now)
    got = [drained(receiver) for receiver in receivers]
    port.close()
    assert counters.dropped == {}
    assert counters.packets_out == len(receivers) * len(payloads)
    return got


bodies = st.lists(
    st.tuples(st.binary(min_size=1, max_size=1200), st.booleans(), st.integers(0, 0x7FFF), st.integers(0, 255)),
    min_size=1,
    max_size=9,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies, st.floats(0, 1e6), st.integers(1, 12))
def test_all_ways_give_the_same_bytes(
    receivers: list[socket.socket], parts: list[tuple[bytes, bool, int, int]], now: float, width: int
) -> None:
    payloads = [
        (vp8(picture, tl0, key=index == 0, body=body), marker)
        for index, (body, marker, picture, tl0) in enumerate(parts)
    ]
    # A packet without PictureID, one with a short one, and an empty one ride along.
    payloads += [(b"\x10\x01plain", False), (b"\x90\x80\x11\x01short", True), (b"", False)]
    some = receivers[:width]
    rows = forwarded(some, payloads, rows_min=10**9, how="rows", now=now)
    assert all(len(got) == len(payloads) for got in rows)
    for how in ("block", "single", "python"):
        # The order between the same subscriber's packets is kept, too.
        assert forwarded(some, payloads, rows_min=1, how=how, now=now) == rows


def test_a_receiver_decrypts_what_it_expects(receivers: list[socket.socket]) -> None:
    got = forwarded(receivers[:1], [(vp8(3, key=True), True)], rows_min=1, how="block", now=2.5)[0]
    plain = srtp.direction(KEY, PROFILES[0], sending=False).session.unprotect(got[0])
    assert plain[:2] == bytes([0x90, 0x80 | 96])
    assert int.from_bytes(plain[2:4], "big") == 1001
    assert plain[8:12] == (5000).to_bytes(4, "big")
    assert int.from_bytes(plain[17:20], "big") == fanout_module.abs_send_time(2.5)
    assert plain[20:] == vp8(1001, (1000 + 1) & 0xFF, key=True)


def test_padding_is_a_packet_of_the_repeats_that_holds_nothing(receivers: list[socket.socket]) -> None:
    counters = Counters()
    port = UdpPort("127.0.0.1", 0, counters)
    target = Target()
    target.direction = srtp.direction(KEY, PROFILES[0], sending=True)
    target.handle = target.direction.handle
    target.name, target.control = port.aim(port.allocate(), port.form.key(*receivers[0].getsockname()), b"")
    out, source, place = Fanout(port, counters), stream(), slot(target)
    place.wait_for(source)
    for seq in range(2):
        one = packet(seq, 0, vp8(seq, key=True), 1.0)
        arrive(source, one)
        out.add(source, one)
        out.flush(1.0)
        out.pad(place, 255, 1.0)
    receiving = srtp.direction(KEY, PROFILES[0], sending=False).session
    got = [receiving.unprotect(each) for each in drained(receivers[0])]
    port.close()
    assert [each[0] for each in got] == [0x90, 0xB0, 0x90, 0xB0], "the picture's packets are not marked as padded"
    assert [each[1] & 0x7F for each in got] == [96, 97, 96, 97]
    assert got[1][8:12] == place.rtx_ssrc.to_bytes(4, "big")
    assert len(got[1]) == 20 + 255 and got[1][-1] == 255
    assert int.from_bytes(got[3][2:4], "big") == int.from_bytes(got[1][2:4], "big") + 1


@given(st.lists(st.integers(1, 1400), min_size=1, max_size=100))
def test_runs_are_what_the_kernel_can_segment(sizes: list[int]) -> None:
    parts = runs(sizes)
    assert [index for start, count in parts for index in range(start, start + count)] == list(range(len(sizes)))
    for start, count in parts:
        part = sizes[start : start + count]
        assert count <= SEGMENT_RUN_MAX
        assert all(size == part[0] for size in part[:-1]) and part[-1] <= part[0]
