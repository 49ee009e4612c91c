"""Readings from text tables as gauging stations and offices write them: any encoding, separator and column order, titles above, gaps, repeats.

Each bad row is named by its line, the good rest is kept. What cannot be read as it was meant is refused with the word that says why.
"""

import csv
import io
import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from auth.principal import Principal
from foundation.errors import UserError
from operations.notation import DateOrder, Decimal, is_missing_word, missing_numbers, parse_number, parse_time, plain
from operations.sensing import Outcome, Rejection, Sensing

BATCH_ROWS = 5_000
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_REJECTIONS = 1_000
HEADER_WITHIN = 30
"""Lines in which the header is looked for: title, station and period stand above it."""
UNIT_LINES = 3
SAMPLE_ROWS = 2_000
SEPARATORS = ",\t;|"

WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""How .xlsx and .xls begin."""
BYTE_ORDER_MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}

COMMA_DECIMAL = re.compile(r"[+-]?\d+,(?:\d{1,2}|\d{4,})|[+-]?0,\d+")
"""A comma that cannot group thousands."""
WITH_UNIT = re.compile(r"([+\-−]?[\d.,]+)\s*[^\W\d_%]+[²³/\w]*|([+\-−]?[\d.,]+)\s*%")
WITH_MARK = re.compile(r"[+\-−]?[\d.,]+\s*\W+|\W*[^\W\d]?\W*[\d.,]+")


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
    time_column: str | Sequence[str],
    columns: list[Column],
    date_order: DateOrder,
    zone: ZoneInfo,
    no_value: Sequence[float | str] | None = None,
    decimal: Decimal | None = None,
    principal: Principal | None = None,
) -> FileOutcome:
    """Read a table and take in its readings; `zone` is that of the file's local times.

    Of several time columns (a date, a time of day) the contents are joined. `no_value` lists what stands for "nothing was measured", compared
    before scaling (None: the usual marks); `decimal` is the decimal sign (None: found out). Doing it twice is once.
    Errors: UserError("file_too_large"), ("excel_workbook"), ("not_csv"), ("column_missing"), ("column_twice"), ("decimal_unclear").
    """
    time_columns = [time_column] if isinstance(time_column, str) else list(time_column)
    table = _read(content, [*time_columns, *(column.name for column in columns)])
    cells = _Cells(table, columns, no_value, decimal)
    accepted = gaps = 0
    refused, rejected = len(table.torn), table.torn[:MAX_REJECTIONS]
    for rows, lines in _batches(table, _moments(table, time_columns, date_order, zone), cells):
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
        for rejection in outcome.rejected:
            if rejection.code == "no_value":
                gaps += 1
                continue
            refused += 1
            if len(rejected) < MAX_REJECTIONS:
                value = usable[rejection.index]["value"]
                code = _what_is_wrong(value) if rejection.code == "not_a_number" else rejection.code
                rejected.append(Rejection(places[rejection.index], rejection.sensor, rejection.field, code))
    return FileOutcome(accepted, gaps, rejected, refused)


@dataclass(frozen=True)
class _Table:
    """The rows under the header as text, the line on which each ends, and the rows with too few or too many fields."""

    header: list[str]
    rows: list[list[str]]
    lines: list[int]
    torn: list[Rejection]
    separator: str

    def place(self, name: str) -> int:
        """Which column has that name."""
        return self.header.index(_name(name))


def _read(content: bytes, wanted: list[str]) -> _Table:
    """The table among the lines of a file: its header is the first line that has all wanted names, whatever separates them."""
    text = _decode(content)
    names = [_name(name) for name in wanted]
    best: list[str] = []
    for separator in SEPARATORS:
        reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator)
        try:
            for row in itertools.islice(reader, HEADER_WITHIN):
                header = [_name(cell) for cell in row]
                best = max(best, header, key=len)
                if not set(names) <= set(header):
                    continue
                twice = next((name for name in names if header.count(name) > 1), None)
                if twice is not None:
                    raise UserError("column_twice", column=twice)
                lines = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
                return _table(header, lines, header.index(names[0]), separator)
        except csv.Error:
            continue
    if not any(best):
        raise UserError("not_csv")
    missing = next((name for name in names if name not in best), names[0])
    raise UserError("column_missing", column=missing, columns=", ".join(best[:20]))


def _table(header: list[str], lines: list[tuple[int, list[str]]], time_place: int, separator: str) -> _Table:
    start = 0
    # Lines under the header that only say units: no number stands in them.
    while start < min(UNIT_LINES, len(lines)) and _tells_units(lines[start][1], time_place):
        start += 1
    rows: list[list[str]] = []
    places: list[int] = []
    torn: list[Rejection] = []
    for line, row in lines[start:]:
        whole = row[: len(header)]
        if len(row) < len(header) or any(cell.strip() for cell in row[len(header) :]):
            torn.append(Rejection(line, None, "", "wrong_field_count"))
        else:
            rows.append(whole)
            places.append(line)
    return _Table(header, rows, places, torn, separator)


def _tells_units(row: list[str], time_place: int) -> bool:
    told = [plain(cell) for cell in row]
    time = told[time_place] if time_place < len(told) else ""
    if any(sign.isdigit() for sign in time):
        return False
    return any(told) and not any(cell and parse_number(cell) is not None for cell in told)


def _decode(content: bytes) -> str:
    if len(content) > MAX_FILE_BYTES:
        raise UserError("file_too_large", limit=MAX_FILE_BYTES)
    if content.startswith(WORKBOOKS):
        raise UserError("excel_workbook")
    if content[:512].lstrip().lower().startswith((b"<html", b"<!doctype", b"<table", b"<?xml", b"%pdf")):
        raise UserError("not_csv")
    encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if content.startswith(mark)), None)
    if encoding is None:
        # Without a mark every other byte of UTF-16 is a zero where the sign is ASCII, and commas and digits are.
        even, odd = content[:4096:2].count(0), content[1:4096:2].count(0)
        if even + odd > len(content[:4096]) // 8:
            encoding = "utf-16-le" if odd >= even else "utf-16-be"
    try:
        return content.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        if encoding:
            raise UserError("not_csv") from error
        return content.decode("gb18030", errors="replace")  # what office programs write on Chinese Windows


def _name(cell: str) -> str:
    """A column's name as it is compared: full-width forms are the plain ones, spaces and line breaks count once."""
    return " ".join(plain(cell).split())


