"""What one core of the media node carries: packets a second, the delay that it adds, a township's room that talks and one that is silent, joins."""

import asyncio
import resource
import statistics
import time
from collections.abc import Awaitable, Callable

from benchmarks.figure import tell, tell_at_most
from benchmarks.forwarding import MEASURE_S, Scenario, apart, cpu_ns, measure, network, publish
from benchmarks.rtc_peer import FRAME_RATE, RtcPeer, steady_bursts
from benchmarks.rtc_server import JanusServer, LineServer, Server
from conference.media.dtls import make_certificate

ROUNDS = 3
SITES = 14
PICTURES = 8
SPEAKERS = 3
CAMERA_BPS = 400_000
"""The middle layer: 360 lines, as eight tiles on one screen show it."""
PACKET_BYTES = 1200
LOUD, QUIET = 30, 100
VOICE_EVERY_S = 0.02
FULL_RATE = 300_000
DELAY_RATE = 50_000
RECEIVERS = 50
SETTLE_S = 4.0


async def full_rate(server: LineServer, client: str) -> tuple[float, float]:
    """Packets a second that arrived for each second of one core, and the share of them that did arrive (%)."""
    each_s = FULL_RATE / RECEIVERS / 5
    bursts = steady_bursts(5, PACKET_BYTES, each_s)
    scenario = Scenario("full", 1, RECEIVERS, False, bursts, each_s)
    result = await measure(server, scenario, client, in_kernel=True)
    return 1e6 / result.cpu_us, 100 * result.packets / max(1, result.expected)


async def added_delay_ms(server: Server, client: str) -> float:
    """p99 from the publisher's `sendto` to a subscriber's socket, at DELAY_RATE packets a second to all, in bursts of 5."""
    certificate = make_certificate()
    publisher = RtcPeer(certificate, client)
    receivers = [RtcPeer(certificate, client) for _ in range(RECEIVERS)]
    each_s = DELAY_RATE / RECEIVERS / 5
    scenario = Scenario("delay", 1, RECEIVERS, False, steady_bursts(5, PACKET_BYTES, each_s), each_s)
    await server.start()
    task = asyncio.create_task(publish([publisher], scenario))
    try:
        with apart():
            await server.meet([publisher], [(peer, [0]) for peer in receivers])
            for peer in receivers[:-1]:
                peer.leave_counting_to_the_kernel()
            await asyncio.sleep(SETTLE_S)
            sent = publisher.note_moments()
            came = receivers[-1].note_moments()  # the last of the fan: the one that waits longest
            await asyncio.sleep(MEASURE_S)
        # What was under way when they began is in one list only; numbers differ by what the server adds to all of them.
        first, began = sent[0]
        added = next(number for number, at in came if at >= began) - first
        arrived = {number - added & 0xFFFF: at for number, at in came if at >= began}
        delays = sorted((arrived[number] - at) * 1000 for number, at in sent if number in arrived)
        return delays[int(len(delays) * 0.99)]
    finally:
        task.cancel()
        for peer in (publisher, *receivers):
            await peer.close()
        await server.stop()


async def township(server: LineServer, client: str, *, talking: bool) -> tuple[float, float]:
    """A room of SITES: (share of a core in %, CPU ms of one join)."""
    certificate = make_certificate()
    peers = [RtcPeer(certificate, client) for _ in range(SITES)]
    await server.start()
    tasks: list[asyncio.Task[None]] = []
    try:
        with apart():
            idle = cpu_ns(server.pid)
            for number, peer in enumerate(peers):
                wanted = [f"s{(number + step) % SITES}" for step in range(1, PICTURES + 1)]
                await server.join(peer, f"s{number}", wanted)
            joined = (cpu_ns(server.pid) - idle) / 1e6 / SITES
            if talking:
                each_s = float(FRAME_RATE)
                frame = steady_bursts(max(1, round(CAMERA_BPS / 8 / FRAME_RATE / PACKET_BYTES)), PACKET_BYTES, each_s)
                tasks = [
                    asyncio.create_task(publish(peers, Scenario("", SITES, SITES, True, frame, each_s))),
                    asyncio.create_task(speak(peers)),
                ]
            await asyncio.sleep(SETTLE_S)
            before = cpu_ns(server.pid)
            await asyncio.sleep(MEASURE_S)
            return (cpu_ns(server.pid) - before) / MEASURE_S / 1e7, joined
    finally:
        for task in tasks:
            task.cancel()
        for peer in peers:
            await peer.close()
        await server.stop()


async def speak(peers: list[RtcPeer]) -> None:
    """SPEAKERS speak, the others' microphones are open and quiet."""
    start, tick = time.monotonic(), 0
    while True:
        for number, peer in enumerate(peers):
            peer.speak(LOUD if number < SPEAKERS else QUIET)
        tick += 1
        await asyncio.sleep(max(0.0, start + tick * VOICE_EVERY_S - time.monotonic()))


async def repeated(run: Callable[[], Awaitable[tuple[float, float]]]) -> tuple[list[float], list[float]]:
    """ROUNDS of a measurement that gives two figures."""
    results = [await run() for _ in range(ROUNDS)]
    return [first for first, _ in results], [second for _, second in results]


async def main() -> None:
    """All figures."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with network() as (namespace, server_host, client, prefix):
        server = LineServer("ours", namespace, server_host, prefix)
        rates, arrived = await repeated(lambda: full_rate(server, client))
        tell(
            "rooms, packets forwarded for each second of one core, 1 × 50 in bursts of 5",
            "packets/s",
            rates,
            [],
            peer_name="",
            goal=f">= {FULL_RATE}",
            met=lambda mine, _: mine >= FULL_RATE,
        )
        tell(
            f"rooms, share that arrived at {FULL_RATE // 1000} k packets/s",
            "%",
            arrived,
            [],
            peer_name="",
            goal=">= 99.9",
            met=lambda mine, _: mine >= 99.9,
        )
        delays, others = [], []
        for _ in range(ROUNDS):
            delays.append(await added_delay_ms(server, client))
            if namespace:
                others.append(await added_delay_ms(JanusServer(namespace, server_host, prefix, event_loops=1), client))
        tell(
            f"rooms, added latency p99 at {DELAY_RATE // 1000} k packets/s",
            "ms",
            delays,
            others,
            peer_name="janus videoroom, event_loops=1" if others else "",
            goal="<= 2",
            met=lambda mine, _: mine <= 2,
        )
        busy, joins = await repeated(lambda: township(server, client, talking=True))
        tell_at_most(f"rooms, {SITES} sites with 3 voices and {PICTURES} pictures each", "% of a core", busy, 20)
        idle, more = await repeated(lambda: township(server, client, talking=False))
        tell_at_most(f"rooms, an idle room of {SITES}", "% of a core", idle, 3)
        tell_at_most("rooms, CPU of one join", "ms", [statistics.median(joins), statistics.median(more)], 5)


if __name__ == "__main__":
    asyncio.run(main())
