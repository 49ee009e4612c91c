"""A TLS connection that one thread reads while others write: a websocket in a server of threads.

OpenSSL forbids two threads inside one connection at once, and Python 3.11 lets them in (its own lock came with 3.13, cpython issue 124984): with long
messages both ways the connection breaks with an alert. Here the descriptor never blocks; who has to wait does so outside the lock.
"""

import errno
import select
import ssl
import threading
from collections.abc import Callable
from typing import Any, Self, TypeVar

Result = TypeVar("Result")


class SharedTls(ssl.SSLSocket):
    """To be named as a context's `sslsocket_class`. Errors are those of a blocking ssl.SSLSocket; a timeout (s) bounds each wait."""

    _timeout_s: float | None
    _inside: threading.Lock
    _sending: threading.Lock

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # ssl.SSLSocket makes its instances past __init__.
        self = super().__new__(cls, *args, **kwargs)
        self._timeout_s = None
        self._inside = threading.Lock()
        self._sending = threading.Lock()
        return self

    def settimeout(self, value: float | None) -> None:
        self._timeout_s = value
        super().settimeout(0.0)

    def gettimeout(self) -> float | None:
        return self._timeout_s

    def setblocking(self, flag: bool) -> None:
        self.settimeout(None if flag else 0.0)

    def getblocking(self) -> bool:
        return self._timeout_s != 0.0

    def do_handshake(self, block: bool = False) -> None:
        self._patiently(super().do_handshake)

    def read(self, len: int = 1024, buffer: Any = None) -> Any:
        """Behind `recv` and `recv_into`."""
        try:
            return self._patiently(lambda: super(SharedTls, self).read(len, buffer))
        except ValueError:
            # Shut by another thread in between: an end like any other.
            return b"" if buffer is None else 0

    def send(self, data: Any, flags: int = 0) -> int:
        """Send all of `data`; the number of its bytes. OpenSSL wants an interrupted write tried again before the next one, thus a lock of its own."""
        with self._sending:
            return self._patiently(lambda: super(SharedTls, self).send(data, flags))

    def _patiently(self, act: Callable[[], Result]) -> Result:
        """`act`, tried again whenever the descriptor can give or take what OpenSSL waits for."""
        while True:
            try:
                with self._inside:
                    return act()
            except ssl.SSLWantReadError:
                if self._timeout_s == 0.0:
                    raise
                self._wait(select.POLLIN)
            except ssl.SSLWantWriteError:
                if self._timeout_s == 0.0:
                    raise
                self._wait(select.POLLOUT)

    def _wait(self, event: int) -> None:
        descriptor = self.fileno()
        if descriptor < 0:
            raise OSError(errno.EBADF, "closed by another thread")
        poll = select.poll()
        poll.register(descriptor, event)
        if not poll.poll(None if self._timeout_s is None else self._timeout_s * 1000):
            raise TimeoutError("timed out")
