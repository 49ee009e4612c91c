"""Time as a thing one is given: the system's clock in the product, a clock moved by hand in tests."""

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """What code that needs the time receives."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that only grow, for measuring durations."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward by `seconds`."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def set_wall(self, moment: datetime) -> None:
        """Set the wall clock only, as an administrator or a time server does."""
        self._now = moment


def epoch_ms(moment: datetime) -> int:
    """Integer milliseconds since 1970-01-01 UTC of an aware moment (ValueError for a naive one)."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return round(moment.timestamp() * 1000)


def from_epoch_ms(milliseconds: int) -> datetime:
    """The aware UTC moment of integer epoch milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
