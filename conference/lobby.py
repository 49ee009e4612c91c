"""The lobby: who must wait before a room until a host lets them in."""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session

from auth.principal import Principal
from conference import record
from conference.standing import host_of
from conference.tables import Participant, Room, room_of
from foundation.clock import Clock, epoch_ms
from foundation.errors import Conflict, NotFound, TooMany
from foundation.identifiers import is_id

WAITS_S = 60.0
"""A page that waits says `join` again every 20 s; one that has not for so long is gone, and so is one whose web process was killed."""
WAITING_MAX = 64


def must_wait(room: Room, principal: Principal, role: str, row: Participant | None) -> bool:
    """Whether the lobby holds this one: no host, not of a site that was expected or rung or that opened the room, and not in before."""
    if not room.lobby or role == "host" or (row is not None and row.entered):
        return False
    return principal.site_id is None or principal.site_id not in (*room.expected, room.site_id)


def wait(session: Session, clock: Clock, room: Room, row: Participant) -> None:
    """The participant waits from now on, or goes on waiting. TooMany("room_full") when too many do."""
    now = clock.now()
    if row.waiting_until is None or row.waiting_until <= now:
        if len(waiting(session, clock, room.id)) >= WAITING_MAX:
            raise TooMany("room_full", retry_after_s=60)
        row.since = now
    row.waiting_until = now + timedelta(seconds=WAITS_S)
    session.flush()


def admit(session: Session, clock: Clock, host_id: str, session_id: str, participant_id: object) -> Participant:
    """A host lets somebody in; their page comes by itself. Raises Forbidden, NotFound, Conflict("not_waiting")."""
    row = _answer(session, clock, host_id, session_id, participant_id, "room.admitted")
    row.entered = True
    return row


def refuse(session: Session, clock: Clock, host_id: str, session_id: str, participant_id: object) -> Participant:
    """A host does not let somebody in; they may ask again. Raises Forbidden, NotFound, Conflict("not_waiting")."""
    return _answer(session, clock, host_id, session_id, participant_id, "room.refused")


def go(session: Session, participant_id: str, session_id: str) -> bool:
    """The page of somebody who waits is gone; False when they do not wait by it."""
    row = session.get(Participant, participant_id)
    if row is None or row.waiting_until is None or row.session != session_id:
        return False
    row.waiting_until = None
    session.flush()
    return True


def waiting(session: Session, clock: Clock, room_id: str) -> list[Participant]:
    """Who waits, in the order in which they came."""
    query = select(Participant).where(Participant.room_id == room_id, Participant.waiting_until > clock.now())
    return list(session.execute(query.order_by(Participant.since, Participant.id)).scalars())


def told(session: Session, clock: Clock, room_id: str) -> dict[str, Any]:
    """Who waits, as docs/room-protocol.md tells it to hosts; times in epoch milliseconds."""
    return {
        "participants": [
            {"participant": row.id, "name": row.name, "site": row.site_id, "since": epoch_ms(row.since)}
            for row in waiting(session, clock, room_id)
        ]
    }


def anybody_is_due(session: Session, clock: Clock) -> bool:
    """Whether `lapse` would do anything: asked every second, so it only reads."""
    return session.execute(select(Participant.id).where(_overdue(clock)).limit(1)).first() is not None


def lapse(session: Session, clock: Clock) -> set[str]:
    """Who has not asked for WAITS_S waits no more; gives the ids of the rooms."""
    rows = list(session.execute(select(Participant).where(_overdue(clock))).scalars())
    for row in rows:
        row.waiting_until = None
    session.flush()
    return {row.room_id for row in rows}


def _overdue(clock: Clock) -> ColumnElement[bool]:
    return and_(Participant.waiting_until.is_not(None), Participant.waiting_until <= clock.now())


def _answer(
    session: Session, clock: Clock, host_id: str, session_id: str, participant_id: object, kind: str
) -> Participant:
    host = host_of(session, host_id, session_id)
    row = session.get(Participant, participant_id) if is_id(participant_id) else None
    if row is None or row.room_id != host.room_id:
        raise NotFound("not_found")
    if row.waiting_until is None:
        raise Conflict("not_waiting")
    row.waiting_until = None
    session.flush()
    record.tell(session, clock, room_of(session, row.room_id), kind, host.actor, row)
    return row
