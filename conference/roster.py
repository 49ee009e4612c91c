"""The roster (花名册): who is in a room at this moment, as what, and by which session.

A participant is a person, a screen or a guest, apart from the connections they come by: the newest session wins, the roster is always told
whole and numbered, so there are no ghosts.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from auth.principal import Principal
from conference import record
from conference.roles import role_in
from conference.rooms import find_room
from conference.tables import Participant, Room, identity_of, present, room_of
from foundation.clock import Clock, epoch_ms
from foundation.errors import Forbidden, TooMany
from foundation.identifiers import new_id
from foundation.journal import Actor

PARTICIPANTS_MAX = 64


@dataclass(frozen=True)
class Joined:
    """What a join brought: the room, the participant, and the older session that it replaced, if any."""

    room: Room
    participant: Participant
    replaced: str | None


def join(session: Session, clock: Clock, principal: Principal, room_id: object, session_id: str) -> Joined:
    """Put the principal into the roster with the session named by the page; the newest session wins.

    Connected they are when the media node says so. Raises NotFound, Conflict("room_closed"), Forbidden (no right, or removed by a host),
    TooMany("room_full").
    """
    room = find_room(session, room_id)
    role = role_in(room, principal)
    identity = identity_of(principal)
    row = session.execute(
        select(Participant).where(Participant.room_id == room.id, Participant.identity == identity)
    ).scalar_one_or_none()
    if row is not None and row.removed:
        raise Forbidden("removed")
    if (row is None or not row.present) and len(present(session, room.id)) >= PARTICIPANTS_MAX:
        raise TooMany("room_full", retry_after_s=60)
    if row is None:
        row = Participant(
            id=new_id(),
            room_id=room.id,
            site_id=principal.site_id,
            identity=identity,
            name=principal.name,
            role=role,
            session=session_id,
            muted=False,
            silenced=False,
            camera=False,
            screen=False,
            connected=False,
            since=clock.now(),
            present=True,
            removed=False,
            told="out",
        )
        session.add(row)
        replaced = None
    else:
        replaced = row.session if row.present and row.session != session_id else None
        if not row.present:
            row.muted, row.silenced, row.since = False, False, clock.now()
        if row.session != session_id:
            row.session = session_id
            row.camera, row.screen = False, False
            row.disconnect(clock.now())
        row.present, row.name, row.role, row.site_id = True, principal.name, role, principal.site_id
    room.bump()
    session.flush()
    return Joined(room, row, replaced)


def leave(session: Session, clock: Clock, participant_id: str, session_id: str) -> bool:
    """The participant goes; False when a newer session has taken over (then nothing changes)."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id:
        return False
    put_out(session, clock, row, row.actor)
    return True


def put_out(session: Session, clock: Clock, row: Participant, actor: Actor) -> None:
    """Take the participant off the roster; `actor` did it: they themselves, a host, or the program."""
    room = room_of(session, row.room_id)
    was_told = row.told != "out"
    row.put_out(clock.now())
    room.bump()
    session.flush()
    if was_told:
        record.tell(session, clock, room, "room.left", actor, row)


def of_session(session: Session, participant_id: str, session_id: str) -> Participant:
    """The participant who is here by this session; Forbidden("old_session") when a newer one has taken over or they have left."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id:
        raise Forbidden("old_session")
    return row


def whole(session: Session, room_id: str) -> dict[str, Any]:
    """The whole roster as docs/room-protocol.md tells it to browsers, with its version; times in epoch milliseconds."""
    room = room_of(session, room_id)
    return {
        "version": room.version,
        "participants": [
            {
                "participant": row.id,
                "name": row.name,
                "site": row.site_id,
                "role": row.role,
                "muted": row.muted,
                "camera": row.camera,
                "screen": row.screen,
                "connected": row.connected,
                "since": epoch_ms(row.since),
            }
            for row in present(session, room.id)
        ],
    }
