"""People, passwords and the one table of permissions."""

from collections.abc import Callable
from typing import Literal, get_args

import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from auth import passwords
from auth.authority import Authority
from auth.logins import Logins
from auth.passwords import hash_password, password_fits
from auth.people import Person, create_person, deactivate, find_by_name, find_person, reactivate, set_password
from auth.permissions import GRANTS, LOCAL, Permission, Role
from auth.principal import SYSTEM, Principal
from auth.sites import SiteKind, create_site, list_sites, site_state
from foundation import journal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Conflict, Forbidden, TooMany, Unauthenticated, UserError
from tests.auth.conftest import PASSWORD


def principal(role: Role, site: str | None = None) -> Principal:
    return Principal("person", "p", "P", role, site, "login")


def test_every_permission_of_the_type_is_in_the_table_and_only_those() -> None:
    assert set(get_args(Permission)) == set(GRANTS)


def test_an_administrator_may_do_all_that_a_person_can() -> None:
    refused = {permission for permission in GRANTS if not principal(Role.ADMIN).may(permission)}
    assert refused == {"nodes.connect"}


@pytest.mark.parametrize("role", sorted(LOCAL))
def test_a_local_role_changes_only_what_is_of_its_own_site(role: Role) -> None:
    local = principal(role, "bizhai")
    assert local.may("incident.create", site="bizhai")
    assert not local.may("incident.create", site="linong")
    assert not local.may("incident.create", site=None), "the whole township is nobody's own site"
    assert local.may("incident.create"), "at some site it may"
    assert not principal(role, None).may("incident.create"), "whoever has no site has no own one"


def test_a_guest_may_only_join_its_room() -> None:
    guest = Principal("guest", "g", "G", Role.GUEST, login_id="l", room_id="room-1", room_role="speaker")
    assert {permission for permission in GRANTS if guest.may(permission)} == {"room.chat", "room.join", "room.publish"}
    guest.require_room("room-1")
    with pytest.raises(Forbidden):
        guest.require_room("room-2")


def test_a_misspelt_permission_is_an_error_and_not_a_refusal() -> None:
    with pytest.raises(KeyError):
        principal(Role.ADMIN).may("incident.craete")  # type: ignore[arg-type]


def test_only_the_administrator_gives_logins(database: Database, clock: ManualClock) -> None:
    with pytest.raises(Forbidden), database.writing() as session:
        create_person(
            session, clock, principal(Role.DUTY), name="x", password_hash=hash_password(PASSWORD), role=Role.ADMIN
        )


def test_login_names_differ_by_more_than_case(
    database: Database, clock: ManualClock, people: dict[Role, Person]
) -> None:
    with pytest.raises(Conflict, match="name_taken"), database.writing() as session:
        create_person(session, clock, SYSTEM, name=" DUTY ", password_hash=hash_password(PASSWORD), role=Role.DUTY)
    with database.reading() as session:
        found = find_by_name(session, "Duty")
    assert found is not None and found.id == people[Role.DUTY].id


@pytest.mark.parametrize(("password", "code"), [("short", "password_short"), ("x" * 300, "password_long")])
def test_a_password_has_bounds(password: str, code: str) -> None:
    with pytest.raises(UserError, match=code):
        hash_password(password)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"name": ""}, "bad_name"),
        ({"name": "a\nb"}, "bad_name"),
        ({"name": "x" * 65}, "bad_name"),
        ({"role": Role.NODE}, "role_not_for_people"),
        ({"role": Role.VILLAGE}, "site_needed"),
        ({"role": Role.VILLAGE, "site_id": "nowhere"}, "site_unknown"),
    ],
)
def test_a_person_that_makes_no_sense_is_refused(
    database: Database, clock: ManualClock, changes: dict[str, object], code: str
) -> None:
    said = {"name": "new", "password_hash": hash_password(PASSWORD), "role": Role.DUTY, **changes}
    with pytest.raises(UserError, match=code), database.writing() as session:
        create_person(session, clock, SYSTEM, **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("王\u3000小梅", "王 小梅"),
        ("消防👨\u200d🚒", "消防👨\u200d🚒"),
        ("\u200b李\u00ad卫国\t", "李卫国"),
        ("\u200b", "new"),
    ],
)
def test_a_name_that_others_read_is_kept_like_any_text(
    database: Database, clock: ManualClock, given: str, kept: str
) -> None:
    with database.writing() as session:
        made = create_person(
            session,
            clock,
            SYSTEM,
            name="new",
            password_hash=hash_password(PASSWORD),
            role=Role.DUTY,
            display_name=given,
        )
        assert made.display_name == kept