def _moments(table: _Table, time_columns: Sequence[str], order: DateOrder, zone: ZoneInfo) -> list[int | None]:
    """Epoch ms of each row; None where there is none. A file that names offsets names them in every row: one without is a fault, not a guess."""
    places = [table.place(name) for name in time_columns]
    read = [parse_time(" ".join(row[place] for place in places), zone, order) for row in table.rows]
    aware = any(each is not None and each[1] for each in read)
    return [each[0] if each is not None and (each[1] or not aware) else None for each in read]


class _Cells:
    """How the value cells of one file are read."""

    def __init__(
        self,
        table: _Table,
        columns: list[Column],
        no_value: Sequence[float | str] | None,
        decimal: Decimal | None,
    ) -> None:
        self.columns = [(column, table.place(column.name)) for column in columns]
        told = None if no_value is None else [each for each in no_value if not isinstance(each, str)]
        self._no_numbers = missing_numbers(told)
        self._no_words = frozenset(plain(each) for each in no_value or () if isinstance(each, str))
        self._decimal: Decimal = decimal or _decimal_of(table, [place for _column, place in self.columns])

    def value(self, cell: str, column: Column) -> float | str | None:
        """The number in a cell; None for a gap, the cell itself when it is neither (sensing names it as not a number)."""
        if is_missing_word(cell) or (self._no_words and plain(cell) in self._no_words):
            return None
        number = parse_number(cell, self._decimal)
        if number is None:
            return cell
        if number in self._no_numbers:
            return None
        return number * column.scale + column.offset if math.isfinite(number) else number


def _decimal_of(table: _Table, places: list[int]) -> Decimal:
    """Which sign the file's numbers have before their fraction. UserError("decimal_unclear") where it could be either.

    A file whose separator is the comma has the point: a number with a comma is quoted there, and groups thousands.
    """
    if table.separator == ",":
        return "."
    cells = [plain(row[place]) for row in table.rows[:SAMPLE_ROWS] for place in places]
    commas = [cell for cell in cells if "," in cell]
    if any(COMMA_DECIMAL.fullmatch(cell) or (cell.rfind(",") > cell.rfind(".") >= 0) for cell in commas):
        return ","
    if commas and not any("." in cell for cell in cells):
        raise UserError("decimal_unclear", example=commas[0][:40])
    return "."


def _what_is_wrong(value: object) -> str:
    """The word that helps with a cell that is no number."""
    text = plain(str(value))
    if COMMA_DECIMAL.fullmatch(text):
        return "decimal_comma"
    if text.startswith("="):
        return "formula"
    if WITH_UNIT.fullmatch(text):
        return "unit_in_cell"
    if WITH_MARK.fullmatch(text):
        return "mark_in_cell"
    return "not_a_number"


def _batches(
    table: _Table, moments: list[int | None], cells: _Cells
) -> Iterator[tuple[list[dict[str, object]], list[int]]]:
    rows: list[dict[str, object]] = []
    lines: list[int] = []
    for at, row, line in zip(moments, table.rows, table.lines, strict=True):
        for column, place in cells.columns:
            value = cells.value(row[place], column)
            rows.append({"sensor": column.sensor, "at": "?" if at is None else at, "value": value})
            lines.append(line)
        if len(rows) >= BATCH_ROWS:
            yield rows, lines
            rows, lines = [], []
    if rows:
        yield rows, lines
