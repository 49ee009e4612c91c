"""The rules between participants: what each may say of themself, and what a host may do to the others."""

from sqlalchemy.orm import Session

from conference import floor, roster
from conference.standing import host_of, named, of_session
from conference.tables import Participant, held, present, room_of
from foundation.clock import Clock
from foundation.errors import Forbidden


def change_state(
    session: Session,
    participant_id: str,
    session_id: str,
    *,
    muted: bool | None = None,
    camera: bool | None = None,
    screen: bool | None = None,
    hidden: bool | None = None,
) -> Participant:
    """What the participant now sends, and whether their page is out of sight. Who unmutes themself also ends a host's muting.

    Forbidden for an older session, and for a listener that would send.
    """
    row = of_session(session, participant_id, session_id)
    if row.role == "listener" and (muted is False or camera or screen):
        raise Forbidden("listener")
    if muted is not None:
        row.muted = muted
        row.silenced = row.silenced and muted
    if camera is not None:
        row.camera = camera
    if screen is not None:
        row.screen = screen
    if hidden is not None:
        row.hidden = hidden
    room_of(session, row.room_id).bump()
    session.flush()
    return row


def raise_hand(
    session: Session, clock: Clock, participant_id: str, session_id: str, *, up: bool, whose: object = None
) -> None:
    """Raise or lower one's hand; a host may lower that of `whose`. Forbidden to raise another's, or to lower it without being host."""
    row = of_session(session, participant_id, session_id)
    if whose is not None and whose != row.id:
        if up or row.role != "host":
            raise Forbidden("not_host")
        row = named(session, row.room_id, whose)
    if up == (row.hand is not None):
        return
    row.hand = clock.now() if up else None
    room_of(session, row.room_id).bump()
    session.flush()


def mute_by_host(session: Session, clock: Clock, host_id: str, session_id: str, participant_id: object) -> Participant:
    """A host mutes somebody: the node drops their sound until they unmute themself, and they have the floor no more. Forbidden, NotFound."""
    host = host_of(session, host_id, session_id)
    room = held(session, host.room_id)
    row = named(session, room.id, participant_id)
    row.muted, row.silenced = True, True
    floor.vacate(session, clock, room, row, "muted")
    room.bump()
    session.flush()
    return row


def mute_all(session: Session, host_id: str, session_id: str) -> list[Participant]:
    """A host mutes everybody but themself and the holder of the floor; gives who was not muted by a host before. Forbidden for anybody but a host."""
    host = host_of(session, host_id, session_id)
    room = held(session, host.room_id)
    loud = [
        row
        for row in present(session, room.id)
        if row.id not in (host.id, room.floor) and row.role != "listener" and not (row.muted and row.silenced)
    ]
    for row in loud:
        row.muted, row.silenced = True, True
    if loud:
        room.bump()
        session.flush()
    return loud


def ask_to_unmute(
    session: Session, host_id: str, session_id: str, participant_id: object
) -> tuple[Participant, Participant]:
    """The host who asks, and whom: they decide. Raises Forbidden for anybody but a host and for a listener as the asked, NotFound."""
    host = host_of(session, host_id, session_id)
    row = named(session, host.room_id, participant_id)
    if row.role == "listener":
        raise Forbidden("listener")
    return host, row


def remove(session: Session, clock: Clock, host_id: str, session_id: str, participant_id: object) -> set[str]:
    """A host removes somebody, who stays removed from this room; gives the sessions that are over.

    Forbidden for anybody but a host, or to remove oneself.
    """
    host = host_of(session, host_id, session_id)
    row = named(session, host.room_id, participant_id)
    if row.id == host.id:
        raise Forbidden("not_oneself")
    row.removed = True
    return roster.put_out(session, clock, row, host.actor)
