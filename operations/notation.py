"""Numbers and times as gauges, offices and spreadsheets write them, read as they were meant or not at all."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from typing import Literal
from zoneinfo import ZoneInfo

from foundation.clock import epoch_ms

DateOrder = Literal["day-first", "month-first", "iso"]
TimeUnit = Literal["s", "ms", "us", "ns"]
Decimal = Literal[".", ","]

MISSING_NUMBERS = frozenset(
    {-99.0, -999.0, -999.9, 32700.0, 32744.0, 32766.0, 32767.0, -32767.0, -32768.0}
    | {sign * float("9" * digits + end) for sign in (1, -1) for digits in (4, 5, 6, 7) for end in ("", ".9", ".99")}
)
"""Numbers that stand for "nothing was measured": runs of nines, the ends of 16-bit integers, and the meteorological service's 32700, 32744, 32766."""
MISSING_WORDS = frozenset(
    "m na n/a #n/a nan null none nil #value! #ref! #div/0! \\n 无 缺 缺测 停测 未测 漏测 缺报 无数据".split()  # noqa: SIM905
)
MISSING_SIGNS = re.compile(r"[-‐-―−_/\\*.·…~]*")

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
GROUPED = re.compile(r"[+-]?\d{1,3}(?:[, ]\d{3})+(?:\.\d*)?", re.ASCII)
GROUPED_COMMA = re.compile(r"[+-]?\d{1,3}(?:[.' ]\d{3})+(?:,\d*)?", re.ASCII)
UNENDING = frozenset({"inf", "infinity", "nan"})
MINUS = str.maketrans({"−": "-", "‐": "-", "‑": "-", "‒": "-", "–": "-", "－": "-"})

SECONDS_FROM, SECONDS_TO = 10**8, 10**11
"""A number of this size is epoch seconds (1973 to 5138): as milliseconds it would be a moment of 1970 to 1973."""
UNIT_MS: dict[TimeUnit, float] = {"s": 1000, "ms": 1, "us": 0.001, "ns": 0.000001}
MAX_EPOCH_MS = 1 << 53
EPOCH_NUMBERS_TO = 1 << 63

EXCEL_EPOCH = datetime(1899, 12, 30)
EXCEL_SERIALS = (20_000, 80_000)
"""Days of 1954 to 2119 as Excel counts them; smaller and larger numbers are something else."""
YEARS = (1900, 2100)
LONGEST = 48

_DAY_HALF = "上午|下午|凌晨|早上|晚上"
_CLOCK = (
    rf"(?P<half>{_DAY_HALF}|AM|PM)?\s*(?P<hour>\d{{1,2}})"
    r"(?:\s*:\s*(?P<minute>\d{1,2})(?:\s*:\s*(?P<second>\d{1,2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"|\s*(?P<marked>[时時点])(?:\s*(?P<minute_zh>\d{1,2})\s*(?:分(?:\s*(?P<second_zh>\d{1,2})\s*秒)?)?)?)?"
    r"\s*(?P<half_after>AM|PM)?"
)
_OFFSET = r"\s*(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?"
_REST = rf"(?:[T\s]*{_CLOCK}{_OFFSET})?"
_YEAR = r"(?P<year>\d{4})"
YEAR_FIRST = re.compile(
    rf"{_YEAR}\s*[/.\-年]\s*(?P<month>\d{{1,2}})\s*[/.\-月]\s*(?P<day>\d{{1,2}})(?:\s*[日号]|(?!\d)){_REST}",
    re.IGNORECASE | re.ASCII,
)
YEAR_LAST = re.compile(
    rf"(?P<first>\d{{1,2}})[/.\-](?P<then>\d{{1,2}})[/.\-]{_YEAR}(?!\d){_REST}", re.IGNORECASE | re.ASCII
)
COMPACT = re.compile(
    rf"{_YEAR}(?P<month>\d\d)(?P<day>\d\d)T?(?P<hour>\d\d)(?:(?P<minute>\d\d)(?P<second>\d\d)?(?P<offset>Z)?)?",
    re.ASCII,
)
"""2026112008, 202611200830: without an hour it could be a number of anything."""
SERIAL = re.compile(r"\d{5}(?:\.\d+)?", re.ASCII)

_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    0x3000: " ", 0x00A0: " ", 0x202F: " ", 0x2009: " ", 0x2007: " ", 0xFEFF: None, 0x200B: None, 0x200E: None, 0x200F: None
}  # fmt: skip
"""Full-width forms, the spaces of typesetters, and what nobody sees. Not NFKC, which makes 103 of 10³."""


def plain(text: str) -> str:
    """Full-width forms as the plain ones, without spaces and NULs around it, nor the apostrophe by which spreadsheets mark text."""
    if not text.isascii():
        text = text.translate(_PLAIN)
    return text.strip(" \t\r\n\0").removeprefix("'")


def parse_number(written: str, decimal: Decimal = ".") -> float | None:
    """The number that is written, infinite where it is too large; None for anything else.

    Thousands may be grouped by threes. A comma that cannot group (`3,21`) is not read as a decimal one unless `decimal` says so.
    """
    text = plain(written).translate(MINUS)
    if text.lstrip("+-").lower() in UNENDING:
        return math.inf
    if decimal == ",":
        if GROUPED_COMMA.fullmatch(text):
            text = re.sub(r"[.' ]", "", text)
        elif "." in text:
            return None
        text = text.replace(",", ".")
    elif GROUPED.fullmatch(text):
        text = re.sub(r"[, ]", "", text)
    return float(text) if NUMBER.fullmatch(text) else None


