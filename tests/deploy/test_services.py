"""The shipped configurations, given to the real services: they start, let the right ones in, and lose nothing."""

import asyncio
import base64
import hashlib
import hmac
import importlib.util
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import paho.mqtt.client as mqtt
import pytest
import redis
from aioice import turn

from tests.servers import free_port

DEPLOY = Path(__file__).parents[2] / "deploy"
READY_S = 15.0
MESSAGES = 3000
"""Three times what Mosquitto keeps by default."""


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"deploy_{name}", DEPLOY / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


prepare = load("prepare")


def need(program: str) -> str:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"{program} is not installed")
    return found


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """A prepared installation: data/secrets and services/<name>."""
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    prepare.prepare(tmp_path / "data", tmp_path / "services", DEPLOY / "coturn", certificates, "")
    return tmp_path


@contextmanager
def running(command: list[str], port: int, log: Path) -> Iterator[None]:
    """The service, from the moment it listens on TCP `port`; shown with its log when it does not."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + READY_S
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"{command[0]} does not listen:\n{log.read_text('utf-8', 'replace')[-4000:]}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture
def mosquitto(prepared: Path) -> Iterator[int]:
    """The shipped mosquitto.conf on a free port; only paths and the port differ."""
    program, port = need("mosquitto"), free_port()
    text = (DEPLOY / "mosquitto" / "mosquitto.conf").read_text("utf-8")
    data = prepared / "mosquitto-data"
    data.mkdir()
    for old, new in (
        ("listener 1883", f"listener {port} 127.0.0.1\nuser root"),
        ("/mosquitto/secrets/passwd", str(prepared / "services/mosquitto/passwd")),
        ("/mosquitto/config/acl", str(DEPLOY / "mosquitto/acl")),
        ("/mosquitto/data/", f"{data}/"),
    ):
        assert old in text
        text = text.replace(old, new)
    configuration = prepared / "mosquitto.conf"
    configuration.write_text(text, "utf-8")
    with running([program, "-c", str(configuration)], port, prepared / "mosquitto.log"):
        yield port


class Session:
    """One MQTT client, connected; a code other than 0 means that the broker refused it."""

    def __init__(self, port: int, name: str, password: str, *, keep: bool = False) -> None:
        self.got: list[bytes] = []
        self.grew = threading.Condition()
        self.code: int | None = None
        self.granted: list[int] | None = None
        self.client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"test-{name}", clean_session=not keep)
        self.client.username_pw_set(name, password)
        self.client.on_connect = lambda _c, _u, _f, code, _p: self._note(code=code.value)
        self.client.on_subscribe = lambda _c, _u, _m, codes, _p: self._note(granted=[code.value for code in codes])
        self.client.on_message = lambda _c, _u, message: self._note(payload=bytes(message.payload))
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        self.wait(lambda: self.code is not None)

    def _note(self, code: int | None = None, granted: list[int] | None = None, payload: bytes | None = None) -> None:
        with self.grew:
            self.code = code if code is not None else self.code
            self.granted = granted if granted is not None else self.granted
            if payload is not None:
                self.got.append(payload)
            self.grew.notify_all()

    def wait(self, condition, timeout: float = 30.0) -> None:  # type: ignore[no-untyped-def]
        with self.grew:
            assert self.grew.wait_for(condition, timeout)

    def subscribe(self, topic: str) -> None:
        self.granted = None
        self.client.subscribe(topic, qos=1)
        self.wait(lambda: self.granted is not None)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_every_secret_is_for_its_own_service_alone(prepared: Path) -> None:
    files = [path for path in prepared.rglob("*") if path.is_file()]
    assert {path.stat().st_mode & 0o077 for path in files} == {0}
    assert len({path.read_text("utf-8") for path in files}) > 5


def test_preparing_again_changes_nothing(prepared: Path) -> None:
    before = {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()}
    prepare.prepare(prepared / "data", prepared / "services", DEPLOY / "coturn", prepared / "certificates", "")
    assert {path: path.read_bytes() for path in prepared.rglob("*") if path.is_file()} == before


def test_mosquitto_lets_in_only_those_it_knows(mosquitto: int, prepared: Path) -> None:
    password = (prepared / "data/secrets/mqtt-sensors").read_text().strip()
    wrong = Session(mosquitto, "sensors", password + "x")
    assert wrong.code != 0
    wrong.close()
    sensors = Session(mosquitto, "sensors", password)
    assert sensors.code == 0
    sensors.close()


def test_a_worker_that_was_away_gets_every_reading(mosquitto: int, prepared: Path) -> None:
    passwords = {name: (prepared / f"data/secrets/mqtt-{name}").read_text().strip() for name in ("worker", "sensors")}
    worker = Session(mosquitto, "worker", passwords["worker"], keep=True)
    worker.subscribe("fenghuo/#")
    worker.close()
    sensors = Session(mosquitto, "sensors", passwords["sensors"])
    sent = [sensors.client.publish("fenghuo/bizhai/rain", str(number), qos=1) for number in range(MESSAGES)]
    for one in sent:
        one.wait_for_publish(30)
    sensors.close()
    worker = Session(mosquitto, "worker", passwords["worker"], keep=True)
    worker.wait(lambda: len(worker.got) >= MESSAGES)
    assert [int(payload) for payload in worker.got] == list(range(MESSAGES))
    worker.close()


def test_a_sensor_sees_no_other_sensor(mosquitto: int, prepared: Path) -> None:
    passwords = {name: (prepared / f"data/secrets/mqtt-{name}").read_text().strip() for name in ("worker", "sensors")}
    sensors = Session(mosquitto, "sensors", passwords["sensors"])
    sensors.subscribe("fenghuo/#")
    worker = Session(mosquitto, "worker", passwords["worker"])
    worker.subscribe("fenghuo/#")
    sensors.client.publish("fenghuo/bizhai/rain", "1", qos=1).wait_for_publish(10)
    worker.wait(lambda: worker.got == [b"1"])
    assert sensors.got == []
    worker.close()
    sensors.close()


@pytest.fixture
def coturn(prepared: Path) -> Iterator[int]:
    """The prepared turnserver.conf on a free port of 127.0.0.1."""
    program, port = need("turnserver"), free_port()
    path = prepared / "services/coturn/turnserver.conf"
    text = path.read_text("utf-8").replace(
        "listening-port=3478", f"listening-port={port}\nlistening-ip=127.0.0.1\nrelay-ip=127.0.0.1"
    )
    assert f"listening-port={port}" in text
    configuration = prepared / "turnserver.conf"
    configuration.write_text(text, "utf-8")
    log = prepared / "turn.log"
    command = [
        program,
        "-c",
        str(configuration),
        "--userdb",
        str(prepared / "turndb"),
        "--pidfile",
        str(prepared / "turn.pid"),
    ]
    with running(command, port, log):
        yield port
    unknown = re.findall(r".*(?:Bad configuration|Unknown|unrecognized).*", log.read_text("utf-8", "replace"))
    assert unknown == []


def allocate(port: int, username: str, password: str) -> str:
    """The relayed address that the server gives for these credentials."""

    async def run() -> str:
        transport, _protocol = await turn.create_turn_endpoint(
            asyncio.DatagramProtocol, server_addr=("127.0.0.1", port), username=username, password=password
        )
        address = str(transport.get_extra_info("sockname")[0])
        transport.close()
        return address

    return asyncio.run(run())


def test_coturn_relays_for_who_has_a_fresh_password_and_nobody_else(coturn: int, prepared: Path) -> None:
    shared = (prepared / "data/secrets/turn").read_text().strip()
    username = f"{int(time.time()) + 600}:somebody"
    password = base64.b64encode(hmac.new(shared.encode(), username.encode(), hashlib.sha1).digest()).decode()
    assert allocate(coturn, username, password) == "127.0.0.1"
    with pytest.raises(Exception, match=r"(?i)unauthorized|401"):
        allocate(coturn, username, password[::-1])


def test_redis_asks_for_its_password(prepared: Path) -> None:
    program, port = need("redis-server"), free_port()
    configuration = prepared / "services/redis/redis.conf"
    command = [program, str(configuration), "--port", str(port), "--bind", "127.0.0.1", "--dir", str(prepared)]
    with running(command, port, prepared / "redis.log"):
        with redis.Redis(port=port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
        url = (prepared / "data/secrets/redis-url").read_text().replace("redis:6379", f"127.0.0.1:{port}")
        with redis.Redis.from_url(url) as web:
            assert web.ping()
