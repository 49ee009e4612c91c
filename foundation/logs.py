"""JSON logs: one object a line on standard error, with the process's name; secrets are never passed to a logger.

What is written is bounded in every process: whoever can make a line be logged cannot fill the disk with it.
"""

import logging
import sys
import threading
from datetime import UTC, datetime

import orjson

from foundation.clock import Clock, SystemClock

LINES_PER_S = 1.0
LINES_BURST = 50.0
"""Of each place in the code that logs."""
TRACEBACK_LINES = 10.0
"""What one with a traceback counts as."""
PLACES_MAX = 1024

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """A log record as one JSON line: at, level, process, logger, message, what `extra` held, and the traceback if any."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({key: value for key, value in record.__dict__.items() if key not in _STANDARD})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


class RateLimit(logging.Filter):
    """A token bucket for each place that logs; a line that passes tells in `left_out` how many before it did not.

    At most PLACES_MAX places are kept, the one that has logged least lately is forgotten. Thread-safe.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._lock = threading.Lock()
        self._places: dict[tuple[str, int, int], tuple[float, float, int]] = {}
        """Logger, level and line to tokens, when they were counted (monotonic seconds), and lines left out since."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether the record is written."""
        now = self._clock.monotonic()
        cost = TRACEBACK_LINES if record.exc_info else 1.0
        place = (record.name, record.levelno, record.lineno)
        with self._lock:
            tokens, at, left_out = self._places.pop(place, (LINES_BURST, now, 0))
            tokens = min(LINES_BURST, tokens + (now - at) * LINES_PER_S)
            passes = tokens >= cost
            self._places[place] = (tokens - cost, now, 0) if passes else (tokens, now, left_out + 1)
            if len(self._places) > PLACES_MAX:
                del self._places[next(iter(self._places))]
        if passes and left_out:
            record.left_out = left_out
        return passes


def configure_logs(process: str, level: str) -> None:
    """Send all logs of this process to standard error as JSON lines, at a bounded rate."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(process))
    handler.addFilter(RateLimit(SystemClock()))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("engineio", "socketio", "werkzeug", "amqtt", "transitions", "aioice", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
