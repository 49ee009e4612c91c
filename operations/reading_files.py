"""Readings from CSV files as gauging stations and offices write them: any column order, day-first and unpadded dates, gaps, repeats.

Each bad row is named by its line, the good rest is kept.
"""

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pandas as pd

from auth.principal import Principal
from foundation.errors import UserError
from operations.sensing import Outcome, Rejection, Sensing

BATCH_ROWS = 5_000
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_REJECTIONS = 1_000
NO_VALUE = frozenset({"", "-", "--", "na", "nan", "null", "none", "缺测", "m", "-9999", "-999", "9999", "-99"})
"""How files write that nothing was measured: a gap, not a fault."""

YEAR_FIRST = re.compile(r"^(\d{4})[/.\-](\d{1,2})[/.\-](\d{1,2})(?:[ T](\d{1,2})(?=:))?")
OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})"
WHOLE = re.compile(rf"^\d{{4}}-\d{{2}}-\d{{2}}(?:T\d{{2}}:\d{{2}}(?::\d{{2}}(?:\.\d+)?)?(?:{OFFSET})?)?$")
"""A date, or a date and time to the minute at least, with or without an offset: what ISO 8601 writes, and no half of it."""

DateOrder = Literal["day-first", "month-first", "iso"]


@dataclass(frozen=True)
class Column:
    """Which column of the file holds which sensor's values, and how they become the sensor's unit: value * scale + offset."""

    name: str
    sensor: str
    scale: float = 1.0
    offset: float = 0.0


@dataclass(frozen=True)
class FileOutcome:
    """What became of a file: rows kept, gaps passed over, and refused rows by line number (the header is line 1)."""

    accepted: int
    gaps: int
    rejected: list[Rejection]
    rejected_total: int


def import_readings(
    sensing: Sensing,
    content: bytes,
    *,
    time_column: str,
    columns: list[Column],
    date_order: DateOrder,
    zone: ZoneInfo,
    principal: Principal | None = None,
) -> FileOutcome:
    """Read a CSV file and take in its readings; `zone` is that of the file's local times.

    Doing it twice is once. Errors: UserError("file_too_large"), ("not_csv"), ("column_missing").
    """
    frame, lines_of, torn = _read(content, [time_column, *(column.name for column in columns)])
    moments = _moments(frame[time_column], date_order, zone)
    accepted = gaps = 0
    refused, rejected = len(torn), torn[:MAX_REJECTIONS]
    for rows, lines in _batches(frame, lines_of, moments, columns):
        usable = []
        places = []
        for row, line in zip(rows, lines, strict=True):
            if row["value"] is None:
                gaps += 1
                continue
            usable.append(row)
            places.append(line)
        outcome: Outcome = sensing.take(usable, principal)
        accepted += outcome.accepted
        refused += len(outcome.rejected)
        for rejection in outcome.rejected[: MAX_REJECTIONS - len(rejected)]:
            rejected.append(Rejection(places[rejection.index], rejection.sensor, rejection.field, rejection.code))
    return FileOutcome(accepted, gaps, rejected, refused)


def _read(content: bytes, wanted: list[str]) -> tuple[pd.DataFrame, list[int], list[Rejection]]:
    """The rows as text, the line on which each ends, and the rows with too few or too many fields."""
    if len(content) > MAX_FILE_BYTES:
        raise UserError("file_too_large", limit=MAX_FILE_BYTES)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", errors="replace")  # what office programs write on Chinese Windows
    try:
        reader = csv.reader(io.StringIO(text))
        header = [name.strip() for name in next(reader, [])]
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise UserError("not_csv") from error
    if not header:
        raise UserError("not_csv")
    for name in wanted:
        if name not in header:
            raise UserError("column_missing", column=name, columns=", ".join(header[:20]))
    whole = [(line, row) for line, row in rows if len(row) == len(header)]
    torn = [Rejection(line, None, "", "wrong_field_count") for line, row in rows if len(row) != len(header)]
    return pd.DataFrame([row for _, row in whole], columns=header, dtype=str), [line for line, _ in whole], torn


def _moments(column: "pd.Series[str]", date_order: DateOrder, zone: ZoneInfo) -> "pd.Series[Any]":
    """Aware moments; NaT where there is none. Unpadded days, months and hours are fine.

    A date that begins with a year of four digits is the same in every order. A year of two digits is none: 1/8/18 has three readings.
    """
    text = column.str.strip()
    padded = text.str.replace(YEAR_FIRST, _padded, regex=True)
    padded = padded.where(padded.str.match(WHOLE))
    aware = padded.str.contains(f"T.*{OFFSET}$", regex=True, na=False)
    moments = _utc(pd.to_datetime(padded, errors="coerce", format="ISO8601", utc=bool(aware.any())), zone)
    if date_order != "iso":
        separated = text.str.replace(r"[.\-]", "/", regex=True)
        order = "%d/%m/%Y" if date_order == "day-first" else "%m/%d/%Y"
        for form in (f"{order} %H:%M", f"{order} %H:%M:%S", order):
            moments = moments.fillna(_utc(pd.to_datetime(separated, errors="coerce", format=form), zone))
    if aware.any():
        # A file that names offsets names them in every row: a row without one is a fault, not a guess.
        moments = moments.where(aware)
    return moments


def _padded(date: re.Match[str]) -> str:
    """A date and hour that begin with the year, as ISO 8601 writes them."""
    year, month, day, hour = date.groups()
    return f"{year}-{month:0>2}-{day:0>2}" + (f"T{hour:0>2}" if hour else "")


def _utc(moments: "pd.Series[Any]", zone: ZoneInfo) -> "pd.Series[Any]":
    """Moments in UTC; those without an offset are local times of `zone`."""
    if moments.dt.tz is None:
        moments = moments.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    in_utc: pd.Series[Any] = moments.dt.tz_convert("UTC")
    return in_utc


def _batches(
    frame: pd.DataFrame, lines_of: list[int], moments: "pd.Series[Any]", columns: list[Column]
) -> Iterator[tuple[list[dict[str, Any]], list[int]]]:
    rows: list[dict[str, Any]] = []
    lines: list[int] = []
    values = {column.sensor: (frame[column.name].tolist(), column) for column in columns}
    for position, moment in enumerate(moments):
        at = None if pd.isna(moment) else round(moment.timestamp() * 1000)
        for sensor, (cells, column) in values.items():
            rows.append(
                {"sensor": sensor, "at": at if at is not None else "?", "value": _value(cells[position], column)}
            )
            lines.append(lines_of[position])
        if len(rows) >= BATCH_ROWS:
            yield rows, lines
            rows, lines = [], []
    if rows:
        yield rows, lines


def _value(cell: str, column: Column) -> float | str | None:
    """The number in a cell; None for a gap, the cell itself when it is neither (sensing names it as not a number)."""
    text = cell.strip()
    if text.lower() in NO_VALUE:
        return None
    try:
        number = float(text)
    except ValueError:
        return text
    return number * column.scale + column.offset if math.isfinite(number) else number
