"""A PostgreSQL that hangs: whoever waits is freed within seconds, others are refused at once, and everything goes on afterwards."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from sqlalchemy import text

from foundation.clock import SystemClock
from foundation.database import Database
from foundation.errors import Unavailable
from foundation.migrations import upgrade
from tests.servers import Postgres

NOTICED_S = 5.0


@contextmanager
def stopped(server: Postgres) -> Iterator[None]:
    """All processes of the server stand still in this block."""
    assert server.process is not None
    first = psutil.Process(server.process.pid)
    # The postmaster first: it would start others.
    first.send_signal(signal.SIGSTOP)
    all_of_them = [first, *first.children(recursive=True)]
    try:
        for process in all_of_them:
            process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for process in all_of_them:
            process.send_signal(signal.SIGCONT)


@pytest.fixture
def served(postgres: Postgres) -> Iterator[Database]:
    database = Database(postgres.fresh(), SystemClock())
    upgrade(database)
    yield database
    database.close()


def ask(database: Database) -> None:
    with database.reading() as session:
        session.execute(text("SELECT 1"))


def write(database: Database) -> None:
    with database.writing() as session:
        session.execute(text("SELECT 1"))


def test_a_server_that_hangs_is_noticed_and_nobody_waits_for_it(served: Database, postgres: Postgres) -> None:
    ask(served)
    with stopped(postgres):
        began_at = time.monotonic()
        for work in (ask, write):
            with pytest.raises(Unavailable, match="database_failed"):
                work(served)
        assert time.monotonic() - began_at < NOTICED_S
        began_at = time.monotonic()
        for work in (ask, write) * 10:
            with pytest.raises(Unavailable, match="database_failed"):
                work(served)
        assert served.probe() == "failed"
        assert time.monotonic() - began_at < 0.5
    deadline = time.monotonic() + 20
    while served.probe() != "ok" and time.monotonic() < deadline:
        threading.Event().wait(0.1)
    ask(served)
    write(served)


def test_long_work_is_no_hanging_server(served: Database) -> None:
    with served.reading() as session:
        assert session.execute(text("SELECT pg_sleep(3)")).one() is not None
    assert served.probe() == "ok"
