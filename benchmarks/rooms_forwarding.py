"""A township's rooms and larger: CPU time for each forwarded packet, all features on, beside both modes of Janus and beside the floor.

1 × 50 at 10 k, 50 k and 100 k packets/s in bursts of 5 and of 1, and 12 × 12 at 1 Mbit/s. The floor is what C needs for AES-256-GCM over the
same bytes and one `sendto` each (benchmarks/floor.py). `--only ours` for a quick look.
"""

import argparse
import asyncio
import sys

from benchmarks.figure import tell
from benchmarks.floor import floor_us
from benchmarks.forwarding import Result, Scenario, measure, network
from benchmarks.rtc_peer import prepared_frames, steady_bursts
from benchmarks.rtc_server import JanusServer, LineServer, Server

PACKET_BYTES = 1200
RECEIVERS = 50
RATES = (10_000, 50_000, 100_000)
BURSTS = (5, 1)
FLOOR_FROM = 50_000
ROUNDS = 3


def scenarios() -> list[Scenario]:
    """All of them, the small ones first."""
    made = []
    for burst in BURSTS:
        for rate in RATES:
            each_s = rate / RECEIVERS / burst
            name = f"1 × {RECEIVERS} at {rate // 1000} k packets/s in bursts of {burst}"
            made.append(Scenario(name, 1, RECEIVERS, False, steady_bursts(burst, PACKET_BYTES, each_s), each_s))
    made.append(Scenario("12 × 12 at 1 Mbit/s", 12, 12, True, prepared_frames(1_000_000)))
    return made


async def run(rounds: int, only: str, pick: str) -> None:
    """All scenarios, all servers in turn."""
    with network() as (namespace, server_host, client_host, prefix):
        for scenario in scenarios():
            if pick not in scenario.name:
                continue
            results: dict[str, list[Result]] = {}
            floors: list[float] = []
            for number in range(rounds):
                servers: list[Server] = [LineServer("ours", namespace, server_host, prefix)]
                if namespace and only != "ours":
                    servers += [JanusServer(namespace, server_host, prefix, event_loops=loops) for loops in (1, 0)]
                for server in servers:
                    result = await measure(server, scenario, client_host)
                    results.setdefault(server.name, []).append(result)
                    print(
                        f"{scenario.name} round {number + 1} {server.name} ({server.version}): {result.cpu_us:.2f} µs, "
                        f"{result.packets} of {result.expected} packets",
                        file=sys.stderr,
                    )
                if needs_floor(scenario):
                    floor = await asyncio.to_thread(floor_us, namespace, client_host, PACKET_BYTES, RECEIVERS)
                    floors += [] if floor is None else [floor]
            report(scenario, results, floors)


def needs_floor(scenario: Scenario) -> bool:
    """Where UDP_SEGMENT must carry us below the floor: bursts of 5 from 50 k packets/s on."""
    burst = len(scenario.bursts[0])
    return not scenario.everyone and burst > 1 and burst * scenario.bursts_per_s * RECEIVERS >= FLOOR_FROM


def report(scenario: Scenario, results: dict[str, list[Result]], floors: list[float]) -> None:
    """One JSON line for the cheapest Janus, one for the other, one for the floor, one for what arrived."""
    costs = {name: [result.cpu_us for result in many] for name, many in results.items()}
    ours = costs.pop("fenghuo")
    figure = f"rooms, {scenario.name}: CPU for each forwarded packet"
    goal = "at most 0.8 of the peer (aim: 0.35 in bursts of 5, 0.6 in bursts of 1)"
    for name, theirs in costs.items():
        tell(figure, "µs", ours, theirs, peer_name=name, goal=goal, met=lambda mine, other: mine <= 0.8 * other)
    if floors:
        name = "floor: AES-256-GCM and one sendto in C"
        tell(figure, "µs", ours, floors, peer_name=name, goal="at most 1.0", met=lambda mine, other: mine <= other)
    came = [100 * result.packets / max(1, result.expected) for result in results["fenghuo"]]
    tell(
        f"rooms, {scenario.name}: packets that arrived",
        "%",
        came,
        [],
        peer_name="",
        goal=">= 99.9",
        met=lambda mine, _: mine >= 99.9,
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=["", "ours"], default="", help="ours alone")
    parser.add_argument("--pick", default="", help="only scenarios whose name has this in it")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.rounds, arguments.only, arguments.pick))


if __name__ == "__main__":
    main()
