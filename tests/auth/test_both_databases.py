"""The parts of `auth` that lock rows, on SQLite and on PostgreSQL alike."""

import threading

import pytest
from sqlalchemy import select

from auth.authority import Authority
from auth.logins import GRACE_S, Login
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation import journal
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Unauthenticated
from foundation.settings import Settings
from tests.auth.conftest import PASSWORD

TABS = 4


def test_tabs_race_links_bind_and_walls_pair(any_database: Database, clock: ManualClock, settings: Settings) -> None:
    authority = Authority(any_database, clock, settings.home)
    with any_database.writing() as session:
        create_person(session, clock, SYSTEM, name="duty", password=PASSWORD, role=Role.DUTY)
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
