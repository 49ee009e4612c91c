"""CSV files as offices write them."""

from zoneinfo import ZoneInfo

import pytest

from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import UserError
from operations.reading_files import Column, DateOrder, FileOutcome, import_readings
from operations.readings import recent
from operations.sensing import Rejection, Sensing

ZONE = ZoneInfo("Asia/Shanghai")
FLOW = [Column("flow(m^3/s)", "river-flow")]


def imported(
    sensing: Sensing,
    text: str,
    columns: list[Column] = FLOW,
    encoding: str = "utf-8-sig",
    order: DateOrder = "day-first",
) -> FileOutcome:
    return import_readings(
        sensing, text.encode(encoding), time_column="time", columns=columns, date_order=order, zone=ZONE
    )


def test_unpadded_day_first_dates_gaps_repeats_and_disorder_are_normal(
    sensing: Sensing, any_township: Database
) -> None:
    outcome = imported(
        sensing,
        "time,prcp(mm/hour),flow(m^3/s)\n"
        "10/6/2018 1:00,0,15.5\n"
        "10/6/2018 0:00,0.07,11.25\n"
        "10/6/2018 2:00,0,\n"
        "10/6/2018 1:00,0,15.5\n"
        "9/6/2018 23:00,0,-9999\n",
    )
    assert (outcome.accepted, outcome.gaps, outcome.rejected) == (3, 2, [])
    with any_township.reading() as session:
        rows = recent(session, 2, 10)
    # 10 June, not 6 October: 00:00 and 01:00 in China are 16:00 and 17:00 UTC of the day before.
    assert rows == [(1528560000000, 11.25), (1528563600000, 15.5)]


@pytest.mark.parametrize("order", ["day-first", "month-first", "iso"])
@pytest.mark.parametrize(
    "written",
    [
        "2018/8/9",
        "2018-8-9",
        "2018.8.9",
        "2018/08/09 0:00",
        "2018-8-9 0:00",
        "2018-8-9 00:00:00",
        "2018-08-09T00:00",
        "2018-08-09T00:00:00+08:00",
        "2018-8-8 16:00:00Z",
        "2018/8/9 0:00+0800",
        "2018-08-09T00:00:00.000+08:00",
    ],
)
def test_a_date_that_begins_with_the_year_is_the_same_in_every_order(
    sensing: Sensing, any_township: Database, order: DateOrder, written: str
) -> None:
    outcome = imported(sensing, f"time,flow(m^3/s)\n{written},1\n", order=order)
    assert outcome.accepted == 1
    with any_township.reading() as session:
        assert recent(session, 2, 1) == [(1533744000000, 1.0)]


@pytest.mark.parametrize("order", ["day-first", "month-first", "iso"])
@pytest.mark.parametrize(
    "written",
    [
        "1/8/18",
        "1/8/18 0:00",
        "18/8/1",
        "2018/13/1",
        "2018/2/30",
        "2018-8",
        "2018",
        "20180809",
        "1533744000",
        "2018-8-9 0",
        "2018-08-09T00Z",
        "2018-8-9 24:01",
        "99999-01-01",
        "９/8/2018x",
    ],
)
def test_a_date_that_could_mean_several_days_or_none_is_named(sensing: Sensing, order: DateOrder, written: str) -> None:
    outcome = imported(sensing, f"time,flow(m^3/s)\n{written},1\n", order=order)
    assert [(each.index, each.code) for each in outcome.rejected] == [(2, "not_a_moment")]


@pytest.mark.parametrize("order", ["day-first", "iso"])
def test_a_row_without_an_offset_in_a_file_that_names_them_is_named(sensing: Sensing, order: DateOrder) -> None:
    rows = "time,flow(m^3/s)\n2018-8-9 0:00+08:00,1\n2018-8-9 1:00,2\n9/8/2018 2:00,3\n"
    assert [each.index for each in imported(sensing, rows, order=order).rejected] == [3, 4]


def test_bad_rows_are_named_by_their_line_and_the_rest_is_kept(sensing: Sensing) -> None:
    outcome = imported(
        sensing,
        "time,flow(m^3/s)\n10/6/2018 0:00,1\n0000-00-00,2\n32/6/2018 0:00,3\n10/6/2018 3:00,wet\n10/6/2018 4:00,inf\n",
    )
    assert outcome.accepted == 1
    assert outcome.rejected == [
        Rejection(3, "river-flow", "at", "not_a_moment"),
        Rejection(4, "river-flow", "at", "not_a_moment"),
        Rejection(5, "river-flow", "value", "not_a_number"),
        Rejection(6, "river-flow", "value", "not_finite"),
    ]


def test_importing_twice_is_once(sensing: Sensing, any_township: Database) -> None:
    for _ in range(2):
        imported(sensing, "time,flow(m^3/s)\n10/6/2018 0:00,1\n10/6/2018 1:00,2\n")
    with any_township.reading() as session:
        assert len(recent(session, 2, 10)) == 2


def test_a_column_is_converted_to_the_sensor_s_unit(sensing: Sensing, any_township: Database) -> None:
    imported(sensing, "time,feet\n10/6/2018 0:00,10\n", [Column("feet", "river-stage", scale=0.3048)])
    with any_township.reading() as session:
        assert [round(value, 4) for _at, value in recent(session, 1, 1)] == [3.048]


def test_a_file_of_a_chinese_office_program_is_read(sensing: Sensing) -> None:
    assert imported(sensing, "time,流量\n10/6/2018 0:00,1\n", [Column("流量", "river-flow")], "gb18030").accepted == 1


def test_a_missing_column_is_named(sensing: Sensing) -> None:
    with pytest.raises(UserError, match="column_missing"):
        imported(sensing, "time,level\n10/6/2018 0:00,1\n")


def test_an_empty_file_is_no_csv(sensing: Sensing, clock: ManualClock) -> None:
    with pytest.raises(UserError, match="not_csv"):
        imported(sensing, "")


def test_a_row_with_too_many_fields_is_named_and_moves_no_line_number(sensing: Sensing) -> None:
    outcome = imported(sensing, "time,flow(m^3/s)\n10/6/2018 0:00,1\n10/6/2018 1:00,2,EXTRA\n\n10/6/2018 2:00,bad\n")
    assert outcome.accepted == 1
    assert [(each.index, each.code) for each in outcome.rejected] == [(3, "wrong_field_count"), (5, "not_a_number")]
