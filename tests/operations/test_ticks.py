"""What the feed's ticks tell of readings."""

from sqlalchemy import insert, select

from dashboard.snapshots import Readings
from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from operations.sensing import Sensing
from operations.stations import Sensor


def test_a_tile_follows_a_sensor_whose_clock_ran_ahead_and_was_put_right(
    sensing: Sensing, any_township: Database, clock: ManualClock
) -> None:
    now = epoch_ms(clock.now())
    told = Readings()

    def tick(at: int, value: float) -> list[tuple[int, float, int]]:
        sensing.take([{"sensor": "river-stage", "at": now + at, "value": value}])
        clock.advance(60)
        with any_township.reading() as session:
            return [(at - now, value, quality) for at, value, quality in told.advance(session)["river-stage"]]

    assert tick(0, 1.0) == [(0, 1.0, 0)]
    assert tick(160_000, 2.0) == [(160_000, 2.0, 0)]
    # Put right: each reading is told as the newest, the one from the future never again.
    assert tick(120_000, 3.0)[-1] == (120_000, 3.0, 0)
    assert tick(180_000, 4.0)[-1] == (180_000, 4.0, 0)
    shown = told.snapshot()["river-stage"]
    assert (shown["at"] - now, shown["value"]) == (180_000, 4.0)
    assert shown["recent"][-1] == (now + 180_000, 4.0)


def test_a_tick_tells_of_thousands_of_sensors_at_once(
    sensing: Sensing, any_township: Database, clock: ManualClock
) -> None:
    with any_township.writing() as session:
        station = session.execute(select(Sensor)).scalars().first()
        assert station is not None
        copied = {column.name: getattr(station, column.name) for column in Sensor.__table__.columns}
        rows = [{**copied, "id": f"many-{number}", "key": 100 + number} for number in range(2_500)]
        session.execute(insert(Sensor), rows)
    told = Readings()
    for second in range(2):
        at = epoch_ms(clock.now()) + second
        sensing.take([{"sensor": f"many-{number}", "at": at, "value": second} for number in range(2_500)])
        with any_township.reading() as session:
            assert len(told.advance(session)) == 2_500
