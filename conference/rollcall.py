"""The roll call (点名): which of the expected sites are present, and which are missing, since when and why. Derived, never kept."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from auth.sites import Site
from conference.tables import Participant, Ring, Room, rings_of
from foundation.clock import epoch_ms

Why = Literal[
    "never_came", "unheard", "ringing", "declined", "no_answer", "no_screen", "link_lost", "asleep", "left", "removed"
]
UNANSWERED: tuple[Why, ...] = ("unheard", "ringing", "declined", "no_answer", "no_screen")
"""States of a ring that tell why somebody is missing."""


def rollcall(session: Session, room: Room) -> list[dict[str, Any]]:
    """One entry for each expected site, in the order in which they are expected, as docs/room-protocol.md tells it."""
    query = select(Participant).where(Participant.room_id == room.id, Participant.site_id.in_(room.expected))
    here: dict[str | None, list[Participant]] = {}
    for row in session.execute(query).scalars():
        here.setdefault(row.site_id, []).append(row)
    rings = {ring.site_id: ring for ring in rings_of(session, room.id)}
    names = {
        site.id: {"zh": site.name_zh, "en": site.name_en}
        for site in session.execute(select(Site).where(Site.id.in_(room.expected))).scalars()
    }
    return [
        {
            "site": site,
            "name": names.get(site, {"zh": site, "en": site}),
            **_standing(room, here.get(site, []), rings.get(site)),
        }
        for site in room.expected
    ]


def _standing(room: Room, rows: list[Participant], ring: Ring | None) -> dict[str, Any]:
    there = [row.since for row in rows if row.present and row.connected]
    if there:
        return {"state": "present", "since": epoch_ms(min(there)), "why": None}
    since, why = _missing(room, [row for row in rows if row.heard], ring)
    return {"state": "missing", "since": epoch_ms(since), "why": why}


def _missing(room: Room, heard: list[Participant], ring: Ring | None) -> tuple[datetime, Why]:
    """Who is listed without a link says more than who has gone; of several, who was there last."""
    last = max(heard, key=lambda row: (_is_lost(row), row.since), default=None)
    if ring is not None and (last is None or ring.since >= last.since):
        for why in UNANSWERED:
            if ring.state == why:
                return ring.since, why
    if last is None:
        return room.opened_at, "never_came"
    if _is_lost(last):
        return last.since, "asleep" if last.hidden else "link_lost"
    return last.since, "removed" if last.removed else "left"


def _is_lost(row: Participant) -> bool:
    # Who has come again and has no link yet is not lost: the journal says "out" of them until it stands.
    return row.told == "gone" or (row.present and row.told != "out")
