"""Two web processes with one database and Redis between them, and two media nodes that dial in to both."""

import asyncio
import logging
import signal
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from conference import news, rooms
from conference.media.link import Handler
from conference.media.links import Links
from foundation import journal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.identifiers import new_id
from foundation.settings import Settings
from tests.rooms.harness import Page, RoomWeb, ScriptedNode, until
from tests.rooms.test_leading import code, kinds, missing
from tests.rooms.test_signalling import OFFICER, VILLAGE
from tests.servers import Redis

IDLE = {"rooms": 0, "sessions": 0, "counters": {}, "cpu_seconds": 1}


class DialledToBoth:
    """A scripted node with a connection to each web process."""

    def __init__(self, webs: tuple[RoomWeb, RoomWeb], name: str) -> None:
        self.ends = [ScriptedNode(web, name) for web in webs]

    def had(self, event: str) -> list[dict[str, Any]]:
        """Every command of one kind, by whichever connection."""
        return [command for end in self.ends for command in end.had(event)]

    def tell(self, event: str, payload: dict[str, Any]) -> None:
        for end in self.ends:
            end.tell(event, payload)

    def session(self, room: str, participant: str, page: Page, state: str = "connected") -> None:
        for end in self.ends:
            end.session(room, participant, page.session, state)

    def close(self) -> None:
        for end in self.ends:
            end.close()


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis that lives as long as the tests: the threads that listen to it cannot be ended."""
    server = Redis()
    server.start()
    yield f"redis://127.0.0.1:{server.port}/0"
    logging.getLogger("socketio.server").setLevel(logging.CRITICAL)  # until the process ends they say that it is gone
    server.stop(signal.SIGKILL)


@pytest.fixture
def webs(
    settings: Settings, database: Database, clock: ManualClock, redis_url: str
) -> Iterator[tuple[RoomWeb, RoomWeb]]:
    """Two web processes; each has connections of its own to the database."""
    other = Database(settings.database, clock)
    first, second = RoomWeb(settings, database, clock, 0, redis_url), RoomWeb(settings, other, clock, 0, redis_url)
    first.people()
    yield first, second
    first.stop()
    second.stop()
    other.close()


@pytest.fixture
def nodes(webs: tuple[RoomWeb, RoomWeb]) -> Iterator[tuple[DialledToBoth, DialledToBoth]]:
    both = DialledToBoth(webs, "n1"), DialledToBoth(webs, "n2")
    for one in both:
        one.tell("load", IDLE)
    yield both
    for one in both:
        one.close()


@pytest.fixture
def here(webs: tuple[RoomWeb, RoomWeb]) -> Iterator[Page]:
    """The officer's page, at the first web process."""
    page = Page(webs[0], webs[0].token("officer"))
    yield page
    page.close()


@pytest.fixture
def there(webs: tuple[RoomWeb, RoomWeb]) -> Iterator[Page]:
    """A village's page, at the second."""
    page = Page(webs[1], webs[1].token("lishuping"))
    yield page
    page.close()


def go_in(page: Page, room: str, node: DialledToBoth) -> str:
    participant = str(page.join(room)["participant"])
    assert page.ask("offer", {"sdp": "v=0 offer"})["sdp"] == "v=0 answer"
    node.session(room, participant, page)
    return participant


def test_pages_of_two_web_processes_are_in_one_room(
    webs: tuple[RoomWeb, RoomWeb], nodes: tuple[DialledToBoth, DialledToBoth], here: Page, there: Page
) -> None:
    room = webs[0].open_room()
    speaker = go_in(here, room, nodes[0])
    go_in(there, room, nodes[0])
    until(lambda: here.roster().keys() == there.roster().keys() == {OFFICER, VILLAGE})
    until(lambda: all(one["connected"] for one in (*here.roster().values(), *there.roster().values())))
    assert kinds(webs[0]) == ["room.opened", "room.joined", "room.joined"]
    there.ask("say", {"text": "听得到"})
    until(lambda: [one["text"] for one in here.told("said")] == ["听得到"])
    nodes[0].tell("speakers", {"room": room, "participants": [speaker]})
    until(lambda: here.told("speakers") and there.told("speakers"))
    assert len(here.told("speakers")) == len(there.told("speakers")) == 1


