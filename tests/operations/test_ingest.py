"""From a broker to the database: what is refused is counted by its reason, and a broker that is gone is told."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from operations.ingest import Ingest, IngestState
from operations.mapping import Mapping
from operations.mqtt import Subscriber
from operations.readings import newest_of_all
from operations.sensing import Sensing
from tests.servers import Mosquitto

WAIT_S = 20


@pytest.fixture
def ingest(township: Database, clock: ManualClock) -> Iterator[Ingest]:
    """A queue with its writer at work."""
    ingest = Ingest(Sensing(township, clock), Mapping(), clock)
    ingest.start()
    yield ingest
    ingest.stop()


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_message_under_another_site_s_topic_is_refused_and_counted(ingest: Ingest, township: Database) -> None:
    kept: list[bool] = []
    ingest.put("fenghuo/baida/river-stage", b"3.5", kept.append)
    ingest.put("fenghuo/bizhai/river-stage", b'{"value": 3.5, "quality": "bad"}', kept.append)
    ingest.put("fenghuo/bizhai/river-stage", b'{"value": 3.5, "quality": "suspect"}', kept.append)
    until(lambda: len(kept) == 3)
    assert kept == [False, False, True]
    assert dict(ingest.outcomes) == {"wrong_site": 1, "bad_quality": 1, "kept": 1}
    with township.reading() as session:
        assert newest_of_all(session)[1].quality == 1


def test_a_broker_that_is_gone_is_told_since_when_and_forgotten_when_it_is_back(
    ingest: Ingest, clock: ManualClock, tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path)
    subscriber = Subscriber(f"mqtt://127.0.0.1:{broker.port}", "fenghuo-worker", Mapping().topics, ingest)
    lost = IngestState("stopped", "no_broker", epoch_ms(clock.now()))
    subscriber.open()
    try:
        until(lambda: ingest.status == lost)
        broker.start()
        until(lambda: ingest.status.state == "ok")
        clock.advance(60)
        broker.stop()
        until(lambda: ingest.status == IngestState("stopped", "no_broker", epoch_ms(clock.now())))
        broker.start()
        until(lambda: ingest.status.state == "ok")
    finally:
        subscriber.close()
        broker.stop()
    assert ingest.status.state == "ok", "leaving is not losing"
