"""SIGKILL of web, worker and media at random: nothing acknowledged is lost or doubled, and web is back soon.

Three writers never stop: incidents by HTTP (each repeated with its id until it is acknowledged), readings by HTTP, and readings
by MQTT (QoS 1, embedded broker). `--rounds` SIGKILLs strike one process or two at once, each after a random pause, often in the
middle of the restart before.
"""

import argparse
import contextlib
import random
import tempfile
import threading
import time
from collections import Counter
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

import paho.mqtt.client as paho

from benchmarks.figure import tell_at_most
from benchmarks.interruption import end_in_order_when_told
from foundation.database import Database
from foundation.identifiers import new_id
from foundation.migrations import upgrade
from tests.servers import Postgres
from tests.serving import Served, build_in, build_township

ROUNDS = 1000
VICTIMS = (("web",), ("worker",), ("media",), ("web", "worker"), ("web", "media"), ("worker", "media"))
PAUSE_S = (0.1, 2.0)
"""Between a kill and the next one that does not wait for the platform to be ready."""
READY_EVERY = 4
"""Every so many kills the platform is let come back, and the time that web needs is taken."""
HTTP_SENSOR = "bizhai-flow"
MQTT_SENSOR = "bizhai-stage"
AGO_MS = 20 * 3_600_000
"""The readings' times begin so long ago, 10 ms apart."""


