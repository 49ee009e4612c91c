"""Site scope: the rows that somebody may read, as a criterion of the query and as a test of one site.

Who holds a permission for their own site reads what belongs to that site and what is common (no site); who holds it everywhere reads all.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false, or_, true

from auth.permissions import GRANTS, Permission
from auth.principal import Principal


@dataclass(frozen=True)
class SiteScope:
    """All sites (`everywhere`), or one site and what is common, or nothing at all (`site_id` None)."""

    everywhere: bool = False
    site_id: str | None = None

    def covers(self, site_id: str | None) -> bool:
        """Return whether a row of this site is in the scope."""
        return self.everywhere or (self.site_id is not None and site_id in (None, self.site_id))

    def criterion(self, column: Any) -> ColumnElement[bool]:
        """The same for a query; `column` holds the row's site."""
        if self.everywhere:
            return true()
        return false() if self.site_id is None else or_(column.is_(None), column == self.site_id)


EVERYWHERE = SiteScope(everywhere=True)
NOWHERE = SiteScope()


def scope_of(principal: Principal, permission: Permission) -> SiteScope:
    """Return what `principal` may read with `permission`."""
    grant = GRANTS[permission]
    if principal.role in grant.everywhere:
        return EVERYWHERE
    return SiteScope(site_id=principal.site_id) if principal.role in grant.own_site else NOWHERE
