"""How long the disk will last: free space is sampled each hour into a file of the data folder, and the trend of a week is drawn out."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import orjson

from foundation.clock import epoch_ms

FILE = "disk-free.json"
SAMPLE_EVERY_MS = 3_600_000
SAMPLES = 7 * 24
LEAST_SPAN_MS = 6 * SAMPLE_EVERY_MS
"""A trend of less than this says nothing: one upload would look like the end."""
DAY_MS = 24 * SAMPLE_EVERY_MS
LONGEST_DAYS = 36_500.0


def sample(home: Path, now: datetime) -> None:
    """Note how much is free, at most once an hour; the newest week is kept. OSError when the file cannot be written."""
    samples, at = _samples(home), epoch_ms(now)
    if samples and 0 <= at - samples[-1][0] < SAMPLE_EVERY_MS:
        return
    # After the clock was set back, samples of its future are worth nothing.
    samples = [one for one in samples if one[0] < at][-SAMPLES + 1 :]
    samples.append((at, shutil.disk_usage(home).free))
    temporary = home / f"{FILE}.part"
    temporary.write_bytes(orjson.dumps(samples))
    temporary.replace(home / FILE)


def days_left(home: Path, now: datetime) -> float | None:
    """Days until nothing is free at the rate of the last week (at most LONGEST_DAYS); None while too little is known."""
    at = epoch_ms(now)
    samples = [one for one in _samples(home) if at - timedelta(days=8) / timedelta(milliseconds=1) < one[0] <= at]
    if len(samples) < 2 or samples[-1][0] - samples[0][0] < LEAST_SPAN_MS:
        return None
    (first_at, first_free), (last_at, last_free) = samples[0], samples[-1]
    used_per_day = (first_free - last_free) / (last_at - first_at) * DAY_MS
    return LONGEST_DAYS if used_per_day <= 0 else min(last_free / used_per_day, LONGEST_DAYS)


def _samples(home: Path) -> list[tuple[int, int]]:
    try:
        return [(int(at), int(free)) for at, free in orjson.loads((home / FILE).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []  # none yet, or not ours
