"""How the CPU time of one forwarded packet is measured: ours, aiortc's MediaRelay and Debian's Janus in the same scenario.

Real ICE, DTLS and SRTP clients; every receiver is drained; the figure is the user and system time of the server's process, all threads,
divided by the RTP packets that arrived. Servers run in a network namespace of their own behind a veth pair (Janus skips loopback
interfaces); without root they run on loopback, and Janus is left out.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.rtc_peer import FRAME_RATE, RtcPeer
from benchmarks.rtc_server import Server
from conference.media.dtls import make_certificate

WARM_UP_S = 4.0
"""The receivers' REMB comes after a second; then the budget has grown to what is wanted."""
MEASURE_S = 8.0
DRAIN_S = 0.5
"""Nothing is sent for so long before and after: what was counted is then all there is, and nothing is under way."""


@dataclass(frozen=True)
class Scenario:
    """How many publish, how many watch, whether they are the same; what each publisher sends: `bursts_per_s` of `bursts` in turn."""

    name: str
    publishers: int
    receivers: int
    everyone: bool
    bursts: list[list[bytes]]
    bursts_per_s: float = FRAME_RATE


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


async def measure(server: Server, scenario: Scenario, host: str, *, in_kernel: bool = False) -> Result:
    """Start the server, let everyone meet, measure, end it. With `in_kernel` the receivers' kernel counts what arrives, and nobody reads it."""
    certificate = make_certificate()
    publishers = [RtcPeer(certificate, host) for _ in range(scenario.publishers)]
    if scenario.everyone:
        receivers = [(peer, [i for i in range(len(publishers)) if i != n]) for n, peer in enumerate(publishers)]
    else:
        receivers = [(RtcPeer(certificate, host), [0]) for _ in range(scenario.receivers)]
    await server.start()
    going = asyncio.Event()
    going.set()
    task = asyncio.create_task(publish(publishers, scenario, going))
    try:
        with apart():
            await server.meet(publishers, receivers)
            ends = [peer.companion or peer for peer, _ in receivers]
            if in_kernel:
                for peer in ends:
                    peer.leave_counting_to_the_kernel()
            await asyncio.sleep(WARM_UP_S)
            going.clear()
            await asyncio.sleep(DRAIN_S)
            before, came, went = cpu_ns(server.pid), sum(p.received for p in ends), sum(p.sent for p in publishers)
            going.set()
            await asyncio.sleep(MEASURE_S)
            going.clear()
            await asyncio.sleep(DRAIN_S)
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


@contextmanager
def apart() -> Iterator[None]:
    """The clients stay on one processor, all threads. People are on other machines: on this one each packet that arrives would have the kernel
    wake its reader on the server's processor, in the middle of the server's sending, some thousand times a second. The server, which must
    have been started before, may run anywhere.
    """
    everywhere = os.sched_getaffinity(0)
    _stay_on({max(everywhere)})
    try:
        yield
    finally:
        _stay_on(everywhere)


def _stay_on(processors: set[int]) -> None:
    for task in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(task.name), processors)


async def publish(publishers: list[RtcPeer], scenario: Scenario, going: asyncio.Event | None = None) -> None:
    """Every publisher sends its bursts in time, each a little after the other, as cameras do; with `going` only while it is set."""
    bursts, count = scenario.bursts, len(publishers)
    start = time.monotonic()
    tick = 0
    while True:
        if going is not None and not going.is_set():
            await going.wait()
            start, tick = time.monotonic(), 0
        # The loop wakes a thousand times a second at best: what is due by then goes out one after the other.
        due = int((time.monotonic() - start) * scenario.bursts_per_s * count)
        while tick <= due:
            index = tick % count
            publishers[index].publish(bursts[(tick // count + index * 7) % len(bursts)])
            tick += 1
        await asyncio.sleep(max(0.0, start + tick / (scenario.bursts_per_s * count) - time.monotonic()))
