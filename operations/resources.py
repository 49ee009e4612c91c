"""Resources: stocks (物资), teams (队伍) and shelters (避难场所): what there is, what is needed, and where."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Float, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from auth.scope import SiteScope, scope_of
from foundation.changing import Event, Subject, Versioned, change, create
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, UtcDateTime
from foundation.errors import UserError
from foundation.identifiers import ResourceId, new_id
from foundation.texts import folded

ResourceType = Literal["stock", "team", "shelter"]
CONTACTED = ("team", "shelter", "stock")
"""Whose contact is asked for first."""


class Resource(Versioned, Base):
    """One stock, team or shelter. `have` and `need` count in `unit` (tents, people present and required, places free and wanted)."""

    __tablename__ = "resources"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    type: Mapped[str] = mapped_column(String(16), index=True)
    name_zh: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(80))
    have: Mapped[float] = mapped_column(Float)
    need: Mapped[float] = mapped_column(Float)
    unit: Mapped[str] = mapped_column(String(16))
    contact: Mapped[str] = mapped_column(String(80))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    changed_at: Mapped[datetime] = mapped_column(UtcDateTime)
    """When somebody last said what there is: a new amount, or that the old one still holds."""


def add_resource(
    session: Session,
    clock: Clock,
    principal: Principal,
    *,
    type: ResourceType,
    zh: str,
    en: str,
    site_id: str,
    have: float,
    need: float,
    unit: str,
    contact: str = "",
    lat: float | None = None,
    lon: float | None = None,
    id: str | None = None,
) -> Resource:
    """Record a resource; with a known `id` it is returned as it is. UserError("bad_amount") for a negative or unreal amount."""
    principal.require("resource.change", site=site_id)
    _check_amount(have)
    _check_amount(need)
    return create(
        session,
        clock,
        RESOURCES,
        actor=principal.actor,
        event="resource.added",
        make=lambda: Resource(
            id=ResourceId(id or new_id()),
            type=type,
            name_zh=folded(zh),
            name_en=folded(en),
            site_id=site_id,
            have=have,
            need=need,
            unit=folded(unit),
            contact=contact,
            lat=lat,
            lon=lon,
            changed_at=clock.now(),
        ),
        known=None if id is None else Resource.id == id,
        within=scope_of(principal, "resource.read").criterion(Resource.site_id),
    )


def change_amount(
    session: Session,
    clock: Clock,
    principal: Principal,
    resource_id: str,
    *,
    have: float | None = None,
    need: float | None = None,
    seen_version: int | None = None,
) -> Resource:
    """Set what there is or what is needed; the amounts as they are confirm them. Conflict("changed_meanwhile") if somebody was faster."""
    for amount in (have, need):
        if amount is not None:
            _check_amount(amount)

    def apply(resource: Resource) -> Event:
        before = {"have": resource.have, "need": resource.need}
        resource.have = resource.have if have is None else have
        resource.need = resource.need if need is None else need
        resource.changed_at = clock.now()
        same = before == {"have": resource.have, "need": resource.need}
        return Event("resource.confirmed" if same else "resource.changed", {"before": before})

    return change(
        session,
        clock,
        RESOURCES,
        resource_id,
        actor=principal.actor,
        within=scope_of(principal, "resource.read").criterion(Resource.site_id),
        allow=lambda resource: principal.require("resource.change", site=resource.site_id),
        apply=apply,
        seen_version=seen_version,
    )


def resource_state(resource: Resource) -> dict[str, Any]:
    """What the feed and the API tell about a resource (docs/feed-protocol.md, topic `resources`)."""
    return {
        "id": resource.id,
        "type": resource.type,
        "name": {"zh": resource.name_zh, "en": resource.name_en},
        "site": resource.site_id,
        "have": resource.have,
        "need": resource.need,
        "unit": resource.unit,
        "contact": resource.contact,
        "lat": resource.lat,
        "lon": resource.lon,
        "changed_at": epoch_ms(resource.changed_at),
        "version": resource.version,
    }


def contact_at(session: Session, site_id: str) -> str:
    """Whom to telephone at a site: the contact of a team there, else of a shelter or stock; empty when none is known."""
    query = select(Resource).where(Resource.site_id == site_id, Resource.contact != "").order_by(Resource.id)
    found = sorted(session.execute(query).scalars(), key=lambda row: CONTACTED.index(row.type))
    return found[0].contact if found else ""


def list_resources(session: Session, scope: SiteScope) -> list[Resource]:
    """Every resource of `scope`, by type and name."""
    query = select(Resource).where(scope.criterion(Resource.site_id)).order_by(Resource.type, Resource.name_zh)
    return list(session.execute(query).scalars())


def _check_amount(amount: float) -> None:
    if not 0 <= amount <= 1e9:
        raise UserError("bad_amount")


RESOURCES = Subject(
    Resource,
    topic="resources",
    unknown="resource_unknown",
    state=resource_state,
    facts=lambda resource: {
        "zh": resource.name_zh,
        "en": resource.name_en,
        "have": resource.have,
        "need": resource.need,
        "unit": resource.unit,
    },
)
