"""A small township for the tests of what happens in it."""

import pytest

from auth.principal import SYSTEM
from auth.sites import SiteKind, create_site
from foundation.clock import ManualClock
from foundation.database import Database
from operations.sensing import Sensing
from operations.stations import Mark, NewSensor, add_station


def build(database: Database, clock: ManualClock) -> None:
    """Two villages, a river station with stage and flow, a rain gauge."""
    with database.writing() as session:
        for number, site in enumerate(("bizhai", "baida"), start=1):
            create_site(
                session,
                clock,
                SYSTEM,
                id=site,
                code=f"53052320320{number}",
                name_zh=site,
                name_en=site,
                kind=SiteKind.VILLAGE,
                lat=24.5,
                lon=98.9,
            )
        add_station(
            session,
            clock,
            SYSTEM,
            id="river",
            site_id="bizhai",
            kind="river",
            zh="碧寨站",
            en="Bizhai",
            sensors=(
                NewSensor(
                    "river-stage",
                    "stage",
                    "水位",
                    "Stage",
                    "m",
                    60,
                    2,
                    (0, 20),
                    (0, 7),
                    (Mark("alert", 7, "警戒水位", "Alert"),),
                ),
                NewSensor("river-flow", "flow", "流量", "Flow", "m³/s", 60),
            ),
        )
        add_station(
            session,
            clock,
            SYSTEM,
            id="gauge",
            site_id="baida",
            kind="rain",
            zh="雨量站",
            en="Gauge",
            sensors=(NewSensor("gauge-rain", "rain", "雨量", "Rain", "mm", 60),),
        )


@pytest.fixture
def township(database: Database, clock: ManualClock) -> Database:
    """The small township on the embedded database."""
    build(database, clock)
    return database


@pytest.fixture
def any_township(any_database: Database, clock: ManualClock) -> Database:
    """The small township on both databases."""
    build(any_database, clock)
    return any_database


@pytest.fixture
def sensing(any_township: Database, clock: ManualClock) -> Sensing:
    """The door for readings, on both databases."""
    return Sensing(any_township, clock)
