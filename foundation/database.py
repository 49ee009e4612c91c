"""The database: one engine, sessions for reading and for writing, and the criterion that keeps exercises apart from the real.

Who closes whom: `Database.close()` disposes the engine, which closes every pooled connection. Sessions are closed by the `with` that opened them.
"""

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, DateTime, Dialect, Engine, String, Text, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    ORMExecuteState,
    Session,
    UOWTransaction,
    mapped_column,
    sessionmaker,
    with_loader_criteria,
)
from sqlalchemy.types import TypeDecorator

from foundation.clock import Clock, SystemClock
from foundation.errors import Conflict, Unavailable
from foundation.server_watch import CONNECT_S, ServerWatch

MIN_FREE_BYTES = 32 * 1024 * 1024
"""Below this much free disk nothing new is written: what is being written still fits, and nothing is torn."""
FREE_CHECK_S = 1.0
BUSY_TIMEOUT_MS = 10_000
POOL_SIZE = 20
POOL_OVERFLOW = 40
POOL_WAIT_S = 3.0
SERVER_OPTIONS = {
    "connect_timeout": CONNECT_S,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,
}
"""libpq's, seconds and (the last) milliseconds: a server whose network is gone. One that hangs is `ServerWatch`'s."""

State = Literal["ok", "full", "failed", "removed"]
"""`removed`: the database's file is no longer the one that was opened (SQLite only)."""

logger = logging.getLogger(__name__)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC; a naive one is refused (ValueError), since nobody knows what it means."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """A JSON value, kept as text: the same bytes on SQLite and PostgreSQL, so that hashes agree."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else canonical_json(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no spaces: one value, one text."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class Base(DeclarativeBase):
    """The root of every table of Fenghuo."""


class Operational:
    """A row that belongs to the real world (`exercise_id` null) or to one exercise, and to a site.

    Sessions add the criterion to every query and stamp every new row; see `Database`.
    """

    exercise_id: Mapped[str | None] = mapped_column(String(36), index=True)
    site_id: Mapped[str | None] = mapped_column(String(64), index=True)


class DatabaseFile:
    """The file of an embedded database: whether the name still leads to the file that is open.

    A file that was deleted or replaced beneath a running process can be written for ever, and nobody will find it again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._identity: tuple[int, int] | None = None
        self._logs_ahead = False

    def before_opening(self, *_event: object) -> None:
        """Refuse to open another file than the first one, or to make an empty one in its place. Unavailable("database_removed")."""
        if not self._is_same():
            raise Unavailable("database_removed")

    def opened(self, connection: Any, _record: object) -> None:
        """Remember which file was opened first."""
        if self._identity is None:
            self._logs_ahead = connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
            # Without a read nobody has a write-ahead log yet.
            connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            self._identity = _identity(self._path)

    def is_there(self) -> bool:
        """Whether the file that is open has its name, and its write-ahead log too: a few microseconds."""
        return self._is_same() and (self._identity is None or not self._logs_ahead or self._log.exists())

    def _is_same(self) -> bool:
        return self._identity is None or _identity(self._path) == self._identity


def _identity(path: Path) -> tuple[int, int] | None:
    """Device and inode; None when there is no such file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


