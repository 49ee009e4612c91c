"""Presence: whose media link stands, who has lost it and since when, and who is back."""

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from conference import record
from conference.tables import Participant, Room, room_of
from foundation.clock import Clock

LOST_AFTER_S = 5.0
"""A link that is back sooner is not told as lost: flapping links would fill the journal (the roster shows it at once)."""


def connected(session: Session, clock: Clock, room_id: str, participant_id: str, session_id: str) -> bool:
    """The node says that this session has its media link. False when the session is not (any more) the participant's: it should be ended."""
    row = session.get(Participant, participant_id)
    if row is None or row.room_id != room_id or row.session != session_id or not row.present:
        return False
    room = session.get(Room, room_id)
    if room is None or not room.open:
        return False
    if not row.connected:
        row.connected, row.since = True, clock.now()
        room.bump()
        session.flush()
    if row.told != "in":
        kind = "room.returned" if row.told == "lost" else "room.joined"
        row.told = "in"
        session.flush()
        record.tell(session, clock, room, kind, row.actor, row)
    return True


def disconnected(session: Session, clock: Clock, session_ids: list[str]) -> set[str]:
    """These sessions have lost their media link; gives the ids of the rooms whose roster changed. The journal is told by `tell_lost`."""
    changed: set[str] = set()
    rows = session.execute(
        select(Participant).where(Participant.session.in_(session_ids), Participant.connected, Participant.present)
    ).scalars()
    for row in rows:
        row.disconnect(clock.now())
        changed.add(row.room_id)
    for room_id in changed:
        room_of(session, room_id).bump()
    session.flush()
    return changed


def forget_links(session: Session, clock: Clock) -> set[str]:
    """At the start of web: nobody is connected until a node says so again, and who never was is gone. Gives the rooms whose roster changed."""
    for row in session.execute(select(Participant).where(Participant.present, Participant.told == "out")).scalars():
        row.present = False
    sessions = session.execute(select(Participant.session).where(Participant.connected, Participant.present)).scalars()
    return disconnected(session, clock, list(sessions))


def forget_unheard(session: Session, participant_id: str, session_id: str) -> bool:
    """The page went before its media link ever stood: it was never there. False when that is not so."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id or row.told != "out" or row.connected:
        return False
    row.present = False
    room_of(session, row.room_id).bump()
    session.flush()
    return True


def tell_lost(session: Session, clock: Clock) -> set[str]:
    """Journal who has been without a link for LOST_AFTER_S; gives the ids of their rooms."""
    rows = session.execute(
        select(Participant).where(
            Participant.present,
            Participant.connected.is_(False),
            Participant.told == "in",
            Participant.since <= clock.now() - timedelta(seconds=LOST_AFTER_S),
        )
    ).scalars()
    changed: set[str] = set()
    for row in list(rows):
        room = room_of(session, row.room_id)
        row.told = "lost"
        session.flush()
        record.tell(session, clock, room, "room.lost", row.actor, row)
        changed.add(room.id)
    return changed


def some_are_to_be_told(session: Session, clock: Clock) -> bool:
    """Whether `tell_lost` would tell anything: asked every second, so it only reads."""
    return (
        session.execute(
            select(Participant.id)
            .where(
                Participant.present,
                Participant.connected.is_(False),
                Participant.told == "in",
                Participant.since <= clock.now() - timedelta(seconds=LOST_AFTER_S),
            )
            .limit(1)
        ).scalar_one_or_none()
        is not None
    )
