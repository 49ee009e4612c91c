"""Who asks in a room, and whom they mean: the checks that stand before every rule."""

from sqlalchemy.orm import Session

from conference.tables import Participant
from foundation.errors import Forbidden, NotFound
from foundation.identifiers import is_id


def of_session(session: Session, participant_id: str, session_id: str) -> Participant:
    """The participant who is here by the session; Forbidden("old_session") when a newer one has taken over or they have left."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id:
        raise Forbidden("old_session")
    return row


def host_of(session: Session, participant_id: str, session_id: str) -> Participant:
    """The host who is here by the session; Forbidden("not_host") for anybody else."""
    row = of_session(session, participant_id, session_id)
    if row.role != "host":
        raise Forbidden("not_host")
    return row


def named(session: Session, room_id: str, participant_id: object) -> Participant:
    """Who is meant: somebody present in this room, and no other; NotFound."""
    row = session.get(Participant, participant_id) if is_id(participant_id) else None
    if row is None or row.room_id != room_id or not row.present:
        raise NotFound("not_found")
    return row