class Database:
    """One database and its sessions.

    `reading()` gives a session that must not write and sees one moment however many queries it makes (SQLite: by its write-ahead log;
    PostgreSQL: REPEATABLE READ); `writing()` one whose transaction holds the write lock from its first statement
    (SQLite: BEGIN IMMEDIATE, otherwise two writers that both read first would dead-lock) and is committed when the block ends well.
    Both see one world only: the real one, or the exercise named.
    """

    def __init__(self, url: str, clock: Clock | None = None) -> None:
        address = make_url(url)
        self.is_sqlite = address.get_backend_name() == "sqlite"
        self.path = Path(address.database or "") if self.is_sqlite else None
        """The embedded database's file; None on a database server."""
        self._clock = clock or SystemClock()
        self._file = None if self.path is None else DatabaseFile(self.path)
        if self.path is not None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        self.engine: Engine = create_engine(
            address,
            pool_size=POOL_SIZE,
            max_overflow=POOL_OVERFLOW,
            pool_timeout=POOL_WAIT_S,
            pool_pre_ping=not self.is_sqlite,
            connect_args={} if self.is_sqlite else SERVER_OPTIONS,
        )
        self._server = None if self.is_sqlite else ServerWatch(self.engine, self._clock)
        if self._file is not None:
            event.listen(self.engine, "do_connect", self._file.before_opening)
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "connect", self._file.opened)
            event.listen(self.engine, "begin", _begin_sqlite)
        one_moment = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        self._sessions = sessionmaker(self.engine, expire_on_commit=False)
        self._reading_sessions = sessionmaker(one_moment, expire_on_commit=False)
        for sessions in (self._sessions, self._reading_sessions):
            event.listen(sessions, "do_orm_execute", _one_world)
            event.listen(sessions, "before_flush", _stamp)
        self._listeners: list[Callable[[], None]] = []
        self._checked_at = float("-inf")
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self.state: State = "ok"

    def on_journalled(self, listener: Callable[[], None]) -> None:
        """Call `listener` (quick, must not raise) after each commit of this process that added to the journal."""
        self._listeners.append(listener)

    @contextmanager
    def reading(self, exercise_id: str | None = None) -> Iterator[Session]:
        """A session for queries; whatever it changed is thrown away. Unavailable("database_failed") when the database does not answer."""
        with self._attended(), self._reading_sessions(info={"exercise_id": exercise_id}) as session:
            yield session

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A bare connection, for queries at the least cost. Unavailable as `reading`."""
        with self._attended(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def _attended(self) -> Iterator[None]:
        try:
            with self._server.attended() if self._server is not None else nullcontext():
                yield
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            if _is_full(error):
                raise
            if self.state != "removed":
                self.state = "failed"
            raise Unavailable("database_failed") from error

    @contextmanager
    def writing(self, exercise_id: str | None = None) -> Iterator[Session]:
        """A session whose changes are durable when the block has ended.

        Unavailable: ("disk_full") when there is no room, ("database_removed") when the database's file was removed or replaced, ("database_failed").
        """
        self._refuse_when_full()
        self._refuse_when_removed()
        try:
            with self._attended(), self._only_writer(), self._sessions(info={"exercise_id": exercise_id}) as session:
                session.connection(execution_options={"fenghuo_writing": True})
                yield session
                session.commit()
                journalled = bool(session.info.get("journalled"))
        except IntegrityError as error:
            # Two that wrote the same key at once: whoever is later is told so, and finds the other's row when they look again.
            raise Conflict("written_meanwhile") from error
        except DBAPIError as error:
            if _is_full(error):
                self.state = "full"
                raise Unavailable("disk_full") from error
            if isinstance(error, OperationalError):
                self.state = "failed"
                raise Unavailable("database_failed") from error
            raise
        # Once more: what went into a file without a name must not be acknowledged.
        self._refuse_when_removed()
        self.state = "ok"
        if journalled:
            for listener in self._listeners:
                listener()

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        """SQLite lets whoever finds the database locked sleep, up to 100 ms at a time, and who comes later may be first: the writers of one process
        queue here instead, and sleep like that only for another process. Unavailable("database_failed") after BUSY_TIMEOUT_MS.
        """
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=BUSY_TIMEOUT_MS / 1000):
            raise Unavailable("database_failed")
        try:
            yield
        finally:
            self._turn.release()

    def probe(self) -> State:
        """Whether the database answers and has room: for `/readyz`, the feed and `doctor`."""
        try:
            self._refuse_when_removed()
            self._refuse_when_full()
            with self.connection() as connection:
                connection.exec_driver_sql("SELECT 1")
        except Unavailable as error:
            codes: dict[str, State] = {"disk_full": "full", "database_removed": "removed"}
            return codes.get(error.code, "failed")
        except (SQLAlchemyError, OSError):
            self.state = "failed"
            return "failed"
        if self.state in ("failed", "removed"):
            self.state = "ok"
        return self.state

    def close(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.stop()
        self.engine.dispose()

    def _refuse_when_removed(self) -> None:
        if self._file is not None and not self._file.is_there():
            if self.state != "removed":
                logger.critical("the database file was removed or replaced", extra={"file": str(self.path)})
            self.state = "removed"
            raise Unavailable("database_removed")

    def _refuse_when_full(self) -> None:
        if self.path is None:
            return
        with self._lock:
            now = self._clock.monotonic()
            if now - self._checked_at >= FREE_CHECK_S:
                self._checked_at = now
                free = shutil.disk_usage(self.path.parent).free
                if free < MIN_FREE_BYTES:
                    self.state = "full"
                elif self.state == "full":
                    self.state = "ok"
            if self.state == "full":
                raise Unavailable("disk_full")


def _one_world(state: ORMExecuteState) -> None:
    """Add the exercise criterion to every query, update and delete of an operational table."""
    if state.is_column_load or state.is_relationship_load:
        return
    exercise_id = state.session.info["exercise_id"]
    state.statement = state.statement.options(
        with_loader_criteria(Operational, lambda table: table.exercise_id == exercise_id, include_aliases=True)
        if exercise_id is not None
        else with_loader_criteria(Operational, lambda table: table.exercise_id.is_(None), include_aliases=True)
    )


def _stamp(session: Session, _context: UOWTransaction, _instances: object) -> None:
    """Put every new operational row into the session's world."""
    for row in session.new:
        if isinstance(row, Operational):
            row.exercise_id = session.info["exercise_id"]


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver must not begin transactions by itself: _begin_sqlite decides which kind.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    # FULL, not NORMAL: what was acknowledged survives a power cut, not only a killed process.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA cache_size=-16000")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    writing = connection.get_execution_options().get("fenghuo_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def _is_full(error: SQLAlchemyError) -> bool:
    text = str(getattr(error, "orig", "")).lower()
    return "disk is full" in text or "disk i/o error" in text or "no space left" in text or "disk full" in text
