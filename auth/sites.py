"""Sites (站点): the places that take part, such as the command room, a village, the mobile unit."""

import re
import unicodedata
from enum import StrEnum
from typing import Any

from sqlalchemy import Float, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from foundation import journal
from foundation.clock import Clock
from foundation.database import Base
from foundation.errors import NotFound, UserError
from foundation.texts import folded

ID_LENGTH = 64
CODE_LENGTH = 16
NAME_LENGTH = 80
TOPIC = "sites"
ADDED = re.compile(r"(?:村委会|居委会|行政村|社区|村|\s+(?:village|community))$")
"""Words that people add to the name of a village, in speech and on forms; the desk's own search leaves it away, too (match.js)."""


class SiteKind(StrEnum):
    """What kind of place it is."""

    TOWNSHIP = "township"
    VILLAGE = "village"
    MOBILE = "mobile"
    UNIT = "unit"
    COUNTY = "county"


class Site(Base):
    """One site. `id` is a word (`bizhai`) or a UUID; `code` the administrative code (530523203201). It is the same in an exercise."""

    __tablename__ = "sites"

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    code: Mapped[str] = mapped_column(String(CODE_LENGTH))
    name_zh: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_en: Mapped[str] = mapped_column(String(NAME_LENGTH))
    kind: Mapped[str] = mapped_column(String(16))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)


def create_site(
    session: Session,
    clock: Clock,
    principal: Principal,
    *,
    id: str,
    code: str,
    name_zh: str,
    name_en: str,
    kind: SiteKind,
    lat: float | None = None,
    lon: float | None = None,
) -> Site:
    """Add a site, or bring a known one to what is said here; saying the same twice is once.

    `lat` and `lon` are degrees (WGS 84). Errors: Forbidden; UserError("bad_id"), ("bad_site"), ("bad_position").
    """
    principal.require("site.change", site=id)
    if not id or len(id) > ID_LENGTH or not id.replace("-", "").replace("_", "").isalnum():
        raise UserError("bad_id")
    name_zh, name_en, code = folded(name_zh), folded(name_en), folded(code)
    if not name_zh or max(len(name_zh), len(name_en)) > NAME_LENGTH or len(code) > CODE_LENGTH:
        raise UserError("bad_site", site=id)
    # Written so that NaN is refused too.
    if not (lat is None or -90 <= lat <= 90) or not (lon is None or -180 <= lon <= 180):
        raise UserError("bad_position", site=id)
    said = {"code": code, "name_zh": name_zh, "name_en": name_en, "kind": kind.value, "lat": lat, "lon": lon}
    journal.lock(session)
    site = session.get(Site, id)
    if site is not None and all(getattr(site, key) == value for key, value in said.items()):
        return site
    event = "site.added" if site is None else "site.changed"
    if site is None:
        site = Site(id=id)
        session.add(site)
    for key, value in said.items():
        setattr(site, key, value)
    session.flush()
    journal.append(
        session,
        clock,
        kind=event,
        topic=TOPIC,
        subject=id,
        actor=principal.actor,
        site_id=id,
        detail={"zh": name_zh, "en": name_en},
        state=site_state(site),
    )
    return site


def find_site(session: Session, id: str) -> Site:
    """One site, or NotFound."""
    site = session.get(Site, id)
    if site is None:
        raise NotFound("site_unknown", site=id)
    return site


def list_sites(session: Session) -> list[Site]:
    """Every site, in the order of the administrative codes."""
    return list(session.execute(select(Site).order_by(Site.code, Site.id)).scalars())


def site_called(session: Session, name: str) -> Site | None:
    """Return the one site that is called so in either language, with or without what people add to it (碧寨村, Bizhai village), or None."""
    wanted = _bare(name)
    found = [site for site in list_sites(session) if wanted in (_bare(site.name_zh), _bare(site.name_en))]
    return found[0] if len(found) == 1 else None


def _bare(name: str) -> str:
    whole = unicodedata.normalize("NFKC", name).strip().casefold()
    return ADDED.sub("", whole) or whole


def site_state(site: Site) -> dict[str, Any]:
    """What the feed and the API tell about a site (docs/feed-protocol.md, topic `sites`)."""
    return {
        "id": site.id,
        "code": site.code,
        "name": {"zh": site.name_zh, "en": site.name_en},
        "kind": site.kind,
        "lat": site.lat,
        "lon": site.lon,
    }
