"""The chat of a room: short texts to all, kept in the journal and nowhere else."""

from typing import Any

from sqlalchemy.orm import Session

from conference.standing import of_session
from conference.tables import Room, room_of
from foundation import journal
from foundation.clock import Clock, epoch_ms
from foundation.errors import Forbidden
from foundation.texts import clean

LONGEST = 500
NEWEST = 100
"""So many a page gets when it comes."""
TOPIC = "chat"
"""The journal's topic; the feed does not tell it."""


def say(session: Session, clock: Clock, participant_id: str, session_id: str, text: object) -> dict[str, Any]:
    """Write to all; gives what everybody is told. Raises Forbidden (a listener where only speakers may), UserError of `texts.clean`."""
    row = of_session(session, participant_id, session_id)
    room = room_of(session, row.room_id)
    if row.role == "listener" and room.chat != "everyone":
        raise Forbidden("listener")
    said = clean(text, "text", LONGEST, lines=True)
    entry = journal.append(
        session,
        clock,
        kind="room.said",
        topic=TOPIC,
        subject=room.id,
        actor=row.actor,
        site_id=row.site_id,
        detail={"title": room.title, "participant": row.id, "name": row.name, "text": said},
    )
    return {"id": entry, "participant": row.id, "name": row.name, "at": epoch_ms(clock.now()), "text": said}


def newest(session: Session, room: Room) -> list[dict[str, Any]]:
    """The newest texts of the room, oldest first."""
    rows = journal.newest(session, NEWEST, frozenset({TOPIC}), room.id)
    return [
        {"id": row.id, "at": row.at, **{key: row.detail[key] for key in ("participant", "name", "text")}}
        for row in reversed(rows)
    ]
