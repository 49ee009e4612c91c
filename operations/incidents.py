"""Incidents (突发事件): what happened, of which class and level, where, and how its picture changed."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, tzinfo
from enum import IntEnum, StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Float, Integer, String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from auth.scope import SiteScope, scope_of
from auth.sites import Site
from foundation.changing import Event, Subject, Versioned, change, create
from foundation.clock import Clock, epoch_ms
from foundation.database import Base, UtcDateTime
from foundation.errors import UserError
from foundation.identifiers import IncidentId, is_id, new_id
from foundation.texts import clean_optional

TITLE_LENGTH = 120
PLACE_LENGTH = 120
FUTURE_TOLERANCE = timedelta(minutes=2)
"""The clock of who reports may be ahead of ours by this much; the event then happened now."""

LIST_MAX = 200
CLOSED_SHOWN = timedelta(days=1)


class IncidentClass(StrEnum):
    """The four classes of the law: 自然灾害, 事故灾难, 公共卫生事件, 社会安全事件."""

    NATURAL = "natural"
    ACCIDENT = "accident"
    HEALTH = "health"
    SECURITY = "security"


class Level(IntEnum):
    """The four levels of the law: Ⅰ 特别重大, Ⅱ 重大, Ⅲ 较大, Ⅳ 一般. A smaller number is worse."""

    I = 1  # noqa: E741 - the level's own name
    II = 2
    III = 3
    IV = 4


PERSONS_MAX = 1_000_000
LOSS_MAX = 1e15


class Status(StrEnum):
    """Whether anything is still to be done."""

    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True)
class Toll:
    """Deaths and serious injuries in persons, direct loss in yuan (伤亡损失); None: not known, which is not zero."""

    deaths: int | None = None
    injuries: int | None = None
    loss: float | None = None

    def checked(self) -> "Toll":
        """This toll; UserError("bad_amount") for a negative or unreal figure."""
        for field, figure, most in (
            ("deaths", self.deaths, PERSONS_MAX),
            ("injuries", self.injuries, PERSONS_MAX),
            ("loss", self.loss, LOSS_MAX),
        ):
            # Written so that NaN is refused too.
            if figure is not None and not 0 <= figure <= most:
                raise UserError("bad_amount", field=field)
        return self


NO_TOLL = Toll()


class Incident(Versioned, Base):
    """One incident. `number` counts within the year (2026-017); `happened_at` is the event's time, `opened_at` the time of intake.

    Deaths, injuries and loss are its `Toll`, as far as it is known.
    """

    __tablename__ = "incidents"

    id: Mapped[str] = mapped_column(String(36), primary_key=True)
    number: Mapped[str] = mapped_column(String(16), index=True)
    title: Mapped[str] = mapped_column(String(TITLE_LENGTH))
    incident_class: Mapped[str] = mapped_column(String(16))
    level: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(String(16), index=True)
    place: Mapped[str] = mapped_column(String(PLACE_LENGTH))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)
    deaths: Mapped[int | None] = mapped_column(Integer)
    injuries: Mapped[int | None] = mapped_column(Integer)
    loss: Mapped[float | None] = mapped_column(Float)
    happened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    opened_by: Mapped[str] = mapped_column(String(80))


def open_incident(
    session: Session,
    clock: Clock,
    principal: Principal,
    *,
    zone: tzinfo,
    title: str,
    incident_class: IncidentClass,
    level: Level,
    site_id: str | None = None,
    place: str = "",
    lat: float | None = None,
    lon: float | None = None,
    happened_at: datetime | None = None,
    toll: Toll = NO_TOLL,
    id: str | None = None,
) -> Incident:
    """Record an incident; its number counts in the year of `zone`, the township's.

    With an `id` that is already known the known one is returned: sending twice is once.

    Errors: Forbidden; UserError("title_empty"), ("text_long"), ("bad_id"), ("site_unknown"), ("at_in_the_future"),
    ("bad_amount"); Conflict("id_taken").
    """
    if site_id is None and not principal.may("incident.create", site=None):
        # Who may report for one site only means that one.
        site_id = principal.site_id
    principal.require("incident.create", site=site_id)
    title = clean_optional(title, "title", TITLE_LENGTH)
    if not title:
        raise UserError("title_empty", field="title")
    place = clean_optional(place, "place", PLACE_LENGTH)
    if id is not None and not is_id(id):
        raise UserError("bad_id")
    toll.checked()
    now = clock.now()
    if happened_at is not None and happened_at > now + FUTURE_TOLERANCE:
        raise UserError("at_in_the_future", field="at")

    def make() -> Incident:
        site = session.get(Site, site_id) if site_id else None
        if site_id and site is None:
            raise UserError("site_unknown", field="site", site=site_id)
        return Incident(
            id=IncidentId(id or new_id()),
            number=_next_number(session, now.astimezone(zone).year),
            title=title,
            incident_class=incident_class.value,
            level=int(level),
            status=Status.OPEN.value,
            site_id=site_id,
            place=place,
            lat=lat if lat is not None else (site.lat if site else None),
            lon=lon if lon is not None else (site.lon if site else None),
            deaths=toll.deaths,
            injuries=toll.injuries,
            loss=toll.loss,
            happened_at=min(happened_at or now, now),
            opened_at=now,
            opened_by=principal.name,
        )

    return create(
        session,
        clock,
        INCIDENTS,
        actor=principal.actor,
        event="incident.opened",
        make=make,
        known=None if id is None else Incident.id == id,
        within=_readable(principal),
    )


def change_level(
    session: Session,
    clock: Clock,
    principal: Principal,
    incident_id: str,
    level: Level,
    seen_version: int | None = None,
) -> Incident:
    """Raise or lower the level. `seen_version` is what the changer had on the screen: Conflict("changed_meanwhile") if it is no longer so."""

    def apply(incident: Incident) -> Event | None:
        before = incident.level
        if before == level:
            return None
        incident.level = int(level)
        return Event("incident.raised" if level < before else "incident.lowered", {"from": before})

    return _change(session, clock, principal, incident_id, apply, seen_version)


def count_toll(
    session: Session,
    clock: Clock,
    principal: Principal,
    incident_id: str,
    toll: Toll,
    seen_version: int | None = None,
) -> Incident:
    """Write down what is known now of deaths, injuries and loss. Conflict("changed_meanwhile"), UserError("bad_amount")."""
    toll.checked()

    def apply(incident: Incident) -> Event | None:
        before = Toll(incident.deaths, incident.injuries, incident.loss)
        if before == toll:
            return None
        incident.deaths, incident.injuries, incident.loss = toll.deaths, toll.injuries, toll.loss
        return Event("incident.counted", {"before": asdict(before), "toll": asdict(toll)})

    return _change(session, clock, principal, incident_id, apply, seen_version)


def close_incident(
    session: Session, clock: Clock, principal: Principal, incident_id: str, seen_version: int | None = None
) -> Incident:
    """Nothing more is to be done: the incident leaves the board and stays in the journal. Conflict("changed_meanwhile")."""

    def apply(incident: Incident) -> Event | None:
        if incident.status == Status.CLOSED:
            return None
        incident.status = Status.CLOSED.value
        return Event("incident.closed")

    return _change(session, clock, principal, incident_id, apply, seen_version)


def incident_state(incident: Incident) -> dict[str, Any]:
    """What the feed and the API tell about an incident (docs/feed-protocol.md, topic `incidents`)."""
    return {
        "id": incident.id,
        "number": incident.number,
        "title": incident.title,
        "class": incident.incident_class,
        "level": incident.level,
        "status": incident.status,
        "site": incident.site_id,
        "place": incident.place,
        "lat": incident.lat,
        "lon": incident.lon,
        "deaths": incident.deaths,
        "injuries": incident.injuries,
        "loss": incident.loss,
        "at": epoch_ms(incident.happened_at),
        "opened_at": epoch_ms(incident.opened_at),
        "by": incident.opened_by,
        "version": incident.version,
    }


def find_incident(session: Session, principal: Principal, incident_id: str) -> Incident:
    """One incident, or NotFound (also for one of the other world or out of the site scope)."""
    return INCIDENTS.find(session, incident_id, _readable(principal))


def list_incidents(
    session: Session, principal: Principal, *, status: Status | None = None, limit: int = LIST_MAX
) -> list[Incident]:
    """The incidents that `principal` may read, worst and newest first."""
    query = (
        select(Incident)
        .where(_readable(principal))
        .order_by(Incident.status.desc(), Incident.level, Incident.opened_at.desc())
    )
    if status is not None:
        query = query.where(Incident.status == status.value)
    return list(session.execute(query.limit(limit)).scalars())


def incidents_on_board(session: Session, scope: SiteScope, now: datetime) -> list[Incident]:
    """What the feed's topic `incidents` shows: every open one, and at most LIST_MAX of those that were closed and opened within a day."""
    readable = scope.criterion(Incident.site_id)
    still_open = select(Incident).where(readable, Incident.status == Status.OPEN.value)
    recently = (
        select(Incident)
        .where(readable, Incident.status == Status.CLOSED.value, Incident.opened_at >= now - CLOSED_SHOWN)
        .order_by(Incident.opened_at.desc())
        .limit(LIST_MAX)
    )
    return [*session.execute(still_open).scalars(), *session.execute(recently).scalars()]


def _readable(principal: Principal) -> ColumnElement[bool]:
    return scope_of(principal, "incident.read").criterion(Incident.site_id)


def _change(
    session: Session,
    clock: Clock,
    principal: Principal,
    incident_id: str,
    apply: Callable[[Incident], Event | None],
    seen_version: int | None,
) -> Incident:
    return change(
        session,
        clock,
        INCIDENTS,
        incident_id,
        actor=principal.actor,
        within=_readable(principal),
        allow=lambda incident: principal.require("incident.change", site=incident.site_id),
        apply=apply,
        seen_version=seen_version,
    )


def _next_number(session: Session, in_year: int) -> str:
    """The next number of the year; it holds because creations wait for each other (`foundation.changing.create`)."""
    year = f"{in_year}-"
    count = session.execute(
        select(func.count()).select_from(Incident).where(Incident.number.startswith(year))
    ).scalar_one()
    return f"{year}{count + 1:03d}"


INCIDENTS = Subject(
    Incident,
    topic="incidents",
    unknown="incident_unknown",
    state=incident_state,
    facts=lambda incident: {
        "number": incident.number,
        "title": incident.title,
        "level": incident.level,
        "class": incident.incident_class,
    },
)
