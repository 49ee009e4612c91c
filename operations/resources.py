"""Resources: stocks (物资), teams (队伍) and shelters (避难场所): what there is, what is needed, and where."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Float, Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from foundation import journal
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, Operational, UtcDateTime
from foundation.errors import Conflict, NotFound, UserError
from foundation.identifiers import ResourceId, new_id

ResourceType = Literal["stock", "team", "shelter"]


class Resource(Operational, Base):
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
    version: Mapped[int] = mapped_column(Integer)


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
    if id is not None and (known := session.get(Resource, id)) is not None:
        return known
    resource = Resource(
        id=ResourceId(id or new_id()),
        type=type,
        name_zh=zh,
        name_en=en,
        site_id=site_id,
        have=have,
        need=need,
        unit=unit,
        contact=contact,
        lat=lat,
        lon=lon,
        changed_at=clock.now(),
        version=1,
    )
    session.add(resource)
    session.flush()
    _tell(session, clock, principal, resource, "resource.added", {})
    return resource


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
    resource = session.execute(select(Resource).where(Resource.id == resource_id)).scalar_one_or_none()
    if resource is None or not principal.may("resource.read", site=resource.site_id):
        raise NotFound("resource_unknown")
    principal.require("resource.change", site=resource.site_id)
    if seen_version is not None and seen_version != resource.version:
        raise Conflict("changed_meanwhile", have=resource.have, need=resource.need, version=resource.version)
    before = {"have": resource.have, "need": resource.need}
    for amount, column in ((have, "have"), (need, "need")):
        if amount is not None:
            _check_amount(amount)
            setattr(resource, column, amount)
    resource.changed_at = clock.now()
    resource.version += 1
    kind = "resource.confirmed" if before == {"have": resource.have, "need": resource.need} else "resource.changed"
    _tell(session, clock, principal, resource, kind, {"before": before})
    return resource


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


def list_resources(session: Session) -> list[Resource]:
    """Every resource, by type and name."""
    return list(session.execute(select(Resource).order_by(Resource.type, Resource.name_zh)).scalars())


def _check_amount(amount: float) -> None:
    if not 0 <= amount <= 1e9:
        raise UserError("bad_amount")


def _tell(
    session: Session, clock: Clock, principal: Principal, resource: Resource, kind: str, detail: dict[str, Any]
) -> None:
    journal.append(
        session,
        clock,
        kind=kind,
        topic="resources",
        subject=resource.id,
        actor=principal.actor,
        site_id=resource.site_id,
        detail={
            "zh": resource.name_zh,
            "en": resource.name_en,
            "have": resource.have,
            "need": resource.need,
            "unit": resource.unit,
            **detail,
        },
        state=resource_state(resource),
    )
