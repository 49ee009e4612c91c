"""Whose right is taken away is out of the room, page and sound, and changes nothing any more."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import pytest
from socketio.exceptions import ConnectionError
from sqlalchemy import select

from auth.authority import RECHECK_S
from auth.devices import Device, device_principal
from auth.links import JoinLink
from auth.people import Person, deactivate, find_by_name
from auth.permissions import Role
from auth.principal import SYSTEM
from conference import roster, validity
from foundation.clock import ManualClock
from foundation.database import Database
from tests.rooms.harness import PASSWORD, Page, RoomWeb, ScriptedNode, until

OUT_WITHIN_S = 15

Taken = Callable[[RoomWeb, ManualClock], None]


def deactivated(web: RoomWeb, clock: ManualClock) -> None:
    with web.database.writing() as session:
        person = find_by_name(session, "lishuping")
        assert person is not None
        deactivate(session, clock, SYSTEM, person.id)


def demoted(web: RoomWeb, _clock: ManualClock) -> None:
    with web.database.writing() as session:
        session.execute(select(Person).where(Person.name == "lishuping")).scalar_one().role = Role.NODE.value


def moved(web: RoomWeb, _clock: ManualClock) -> None:
    with web.database.writing() as session:
        session.execute(select(Person).where(Person.name == "lishuping")).scalar_one().site_id = "zhongzhai"


@contextmanager
def person(web: RoomWeb, _room: str) -> Iterator[tuple[Page, Taken]]:
    tokens = web.authority.logins.open("lishuping", PASSWORD, "127.0.0.1")
    with closing(Page(web, tokens.access_token)) as page:
        yield page, lambda web, _clock: web.authority.logins.close(tokens.refresh_token)


@contextmanager
def guest(web: RoomWeb, room: str) -> Iterator[tuple[Page, Taken]]:
    with web.database.writing() as session:
        link, token = web.authority.links.create(session, SYSTEM, room_id=room, name="王医生", role="speaker")

    def revoke(web: RoomWeb, _clock: ManualClock) -> None:
        with web.database.writing() as session:
            web.authority.links.revoke(session, SYSTEM, link.id)

    with closing(Page(web, web.authority.links.redeem(token, []).access_token)) as page:
        yield page, revoke


def expire(web: RoomWeb, clock: ManualClock) -> None:
    with web.database.writing() as session:
        session.execute(select(JoinLink)).scalar_one().expires_at = clock.now() + timedelta(seconds=1)
    clock.advance(1)


@contextmanager
def wall(web: RoomWeb, _room: str) -> Iterator[tuple[Page, Taken]]:
    with web.database.writing() as session:
        device, token = web.authority.devices.add(session, SYSTEM, "大屏", "lishuping")
    with closing(Page(web, token)) as page:
        yield page, lambda web, _clock: web.authority.devices.revoke(SYSTEM, device.id)


CASES = {
    "deactivated": (person, deactivated),
    "demoted": (person, demoted),
    "moved to another site": (person, moved),
    "logged out": (person, None),
    "link revoked": (guest, None),
    "link expired": (guest, expire),
    "wall unpaired": (wall, None),
}


@pytest.mark.parametrize("case", CASES)
def test_who_has_no_right_any_more_is_out_within_15_s(
    web: RoomWeb, node: ScriptedNode, room: str, officer: Page, clock: ManualClock, case: str
) -> None:
    comes, taken = CASES[case]
    with comes(web, room) as (page, own_end):
        officer.join(room)
        at = page.join(room)["participant"]
        page.ask("offer", {"sdp": "v=0"})
        node.session(room, at, page.session, "connected")
        web.tick()
        clock.advance(validity.EVERY_S)
        web.tick()
        assert page.client.connected and not page.told("closed"), "who holds a right stays"
        (taken or own_end)(web, clock)
        for _ in range(OUT_WITHIN_S):
            clock.advance(1)
            web.tick()
        assert until(lambda: page.told("closed")) == [{"reason": "unauthenticated"}]
        until(lambda: not page.client.connected)
        left = [one["session"] for one in node.had("room.leave")]
        assert left == [page.session]
        until(lambda: len(officer.roster()) == 1)
        officer.ask("say", {"text": "听不到"})
        until(lambda: officer.told("said"))
        assert not page.told("said")


def test_an_encoder_without_a_page_ends_at_its_node_too(
    web: RoomWeb, node: ScriptedNode, room: str, clock: ManualClock
) -> None:
    principal = web.authority.authenticate(web.token("lishuping"))
    with web.database.writing() as session:
        joined = roster.join(session, clock, principal, room, "0198c0de-0000-7000-8000-000000000001")
    # This web process has only heard of it by its node, as after a restart.
    node.session(room, joined.participant.id, joined.participant.session, "connected")
    deactivated(web, clock)
    clock.advance(validity.EVERY_S)
    web.tick()
    until(lambda: [one["session"] for one in node.had("room.leave")] == [joined.participant.session])


def test_who_waits_in_the_lobby_waits_no_more(web: RoomWeb, room: str, officer: Page, clock: ManualClock) -> None:
    officer.join(room)
    officer.ask("rules", {"lobby": True})
    with guest(web, room) as (page, revoke):
        assert page.join(room)["waiting"]
        until(lambda: officer.told("waiting")[-1]["participants"])
        revoke(web, clock)
        clock.advance(validity.EVERY_S)
        web.tick()
        assert until(lambda: page.told("closed")) == [{"reason": "unauthenticated"}]
        until(lambda: not officer.told("waiting")[-1]["participants"])


def test_a_token_of_who_was_deactivated_changes_nothing_and_connects_nowhere(web: RoomWeb, clock: ManualClock) -> None:
    token = web.token("officer")
    with web.database.writing() as session:
        officer = find_by_name(session, "officer")
        assert officer is not None
        deactivate(session, clock, SYSTEM, officer.id)
    clock.advance(RECHECK_S)
    client, headers = web.app.test_client(), {"Authorization": f"Bearer {token}"}
    assert client.post("/api/v1/rooms", json={"title": "假会商"}, headers=headers).status_code == 401
    with pytest.raises(ConnectionError):
        Page(web, token)


def test_what_is_known_of_rights_is_bounded(web: RoomWeb, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("auth.authority.RECHECKED_SIZE", 3)
    with database.writing() as session:
        for number in range(10):
            web.authority.devices.add(session, SYSTEM, f"大屏 {number}")
        devices = [device.id for device in session.execute(select(Device)).scalars()]
    for device_id in devices:
        with database.reading() as session:
            device = session.get(Device, device_id)
            assert device is not None
            assert web.authority.still_valid(device_principal(device))
    assert len(web.authority._rechecked) == 3
