"""The parts of `auth` that lock rows, on SQLite and on PostgreSQL alike."""

import threading

import pytest
from alembic import command
from sqlalchemy import select, text

from auth.authority import Authority
from auth.logins import GRACE_S, Login, _digest
from auth.passwords import hash_password
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation import journal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Unauthenticated
from foundation.migrations import configuration
from foundation.settings import Settings
from tests.auth.conftest import PASSWORD

TABS = 4


def test_tabs_race_links_bind_and_walls_pair(any_database: Database, clock: ManualClock, settings: Settings) -> None:
    authority = Authority(any_database, clock, settings.home)
    with any_database.writing() as session:
        create_person(session, clock, SYSTEM, name="duty", password_hash=hash_password(PASSWORD), role=Role.DUTY)
    token = authority.logins.open("duty", PASSWORD, None).refresh_token
    answers: list[str] = []
    barrier = threading.Barrier(TABS)

    def race() -> None:
        barrier.wait()
        answers.append(authority.logins.refresh(token).refresh_token)

    threads = [threading.Thread(target=race) for _ in range(TABS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(answers)) == TABS
    assert authority.logins.refresh(answers[0])
    clock.advance(GRACE_S + 1)
    with pytest.raises(Unauthenticated):
        authority.logins.refresh(token)
    with any_database.reading() as session:
        assert session.execute(select(Login.reason)).scalars().all() == ["reuse"]

    principal = authority.logins.open("duty", PASSWORD, None).principal
    with any_database.writing() as session:
        link = authority.links.create(session, principal, room_id="room-1", name="王某", role="host")[1]
    won: list[bool] = []

    def take() -> None:
        barrier.wait()
        try:
            authority.links.redeem(link, [])
            won.append(True)
        except Unauthenticated:
            won.append(False)

    threads = [threading.Thread(target=take) for _ in range(TABS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, False, False, True], "one browser only"

    offer = authority.devices.begin("192.0.2.1")
    authority.devices.approve(principal, offer.user_code, "主屏")
    device_token = authority.devices.poll(offer.device_code).token
    assert device_token is not None and authority.authenticate(device_token).name == "主屏"
    with any_database.reading() as session:
        assert journal.verify(session).first_bad is None


def test_logins_outlive_the_count_of_passwords(any_database: Database, clock: ManualClock, settings: Settings) -> None:
    config = configuration(any_database)
    command.downgrade(config, "0002")
    early, opened, late, end = (f"2026-08-{day} 00:00:00.000000+00:00" for day in ("01", "18", "19", "25"))
    with any_database.engine.begin() as connection:
        for person, changed in (("a", early), ("b", late)):
            said = {"person": person, "changed": changed, "early": early, "opened": opened, "end": end}
            for statement in (
                "INSERT INTO people (id, name, display_name, role, password_hash, password_changed_at, active, created_at)"
                " VALUES (:person, :person, :person, 'duty', 'x', :changed, true, :early)",
                "INSERT INTO logins (id, person_id, opened_at, ends_at) VALUES (:person, :person, :opened, :end)",
                "INSERT INTO refresh_tokens (hash, login_id, expires_at) VALUES (:hash, :person, :end)",
            ):
                connection.execute(text(statement), {**said, "hash": _digest(person)})
    command.upgrade(config, "head")
    logins = Authority(any_database, clock, settings.home).logins
    assert logins.refresh("a").principal.name == "a"
    with pytest.raises(Unauthenticated):
        # Opened before the password that counts now.
        logins.refresh("b")
