"""What all tests share: databases, clocks and servers; and a skip is refused where everything must run."""

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foundation.clock import ManualClock
from foundation.database import Database
from foundation.migrations import upgrade
from foundation.settings import Settings
from tests.no_skips import pytest_make_collect_report, pytest_runtest_makereport
from tests.servers import Postgres

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of an installation in an empty folder."""
    return Settings(home=tmp_path / "home")


@pytest.fixture
def clock() -> ManualClock:
    """A clock that stands at the beginning of the demo flood's evening until a test moves it."""
    return ManualClock(datetime(2026, 8, 19, 10, 0, tzinfo=UTC))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty SQLite database with today's schema, to be copied: a migration for each test would cost more than the test."""
    path = tmp_path_factory.mktemp("template") / "fenghuo.db"
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A real PostgreSQL of the tests' own."""
    server = Postgres(tmp_path_factory.mktemp("postgres"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def database(sqlite_template: Path, settings: Settings, clock: ManualClock) -> Iterator[Database]:
    """An empty embedded database with today's schema."""
    settings.home.mkdir(parents=True, exist_ok=True)
    shutil.copy(sqlite_template, settings.home / "fenghuo.db")
    database = Database(settings.database, clock)
    yield database
    database.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_database(request: pytest.FixtureRequest, clock: ManualClock) -> Iterator[Database]:
    """The same test on both databases."""
    if request.param == "sqlite":
        yield request.getfixturevalue("database")
        return
    server: Postgres = request.getfixturevalue("postgres")
    database = Database(server.fresh(), clock)
    upgrade(database)
    yield database
    database.close()
