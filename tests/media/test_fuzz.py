"""What comes from outside may be anything: a short run of tests/media/fuzz.py (the long one is `make fuzz`)."""

from tests.media import fuzz

PACKETS = 200_000


def test_mutated_packets_neither_escape_nor_hold_anybody_up() -> None:
    assert fuzz.run(PACKETS, seed=20261124) == []
