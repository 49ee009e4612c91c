"""Retention: what is over goes in small batches, what was computed from it stays right, the journal is never touched."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from auth.links import JoinLink
from auth.logins import Login, RefreshToken
from auth.passwords import PasswordHash
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from foundation import journal
from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from operations import retention
from operations.readings import HOUR_MS, MINUTE_MS, by_hour, by_minute, readings
from operations.retention import Keep, purge_some
from operations.rollups import roll_up_due
from operations.sensing import Sensing

DAY_MS = 24 * HOUR_MS
KEEP = Keep(readings=10, minutes=20, hours=0, logins=1)


def purge(database: Database, clock: ManualClock) -> list[int]:
    """Purge to the end; the size of each batch."""
    batches: list[int] = []
    while True:
        with database.writing() as session:
            gone = purge_some(session, clock.now(), KEEP)
        if not gone:
            return batches
        batches.append(gone)


def rows(database: Database, table: object) -> int:
    with database.reading() as session:
        return session.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type]


def roll_up(database: Database, clock: ManualClock) -> None:
    with database.writing() as session:
        roll_up_due(session, KEEP.rolled_from(clock.now()))


def test_old_readings_go_in_batches_and_their_figures_stay(
    sensing: Sensing, any_township: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH", 4)
    old = epoch_ms(clock.now()) // HOUR_MS * HOUR_MS - HOUR_MS
    for sensor in ("river-stage", "gauge-rain"):
        sensing.take([{"sensor": sensor, "at": old + minute * MINUTE_MS, "value": minute} for minute in range(5)])
    roll_up(any_township, clock)
    clock.advance(11 * 86_400)
    fresh = epoch_ms(clock.now())
    sensing.take([{"sensor": "river-stage", "at": fresh, "value": 9}])
    before = journal_length(any_township)
    assert purge(any_township, clock) == [4, 4, 2]
    assert (rows(any_township, readings), rows(any_township, by_minute)) == (1, 10)
    roll_up(any_township, clock)
    # A late reading among those that are gone must not replace what was computed from all of them.
    sensing.take([{"sensor": "river-stage", "at": old + 1_000, "value": 7}])
    roll_up(any_township, clock)
    with any_township.reading() as session:
        figures = session.execute(
            select(by_hour.c.low, by_hour.c.high, by_hour.c["count"]).where(by_hour.c.at == old)
        ).all()
    assert figures == [(0, 4, 5)] * 2
    assert rows(any_township, by_minute) == 11
    clock.advance(10 * 86_400)
    assert sum(purge(any_township, clock)) == 11
    assert (rows(any_township, readings), rows(any_township, by_minute), rows(any_township, by_hour)) == (1, 1, 3)
    assert journal_length(any_township) == before


def journal_length(database: Database) -> int:
    with database.reading() as session:
        assert journal.verify(session).first_bad is None
        return journal.last_id(session)


def test_logins_and_links_go_after_their_end(any_township: Database, clock: ManualClock) -> None:
    now = clock.now()
    with any_township.writing() as session:
        person = create_person(session, clock, SYSTEM, name="duty", password_hash=PasswordHash("x"), role=Role.DUTY)
        for number, ends in enumerate((now, now + timedelta(days=2))):
            session.add(Login(id=f"{number}", person_id=person.id, opened_at=now, ends_at=ends))
            session.flush()
            session.add(RefreshToken(hash=f"{number}", login_id=f"{number}", expires_at=ends))
            session.add(
                JoinLink(
                    id=f"{number}", token_hash=f"{number}", room_id="r", name="王", room_role="host", expires_at=ends
                )
            )
    clock.advance(86_400 + 1)
    assert sum(purge(any_township, clock)) == 2
    assert [rows(any_township, table) for table in (Login, RefreshToken, JoinLink)] == [1, 1, 1]
