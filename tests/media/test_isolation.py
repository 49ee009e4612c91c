"""What one participant sends, or one destination refuses, costs nobody else anything."""

import asyncio
import errno
import functools
import socket
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from conference.media import srtp
from conference.media import udp as udp_module
from conference.media.fanout import Fanout
from conference.media.link import LOAD_EVERY_S, Link, guarded
from conference.media.node import TICK_S, MediaNode
from conference.media.redundancy import COMBINED_BYTES_MAX, pack, split
from conference.media.slots import Slot, Target
from conference.media.stats import Counters
from conference.media.udp import PAYLOAD_BYTES_MAX, UdpPort
from conference.roster import PARTICIPANTS_MAX
from foundation.loops import error_counts
from tests.media.fuzz import Bench, Bursts, client_hello
from tests.media.packets import arrive, packet, rtp, slot, stream, vp8
from tests.media.test_node import running, until

KEY = bytes(range(60))
PROFILE = 7
RED_TYPE, OPUS_TYPE = 63, 111


def grown(before: dict[str, int]) -> dict[str, int]:
    """What loops have survived since `before`."""
    return {name: count - before.get(name, 0) for name, count in error_counts().items() if count > before.get(name, 0)}


@pytest.fixture
def rooms() -> Iterator[Bursts]:
    async def begin() -> Bursts:
        return Bursts(await client_hello(), 1)

    made = asyncio.run(begin())
    yield made
    made.close()


@pytest.mark.parametrize(
    ("sizes", "burst"), [((1000, 1400), 24), ((800, 800), 4), ((PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_MAX), 1)]
)
def test_long_redundant_sound_silences_nobody(rooms: Bursts, sizes: tuple[int, int], burst: int) -> None:
    before = error_counts()
    level = bytes([1 << 4, 10])
    microphone = rooms.bench.publisher.sources
    for turn in range(6):
        said = []
        for number in range(burst):
            seq = turn * burst + number + 1
            said.append(rtp(seq, 960 * seq, bytes(sizes[seq % 2]), ssrc=30, kind=RED_TYPE, extension=level))
        rooms.burst(said)
        rooms.pass_time()
        found = microphone.microphone()
        assert found is not None
        found.deep = True
    assert (rooms.lost, grown(before)) == (0, {})
    assert rooms.sent > 0 and rooms.bench.port.segmentation and not rooms.bench.port.unsegmented
    assert not rooms.bench.counters.dropped.get("send_failed")


def test_combined_sound_has_a_bound_and_drops_the_oldest_first() -> None:
    older = [(1920, b"a" * 500), (960, b"b" * 500)]
    payload = pack(OPUS_TYPE, older, b"c" * 500)
    assert split(payload, 0, len(payload)) == ([(960, b"b" * 500)], b"c" * 500)
    assert len(payload) <= COMBINED_BYTES_MAX
    assert pack(OPUS_TYPE, older, b"c" * 1400)[1:] == b"c" * 1400


class Ears:
    """A fan-out with listeners at real sockets."""

    def __init__(self, count: int, *, block: bool) -> None:
        self.counters = Counters()
        self.port = UdpPort("127.0.0.1", 0, self.counters)
        self.out = Fanout(self.port, self.counters, block_rows_min=1 if block else 10**9)
        self.source = stream()
        self.sockets: list[socket.socket] = []
        self.slots: list[Slot] = []
        for index in range(count):
            ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ear.bind(("127.0.0.1", 0))
            ear.setblocking(False)
            self.sockets.append(ear)
            target = Target()
            target.direction = srtp.direction(KEY, PROFILE, sending=True)
            target.handle = target.direction.handle
            key = self.port.form.key(*ear.getsockname())
            target.name, target.control = self.port.aim(self.port.allocate(), key, b"")
            self.slots.append(slot(target, start=30_000, ssrc=5000 + index))
            self.slots[-1].wait_for(self.source)
        self._seq = 0

    def send(self, sizes: list[int]) -> None:
        for size in sizes:
            one = packet(self._seq, 3000 * self._seq, vp8(self._seq, key=self._seq == 0, body=bytes(size)), 1.0)
            self._seq += 1
            arrive(self.source, one)
            self.out.add(self.source, one)
        self.out.flush(1.0)

    def heard(self) -> list[int]:
        """Datagrams that each listener got since the last call."""
        return [_drained(ear) for ear in self.sockets]

    def close(self) -> None:
        self.port.close()
        for ear in self.sockets:
            ear.close()


def _drained(ear: socket.socket) -> int:
    count = 0
    while True:
        try:
            ear.recv(2048)
        except BlockingIOError:
            return count
        count += 1


@pytest.fixture(params=[True, False], ids=["block", "rows"])
def ears(request: pytest.FixtureRequest) -> Iterator[Ears]:
    made = Ears(3, block=request.param)
    yield made
    made.close()


