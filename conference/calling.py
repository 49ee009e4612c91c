"""Calling the sites: one that is absent is rung on its screens until somebody comes, declines, or nobody answers; and the roll is called."""

from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from auth.principal import Principal
from auth.sites import Site, find_site
from conference import record
from conference.rollcall import rollcall
from conference.standing import host_of
from conference.tables import Participant, Ring, RingState, Room, held, present
from foundation.clock import Clock, epoch_ms
from foundation.errors import Conflict, NotFound, ProtocolError, UserError
from foundation.identifiers import new_id
from foundation.journal import SYSTEM

RINGS_FOR_S = 45.0
EXPECTED_MAX = 64
"""Sites that one room may expect."""


def ring(session: Session, clock: Clock, host_id: str, session_id: str, site_id: object) -> Room:
    """A host rings on every screen of a site, which is expected from now on.

    Raises Forbidden, ProtocolError("bad_request"), NotFound("site_unknown"), Conflict("site_present"), UserError("bad_expected") when too many are.
    """
    host = host_of(session, host_id, session_id)
    if not isinstance(site_id, str):
        raise ProtocolError("bad_request")
    site = find_site(session, site_id)
    room = held(session, host.room_id)
    if any(row.site_id == site.id and row.connected for row in present(session, room.id)):
        raise Conflict("site_present", site=site.id)
    if site.id not in room.expected:
        if len(room.expected) >= EXPECTED_MAX:
            raise UserError("bad_expected", field="site")
        room.expected = [*room.expected, site.id]
    known = _ring_of(session, room.id, site.id)
    if known is None:
        session.add(Ring(id=new_id(), room_id=room.id, site_id=site.id, state="ringing", since=clock.now()))
    else:
        _set(clock, known, "ringing")
    _tell(session, clock, room, "room.rung", host.actor, site)
    return room


def decline(session: Session, clock: Clock, principal: Principal, room: Room, site_id: str) -> None:
    """Somebody of the site says that it does not come (needs `room.answer` there). Raises Forbidden, NotFound, Conflict("not_ringing")."""
    principal.require("room.answer", site_id)
    held(session, room.id)
    ring = _ring_of(session, room.id, site_id)
    if ring is None:
        raise NotFound("not_found")
    if ring.state != "ringing":
        raise Conflict("not_ringing")
    _set(clock, ring, "declined")
    _tell(session, clock, room, "room.declined", principal.actor, find_site(session, site_id))


def answered(session: Session, clock: Clock, row: Participant) -> None:
    """This participant stands in the room: the ring for their site is over. The caller tells the journal who came."""
    ring = _ring_of(session, row.room_id, row.site_id)
    if ring is not None and ring.state != "joined":
        _set(clock, ring, "joined")
        session.flush()


def anybody_is_due(session: Session, clock: Clock) -> bool:
    """Whether `lapse` would do anything: asked every second, so it only reads."""
    return session.execute(_overdue(clock).limit(1)).first() is not None


def lapse(session: Session, clock: Clock) -> set[str]:
    """Nobody has answered for RINGS_FOR_S; gives the ids of the rooms."""
    rings = list(session.execute(_overdue(clock).with_for_update()).scalars())
    for ring in rings:
        _set(clock, ring, "no_answer")
        site = session.get(Site, ring.site_id)
        _tell(session, clock, held(session, ring.room_id), "room.unanswered", SYSTEM, site)
    return {ring.room_id for ring in rings}


def call_roll(session: Session, clock: Clock, host_id: str, session_id: str) -> dict[str, Any]:
    """A host calls the roll: the journal keeps who is present and who is missing now. Gives it as docs/room-protocol.md tells it. Forbidden."""
    host = host_of(session, host_id, session_id)
    room = held(session, host.room_id)
    roll = rollcall(session, room)
    there = sum(one["state"] == "present" for one in roll)
    counted = {"there": there, "missing": len(roll) - there, "rollcall": roll}
    record.tell(session, clock, room, "room.called", host.actor, host, detail=counted)
    return {"at": epoch_ms(clock.now()), "rollcall": roll}


def _ring_of(session: Session, room_id: str, site_id: str | None) -> Ring | None:
    return session.execute(select(Ring).where(Ring.room_id == room_id, Ring.site_id == site_id)).scalar_one_or_none()


def _set(clock: Clock, ring: Ring, state: RingState) -> None:
    ring.state, ring.since = state, clock.now()


def _overdue(clock: Clock) -> Select[Ring]:
    return select(Ring).where(Ring.state == "ringing", Ring.since <= clock.now() - timedelta(seconds=RINGS_FOR_S))


def _tell(session: Session, clock: Clock, room: Room, kind: str, actor: Any, site: Site | None) -> None:
    room.bump()
    session.flush()
    record.tell(session, clock, room, kind, actor, site=site)
