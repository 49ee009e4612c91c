"""How a room is led: locked, with a lobby, with one floor, who may write. Hosts decide; everybody is told."""

from sqlalchemy.orm import Session

from conference import floor, record
from conference.standing import host_of
from conference.tables import TALKS, WRITERS, Room, held
from foundation.clock import Clock
from foundation.errors import ProtocolError

KINDS: dict[tuple[str, object], str] = {
    ("locked", True): "room.locked",
    ("locked", False): "room.unlocked",
    ("lobby", True): "room.lobby_opened",
    ("lobby", False): "room.lobby_closed",
    ("talk", "floor"): "room.floor_set",
    ("talk", "open"): "room.floor_lifted",
    ("chat", "speakers"): "room.chat_narrowed",
    ("chat", "everyone"): "room.chat_opened",
}
"""What the journal says of each change."""


def change(session: Session, clock: Clock, host_id: str, session_id: str, wanted: dict[str, object]) -> Room:
    """Lead the room as `wanted` says (some of `locked`, `lobby`, `talk`, `chat`).

    Raises Forbidden for anybody but a host, ProtocolError("bad_request") for what is no rule.
    """
    if not wanted or not all(_is_rule(name, value) for name, value in wanted.items()):
        raise ProtocolError("bad_request")
    host = host_of(session, host_id, session_id)
    room = held(session, host.room_id)
    changed = {name: value for name, value in wanted.items() if getattr(room, name) != value}
    for name, value in changed.items():
        setattr(room, name, value)
    if changed.get("talk") == "open":
        floor.free(room)
    if changed:
        room.bump()
        session.flush()
    for name, value in changed.items():
        record.tell(session, clock, room, KINDS[name, value], host.actor)
    return room


def _is_rule(name: str, value: object) -> bool:
    if name in ("locked", "lobby"):
        return isinstance(value, bool)
    return (name == "talk" and value in TALKS) or (name == "chat" and value in WRITERS)
