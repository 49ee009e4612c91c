"""Two web processes on PostgreSQL and Redis: each event comes once, and a database that hangs stops neither ticks nor answers."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from foundation.database import Database
from foundation.migrations import upgrade
from tests.foundation.test_server_watch import stopped
from tests.servers import Postgres, Redis
from tests.serving import Served, build_in
from tests.system.test_feed import Page, report

SAID_S = 5.0


@pytest.fixture(scope="module")
def webs(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Served]]:
    """Two web processes of one installation."""
    folder: Path = tmp_path_factory.mktemp("webs")
    redis = Redis()
    redis.start()
    url = postgres.fresh()
    database = Database(url)
    upgrade(database)
    build_in(database)
    database.close()
    environment: dict[str, Any] = {
        "FENGHUO_DATABASE_URL": url,
        "FENGHUO_REDIS_URL": f"redis://127.0.0.1:{redis.port}",
    }
    first, second = (Served(folder / "home", ("web",), **environment) for _ in range(2))
    first.create_admin()
    for web in (first, second):
        web.start(ready=False)
    for web in (first, second):
        web.wait_ready("/healthz")
    yield first, second
    for web in (first, second):
        web.stop()
    redis.stop()


def test_each_event_comes_once_through_whichever_web_it_was_made(webs: tuple[Served, Served]) -> None:
    pages = [Page(web) for web in webs]
    for page in pages:
        page.subscribe(["incidents"])
    made = [report(web) for web in (*webs, *webs)]
    last = report(webs[0], "last")
    for page in pages:
        page.wait(lambda page=page: any(event["subject"] == last for event in page.events))
        assert [event["subject"] for event in page.events] == [*made, last]
        count = len(page.ticks)
        page.wait(lambda page=page, count=count: len(page.ticks) >= count + 3)
        moments = [tick["now"] // 500 for tick in page.ticks]
        assert len(moments) == len(set(moments)), "one tick a second"
        page.close()


def test_a_database_that_hangs_is_said_and_stops_nothing(webs: tuple[Served, Served], postgres: Postgres) -> None:
    web = webs[0]
    page = Page(web)
    page.subscribe(["incidents", "system"])
    page.wait(lambda: bool(page.ticks) and page.ticks[-1]["system"]["database"] == "ok")
    token = web.token()
    with stopped(postgres):
        page.wait(lambda: page.ticks[-1]["system"]["database"] == "failed", SAID_S)
        began_at = time.monotonic()
        assert web.call("GET", "/readyz", token="none")[0] == 503
        assert web.call("GET", "/api/v1/incidents", token=token)[0] == 503
        assert web.call("GET", "/login", token="none")[0] == 200
        assert time.monotonic() - began_at < 1.5
        count = len(page.ticks)
        page.wait(lambda: len(page.ticks) >= count + 2)
    page.wait(lambda: page.ticks[-1]["system"]["database"] == "ok", 15)
    made = report(web, "afterwards")
    page.wait(lambda: any(event["subject"] == made for event in page.events))
    page.close()