def test_a_host_leads_pages_of_the_other_web_process(
    webs: tuple[RoomWeb, RoomWeb], nodes: tuple[DialledToBoth, DialledToBoth], here: Page, there: Page
) -> None:
    room = webs[0].open_room()
    go_in(here, room, nodes[0])
    village = go_in(there, room, nodes[0])
    here.ask("mute", {"participant": village})
    until(lambda: there.roster()[VILLAGE]["muted"])
    silent = {"session": there.session, "publish": ["camera", "screen"]}
    until(lambda: any(silent.items() <= one.items() for one in nodes[0].had("room.grants")))
    here.ask("ask", {"participant": village})
    until(lambda: there.told("asked") == [{"by": OFFICER}])
    here.ask("remove", {"participant": village})
    until(lambda: any(one["session"] == there.session for one in nodes[0].had("room.leave")))
    webs[1].tick()
    until(lambda: there.told("closed") == [{"reason": "removed"}])
    here.ask("say", {"text": "只给还在的人"})
    until(lambda: here.told("said"))
    assert there.told("said") == []


def test_the_lobby_is_seen_and_opened_from_the_other_web_process(
    webs: tuple[RoomWeb, RoomWeb], nodes: tuple[DialledToBoth, DialledToBoth], here: Page
) -> None:
    room = webs[0].open_room()
    go_in(here, room, nodes[0])
    here.ask("rules", {"lobby": True})
    token = webs[1].authority.links.redeem(webs[0].link(room, "王医生", "speaker").split("link=")[1], []).access_token
    doctor = Page(webs[1], token)
    assert doctor.join(room)["waiting"] is True
    until(lambda: here.told("waiting")[-1]["participants"])
    here.ask("admit", {"participant": here.told("waiting")[-1]["participants"][0]["participant"]})
    until(lambda: doctor.told("admitted"))
    assert "participant" in doctor.join(room)
    doctor.close()


def test_the_newest_page_wins_also_at_another_web_process(
    webs: tuple[RoomWeb, RoomWeb], nodes: tuple[DialledToBoth, DialledToBoth], there: Page
) -> None:
    room = webs[0].open_room()
    go_in(there, room, nodes[0])
    again = Page(webs[0], webs[0].token("lishuping"))
    go_in(again, room, nodes[0])
    webs[1].tick()
    until(lambda: there.told("closed") == [{"reason": "replaced"}])
    webs[0].tick()
    assert again.told("closed") == []
    again.close()


def test_what_the_api_of_one_changes_reaches_the_pages_of_the_other(
    webs: tuple[RoomWeb, RoomWeb], nodes: tuple[DialledToBoth, DialledToBoth], here: Page
) -> None:
    room = webs[0].open_room()
    go_in(here, room, nodes[0])
    here.ask("ring", {"site": "zhongzhai"})
    head = {"Authorization": f"Bearer {webs[1].token('zhongzhai')}"}
    path = f"/api/v1/rooms/{room}/rings/zhongzhai"
    assert webs[1].app.test_client().post(path, json={"answer": "decline"}, headers=head).status_code == 200
    webs[0].tick()
    until(lambda: missing(here)["zhongzhai"] == "declined")
    head = {"Authorization": f"Bearer {webs[1].token('officer')}"}
    webs[1].app.test_client().post(f"/api/v1/rooms/{room}/close", headers=head)
    webs[1].tick()
    webs[0].tick()
    until(lambda: here.told("closed") == [{"reason": "ended"}])


def test_a_room_is_on_one_node_whichever_web_process_is_asked(
    webs: tuple[RoomWeb, RoomWeb], nodes: tuple[DialledToBoth, DialledToBoth], here: Page, there: Page
) -> None:
    room = webs[0].open_room()
    here.join(room)
    there.join(room)
    here.ask("offer", {"sdp": "v=0"})
    # Before the node has told anybody of the first session, and when it looks busier than the other.
    nodes[0].ends[1].tell("load", {**IDLE, "sessions": 9})
    there.ask("offer", {"sdp": "v=0"})
    assert len(nodes[0].had("room.offer")) == 2
    assert nodes[1].had("room.offer") == []


def test_of_two_web_processes_that_choose_at_once_the_first_has_chosen_for_both(
    webs: tuple[RoomWeb, RoomWeb],
) -> None:
    room = webs[0].open_room()
    with webs[0].database.writing() as session:
        assert rooms.carry(session, room, None, "n1") == "n1"
    with webs[1].database.writing() as session:
        assert rooms.carry(session, room, None, "n2") == "n1"
    with webs[1].database.writing() as session:
        assert rooms.carry(session, room, "n1", "n2") == "n2"


