"""The feed to 200 pages at 1 Hz, beside a bare `SocketIO.emit` of the same content to as many clients; with five that stop reading."""

import asyncio
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import orjson
import paho.mqtt.client as paho
import psutil
from flask import Flask
from flask_socketio import SocketIO
from gunicorn.app.base import BaseApplication

from benchmarks.figure import p95, tell, tell_at_most
from fenghuo.demo.township import build_sites, build_stations
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.migrations import upgrade
from operations.mapping import own_topic
from operations.stations import all_sensors
from tests.servers import free_port
from tests.serving import Served

CLIENTS = 200
DEAF = 5
SECONDS = 25
ROUNDS = 3
WARM_S = 4
MEMORY_S = 60
TOPICS = ["readings", "system"]
NOW = re.compile(rb'"now":(\d+)')


@dataclass
class Heard:
    """What the clients heard: seconds between the server's clock in the message and its arrival, and the last message."""

    delays: list[float] = field(default_factory=list)
    last: bytes = b""


async def listen(
    session: aiohttp.ClientSession, url: str, auth: dict[str, str], ask: bool, heard: Heard, until: float
) -> None:
    """One page: Engine.IO 4 and Socket.IO 5 by hand, so that the client costs little."""
    async with session.ws_connect(f"{url}/socket.io/?EIO=4&transport=websocket", max_msg_size=0) as connection:
        await connection.receive()
        await connection.send_str(f"40/feed,{orjson.dumps(auth).decode()}")
        await connection.receive()
        if ask:
            await connection.send_str(f'42/feed,1["subscribe",{orjson.dumps({"topics": TOPICS}).decode()}]')
        while (left := until - time.time()) > 0:
            try:
                message = await connection.receive(timeout=left)
            except TimeoutError:
                break
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            if message.data == "2":
                await connection.send_str("3")
            elif message.data.startswith('42/feed,["tick"'):
                found = NOW.search(message.data.encode())
                if found and time.time() > until - SECONDS:
                    heard.delays.append(time.time() - int(found[1]) / 1000)
                    heard.last = message.data.encode()


def deafen(port: int, auth: dict[str, str]) -> socket.socket:
    """A client that subscribes and never reads again, with the smallest receive buffer the kernel gives."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    raw.connect(("127.0.0.1", port))
    raw.sendall(
        b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    time.sleep(0.2)
    for text in (
        f"40/feed,{orjson.dumps(auth).decode()}",
        f'42/feed,1["subscribe",{orjson.dumps({"topics": TOPICS}).decode()}]',
    ):
        payload = text.encode()
        head = (
            bytes([0x81, 0x80 | 126]) + len(payload).to_bytes(2, "big")
            if len(payload) > 125
            else bytes([0x81, 0x80 | len(payload)])
        )
        raw.sendall(head + b"\0\0\0\0" + payload)
        time.sleep(0.2)
    return raw


@contextmanager
def deaf_pages(port: int, auth: dict[str, str]) -> Iterator[None]:
    """`DEAF` pages that stopped reading, for as long as the block lasts; the server closes each after half a minute."""
    deaf = [deafen(port, auth) for _ in range(DEAF)]
    try:
        yield
    finally:
        for one in deaf:
            one.close()


async def crowd(url: str, auth: dict[str, str], ask: bool) -> Heard:
    """All pages for `WARM_S + SECONDS`."""
    heard = Heard()
    until = time.time() + WARM_S + SECONDS
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(listen(session, url, auth, ask, heard, until) for _ in range(CLIENTS)))
    return heard


def measured(process: psutil.Process, url: str, auth: dict[str, str], ask: bool) -> tuple[Heard, float]:
    """What was heard, and the server's CPU microseconds for each delivered message, the warm-up left out."""
    before: list[float] = []
    timer = threading.Timer(WARM_S, lambda: before.append(cpu(process)))
    timer.start()
    heard = asyncio.run(crowd(url, auth, ask))
    return heard, (cpu(process) - before[0]) / max(1, len(heard.delays)) * 1e6


def cpu(process: psutil.Process) -> float:
    """User and system seconds of a process."""
    times = process.cpu_times()
    return float(times.user + times.system)


