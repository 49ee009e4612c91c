"""The only way to create or change an operational row: find it, lock it, check the seen version, apply, write the journal entry.

It holds on SQLite (one writer at a time) and on PostgreSQL (READ COMMITTED) alike. The lock order is the journal's head first, then the row: two
changes wait for each other and never dead-lock, and what `apply` or `make` read is what the transaction before them committed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Dialect, Integer, inspect, select, true
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, declared_attr, mapped_column

from foundation import journal
from foundation.clock import Clock
from foundation.database import Operational
from foundation.errors import Conflict, NotFound


class Versioned(Operational):
    """An operational row that people change. `version` begins with 1 and is raised by each UPDATE, which names the one before it."""

    version: Mapped[int] = mapped_column(Integer)

    @declared_attr.directive
    def __mapper_args__(cls) -> dict[str, Any]:  # noqa: N805 - SQLAlchemy gives the class
        return {"version_id_col": cls.version}


Row = TypeVar("Row", bound=Operational)
Changed = TypeVar("Changed", bound=Versioned)


@dataclass(frozen=True)
class Event:
    """What the journal says about a change: its kind (`incident.raised`) and what its sentence names beside the subject's own facts."""

    kind: str
    detail: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Subject(Generic[Row]):
    """How rows of one table are found and journalled."""

    table: type[Row]
    topic: str
    unknown: str
    """The error code of a row that does not exist, or not for who asks."""
    state: Callable[[Row], dict[str, Any]]
    """The whole public state of a row."""
    facts: Callable[[Row], dict[str, Any]]
    """What every journal entry about a row names."""
    subject_id: Callable[[Row], str] | None = None
    """What the journal calls the subject; None: the row's key."""

    def find(self, session: Session, id: str, within: ColumnElement[bool]) -> Row:
        """Return the row of this world and of `within`; NotFound(`unknown`)."""
        row = session.execute(select(self.table).where(self._key() == id, within)).scalar_one_or_none()
        if row is None:
            raise NotFound(self.unknown)
        return row

    def _key(self) -> Any:
        return inspect(self.table).primary_key[0]


def create(
    session: Session,
    clock: Clock,
    subject: Subject[Row],
    *,
    actor: journal.Actor,
    event: str,
    make: Callable[[], Row],
    known: ColumnElement[bool] | None = None,
    within: ColumnElement[bool] | None = None,
) -> Row:
    """Insert the row that `make` gives and journal it; return the `known` one instead when it is there: creating twice is once.

    `make` runs under the lock: whatever it counts or compares holds until the transaction ends. Conflict("id_taken") when the key belongs to a
    row of another world or of a site outside `within`.
    """
    journal.lock(session)
    if known is not None:
        query = select(subject.table).where(known, true() if within is None else within)
        there = session.execute(query).scalar_one_or_none()
        if there is not None:
            return there
    row = make()
    row.exercise_id = session.info["exercise_id"]
    mapper = inspect(subject.table)
    names = {attribute.key: attribute.columns[0].name for attribute in mapper.column_attrs}
    values = {name: getattr(row, key) for key, name in names.items()}
    if isinstance(row, Versioned):
        values["version"] = 1
    statement = _insert(session.get_bind().dialect)(subject.table).values(values).on_conflict_do_nothing()
    key = subject._key()
    inserted = session.execute(statement.returning(key)).scalar_one_or_none()
    if inserted is None:
        raise Conflict("id_taken")
    row = session.execute(select(subject.table).where(key == inserted)).scalar_one()
    _journal(session, clock, subject, row, actor, Event(event))
    return row


def change(
    session: Session,
    clock: Clock,
    subject: Subject[Changed],
    id: str,
    *,
    actor: journal.Actor,
    within: ColumnElement[bool],
    allow: Callable[[Changed], None],
    apply: Callable[[Changed], Event | None],
    seen_version: int | None = None,
) -> Changed:
    """Apply a change to one locked row and journal it; `apply` returns None when nothing is to be changed.

    NotFound(`subject.unknown`); what `allow` raises; Conflict("changed_meanwhile") with the present state when `seen_version` is not its version.
    """
    journal.lock(session)
    key = subject._key()
    query = select(subject.table).where(key == id, within).with_for_update().execution_options(populate_existing=True)
    row = session.execute(query).scalar_one_or_none()
    if row is None:
        raise NotFound(subject.unknown)
    allow(row)
    if seen_version is not None and seen_version != row.version:
        raise Conflict("changed_meanwhile", **subject.state(row))
    event = apply(row)
    if event is not None:
        session.flush()
        _journal(session, clock, subject, row, actor, event)
    return row


def _journal(
    session: Session, clock: Clock, subject: Subject[Row], row: Row, actor: journal.Actor, event: Event
) -> None:
    journal.append(
        session,
        clock,
        kind=event.kind,
        topic=subject.topic,
        subject=str(inspect(row).identity[0]) if subject.subject_id is None else subject.subject_id(row),
        actor=actor,
        site_id=row.site_id,
        detail={**subject.facts(row), **event.detail},
        state=subject.state(row),
    )


def _insert(dialect: Dialect) -> Any:
    return postgresql.insert if dialect.name == "postgresql" else sqlite.insert
