"""`fenghuo serve`: starts web, worker and media, watches them, and restarts whichever ends, with back-off; web also when it hangs.

Who closes whom: `serve` tells its children to end (media, worker, web) when it is told to stop, and waits for all.
A child whose parent is gone ends itself.
"""

import contextlib
import logging
import os
import signal
import ssl
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from http.client import HTTPException
from urllib.request import urlopen

from foundation.loops import SupervisedThread, guarded
from foundation.settings import Settings

logger = logging.getLogger(__name__)

CHILDREN = ("web", "worker", "media")
BACK_OFF_FIRST_S = 0.5
BACK_OFF_MAX_S = 15.0
KILLED_BACK_OFF_S = 0.5
"""After a signal that `serve` did not send (SIGKILL of the kernel or of a person, a crash): the child did not say that it cannot
work, so it is restarted nearly at once. One that ends by itself (a bad setting, no database) is restarted ever more slowly."""
STEADY_S = 30.0
"""A child that lived this long starts again at once."""
STOP_S = 10.0
HEALTH_EVERY_S = 5.0
HEALTH_WAIT_S = 5.0
HEALTH_FAILURES = 3
"""So many times in a row without an answer, half a minute altogether, web is taken for hung: longer than any pause of a loaded machine."""
LOOK_S = 0.2
PARENT_LOOK_S = 1.0
PARENT_VARIABLE = "FENGHUO_PARENT"


@dataclass
class Child:
    """One process and what is known of its life."""

    name: str
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    back_off_s: float = 0.0
    start_at: float = 0.0

    def start(self) -> None:
        """Begin (again)."""
        environment = {**os.environ, PARENT_VARIABLE: str(os.getpid())}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fenghuo", self.name], env=environment, start_new_session=True
        )
        self.started_at = time.monotonic()

    def look(self) -> None:
        """Start it when it is due; notice when it has ended."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.start_at:
                self.start()
            return
        code = self.process.poll()
        if code is None:
            return
        pause_s = self.pause_after(code, now - self.started_at)
        logger.error("a process ended and is restarted", extra={"child": self.name, "code": code, "in_s": pause_s})
        self.process = None
        self.start_at = now + pause_s

    def pause_after(self, code: int, lived_s: float) -> float:
        """Return how many seconds to wait before the restart of a child that ended with `code` (negative: by a signal)."""
        if lived_s > STEADY_S:
            self.back_off_s = 0.0
        pause_s = self.back_off_s if code >= 0 else min(self.back_off_s, KILLED_BACK_OFF_S)
        self.back_off_s = min(max(self.back_off_s * 2, BACK_OFF_FIRST_S), BACK_OFF_MAX_S)
        return pause_s

    def kill(self) -> None:
        """End it with all its processes, whatever they do."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def ask_to_stop(self) -> None:
        """Ask it to end."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait(self) -> None:
        """Wait until it has ended; end it after `STOP_S`."""
        if self.process is None:
            return
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            logger.error("a process did not stop and is killed", extra={"child": self.name})
            self.kill()
            self.process.wait()


class HealthWatch:
    """Asks a child's `/healthz`, and kills the child when it has answered once and does not any more."""

    def __init__(self, child: Child, url: str, trust: ssl.SSLContext | None, wait_s: float = HEALTH_WAIT_S) -> None:
        self._child = child
        self._url = url
        self._trust = trust
        self._wait_s = wait_s
        self._asked: subprocess.Popen[bytes] | None = None
        self._answered = False
        self._failures = 0

    def run(self, stopping: threading.Event) -> None:
        """Look every `HEALTH_EVERY_S` seconds until `stopping`."""
        while not stopping.wait(HEALTH_EVERY_S):
            with guarded("health watch"):
                self.look()

    def look(self) -> None:
        """Ask once."""
        process = self._child.process
        if process is not self._asked:
            # A new life: its start takes as long as it takes (migrations).
            self._asked, self._answered, self._failures = process, False, 0
        if process is None:
            return
        if self._answers():
            self._answered, self._failures = True, 0
            return
        self._failures += 1
        if self._answered and self._failures >= HEALTH_FAILURES and process is self._child.process:
            logger.error("a process hangs and is killed", extra={"child": self._child.name})
            self._child.kill()

    def _answers(self) -> bool:
        try:
            with urlopen(self._url, timeout=self._wait_s, context=self._trust) as answer:
                return bool(answer.status == 200)
        except (OSError, ValueError, HTTPException):
            return False


def serve(settings: Settings) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stopping.set())
    children = [Child(name) for name in CHILDREN]
    # Verified by nothing: it is asked only whether this machine's own web answers.
    trust = ssl._create_unverified_context() if settings.serves_https else None
    own = next(child for child in children if child.name == "web")
    watch = SupervisedThread("health watch", HealthWatch(own, f"{settings.own_address}/healthz", trust).run)
    watch.start()
    while not stopping.wait(LOOK_S):
        for child in children:
            child.look()
    watch.stop(timeout_s=0)
    for child in reversed(children):
        child.ask_to_stop()
    for child in children:
        child.wait()
    logger.info("stopped")
    return 0


def follow_parent() -> None:
    """In a child of `serve`: end, in order, when the parent is gone, so that no orphan holds the ports."""
    parent = os.environ.get(PARENT_VARIABLE, "")
    if not parent.isdigit() or os.getppid() != int(parent):
        return

    def watch() -> None:
        while os.getppid() == int(parent):
            time.sleep(PARENT_LOOK_S)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent", daemon=True).start()