class Bare(BaseApplication):  # type: ignore[misc]
    """The peer: Flask-SocketIO under the same gunicorn, one `emit` a second of the content that it is given."""

    def __init__(self, port: int, content: bytes) -> None:
        self._port = port
        self._content = content
        super().__init__()

    def load_config(self) -> None:
        options = {
            "bind": [f"127.0.0.1:{self._port}"],
            "workers": 1,
            "worker_class": "gthread",
            "threads": CLIENTS + 20,
        }
        for name, value in {
            **options,
            "control_socket_disable": True,
            "loglevel": "warning",
            "worker_connections": 1000,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        app = Flask("bare")
        server = SocketIO(app, async_mode="threading", transports=["websocket"])
        server.on("connect", namespace="/feed")(lambda _auth=None: None)
        content = orjson.loads(self._content)

        def emit() -> None:
            while True:
                now = time.time()
                time.sleep(1 - now % 1)
                server.emit("tick", {**content, "now": int(time.time() * 1000)}, namespace="/feed")

        threading.Thread(target=emit, daemon=True).start()
        return app


def publish(port: int, topics: list[str], stopping: threading.Event) -> None:
    """Every sensor once a second over MQTT."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    count = 0
    while not stopping.wait(1):
        count += 1
        for topic in topics:
            client.publish(topic, orjson.dumps({"at": int(time.time() * 1000), "value": count % 90 / 10}), qos=1)
    client.disconnect()


def worker_of(process: psutil.Process) -> psutil.Process:
    """gunicorn's worker process."""
    while not process.children():
        time.sleep(0.1)
    return process.children()[0]


def main() -> None:
    """Run both servers at once, measure in turn."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
        home = Path(folder) / "home"
        home.mkdir()
        database = Database(f"sqlite:///{home / 'fenghuo.db'}")
        upgrade(database)
        with database.writing() as session:
            build_sites(session, SystemClock())
            build_stations(session, SystemClock())
        with database.reading() as session:
            topics = [own_topic(station.site_id, sensor.id) for sensor, station in all_sensors(session)]
        database.close()
        served = Served(home, FENGHUO_CLIENTS=str(CLIENTS + 20))
        served.create_admin()
        served.start()
        stopping = threading.Event()
        threading.Thread(target=publish, args=(served.mqtt_port, topics, stopping), daemon=True).start()
        try:
            compare(served, Path(folder))
        finally:
            stopping.set()
            served.stop()


def compare(served: Served, folder: Path) -> None:
    """The figures."""
    auth = {"token": served.token()}
    web = worker_of(served.child("web"))
    first = measured(web, served.url, auth, True)[0]
    content = first.last[first.last.index(b"{") : -1]
    file = folder / "content.json"
    file.write_bytes(content)
    port = free_port()
    peer = subprocess.Popen([sys.executable, "-m", "benchmarks.feed", "bare", str(port), str(file)])
    try:
        bare = worker_of(psutil.Process(peer.pid))
        ours, theirs, delays, deaf_delays, deaf_ours = [], [], [], [], []
        for _ in range(ROUNDS):
            heard, each = measured(web, served.url, auth, True)
            ours.append(each)
            delays.append(1000 * p95(heard.delays))
            theirs.append(measured(bare, f"http://127.0.0.1:{port}", {}, False)[1])
            with deaf_pages(served.port, auth):
                heard, each = measured(web, served.url, auth, True)
            deaf_ours.append(each)
            deaf_delays.append(1000 * p95(heard.delays))
        with deaf_pages(served.port, auth):
            before = web.memory_info().rss
            time.sleep(MEMORY_S)
            grown = (web.memory_info().rss - before) / 1e6
    finally:
        peer.terminate()
        peer.wait(10)
    tell_at_most("feed to 200 pages at 1 Hz, server to page p95", "ms", delays, 150)
    name = "bare Flask-SocketIO emit, same content, same gunicorn"
    tell(
        "feed, CPU for each delivered message",
        "µs",
        ours,
        theirs,
        peer_name=name,
        goal="<= 1.5 of the peer",
        met=lambda mine, peer: mine <= 1.5 * peer,
    )
    name = "the same without them"
    goal = "<= 150"
    tell(
        "feed p95 beside 5 pages that stopped reading",
        "ms",
        deaf_delays,
        delays,
        peer_name=name,
        goal=goal,
        met=lambda mine, _peer: mine <= 150,
    )
    tell(
        "feed CPU beside 5 pages that stopped reading",
        "µs",
        deaf_ours,
        ours,
        peer_name=name,
        goal="<= 1.15 of the peer",
        met=lambda mine, peer: mine <= 1.15 * peer,
    )
    tell_at_most("web memory growth with 5 pages that stopped reading", "MB/min", [grown], 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["bare"]:
        Bare(int(sys.argv[2]), Path(sys.argv[3]).read_bytes()).run()
    else:
        main()
