"""The minutes of a room (会商纪要): what was decided, who does it and until when; and what was worth a note. An entry is never changed.

A decision that names who does it is a task from then on (operations.tasks).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from auth.principal import Principal
from conference import record
from conference.roles import role_in
from conference.standing import host_of
from conference.tables import MINUTE_KINDS, NAME_LENGTH, Minute, MinuteKind, Room, held, present, room_of
from foundation.clock import Clock, epoch_ms, from_epoch_ms
from foundation.errors import TooMany, UserError
from foundation.identifiers import is_id, new_id
from foundation.texts import clean
from operations.tasks import order_task

LONGEST = 1_000
ENTRIES_MAX = 200
LATEST_MS = 4_102_444_800_000
"""The year 2100: what is due later is a slip of the keyboard."""
TOLD: dict[MinuteKind, str] = {"decision": "room.decided", "note": "room.noted"}


def keep(
    session: Session,
    clock: Clock,
    host_id: str,
    session_id: str,
    *,
    kind: object,
    text: object,
    who: object = None,
    due: object = None,
    id: object = None,
) -> Minute:
    """A host adds an entry; `due` in epoch milliseconds. With an `id` that the room knows the known one is returned: sending twice is once.

    Raises Forbidden, UserError("bad_minute") (kind or due), UserError of `texts.clean`, TooMany("too_many_minutes").
    """
    host = host_of(session, host_id, session_id)
    if kind not in MINUTE_KINDS:
        raise UserError("bad_minute", field="kind")
    room = held(session, host.room_id)
    known = session.get(Minute, id) if is_id(id) else None
    if known is not None and known.room_id == room.id:
        return known
    if id is not None and (known is not None or not is_id(id)):
        raise UserError("bad_minute", field="id")
    query = select(func.count()).select_from(Minute).where(Minute.room_id == room.id)
    if session.execute(query).scalar_one() >= ENTRIES_MAX:
        raise TooMany("too_many_minutes", limit=ENTRIES_MAX)
    row = Minute(
        id=str(id) if id is not None else new_id(),
        room_id=room.id,
        site_id=room.site_id,
        incident_id=room.incident_id,
        kind=kind,
        text=clean(text, "text", LONGEST, lines=True),
        who=None if who is None else clean(who, "who", NAME_LENGTH),
        due=_due(due),
        at=clock.now(),
        by=host.identity,
        by_name=host.name,
    )
    session.add(row)
    session.flush()
    if row.kind == "decision" and row.who is not None:
        # Whoever names a person of a site means that site.
        person = next((one for one in present(session, room.id) if one.name == row.who), None)
        order_task(
            session,
            clock,
            host.actor,
            text=row.text,
            who=row.who,
            due=row.due,
            incident_id=room.incident_id,
            site_id=person.site_id if person is not None else room.site_id,
            origin=row.id,
        )
    said = {"incident": room.incident_id, **told(row)}
    record.tell(session, clock, room, TOLD[kind], host.actor, host, detail=said)
    return row


def told(row: Minute) -> dict[str, Any]:
    """An entry as docs/room-protocol.md tells it; times in epoch milliseconds."""
    return {
        "id": row.id,
        "at": epoch_ms(row.at),
        "kind": row.kind,
        "text": row.text,
        "who": row.who,
        "due": None if row.due is None else epoch_ms(row.due),
        "by": row.by_name,
    }


def of_room(session: Session, room: Room) -> list[dict[str, Any]]:
    """All entries of the room, oldest first."""
    rows = session.execute(select(Minute).where(Minute.room_id == room.id).order_by(Minute.at, Minute.id)).scalars()
    return [told(row) for row in rows]


def read(session: Session, principal: Principal, room_id: object) -> list[dict[str, Any]]:
    """The same for who may join the room, also after it is over. Raises NotFound, Forbidden."""
    room = room_of(session, room_id if isinstance(room_id, str) and is_id(room_id) else "")
    role_in(room, principal)
    return of_room(session, room)


def _due(due: object) -> datetime | None:
    if due is None:
        return None
    if isinstance(due, bool) or not isinstance(due, int) or not 0 < due <= LATEST_MS:
        raise UserError("bad_minute", field="due")
    return from_epoch_ms(due)
