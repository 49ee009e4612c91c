"""What is told of a room: its state for the feed, and each change in the journal."""

from typing import Any

from sqlalchemy.orm import Session

from conference.tables import Participant, Room, present
from foundation import journal
from foundation.clock import Clock, epoch_ms


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
            if row.told != "out"
        ],
    }


def tell(
    session: Session, clock: Clock, room: Room, kind: str, actor: journal.Actor, row: Participant | None = None
) -> None:
    """Journal a change of the room, or of one who takes part in it, with the room's whole public state."""
    journal.append(
        session,
        clock,
        kind=kind,
        topic="rooms",
        subject=room.id,
        actor=actor,
        site_id=row.site_id if row else room.site_id,
        detail={"title": room.title, "name": row.name if row else actor.name},
        state=public_state(session, room),
    )
