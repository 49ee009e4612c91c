"""How long the disk lasts."""

import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from foundation import disk
from foundation.clock import ManualClock

Usage = namedtuple("Usage", "total used free")
GIB = 1024**3


def test_days_left_follow_from_what_was_used_lately(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [100 * GIB]
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(200 * GIB, 0, free[0]))
    assert disk.days_left(tmp_path, clock.now()) is None
    for _ in range(10 * 24):
        disk.sample(tmp_path, clock.now())
        clock.advance(3600)
        free[0] -= GIB // 24
    days = disk.days_left(tmp_path, clock.now())
    assert days == pytest.approx(90, abs=0.2)
    assert len(disk._samples(tmp_path)) == disk.SAMPLES
    free[0] = 150 * GIB
    disk.sample(tmp_path, clock.now())
    assert disk.days_left(tmp_path, clock.now()) == disk.LONGEST_DAYS, "a disk that was cleared lasts"


def test_a_file_that_is_not_ours_is_no_history(tmp_path: Path, clock: ManualClock) -> None:
    (tmp_path / disk.FILE).write_text('{"a": 1}')
    assert disk.days_left(tmp_path, clock.now()) is None
    disk.sample(tmp_path, clock.now())
    assert len(disk._samples(tmp_path)) == 1
