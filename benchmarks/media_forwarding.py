"""CPU time for each forwarded packet: the media node beside aiortc's MediaRelay and beside Debian's Janus, in turn in one run."""

import argparse
import asyncio
import sys

from benchmarks.figure import tell
from benchmarks.forwarding import Result, Scenario, measure, network
from benchmarks.rtc_peer import prepared_frames
from benchmarks.rtc_server import JanusServer, LineServer, Server

BITS_PER_SECOND = 1_200_000
ROUNDS = 3


async def run(rounds: int, only: str) -> None:
    """All scenarios, all servers in turn."""
    frames = prepared_frames(BITS_PER_SECOND)
    scenarios = (Scenario("1 × 20", 1, 20, False, frames), Scenario("6 × 6", 6, 6, True, frames))
    with network() as (namespace, server_host, client_host, prefix):
        for scenario in scenarios:
            results: dict[str, list[Result]] = {}
            for round_number in range(rounds):
                servers: list[Server] = [LineServer("ours", namespace, server_host, prefix)]
                if namespace and only != "ours":
                    servers.append(JanusServer(namespace, server_host, prefix, event_loops=0))
                    servers.append(JanusServer(namespace, server_host, prefix, event_loops=1))
                if only not in ("ours", "janus"):
                    servers.append(LineServer("aiortc", namespace, server_host, prefix))
                for server in servers:
                    result = await measure(server, scenario, client_host)
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
            met=far_cheaper if relay else no_dearer,
        )


def far_cheaper(ours: float, theirs: float) -> bool:
    """The bar beside a server that decodes."""
    return theirs >= 50 * ours


def no_dearer(ours: float, theirs: float) -> bool:
    """The bar beside one that forwards, as we do."""
    return ours <= theirs


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--only", choices=["", "ours", "janus"], default="", help="ours alone, or ours and Janus")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.rounds, arguments.only))


if __name__ == "__main__":
    main()
