"""A real node on loopback with aiortc as an independent client, and with nobody's friend."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from conference.media.link import guarded
from conference.media.node import MediaNode
from conference.media.session import DEAF_S
from foundation.errors import ProtocolError
from foundation.settings import Settings

REGRESSIONS = Path(__file__).parents[1] / "data" / "regressions" / "media"
ALL = ["audio", "camera", "screen"]


class HandClock:
    """Monotonic seconds that also jump by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead


@asynccontextmanager
async def running() -> AsyncIterator[tuple[MediaNode, HandClock]]:
    clock = HandClock()
    node = MediaNode(Settings(media_port=0, media_host="127.0.0.1"), clock=clock, bind="127.0.0.1")
    node.start()
    try:
        yield node, clock
    finally:
        await node.stop()


async def until(condition: Callable[[], Any], timeout_s: float = 20.0) -> Any:
    async def wait() -> Any:
        while not (result := condition()):
            await asyncio.sleep(0.02)
        return result

    return await asyncio.wait_for(wait(), timeout_s)


class Guest:
    """An aiortc client: one microphone, one camera, one slot for sound and one for a picture."""

    def __init__(self, node: MediaNode, name: str) -> None:
        self.node = node
        self.name = name
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.tracks: dict[str, Any] = {}
        self.frames: dict[str, int] = {"audio": 0, "video": 0}
        self.tasks: list[asyncio.Task[None]] = []
        self.connection.on("track", self._track)

    def _track(self, track: Any) -> None:
        self.tasks.append(asyncio.ensure_future(self._drain(track)))

    async def _drain(self, track: Any) -> None:
        while True:
            await track.recv()
            self.frames[track.kind] += 1

    def got(self, *, sound: int = -1, picture: int = -1) -> bool:
        """Whether more frames than these were decoded."""
        return self.frames["audio"] > sound and self.frames["video"] > picture

    async def join(self, publish: list[str] | None = None) -> dict[str, Any]:
        self.connection.addTransceiver(AudioStreamTrack(), direction="sendonly")
        self.connection.addTransceiver(VideoStreamTrack(), direction="sendonly")
        self.connection.addTransceiver("audio", direction="recvonly")
        self.connection.addTransceiver("video", direction="recvonly")
        await self.connection.setLocalDescription(await self.connection.createOffer())
        answer = await self.node.offer(
            {
                "room": "r",
                "participant": self.name,
                "session": f"s-{self.name}",
                "sdp": self.connection.localDescription.sdp,
                "grants": {"publish": ALL if publish is None else publish, "subscribe": True},
            }
        )
        await self.connection.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await until(lambda: self.connection.connectionState == "connected")
        return answer

    async def want(self, other: str) -> None:
        entry = {"slot": "v0", "participant": other, "kind": "camera", "height": 480}
        await self.node.want({"room": "r", "session": f"s-{self.name}", "video": [entry]})

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.connection.close()


@asynccontextmanager
async def two_guests() -> AsyncIterator[tuple[MediaNode, HandClock, Guest, Guest]]:
    async with running() as (node, clock):
        first, second = Guest(node, "first"), Guest(node, "second")
        await first.join()
        await second.join()
        await second.want("first")
        try:
            yield node, clock, first, second
        finally:
            await first.close()
            await second.close()


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def test_an_independent_client_sees_and_hears_another() -> None:
    async def scenario() -> None:
        async with two_guests() as (node, _, _first, second):
            await until(lambda: second.frames["video"] > 5 and second.frames["audio"] > 20)
            assert node.counters.packets_out > 0

    run(scenario)


def test_a_source_without_grant_is_dropped_and_comes_back_when_granted() -> None:
    async def scenario() -> None:
        async with two_guests() as (node, _, first, second):
            await until(lambda: second.frames["video"] > 3)
            await node.grants({"room": "r", "session": "s-first", "publish": [], "version": 1})
            sent = node.counters.packets_out
            dropped = node.counters.dropped.get("not_granted", 0)
            await until(lambda: node.counters.dropped.get("not_granted", 0) > dropped + 20)
            session = node.rooms["r"].sessions["s-second"]
            assert all(slot.stream is None for slot in session.downstream.slots.values())
            # What still goes out is the other one's sound and picture to `first`, nothing of `first`.
            assert all(s.stream is None or s.stream.participant == "second" for s in first_slots(node))
            assert node.counters.packets_out >= sent
            seen = second.frames["video"]
            await node.grants({"room": "r", "session": "s-first", "publish": ALL, "version": 2})
            await until(lambda: second.frames["video"] > seen + 5)
            await first.want("second")
            await until(lambda: first.frames["video"] > 3)

    def first_slots(node: MediaNode) -> list[Any]:
        return list(node.rooms["r"].sessions["s-first"].downstream.slots.values())

    run(scenario)