def test_the_journal_tells_of_people_but_not_of_secrets(database: Database, people: dict[Role, Person]) -> None:
    with database.reading() as session:
        rows = journal.newest(session, 100)
        person = find_person(session, people[Role.DUTY].id)
    text = repr([(row.kind, row.detail, row.state, row.actor) for row in rows])
    assert "person.added" in text
    assert PASSWORD not in text and person.password_hash not in text and "argon2" not in text


def test_a_password_is_kept_as_argon2id(people: dict[Role, Person]) -> None:
    assert people[Role.DUTY].password_hash.startswith("$argon2id$")


def test_an_unknown_name_costs_a_hash_too(monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[str] = []

    class Watched(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            verified.append(str(hash))
            return super().verify(hash, password)

    monkeypatch.setattr(passwords, "_HASHER", Watched(time_cost=1, memory_cost=64, parallelism=1))
    assert not password_fits(None, "nobody has this password")
    assert len(verified) == 1


def test_a_hash_of_old_parameters_is_renewed_at_the_next_login(
    authority: Authority, database: Database, people: dict[Role, Person], monkeypatch: pytest.MonkeyPatch
) -> None:
    stronger = PasswordHasher(time_cost=2, memory_cost=128, parallelism=1)
    monkeypatch.setattr(passwords, "_HASHER", stronger)
    authority.logins.open("duty", PASSWORD, "192.0.2.1")
    with database.reading() as session:
        renewed = find_person(session, people[Role.DUTY].id).password_hash
    assert "m=128,t=2" in renewed and stronger.verify(renewed, PASSWORD)
    authority.logins.open("duty", PASSWORD, "192.0.2.1")


def test_a_new_password_ends_the_logins_made_with_the_old_one(
    authority: Authority, database: Database, clock: ManualClock, people: dict[Role, Person]
) -> None:
    logins: Logins = authority.logins
    tokens = logins.open("duty", PASSWORD, "192.0.2.1")
    clock.advance(1)
    with database.writing() as session:
        set_password(session, clock, tokens.principal, people[Role.DUTY].id, hash_password("another good password"))
    with pytest.raises(Unauthenticated):
        logins.refresh(tokens.refresh_token)
    logins.open("duty", "another good password", "192.0.2.1")


def test_whoever_changes_their_own_password_stays_and_every_other_login_ends(
    authority: Authority, clock: ManualClock, people: dict[Role, Person]
) -> None:
    logins = authority.logins
    here, elsewhere = (logins.open("duty", PASSWORD, "192.0.2.1") for _ in range(2))
    clock.advance(1)
    fresh = logins.change_password(here.principal, PASSWORD, "another good password", "192.0.2.1")
    logins.refresh(fresh.refresh_token)
    with pytest.raises(Unauthenticated):
        logins.refresh(elsewhere.refresh_token)
    with pytest.raises(Unauthenticated):
        logins.open("duty", PASSWORD, "192.0.2.1")
    logins.open("duty", "another good password", "192.0.2.1")


def test_the_old_password_is_asked_for_and_cannot_be_guessed_at(
    authority: Authority, clock: ManualClock, people: dict[Role, Person]
) -> None:
    duty = authority.logins.open("duty", PASSWORD, "192.0.2.1").principal
    for _ in range(5):
        with pytest.raises(UserError, match="old_password_wrong"):
            authority.logins.change_password(duty, "wrong", "another good password", "192.0.2.1")
    with pytest.raises(TooMany):
        authority.logins.change_password(duty, PASSWORD, "another good password", "192.0.2.1")
    authority.logins.open("duty", PASSWORD, "192.0.2.1")


def test_an_administrator_cannot_deactivate_themselves(
    database: Database, clock: ManualClock, people: dict[Role, Person]
) -> None:
    admin = Principal("person", people[Role.ADMIN].id, "A", Role.ADMIN, None, "l")
    with pytest.raises(UserError, match="own_account"), database.writing() as session:
        deactivate(session, clock, admin, admin.id)


def test_a_login_that_is_given_back_needs_the_password_again(
    authority: Authority, database: Database, clock: ManualClock, people: dict[Role, Person]
) -> None:
    tokens = authority.logins.open("duty", PASSWORD, "192.0.2.1")
    clock.advance(1)
    for change in (deactivate, reactivate):
        with database.writing() as session:
            change(session, clock, SYSTEM, people[Role.DUTY].id)
    with pytest.raises(Unauthenticated):
        authority.logins.refresh(tokens.refresh_token)
    authority.logins.open("duty", PASSWORD, "192.0.2.1")


def test_a_made_password_can_be_read_out_and_is_never_the_same() -> None:
    made = {passwords.new_password() for _ in range(100)}
    assert len(made) == 100
    assert all(len(one) == 14 and not set("01oil") & set(one) for one in made)


def test_nobody_sets_the_password_of_somebody_else(
    database: Database, clock: ManualClock, people: dict[Role, Person]
) -> None:
    duty = Principal("person", people[Role.DUTY].id, "D", Role.DUTY, None, "l")
    with pytest.raises(Forbidden), database.writing() as session:
        set_password(session, clock, duty, people[Role.ADMIN].id, hash_password("another good password"))


def test_a_deactivated_person_cannot_log_in_refresh_or_stay_connected(
    authority: Authority, database: Database, clock: ManualClock, people: dict[Role, Person]
) -> None:
    tokens = authority.logins.open("duty", PASSWORD, "192.0.2.1")
    assert authority.still_valid(tokens.principal)
    with database.writing() as session:
        deactivate(session, clock, SYSTEM, people[Role.DUTY].id)
    clock.advance(16)
    assert not authority.still_valid(tokens.principal)
    attempts: list[Callable[[], object]] = [
        lambda: authority.logins.refresh(tokens.refresh_token),
        lambda: authority.logins.open("duty", PASSWORD, "192.0.2.1"),
    ]
    for attempt in attempts:
        with pytest.raises(Unauthenticated):
            attempt()


def test_a_site_is_made_once_and_told_once(database: Database, clock: ManualClock) -> None:
    said = {"id": "bizhai", "code": "530523203207", "name_zh": "碧寨", "name_en": "Bizhai", "kind": SiteKind.VILLAGE}
    for lat in (24.5, 24.5, 24.6):
        with database.writing() as session:
            create_site(session, clock, SYSTEM, **said, lat=lat, lon=98.9)  # type: ignore[arg-type]
    with database.reading() as session:
        kinds = list(session.execute(select(journal.JournalRow.kind).order_by(journal.JournalRow.id)).scalars())
        (site,) = list_sites(session)
    assert kinds == ["site.added", "site.changed"]
    assert site_state(site) == {
        "id": "bizhai",
        "code": "530523203207",
        "name": {"zh": "碧寨", "en": "Bizhai"},
        "kind": "village",
        "lat": 24.6,
        "lon": 98.9,
    }


def test_a_site_off_the_globe_is_refused(database: Database, clock: ManualClock) -> None:
    for lat, lon in ((91.0, 0.0), (0.0, float("nan"))):
        with pytest.raises(UserError, match="bad_position"), database.writing() as session:
            create_site(
                session, clock, SYSTEM, id="x", code="1", name_zh="x", name_en="x", kind=SiteKind.UNIT, lat=lat, lon=lon
            )
