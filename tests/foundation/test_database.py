"""The database: what was acknowledged is kept, a full disk is refused before anything is torn, a newer schema is not touched."""

import shutil
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC

import pytest
from sqlalchemy import text

from auth.principal import SYSTEM
from fenghuo.schema import metadata
from foundation import database as database_module
from foundation.backup import back_up_sqlite
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.migrations import configuration, upgrade
from operations.incidents import IncidentClass, Level, change_level, list_incidents, open_incident

Usage = namedtuple("Usage", "total used free")


def incident(database: Database, clock: ManualClock, exercise: str | None = None) -> str:
    with database.writing(exercise) as session:
        return open_incident(
            session, clock, SYSTEM, zone=UTC, title="山洪", incident_class=IncidentClass.NATURAL, level=Level.III
        ).id


def test_an_exercise_and_the_real_world_never_see_each_others_rows(any_database: Database, clock: ManualClock) -> None:
    exercise = "019a0000-0000-7000-8000-000000000001"
    real, pretended = incident(any_database, clock), incident(any_database, clock, exercise)
    with any_database.reading() as session:
        assert [row.id for row in list_incidents(session, SYSTEM)] == [real]
    with any_database.reading(exercise) as session:
        assert [row.id for row in list_incidents(session, SYSTEM)] == [pretended]


def test_a_change_cannot_reach_into_the_other_world(any_database: Database, clock: ManualClock) -> None:
    pretended = incident(any_database, clock, "019a0000-0000-7000-8000-000000000001")
    with pytest.raises(Exception, match="incident_unknown"), any_database.writing() as session:
        change_level(session, clock, SYSTEM, pretended, Level.I)


def test_a_full_disk_is_refused_and_recovers_by_itself(
    database: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 10**9, 1000))
    with pytest.raises(Unavailable, match="disk_full"), database.writing():
        pass
    assert database.probe() == "full"
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(10**9, 0, 10**9))
    clock.advance(2)
    incident(database, clock)
    assert database.probe() == "ok"


def test_a_writer_that_waits_in_vain_is_told_so_and_the_next_one_may_write(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 10)
    with ThreadPoolExecutor(1) as other, database.writing() as first:
        first.execute(text("CREATE TABLE held (one INTEGER)"))
        refused = other.submit(_write, database)
        assert isinstance(refused.exception(), Unavailable)
    _write(database)


def _write(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("INSERT INTO held VALUES (1)"))


def test_the_models_and_the_schema_s_history_agree(any_database: Database) -> None:
    from alembic import command

    command.check(configuration(any_database, metadata()))


def test_a_database_of_a_newer_program_is_refused(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="schema_newer"):
        upgrade(database)


def test_a_backup_is_a_whole_database(database: Database, clock: ManualClock) -> None:
    kept = incident(database, clock)
    copy = back_up_sqlite(database, "test")
    assert copy.stat().st_mode & 0o077 == 0
    other = Database(f"sqlite:///{copy}", clock)
    with other.reading() as session:
        assert [row.id for row in list_incidents(session, SYSTEM)] == [kept]
    other.close()
