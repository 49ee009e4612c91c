"""The same system on PostgreSQL, with a real Mosquitto; and on a disk that runs full."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from foundation.database import Database
from foundation.migrations import upgrade
from tests.servers import Mosquitto, Postgres
from tests.serving import Served, build_in, build_township


def send(port: int, count: int, begin: int) -> None:
    """`count` readings over MQTT QoS 1, all acknowledged by the broker."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = [
        client.publish("fenghuo/bizhai/bizhai-flow", b'{"at": %d, "value": %d}' % (begin + index, index), qos=1)
        for index in range(count)
    ]
    for one in sent:
        one.wait_for_publish(20)
    client.disconnect()
    client.loop_stop()


def kept(served: Served, begin: int, count: int) -> int:
    """How many of them are in the database."""
    return len(served.call("GET", f"/api/v1/readings?sensor=bizhai-flow&from={begin}&to={begin + count}")[1]["points"])


def arrived(served: Served, begin: int, count: int) -> bool:
    """Whether all of them are, within twenty seconds."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if kept(served, begin, count) == count:
            return True
        time.sleep(0.1)
    return False


def test_postgresql_and_mosquitto_carry_the_same_system(
    postgres: Postgres, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    url = postgres.fresh()
    database = Database(url)
    upgrade(database)
    build_in(database)
    database.close()
    broker = Mosquitto(tmp_path)
    broker.start()
    served = Served(
        tmp_path_factory.mktemp("county") / "home",
        FENGHUO_DATABASE_URL=url,
        FENGHUO_MQTT_URL=f"mqtt://127.0.0.1:{broker.port}",
    )
    served.create_admin()
    served.start()
    try:
        begin = time.time_ns() // 1_000_000 - 100_000
        send(broker.port, 500, begin)
        assert arrived(served, begin, 500)
        assert served.call("POST", "/api/v1/incidents", {"title": "t", "class": "health", "level": 2})[0] == 201
        # What the broker took while the worker was dead waits for it.
        served.kill("worker")
        send(broker.port, 500, begin + 1000)
        served.wait_ready()
        assert arrived(served, begin + 1000, 500)
        # A broker that restarts keeps our session; we come back by ourselves.
        broker.stop()
        broker.start()
        send(broker.port, 100, begin + 2000)
        assert arrived(served, begin + 2000, 100)
        assert served.run("journal", "verify").returncode == 0
    finally:
        served.stop()
        broker.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 80 MiB of its own."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(folder)], check=False)
    if done.returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_stops_ingest_clearly_and_corrupts_nothing(small_disk: Path, tmp_path: Path) -> None:
    home = small_disk / "home"
    build_township(home)
    served = Served(home, TMPDIR=str(tmp_path))
    served.create_admin()
    served.start()
    try:
        begin = time.time_ns() // 1_000_000 - 100_000
        served.token()  # a login is written down, so it has to be before
        filler = small_disk / "filler"
        with filler.open("wb") as file:
            file.write(b"\0" * (shutil.disk_usage(small_disk).free - 20 * 1024 * 1024))
        deadline = time.monotonic() + 10
        while served.call("POST", "/api/v1/readings", [{"sensor": "bizhai-flow", "at": begin, "value": 1}])[0] != 503:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert served.call("GET", "/readyz")[1]["database"] == "full"
        assert served.call("GET", "/api/v1/incidents")[0] == 200
        filler.unlink()
        deadline = time.monotonic() + 10
        while served.call("POST", "/api/v1/readings", [{"sensor": "bizhai-flow", "at": begin, "value": 1}])[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        assert kept(served, begin, 1) == 1
        assert served.run("journal", "verify").returncode == 0
    finally:
        served.stop()
