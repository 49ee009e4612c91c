"""A day of a busy room in minutes: fourteen sites of which one after the other leaves and comes back; what is left over in the media node."""

import argparse
import asyncio
import sys

from benchmarks.figure import tell
from benchmarks.forwarding import network
from benchmarks.rtc_peer import FRAME_RATE, RtcPeer, steady_bursts
from benchmarks.rtc_server import LineServer
from conference.media.dtls import make_certificate

SITES = 14
PICTURES = 4
JOINS = 4_320
"""One each twenty seconds for a day."""
WARM = 1_500
"""Until then the allocator still finds its level: measured, it is reached after about a thousand joins and holds from there on."""
SETTLE_S = 3.0


async def run(joins: int) -> None:
    """Join and leave, look before and after."""
    certificate = make_certificate()
    with network() as (namespace, server_host, client, prefix):
        server = LineServer("ours", namespace, server_host, prefix)
        await server.start()
        empty = await server.census()
        peers: dict[int, RtcPeer] = {}
        playing = asyncio.create_task(play(peers))
        try:
            before = after = empty
            for number in range(joins):
                seat = number % SITES
                if seat in peers:
                    await server.leave(f"s{seat}")
                    await peers.pop(seat).close()
                peer = RtcPeer(certificate, client)
                await server.join(peer, f"s{seat}", [f"s{(seat + step) % SITES}" for step in range(1, PICTURES + 1)])
                peers[seat] = peer
                if number == WARM:
                    before = await server.census()
                if number % 500 == 0:
                    print(number, await server.census(), file=sys.stderr)
            after = await server.census()
            for seat, peer in list(peers.items()):
                await server.leave(f"s{seat}")
                await peer.close()
            await asyncio.sleep(SETTLE_S)
            end = await server.census()
        finally:
            playing.cancel()
            await server.stop()
    drift = 100 * (after["rss"] - before["rss"]) / before["rss"]
    tell(
        f"rooms, memory drift over {joins - WARM} joins and leaves",
        "%",
        [drift],
        [],
        peer_name="",
        goal="< 2",
        met=lambda mine, _: mine < 2,
    )
    left = sum(max(0, end[what] - empty[what]) for what in ("tasks", "files", "sessions"))
    tell(
        "rooms, tasks, sockets and sessions left over when all have gone",
        "",
        [left],
        [],
        peer_name="",
        goal="0",
        met=lambda mine, _: mine == 0,
    )


async def play(peers: dict[int, RtcPeer]) -> None:
    """Whoever is there sends a picture and a voice."""
    bursts = steady_bursts(2, 1000, FRAME_RATE)
    number = 0
    while True:
        for peer in list(peers.values()):
            peer.publish(bursts[number % len(bursts)])
            peer.speak(30)
        number += 1
        await asyncio.sleep(1 / FRAME_RATE)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--joins", type=int, default=JOINS)
    asyncio.run(run(parser.parse_args().joins))


if __name__ == "__main__":
    main()
