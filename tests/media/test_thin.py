"""A picture with fewer frames: what no other frame needs is left out, and nobody misses it."""

from typing import Any

from conference.media import rtcp
from conference.media.ingress import Stream
from conference.media.ladder import BACK_SLACK, VOICE_BPS
from conference.media.negotiate import Codec
from conference.media.slots import Slot
from tests.media.fuzz import Bench
from tests.media.packets import rtp, vp8

SSRC = 10
TIDS = (0, 2, 1, 2)
"""The order in which libvpx sends three temporal layers."""


class Camera:
    """The publisher's lowest layer, a frame a packet."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        offer = bench.publisher.upstream._sources._offer
        section = next(section for section in offer.sections if section.source == "camera")
        codec = section.codec
        assert isinstance(codec, Codec)
        self._kind = codec.payload_type
        self._extension = bytes([offer.mid_extension << 4 | len(section.mid) - 1]) + section.mid.encode()
        self._extension += bytes([offer.rid_extension << 4]) + b"q"

    def packet(self, number: int, *, key: bool = False) -> bytes:
        """Frame `number`: its sequence number, PictureID and time follow from it."""
        payload = vp8(number, number // 4 & 0xFF, key=key, tid=TIDS[number % 4], body=b"p" * 400)
        return rtp(number, 3000 * number, payload, ssrc=SSRC, kind=self._kind, extension=self._extension, marker=True)

    def send(self, *numbers: int, key: bool = False) -> None:
        """Let these frames come, in this order; with `key` they are key frames."""
        for number in numbers:
            self.bench.take_rtp(self.packet(number, key=key))

    @property
    def stream(self) -> Stream:
        return self.bench.publisher.sources.streams[SSRC]

    @property
    def thin(self) -> Stream:
        thin = self.stream.thin
        assert thin is not None
        return thin


def slow_slot() -> tuple[Camera, Slot]:
    """A slot that shows the camera with fewer frames from frame 8 on."""
    camera = Camera(Bench())
    camera.send(0, key=True)
    camera.send(1, 2, 3)
    slot = camera.bench.watcher.downstream.slots["v0"]
    slot.wait_for(camera.thin)
    camera.send(4, 5, 6, 7)
    assert slot.stream is None, "it begins with a key frame"
    camera.send(8, key=True)
    assert slot.stream is camera.thin
    return camera, slot


def shown(slot: Slot, thin: Stream) -> list[tuple[int, int, int]]:
    """Source frame, sequence number and PictureID of what the slot has sent."""
    first = slot.mappings[-1].first_ext
    kept = [thin.cached(ext & 0xFFFF) for ext in range(first, thin.highest + 1)]
    return [
        (one.timestamp // 3000, one.seq + slot.seq_delta & 0xFFFF, one.picture + slot.picture_delta & 0x7FFF)
        for one in kept
        if one is not None
    ]


def numbers_from(first: tuple[int, int, int], *frames: int) -> list[tuple[int, int, int]]:
    """These frames with numbers that go on by one from the first."""
    return [(frame, first[1] + index, first[2] + index) for index, frame in enumerate(frames)]


def test_only_base_frames_are_sent_and_the_numbers_have_no_gap() -> None:
    camera, slot = slow_slot()
    camera.send(*range(9, 21))
    sent = shown(slot, camera.thin)
    assert sent == numbers_from(sent[0], 8, 12, 16, 20)


def test_a_base_frame_that_comes_late_is_waited_for() -> None:
    camera, slot = slow_slot()
    camera.send(9, 10, 11, 13, 14, 15, 16)
    assert [frame for frame, _, _ in shown(slot, camera.thin)] == [8]
    camera.send(12)
    sent = shown(slot, camera.thin)
    assert sent == numbers_from(sent[0], 8, 12, 16)


def test_what_is_lost_for_good_leaves_a_gap_and_a_key_frame_is_asked_for() -> None:
    camera, slot = slow_slot()
    camera.send(9, 10, 11, 13, 14, 15, 16)
    camera.stream.missing.clear()
    camera.send(17)
    assert [frame for frame, _, _ in shown(slot, camera.thin)] == [8, 16]
    sent = shown(slot, camera.thin)
    assert sent[1][1] == sent[0][1] + 2
    asked: list[bytes] = []
    upstream = camera.bench.publisher.upstream
    upstream._send_rtcp = asked.append
    camera.bench.watcher.downstream.take_feedback(rtcp.Feedback(key_frames=[slot.ssrc]), camera.bench.now)
    upstream.ask_key_frames(camera.bench.now + 10)
    assert len(asked) == 1
    camera.send(18, 19)
    camera.send(20, key=True)
    assert camera.thin.key_wanted is False


def test_without_anybody_who_sees_it_a_twin_costs_nothing_but_its_measure() -> None:
    camera = Camera(Bench())
    camera.send(0, key=True)
    camera.send(*range(1, 9))
    assert not camera.thin.started
    camera.stream.measure(1.0)
    camera.thin.measure(1.0)
    camera.send(*range(9, 29))
    camera.stream.measure(2.0)
    camera.thin.measure(2.0)
    assert 0 < camera.thin.bitrate < 0.3 * camera.stream.bitrate


def test_a_muted_camera_is_dark_in_both_forms() -> None:
    camera, slot = slow_slot()
    camera.bench.publisher.sources.grant(["audio"], 1)
    assert slot.stream is None
    camera.bench.publisher.sources.grant(["audio", "camera"], 2)
    camera.send(100, key=True)
    camera.send(*range(101, 110))
    assert camera.stream.started


def test_a_jump_of_the_camera_is_a_new_beginning_for_both() -> None:
    camera, slot = slow_slot()
    camera.send(5000, key=True)
    camera.send(*range(5001, 5009))
    sent = shown(slot, camera.thin)
    assert slot.stream is camera.thin and sent == numbers_from(sent[0], *[frame for frame, _, _ in sent])


def test_a_line_that_carries_the_base_frames_gets_them_and_the_page_is_told() -> None:
    bench = Bench()
    told: list[dict[str, Any]] = []
    bench.room._notify = lambda event, payload: told.append({"event": event, **payload})
    camera = Camera(bench)
    number = 0
    for _ in range(40):
        camera.send(number, key=number % 16 == 0)
        bench.pass_time()
        number += 1
    link = bench.watcher.downstream.link
    # No probes: they need a loop.
    link.tick = lambda *_: None  # type: ignore[method-assign]
    budget = VOICE_BPS + int(camera.thin.usual_bps * BACK_SLACK) + 1
    assert budget < VOICE_BPS + camera.stream.usual_bps
    link.budget_bps = budget
    for _ in range(40):
        camera.send(number, key=number % 16 == 0)
        link.budget_bps = budget
        bench.pass_time()
        number += 1
    lines = [one["step"] for one in told if one["event"] == "line" and one["session"] == "watcher"]
    slots = [slot for one in told if one["event"] == "slots" and one["session"] == "watcher" for slot in one["slots"]]
    assert lines[-1] == "slower"
    assert [slot["manner"] for slot in slots if slot["slot"] == "v0"] == ["moving", "slow"]
