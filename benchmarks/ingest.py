"""Readings taken in: over HTTP beside a bare executemany of the same batches, over MQTT beside a bare subscriber; the worker's cost."""

import http.client
import tempfile
import threading
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import orjson
import paho.mqtt.client as paho
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from sqlalchemy import insert

from benchmarks.figure import tell, tell_at_most
from fenghuo.demo.township import build_sites, build_stations
from foundation.clock import SystemClock, epoch_ms
from foundation.database import Database
from foundation.migrations import upgrade
from operations.ingest import Ingest
from operations.mapping import Mapping, own_topic
from operations.mqtt import RECEIVE_MAXIMUM, SESSION_EXPIRY_S, Subscriber
from operations.readings import readings
from operations.sensing import Sensing
from operations.stations import Sensor, all_sensors
from tests.servers import Mosquitto
from tests.serving import Served

BATCH = 400
BATCHES = 60
ROUNDS = 5
MESSAGES = 12_000
DRAIN_LIMIT_S = 120
SENSORS = 5_000
CPU_RATE = 40
CPU_S = 30.0


def township(path: Path) -> Database:
    """A database with the demo's sensors and no readings."""
    database = Database(f"sqlite:///{path}")
    upgrade(database)
    clock = SystemClock()
    with database.writing() as session:
        build_sites(session, clock)
        build_stations(session, clock)
    return database


def batches(sensors: list[tuple[str, int]], start_ms: int) -> list[list[dict[str, object]]]:
    """`BATCHES` batches of `BATCH` readings, no two the same."""
    made = []
    for number in range(BATCHES):
        rows: list[dict[str, object]] = []
        for index in range(BATCH):
            name, _key = sensors[index % len(sensors)]
            rows.append(
                {
                    "sensor": name,
                    "at": start_ms + number * 100_000 + index // len(sensors) * 1000,
                    "value": float(index),
                }
            )
        made.append(rows)
    return made


def over_http(served: Served, made: list[list[dict[str, object]]]) -> float:
    """Rows a second through the API, one client, one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port)
    headers = {"Authorization": f"Bearer {served.token()}", "Content-Type": "application/json"}
    bodies = [orjson.dumps(rows) for rows in made]
    begin = time.perf_counter()
    for body in bodies:
        connection.request("POST", "/api/v1/readings", body, headers)
        answer = connection.getresponse()
        content = answer.read()
        if answer.status != 200 or orjson.loads(content)["accepted"] != BATCH:
            raise RuntimeError(content)
    return BATCH * len(made) / (time.perf_counter() - begin)


def bare(database: Database, made: list[list[dict[str, object]]], keys: dict[str, int]) -> float:
    """Rows a second of SQLAlchemy's executemany, one transaction a batch, on a database with the same settings."""
    rows = [
        [
            {"sensor_key": keys[str(row["sensor"])], "at": row["at"], "value": row["value"], "quality": 0}
            for row in batch
        ]
        for batch in made
    ]
    begin = time.perf_counter()
    for batch in rows:
        with database.writing() as session:
            session.connection().execute(insert(readings), batch)
    return BATCH * len(made) / (time.perf_counter() - begin)


def measure_http(folder: Path) -> None:
    """HTTP beside the bare executemany, in turn."""
    home = folder / "home"
    home.mkdir()
    township(home / "fenghuo.db").close()
    peer = township(folder / "bare.db")
    with peer.reading() as session:
        sensors = [(sensor.id, sensor.key) for sensor, _station in all_sensors(session)]
    served = Served(home)
    served.create_admin()
    served.start()
    ours, theirs = [], []
    try:
        start = epoch_ms(SystemClock().now()) - 86_400_000 * 30
        for number in range(ROUNDS):
            made = batches(sensors, start + number * BATCHES * 100_000)
            ours.append(over_http(served, made))
            theirs.append(bare(peer, made, dict(sensors)))
    finally:
        served.stop()
        peer.close()
    tell(
        "readings taken in over HTTP, batches of 400",
        "rows/s",
        ours,
        theirs,
        peer_name="bare SQLAlchemy executemany, same batches, same database settings",
        goal=">= 0.5 of the peer",
        met=lambda mine, peer: mine >= 0.5 * peer,
    )


