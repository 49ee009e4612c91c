"""The journal: everything that happened, in one order, each row hashed with the one before it, never rewritten.

It is the feed's cursor, the timeline, the audit trail, the exchange's outbox and the time machine. A row is written in the same
transaction as the change that it tells.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Integer, LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from foundation.clock import Clock, epoch_ms
from foundation.database import Base, Database, Json, canonical_json
from foundation.identifiers import JournalId

GENESIS = bytes(32)
VERIFY_BATCH = 2_000


@dataclass(frozen=True)
class Actor:
    """Who did it: `kind` is person, device, node or system; `name` is for readers, `id` for programs."""

    kind: str
    id: str
    name: str


SYSTEM = Actor("system", "", "")


class JournalRow(Base):
    """One entry. It is not `Operational`: readers choose the world themselves, and the chain runs through all worlds."""

    __tablename__ = "journal"

    id: Mapped[int] = mapped_column(BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    at: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str] = mapped_column(String(64))
    topic: Mapped[str] = mapped_column(String(32), index=True)
    subject: Mapped[str] = mapped_column(String(64), index=True)
    site_id: Mapped[str | None] = mapped_column(String(64))
    exercise_id: Mapped[str | None] = mapped_column(String(36))
    actor: Mapped[Any] = mapped_column(Json)
    detail: Mapped[Any] = mapped_column(Json)
    state: Mapped[Any | None] = mapped_column(Json)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class JournalHead(Base):
    """The last entry's id and hash, one row: locking it gives the journal its total order on every database."""

    __tablename__ = "journal_head"

    key: Mapped[int] = mapped_column(Integer, primary_key=True)
    last_id: Mapped[int] = mapped_column(BigInteger)
    last_hash: Mapped[bytes] = mapped_column(LargeBinary(32))


def append(
    session: Session,
    clock: Clock,
    *,
    kind: str,
    topic: str,
    subject: str,
    actor: Actor,
    site_id: str | None = None,
    detail: dict[str, Any] | None = None,
    state: dict[str, Any] | None = None,
) -> JournalId:
    """Add one entry to the session's transaction and give its id.

    `kind` is `<noun>.<past participle>` (`incident.opened`), `topic` the feed topic that it changes, `subject` the id of what changed, `detail` what
    the readable sentence names, `state` the subject's whole public state afterwards (null when it is gone).
    """
    head = lock(session)
    row = JournalRow(
        id=head.last_id + 1,
        at=epoch_ms(clock.now()),
        kind=kind,
        topic=topic,
        subject=subject,
        site_id=site_id,
        exercise_id=session.info["exercise_id"],
        actor={"kind": actor.kind, "id": actor.id, "name": actor.name},
        detail=detail or {},
        state=state,
    )
    row.hash = _hash(row, head.last_hash)
    session.add(row)
    head.last_id, head.last_hash = row.id, row.hash
    session.flush()
    session.info["journalled"] = True
    return JournalId(row.id)


def lock(session: Session) -> JournalHead:
    """Hold the journal's head until the transaction ends: nobody else changes anything that is journalled in the meantime."""
    return session.execute(select(JournalHead).with_for_update().execution_options(populate_existing=True)).scalar_one()


_PEEK = select(JournalHead.last_id)


def last_id(session: Session) -> JournalId:
    """The id of the newest entry, 0 when there is none."""
    return JournalId(session.execute(select(JournalHead.last_id)).scalar_one())


def peek(database: Database) -> JournalId:
    """The same at the least cost, for those who look often."""
    with database.connection() as connection:
        return JournalId(connection.execute(_PEEK).scalar_one())


def after(session: Session, journal_id: int, limit: int, within: ColumnElement[bool] | None = None) -> list[JournalRow]:
    """Up to `limit` entries of the session's world with an id above `journal_id`, oldest first, of those `within` if given."""
    query = select(JournalRow).where(JournalRow.id > journal_id, _same_world(session))
    if within is not None:
        query = query.where(within)
    return list(session.execute(query.order_by(JournalRow.id).limit(limit)).scalars())


def newest(
    session: Session,
    limit: int,
    topics: frozenset[str] | None = None,
    subject: str | None = None,
    within: ColumnElement[bool] | None = None,
) -> list[JournalRow]:
    """Up to `limit` entries of the session's world, newest first, of `topics`, `subject` and those `within` if given."""
    query = select(JournalRow).where(_same_world(session)).order_by(JournalRow.id.desc()).limit(limit)
    if topics is not None:
        query = query.where(JournalRow.topic.in_(topics))
    if subject is not None:
        query = query.where(JournalRow.subject == subject)
    if within is not None:
        query = query.where(within)
    return list(session.execute(query).scalars())


@dataclass(frozen=True)
class Verdict:
    """What a check of the whole chain found: how many entries, and the first one that is wrong (null when all is well)."""

    entries: int
    first_bad: int | None
    reason: str = ""


def verify(session: Session) -> Verdict:
    """Walk the whole journal and recompute every hash; a changed, missing or added row is found and named.

    The session must be a reading one: it sees rows and head of one moment, while others go on writing.
    """
    expected, previous, count = 1, GENESIS, 0
    for row in _all(session):
        if row.id != expected:
            return Verdict(count, expected, "missing")
        if _hash(row, previous) != row.hash:
            return Verdict(count, row.id, "changed")
        previous, expected, count = row.hash, expected + 1, count + 1
    head = session.execute(select(JournalHead)).scalar_one()
    if head.last_id != count or head.last_hash != previous:
        return Verdict(count, expected, "cut off")
    return Verdict(count, None)


def _all(session: Session) -> Iterator[JournalRow]:
    position = 0
    while batch := list(
        session.execute(
            select(JournalRow).where(JournalRow.id > position).order_by(JournalRow.id).limit(VERIFY_BATCH)
        ).scalars()
    ):
        yield from batch
        position = batch[-1].id
        session.expunge_all()


def _same_world(session: Session) -> Any:
    exercise_id = session.info["exercise_id"]
    return JournalRow.exercise_id.is_(None) if exercise_id is None else JournalRow.exercise_id == exercise_id


def _hash(row: JournalRow, previous: bytes) -> bytes:
    content = [
        row.id,
        row.at,
        row.kind,
        row.topic,
        row.subject,
        row.site_id,
        row.exercise_id,
        row.actor,
        row.detail,
        row.state,
    ]
    return hashlib.sha256(previous + canonical_json(content)).digest()
