"""`fenghuo serve` on an empty folder until `/readyz` answers."""

import tempfile
import time
from pathlib import Path

from benchmarks.figure import tell_at_most
from tests.serving import Served

ROUNDS = 3


def main() -> None:
    """The figure."""
    seconds = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
            served = Served(Path(folder) / "home")
            begin = time.perf_counter()
            served.start()
            seconds.append(time.perf_counter() - begin)
            served.stop()
    tell_at_most("serve on an empty folder until ready", "s", seconds, 8)


if __name__ == "__main__":
    main()
