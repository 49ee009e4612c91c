"""CPU time for each forwarded packet: the media node beside aiortc's MediaRelay and beside Debian's Janus, in turn in one run.

Real ICE, DTLS and SRTP clients; every receiver is drained; the figure is the user and system time of the server's process, all threads,
divided by the RTP packets that arrived. Servers run in a network namespace of their own behind a veth pair (Janus skips loopback
interfaces); without root they run on loopback, and Janus is left out.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import tell
from benchmarks.rtc_peer import FRAME_RATE, RtcPeer, prepared_frames
from benchmarks.rtc_server import JanusServer, LineServer, Server
from conference.media.dtls import make_certificate

BITS_PER_SECOND = 1_200_000
WARM_UP_S = 3.0
MEASURE_S = 8.0
RELAY_MEASURE_S = 8.0
ROUNDS = 3


@dataclass(frozen=True)
class Scenario:
    """How many publish, how many watch, and whether they are the same."""

    name: str
    publishers: int
    receivers: int
    everyone: bool


SCENARIOS = (Scenario("1 × 20", 1, 20, False), Scenario("6 × 6", 6, 6, True))


@dataclass
class Result:
    """One measurement."""

    cpu_us: float
    packets: int
    expected: int


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process that live, in nanoseconds (schedstat is finer than the ticks of stat)."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


@contextmanager
def network() -> Iterator[tuple[str, str, str, str]]:
    """A namespace with a veth pair: (namespace, server's address, clients' address, their prefix); on loopback without root."""
    if os.geteuid() != 0:
        yield "", "127.0.0.1", "127.0.0.1", "127."
        return
    name = f"fhb{os.getpid()}"
    near, far = f"fa{os.getpid()}"[:15], f"fb{os.getpid()}"[:15]
    commands = [
        f"ip netns add {name}",
        f"ip link add {near} type veth peer name {far} netns {name}",
        f"ip addr add 10.213.7.2/30 dev {near}",
        f"ip link set {near} up",
        f"ip -n {name} addr add 10.213.7.1/30 dev {far}",
        f"ip -n {name} link set {far} up",
        f"ip -n {name} link set lo up",
    ]
    try:
        for command in commands:
            subprocess.run(command.split(), check=True)
        yield name, "10.213.7.1", "10.213.7.2", "10.213.7."
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)
        subprocess.run(["ip", "link", "del", near], check=False, stderr=subprocess.DEVNULL)


async def measure(server: Server, scenario: Scenario, frames: list[list[bytes]], host: str, seconds: float) -> Result:
    """Start the server, let everyone meet, measure, end it."""
    certificate = make_certificate()
    publishers = [RtcPeer(certificate, host) for _ in range(scenario.publishers)]
    if scenario.everyone:
        receivers = [(peer, [i for i in range(len(publishers)) if i != n]) for n, peer in enumerate(publishers)]
    else:
        receivers = [(RtcPeer(certificate, host), [0]) for _ in range(scenario.receivers)]
    await server.start()
    task = asyncio.create_task(publish(publishers, frames))
    try:
        await server.meet(publishers, receivers)
        ends = [peer.companion or peer for peer, _ in receivers]
        await asyncio.sleep(WARM_UP_S)
        before, came, went = cpu_ns(server.pid), sum(p.received for p in ends), sum(p.sent for p in publishers)
        await asyncio.sleep(seconds)
        after, came_after, went_after = (
            cpu_ns(server.pid),
            sum(p.received for p in ends),
            sum(p.sent for p in publishers),
        )
        packets = came_after - came
        expected = (went_after - went) * (scenario.receivers - 1 if scenario.everyone else scenario.receivers)
        for peer in {*publishers, *ends}:
            await peer.close()
        return Result((after - before) / 1000 / max(1, packets), packets, expected)
    finally:
        task.cancel()
        await server.stop()


async def publish(publishers: list[RtcPeer], frames: list[list[bytes]]) -> None:
    """Every publisher sends its frames in time, each a little after the other, as cameras do."""
    count = len(publishers)
    start = time.monotonic()
    tick = 0
    while True:
        index = tick % count
        publishers[index].publish(frames[(tick // count + index * 7) % len(frames)])
        tick += 1
        await asyncio.sleep(max(0.0, start + tick / (FRAME_RATE * count) - time.monotonic()))


async def run(rounds: int, only: str) -> None:
    """All scenarios, all servers in turn."""
    frames = prepared_frames(BITS_PER_SECOND)
    with network() as (namespace, server_host, client_host, prefix):
        for scenario in SCENARIOS:
            results: dict[str, list[Result]] = {}
            for round_number in range(rounds):
                servers: list[Server] = [LineServer("ours", namespace, server_host, prefix)]
                if namespace and only != "ours":
                    servers.append(JanusServer(namespace, server_host, prefix, event_loops=0))
                    servers.append(JanusServer(namespace, server_host, prefix, event_loops=1))
                if only not in ("ours", "janus"):
                    servers.append(LineServer("aiortc", namespace, server_host, prefix))
                for server in servers:
                    result = await measure(server, scenario, frames, client_host, MEASURE_S)
                    results.setdefault(server.name, []).append(result)
                    print(
                        f"{scenario.name} round {round_number + 1} {server.name} ({server.version}): {result.cpu_us:.2f} µs, "
                        f"{result.packets} of {result.expected} packets",
                        file=sys.stderr,
                    )
            report(scenario, results)


def report(scenario: Scenario, results: dict[str, list[Result]]) -> None:
    """One JSON line for each peer."""
    costs = {name: [result.cpu_us for result in many] for name, many in results.items()}
    ours = costs.pop("fenghuo")
    for name, theirs in costs.items():
        relay = name.startswith("aiortc")
        tell(
            f"media forwarding {scenario.name}: CPU for each forwarded packet",
            "µs",
            ours,
            theirs,
            peer_name=name,
            goal="the peer needs at least 50 times as much" if relay else "at most 1.0 of the peer",
            met=lambda mine, other, relay=relay: other >= 50 * mine if relay else mine <= other,
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=["", "ours", "janus"], default="", help="ours alone, or ours and Janus")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.rounds, arguments.only))


if __name__ == "__main__":
    main()
