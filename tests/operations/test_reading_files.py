"""CSV files as offices write them."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from foundation.clock import ManualClock
from foundation.database import Database
from foundation.errors import UserError
from operations.notation import DateOrder
from operations.reading_files import Column, FileOutcome, import_readings
from operations.readings import recent
from operations.sensing import Rejection, Sensing

ZONE = ZoneInfo("Asia/Shanghai")
CASES = Path(__file__).parent.parent / "data" / "regressions" / "csv"
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


def imported_case(sensing: Sensing, name: str, time: str, value: str, **options: Any) -> FileOutcome:
    columns = [Column(value, "river-flow")]
    content = (CASES / f"{name}.csv").read_bytes()
    return import_readings(
        sensing, content, time_column=time, columns=columns, date_order="day-first", zone=ZONE, **options
    )


def flows(database: Database) -> list[tuple[str, float]]:
    """The flow's readings, with their times on the township's clock."""
    with database.reading() as session:
        return [
            (f"{datetime.fromtimestamp(at / 1000, ZONE):%m-%d %H:%M}", value) for at, value in recent(session, 2, 50)
        ]


@pytest.fixture(autouse=True)
def _late(clock: ManualClock) -> None:
    """The files are of 2026: their readings must not lie ahead."""
    clock.advance((datetime(2027, 1, 1, tzinfo=ZONE) - clock.now()).total_seconds())


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


@pytest.mark.parametrize(
    ("name", "time", "value"),
    [
        ("csv_excel_unicode_text_utf16", "时间", "流量(m³/s)"),
        ("csv_utf16_commas", "时间", "流量(m³/s)"),
        ("csv_utf16_commas", "时间", "流量（m³/s）"),
    ],
)
def test_what_spreadsheets_save_as_unicode_text_is_read(
    sensing: Sensing, any_township: Database, name: str, time: str, value: str
) -> None:
    assert imported_case(sensing, name, time, value).accepted == 2
    assert flows(any_township) == [("11-20 07:00", 12.5), ("11-20 08:00", 12.7)]


def test_a_title_above_the_header_and_units_under_it_are_passed_over(sensing: Sensing, any_township: Database) -> None:
    outcome = imported_case(sensing, "csv_title_row", "时间", "流量")
    assert (outcome.accepted, outcome.rejected) == (2, [])
    assert flows(any_township) == [("11-20 01:00", 12.5), ("11-20 02:00", 12.6)]


def test_times_are_read_as_offices_write_them(sensing: Sensing, any_township: Database) -> None:
    outcome = imported_case(sensing, "csv_times_cn", "TM", "Z")
    assert (outcome.accepted, outcome.rejected) == (11, [])
    assert flows(any_township) == [
        ("11-20 00:00", 3.20),
        ("11-20 08:00", 3.22),
        ("11-20 08:30", 3.23),
        ("11-20 09:00", 3.24),
        ("11-20 10:30", 3.25),
        ("11-20 11:00", 3.26),
        ("11-20 12:00", 3.27),
        ("11-20 13:00", 3.28),
        ("11-20 14:00", 3.29),
        ("11-20 15:00", 3.30),
        ("11-21 00:00", 3.21),
    ]


def test_a_time_of_offices_that_means_nothing_or_two_things_is_named(sensing: Sensing) -> None:
    written = [
        "2026-11-20 24:01",
        "2026-11-20 25时",
        "2026/11/20 上午 15:00",
        "2026-11-20 晚上12:00",
        "11月20日 9时",
        "2026年13月1日",
        "463466",
        "12345",
        "20261120",
    ]
    outcome = imported(sensing, "time,flow(m^3/s)\n" + "".join(f"{each},1\n" for each in written))
    assert [(each.index, each.code) for each in outcome.rejected] == [
        (line, "not_a_moment") for line in range(2, 2 + len(written))
    ]


def test_a_date_and_a_time_of_day_in_two_columns_are_one_time(sensing: Sensing, any_township: Database) -> None:
    import_readings(
        sensing,
        "日期,时间,流量\n2026-11-20,8:00,1\n".encode(),
        time_column=["日期", "时间"],
        columns=[Column("流量", "river-flow")],
        date_order="iso",
        zone=ZONE,
    )
    assert flows(any_township) == [("11-20 08:00", 1.0)]


def test_numbers_are_read_as_they_were_meant_or_refused_with_the_word_that_helps(
    sensing: Sensing, any_township: Database
) -> None:
    outcome = imported_case(sensing, "csv_numbers", "TM", "Z")
    assert flows(any_township) == [
        ("11-20 01:00", 1234.5),
        ("11-20 02:00", 12.5),
        ("11-20 03:00", 12.5),
        ("11-20 08:00", -0.5),
        ("11-20 09:00", 3.0),
        ("11-20 12:00", 3.21),
    ]
    assert [(each.index, each.code) for each in outcome.rejected] == [
        (5, "decimal_comma"),
        (6, "not_a_number"),
        (7, "mark_in_cell"),
        (8, "mark_in_cell"),
        (11, "unit_in_cell"),
        (12, "formula"),
        (14, "not_finite"),
        (15, "not_finite"),
    ]


def test_marks_for_nothing_measured_are_gaps_in_any_spelling_and_before_scaling(
    sensing: Sensing, any_township: Database
) -> None:
    content = (CASES / "csv_sentinels.csv").read_bytes()
    columns = [Column("Z", "river-flow", scale=0.01)]
    outcome = import_readings(sensing, content, time_column="TM", columns=columns, date_order="iso", zone=ZONE)
    assert (outcome.accepted, outcome.gaps) == (1, 17)
    assert [(each.index, each.code) for each in outcome.rejected] == [(19, "not_a_number")], "Ice is no gap: it is said"
    assert [round(value, 6) for _at, value in flows(any_township)] == [0.033]


@pytest.mark.parametrize(
    ("no_value", "kept"), [(None, [1.0]), ([-1], [1.0, 9999.0]), (["河干", 1], [9999.0]), ([], [1.0, 9999.0])]
)
def test_a_file_has_its_own_marks_for_nothing_measured(
    sensing: Sensing, any_township: Database, no_value: Sequence[float | str] | None, kept: list[float]
) -> None:
    rows = "TM,Z\n2026-11-20 1:00,1\n2026-11-20 2:00,9999\n2026-11-20 3:00,-1.0\n2026-11-20 4:00,河干\n"
    import_readings(
        sensing,
        rows.encode(),
        time_column="TM",
        columns=[Column("Z", "river-flow")],
        date_order="iso",
        zone=ZONE,
        no_value=no_value,
    )
    assert [value for _at, value in flows(any_township) if value > 0] == kept


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_decimal_commas_are_read_where_no_comma_separates(
    sensing: Sensing, any_township: Database, separator: str
) -> None:
    rows = ["time;flow(m^3/s)", "20.11.2026 8:00;3,21", "20.11.2026 9:00;1.234,5", "20.11.2026 10:00;7"]
    outcome = imported(sensing, "\n".join(rows).replace(";", separator))
    assert (outcome.accepted, outcome.rejected) == (3, [])
    assert [value for _at, value in flows(any_township)] == [3.21, 1234.5, 7.0]


def test_a_comma_that_could_be_either_is_asked_for(sensing: Sensing, any_township: Database) -> None:
    rows = "time;flow(m^3/s)\n20.11.2026 8:00;1,234\n"
    with pytest.raises(UserError, match="decimal_unclear"):
        imported(sensing, rows)
    import_readings(
        sensing, rows.encode(), time_column="time", columns=FLOW, date_order="day-first", zone=ZONE, decimal=","
    )
    assert [value for _at, value in flows(any_township)] == [1.234]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"PK\x03\x04\x14\x00", "excel_workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "excel_workbook"),
        (b"<html><table><tr><td>time", "not_csv"),
        (b"\xff\xfe\x00", "not_csv"),
        (b"time,flow(m^3/s),flow(m^3/s)\n", "column_twice"),
    ],
)
def test_what_is_no_table_of_text_is_refused_by_its_name(sensing: Sensing, content: bytes, code: str) -> None:
    with pytest.raises(UserError, match=code):
        import_readings(sensing, content, time_column="time", columns=FLOW, date_order="iso", zone=ZONE)


def test_every_encoding_and_line_end_of_office_programs_is_read(sensing: Sensing) -> None:
    rows = ["sep=,", "碧寨站", "time,流量", "2026-11-20 8:00,1", "2026-11-20 9:00,2,,", ""]
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030"):
        for end in ("\n", "\r\n", "\r"):
            outcome = imported(sensing, end.join(rows), [Column("流量", "river-flow")], encoding)
            assert outcome.accepted == 2, (encoding, end)
