"""What somebody is in a room: host, speaker or listener."""

from typing import Literal, get_args

from auth.principal import Principal
from conference.tables import Room

RoomRole = Literal["host", "speaker", "listener"]

ROLES: tuple[RoomRole, ...] = get_args(RoomRole)


def role_in(room: Room, principal: Principal) -> RoomRole:
    """What the principal is in this room: a guest is what the link says; who may lead is a host; walls listen; the others speak."""
    principal.require("room.join")
    principal.require_room(room.id)
    if principal.kind == "guest":
        return next((role for role in ROLES if role == principal.room_role), "listener")
    if principal.may("room.host"):
        return "host"
    return "speaker" if principal.may("room.speak") else "listener"
