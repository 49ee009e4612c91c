"""Encoders that people have publish into a room, whichever DTLS role and direction they offer, and viewers see H.264."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from conference.media.negotiate import parse_offer
from conference.media.node import MediaNode
from tests.media.encoders import start_ffmpeg
from tests.media.test_isolation import in_loop
from tests.media.test_node import Guest, running, until

OFFERS = sorted((Path(__file__).parents[1] / "data" / "sdp").glob("encoder-offer-*.sdp"))


async def publish(node: MediaNode, name: str, sdp: str) -> dict[str, Any]:
    """What web asks of the node for an encoder."""
    grants = {"publish": ["audio", "camera"], "subscribe": False}
    return await node.offer({"room": "r", "participant": name, "session": f"s-{name}", "sdp": sdp, "grants": grants})


@asynccontextmanager
async def whip_address(node: MediaNode, name: str) -> AsyncIterator[str]:
    """An address that takes offers as `/whip/<room>` does, without web's rules."""

    async def offer(request: web.Request) -> web.Response:
        answer = await publish(node, name, await request.text())
        headers = {"Location": "/whip/r/s"}
        return web.Response(status=201, text=answer["sdp"], content_type="application/sdp", headers=headers)

    async def end(_request: web.Request) -> web.Response:
        return web.Response(status=200)

    app = web.Application()
    app.router.add_post("/whip/r", offer)
    app.router.add_delete("/whip/r/s", end)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/whip/r"
    finally:
        await runner.cleanup()


@pytest.mark.parametrize("path", OFFERS, ids=lambda path: path.stem)
def test_offers_of_encoders_are_taken(path: Path) -> None:
    offer = parse_offer(path.read_text())
    assert [section.source for section in offer.sections] == ["audio", "camera"]


def test_a_passive_peer_is_answered_actively_and_a_sendrecv_section_recvonly() -> None:
    async def scenario() -> None:
        async with running() as (node, _):
            for path in OFFERS:
                answer = (await publish(node, path.stem, path.read_text()))["sdp"]
                assert "a=sendrecv" not in answer and answer.count("a=recvonly") == 2
                role = "active" if "a=setup:passive" in path.read_text() else "passive"
                assert answer.count(f"a=setup:{role}") == 2

    asyncio.run(scenario())


@in_loop
async def test_the_stock_muxer_of_ffmpeg_publishes_and_an_independent_client_sees_its_h264() -> None:
    async with running() as (node, _), whip_address(node, "drone") as url:
        viewer = Guest(node, "viewer")
        answer = await viewer.join()
        # A slot takes both codecs, and changes with its source.
        slot = answer["sdp"].split("m=video")[-1]
        assert "VP8/90000" in slot and "H264/90000" in slot
        await viewer.want("drone")
        encoder = start_ffmpeg(url)
        try:
            await until(lambda: encoder.poll() is not None or viewer.got(sound=5, picture=5), 60)
            assert viewer.got(sound=5, picture=5), encoder.stderr and encoder.stderr.read().decode()
        finally:
            encoder.kill()
            encoder.wait()
            await viewer.close()


@in_loop
async def test_who_offers_sendrecv_as_add_track_does_publishes() -> None:
    async with running() as (node, _):
        viewer = Guest(node, "viewer")
        await viewer.join()
        await viewer.want("camera")
        sender = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        for track in (AudioStreamTrack(), VideoStreamTrack()):
            sender.addTrack(track)
        await sender.setLocalDescription(await sender.createOffer())
        assert "a=sendrecv" in sender.localDescription.sdp
        answer = await publish(node, "camera", sender.localDescription.sdp)
        await sender.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await until(lambda: viewer.got(sound=5, picture=5), 30)
        await sender.close()
        await viewer.close()


@in_loop
async def test_a_handshake_that_fails_is_logged_with_its_alert(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as (node, _):
        sender = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        sender.addTransceiver(AudioStreamTrack(), direction="sendonly")
        await sender.setLocalDescription(await sender.createOffer())
        # The certificate that the offer promises is another one.
        sdp = re.sub(r"(a=fingerprint:\S+ )..", r"\g<1>00", sender.localDescription.sdp)
        answer = await publish(node, "camera", sdp)
        await sender.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        await until(lambda: any("handshake" in one.getMessage() for one in caplog.records))
        found = next(one for one in caplog.records if "handshake" in one.getMessage())
        assert found.levelname == "WARNING" and found.__dict__["reason"] == "fingerprint"
        await sender.close()
