"""Loops, timers and callbacks that outlive their exceptions: each is caught, logged, counted for `/metrics`, and the work goes on.

`guarded` stands around one turn of a loop or one call of a timer; `SupervisedThread` runs a loop in a thread and starts it again when it ended;
`supervised` does the same for an asyncio task. In code that runs per packet, where a `with` costs too much, an
`except Exception:  # noqa: BLE001 - survived` calls `survived`.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Literal

from prometheus_client import Counter

from foundation.clock import Clock, SystemClock

RESTART_AFTER_S = 1.0
"""A loop that ended is started again after this time: one that fails at once must not use up the processor."""
LOG_EVERY_S = 10.0
"""One loop logs at most one exception in this time, however many it survives."""

LoopState = Literal["running", "stopped"]

loop_errors_total = Counter("fenghuo_loop_errors", "Exceptions that a loop, timer or callback survived", ["loop"])

logger = logging.getLogger(__name__)


class _LogRate:
    """Which loops may log now. Thread-safe; holds one entry for each name, and names are constants of the code."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._logged: dict[str, tuple[float, int]] = {}

    def suppressed(self, name: str) -> int | None:
        """Return how many exceptions were not logged since the last that was; None when this one is not logged either."""
        now = self._clock.monotonic()
        with self._lock:
            at, count = self._logged.get(name, (now - LOG_EVERY_S, 0))
            if now - at < LOG_EVERY_S:
                self._logged[name] = (at, count + 1)
                return None
            self._logged[name] = (now, 0)
            return count


_log_rate = _LogRate(SystemClock())


def survived(name: str) -> None:
    """Count and log the exception that is being handled in the loop `name`. Raises nothing."""
    loop_errors_total.labels(name).inc()
    suppressed = _log_rate.suppressed(name)
    if suppressed is not None:
        # A log that cannot be written (a full disk, a closed pipe) ends no loop.
        with contextlib.suppress(Exception):
            logger.exception("a loop survived an exception", extra={"loop": name, "suppressed": suppressed})


@contextlib.contextmanager
def guarded(name: str) -> Iterator[None]:
    """Survive any Exception of the block: one turn of the loop `name`, or one call of a timer or callback."""
    try:
        yield
    except Exception:  # noqa: BLE001 - `survived` logs and counts it
        # Whatever it is, the next turn must come: who waits for the loop would wait for ever.
        survived(name)


def error_counts() -> dict[str, int]:
    """Return how many exceptions each loop of this process has survived; worker and media report them to web."""
    samples = (sample for metric in loop_errors_total.collect() for sample in metric.samples)
    return {one.labels["loop"]: int(one.value) for one in samples if one.name.endswith("_total")}


class SupervisedThread:
    """A loop in a daemon thread of its own. `body` gets the event that tells it to end, and is started again when it ends before."""

    def __init__(self, name: str, body: Callable[[threading.Event], None]) -> None:
        self.name = name
        self.stopping = threading.Event()
        self._body = body
        self._in_body = False
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> LoopState:
        """`stopped` before the start, after the end, and between an end by mistake and the next start."""
        alive = self._thread is not None and self._thread.is_alive()
        return "running" if self._in_body and alive else "stopped"

    def start(self) -> None:
        """Begin."""
        self._in_body = True
        # Made here: gunicorn forks after the wiring, and a thread made before a fork counts as ended after it.
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float | None = None) -> None:
        """Tell the body to end, and wait for that up to `timeout_s` seconds (None: for ever)."""
        self.stopping.set()
        if self._thread is not None and self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        while not self.stopping.is_set():
            self._in_body = True
            try:
                self._body(self.stopping)
            except BaseException:  # noqa: BLE001 - `survived` logs and counts it
                # SystemExit too: it would end this thread without a word, and the process would go on without it.
                survived(self.name)
            else:
                if not self.stopping.is_set():
                    _ended(self.name)
            self._in_body = False
            self.stopping.wait(RESTART_AFTER_S)


async def supervised(name: str, body: Callable[[], Awaitable[None]]) -> None:
    """Run `body` until this task is cancelled: started again when it raised or ended."""
    while True:
        with guarded(name):
            await body()
            _ended(name)
        await asyncio.sleep(RESTART_AFTER_S)


def _ended(name: str) -> None:
    loop_errors_total.labels(name).inc()
    logger.error("a loop ended by itself", extra={"loop": name})
