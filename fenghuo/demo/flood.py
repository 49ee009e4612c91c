"""The recorded flood that the demo replays: hourly rain and flow, read between the hours on straight lines, time compressed."""

import csv
from bisect import bisect_right
from dataclasses import dataclass
from importlib.resources import files

HOUR_S = 3600.0
STAGE_ZERO_M = 1.2
STAGE_FACTOR = 0.32
STAGE_POWER = 0.45
START_HOUR = 20.0
"""Where in the recorded window the demo begins: shortly before the river rises."""


@dataclass(frozen=True)
class Moment:
    """The flood at one time: areal rain in mm/h, flow in m³/s, stage in m (from a made-up rating curve)."""

    rain: float
    flow: float

    @property
    def stage(self) -> float:
        return STAGE_ZERO_M + STAGE_FACTOR * float(self.flow**STAGE_POWER)


class Flood:
    """The recorded window; after its end it begins again."""

    def __init__(self, rain: list[float], flow: list[float]) -> None:
        self._rain = rain
        self._flow = flow
        self._hours = [float(hour) for hour in range(len(flow))]

    @property
    def length_s(self) -> float:
        """Seconds of recorded time in the window."""
        return (len(self._flow) - 1) * HOUR_S

    def at(self, seconds: float) -> Moment:
        """The flood `seconds` of recorded time after the beginning of the window."""
        hours = (seconds % self.length_s) / HOUR_S
        low = min(bisect_right(self._hours, hours) - 1, len(self._flow) - 2)
        part = hours - low
        return Moment(
            self._rain[low],
            self._flow[low] + (self._flow[low + 1] - self._flow[low]) * part,
        )


def recorded_flood() -> Flood:
    """The window that ships with the demo (SOURCE.md names where it comes from)."""
    with (files("fenghuo.demo") / "flood.csv").open("r", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return Flood([float(row["rain_mm_per_h"]) for row in rows], [float(row["flow_m3_per_s"]) for row in rows])
