"""The life of a room: opened, found, carried by a media node, closed. Each belongs to one world, the real one or an exercise's."""

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auth.principal import Principal
from conference import floor, record
from conference.calling import EXPECTED_MAX
from conference.roles import role_in
from conference.tables import TALKS, TITLE_LENGTH, Room, held, identity_of, present
from foundation.clock import Clock
from foundation.errors import Conflict, Forbidden, NotFound, TooMany, UserError
from foundation.identifiers import is_id, new_id
from foundation.texts import folded

OPEN_ROOMS_MAX = 200


def open_room(
    session: Session,
    clock: Clock,
    principal: Principal,
    title: object,
    *,
    id: str | None = None,
    incident: str | None = None,
    expected: object = (),
    lobby: object = False,
    talk: object = "open",
) -> Room:
    """Open a room (needs `room.open`); opening twice with the same `id` is once.

    Raises UserError("bad_title", "bad_id", "bad_incident", "bad_expected", "bad_request"), TooMany("too_many_rooms").
    """
    principal.require("room.open")
    if id is not None:
        if not is_id(id):
            raise UserError("bad_id", field="id")
        known = session.get(Room, id)
        if known is not None:
            return known
    title = folded(title) if isinstance(title, str) else ""
    if not title or len(title) > TITLE_LENGTH:
        raise UserError("bad_title", field="title", longest=TITLE_LENGTH)
    if incident is not None and not is_id(incident):
        raise UserError("bad_incident", field="incident")
    sites = _site_ids(expected)
    if not isinstance(lobby, bool):
        raise UserError("bad_request", field="lobby")
    if talk not in TALKS:
        raise UserError("bad_request", field="talk")
    if session.execute(select(func.count()).select_from(Room).where(Room.open)).scalar_one() >= OPEN_ROOMS_MAX:
        raise TooMany("too_many_rooms", retry_after_s=60)
    room = Room(
        id=id or new_id(),
        site_id=principal.site_id,
        title=title,
        incident_id=incident,
        open=True,
        opened_at=clock.now(),
        opened_by=identity_of(principal),
        opened_name=principal.name,
        closed_at=None,
        expected=sites,
        version=1,
        node=None,
        locked=False,
        lobby=lobby,
        talk=talk,
        chat="everyone",
        floor=None,
        floor_since=None,
        floor_until=None,
    )
    session.add(room)
    session.flush()
    record.tell(session, clock, room, "room.opened", principal.actor)
    return room


def find_room(session: Session, room_id: object) -> Room:
    """The open room of that id; NotFound("not_found") when there is none, Conflict("room_closed") when it is over."""
    room = session.get(Room, room_id) if is_id(room_id) else None
    if room is None:
        raise NotFound("not_found")
    if not room.open:
        raise Conflict("room_closed")
    return room


def carry(session: Session, room_id: str, before: str | None, node: str) -> str:
    """The media node that carries the room from now on: all of it is on one.

    That is `node`, unless another web process has put the room on one since it was on `before`.
    """
    room = held(session, room_id)
    if room.node == before:
        room.node = node
    return room.node or node


def close_room(session: Session, clock: Clock, principal: Principal, room_id: object) -> Room:
    """End the consultation for all; its hosts may. Raises NotFound, Conflict("room_closed"), Forbidden."""
    room = find_room(session, room_id)
    if role_in(room, principal) != "host":
        raise Forbidden("not_host")
    for row in present(session, room.id):
        row.put_out(clock.now())
    floor.free(room)
    room.open, room.closed_at = False, clock.now()
    room.bump()
    session.flush()
    record.tell(session, clock, room, "room.closed", principal.actor)
    return room


def snapshot(session: Session) -> dict[str, dict[str, Any]]:
    """The open rooms of the session's world, for the feed's topic `rooms`."""
    rooms = session.execute(select(Room).where(Room.open).order_by(Room.opened_at, Room.id)).scalars()
    return {room.id: record.public_state(session, room) for room in list(rooms)}


def world_of(session: Session, room_id: str) -> str | None:
    """The exercise that a room belongs to (null: the real world); NotFound for an unknown room.

    A media node knows rooms, not worlds: this is the one question that must be asked before a session of the right world can be opened.
    """
    table = Room.__table__
    found = session.execute(select(table.c.exercise_id).where(table.c.id == room_id)).first()
    if found is None:
        raise NotFound("not_found")
    return found[0]  # type: ignore[no-any-return]


def open_worlds(session: Session) -> list[str | None]:
    """The worlds that have an open room, for work that goes through all of them."""
    table = Room.__table__
    return list(session.execute(select(table.c.exercise_id).where(table.c.open).distinct()).scalars())


def versions(session: Session, room_ids: set[str]) -> dict[str, int]:
    """The version of the roster of each of these rooms, of any world."""
    table = Room.__table__
    query = select(table.c.id, table.c.version).where(table.c.id.in_(room_ids))
    return {row.id: row.version for row in session.execute(query)}


def closed_among(session: Session, room_ids: set[str]) -> set[str]:
    """Those of the rooms, of any world, that are over."""
    table = Room.__table__
    query = select(table.c.id).where(table.c.id.in_(room_ids), table.c.open.is_(False))
    return set(session.execute(query).scalars())


def _site_ids(value: object) -> list[str]:
    if (
        not isinstance(value, list | tuple)
        or len(value) > EXPECTED_MAX
        or not all(isinstance(site, str) and 0 < len(site) <= 64 for site in value)
    ):
        raise UserError("bad_expected", field="expected")
    return list(dict.fromkeys(value))
