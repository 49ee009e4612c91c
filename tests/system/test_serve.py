"""`fenghuo serve`: a web that hangs is killed, so that it is started again; one that starts slowly is not."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from fenghuo.serve import HEALTH_FAILURES, Child, HealthWatch

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Listener:
    """Takes connections as web does, and answers while `well` is set."""

    def __init__(self) -> None:
        self.well = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/healthz"
        self._held: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            connection, _ = self._socket.accept()
            if self.well.is_set():
                connection.sendall(ANSWER)
                connection.close()
            else:
                self._held.append(connection)


@pytest.fixture
def child() -> Iterator[Child]:
    one = Child("web")
    one.process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)
    yield one
    one.kill()
    one.process.wait(10)


def test_a_process_that_hangs_is_killed(child: Child) -> None:
    listener = Listener()
    watch = HealthWatch(child, listener.url, None, wait_s=0.05)
    listener.well.set()
    watch.look()
    listener.well.clear()
    for _ in range(HEALTH_FAILURES - 1):
        watch.look()
    assert child.process is not None and child.process.poll() is None
    watch.look()
    assert child.process.wait(10) < 0


def test_a_process_that_has_not_answered_yet_is_left_alone(child: Child) -> None:
    watch = HealthWatch(child, Listener().url, None, wait_s=0.01)
    for _ in range(2 * HEALTH_FAILURES):
        watch.look()
    assert child.process is not None and child.process.poll() is None
