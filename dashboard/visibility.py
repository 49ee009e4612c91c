"""What a reader may see of the journal and of the feed's topics: each topic by its permission, and within it by site."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, true

from auth.permissions import Permission
from auth.principal import Principal
from auth.scope import EVERYWHERE, SiteScope, scope_of
from foundation.journal import JournalRow

TOPICS: dict[str, Permission] = {
    "sites": "site.read",
    "readings": "reading.read",
    "incidents": "incident.read",
    "resources": "resource.read",
    "duty": "duty.read",
    "rooms": "room.join",
    "tasks": "task.read",
    "journal": "feed.read",
    "system": "feed.read",
}
"""The feed's topics, and the permission that each needs."""

TOLD: dict[str, Permission] = {
    **{topic: needs for topic, needs in TOPICS.items() if topic not in ("journal", "readings")},
    "stations": "reading.read",
}
"""The journal's topics that the feed tells; who logged in and what was exported is read at `/api/v1/journal` only."""

COMMON = frozenset({"sites", "stations", "duty", "rooms", "system"})
"""Everybody who may read such a topic reads it for every site: a village needs the gauge upstream and the neighbours in the room."""


@dataclass(frozen=True)
class Visibility:
    """What one kind of reader sees: the site scope of each journal topic. Equal for all who see the same."""

    scopes: tuple[tuple[str, SiteScope], ...]

    @staticmethod
    def of(principal: Principal) -> "Visibility":
        """Return what `principal` sees of what the feed tells."""
        return Visibility(tuple((topic, _scope(principal, topic, needs)) for topic, needs in sorted(TOLD.items())))

    def scope(self, topic: str) -> SiteScope:
        """The sites whose rows of `topic` are seen."""
        return dict(self.scopes).get(topic, EVERYWHERE)

    def only(self, topics: frozenset[str]) -> "Visibility":
        """The same for these topics alone; `journal` stands for all."""
        if "journal" in topics:
            return self
        return Visibility(tuple((topic, scope) for topic, scope in self.scopes if topic in topics))

    def covers(self, row: JournalRow) -> bool:
        """Whether a journal entry is seen."""
        return any(topic == row.topic and scope.covers(row.site_id) for topic, scope in self.scopes)

    def criterion(self) -> ColumnElement[bool]:
        """The same for a query of the journal."""
        return or_(
            false(),
            *(and_(JournalRow.topic == topic, scope.criterion(JournalRow.site_id)) for topic, scope in self.scopes),
        )


def journal_criterion(principal: Principal) -> Any:
    """The entries at `/api/v1/journal`: for whom `journal.read` names everywhere all, otherwise what the feed tells them."""
    return true() if scope_of(principal, "journal.read").everywhere else Visibility.of(principal).criterion()


def _scope(principal: Principal, topic: str, needs: Permission) -> SiteScope:
    if topic in COMMON and principal.may(needs):
        return EVERYWHERE
    return scope_of(principal, needs)
