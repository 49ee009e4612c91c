"""Join links: one guest, one room, one browser."""

from datetime import timedelta

import pytest

from auth.authority import Authority
from auth.permissions import Role
from auth.principal import Principal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Forbidden, TooMany, Unauthenticated, UserError

DUTY = Principal("person", "p-1", "李春梅", Role.DUTY, None, "login")


def link_of(authority: Authority, database: Database, room: str = "room-1", name: str = "王某") -> tuple[str, str]:
    with database.writing() as session:
        link, token = authority.links.create(session, DUTY, room_id=room, name=name, role="listener")
    return link.id, token


def test_the_first_browser_becomes_the_guest_of_the_room(authority: Authority, database: Database) -> None:
    _id, token = link_of(authority, database)
    guest = authority.authenticate(authority.links.redeem(token, []).access_token)
    assert (guest.kind, guest.name, guest.room_id, guest.room_role) == ("guest", "王某", "room-1", "listener")
    assert authority.still_valid(guest)


def test_the_same_browser_gets_in_again_and_another_one_does_not(authority: Authority, database: Database) -> None:
    _id, token = link_of(authority, database)
    mine = authority.links.redeem(token, []).access_token
    other_guest = authority.links.redeem(link_of(authority, database)[1], []).access_token
    assert authority.links.redeem(token, [other_guest, mine]).principal.room_id == "room-1"
    for shown in ([], ["garbage"], [other_guest]):
        with pytest.raises(Unauthenticated, match="link_refused"):
            authority.links.redeem(token, shown)


def test_a_link_ends_after_a_day_and_the_guests_access_with_it(
    authority: Authority, database: Database, clock: ManualClock
) -> None:
    _id, token = link_of(authority, database)
    clock.advance(23 * 3600)
    late = authority.links.redeem(token, [])
    assert late.expires_in == 3600
    clock.advance(3600)
    with pytest.raises(Unauthenticated):
        authority.links.redeem(token, [late.access_token])
    with pytest.raises(Unauthenticated):
        authority.authenticate(late.access_token)


def test_a_link_that_is_in_use_lives_on_for_at_most_a_week(
    authority: Authority, database: Database, clock: ManualClock
) -> None:
    _id, token = link_of(authority, database)
    access = authority.links.redeem(token, []).access_token
    hours = 0
    with pytest.raises(Unauthenticated):
        while hours < 1000:
            clock.advance(3600)
            hours += 1
            access = authority.links.renew(access).access_token
    assert hours == 7 * 24
    with pytest.raises(Unauthenticated):
        authority.links.redeem(token, [access])


def test_a_guest_who_went_for_a_day_is_not_let_in_again(
    authority: Authority, database: Database, clock: ManualClock
) -> None:
    _id, token = link_of(authority, database)
    clock.advance(13 * 3600)
    access = authority.links.renew(authority.links.redeem(token, []).access_token).access_token
    clock.advance(24 * 3600)
    with pytest.raises(Unauthenticated):
        authority.links.renew(access)


def test_unknown_expired_revoked_and_taken_links_look_the_same(
    authority: Authority, database: Database, clock: ManualClock
) -> None:
    revoked_id, revoked = link_of(authority, database)
    guest = authority.links.redeem(revoked, []).principal
    with database.writing() as session:
        authority.links.revoke(session, DUTY, revoked_id)
    clock.advance(16)
    assert not authority.still_valid(guest)
    _id, taken = link_of(authority, database)
    authority.links.redeem(taken, [])
    answers = set()
    for token in ("fhl_unknown", "", "\ud800", revoked, taken):
        with pytest.raises(Unauthenticated) as refused:
            authority.links.redeem(token, [])
        answers.add(str(refused.value))
    assert answers == {"link_refused"}


def test_only_who_may_makes_links(authority: Authority, database: Database) -> None:
    village = Principal("person", "p-2", "V", Role.VILLAGE, "bizhai", "login")
    with pytest.raises(Forbidden), database.writing() as session:
        authority.links.create(session, village, room_id="room-1", name="x", role="speaker")


@pytest.mark.parametrize(("name", "role"), [("", "speaker"), ("x" * 65, "speaker"), ("x", "admin"), ("x", "")])
def test_a_link_that_makes_no_sense_is_refused(authority: Authority, database: Database, name: str, role: str) -> None:
    with pytest.raises(UserError), database.writing() as session:
        authority.links.create(session, DUTY, room_id="room-1", name=name, role=role)


def test_the_links_of_a_room_are_bounded(
    authority: Authority, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("auth.links.MAX_OF_ROOM", 2)
    link_of(authority, database)
    link_of(authority, database)
    with pytest.raises(TooMany):
        link_of(authority, database)
    link_of(authority, database, room="room-2")


def test_a_link_never_lives_longer_than_a_day(authority: Authority, database: Database, clock: ManualClock) -> None:
    with database.writing() as session:
        link, _token = authority.links.create(
            session, DUTY, room_id="r", name="x", role="host", life=timedelta(days=365)
        )
    assert link.expires_at == clock.now() + timedelta(days=1)
