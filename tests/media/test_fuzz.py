"""What comes from outside may be anything: short runs of tests/media/fuzz.py and guided.py (the long ones are `make fuzz`)."""

import subprocess
import sys

import pytest

from tests.media import fuzz

PACKETS = 120_000
GUIDED = 3_000


def test_mutated_packets_neither_escape_nor_hold_anybody_up() -> None:
    assert fuzz.run(PACKETS, seed=20261124) == []


@pytest.mark.parametrize("reader", ["rtp", "rtcp", "datagram", "sdp"])
def test_packets_that_look_for_new_paths_find_nothing_that_escapes(reader: str) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this kind of machine")
    command = [
        sys.executable,
        "-m",
        "tests.media.guided",
        reader,
        f"-runs={GUIDED}",
        "-seed=20261126",
        "-rss_limit_mb=2048",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