def is_missing_word(written: str) -> bool:
    """Whether it says that nothing was measured: empty, only dashes, slashes or stars, or a word such as 缺测."""
    text = plain(written)
    return MISSING_SIGNS.fullmatch(text) is not None or text.lower() in MISSING_WORDS


def missing_numbers(told: Iterable[float] | None) -> frozenset[float]:
    """The numbers that stand for "nothing was measured": those told, otherwise the usual ones."""
    return MISSING_NUMBERS if told is None else frozenset(float(each) for each in told)


def epoch_number(number: float, unit: TimeUnit | None = None) -> int | None:
    """Epoch milliseconds of a number in `unit`; without one its size tells seconds from milliseconds. None when it cannot be a time."""
    if not abs(number) < EPOCH_NUMBERS_TO:
        return None
    if unit is None:
        unit = "s" if SECONDS_FROM <= number < SECONDS_TO else "ms"
    if isinstance(number, int) and unit in ("us", "ns"):
        milliseconds = number // (1000 if unit == "us" else 1_000_000)
    else:
        milliseconds = round(number * UNIT_MS[unit])
    return milliseconds if abs(milliseconds) < MAX_EPOCH_MS else None


def parse_time(
    written: str, zone: ZoneInfo, order: DateOrder = "iso", near_ms: int | None = None
) -> tuple[int, bool] | None:
    """Epoch milliseconds of a date, or date and time; and whether it named its offset. None for what has several readings or none.

    Without an offset it is local time of `zone`. A local time that came twice (the hour at the end of summer time) is none, unless `near_ms`
    says which of the two is meant: the nearer one. A year has four digits: 1/8/18 has three readings.
    """
    text = plain(written)
    if not text or len(text) > LONGEST:
        return None
    found = (
        YEAR_FIRST.fullmatch(text) or COMPACT.fullmatch(text) or (YEAR_LAST.fullmatch(text) if order != "iso" else None)
    )
    try:
        if found is None:
            if not SERIAL.fullmatch(text) or not EXCEL_SERIALS[0] <= float(text) < EXCEL_SERIALS[1]:
                return None
            # A serial number counts days; a second is about its twelfth digit.
            return _moment(EXCEL_EPOCH + timedelta(seconds=round(float(text) * 86400)), None, zone, near_ms)
        fields = found.groupdict()
        local = _local(fields, order)
        return None if local is None else _moment(local, fields.get("offset"), zone, near_ms)
    except (ValueError, OverflowError):
        return None


def _local(fields: dict[str, str | None], order: DateOrder) -> datetime | None:
    """The time on the clock that the fields of a match tell; None or ValueError where there is none."""
    year = int(fields["year"] or 0)
    if not YEARS[0] <= year < YEARS[1]:
        return None
    if "first" in fields:
        pair = int(fields["first"] or 0), int(fields["then"] or 0)
        day, month = pair if order == "day-first" else pair[::-1]
    else:
        month, day = int(fields["month"] or 0), int(fields["day"] or 0)
    if fields.get("hour") and not _is_whole(fields):
        return None
    hour, minute, second = (
        int(fields.get(name) or fields.get(f"{name}_zh") or 0) for name in ("hour", "minute", "second")
    )
    part = int((fields.get("part") or "0").ljust(6, "0")[:6])
    half = (fields.get("half") or fields.get("half_after") or "").upper()
    if half:
        if fields.get("half") and fields.get("half_after"):
            return None
        if not 1 <= hour <= 12:
            # 下午 15:00 means what it says; 上午 15:00 and 0:00 PM mean nothing.
            if not (half in ("下午", "晚上") and hour > 12) and not (half in ("上午", "凌晨") and hour == 0):
                return None
        else:
            hour = hour % 12 + (12 if half in ("下午", "晚上", "PM") else 0)
            if half == "晚上" and hour == 12:
                return None  # noon or midnight: nobody knows
    if hour == 24:
        # The end of the day, as logbooks write it.
        return datetime(year, month, day) + timedelta(days=1) if minute == second == part == 0 else None
    return datetime(year, month, day, hour, minute, second, part)


def _is_whole(fields: dict[str, str | None]) -> bool:
    """Whether an hour that stands alone is one: 时 says so, or two digits; an offset belongs to a time to the minute at least."""
    if fields.get("minute") or fields.get("minute_zh"):
        return True
    return not fields.get("offset") and bool(
        fields.get("marked") or fields.get("half") or len(fields["hour"] or "") == 2
    )


def _moment(local: datetime, offset: str | None, zone: ZoneInfo, near_ms: int | None) -> tuple[int, bool] | None:
    if offset:
        if offset.upper() in ("Z", "UTC"):
            return epoch_ms(local.replace(tzinfo=UTC)), True
        hours, minutes = int(offset[1:3]), int(offset[-2:])
        if hours > 14 or minutes > 59:
            return None
        span = timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1)
        return epoch_ms(local.replace(tzinfo=timezone(span))), True
    both = sorted({epoch_ms(local.replace(tzinfo=zone, fold=fold)) for fold in (0, 1)})
    if len(both) == 1:
        return both[0], False
    # Of a local time that the clock left out neither leads back to itself.
    real = [each for each in both if datetime.fromtimestamp(each / 1000, zone).replace(tzinfo=None) == local]
    if not real or near_ms is None:
        return None
    return min(real, key=lambda each: abs(each - near_ms)), False
