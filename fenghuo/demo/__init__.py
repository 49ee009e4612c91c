"""`fenghuo demo`: a living township on a fresh machine: made-up geography, a real recorded flood over MQTT, sample accounts."""

import os
import socket
import threading
import time
from dataclasses import asdict
from urllib.error import URLError
from urllib.request import urlopen

import click
import orjson
import paho.mqtt.client as paho

from auth.authority import Authority
from auth.principal import SYSTEM
from conference import rooms
from fenghuo.demo.flood import Flood, recorded_flood
from fenghuo.demo.geography import township_map
from fenghuo.demo.township import (
    TOWNSHIP,
    VILLAGES,
    Account,
    build_incidents,
    build_people,
    build_resources,
    build_roster,
    build_sites,
    build_stations,
)
from fenghuo.demo.weather import measured
from fenghuo.serve import serve
from foundation.clock import Clock, SystemClock, epoch_ms
from foundation.database import Database
from foundation.migrations import upgrade
from foundation.secrets import write_private
from foundation.settings import Settings
from operations.geography import MAP_FILE
from operations.mapping import own_topic
from operations.readings import newest_of_all
from operations.sensing import Sensing
from operations.stations import all_sensors

START_HOUR = 20.0
"""Where in the recorded window the demo begins: shortly before the river rises."""
HISTORY_MINUTES = 120
HISTORY_SPEED = 10.0
"""The minutes before the start are filled with the hours before, compressed by this."""
ROOM_TITLE = "防汛会商"
EXPECTED = ("bizhai", "lishuping", "banpo", "lanbazhai", "sanjiacun", "baida", "mobile-1")
READY_WAIT_S = 60


def run_demo(settings: Settings, speed: float) -> int:
    """Build the township in the data folder (twice is once), run everything, and move the sensors until told to stop."""
    settings = _free_mqtt_port(settings)
    clock = SystemClock()
    database = Database(settings.database)
    upgrade(database)
    accounts, wall_token, room = _build(settings, database, clock)
    flood = recorded_flood()
    _fill_history(database, clock, settings, flood)
    sensors = _sensors(database)
    database.close()
    started_at = time.time()
    address = settings.web_address
    guide = {
        "url": address,
        "accounts": [asdict(account) for account in accounts],
        "wall_token": wall_token,
        "room": room,
    }
    write_private(settings.home / "demo.json", orjson.dumps(guide, option=orjson.OPT_INDENT_2).decode())
    stopping = threading.Event()
    threads = [
        threading.Thread(target=_publish, args=(settings, sensors, flood, started_at, speed, stopping), daemon=True),
        threading.Thread(target=_greet, args=(address, accounts, wall_token, room, settings), daemon=True),
    ]
    for thread in threads:
        thread.start()
    code = serve()
    stopping.set()
    threads[0].join(timeout=3)
    return code


def _build(settings: Settings, database: Database, clock: Clock) -> tuple[list[Account], str, str]:
    with database.writing() as session:
        build_sites(session, clock)
        build_stations(session, clock)
        build_resources(session, clock)
        build_roster(session, clock)
        accounts = build_people(session, clock)
        build_incidents(session, clock)
        wall_token = Authority(database, clock, settings.home).devices.add(session, SYSTEM, "演示大屏", TOWNSHIP)[1]
        opened = rooms.snapshot(session)
        room_id = (
            next(iter(opened)) if opened else rooms.open_room(session, clock, SYSTEM, ROOM_TITLE, expected=EXPECTED).id
        )
    (settings.home / MAP_FILE).write_bytes(orjson.dumps(township_map(VILLAGES)))
    return accounts, wall_token, room_id


def _sensors(database: Database) -> list[tuple[str, str, float, int]]:
    """(id, site, seconds between readings, decimals) of every sensor."""
    with database.reading() as session:
        return [
            (sensor.id, station.site_id, sensor.period_s, sensor.decimals) for sensor, station in all_sensors(session)
        ]


def _fill_history(database: Database, clock: Clock, settings: Settings, flood: Flood) -> None:
    """Two hours of readings before the start, so that no chart is empty; not if there are newer ones already."""
    now = epoch_ms(clock.now())
    with database.reading() as session:
        if any(newest.at > now - HISTORY_MINUTES * 60_000 for newest in newest_of_all(session).values()):
            return
    sensing = Sensing(database, clock)
    sensors = _sensors(database)
    rows = []
    for minute in range(HISTORY_MINUTES, 0, -1):
        at = now - minute * 60_000
        moment = flood.at(START_HOUR * 3600 - minute * 60 * HISTORY_SPEED)
        for sensor, _site, _period, decimals in sensors:
            rows.append(
                {"sensor": sensor, "at": at, "value": round(measured(sensor, at, moment, settings.zone), decimals + 1)}
            )
    for start in range(0, len(rows), 5_000):
        sensing.take(rows[start : start + 5_000])


def _publish(
    settings: Settings,
    sensors: list[tuple[str, str, float, int]],
    flood: Flood,
    started_at: float,
    speed: float,
    stopping: threading.Event,
) -> None:
    """Send every sensor's reading when it is due, over MQTT with QoS 1, until told to stop."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="fenghuo-demo", reconnect_on_failure=True)
    client.reconnect_delay_set(1, 5)
    client.max_queued_messages_set(500)
    client.connect_async("127.0.0.1", settings.mqtt_port, keepalive=30)
    client.loop_start()
    second = 0
    while not stopping.wait(max(0.0, started_at + second - time.time())):
        moment = flood.at(START_HOUR * 3600 + second * speed)
        at = int(time.time() * 1000)
        for number, (sensor, site, period, decimals) in enumerate(sensors):
            if client.is_connected() and (second + number) % max(1, round(period)) == 0:
                value = round(measured(sensor, at, moment, settings.zone), decimals + 1)
                client.publish(own_topic(site, sensor), orjson.dumps({"at": at, "value": value}), qos=1)
        second += 1
    client.disconnect()
    client.loop_stop()


def _greet(address: str, accounts: list[Account], wall_token: str, room: str, settings: Settings) -> None:
    """Print the addresses and the sample accounts once the server answers."""
    deadline = time.monotonic() + READY_WAIT_S
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{address}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    break
        except (URLError, OSError):
            time.sleep(0.3)
    lines = [
        "",
        "  烽火 Fenghuo：演示乡镇已启动 / the demo township is running",
        "",
        f"  入口 start      {address}/",
        f"  大屏 wall       {address}/wall?token={wall_token}",
        f"  值班台 desk     {address}/desk/",
        f"  会商室 room     {address}/rooms/{room}",
        "",
        "  账号 accounts   (name / password / role)",
        *(f"    {account.name:<10} {account.password:<14} {account.role}" for account in accounts),
        "",
        f"  {settings.home / 'demo.json'} · Ctrl+C 停止 stops",
        "",
    ]
    click.echo("\n".join(lines))


def _free_mqtt_port(settings: Settings) -> Settings:
    """Another port for the broker inside the worker when the usual one is taken and none was asked for."""
    if "FENGHUO_MQTT_PORT" in os.environ or settings.mqtt_url:
        return settings
    with socket.socket() as probe:
        try:
            probe.bind((settings.mqtt_host, settings.mqtt_port))
        except OSError:
            with socket.socket() as other:
                other.bind((settings.mqtt_host, 0))
                port = other.getsockname()[1]
            os.environ["FENGHUO_MQTT_PORT"] = str(port)
            return settings.model_copy(update={"mqtt_port": port})
    return settings