def test_a_grant_that_was_overtaken_on_its_way_changes_nothing() -> None:
    async def scenario() -> None:
        async with two_guests() as (node, _, _first, second):
            await node.grants({"room": "r", "session": "s-first", "publish": ALL, "version": 8})
            await node.grants({"room": "r", "session": "s-first", "publish": [], "version": 7})
            seen = second.frames["video"]
            await until(lambda: second.frames["video"] > seen + 5)
            assert "not_granted" not in node.counters.dropped

    run(scenario)


def test_garbage_is_dropped_counted_by_reason_and_hurts_nobody() -> None:
    async def scenario() -> None:
        async with two_guests() as (node, _, _first, second):
            await until(lambda: second.frames["video"] > 3)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.connect(("127.0.0.1", node.port))
                for path in sorted(REGRESSIONS.iterdir()):
                    stranger.send(path.read_bytes())
                for first in range(256):
                    stranger.send(bytes([first]) + b"\x60" + bytes(60))
                stranger.send(b"")
                for _ in range(300):
                    stranger.send(bytes.fromhex("000100002112a442") + bytes(12))
            await until(lambda: node.counters.dropped.get("stun_limited", 0) > 50)
            for reason in ("garbage", "unknown_address", "stun_malformed", "empty"):
                assert node.counters.dropped[reason] > 0
            seen = second.frames["video"]
            await until(lambda: second.frames["video"] > seen + 5)

    run(scenario)


def test_garbage_from_a_participants_own_address_hurts_nobody() -> None:
    async def scenario() -> None:
        async with two_guests() as (node, _, _first, second):
            await until(lambda: second.frames["video"] > 3)
            session = node.rooms["r"].sessions["s-first"]
            now = asyncio.get_running_loop().time()
            for path in sorted(REGRESSIONS.iterdir()):
                data = path.read_bytes()
                # Decrypted, as if the participant itself had sent it; and encrypted badly.
                session.upstream.receive(data, now)
                session.receive_rtcp(data, now)
                session.feed_dtls(data)
            for number in range(100):
                session.upstream.receive(
                    bytes([0x80, 96, 0, number]) + bytes(4) + number.to_bytes(4, "big") + b"payload", now
                )
            assert len(session.sources.streams) <= 16
            seen = second.frames["video"]
            await until(lambda: second.frames["video"] > seen + 5)

    run(scenario)


def test_a_silent_session_is_lost_after_3_s_and_closed_after_15() -> None:
    async def scenario() -> None:
        async with running() as (node, clock):
            guest = Guest(node, "first")
            await guest.join()
            await until(lambda: node.rooms["r"].sessions["s-first"].state == "connected")
            await guest.close()
            await until(lambda: "r" not in node.rooms)  # it said goodbye
            # A peer that never comes: nothing is heard of it.
            quiet = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
            quiet.addTransceiver("audio", direction="recvonly")
            await quiet.setLocalDescription(await quiet.createOffer())
            sdp = quiet.localDescription.sdp
            await node.offer(
                {
                    "room": "r",
                    "participant": "p",
                    "session": "s",
                    "sdp": sdp,
                    "grants": {"publish": [], "subscribe": True},
                }
            )
            session = node.rooms["r"].sessions["s"]
            session.state = "connected"
            clock.ahead += 3.2
            node.rooms["r"].tick(clock())
            clock.ahead += 12.0
            node.rooms["r"].tick(clock())
            await quiet.close()
            told = [node.news.get_nowait() for _ in range(node.news.qsize())]
            states = [(p["session"], p["state"], p["reason"]) for event, p in told if event == "session"]
            assert states[0] == ("s-first", "connected", "")
            assert ("s-first", "closed", "dtls_closed") in states
            assert states[-2:] == [("s", "lost", "silent"), ("s", "closed", "timeout")]

    run(scenario)


