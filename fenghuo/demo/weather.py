"""Synthetic measurements for the demo: smooth, plausible, the same for the same sensor and time; rain and water follow the recorded flood."""

import math
import random
from datetime import datetime
from zoneinfo import ZoneInfo

from fenghuo.demo.flood import Moment

PEAK_RAIN_MM_H = 15.0
"""About the heaviest hour of the recorded flood; the made-up gauges scale by it."""


def measured(sensor: str, at_ms: int, flood: Moment, zone: ZoneInfo) -> float:
    """What the made-up sensor `sensor` shows at `at_ms` (epoch milliseconds) while the recorded flood stands at `flood`; in the sensor's unit."""
    dice = random.Random(sensor)
    phase, strength = dice.uniform(0, 2 * math.pi), dice.uniform(0.6, 1.4)
    seconds = at_ms / 1000
    wave = (
        math.sin(seconds / 97 + phase) * 0.6
        + math.sin(seconds / 23 + phase * 3) * 0.3
        + math.sin(seconds / 7 + phase * 5) * 0.1
    )
    wet = min(flood.rain / PEAK_RAIN_MM_H, 1.5)
    high = max(0.0, flood.stage - 3.2) / 7.4
    local = datetime.fromtimestamp(seconds, zone)
    day = math.sin((local.hour + local.minute / 60 - 9) / 24 * 2 * math.pi)
    if sensor == "bizhai-stage":
        return flood.stage
    if sensor == "bizhai-flow":
        return flood.flow
    if sensor == "bizhai-basin-rain":
        return flood.rain
    if sensor.endswith("-rain"):
        return max(0.0, wet * 24 * strength + wave * (0.4 + 3 * wet))
    if sensor in ("lishu-stage", "banpo-stage"):
        return 1.1 + high * 1.0 * strength + wet * 0.5 + wave * 0.04
    if sensor.startswith("reservoir-"):
        return 838.6 + strength + high * 2.2 + wave * 0.02
    if sensor.endswith("-temperature"):
        return 17 + 6 * day - 3 * wet + wave * 0.4
    if sensor.endswith("-humidity"):
        return min(99.0, 68 - 12 * day + 24 * wet + wave * 2)
    if sensor.endswith("-wind"):
        return max(0.0, 2.4 + 2.5 * wet + wave * 1.6)
    if sensor.endswith("-soil"):
        return 24 + 6 * strength * min(1.0, wet + high) + wave * 0.3
    if sensor.endswith("-shift"):
        return max(0.0, 1.2 * strength + 5 * high * strength + wave * 0.3)
    raise KeyError(sensor)