class Writer(threading.Thread):
    """Something that writes until it is stopped; `acknowledged` is what the platform has confirmed."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self.served = served
        self.stopping = threading.Event()
        self.begin = time.time_ns() // 1_000_000 - AGO_MS

    def finish(self) -> None:
        """Stop writing and wait for the last write."""
        self.stopping.set()
        self.join(60)


class Incidents(Writer):
    """Incidents by HTTP; each id is sent again until it is acknowledged."""

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self.acknowledged: list[str] = []

    def run(self) -> None:
        while not self.stopping.is_set():
            id = new_id()
            while not self.stopping.is_set():
                with contextlib.suppress(URLError, OSError, HTTPException):
                    content = {"id": id, "title": "t", "class": "natural", "level": 4}
                    if self.served.call("POST", "/api/v1/incidents", content)[0] == 201:
                        self.acknowledged.append(id)
                        break
                self.stopping.wait(0.1)
            self.stopping.wait(0.05)


class HttpReadings(Writer):
    """Batches of ten readings by HTTP."""

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self.acknowledged: set[int] = set()

    def run(self) -> None:
        at = self.begin
        while not self.stopping.is_set():
            times = range(at, at + 100, 10)
            rows = [{"sensor": HTTP_SENSOR, "at": one, "value": 1.5} for one in times]
            with contextlib.suppress(URLError, OSError, HTTPException):
                status, outcome = self.served.call("POST", "/api/v1/readings", rows)
                if status == 200 and outcome["accepted"] == 10:
                    self.acknowledged.update(times)
            at += 100
            self.stopping.wait(0.05)


class MqttReadings(Writer):
    """Single readings by MQTT with QoS 1, over a client that connects again by itself."""

    def __init__(self, served: Served) -> None:
        super().__init__(served)
        self.acknowledged: set[int] = set()
        self._times: dict[int, int] = {}

    def run(self) -> None:
        client = paho.Client(paho.CallbackAPIVersion.VERSION2)
        client.on_publish = lambda _client, _data, mid, _reason, _properties: self.acknowledged.add(self._times[mid])
        client.reconnect_delay_set(1, 2)
        client.connect_async("127.0.0.1", self.served.mqtt_port)
        client.loop_start()
        at = self.begin
        mid = 0
        while not self.stopping.is_set():
            if client.is_connected():
                at += 10
                mid += 1
                self._times[mid] = at  # before it can be acknowledged; paho numbers its messages from 1
                sent = client.publish(f"fenghuo/bizhai/{MQTT_SENSOR}", b'{"at": %d, "value": 1.5}' % at, qos=1)
                if sent.mid != mid:
                    self._times[sent.mid] = at
                    mid = sent.mid
            self.stopping.wait(0.02)
        client.loop_stop()


def readings_missing(served: Served, sensor: str, acknowledged: set[int]) -> int:
    """How many acknowledged readings the platform does not have."""
    missing = 0
    ordered = sorted(acknowledged)
    for index in range(0, len(ordered), 1000):
        part = ordered[index : index + 1000]
        path = f"/api/v1/readings?sensor={sensor}&from={part[0]}&to={part[-1] + 1}&grain=raw"
        status, answer = served.call("GET", path)
        if status != 200:
            raise AssertionError(answer)
        missing += len(set(part) - {point[0] for point in answer["points"]})
    return missing


def journalled(served: Served) -> Counter[str]:
    """How often each incident was journalled as opened."""
    opened: Counter[str] = Counter()
    after = 0
    while rows := served.call("GET", f"/api/v1/journal?after={after}")[1]:
        opened.update(row["subject"] for row in rows if row["kind"] == "incident.opened")
        after = rows[-1]["id"]
    return opened


def seconds_until_ready(served: Served) -> float:
    """How long `/readyz` takes to answer 200, from now on."""
    begin = time.monotonic()
    served.wait_ready()
    return time.monotonic() - begin


def strike(served: Served, rounds: int, dice: random.Random) -> list[float]:
    """SIGKILL `rounds` times; the seconds that web needed each time that it was waited for."""
    back: list[float] = []
    for number in range(1, rounds + 1):
        last = number % READY_EVERY == 0
        victims = ("web",) if last else dice.choice(VICTIMS)
        for victim in victims:
            served.kill(victim)
        if last:
            back.append(seconds_until_ready(served))
        time.sleep(dice.uniform(*PAUSE_S))
    return back


def measure(database: str, rounds: int, seed: int) -> None:
    """The figures on one database."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder, contextlib.ExitStack() as stack:
        served = Served(Path(folder) / "home")
        if database == "postgresql":
            cluster = Path(folder) / "postgres"
            cluster.mkdir()
            server = Postgres(cluster)
            server.start()
            stack.callback(server.stop)
            served.environment["FENGHUO_DATABASE_URL"] = url = server.fresh()
            schema = Database(url)
            upgrade(schema)
            build_in(schema)
            schema.close()
        else:
            build_township(served.home)
        served.create_admin()
        served.start()
        stack.callback(served.stop)
        writers = (Incidents(served), HttpReadings(served), MqttReadings(served))
        incidents, by_http, by_mqtt = writers
        for writer in writers:
            writer.start()
        back = strike(served, rounds, random.Random(seed))
        for writer in writers:
            writer.finish()
        served.wait_ready()
        opened = journalled(served)
        lost = sum(1 for id in incidents.acknowledged if id not in opened)
        lost += readings_missing(served, HTTP_SENSOR, by_http.acknowledged)
        lost += readings_missing(served, MQTT_SENSOR, by_mqtt.acknowledged)
        doubled = sum(count - 1 for count in opened.values())
        done = served.run("journal", "verify")
        where = f"{rounds} SIGKILLs, {database}"
        written = len(incidents.acknowledged), len(by_http.acknowledged), len(by_mqtt.acknowledged)
        tell_at_most(f"{where}: acknowledged and lost (of {sum(written)}: {written})", "writes", [lost], 0)
        tell_at_most(f"{where}: doubled", "incidents", [doubled], 0)
        tell_at_most(f"{where}: exit code of journal verify", "", [done.returncode], 0)
        tell_at_most(f"{where}: until ready after web's end", "s", back, 5)


def main() -> None:
    """The figures on SQLite and PostgreSQL."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--seed", type=int, default=time.time_ns() & 0xFFFF)
    end_in_order_when_told()
    options = parser.parse_args()
    for database in options.database or ["sqlite", "postgresql"]:
        measure(database, options.rounds, options.seed)


if __name__ == "__main__":
    main()
