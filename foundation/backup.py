"""Backup of an embedded database: a consistent copy while everybody goes on reading and writing."""

import sqlite3
from contextlib import closing
from pathlib import Path

from foundation.database import Database
from foundation.errors import UserError


def back_up_sqlite(database: Database, label: str, folder: Path | None = None) -> Path:
    """Copy the database into `<data folder>/backups/<label>.db` (or `folder`) with SQLite's own backup call and give the path.

    Raises UserError("not_embedded") for a database server, which has backup tools of its own.
    """
    source = database.path
    if source is None:
        raise UserError("not_embedded")
    target = (folder or source.parent / "backups") / f"{label}.db"
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = target.with_suffix(".part")
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(temporary)) as copy:
        original.backup(copy)
    temporary.chmod(0o600)
    temporary.replace(target)
    return target
