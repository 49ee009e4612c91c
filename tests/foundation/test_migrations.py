"""The schema's history: what has landed is never edited, and data of each earlier revision survives the way to today's, on both databases."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, Table, insert, select
from sqlalchemy.types import BigInteger, Boolean, DateTime, Float, Integer, LargeBinary, SmallInteger, TypeEngine

from fenghuo.schema import metadata
from foundation import migrations
from foundation.clock import ManualClock
from foundation.database import Database
from foundation.migrations import configuration, upgrade
from tests.servers import Postgres

VERSIONS = Path(migrations.__file__).parent / "versions"
FROZEN = {
    "0001_first.py": "b3489aecbd02a9d14337df4525742569b3ed4203bdf983f8db18aff26af48530",
    "0002_participant_login.py": "e0a918faff2007389f64bd3a9091050ca9ec0968f6effb22f843b2f4931a4821",
    "0003_logins.py": "25e6a3ff15b1717c35b72cc28d4f6865b003b23bc2e27179886a47b9e94e8b7a",
    "0004_participant_page.py": "20c5190ddc10a3f81f749b3fd1af5476e9c5bd5740678fb8fefbfe4c98260e62",
    "0005_encoders.py": "9cfb13e743db7674ffe7ba87c685013f96e918b07663f43723cb511d6002e083",
}
"""SHA-256 of each revision that has landed. Who ran it will never run it again: a change is a new revision, with its own line here."""
ALEMBIC = "alembic_version"


def revisions() -> list[str]:
    """All revisions, oldest first."""
    script = ScriptDirectory(str(VERSIONS.parent))
    return [revision.revision for revision in reversed(list(script.walk_revisions()))]


def test_a_revision_that_has_landed_is_never_edited() -> None:
    present = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in VERSIONS.glob("*.py")}
    assert {name: present.get(name) for name in FROZEN} == FROZEN


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Any:
    """A database without any schema."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'fenghuo.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.fresh()
    database = Database(url, clock)
    yield database
    database.close()


def value(kind: TypeEngine[Any]) -> Any:
    """Some value of a column's type."""
    match kind:
        case Boolean():
            return True
        case BigInteger() | SmallInteger() | Integer():
            return 1
        case Float():
            return 1.5
        case DateTime():
            return datetime(2026, 8, 19, 10, 0, tzinfo=UTC)
        case LargeBinary():
            return bytes(32)
    return "1"


def fill(database: Database) -> dict[str, dict[str, Any]]:
    """One row in every table that has none; what was written, by table."""
    tables = MetaData()
    tables.reflect(database.engine)
    written = {}
    with database.engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name != ALEMBIC and connection.execute(select(table)).first() is None:
                # A text that holds JSON reads as one, too.
                row = {column.name: value(column.type) for column in table.columns}
                connection.execute(insert(table).values(row))
                written[table.name] = row
    return written


@pytest.mark.parametrize("start", revisions())
def test_data_of_each_revision_survives_the_way_to_today_s_schema(empty: Database, start: str) -> None:
    command.upgrade(configuration(empty), start)
    written = fill(empty)
    assert {"incidents", "readings", "people", "rooms", "tasks"} <= set(written)
    upgrade(empty)
    command.check(configuration(empty, metadata()))
    tables = MetaData()
    with empty.engine.connect() as connection:
        for name, row in written.items():
            table = Table(name, tables, autoload_with=empty.engine)
            kept = connection.execute(select(table)).mappings().one()
            for column in set(row) & set(kept):
                was, now = row[column], kept[column]
                if isinstance(now, datetime):
                    was, now = was.replace(tzinfo=None), now.replace(tzinfo=None)
                assert now == was, (name, column)
