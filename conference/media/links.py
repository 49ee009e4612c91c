"""The connections to every web process: each hears all that the node tells, and commands the node itself (docs/room-protocol.md).

`Links` owns one `Link` for each address; one that is away keeps none of the others from hearing.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from typing import Any

from conference.media.link import LOAD_EVERY_S, Commanded, Handler, Link

NEWS_MAX = 2048
"""News kept for one web process that is slow or away; beyond it the newest are dropped, and on its return every living session is told anew."""


class Ear:
    """The node as one connection has it: with a queue of news of its own. `share` puts what the node told into every such queue."""

    def __init__(self, node: Commanded, share: Callable[[], None], load: Callable[[], dict[str, Any]]) -> None:
        self.news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(NEWS_MAX)
        self._node = node
        self._share = share
        self.load = load

    def commands(self) -> dict[str, Handler]:
        """Event name to handler."""
        return self._node.commands()

    def announce(self) -> None:
        """This web process is (again) there: stale news go, and what lives is told; the others hear it once more, which changes nothing for them."""
        # First: the node forgets what it has not handed on when it announces, and the others must not miss that.
        self._share()
        while not self.news.empty():
            self.news.get_nowait()
        self._node.announce()

    def hear(self, told: tuple[str, dict[str, Any]]) -> bool:
        """Keep one piece of news for the connection; False when there is no room."""
        if self.news.full():
            return False
        self.news.put_nowait(told)
        return True


class Links:
    """All connections of one node."""

    def __init__(
        self,
        node: Commanded,
        web_urls: Sequence[str],
        token: str,
        node_id: str,
        trust: Callable[[], ssl.SSLContext],
        dropped: Callable[[], None],
    ) -> None:
        """As `Link`, with one address for each web process; `dropped` counts each piece of news that one which was away did not get."""
        self._node = node
        self._dropped = dropped
        self._load: dict[str, Any] = {}
        self._load_at = float("-inf")
        self._ears = [Ear(node, self._share, self._current_load) for _ in web_urls]
        self._links = [
            Link(ear, web_url, token, node_id, trust) for ear, web_url in zip(self._ears, web_urls, strict=True)
        ]

    async def run(self) -> None:
        """Stay connected to all of them until cancelled."""
        await asyncio.gather(self._hand_on(), *(link.run() for link in self._links))

    def end(self) -> None:
        """Dial no more: what is connected stays so until `run` is cancelled."""
        for link in self._links:
            link.ending = True

    async def _hand_on(self) -> None:
        while True:
            self._tell(await self._node.news.get())

    def _share(self) -> None:
        while not self._node.news.empty():
            self._tell(self._node.news.get_nowait())

    def _tell(self, told: tuple[str, dict[str, Any]]) -> None:
        for ear in self._ears:
            if not ear.hear(told):
                self._dropped()

    def _current_load(self) -> dict[str, Any]:
        """The same for all: what a packet costs is measured since the load was last asked for."""
        now = asyncio.get_running_loop().time()
        if now - self._load_at >= LOAD_EVERY_S / 2:
            self._load, self._load_at = self._node.load(), now
        return self._load
