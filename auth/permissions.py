"""Who may do what: one table of data, read by `auth.principal` and by nobody else."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Role(StrEnum):
    """What somebody is to the platform. One person has one role."""

    ADMIN = "admin"
    LEADER = "leader"
    COMMANDER = "commander"
    DUTY = "duty"
    VILLAGE = "village"
    UNIT = "unit"
    FIELD = "field"
    EXPERT = "expert"
    APPROVER = "approver"
    STEWARD = "steward"
    VIEWER = "viewer"
    """A wall: a device, not a person."""
    NODE = "node"
    """A process of ours: worker or media node."""
    UPPER = "upper"
    """The platform of the county or city."""
    ENCODER = "encoder"
    """An encoder, a camera or a drone: a device that publishes into one room and can do nothing else."""
    GUEST = "guest"
    """Somebody with a join link to one room."""


Permission = Literal[
    "desk.use",
    "duty.change",
    "duty.read",
    "feed.read",
    "field.use",
    "incident.change",
    "incident.create",
    "incident.read",
    "journal.read",
    "metrics.read",
    "mode.change",
    "nodes.connect",
    "people.manage",
    "reading.read",
    "reading.write",
    "resource.change",
    "resource.read",
    "room.answer",
    "room.chat",
    "room.host",
    "room.join",
    "room.link",
    "room.open",
    "room.publish",
    "room.speak",
    "self.manage",
    "site.change",
    "site.read",
    "station.change",
    "task.change",
    "task.read",
    "task.withdraw",
    "wall.approve",
    "wall.view",
]


@dataclass(frozen=True)
class Grant:
    """The roles that hold a permission: for every site, or only for what is of their own site."""

    everywhere: frozenset[Role]
    own_site: frozenset[Role] = frozenset()


def _roles(*roles: Role) -> frozenset[Role]:
    return frozenset(roles)


LOCAL = _roles(Role.VILLAGE, Role.UNIT, Role.FIELD)
"""They create and change what is of their own site, and nothing else."""
ROOM = _roles(Role.ADMIN, Role.LEADER, Role.COMMANDER, Role.DUTY)
"""Those who stand in the command room. They lead a consultation: open it, invite to it, mute, remove, end it."""
CENTRE = ROOM | _roles(Role.EXPERT, Role.APPROVER, Role.STEWARD)
PEOPLE = CENTRE | LOCAL
"""Every role that a person can have."""

GRANTS: dict[Permission, Grant] = {
    "desk.use": Grant(CENTRE | {Role.VILLAGE, Role.UNIT}),
    "duty.change": Grant(_roles(Role.ADMIN, Role.LEADER, Role.COMMANDER, Role.DUTY)),
    "duty.read": Grant(PEOPLE | {Role.VIEWER}),
    "feed.read": Grant(PEOPLE | {Role.VIEWER}),
    "field.use": Grant(PEOPLE),
    "incident.change": Grant(ROOM, LOCAL),
    "incident.create": Grant(ROOM, LOCAL),
    "incident.read": Grant(CENTRE | {Role.VIEWER, Role.UPPER}, LOCAL),
    "journal.read": Grant(CENTRE, LOCAL),
    "metrics.read": Grant(_roles(Role.ADMIN, Role.STEWARD)),
    "mode.change": Grant(_roles(Role.ADMIN, Role.LEADER, Role.COMMANDER)),
    "nodes.connect": Grant(_roles(Role.NODE)),
    "people.manage": Grant(_roles(Role.ADMIN)),
    "reading.read": Grant(PEOPLE | {Role.VIEWER, Role.UPPER}),
    "reading.write": Grant(_roles(Role.ADMIN, Role.DUTY, Role.STEWARD, Role.NODE), LOCAL),
    "resource.change": Grant(ROOM | {Role.STEWARD}, LOCAL),
    "resource.read": Grant(CENTRE | {Role.VIEWER}, LOCAL),
    "room.answer": Grant(_roles(Role.ADMIN), PEOPLE),
    "room.chat": Grant(PEOPLE | {Role.GUEST}),
    "room.host": Grant(ROOM),
    "room.join": Grant(PEOPLE | {Role.GUEST, Role.VIEWER}),
    "room.link": Grant(ROOM),
    "room.open": Grant(ROOM),
    "room.publish": Grant(PEOPLE | {Role.GUEST, Role.ENCODER}),
    "room.speak": Grant(PEOPLE),
    "self.manage": Grant(PEOPLE),
    "site.change": Grant(_roles(Role.ADMIN, Role.STEWARD)),
    "site.read": Grant(PEOPLE | {Role.VIEWER, Role.UPPER}),
    "station.change": Grant(_roles(Role.ADMIN, Role.STEWARD)),
    "task.change": Grant(ROOM, LOCAL),
    "task.read": Grant(CENTRE | {Role.VIEWER}, LOCAL),
    "task.withdraw": Grant(ROOM),
    "wall.approve": Grant(ROOM),
    "wall.view": Grant(PEOPLE | {Role.VIEWER}),
}