def test_a_packet_that_fits_into_no_row_is_dropped_alone(ears: Ears) -> None:
    ears.send([300, PAYLOAD_BYTES_MAX + 1, 300])
    assert ears.heard() == [2, 2, 2]
    assert ears.counters.dropped == {"too_long": 1}


def test_the_longest_payload_fits_into_a_row_beside_its_neighbours(ears: Ears) -> None:
    overhead = len(vp8(0))
    ears.send([PAYLOAD_BYTES_MAX - overhead + len(b"picture")] * 3)
    assert ears.heard() == [3, 3, 3] and not ears.counters.dropped


def test_a_destination_whose_keys_refuse_costs_the_others_nothing(ears: Ears) -> None:
    ears.send([300])
    ears.heard()
    # libsrtp refuses a jump far back.
    ears.slots[1].seq_delta = ears.slots[1].seq_delta - 3000 & 0xFFFF
    ears.source.fan = None
    ears.send([300, 300])
    assert ears.heard() == [2, 0, 2]
    assert ears.counters.dropped == {"srtp_protect": 2}


def test_what_raises_in_one_row_is_dropped_alone_and_not_tried_again(ears: Ears) -> None:
    before = error_counts()
    ears.send([300])
    ears.heard()
    ears.slots[1].extension_head = 1 << 40  # what cannot be written
    ears.source.fan = None
    ears.send([300, 300])
    assert ears.heard() == [2, 0, 2]
    assert ears.counters.dropped == {"row_failed": 2} and grown(before)["media.fanout"] == 1
    ears.slots[1].extension_head = 2 << 4 << 24
    ears.source.fan = None
    ears.send([300])
    assert ears.heard() == [1, 1, 1] and grown(before) == {"media.fanout": 1}


class Refusing:
    """libc, but segmentation towards one destination is refused by the kernel."""

    def __init__(self, port: UdpPort, name: int, code: int) -> None:
        self._libc, self._port, self._name, self._code = port._libc, port, name, code
        self.segments: dict[int, int] = {}
        """The most datagrams in one message that each destination got."""

    def sendmmsg(self, fd: int, pointer: Any, count: int, flags: int) -> int:
        """Send one message at a time."""
        first = (int(udp_module._ffi.cast("uintptr_t", pointer)) - self._port._message_base) // 64
        message = self._port.messages[first]
        name, segments = int(message["name"]), int(message["iov_count"])
        if segments > 1 and name == self._name:
            udp_module._ffi.errno = self._code
            return -1
        self.segments[name] = max(segments, self.segments.get(name, 0))
        return int(self._libc.sendmmsg(fd, pointer, 1, flags))  # type: ignore[union-attr]


@pytest.mark.parametrize("code", [errno.EIO, errno.EINVAL, errno.EMSGSIZE])
def test_one_destination_that_cannot_segment_costs_the_node_no_segmentation(ears: Ears, code: int) -> None:
    ears.send([300])
    ears.heard()
    names = [one.target.name for one in ears.slots]
    refusing = Refusing(ears.port, names[1], code)
    ears.port._libc = refusing
    for _ in range(3):
        refusing.segments.clear()
        ears.send([300, 300, 300, 300])
        assert ears.heard() == [4, 4, 4]
        assert ears.port.segmentation and refusing.segments.get(names[0]) in (1, 4)
    # Only what is the way's fault, not the message's, is remembered, and for that destination alone.
    assert ears.port.unsegmented == ({names[1]} if code == errno.EIO else set())
    if code == errno.EIO:
        assert refusing.segments[names[1]] == 1
    else:
        assert refusing.segments[names[0]] == 4
    assert not ears.counters.dropped


