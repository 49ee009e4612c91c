"""What is told of a room: its state for the feed, and each change in the journal."""

from typing import Any

from sqlalchemy.orm import Session

from auth.sites import Site
from conference.rollcall import rollcall
from conference.tables import Participant, Room, present, rings_of
from foundation import journal
from foundation.clock import Clock, epoch_ms


def led(room: Room) -> dict[str, Any]:
    """How the room is led, as docs/room-protocol.md tells it."""
    return {"locked": room.locked, "lobby": room.lobby, "talk": room.talk, "chat": room.chat}


def rings(session: Session, room: Room) -> dict[str | None, dict[str, Any]]:
    """The sites that were rung, and what came of it; times in epoch milliseconds."""
    return {ring.site_id: {"state": ring.state, "since": epoch_ms(ring.since)} for ring in rings_of(session, room.id)}


def public_state(session: Session, room: Room) -> dict[str, Any]:
    """The room as docs/feed-protocol.md shows it under topic `rooms`: who is present, and who was expected."""
    return {
        "id": room.id,
        "title": room.title,
        "incident": room.incident_id,
        "open": room.open,
        "since": epoch_ms(room.opened_at),
        "expected": room.expected,
        "present": [
            {
                "participant": row.id,
                "name": row.name,
                "site": row.site_id,
                "role": row.role,
                "connected": row.connected,
                "since": epoch_ms(row.since),
            }
            for row in present(session, room.id)
            if not row.is_out
        ],
        "rules": led(room),
        "rings": rings(session, room),
        "rollcall": rollcall(session, room),
    }


def tell(
    session: Session,
    clock: Clock,
    room: Room,
    kind: str,
    actor: journal.Actor,
    row: Participant | None = None,
    *,
    site: Site | None = None,
    detail: dict[str, Any] | None = None,
) -> int:
    """Journal a change of the room, of one who takes part in it or of a site that is called, with the room's whole public state.

    Gives the entry's id.
    """
    name: dict[str, Any] = {"name": row.name if row else actor.name}
    if site is not None:
        name = {"zh": site.name_zh, "en": site.name_en}
    return journal.append(
        session,
        clock,
        kind=kind,
        topic="rooms",
        subject=room.id,
        actor=actor,
        site_id=site.id if site else row.site_id if row else room.site_id,
        detail={"title": room.title, **name, **(detail or {})},
        state=public_state(session, room),
    )
