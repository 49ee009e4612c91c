"""WHIP and WHEP with an independent stack: an encoder publishes into a room, a player watches it, both by HTTP alone."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest
from aiortc import (
    AudioStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)

from tests.media.test_node import until
from tests.rooms.consultation import VILLAGE_SITES, villages
from tests.serving import ADMIN, Served

SDP = "application/sdp"
FRAGMENT = "application/trickle-ice-sdpfrag"
CANDIDATE = "a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"


@dataclass
class Answer:
    """What came back of one request."""

    status: int
    headers: Any
    content: bytes

    @property
    def problem(self) -> dict[str, Any]:
        assert self.headers["Content-Type"] == "application/problem+json"
        told: dict[str, Any] = json.loads(self.content)
        return told


@dataclass
class Client:
    """Somebody who speaks WHIP or WHEP."""

    served: Served
    token: str
    peer: RTCPeerConnection = field(
        default_factory=lambda: RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
    )
    frames: dict[str, int] = field(default_factory=lambda: {"audio": 0, "video": 0})
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def ask(self, method: str, path: str, body: str = "", kind: str = SDP, **headers: str) -> Answer:
        """One request."""
        request = Request(self.served.url + path, body.encode() or None, method=method)
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if body:
            request.add_header("Content-Type", kind)
        for name, value in headers.items():
            request.add_header(name.replace("_", "-"), value)
        try:
            with urlopen(request, timeout=20) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    async def offer(self, path: str, direction: str) -> Answer:
        """Post an offer of sound and picture, and take the answer."""
        for kind, track in (("audio", AudioStreamTrack), ("video", VideoStreamTrack)):
            self.peer.addTransceiver(track() if direction == "sendonly" else kind, direction=direction)
        self.peer.on("track", lambda track: self.tasks.append(asyncio.ensure_future(self._drain(track))))
        await self.peer.setLocalDescription(await self.peer.createOffer())
        answer = await asyncio.to_thread(self.ask, "POST", path, self.peer.localDescription.sdp)
        if answer.status == 201:
            await self.peer.setRemoteDescription(RTCSessionDescription(answer.content.decode(), "answer"))
            await until(lambda: self.peer.connectionState == "connected")
        return answer

    async def _drain(self, track: Any) -> None:
        while True:
            await track.recv()
            self.frames[track.kind] += 1

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await self.peer.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("whip")
    with villages(folder, FENGHUO_TURN_URL="turn:192.0.2.9:3478,turns:192.0.2.9:443?transport=tcp") as system:
        yield system


@pytest.fixture
def room(served: Served) -> str:
    status, opened = served.call("POST", "/api/v1/rooms", {"title": "会商"})
    assert status == 201
    return str(opened["id"])


@pytest.fixture
def client(served: Served) -> Callable[[str], Client]:
    tokens = {name: served.log_in(name, ADMIN[1]) for name in (ADMIN[0], *VILLAGE_SITES)}
    return lambda name: Client(served, tokens.get(name, ""))


def ended(client: Client) -> bool:
    """Whether the client knows that it is over."""
    return client.peer.connectionState in ("closed", "failed")


def run(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scenario())


def roster(served: Served, room: str) -> dict[str, dict[str, Any]]:
    _, rooms = served.call("GET", "/api/v1/rooms")
    return {one["name"]: one for state in rooms if state["id"] == room for one in state["present"]}


def test_an_encoder_publishes_and_a_player_watches_and_both_leave(
    served: Served, room: str, client: Callable[[str], Client]
) -> None:
    async def scenario() -> None:
        encoder, player = client(VILLAGE_SITES[0]), client(VILLAGE_SITES[1])
        published = await encoder.offer(f"/whip/{room}", "sendonly")
        assert published.status == 201
        assert published.headers["Content-Type"] == SDP
        assert published.headers["ETag"] and published.headers["Location"].startswith(f"/whip/{room}/")
        links = published.headers.get_all("Link")
        assert [link.split(";")[0] for link in links] == [
            "<turn:192.0.2.9:3478>",
            "<turns:192.0.2.9:443?transport=tcp>",
        ]
        watched = await player.offer(f"/whep/{room}", "recvonly")
        assert watched.status == 201
        await until(lambda: player.frames["video"] > 5 and player.frames["audio"] > 20)
        names = [f"{site} 值守" for site in VILLAGE_SITES]
        here = await asyncio.to_thread(roster, served, room)
        assert {name: here[name]["connected"] for name in names} == dict.fromkeys(names, True)
        assert encoder.frames == {"audio": 0, "video": 0}
        for who, answer in ((encoder, published), (player, watched)):
            gone = await asyncio.to_thread(who.ask, "DELETE", answer.headers["Location"])
            assert gone.status == 204
            again = await asyncio.to_thread(who.ask, "DELETE", answer.headers["Location"])
            assert (again.status, again.problem["code"]) == (404, "not_found")
            await until(partial(ended, who))
        assert not set(names) & set(await asyncio.to_thread(roster, served, room))
        for who in (encoder, player):
            await who.close()

    run(scenario)


def test_a_player_follows_the_room_also_after_web_was_killed(
    served: Served, room: str, client: Callable[[str], Client]
) -> None:
    async def scenario() -> None:
        first, player, second = client(VILLAGE_SITES[0]), client(VILLAGE_SITES[1]), client(ADMIN[0])
        published = await first.offer(f"/whip/{room}", "sendonly")
        await player.offer(f"/whep/{room}", "recvonly")
        await until(lambda: player.frames["video"] > 5)
        await asyncio.to_thread(served.kill, "web")
        await asyncio.to_thread(served.wait_ready)
        assert (await second.offer(f"/whip/{room}", "sendonly")).status == 201
        gone = await asyncio.to_thread(first.ask, "DELETE", published.headers["Location"])
        assert gone.status == 204
        await asyncio.sleep(1)  # what was on its way has come
        seen = player.frames["video"]
        await until(lambda: player.frames["video"] > seen + 5, 15)
        for who in (first, player, second):
            await who.close()

    run(scenario)


def test_candidates_are_taken_and_a_restart_gives_new_credentials_while_media_goes_on(
    served: Served, room: str, client: Callable[[str], Client]
) -> None:
    async def scenario() -> None:
        encoder, player = client(VILLAGE_SITES[0]), client(VILLAGE_SITES[1])
        answer = await encoder.offer(f"/whip/{room}", "sendonly")
        await player.offer(f"/whep/{room}", "recvonly")
        place, version = answer.headers["Location"], answer.headers["ETag"]

        async def patch(body: str = CANDIDATE, kind: str = FRAGMENT, **headers: str) -> Answer:
            return await asyncio.to_thread(lambda: encoder.ask("PATCH", place, body, kind, **headers))

        assert (await patch(If_Match=version)).status == 204
        assert (await patch(If_Match='"another"')).status == 412
        assert (await patch()).status == 428
        assert (await patch(kind="text/plain", If_Match=version)).status == 415
        assert (await patch("a=mid:0\r\n", If_Match=version)).status == 400
        restarted = await patch(If_Match="*")
        assert (restarted.status, restarted.headers["Content-Type"]) == (200, FRAGMENT)
        told = restarted.content.decode()
        assert f"a=ice-ufrag:{restarted.headers['ETag'].strip(chr(34))}\r\n" in told and "a=ice-pwd:" in told
        assert restarted.headers["ETag"] != version
        assert (await patch(If_Match=version)).status == 412
        assert (await patch(If_Match=restarted.headers["ETag"])).status == 204
        seen = player.frames["video"]
        await until(lambda: player.frames["video"] > seen + 5)
        foreign = client(VILLAGE_SITES[1])
        assert (await asyncio.to_thread(foreign.ask, "DELETE", place)).status == 404
        for who in (encoder, player):
            await who.close()

    run(scenario)


def test_what_may_be_posted_is_told_to_everybody_and_taken_from_nobody_without_a_token(
    room: str, client: Callable[[str], Client]
) -> None:
    nobody = client("nobody")
    answer = nobody.ask("OPTIONS", f"/whip/{room}")
    assert (answer.status, answer.headers["Accept-Post"]) == (204, SDP)
    refused = nobody.ask("POST", f"/whip/{room}", "v=0\r\n")
    assert (refused.status, refused.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert refused.problem["code"] == "unauthenticated"


@pytest.mark.parametrize(
    ("path", "body", "kind", "status", "code"),
    [
        ("/whip/{room}", "nothing", SDP, 422, "bad_offer"),
        ("/whip/{room}", "v=0\r\n" + "a" * 70_000, SDP, 400, "bad_offer"),
        ("/whip/{room}", "{}", "application/json", 415, "bad_request"),
        ("/whip/0198c0de-0000-7000-8000-000000000001", "v=0\r\n", SDP, 404, "not_found"),
        ("/whep/none", "v=0\r\n", SDP, 404, "not_found"),
    ],
)
def test_bad_offers_are_refused_with_a_problem_and_leave_nobody_in_the_room(
    served: Served, room: str, client: Callable[[str], Client], path: str, body: str, kind: str, status: int, code: str
) -> None:
    answer = client(VILLAGE_SITES[0]).ask("POST", path.format(room=room), body, kind)
    assert (answer.status, answer.problem["code"]) == (status, code)
    assert roster(served, room) == {}