def test_the_newest_session_of_a_participant_wins() -> None:
    async def scenario() -> None:
        async with running() as (node, _):
            older, newer = Guest(node, "same"), Guest(node, "same")
            await older.join()
            offered = newer.node.offer
            newer.node.offer = lambda request: offered({**request, "session": "s-newer"})  # type: ignore[method-assign]
            await newer.join()
            await until(lambda: list(node.rooms["r"].sessions) == ["s-newer"])
            told = [node.news.get_nowait() for _ in range(node.news.qsize())]
            states = [(p["session"], p["state"], p["reason"]) for event, p in told if event == "session"]
            # In this order: nobody is gone, not even for a moment.
            assert states.index(("s-newer", "connected", "")) < states.index(("s-same", "closed", "replaced"))
            await older.close()
            await newer.close()

    run(scenario)


def test_bad_commands_get_an_error_object() -> None:
    async def scenario() -> None:
        async with running() as (node, _):
            commands = {name: guarded(handler) for name, handler in node.commands().items()}
            assert (await commands["room.offer"]("nonsense"))["error"]["code"] == "bad_request"
            request = {"room": "r", "participant": "p", "session": "s", "sdp": "v=0", "grants": {"publish": []}}
            assert (await commands["room.offer"](request))["error"]["code"] == "bad_offer"
            assert (await commands["room.offer"]({**request, "room": 7}))["error"]["code"] == "bad_request"
            assert (await commands["room.want"]({"room": "r", "session": "x", "video": []}))["error"][
                "code"
            ] == "not_found"
            assert (await commands["room.close"]({"room": "none"}))["error"]["code"] == "not_found"
            assert node.rooms == {}
            assert (await commands["node.stats"]({}))["rooms"] == []

    run(scenario)


def test_what_is_lost_on_either_way_is_asked_for_and_sent_again() -> None:
    async def scenario() -> None:
        async with two_guests() as (node, _, _first, second):
            await until(lambda: second.frames["video"] > 3)
            session = node.rooms["r"].sessions["s-first"]
            take = session.upstream.receive
            lost_up = []

            def lossy(data: bytes, now: float) -> None:
                seq = int.from_bytes(data[2:4], "big")
                if data[1] & 0x7F == 97 and seq % 15 == 0 and seq not in lost_up:
                    lost_up.append(seq)
                    return
                take(data, now)

            session.upstream.receive = lossy  # type: ignore[method-assign]
            ice = second.connection.getTransceivers()[0].receiver.transport.transport
            receive = ice._recv
            lost_down = []

            async def lossy_down() -> bytes:
                data = bytes(await receive())
                if len(data) > 12 and data[0] >> 6 == 2 and data[1] & 0x7F == 97 and data[3] % 16 == 5:
                    lost_down.append(data[2:4])
                    return b"\x00" * 20  # something that is nobody's
                return data

            ice._recv = lossy_down
            slot = node.rooms["r"].sessions["s-second"].downstream.slots["v0"]
            stream = session.sources.by_kind["camera"][""]
            await until(lambda: len(lost_up) > 5 and len(lost_down) > 5)
            await until(lambda: slot.rtx_sent >= 5)
            await until(lambda: not stream.missing)
            assert stream.unrecovered == 0
            # Everything that the publisher sent in the last two seconds is in the cache, the lost ones too.
            young = [one for one in lost_up[:-1] if stream.highest - one & 0xFFFF <= stream.highest - stream.oldest]
            assert young and all(stream.cached(one) is not None for one in young)
            seen = second.frames["video"]
            await until(lambda: second.frames["video"] > seen + 20)

    run(scenario)


def offences(node: MediaNode) -> list[dict[str, Any]]:
    """What the node has told of who sends what they must not."""
    told = [node.news.get_nowait() for _ in range(node.news.qsize())]
    return [payload for event, payload in told if event == "offence"]