def in_loop(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """A test that runs in an event loop of its own."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))

    return run


class Broken(Exception):
    """What no part expects."""


def breaking(*_arguments: Any, **_named: Any) -> Any:
    raise Broken


@in_loop
async def test_the_tick_comes_again_after_one_that_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (node, _):
        before = error_counts()
        monkeypatch.setattr(node._port, "kernel_drops", breaking)
        node._hurry()
        await until(lambda: grown(before).get("media.tick", 0) >= 2)


@in_loop
async def test_a_port_that_raised_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (node, _):
        before = error_counts()
        receive = node._port.receive
        monkeypatch.setattr(node._port, "receive", breaking)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"anything", ("127.0.0.1", node.port))
            await until(lambda: grown(before).get("media.port", 0) >= 1)
            monkeypatch.setattr(node._port, "receive", receive)
            await until(lambda: node.counters.dropped.get("garbage", 0) >= 1)


def test_a_session_that_raises_keeps_no_other_session_and_no_other_room_from_being_served(
    rooms: Bursts, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = error_counts()
    for part in ("wanted", "ask_key_frames", "layers"):
        monkeypatch.setattr(rooms.bench.publisher.upstream, part, breaking)
    monkeypatch.setattr(rooms.bench.publisher.upstream, "receive", breaking)
    reported: list[str] = []
    monkeypatch.setattr(rooms.bench.watcher, "report", lambda _now: reported.append("watcher"))
    for seq in range(20):
        rooms.burst([rtp(seq, 0, b"x", ssrc=30, kind=OPUS_TYPE)])
        rooms.pass_time()
    assert rooms.lost == 0 and reported
    assert set(grown(before)) >= {"media.packet", "media.reports"}


@in_loop
async def test_a_command_that_raises_is_answered() -> None:
    before = error_counts()
    assert (await guarded(breaking)({}))["error"]["code"] == "internal"
    assert grown(before) == {"media.command": 1}


@in_loop
async def test_a_load_that_cannot_be_told_is_told_again(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Client:
        async def emit(self, event: str, _payload: Any, namespace: str) -> None:
            told.append(event)

    async with running() as (node, _):
        before, load = error_counts(), node.load
        monkeypatch.setattr("conference.media.link.LOAD_EVERY_S", LOAD_EVERY_S / 100)
        monkeypatch.setattr(node, "load", breaking)
        link = Link(node, "http://127.0.0.1:9", "token", "node", breaking)
        task = asyncio.create_task(link._send_load(Client()))
        await until(lambda: grown(before).get("media.load", 0) >= 2)
        monkeypatch.setattr(node, "load", load)
        await until(lambda: told)
        dialling = asyncio.create_task(link.run())
        await until(lambda: grown(before).get("media.link", 0) >= 2)
        for each in (task, dialling):
            each.cancel()
        await asyncio.gather(task, dialling, return_exceptions=True)


@in_loop
async def test_a_stream_of_calls_does_not_postpone_the_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running() as (node, _):
        ticks: list[float] = []
        monkeypatch.setattr(node, "_pass", ticks.append)
        loop = asyncio.get_running_loop()
        end = loop.time() + 5 * TICK_S
        calling: list[Callable[[], None]] = [lambda: node._wake(), node._hurry]
        for wake in calling:
            ticks.clear()
            end = loop.time() + 5 * TICK_S
            while loop.time() < end:
                wake()
                await asyncio.sleep(0)
            assert len(ticks) >= 2


OFFER = (Path(__file__).parents[1] / "data" / "sdp" / "chromium-156-offer-simulcast.sdp").read_text()


async def offer_of(node: MediaNode, participant: str, session: str) -> None:
    """What web hands on when a page comes."""
    grants = {"publish": ["audio"], "subscribe": True}
    await node.offer({"room": "r", "participant": participant, "session": session, "sdp": OFFER, "grants": grants})


@in_loop
async def test_a_full_room_that_loses_its_network_at_once_fits_when_it_comes_back() -> None:
    everybody = [f"p{number}" for number in range(PARTICIPANTS_MAX)]
    async with running() as (node, _):
        for name in everybody:
            await offer_of(node, name, f"{name}-0")
        sessions = node.rooms["r"].sessions
        for session in sessions.values():
            # Keys without a handshake: it had a link, and nobody knows yet that it is gone for good.
            session._sending, session.state = srtp.direction(KEY, PROFILE, sending=True), "lost"
        # Each page tries three times before one of its sessions gets a link.
        for attempt in (1, 2, 3):
            for name in everybody:
                await offer_of(node, name, f"{name}-{attempt}")
        assert set(sessions) == {f"{name}-{attempt}" for name in everybody for attempt in (0, 3)}


def test_who_cannot_decode_a_source_is_told_so() -> None:
    bench = Bench()
    told: list[dict[str, Any]] = []
    bench.room._notify = lambda event, payload: told.extend(payload["slots"]) if event == "slots" else None
    slot = bench.watcher.downstream.slots["v0"]
    slot.formats, slot.codecs = {"H264": (102, 103)}, ("H264",)
    for number in range(6):
        bench.take_rtp(rtp(number, 3000 * number, vp8(number, key=True), ssrc=10, kind=96, extension=bench.layer("q")))
        bench.pass_time()
    assert {"slot": "v0", "kind": "video", "participant": None, "manner": "moving", "undecodable": "VP8"} in told
    assert slot.stream is None
    told.clear()
    slot.formats, slot.codecs = {"VP8": (96, 97)}, ("VP8",)
    for number in range(6, 16):
        bench.take_rtp(rtp(number, 3000 * number, vp8(number, key=True), ssrc=10, kind=96, extension=bench.layer("q")))
        bench.pass_time()
    assert told and told[-1]["undecodable"] is None and told[-1]["participant"] == "publisher"
