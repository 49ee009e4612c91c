"""The floor (话权): in a room with push-to-talk one participant speaks, whom the media node forwards alone."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from conference.standing import named, of_session
from conference.tables import Participant, Room, held
from foundation import journal
from foundation.clock import Clock, epoch_ms
from foundation.errors import Conflict, Forbidden

HELD_S = 60.0
"""So long one has the floor unless they renew it: a forgotten button must not silence the township."""
TOPIC = "floor"
"""The journal's topic. The feed does not tell it: each press of a button would push everything else off the wall."""


def take(session: Session, clock: Clock, participant_id: str, session_id: str) -> Room:
    """The floor is the participant's, if nobody has it; the holder renews it.

    Raises Forbidden (a listener, an older session), Conflict("no_floor") where talk is open, Conflict("floor_taken").
    """
    row = of_session(session, participant_id, session_id)
    room = _with_floor(session, row)
    if room.floor not in (None, row.id):
        raise Conflict("floor_taken")
    _give(session, clock, room, row, row, "floor.taken" if room.floor is None else "floor.renewed")
    return room


def give_back(session: Session, clock: Clock, participant_id: str, session_id: str) -> Room:
    """The participant has it no more; nothing happens when they had it not."""
    row = of_session(session, participant_id, session_id)
    room = held(session, row.room_id)
    vacate(session, clock, room, row, "given_back")
    return room


def pass_on(session: Session, clock: Clock, participant_id: str, session_id: str, to: object) -> Room:
    """The holder gives the floor to somebody else of the room; a host to anybody, themself included.

    Raises Forbidden for others and for a listener as the receiver, NotFound, Conflict("no_floor").
    """
    row = of_session(session, participant_id, session_id)
    room = _with_floor(session, row)
    if row.role != "host" and room.floor != row.id:
        raise Forbidden("not_holder")
    receiver = named(session, room.id, to)
    if receiver.role == "listener":
        raise Forbidden("listener")
    # Whom a host gives the floor is meant to be heard; their own microphone stays as they have it.
    receiver.silenced = False
    _give(session, clock, room, row, receiver, "floor.passed")
    return room


def vacate(session: Session, clock: Clock, room: Room, row: Participant, why: str) -> None:
    """The floor is free if this participant had it."""
    if room.floor != row.id:
        return
    free(room)
    room.bump()
    _tell(session, clock, room, "floor.freed", row.actor, row, why)


def free(room: Room) -> None:
    """Nobody has the floor."""
    room.floor, room.floor_since, room.floor_until = None, None, None


def anybody_is_due(session: Session, clock: Clock) -> bool:
    """Whether `lapse` would do anything: asked every second, so it only reads."""
    return session.execute(_overdue(clock).limit(1)).first() is not None


def lapse(session: Session, clock: Clock) -> list[tuple[Room, Participant]]:
    """Free the floors whose time is over; gives the rooms, each with who had it."""
    freed: list[tuple[Room, Participant]] = []
    for room in list(session.execute(_overdue(clock).with_for_update()).scalars()):
        row = session.get(Participant, room.floor)
        if row is not None:
            vacate(session, clock, room, row, "time_over")
            freed.append((room, row))
    return freed


def told(room: Room) -> dict[str, Any] | None:
    """Who has the floor, as docs/room-protocol.md tells it; times in epoch milliseconds."""
    if room.floor is None or room.floor_since is None or room.floor_until is None:
        return None
    return {"participant": room.floor, "since": epoch_ms(room.floor_since), "until": epoch_ms(room.floor_until)}


def _with_floor(session: Session, row: Participant) -> Room:
    if row.role == "listener":
        raise Forbidden("listener")
    room = held(session, row.room_id)
    if room.talk != "floor":
        raise Conflict("no_floor")
    return room


def _give(session: Session, clock: Clock, room: Room, by: Participant, to: Participant, kind: str) -> None:
    now = clock.now()
    if room.floor != to.id:
        room.floor, room.floor_since = to.id, now
    room.floor_until = now + timedelta(seconds=HELD_S)
    room.bump()
    _tell(session, clock, room, kind, by.actor, to, "")


def _overdue(clock: Clock) -> Select[Room]:
    return select(Room).where(Room.open, Room.floor_until <= clock.now())


def _tell(
    session: Session, clock: Clock, room: Room, kind: str, actor: journal.Actor, row: Participant, why: str
) -> None:
    session.flush()
    journal.append(
        session,
        clock,
        kind=kind,
        topic=TOPIC,
        subject=room.id,
        actor=actor,
        site_id=row.site_id,
        detail={"title": room.title, "participant": row.id, "name": row.name, "why": why},
    )
