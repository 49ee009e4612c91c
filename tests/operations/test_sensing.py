"""Taking in readings: each bad row is named, the good rest is kept, twice is once."""

import math
from typing import Any

import pytest

from auth.permissions import Role
from auth.principal import Principal
from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from foundation.errors import UserError
from operations import sensing as sensing_module
from operations.readings import GOOD, SUSPECT, Newest, newest_of_all, recent
from operations.sensing import Rejection, Sensing

AT = "2026-08-19T17:59:00+08:00"


def reading(**changes: Any) -> dict[str, Any]:
    return {"sensor": "river-stage", "at": AT, "value": 3.5, **changes}


@pytest.mark.parametrize(
    ("row", "field", "code"),
    [
        (reading(sensor="nobody"), "sensor", "sensor_unknown"),
        (reading(sensor=None), "sensor", "missing"),
        (reading(value=math.nan), "value", "not_finite"),
        (reading(value=math.inf), "value", "not_finite"),
        (reading(value=10**400), "value", "not_finite"),
        (reading(sensor="\ud800"), "sensor", "sensor_unknown"),
        (reading(value="3.5"), "value", "not_a_number"),
        (reading(value=True), "value", "not_a_number"),
        (reading(value=None), "value", "missing"),
        (reading(unit="ft"), "unit", "wrong_unit"),
        (reading(site="baida"), "site", "wrong_site"),
        (reading(site=7), "site", "wrong_site"),
        (reading(quality="bad"), "quality", "bad_quality"),
        (reading(quality="Good"), "quality", "quality_unknown"),
        (reading(quality=2), "quality", "quality_unknown"),
        (reading(quality=True), "quality", "quality_unknown"),
        (reading(quality=["good"]), "quality", "quality_unknown"),
        (reading(at="2027-01-01T00:00:00Z"), "at", "in_the_future"),
        (reading(at="2026-08-19T17:59:00"), "at", "not_a_moment"),
        (reading(at="yesterday"), "at", "not_a_moment"),
        (reading(at=None), "at", "missing"),
        (reading(at=-5), "at", "before_1970"),
        (reading(at=86_400), "at", "clock_not_set"),
        (reading(value=-9999.0), "value", "no_value"),
        (reading(value=32766), "value", "no_value"),
        ("text", "", "not_an_object"),
    ],
)
def test_a_bad_row_is_named_and_the_good_rest_is_kept(sensing: Sensing, row: Any, field: str, code: str) -> None:
    outcome = sensing.take([reading(at=AT.replace("17:59", "17:58")), row, reading()])
    assert outcome.accepted == 2
    assert [(each.index, each.field, each.code) for each in outcome.rejected] == [(1, field, code)]


def test_a_repeated_reading_is_kept_once_with_its_newest_value(sensing: Sensing, any_township: Database) -> None:
    sensing.take([reading()])
    sensing.take([reading(value=3.6), reading(value=3.7)])
    with any_township.reading() as session:
        assert [value for _at, value in recent(session, 1, 10)] == [3.7]


def test_a_late_reading_does_not_move_the_newest_back(
    sensing: Sensing, any_township: Database, clock: ManualClock
) -> None:
    now = epoch_ms(clock.now())
    sensing.take([reading(at=now, value=5.0)])
    sensing.take([reading(at=now - 60_000, value=4.0)])
    with any_township.reading() as session:
        assert newest_of_all(session)[1].value == 5.0
        assert [value for _at, value in recent(session, 1, 10)] == [4.0, 5.0]


def test_a_clock_that_ran_ahead_and_was_put_right_holds_nothing_back(
    sensing: Sensing, any_township: Database, clock: ManualClock
) -> None:
    now = epoch_ms(clock.now())
    sensing.take([reading(at=now + 100_000, value=5.0)])
    with any_township.reading() as session:
        assert newest_of_all(session)[1] == Newest(now + 100_000, 5.0, 0), "as it was sent, and at once"
    clock.advance(20)
    sensing.take([reading(at=now - 60_000, value=3.0)])
    with any_township.reading() as session:
        assert newest_of_all(session)[1].value == 5.0, "a late reading replaces nothing"
    sensing.take([reading(at=now + 20_000, value=6.0)])
    with any_township.reading() as session:
        assert newest_of_all(session)[1] == Newest(now + 20_000, 6.0, 0)
        assert [at - now for at, _value in recent(session, 1, 10)] == [-60_000, 20_000, 100_000]


def test_of_readings_in_one_batch_the_one_measured_last_is_the_newest(
    sensing: Sensing, any_township: Database, clock: ManualClock
) -> None:
    now = epoch_ms(clock.now())
    times = (now - 2000, now - 1000, now - 3000)
    sensing.take([reading(at=at, value=float(index)) for index, at in enumerate(times)])
    with any_township.reading() as session:
        assert newest_of_all(session)[1].value == 1.0
    sensing.take([reading(at=now + 90_000, value=7.0), reading(at=now, value=8.0)])
    with any_township.reading() as session:
        assert newest_of_all(session)[1].value == 8.0


def test_a_reading_outside_what_the_sensor_can_measure_is_kept_and_marked(
    sensing: Sensing, any_township: Database
) -> None:
    assert sensing.take([reading(value=99.0)]).accepted == 1
    with any_township.reading() as session:
        assert newest_of_all(session)[1].quality == SUSPECT


@pytest.mark.parametrize(
    ("told", "value", "kept"),
    [
        ("good", 3.5, GOOD),
        (0, 3.5, GOOD),
        (None, 3.5, GOOD),
        ("suspect", 3.5, SUSPECT),
        (1, 3.5, SUSPECT),
        ("good", 99.0, SUSPECT),
    ],
)
def test_what_its_sender_suspects_stays_suspect_and_praise_does_not_help_an_impossible_value(
    sensing: Sensing, any_township: Database, told: object, value: float, kept: int
) -> None:
    assert sensing.take([reading(site="bizhai", quality=told, value=value)]).accepted == 1
    with any_township.reading() as session:
        assert newest_of_all(session)[1].quality == kept


def test_a_village_writes_only_its_own_sensors(sensing: Sensing) -> None:
    village = Principal("person", "p", "联络员", Role.VILLAGE, "bizhai")
    outcome = sensing.take([reading(), reading(sensor="gauge-rain")], village)
    assert outcome.accepted == 1
    assert outcome.rejected == [Rejection(1, "gauge-rain", "sensor", "sensor_forbidden")]


def test_too_many_rows_at_once_are_refused_whole(sensing: Sensing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensing_module, "MAX_BATCH", 2)
    with pytest.raises(UserError, match="batch_too_large"):
        sensing.take([reading()] * 3)


def test_a_look_for_sensors_that_failed_makes_none_of_them_unknown(
    any_township: Database, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    door = Sensing(any_township, clock)
    with monkeypatch.context() as broken:
        broken.setattr(sensing_module, "all_sensors", lambda _session: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            door.take([reading()])
    clock.advance(1)
    assert door.take([reading()]).accepted == 1


def test_epoch_seconds_are_read_as_seconds(sensing: Sensing, any_township: Database, clock: ManualClock) -> None:
    now_s = epoch_ms(clock.now()) // 1000
    assert sensing.take([reading(at=now_s), reading(at=now_s + 0.5)]).accepted == 2
    with any_township.reading() as session:
        assert [at for at, _value in recent(session, 1, 2)] == [now_s * 1000, now_s * 1000 + 500]
