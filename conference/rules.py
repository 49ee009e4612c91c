"""The rules of a room: what each may say of themself, and what a host may do to the others."""

from sqlalchemy.orm import Session

from conference import roster
from conference.tables import Participant, room_of
from foundation.clock import Clock
from foundation.errors import Forbidden, NotFound
from foundation.identifiers import is_id


def change_state(
    session: Session,
    participant_id: str,
    session_id: str,
    *,
    muted: bool | None = None,
    camera: bool | None = None,
    screen: bool | None = None,
) -> Participant:
    """What the participant now sends. Who unmutes themself also ends a host's muting.

    Forbidden for an older session, and for a listener that would send.
    """
    row = roster.of_session(session, participant_id, session_id)
    if row.role == "listener" and (muted is False or camera or screen):
        raise Forbidden("listener")
    if muted is not None:
        row.muted = muted
        row.silenced = row.silenced and muted
    if camera is not None:
        row.camera = camera
    if screen is not None:
        row.screen = screen
    room_of(session, row.room_id).bump()
    session.flush()
    return row


def mute_by_host(session: Session, host_id: str, participant_id: object) -> Participant:
    """A host mutes somebody: the node drops their sound until they unmute themself. Forbidden for anybody but a host."""
    row = _of_same_room(session, host_id, participant_id)
    row.muted, row.silenced = True, True
    room_of(session, row.room_id).bump()
    session.flush()
    return row


def remove(session: Session, clock: Clock, host_id: str, participant_id: object) -> Participant:
    """A host removes somebody, who stays removed from this room. Forbidden for anybody but a host, or to remove oneself."""
    host = session.get(Participant, host_id)
    row = _of_same_room(session, host_id, participant_id)
    if host is None or row.id == host.id:
        raise Forbidden("not_oneself")
    row.removed = True
    roster.put_out(session, clock, row, host.actor)
    return row


def _of_same_room(session: Session, host_id: str, participant_id: object) -> Participant:
    host = session.get(Participant, host_id)
    if host is None or not host.present or host.role != "host":
        raise Forbidden("not_host")
    row = session.get(Participant, participant_id) if is_id(participant_id) else None
    if row is None or row.room_id != host.room_id or not row.present:
        raise NotFound("not_found")
    return row
