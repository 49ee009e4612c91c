"""Ringing on the screens of a site: every one of them, also one that opens meanwhile; and what is said when there is none."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial

import pytest
import socketio

from auth.principal import SYSTEM
from conference import calling
from conference.screens import NAMESPACE
from foundation import journal
from foundation.clock import ManualClock
from operations.resources import add_resource
from tests.rooms.harness import PASSWORD, Page, RoomWeb, Screen, ScriptedNode, until
from tests.rooms.test_leading import code, kinds, told
from tests.rooms.test_signalling import go_in

SITE = "zhongzhai"

Open = Callable[[str], Screen]


@pytest.fixture
def opened(web: RoomWeb) -> Iterator[Open]:
    """Open a screen of somebody; all are closed at the end."""
    screens: list[Screen] = []

    def open_one(name: str) -> Screen:
        screens.append(Screen(web, web.token(name)))
        return screens[-1]

    yield open_one
    for screen in screens:
        screen.close()


@pytest.fixture
def host(officer: Page, room: str, node: ScriptedNode) -> Page:
    """The officer, in the room."""
    go_in(officer, room, node)
    return officer


def state(page: Page) -> str:
    return str(told(page)["rings"][SITE]["state"])


def test_every_screen_of_the_site_rings_and_no_other(web: RoomWeb, room: str, host: Page, opened: Open) -> None:
    ours, second, other = opened(SITE), opened(SITE), opened("lishuping")
    assert host.ask("ring", {"site": SITE}) == {"contact": ""}
    web.tick()
    until(lambda: ours.rooms() == [room] and second.rooms() == [room])
    (call,) = ours.told[-1]
    assert (call["title"], call["by"], call["site"]["zh"]) == ("防汛会商", "值班员 李国强", "中寨")
    assert 0 < call["left_ms"] <= calling.RINGS_FOR_S * 1000 and call["exercise"] is False
    until(lambda: state(host) == "unheard")
    assert ours.ask("heard", {"room": room}) == {}
    until(lambda: state(host) == "ringing")
    assert second.ask("heard", {"room": room}) == {}
    assert not any(other.told)
    other.ask("heard", {"room": room})
    assert [entry["site"] for entry in told(host)["rollcall"] if entry["why"] == "ringing"] == [SITE]


def test_a_page_that_opens_while_it_rings_rings_too(room: str, host: Page, opened: Open, clock: ManualClock) -> None:
    host.ask("ring", {"site": SITE})
    clock.advance(30)
    late = opened(SITE)
    assert late.rooms() == [room] and late.told[-1][0]["left_ms"] == (calling.RINGS_FOR_S - 30) * 1000
    clock.advance(calling.RINGS_FOR_S)
    assert opened(SITE).rooms() == []


def test_it_ends_on_all_screens_when_one_declines_or_joins(
    web: RoomWeb, room: str, host: Page, node: ScriptedNode, opened: Open
) -> None:
    screens = [opened(SITE), opened(SITE)]
    host.ask("ring", {"site": SITE})
    web.tick()
    until(lambda: all(screen.rooms() == [room] for screen in screens))
    headers = {"Authorization": f"Bearer {web.token(SITE)}"}
    path = f"/api/v1/rooms/{room}/rings/{SITE}"
    assert web.app.test_client().post(path, json={"answer": "decline"}, headers=headers).status_code == 200
    web.tick()
    until(lambda: all(screen.rooms() == [] for screen in screens))
    host.ask("ring", {"site": SITE})
    web.tick()
    until(lambda: all(screen.rooms() == [room] for screen in screens))
    with closing(Page(web, web.token(SITE))) as page:
        go_in(page, room, node)
        web.tick()
        until(lambda: all(screen.rooms() == [] for screen in screens))


def test_without_a_screen_the_host_learns_it_at_once_and_the_journal_blames_nobody(
    web: RoomWeb, room: str, host: Page, clock: ManualClock
) -> None:
    with web.database.writing() as session:
        with_contact = partial(add_resource, session, clock, SYSTEM, site_id=SITE, have=1, need=1, unit="个")
        with_contact(type="stock", zh="帐篷", en="Tents", contact="库管 139 0000 0000")
        with_contact(type="team", zh="应急队", en="Team", contact="赵队长 138 0000 0000")
    assert host.ask("ring", {"site": SITE}) == {"contact": "赵队长 138 0000 0000"}
    until(lambda: state(host) == "unheard")
    clock.advance(calling.RINGS_FOR_S)
    web.tick()
    until(lambda: state(host) == "no_screen")
    assert kinds(web)[-1] == "room.unheard"
    with web.database.reading() as session:
        (entry,) = journal.newest(session, 1, frozenset({"rooms"}))
    assert entry.site_id == SITE and entry.detail["zh"] == "中寨"


def test_who_belongs_to_no_site_or_is_logged_out_hears_nothing(
    web: RoomWeb, room: str, host: Page, opened: Open, clock: ManualClock
) -> None:
    guest = web.authority.links.redeem(web.link(room, "王医生", "speaker").split("link=")[1], []).access_token
    with pytest.raises(socketio.exceptions.ConnectionError):
        Screen(web, guest)
    login = web.authority.logins.open(SITE, PASSWORD, "127.0.0.1")
    screen = Screen(web, login.access_token)
    web.authority.logins.close(login.refresh_token)
    clock.advance(16)
    host.ask("ring", {"site": SITE})
    web.tick()
    until(lambda: NAMESPACE not in screen.client.namespaces)
    assert not any(screen.told)
    screen.close()


def test_a_screen_that_asks_for_nonsense_or_too_much_is_refused(room: str, host: Page, opened: Open) -> None:
    screen = opened(SITE)
    assert code(screen.ask("heard", {"room": 5})) == "bad_request"
    assert code(screen.ask("heard", {"room": "0" * 36})) in ("bad_request", "not_found")
    assert "too_many" in {code(screen.ask("heard", {"room": room})) for _ in range(12)}
