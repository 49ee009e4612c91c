"""The roster (花名册): who is in a room at this moment, as what, and by which session.

A participant is a person, a screen or a guest, apart from the connections they come by: the newest session wins, the roster is always told
whole and numbered, so there are no ghosts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from auth.principal import Principal
from conference import floor, lobby, record, rollcall
from conference.roles import RoomRole, role_in
from conference.rooms import find_room
from conference.standing import of_session
from conference.tables import Participant, Room, Source, held, identity_of, present, room_of
from foundation.clock import Clock, epoch_ms
from foundation.errors import Conflict, Forbidden, TooMany
from foundation.identifiers import new_id
from foundation.journal import Actor

PARTICIPANTS_MAX = 64

Over = Literal["replaced", "removed", "ended"]
"""Why a session is no longer its participant's."""


@dataclass(frozen=True)
class Joined:
    """What a join brought: the room, the participant, the older session that it replaces, if any, and whether the lobby holds them.

    The page of the older session, if that is another, is over at once. Its media goes on until the link of the newer one stands; where it has
    none (`linkless`) it is over at once too: a participant has two sessions on a node at most, however often they join.
    """

    room: Room
    participant: Participant
    replaced: str | None
    linkless: bool = False
    waits: bool = False


def join(
    session: Session, clock: Clock, principal: Principal, room_id: object, session_id: str, *, watches: bool = False
) -> Joined:
    """Put the principal into the roster with the session named by the page, or into the lobby; the newest session wins.

    With `watches` they come as a listener, whatever they may be: nothing of them is forwarded.

    Connected they are when the media node says so. Raises NotFound, Conflict("room_closed"), Conflict("room_locked"), Forbidden (no right, or
    removed by a host), TooMany("room_full").
    """
    room = find_room(session, room_id)
    role = role_in(room, principal)
    identity = identity_of(principal)
    row = session.execute(
        select(Participant).where(Participant.room_id == room.id, Participant.identity == identity)
    ).scalar_one_or_none()
    if row is not None and row.removed:
        raise Forbidden("removed")
    if room.locked and role != "host" and (row is None or not row.entered):
        raise Conflict("room_locked")
    waits = lobby.must_wait(room, principal, role, row)
    if not waits and (row is None or not row.present) and len(present(session, room.id)) >= PARTICIPANTS_MAX:
        raise TooMany("room_full", retry_after_s=60)
    if watches:
        role = "listener"
    replaced, linkless = None, False
    if row is None:
        row = _newcomer(clock, room, principal, role, session_id)
        session.add(row)
    else:
        replaced = row.session if (row.present or row.waiting_until) and row.session != session_id else None
        linkless = replaced is not None and replaced != row.link
        if not row.present:
            row.muted, row.silenced = False, False
        if row.session != session_id:
            row.session, row.watches = session_id, 0
            if role == "listener" or not row.connected:
                row.camera, row.screen = False, False
        row.name, row.role, row.site_id, row.login_id = principal.name, role, principal.site_id, principal.login_id
    if waits:
        lobby.wait(session, clock, room, row)
        return Joined(room, row, replaced, linkless, waits=True)
    if not row.present:
        row.since = clock.now()
    row.page_seen = clock.now()
    row.present, row.entered, row.hidden, row.waiting_until = True, True, False, None
    room.bump()
    session.flush()
    return Joined(room, row, replaced, linkless)


def leave(session: Session, clock: Clock, participant_id: str, session_id: str) -> set[str]:
    """The participant goes; gives the sessions that are over. Nothing, and nothing changes, when a newer session has taken over."""
    row = session.get(Participant, participant_id)
    if row is None or not row.present or row.session != session_id:
        return set()
    return put_out(session, clock, row, row.actor)


def put_out(session: Session, clock: Clock, row: Participant, actor: Actor) -> set[str]:
    """Take the participant off the roster; `actor` did it: they themselves, a host, or the program. Gives the sessions that are over."""
    room = held(session, row.room_id)
    was_told = not row.is_out
    floor.vacate(session, clock, room, row, "left")
    over = row.put_out(clock.now())
    room.bump()
    session.flush()
    if was_told:
        record.tell(session, clock, room, "room.left", actor, row)
    return over


def grants(session: Session, participant_id: str, session_id: str) -> list[Source]:
    """What may be forwarded of the participant who is here by the session; Forbidden("old_session")."""
    row = of_session(session, participant_id, session_id)
    return row.grants(room_of(session, row.room_id))


def granted(
    session: Session, room_id: str, participants: Collection[str] | None = None
) -> list[tuple[Participant, Room]]:
    """Of these participants, or of everybody present, the rows that say what may be forwarded: the room's version is that of all of them."""
    # One statement: two would see two states where a transaction is no snapshot.
    query = select(Participant, Room).join(Room, Room.id == Participant.room_id)
    query = query.where(Participant.room_id == room_id, Participant.present)
    if participants is not None:
        query = query.where(Participant.id.in_(participants))
    return [(row, room) for row, room in session.execute(query)]


def gone(session: Session, session_ids: dict[str, str]) -> dict[str, Over]:
    """Of the sessions of participants (by session: the participant) those which are theirs no more, each with why: replaced, removed or ended."""
    found = {
        row.id: row
        for row in session.execute(select(Participant).where(Participant.id.in_(session_ids.values()))).scalars()
    }
    over: dict[str, Over] = {}
    for session_id, participant_id in session_ids.items():
        row = found.get(participant_id)
        if row is None or row.removed:
            over[session_id] = "removed"
        elif row.session != session_id:
            over[session_id] = "replaced"
        elif not row.present:
            over[session_id] = "ended"
    return over


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
                "hand": None if row.hand is None else epoch_ms(row.hand),
                "hidden": row.hidden,
                "connected": row.connected,
                "since": epoch_ms(row.since),
            }
            for row in present(session, room.id)
        ],
        "rules": record.led(room),
        "floor": floor.told(room),
        "rings": record.rings(session, room),
        "rollcall": rollcall.rollcall(session, room),
    }


def _newcomer(clock: Clock, room: Room, principal: Principal, role: RoomRole, session_id: str) -> Participant:
    return Participant(
        id=new_id(),
        room_id=room.id,
        site_id=principal.site_id,
        identity=identity_of(principal),
        login_id=principal.login_id,
        name=principal.name,
        role=role,
        session=session_id,
        muted=False,
        silenced=False,
        camera=False,
        screen=False,
        link=None,
        since=clock.now(),
        present=False,
        removed=False,
        told="out",
        hand=None,
        hidden=False,
        entered=False,
        heard=False,
        watches=0,
        page_seen=clock.now(),
        waiting_until=None,
    )
