"""The schema's history (Alembic): upgrades an embedded database after a backup, refuses to run on a newer one."""

import contextlib
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData
from sqlalchemy.exc import OperationalError

from foundation.backup import back_up_sqlite
from foundation.database import Database
from foundation.errors import Unavailable

SCHEMA_LOOK_S = 0.3


def configuration(database: Database, metadata: MetaData | None = None) -> Config:
    """Alembic's configuration for `database`, without an ini file; `metadata` is needed only to compare models with the schema."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["engine"] = database.engine
    config.attributes["metadata"] = metadata
    return config


def upgrade(database: Database) -> str:
    """Bring the database to this program's schema and give its revision.

    An embedded database that holds something is backed up first. Raises Unavailable("schema_newer") when the database was made
    by a newer program: running on it could damage what this one does not know.
    """
    config = configuration(database)
    script = ScriptDirectory.from_config(config)
    head = script.get_current_head()
    if head is None:
        raise Unavailable("schema_missing")
    with database.engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if present is not None and present not in known:
        raise Unavailable("schema_newer", present=present, known=head)
    if present != head:
        if present is not None and database.is_sqlite:
            back_up_sqlite(database, label=f"before-{head}")
        command.upgrade(config, "head")
    return head


def await_schema(database: Database, limit_s: float = 60.0) -> None:
    """Wait until another process has brought the database to this program's schema; Unavailable("schema_old") after `limit_s`."""
    head = ScriptDirectory.from_config(configuration(database)).get_current_head()
    deadline = time.monotonic() + limit_s
    while True:
        with contextlib.suppress(OperationalError), database.engine.connect() as connection:
            if MigrationContext.configure(connection).get_current_revision() == head:
                return
        if time.monotonic() > deadline:
            raise Unavailable("schema_old", known=head)
        time.sleep(SCHEMA_LOOK_S)
