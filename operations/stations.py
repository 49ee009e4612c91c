"""Stations and sensors: where something is measured, what, in which unit, and which marks it is judged by."""

from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Float, ForeignKey, Integer, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from auth.principal import Principal
from foundation import journal
from foundation.clock import Clock
from foundation.database import Base, Json
from foundation.errors import UserError
from foundation.identifiers import SensorId
from foundation.texts import folded

StationKind = Literal["river", "reservoir", "rain", "weather", "soil", "slope"]
Quantity = Literal["stage", "flow", "rain", "temperature", "humidity", "wind", "displacement", "moisture", "storage"]
MarkKind = Literal["alert", "guarantee", "limit", "design", "check"]

CODE_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
CODE_LENGTH = 64


class Station(Base):
    """A place where something is measured (测站). Its id is the station code that its owner gave it."""

    __tablename__ = "stations"

    id: Mapped[str] = mapped_column(String(CODE_LENGTH), primary_key=True)
    site_id: Mapped[str] = mapped_column(String(CODE_LENGTH), ForeignKey("sites.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    name_zh: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(80))
    lat: Mapped[float | None] = mapped_column(Float)
    lon: Mapped[float | None] = mapped_column(Float)


class Sensor(Base):
    """One measured quantity at a station (传感器). `key` is the short number under which its readings are kept."""

    __tablename__ = "sensors"

    id: Mapped[str] = mapped_column(String(CODE_LENGTH), primary_key=True)
    key: Mapped[int] = mapped_column(Integer, unique=True)
    station_id: Mapped[str] = mapped_column(String(CODE_LENGTH), ForeignKey("stations.id"), index=True)
    quantity: Mapped[str] = mapped_column(String(16))
    name_zh: Mapped[str] = mapped_column(String(80))
    name_en: Mapped[str] = mapped_column(String(80))
    unit: Mapped[str] = mapped_column(String(16))
    decimals: Mapped[int] = mapped_column(Integer)
    period_s: Mapped[float] = mapped_column(Float)
    valid_low: Mapped[float | None] = mapped_column(Float)
    valid_high: Mapped[float | None] = mapped_column(Float)
    normal_low: Mapped[float | None] = mapped_column(Float)
    normal_high: Mapped[float | None] = mapped_column(Float)
    marks: Mapped[Any] = mapped_column(Json)
    source_zh: Mapped[str] = mapped_column(String(80))
    source_en: Mapped[str] = mapped_column(String(80))


@dataclass(frozen=True)
class Mark:
    """A level that the field judges by: 警戒水位 alert, 保证水位 guarantee, 汛限水位 limit, 设计 design, 校核 check."""

    kind: MarkKind
    value: float
    zh: str
    en: str


@dataclass(frozen=True)
class NewSensor:
    """What is told when a sensor is set up.

    `period_s` is how often it reports (seconds; staleness follows from it); `valid` is what it can physically measure (readings outside are kept and
    marked suspect), `normal` the range in which nobody needs to look.
    """

    id: str
    quantity: Quantity
    zh: str
    en: str
    unit: str
    period_s: float
    decimals: int = 1
    valid: tuple[float | None, float | None] = (None, None)
    normal: tuple[float, float] | None = None
    marks: tuple[Mark, ...] = field(default=())
    source_zh: str = ""
    source_en: str = ""


def add_station(
    session: Session,
    clock: Clock,
    principal: Principal,
    *,
    id: str,
    site_id: str,
    kind: StationKind,
    zh: str,
    en: str,
    lat: float | None = None,
    lon: float | None = None,
    sensors: tuple[NewSensor, ...] = (),
) -> Station:
    """Set up a station with its sensors; doing it twice is once. UserError("bad_code") for an id that is not lower-case letters, digits, - _ . ."""
    principal.require("station.change", site=site_id)
    _check_code(id)
    journal.lock(session)
    station = session.get(Station, id)
    if station is None:
        station = Station(id=id, site_id=site_id, kind=kind, name_zh=folded(zh), name_en=folded(en), lat=lat, lon=lon)
        session.add(station)
        session.flush()
        journal.append(
            session,
            clock,
            kind="station.added",
            topic="stations",
            subject=id,
            actor=principal.actor,
            site_id=site_id,
            detail={"zh": zh, "en": en},
        )
    for new in sensors:
        _check_code(new.id)
        if session.get(Sensor, new.id) is None:
            session.add(_sensor(session, station, new))
            session.flush()
            journal.append(
                session,
                clock,
                kind="sensor.added",
                topic="stations",
                subject=new.id,
                actor=principal.actor,
                site_id=site_id,
                detail={"zh": new.zh, "en": new.en},
            )
    return station


def sensor_state(sensor: Sensor, station: Station) -> dict[str, Any]:
    """What the feed tells about a sensor, without its readings (docs/feed-protocol.md, topic `readings`)."""
    normal = (
        None if sensor.normal_low is None or sensor.normal_high is None else [sensor.normal_low, sensor.normal_high]
    )
    return {
        "id": sensor.id,
        "station": {
            "id": station.id,
            "name": {"zh": station.name_zh, "en": station.name_en},
            "kind": station.kind,
            "site": station.site_id,
            "lat": station.lat,
            "lon": station.lon,
        },
        "quantity": sensor.quantity,
        "name": {"zh": sensor.name_zh, "en": sensor.name_en},
        "unit": sensor.unit,
        "decimals": sensor.decimals,
        "normal": normal,
        "marks": sensor.marks,
        "period_s": sensor.period_s,
        "source": {"zh": sensor.source_zh, "en": sensor.source_en},
    }


def all_sensors(session: Session) -> list[tuple[Sensor, Station]]:
    """Every sensor with its station, by station and id."""
    query = select(Sensor, Station).join(Station, Sensor.station_id == Station.id).order_by(Station.id, Sensor.id)
    return [(sensor, station) for sensor, station in session.execute(query)]


def _sensor(session: Session, station: Station, new: NewSensor) -> Sensor:
    highest = session.execute(select(Sensor.key).order_by(Sensor.key.desc()).limit(1)).scalar_one_or_none() or 0
    return Sensor(
        id=SensorId(new.id),
        key=highest + 1,
        station_id=station.id,
        quantity=new.quantity,
        name_zh=folded(new.zh),
        name_en=folded(new.en),
        unit=new.unit,
        decimals=new.decimals,
        period_s=new.period_s,
        valid_low=new.valid[0],
        valid_high=new.valid[1],
        normal_low=new.normal[0] if new.normal else None,
        normal_high=new.normal[1] if new.normal else None,
        marks=[{"kind": mark.kind, "value": mark.value, "name": {"zh": mark.zh, "en": mark.en}} for mark in new.marks],
        source_zh=new.source_zh,
        source_en=new.source_en,
    )


def _check_code(code: str) -> None:
    if not code or len(code) > CODE_LENGTH or not set(code) <= CODE_LETTERS:
        raise UserError("bad_code", given=code[:CODE_LENGTH])
