"""The embedded database's file is removed or replaced beneath the running platform: nothing more is acknowledged until it is back."""

import shutil
from collections.abc import Callable
from datetime import UTC
from pathlib import Path

import pytest
from sqlalchemy import select

from auth.principal import SYSTEM
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.settings import Settings
from operations.incidents import Incident, IncidentClass, Level, open_incident


def report(database: Database, clock: ManualClock) -> None:
    with database.writing() as session:
        open_incident(
            session, clock, SYSTEM, zone=UTC, title="山洪", incident_class=IncidentClass.NATURAL, level=Level.III
        )


def removed(file: Path) -> None:
    file.unlink()


def moved_away(file: Path) -> None:
    file.rename(file.with_name("elsewhere.db"))


def replaced(file: Path) -> None:
    shutil.copy(file, file.with_name("new.db"))
    file.with_name("new.db").replace(file)


def without_its_log(file: Path) -> None:
    file.with_name(f"{file.name}-wal").unlink()


@pytest.mark.parametrize("harm", [removed, moved_away, replaced, without_its_log])
def test_nothing_is_acknowledged_into_a_file_that_lost_its_name(
    database: Database, clock: ManualClock, harm: Callable[[Path], None]
) -> None:
    report(database, clock)
    assert database.path is not None
    harm(database.path)
    with pytest.raises(Unavailable, match="database_removed"):
        report(database, clock)
    assert (database.probe(), database.state) == ("removed", "removed")


def test_what_was_written_while_the_file_was_taken_away_is_not_acknowledged(
    database: Database, clock: ManualClock
) -> None:
    report(database, clock)
    assert database.path is not None
    with pytest.raises(Unavailable, match="database_removed"), database.writing() as session:
        open_incident(
            session, clock, SYSTEM, zone=UTC, title="山洪", incident_class=IncidentClass.NATURAL, level=Level.III
        )
        removed(database.path)


def test_no_empty_file_is_made_in_its_place(database: Database, clock: ManualClock) -> None:
    report(database, clock)
    assert database.path is not None
    removed(database.path)
    database.engine.dispose()
    with pytest.raises(Unavailable, match="database_removed"), database.reading() as session:
        session.execute(select(Incident))
    assert not database.path.exists()


def test_the_file_back_in_its_place_is_used_again(database: Database, clock: ManualClock) -> None:
    report(database, clock)
    assert database.path is not None
    moved_away(database.path)
    assert database.probe() == "removed"
    database.path.with_name("elsewhere.db").rename(database.path)
    assert database.probe() == "ok"
    report(database, clock)


@pytest.mark.parametrize("name", ["50% ready", "what?", "a%41b", "碧寨 #1"])
def test_a_data_folder_with_any_name_holds_its_database(tmp_path: Path, clock: ManualClock, name: str) -> None:
    settings = Settings(home=tmp_path / name)
    database = Database(settings.database, clock)
    with database.engine.connect():
        pass
    database.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name / "fenghuo.db").is_file()
