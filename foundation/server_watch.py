"""A database server that hangs (stopped, or cut off without a word) is noticed within seconds, and nobody waits for it any more.

Its kernel goes on acknowledging, so neither a statement's timeout nor TCP's ends the wait. When something has waited for `PATIENCE_S`, a thread
of its own opens one more connection. Where that does not come about either, all connections are shut, which ends whoever waits in them with
an error, and new work is refused at once, until the server answers again.
"""

import os
import socket
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
from sqlalchemy import Engine, event

from foundation.clock import Clock
from foundation.errors import Unavailable
from foundation.loops import SupervisedThread, guarded

LOOK_S = 0.2
PATIENCE_S = 1.0
CONNECT_S = 2
"""libpq knows no shorter one. With the others: whoever waited is free after 3.5 s, so that pages say so within 5."""


class ServerWatch:
    """Watches the server of one engine. Who closes whom: `Database.close()` stops the thread."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._clock = clock
        self._engine = engine
        self._since: dict[object, float] = {}
        self._connections: weakref.WeakSet[Any] = weakref.WeakSet()
        self._start = threading.Lock()
        self._thread = SupervisedThread("database", self._run)
        self._started = False
        self.hung = False
        event.listen(engine, "do_connect", self._connecting)
        event.listen(engine, "connect", self._connected)

    @contextmanager
    def attended(self) -> Iterator[None]:
        """Work with the database in this block. Unavailable("database_failed") at once while the server hangs."""
        if self.hung:
            raise Unavailable("database_failed")
        self._begin()
        work = object()
        self._since[work] = self._clock.monotonic()
        try:
            yield
        finally:
            self._since.pop(work, None)

    def stop(self) -> None:
        """Stop watching."""
        if self._started:
            self._thread.stop(timeout_s=CONNECT_S + 1.0)

    def _begin(self) -> None:
        if self._started:
            return
        with self._start:
            if not self._started:
                self._thread.start()
                self._started = True

    def _connecting(self, *_arguments: object) -> None:
        if self.hung:
            # Who has just lost a connection would otherwise wait once more for the next.
            raise psycopg.OperationalError("the server does not answer")

    def _connected(self, connection: Any, _record: object) -> None:
        self._connections.add(connection)

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.wait(LOOK_S):
            with guarded("database"):
                self._look()

    def _look(self) -> None:
        now = self._clock.monotonic()
        waiting = [work for work, since in self._since.copy().items() if now - since >= PATIENCE_S]
        if not waiting and not self.hung:
            return
        if self._answers():
            self.hung = False
            for work in waiting:
                # Long work, and the server lives: look again later.
                if work in self._since:
                    self._since[work] = now
            return
        self.hung = True
        for connection in list(self._connections):
            with suppress(OSError, psycopg.Error, ValueError):
                _shut(connection.pgconn.socket)

    def _answers(self) -> bool:
        arguments, options = self._engine.dialect.create_connect_args(self._engine.url)
        try:
            psycopg.connect(*arguments, **{**options, "connect_timeout": CONNECT_S}).close()
        except (psycopg.Error, OSError):
            return False
        return True


def _shut(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as double:
        double.shutdown(socket.SHUT_RDWR)
