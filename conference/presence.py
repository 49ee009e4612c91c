"""Presence: whose media link stands, who has lost it and since when, and who is back."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session

from conference import calling, floor, record, roster
from conference.tables import OUT, Participant, held, room_of
from foundation.clock import Clock

LOST_AFTER_S = 5.0
"""A link that is back sooner is not told as lost: flapping links would fill the journal (the roster shows it at once)."""
GONE_S = 120.0
"""Who has had neither a link nor a page for so long has closed it, or sleeps: nobody waits for them."""
PAGE_SEEN_EVERY_S = 30.0
"""How often it is noted that the page of somebody without a link is there."""


@dataclass(frozen=True)
class Link:
    """A media link that stands, and the session before it, which is over now."""

    before: str | None


def connected(session: Session, clock: Clock, room_id: str, participant_id: str, session_id: str) -> Link | None:
    """The node says that the session has its media link.

    None when the session is not (any more) the participant's: it should be ended. The one before the newest is theirs as long as the
    newest has no link.
    """
    # Every web process hears this: one of them writes it, the others find it written.
    room = held(session, room_id)
    row = session.get(Participant, participant_id)
    if row is None or row.room_id != room_id or session_id not in row.sessions or not row.present or not room.open:
        return None
    before = None
    if row.link != session_id and row.session == session_id:
        before = row.link
        if not row.connected:
            row.heard, row.since = True, clock.now()
            calling.answered(session, clock, row)
        row.link = session_id
        room.bump()
        session.flush()
    if row.told != "in":
        kind = "room.returned" if row.told == "lost" else "room.joined"
        row.told = "in"
        session.flush()
        record.tell(session, clock, room, kind, row.actor, row)
    return Link(before)


def disconnected(session: Session, clock: Clock, session_ids: list[str]) -> set[str]:
    """These sessions have lost their media link; gives the ids of the rooms whose roster changed. The journal is told by `tell_lost`."""
    changed: set[str] = set()
    rows = session.execute(select(Participant).where(Participant.link.in_(session_ids), Participant.present)).scalars()
    for row in list(rows):
        room = held(session, row.room_id)
        row.disconnect(clock.now())
        floor.vacate(session, clock, room, row, "link_lost")
        changed.add(row.room_id)
    for room_id in changed:
        room_of(session, room_id).bump()
    session.flush()
    return changed


def left_over(session: Session) -> set[str]:
    """At the start of web: the sessions whose link stood, or was being made, as a former web process or another one that lives knows them."""
    query = select(Participant).where(
        Participant.present, or_(Participant.link.is_not(None), Participant.told.in_(OUT))
    )
    return {row.link or row.session for row in session.execute(query).scalars()}


def give_up(session: Session, clock: Clock, session_ids: set[str]) -> set[str]:
    """No node has told of these sessions: their links are lost, and who never had one was never there. Gives the rooms whose roster changed."""
    changed = disconnected(session, clock, list(session_ids))
    unheard = session.execute(
        select(Participant).where(Participant.session.in_(session_ids), Participant.present, Participant.told.in_(OUT))
    ).scalars()
    for row in list(unheard):
        if forget_unheard(session, row.id, row.session):
            changed.add(row.room_id)
    return changed


def wrongly_lost(session: Session, session_ids: set[str]) -> bool:
    """Whether somebody is shown without a link by one of these sessions, which live: asked every second, so it only reads."""
    return session.execute(_lost_by(session_ids).limit(1)).first() is not None


def restore(session: Session, clock: Clock, session_ids: set[str]) -> set[str]:
    """These sessions live, whatever another web process believed. Gives the ids of the rooms whose roster changed."""
    changed: set[str] = set()
    for row in list(session.execute(_lost_by(session_ids)).scalars()):
        if connected(session, clock, row.room_id, row.id, row.session) is not None:
            changed.add(row.room_id)
    return changed


def _lost_by(session_ids: set[str]) -> Select[Participant]:
    return select(Participant).where(
        Participant.session.in_(session_ids), Participant.present, Participant.link.is_(None)
    )


def forget_unheard(session: Session, participant_id: str, session_id: str) -> bool:
    """The page went before its media link ever stood: it was never there. False when that is not so."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id or not row.is_out or row.connected:
        return False
    row.present = False
    room_of(session, row.room_id).bump()
    session.flush()
    return True


def note_pages(session: Session, clock: Clock, participant_ids: set[str]) -> None:
    """The pages of these participants are there: nobody of them is gone, though they have no link."""
    for row in session.execute(select(Participant).where(Participant.id.in_(participant_ids))).scalars():
        row.page_seen = clock.now()
    session.flush()


def without_link(session: Session, participant_ids: set[str]) -> set[str]:
    """Those of the participants who have no link: asked often, so it only reads."""
    query = select(Participant.id).where(
        Participant.id.in_(participant_ids), Participant.present, Participant.link.is_(None)
    )
    return set(session.execute(query).scalars())


def anybody_is_due(session: Session, clock: Clock) -> bool:
    """Whether `tell_lost` or `let_go` would do anything: asked every second, so it only reads."""
    due = or_(_untold(clock), _vanished(clock))
    return session.execute(select(Participant.id).where(due).limit(1)).first() is not None


def tell_lost(session: Session, clock: Clock) -> None:
    """Journal who has been without a link for LOST_AFTER_S."""
    for row in list(session.execute(select(Participant).where(_untold(clock))).scalars()):
        row.told = "lost"
        session.flush()
        record.tell(session, clock, room_of(session, row.room_id), "room.lost", row.actor, row)


def let_go(session: Session, clock: Clock) -> set[str]:
    """Take who has had neither a link nor a page for GONE_S off the roster; gives the ids of their rooms.

    That an expected site is missing, and why, the roll call says (conference.rollcall). Who comes back is in again.
    """
    changed: set[str] = set()
    for row in list(session.execute(select(Participant).where(_vanished(clock))).scalars()):
        roster.put_out(session, clock, row, row.actor)
        row.told = "gone"
        session.flush()
        changed.add(row.room_id)
    return changed


def _untold(clock: Clock) -> ColumnElement[bool]:
    return and_(_without_link(clock, LOST_AFTER_S), Participant.told == "in")


def _vanished(clock: Clock) -> ColumnElement[bool]:
    # Who was never heard may still be trying, for want of a node; `forget_unheard` takes them off with their page.
    return and_(
        _without_link(clock, GONE_S),
        Participant.told.not_in(OUT),
        or_(Participant.page_seen.is_(None), Participant.page_seen <= clock.now() - timedelta(seconds=GONE_S)),
    )


def _without_link(clock: Clock, seconds: float) -> ColumnElement[bool]:
    return and_(
        Participant.present,
        Participant.link.is_(None),
        Participant.since <= clock.now() - timedelta(seconds=seconds),
    )
