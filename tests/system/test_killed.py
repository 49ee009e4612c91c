"""SIGKILL in the middle of writing: nothing that was acknowledged is missing, the journal verifies, the wall comes back by itself."""

import threading
import time
from http.client import HTTPException
from urllib.error import URLError

import paho.mqtt.client as paho
import pytest

from tests.browser import Watched
from tests.serving import Served

WRITE_S = 3.0
RECOVERED_S = 10.0
FRESH = '[data-tile="incidents-open"][data-state="fresh"]'
"""The tile may be in a scene that is not shown at the moment; its truth does not depend on that."""


class Writer:
    """Writes readings and incidents over HTTP as fast as they are acknowledged, in a thread."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.readings: list[int] = []
        self.incidents: list[str] = []

    def _run(self) -> None:
        token = self._served.token()
        at = time.time_ns() // 1_000_000 - 3_000_000
        while not self._stopping.is_set():
            at += 10
            rows = [{"sensor": "bizhai-flow", "at": at + step, "value": step} for step in range(10)]
            try:
                status, outcome = self._served.call("POST", "/api/v1/readings", rows, token)
                if status == 200 and outcome["accepted"] == 10:
                    self.readings += range(at, at + 10)
                status, made = self._served.call(
                    "POST", "/api/v1/incidents", {"title": "t", "class": "natural", "level": 4}, token
                )
                if status == 201:
                    self.incidents.append(made["id"])
            except (URLError, OSError, HTTPException):
                time.sleep(0.1)

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def missing(self) -> tuple[set[int], set[str]]:
        """What was acknowledged and is not there."""
        start, end = min(self.readings), max(self.readings)
        found = {
            point[0]
            for point in self._served.call("GET", f"/api/v1/readings?sensor=bizhai-flow&from={start}&to={end}")[1][
                "points"
            ]
        }
        told: set[str] = set()
        after = 0
        while rows := self._served.call("GET", f"/api/v1/journal?after={after}")[1]:
            told |= {row["subject"] for row in rows}
            after = rows[-1]["id"]
        return set(self.readings) - found, set(self.incidents) - told


@pytest.mark.parametrize("victim", ["web", "worker", "media"])
def test_a_killed_process_comes_back_and_nothing_acknowledged_is_missing(breakable: Served, victim: str) -> None:
    with Writer(breakable) as writer:
        time.sleep(WRITE_S / 2)
        breakable.kill(victim)
        breakable.wait_ready()
        time.sleep(WRITE_S / 2)
    assert len(writer.readings) > 100
    assert writer.missing() == (set(), set())
    done = breakable.run("journal", "verify")
    assert done.returncode == 0, done.stderr


def test_mqtt_readings_acknowledged_by_the_embedded_broker_survive_a_killed_worker(breakable: Served) -> None:
    acknowledged: set[int] = set()
    times: dict[int, int] = {}
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.on_publish = lambda _client, _data, mid, _reason, _properties: acknowledged.add(mid)
    client.connect("127.0.0.1", breakable.mqtt_port)
    client.loop_start()
    begin = time.time_ns() // 1_000_000 - 100_000
    for index in range(2000):
        sent = client.publish("fenghuo/bizhai/bizhai-flow", b'{"at": %d, "value": %d}' % (begin + index, index), qos=1)
        times[sent.mid] = begin + index
    while len(acknowledged) < 200:
        time.sleep(0.01)
    breakable.kill("worker")
    client.loop_stop()
    kept = {times[mid] for mid in acknowledged}
    breakable.wait_ready()
    status, found = breakable.call("GET", f"/api/v1/readings?sensor=bizhai-flow&from={begin}&to={begin + 2000}")
    assert status == 200
    assert kept <= {point[0] for point in found["points"]}


@pytest.mark.alone
def test_the_wall_says_within_five_seconds_that_the_server_is_gone_and_recovers_by_itself(
    breakable: Served, browser: Watched
) -> None:
    page = browser.page()
    page.goto(f"{breakable.url}/wall?token={wall_token(breakable)}")
    page.wait_for_selector(FRESH, state="attached")
    assert page.locator('[data-banner="disconnected"]:visible').count() == 0
    breakable.stop()
    page.wait_for_selector('[data-banner="disconnected"]', state="visible", timeout=5_000)
    breakable.start()
    page.wait_for_selector('[data-banner="disconnected"]', state="hidden", timeout=RECOVERED_S * 1000)
    page.wait_for_selector(FRESH, state="attached", timeout=RECOVERED_S * 1000)


@pytest.mark.alone
def test_the_wall_is_true_again_within_ten_seconds_after_web_was_killed(breakable: Served, browser: Watched) -> None:
    page = browser.page()
    page.goto(f"{breakable.url}/wall?token={wall_token(breakable)}")
    page.wait_for_selector(FRESH, state="attached")
    open_before = int(page.locator(FRESH).get_attribute("data-value") or "")
    killed_at = time.monotonic()
    breakable.kill("web")
    breakable.wait_ready("/healthz")
    breakable.call("POST", "/api/v1/incidents", {"title": "滑坡", "class": "natural", "level": 2})
    told = f'[data-tile="incidents-open"][data-value="{open_before + 1}"]'
    page.wait_for_selector(told, state="attached", timeout=RECOVERED_S * 1000)
    page.wait_for_selector('[data-banner="disconnected"]', state="hidden", timeout=RECOVERED_S * 1000)
    assert time.monotonic() - killed_at < RECOVERED_S


def wall_token(served: Served) -> str:
    """A device token, by the way that a wall gets one: pairing, approved by the administrator."""
    begun = served.call("POST", "/api/v1/devices/pair", {}, token="")[1]
    served.call("POST", "/api/v1/devices/approve", {"user_code": begun["user_code"], "name": "test wall"})
    return str(
        served.call("POST", "/api/v1/devices/poll", {"device_code": begun["device_code"]}, token="")[1]["access_token"]
    )