def fill(broker: Mosquitto, client_id: str, topics: list[str], start_ms: int) -> None:
    """Let the broker hold `MESSAGES` for the session of `client_id`."""
    waiting = _client(client_id)
    subscribed = threading.Event()
    waiting.on_subscribe = lambda *_: subscribed.set()
    waiting.connect("127.0.0.1", broker.port, clean_start=True, properties=_session())
    waiting.loop_start()
    waiting.subscribe("fenghuo/+/+", 1)
    subscribed.wait(10)
    waiting.disconnect()
    waiting.loop_stop()
    sender = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    sender.max_inflight_messages_set(1000)
    sender.connect("127.0.0.1", broker.port)
    sender.loop_start()
    for index in range(MESSAGES):
        sent = sender.publish(
            topics[index % len(topics)], orjson.dumps({"at": start_ms + index, "value": index}), qos=1
        )
        if index % 1000 == 999:
            sent.wait_for_publish(30)
    sender.disconnect()
    sender.loop_stop()


def _client(client_id: str) -> paho.Client:
    return paho.Client(paho.CallbackAPIVersion.VERSION2, client_id=client_id, protocol=paho.MQTTv5)


def _session() -> Properties:
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.ReceiveMaximum = RECEIVE_MAXIMUM
    properties.SessionExpiryInterval = SESSION_EXPIRY_S
    return properties


def drain(start: Callable[[], None], count: Callable[[], int]) -> float:
    """Messages a second from the start until all have come."""
    begin = time.perf_counter()
    start()
    while count() < MESSAGES:
        if time.perf_counter() - begin > DRAIN_LIMIT_S:
            raise TimeoutError(f"{count()} of {MESSAGES}")
        time.sleep(0.002)
    return MESSAGES / (time.perf_counter() - begin)


def through_ingest(broker: Mosquitto, database: Database) -> float:
    """Messages a second into the database, acknowledged after the commit."""
    clock = SystemClock()
    ingest = Ingest(Sensing(database, clock), Mapping(), clock)
    ingest.start()
    subscriber = Subscriber(f"mqtt://127.0.0.1:{broker.port}", "ours", Mapping().topics, ingest, clock)
    rate = drain(subscriber.open, lambda: ingest.written)
    subscriber.close()
    ingest.stop()
    return rate


def thrown_away(broker: Mosquitto) -> float:
    """Messages a second that the same client library receives and throws away."""
    seen = [0]
    client = _client("bare")

    def take(*_: object) -> None:
        seen[0] += 1

    client.on_message = take

    def start() -> None:
        client.connect("127.0.0.1", broker.port, clean_start=False, properties=_session())
        client.loop_start()

    rate = drain(start, lambda: seen[0])
    client.disconnect()
    client.loop_stop()
    return rate


def measure_mqtt(folder: Path) -> None:
    """MQTT QoS 1 from a real Mosquitto beside a bare subscriber, in turn."""
    database = township(folder / "mqtt.db")
    with database.reading() as session:
        topics = [own_topic(station.site_id, sensor.id) for sensor, station in all_sensors(session)]
    broker = Mosquitto(folder)
    broker.start()
    ours, theirs = [], []
    try:
        for number in range(ROUNDS):
            start = epoch_ms(SystemClock().now()) - 86_400_000 * 3 + number * MESSAGES
            fill(broker, "ours", topics, start)
            ours.append(through_ingest(broker, database))
            fill(broker, "bare", topics, start)
            theirs.append(thrown_away(broker))
    finally:
        broker.stop()
        database.close()
    tell(
        "readings taken in over MQTT QoS 1 from Mosquitto",
        "messages/s",
        ours,
        theirs,
        peer_name=f"bare paho-mqtt {version('paho-mqtt')} subscriber that throws away",
        goal=">= 0.5 of the peer",
        met=lambda mine, peer: mine >= 0.5 * peer,
    )


