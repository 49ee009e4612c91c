"""What somebody is in a room: host, speaker or listener."""

from typing import Literal, get_args

from auth.permissions import Role
from auth.principal import Principal
from conference.tables import Room

RoomRole = Literal["host", "speaker", "listener"]

ROLES: tuple[RoomRole, ...] = get_args(RoomRole)


def role_in(room: Room, principal: Principal) -> RoomRole:
    """Return what the principal is in this room: a guest is what the link says; who may lead is a host; walls listen; the others speak."""
    principal.require("room.publish" if principal.role is Role.ENCODER else "room.join")
    principal.require_room(room.id)
    if principal.kind == "guest":
        return next((role for role in ROLES if role == principal.room_role), "listener")
    if principal.role is Role.ENCODER:
        return "speaker"
    if principal.may("room.host"):
        return "host"
    return "speaker" if principal.may("room.speak") else "listener"
