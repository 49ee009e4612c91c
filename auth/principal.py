"""Somebody who proved who they are: a person, a wall, a guest of one room, or a process of ours."""

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from auth.permissions import GRANTS, Permission, Role
from foundation.errors import Forbidden
from foundation.journal import Actor

Kind = Literal["person", "device", "guest", "node", "system"]


class AnySite(Enum):
    """The wildcard of `may`: at some site, whichever."""

    ANY_SITE = "any site"


ANY_SITE: Final = AnySite.ANY_SITE


@dataclass(frozen=True)
class Principal:
    """Who acts, and all that is needed to say what they may.

    `login_id` names the login (person), pairing (device) or link (guest) that the proof came from; `room_id` is set for guests and encoders,
    `room_role` for guests only.
    """

    kind: Kind
    id: str
    name: str
    role: Role
    site_id: str | None = None
    login_id: str | None = None
    room_id: str | None = None
    room_role: str | None = None

    def may(self, permission: Permission, site: str | AnySite | None = ANY_SITE) -> bool:
        """Whether this one may do it: at some site (no `site` given), for the whole township (`None`), or at the site named.

        Raises KeyError for a permission that is not in the table: a misspelt permission must not pass for a refused one.
        """
        grant = GRANTS[permission]
        if self.role in grant.everywhere:
            return True
        if self.role not in grant.own_site or self.site_id is None:
            return False
        return site is ANY_SITE or site == self.site_id

    def require(self, permission: Permission, site: str | AnySite | None = ANY_SITE) -> None:
        """Raise Forbidden unless `may`."""
        if not self.may(permission, site):
            raise Forbidden("forbidden", permission=permission, principal=self.id, role=self.role.value, site=str(site))

    def require_room(self, room_id: str) -> None:
        """Raise Forbidden for a guest or an encoder of another room."""
        if (self.kind == "guest" or self.role is Role.ENCODER) and self.room_id != room_id:
            raise Forbidden("forbidden", principal=self.id, room=room_id)

    @property
    def actor(self) -> Actor:
        """How the journal names this one."""
        return Actor(self.kind, self.id, self.name)


SYSTEM = Principal("system", "", "", Role.ADMIN)
"""The program itself, acting for whoever started it: the command line, the demo, the worker's own clocks."""
