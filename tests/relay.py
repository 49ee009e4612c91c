"""A bad line between browsers and the media node: a UDP relay that loses, delays, reorders, narrows and goes dark, the same way every time.

Each client keeps a source port of its own towards the node. Everything can be set while it runs. A page comes to it by `through(port)`:
the node announces its own port, and the page's answer is rewritten on the way into the browser.
"""

import asyncio
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

CLIENTS_MAX = 64

Address = tuple[str, int]


@dataclass
class Line:
    """One direction. `admit` decides on each datagram with the time given: pure, so that a test can hold it against a clock by hand."""

    seed: int = 1
    loss: float = 0.0
    """Share of datagrams lost, by the seeded dice."""
    pattern: Sequence[bool] = ()
    """Or which are lost (True), over and over; counts beside `loss`."""
    delay_s: float = 0.0
    jitter_s: float = 0.0
    """Up to so much more delay, by the seeded dice: with `ordered` false later ones overtake."""
    ordered: bool = False
    rate_bps: float = 0.0
    """How much it carries; 0: any amount."""
    queue_s: float = 0.3
    """How long a datagram may wait for its turn on a narrow line; what would wait longer is dropped."""
    dark: bool = False
    """Nothing goes through."""
    windows: Sequence[tuple[float, float]] = ()
    """Nor does it from the first to the second time of each pair."""
    passed: int = 0
    dropped: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed)
        self._count = 0
        self._free_at = 0.0
        self._last_at = 0.0

    def admit(self, now: float, size: int) -> float | None:
        """When a datagram of `size` bytes that comes at `now` goes on, in the same seconds; None when it is lost."""
        number = self._count
        self._count += 1
        # Thrown for every datagram, so that what happens to the thousandth does not depend on what was set for the others.
        unlucky, wobble = self._dice.random(), self._dice.random()
        if self.dark or any(start <= now < end for start, end in self.windows):
            return self._lose("dark")
        if unlucky < self.loss or (self.pattern and self.pattern[number % len(self.pattern)]):
            return self._lose("lost")
        at = now
        if self.rate_bps:
            at = max(now, self._free_at)
            if at - now > self.queue_s:
                return self._lose("overflow")
            at += size * 8 / self.rate_bps
            self._free_at = at
        at += self.delay_s + wobble * self.jitter_s
        if self.ordered:
            at = max(at, self._last_at)
        self._last_at = at
        self.passed += 1
        return at

    def _lose(self, reason: str) -> float | None:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        return None


class _Port(asyncio.DatagramProtocol):
    """A socket of the relay."""

    def __init__(self, take: Callable[[bytes, Address], None]) -> None:
        self._take = take
        self.transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._take(data, addr)

    def error_received(self, exc: Exception) -> None:
        """The node is away (ICMP port unreachable): on a real line nobody would hear of it either."""


class Relay:
    """Runs in a thread of its own, from `start` to `stop`; `up` leads to the node at `node`, `down` to the clients."""

    def __init__(self, node: Address, *, up: Line | None = None, down: Line | None = None) -> None:
        self.up = up or Line(seed=1)
        self.down = down or Line(seed=2)
        self.port = 0
        self.listen: list[bytes] | None = None
        """What goes to the node is written along here, while it is a list."""
        self._node = node
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._front = _Port(self._from_client)
        self._towards: dict[Address, _Port] = {}
        self._waiting: dict[Address, list[bytes]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Open the port."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)

    async def _open(self) -> None:
        await self._loop.create_datagram_endpoint(lambda: self._front, local_addr=("127.0.0.1", 0))
        if self._front.transport is not None:
            self.port = self._front.transport.get_extra_info("sockname")[1]

    def _from_client(self, data: bytes, client: Address) -> None:
        now = self._loop.time()
        at = self.up.admit(now, len(data))
        if at is not None:
            self._later(at, now, lambda: self._to_node(data, client))

    def _to_node(self, data: bytes, client: Address) -> None:
        if self.listen is not None:
            self.listen.append(data)
        port = self._towards.get(client)
        if port is None:
            if len(self._towards) >= CLIENTS_MAX:
                return
            port = self._towards[client] = _Port(lambda back, _node: self._from_node(back, client))
            self._waiting[client] = []
            task = self._loop.create_task(self._dial(client, port))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if port.transport is None:
            self._waiting[client].append(data)
        else:
            port.transport.sendto(data)

    async def _dial(self, client: Address, port: _Port) -> None:
        await self._loop.create_datagram_endpoint(lambda: port, remote_addr=self._node)
        if port.transport is not None:
            for data in self._waiting.pop(client):
                port.transport.sendto(data)

    def tell_node(self, data: bytes) -> None:
        """Send the node something from the address of each client."""
        for client in list(self._towards):
            self._loop.call_soon_threadsafe(self._to_node, data, client)

    def _from_node(self, data: bytes, client: Address) -> None:
        now = self._loop.time()
        at = self.down.admit(now, len(data))
        if at is not None:
            self._later(at, now, lambda: self._to_client(data, client))

    def _to_client(self, data: bytes, client: Address) -> None:
        if self._front.transport is not None:
            self._front.transport.sendto(data, client)

    def _later(self, at: float, now: float, send: Callable[[], None]) -> None:
        if at <= now:
            send()
        else:
            self._loop.call_at(at, send)

    def go_dark(self) -> None:
        """Nothing goes through in either direction."""
        self.up.dark = self.down.dark = True

    def come_back(self) -> None:
        """All of it goes through again."""
        self.up.dark = self.down.dark = False

    def rebind(self) -> None:
        """As a NAT that forgot everybody: each client reaches the node from another port from now on, and the old one leads nowhere."""
        asyncio.run_coroutine_threadsafe(self._forget(), self._loop).result(10)

    async def _forget(self) -> None:
        for port in self._towards.values():
            if port.transport is not None:
                port.transport.close()
        self._towards.clear()

    @property
    def clients(self) -> int:
        """How many addresses have written through it."""
        return len(self._towards)

    def stop(self) -> None:
        """Close all sockets and end the thread."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _close(self) -> None:
        for port in [self._front, *self._towards.values()]:
            if port.transport is not None:
                port.transport.close()
        await asyncio.sleep(0)


@contextmanager
def relay_to(port: int, *, up: Line | None = None, down: Line | None = None) -> Iterator[Relay]:
    """A running relay in front of the media node at that port of this machine."""
    relay = Relay(("127.0.0.1", port), up=up, down=down)
    relay.start()
    try:
        yield relay
    finally:
        relay.stop()


def through(node_port: int, relay_port: int) -> str:
    """A script for a page, before its own: every candidate of the node becomes the relay's."""
    return f"""
const take = RTCPeerConnection.prototype.setRemoteDescription;
RTCPeerConnection.prototype.setRemoteDescription = function (told) {{
  return take.call(this, {{ type: told.type, sdp: told.sdp.replaceAll(" {node_port} typ host", " {relay_port} typ host") }});
}};
"""
