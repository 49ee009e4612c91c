"""What somebody is in a room: host, speaker or listener."""

from typing import Literal, get_args

from auth.principal import Principal
from conference.tables import Room, identity_of

RoomRole = Literal["host", "speaker", "listener"]

ROLES: tuple[RoomRole, ...] = get_args(RoomRole)


def role_in(room: Room, principal: Principal) -> RoomRole:
    """What the principal is in this room: a guest is what the link says; its opener and who may `room.host` are hosts; the others speak."""
    principal.require("room.join")
    principal.require_room(room.id)
    if principal.kind == "guest":
        return next((role for role in ROLES if role == principal.room_role), "listener")
    if room.opened_by == identity_of(principal) or principal.may("room.host"):
        return "host"
    return "speaker"