def test_a_drained_node_finishes_its_room_and_gets_no_new_one(
    webs: tuple[RoomWeb, RoomWeb], nodes: tuple[DialledToBoth, DialledToBoth], here: Page, there: Page
) -> None:
    room = webs[0].open_room()
    first = go_in(here, room, nodes[0])
    nodes[0].tell("load", {**IDLE, "draining": True})
    second = go_in(there, room, nodes[0])
    assert nodes[1].had("room.offer") == []
    for participant, page in ((first, here), (second, there)):
        page.ask("leave", {})
        nodes[0].session(room, participant, page, "closed")
        page.session = new_id()
    go_in(here, room, nodes[1])
    other = webs[1].open_room("新的会商")
    there.join(other)
    there.ask("offer", {"sdp": "v=0"})
    assert [one["room"] for one in nodes[1].had("room.offer")] == [room, other]


def test_a_killed_node_ends_its_sessions_at_both_and_the_room_returns_on_the_other(
    webs: tuple[RoomWeb, RoomWeb],
    nodes: tuple[DialledToBoth, DialledToBoth],
    here: Page,
    there: Page,
    clock: ManualClock,
) -> None:
    room = webs[0].open_room()
    go_in(here, room, nodes[0])
    go_in(there, room, nodes[0])
    nodes[0].close()
    until(lambda: all(web.nodes.media_node("n1") is None for web in webs))
    clock.advance(news.NODE_GRACE_S)
    for web in webs:
        web.tick()
    for page in (here, there):
        until_lost(page)
        page.session = new_id()
        nodes[1].tell("load", IDLE)
        go_in(page, room, nodes[1])
    until(lambda: all(one["connected"] for one in here.roster().values()))
    assert kinds(webs[0]) == ["room.opened", "room.joined", "room.joined"]


def until_lost(page: Page) -> None:
    until(lambda: page.told("closed") == [{"reason": "node_lost"}])


def test_push_to_talk_has_one_floor_for_both(
    webs: tuple[RoomWeb, RoomWeb], nodes: tuple[DialledToBoth, DialledToBoth], here: Page, there: Page
) -> None:
    room = webs[0].open_room()
    go_in(here, room, nodes[0])
    go_in(there, room, nodes[0])
    here.ask("rules", {"talk": "floor"})
    assert there.ask("floor", {"take": True})["floor"] is not None
    assert code(here.ask("floor", {"take": True})) == "floor_taken"
    with webs[0].database.reading() as session:
        assert [row.kind for row in journal.newest(session, 9, frozenset({"floor"}))] == ["floor.taken"]


class Quiet:
    """A node that has nothing to do but to tell."""

    def __init__(self) -> None:
        self.news: asyncio.Queue[tuple[str, dict[str, Any]]] = asyncio.Queue(16)
        self.announced = 0

    def commands(self) -> dict[str, Handler]:
        return {}

    def announce(self) -> None:
        self.announced += 1

    def load(self) -> dict[str, Any]:
        return {**IDLE, "sessions": 3}


def test_a_media_node_dials_every_web_process_and_tells_each_everything(webs: tuple[RoomWeb, RoomWeb]) -> None:
    async def run() -> None:
        node, dropped = Quiet(), [0]
        addresses = [webs[0].url, webs[1].url, "http://127.0.0.1:1"]

        def drop() -> None:
            dropped[0] += 1

        links = Links(node, addresses, webs[0].node_token, "m1", ssl.create_default_context, drop)
        running = asyncio.create_task(links.run())
        try:
            async with asyncio.timeout(20):
                while not all(loads(web) == [3.0] for web in webs):
                    await asyncio.sleep(0.05)
            assert node.announced == 2
            room, nobody = webs[0].open_room(), new_id()
            told = {"room": room, "participant": nobody, "session": new_id(), "state": "lost", "reason": ""}
            before = [web.nodes.media_node("m1") for web in webs]
            node.news.put_nowait(("session", told))
            node.news.put_nowait(("load", {**IDLE, "sessions": 5}))
            async with asyncio.timeout(20):
                while not all(loads(web) == [5.0] for web in webs):
                    await asyncio.sleep(0.02)
            assert [web.nodes.media_node("m1") for web in webs] == before
            assert dropped == [0]
        finally:
            links.end()
            while not running.done():
                running.cancel()
                await asyncio.wait({running}, timeout=1)

    asyncio.run(run())


def loads(web: RoomWeb) -> list[float]:
    return [float(node.load.get("sessions", 0)) for node in web.nodes.media_nodes()]
