"""A router forgets its clients in the middle of a consultation: they come from other ports, and pictures go on without a new offer."""

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Page, sync_playwright

from conference.media import stun
from conference.media.node import MediaNode
from tests.media.test_node import Guest, until
from tests.media.test_node import running as running_node
from tests.relay import Relay, relay_to
from tests.rooms.consultation import VILLAGE_SITES, Consultation, browser, pictures, stats, until_sees, villages
from tests.serving import ADMIN, Served

WITHIN_S = 3.0
TIMES = 2
CALM_S = 4.0
"""Between two times: a line that loses a burst every second is taken for a weak one, and gets stills."""
LOOK_S = 0.05
KEPT = 20
SILENT_S = 0.5
"""Longer than a session must be silent before it may be found elsewhere."""


class Behind:
    """The node as a client sees it that reaches it through the relay."""

    def __init__(self, node: MediaNode, port: int) -> None:
        self._node, self._port = node, port

    async def offer(self, request: dict[str, Any]) -> dict[str, Any]:
        answer = await self._node.offer(request)
        return {**answer, "sdp": answer["sdp"].replace(f" {self._node.port} typ host", f" {self._port} typ host")}

    async def want(self, request: dict[str, Any]) -> dict[str, Any]:
        return await self._node.want(request)


@asynccontextmanager
async def behind_a_router() -> AsyncIterator[tuple[MediaNode, Relay, Guest, Guest]]:
    """A node, the line of the first of two guests to it, and both of them in a room."""
    async with running_node() as (node, _):
        with relay_to(node.port) as line:
            guests = Guest(Behind(node, line.port), "first"), Guest(node, "second")  # type: ignore[arg-type]
            for guest in guests:
                await guest.join()
            yield node, line, *guests
            for guest in guests:
                await guest.close()


def test_a_client_that_checks_its_path_seldom_is_found_by_what_it_sends() -> None:
    """aiortc looks after its path every five seconds; nobody can be without sound for so long."""

    async def scenario() -> None:
        async with behind_a_router() as (node, line, first, second):
            await first.want("second")
            await second.want("first")
            for guest in (first, second):
                await until(partial(guest.got, sound=20, picture=5))
            session = node.rooms["r"].sessions["s-first"]
            before = session.key
            line.rebind()
            await until(lambda: session.key != before, 1.0)
            for guest in (first, second):
                heard = guest.frames["audio"]
                await until(partial(guest.got, sound=heard + 10), WITHIN_S)
            assert node.counters.dropped.get("srtp_unprotect", 0) == 0

    asyncio.run(scenario())


def test_what_was_heard_before_moves_nobody_when_it_comes_from_elsewhere() -> None:
    """Somebody beside the line writes along, and sends it again from an address of their own while the client is silent."""

    async def scenario() -> None:
        async with behind_a_router() as (node, line, _first, second):
            await second.want("first")
            session = node.rooms["r"].sessions["s-first"]
            line.listen = []
            await until(lambda: len(line.listen or []) > KEPT)
            await asyncio.sleep(LOOK_S)
            heard, line.listen = line.listen, None
            user = f"{session.ufrag}:{secrets.token_hex(4)}"
            check = stun.binding_request(secrets.token_bytes(12), user, session.password_bytes, use_candidate=True)
            line.tell_node(check)
            heard.append(check)
            await asyncio.sleep(LOOK_S)
            line.go_dark()
            await asyncio.sleep(SILENT_S)
            before, unknown = session.key, node.counters.dropped.get("unknown_address", 0)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as elsewhere:
                for data in heard:
                    elsewhere.sendto(data, ("127.0.0.1", node.port))
            media = [data for data in heard if 127 < data[0] < 192]
            await until(lambda: node.counters.dropped.get("unknown_address", 0) >= unknown + len(media))
            await until(lambda: node.counters.dropped.get("stun_replayed", 0) > 0)
            assert session.key == before
            line.come_back()
            seen = second.frames["audio"]
            await until(lambda: second.frames["audio"] > seen + 10, WITHIN_S)

    asyncio.run(scenario())


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with villages(tmp_path_factory.mktemp("rebinding")) as system:
        yield system


def frames(page: Page) -> int:
    return sum(pictures(page).values())


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_pictures_go_on_within_three_seconds_after_a_router_forgot_everybody(served: Served) -> None:
    with sync_playwright() as running, browser(running) as one, relay_to(served.media_port) as line:
        consultation = Consultation(served, one, line)
        pages = [consultation.come(name) for name in (ADMIN[0], VILLAGE_SITES[0])]
        for page in pages:
            until_sees(page, 1)
        waits = []
        for _ in range(TIMES):
            line.rebind()
            start = time.monotonic()
            pages[0].wait_for_timeout(100)  # what was on its way has come
            seen = [frames(page) for page in pages]
            waiting = set(range(len(pages)))
            while waiting and time.monotonic() - start < 4 * WITHIN_S:
                waiting -= {index for index in waiting if frames(pages[index]) > seen[index] + 1}
                pages[0].wait_for_timeout(1000 * LOOK_S)
            waits.append(time.monotonic() - start)
            pages[0].wait_for_timeout(1000 * CALM_S)
        assert max(waits) <= WITHIN_S, waits
        assert [stats(page)["negotiations"] for page in pages] == [1, 1]