def test_who_floods_is_not_heard_for_a_while_is_named_and_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with two_guests() as (node, clock, first, second):
            await first.want("second")
            await until(lambda: second.got(sound=3, picture=3) and first.got(sound=3, picture=3))
            monkeypatch.setattr("conference.media.session.PACKETS_PER_S_MAX", 500)
            dtls = first.connection.getSenders()[0].transport
            # In its name, but not under its keys: anybody can send that, and it is no offence of its own.
            for _ in range(20):
                for _ in range(50):
                    await dtls.transport._send(b"\x80\x60" + bytes(60))
                await asyncio.sleep(0.01)
            await asyncio.sleep(1.5)
            assert offences(node) == []
            for turn in range(40):
                for number in range(50):
                    await dtls._send_rtp(struct.pack(">BBHII", 0x80, 96, turn * 50 + number, 0, 77) + bytes(60))
                await asyncio.sleep(0.01)
            await until(lambda: node.counters.dropped.get("throttled", 0) > 20)
            assert offences(node) == [{"room": "r", "session": "s-first", "participant": "first", "what": "flood"}]
            heard = dict(first.frames)
            await until(lambda: first.got(sound=heard["audio"] + 20, picture=heard["video"] + 5))
            clock.ahead += DEAF_S
            seen = dict(second.frames)
            await until(lambda: second.got(sound=seen["audio"] + 20, picture=seen["video"] + 5))

    run(scenario)


def test_what_a_browser_counts_stands_in_the_figures_of_its_room_alone() -> None:
    async def scenario() -> None:
        async with two_guests() as (node, _, _first, _second):
            named = {"room": "r", "session": "s-second"}
            await node.freezes({**named, "slots": {"v0": 3}})
            (room,) = (await node.stats({"room": "r"}))["rooms"]
            second = next(one for one in room["sessions"] if one["session"] == "s-second")
            assert second["line"]["freezes"] == 3
            assert next(slot for slot in second["slots"] if slot["slot"] == "v0")["freezes"] == 3
            assert (await node.stats({"room": "elsewhere"}))["rooms"] == []
            for wrong in (None, {"v0": "3"}):
                with pytest.raises(ProtocolError):
                    await node.freezes({**named, "slots": wrong})

    run(scenario)


def test_everything_that_a_listener_sends_is_dropped_and_counted() -> None:
    async def scenario() -> None:
        async with running() as (node, _):
            listener, other = Guest(node, "listener"), Guest(node, "other")
            await listener.join(publish=[])
            await other.join()
            await other.want("listener")
            await listener.want("other")
            await until(lambda: listener.frames["video"] > 3 and listener.frames["audio"] > 3)
            # Its client does send: sound and pictures arrive, and end at the node.
            sources = node.rooms["r"].sessions["s-listener"].sources
            dropped = node.counters.dropped["not_granted"]
            await until(lambda: node.counters.dropped["not_granted"] > dropped + 20)
            assert set(sources.by_kind) == {"audio", "camera"}
            assert all(not stream.granted and stream.packets == 0 for stream in sources.streams.values())
            assert all(slot.stream is None for slot in node.rooms["r"].sessions["s-other"].downstream.slots.values())
            assert other.frames == {"audio": 0, "video": 0}
            # Who goes on is named, and not even decrypted any more; what they are sent goes on.
            await until(lambda: node.counters.dropped.get("throttled", 0) > 20)
            assert offences(node) == [
                {"room": "r", "session": "s-listener", "participant": "listener", "what": "not_granted"}
            ]
            seen = dict(listener.frames)
            await until(lambda: listener.got(sound=seen["audio"], picture=seen["video"]))
            await listener.close()
            await other.close()

    run(scenario)


def test_a_listener_who_goes_on_is_named_once_a_minute_and_heard_at_once_when_granted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        async with running() as (node, clock):
            listener, other = Guest(node, "listener"), Guest(node, "other")
            await listener.join(publish=[])
            await other.join()
            await other.want("listener")

            async def is_deaf_again() -> None:
                clock.ahead += DEAF_S
                throttled = node.counters.dropped.get("throttled", 0)
                await until(lambda: node.counters.dropped.get("throttled", 0) > throttled + 20)

            await is_deaf_again()
            assert len(offences(node)) == 1
            await is_deaf_again()
            assert offences(node) == []
            monkeypatch.setattr("conference.media.session.OFFENCE_AGAIN_S", DEAF_S)
            monkeypatch.setattr("conference.media.session.DEAF_S", 600.0)
            await is_deaf_again()
            assert len(offences(node)) == 1
            await node.grants({"room": "r", "session": "s-listener", "publish": ALL, "version": 9})
            await until(lambda: other.got(sound=20, picture=5))
            await listener.close()
            await other.close()

    run(scenario)
