"""Calling the sites: one that is absent is rung on its screens until somebody comes, declines, or nobody answers; and the roll is called.

Which screens there are is the matter of `conference.screens`; a ring that none of them has shown is `unheard`, then `no_screen`.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from auth.principal import Principal
from auth.sites import Site, find_site
from conference import record
from conference.rollcall import rollcall
from conference.standing import host_of
from conference.tables import RINGING, Participant, Ring, RingState, Room, held, present
from foundation.clock import Clock, epoch_ms
from foundation.errors import Conflict, NotFound, ProtocolError, UserError
from foundation.identifiers import new_id
from foundation.journal import SYSTEM, JournalRow

RINGS_FOR_S = 45.0
EXPECTED_MAX = 64
"""Sites that one room may expect."""


@dataclass(frozen=True)
class Call:
    """A ring as the screens of its site show it: who calls whom into which room, and for how long yet."""

    site: Site
    room: Room
    by: str
    since: int
    """Epoch milliseconds; with the room it names the ring."""
    left_ms: int


def ring(session: Session, clock: Clock, host_id: str, session_id: str, site_id: object) -> Site:
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
        session.add(Ring(id=new_id(), room_id=room.id, site_id=site.id, state="unheard", since=clock.now()))
    else:
        _set(clock, known, "unheard")
    _tell(session, clock, room, "room.rung", host.actor, site)
    return site


def heard(session: Session, room_id: str, site_id: str) -> bool:
    """A screen of the site shows the ring; False when that was known, or nothing rings any more."""
    room = held(session, room_id)
    ring = _ring_of(session, room_id, site_id)
    if ring is None or ring.state != "unheard":
        return False
    ring.state = "ringing"
    room.bump()
    session.flush()
    return True


def calls(session: Session, clock: Clock) -> list[Call]:
    """Everything that rings now, in the session's world: asked every second."""
    query = (
        select(Ring, Room, Site)
        .join(Room, Room.id == Ring.room_id)
        .join(Site, Site.id == Ring.site_id)
        .where(Ring.state.in_(RINGING), Room.open)
        .order_by(Ring.since, Ring.id)
    )
    now = epoch_ms(clock.now())
    return [
        Call(site, room, _caller(session, room.id, site.id), since, left)
        for ring, room, site in session.execute(query)
        if (left := (since := epoch_ms(ring.since)) + int(RINGS_FOR_S * 1000) - now) > 0
    ]


def decline(session: Session, clock: Clock, principal: Principal, room: Room, site_id: str) -> None:
    """Somebody of the site says that it does not come (needs `room.answer` there). Raises Forbidden, NotFound, Conflict("not_ringing")."""
    principal.require("room.answer", site_id)
    held(session, room.id)
    ring = _ring_of(session, room.id, site_id)
    if ring is None:
        raise NotFound("not_found")
    if ring.state not in RINGING:
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
    """Nobody has answered for RINGS_FOR_S, or could not; gives the ids of the rooms."""
    rings = list(session.execute(_overdue(clock).with_for_update()).scalars())
    for ring in rings:
        unheard = ring.state == "unheard"
        _set(clock, ring, "no_screen" if unheard else "no_answer")
        site = session.get(Site, ring.site_id)
        kind = "room.unheard" if unheard else "room.unanswered"
        _tell(session, clock, held(session, ring.room_id), kind, SYSTEM, site)
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


def _caller(session: Session, room_id: str, site_id: str) -> str:
    """The name of who rang last."""
    query = select(JournalRow.actor).where(
        JournalRow.subject == room_id, JournalRow.kind == "room.rung", JournalRow.site_id == site_id
    )
    actor = session.execute(query.order_by(JournalRow.id.desc()).limit(1)).scalar_one_or_none()
    return str(actor.get("name", "")) if actor else ""


def _set(clock: Clock, ring: Ring, state: RingState) -> None:
    ring.state, ring.since = state, clock.now()


def _overdue(clock: Clock) -> Select[Ring]:
    return select(Ring).where(Ring.state.in_(RINGING), Ring.since <= clock.now() - timedelta(seconds=RINGS_FOR_S))


def _tell(session: Session, clock: Clock, room: Room, kind: str, actor: Any, site: Site | None) -> None:
    room.bump()
    session.flush()
    record.tell(session, clock, room, kind, actor, site=site)