def many_sensors(database: Database) -> list[str]:
    """Give one station `SENSORS` sensors; their topics."""
    with database.writing() as session:
        (sensor, station), *_ = all_sensors(session)
        copied = {column.name: getattr(sensor, column.name) for column in Sensor.__table__.columns}
        rows = [{**copied, "id": f"many-{number}", "key": 1_000 + number} for number in range(SENSORS)]
        session.execute(insert(Sensor), rows)
        return [own_topic(station.site_id, str(row["id"])) for row in rows]


def measure_many(folder: Path) -> None:
    """5,000 sensors over one connection: each batch touches as many places of the table as it has rows."""
    database = township(folder / "many.db")
    topics = many_sensors(database)
    broker = Mosquitto(folder)
    broker.start()
    ours, theirs = [], []
    try:
        for number in range(ROUNDS):
            start = epoch_ms(SystemClock().now()) - 86_400_000 * 3 + number * MESSAGES
            fill(broker, "ours", topics, start)
            ours.append(through_ingest(broker, database))
            fill(broker, "bare", topics, start)
            theirs.append(thrown_away(broker))
    finally:
        broker.stop()
        database.close()
    tell(
        f"readings of {SENSORS} sensors taken in over one MQTT connection from Mosquitto",
        "messages/s",
        ours,
        theirs,
        peer_name=f"bare paho-mqtt {version('paho-mqtt')} subscriber that throws away",
        goal=">= 3,000",
        met=lambda mine, _peer: mine >= 3_000,
    )


def measure_cpu(folder: Path) -> None:
    """What the worker costs with `CPU_RATE` readings a second, one at a time, by the embedded broker and by Mosquitto."""
    for name in ("embedded broker", "Mosquitto"):
        home = folder / name.split()[0]
        home.mkdir()
        database = township(home / "fenghuo.db")
        with database.reading() as session:
            topics = [own_topic(station.site_id, sensor.id) for sensor, station in all_sensors(session)]
        database.close()
        broker = Mosquitto(home) if name == "Mosquitto" else None
        if broker is not None:
            broker.start()
        served = Served(home)
        if broker is not None:
            served.environment["FENGHUO_MQTT_URL"] = f"mqtt://127.0.0.1:{broker.port}"
        served.start()
        try:
            figure = worker_cpu(served, broker.port if broker else served.mqtt_port, topics)
        finally:
            served.stop()
            if broker is not None:
                broker.stop()
        tell_at_most(f"CPU of the worker, {CPU_RATE} readings/s by MQTT, {name}", "ms/s", [figure], 20)


def worker_cpu(served: Served, port: int, topics: list[str]) -> float:
    """Milliseconds of processor a second, after some seconds of warming up."""
    worker = served.child("worker")
    sender = paho.Client(paho.CallbackAPIVersion.VERSION2)
    sender.connect("127.0.0.1", port)
    sender.loop_start()
    begin = time.perf_counter()
    warm_s, used, measured_at = 5.0, 0.0, 0.0
    for number in range(int(CPU_RATE * (warm_s + CPU_S))):
        if number == int(CPU_RATE * warm_s):
            used, measured_at = sum(worker.cpu_times()[:2]), time.perf_counter()
        reading = {"at": epoch_ms(SystemClock().now()), "value": float(number % 10)}
        sender.publish(topics[number % len(topics)], orjson.dumps(reading), qos=1)
        time.sleep(max(0.0, begin + number / CPU_RATE - time.perf_counter()))
    spent = sum(worker.cpu_times()[:2]) - used
    figure = spent * 1000 / (time.perf_counter() - measured_at)
    sender.disconnect()
    sender.loop_stop()
    return figure


def main() -> None:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
        measure_cpu(Path(folder))
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
        measure_many(Path(folder))
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
        measure_mqtt(Path(folder))
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
        measure_http(Path(folder))


if __name__ == "__main__":
    main()
