"""`fenghuo demo`: a living township on a fresh machine: made-up geography, a real recorded flood over MQTT, sample accounts."""

import os
import socket
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import orjson

from auth.authority import Authority
from auth.devices import Devices
from auth.principal import SYSTEM
from conference import rooms
from fenghuo.demo.flood import START_HOUR, Flood, recorded_flood
from fenghuo.demo.geography import township_map
from fenghuo.demo.publisher import Publisher, Publishing, broker_of
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
from fenghuo.greeting import wait_ready
from fenghuo.serve import serve
from foundation.clock import Clock, SystemClock, epoch_ms
from foundation.database import Database
from foundation.errors import Unauthenticated
from foundation.migrations import upgrade
from foundation.secrets import write_private
from foundation.settings import Settings
from operations.geography import MAP_FILE
from operations.readings import newest_of_all
from operations.sensing import Sensing
from operations.stations import all_sensors

HISTORY_MINUTES = 120
HISTORY_SPEED = 10.0
"""The minutes before the start are filled with the hours before, compressed by this."""
ROOM_TITLE = "防汛会商"
EXPECTED = ("bizhai", "lishuping", "banpo", "lanbazhai", "sanjiacun", "baida", "mobile-1")
WALL_NAME = "演示大屏"
GUIDE_FILE = "demo.json"


@dataclass(frozen=True)
class Guide:
    """What a visitor needs: the address, sample accounts, the token of a paired wall, a room. It is `demo.json`."""

    url: str
    accounts: list[Account]
    wall_token: str
    room: str


def run_demo(settings: Settings, speed: float) -> int:
    """Build the township in the data folder (twice is once), run everything, and move the sensors until told to stop."""
    settings = _free_mqtt_port(settings)
    click.echo(f"demo: building the sample township in {settings.home.resolve()}")
    clock = SystemClock()
    database = Database(settings.database)
    upgrade(database)
    guide = _build(settings, database, clock)
    flood = recorded_flood()
    click.echo(f"demo: filling the charts with {HISTORY_MINUTES} minutes of readings")
    _fill_history(database, clock, settings, flood)
    publisher = Publisher(broker_of(settings), _sensors(database), flood, speed, settings.zone)
    database.close()
    # An old guide must not be read as this one's: its passwords are no longer true.
    (settings.home / GUIDE_FILE).unlink(missing_ok=True)
    stopping = threading.Event()
    threads = [
        threading.Thread(target=publisher.run, args=(stopping,), daemon=True),
        threading.Thread(target=_greet, args=(guide, settings, stopping), daemon=True),
    ]
    click.echo("demo: starting web, worker and media; the addresses and accounts follow as soon as they answer")
    for thread in threads:
        thread.start()
    code = serve(settings)
    stopping.set()
    for thread in threads:
        thread.join(timeout=3)
    return code


def _build(settings: Settings, database: Database, clock: Clock) -> Guide:
    devices = Authority(database, clock, settings.home).devices
    wall_token = _paired_before(settings.home / GUIDE_FILE, devices)
    with database.writing() as session:
        build_sites(session, clock)
        build_stations(session, clock)
        build_resources(session, clock)
        build_roster(session, clock)
        accounts = build_people(session, clock)
        build_incidents(session, clock, settings.zone)
        wall_token = wall_token or devices.add(session, SYSTEM, WALL_NAME, TOWNSHIP)[1]
        opened = rooms.snapshot(session)
        room_id = (
            next(iter(opened)) if opened else rooms.open_room(session, clock, SYSTEM, ROOM_TITLE, expected=EXPECTED).id
        )
    (settings.home / MAP_FILE).write_bytes(orjson.dumps(township_map(VILLAGES)))
    return Guide(settings.web_address, accounts, wall_token, room_id)


def _paired_before(file: Path, devices: Devices) -> str:
    """The token of the wall that an earlier start of this demo paired, while it is not revoked; otherwise empty."""
    try:
        token = orjson.loads(file.read_bytes())["wall_token"]
        devices.authenticate(token)
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, Unauthenticated):
        return ""
    return str(token)


def _sensors(database: Database) -> list[Publishing]:
    with database.reading() as session:
        return [
            Publishing(sensor.id, station.site_id, sensor.period_s, sensor.decimals)
            for sensor, station in all_sensors(session)
        ]


def _fill_history(database: Database, clock: Clock, settings: Settings, flood: Flood) -> None:
    """Two hours of readings before the start, so that no chart is empty; not if there are newer ones already."""
    now = epoch_ms(clock.now())
    with database.reading() as session:
        if any(newest.at > now - HISTORY_MINUTES * 60_000 for newest in newest_of_all(session).values()):
            return
    sensing = Sensing(database, clock)
    sensors = _sensors(database)
    rows: list[dict[str, object]] = []
    for minute in range(HISTORY_MINUTES, 0, -1):
        at = now - minute * 60_000
        moment = flood.at(START_HOUR * 3600 - minute * 60 * HISTORY_SPEED)
        rows.extend(
            {"sensor": each.sensor, "at": at, "value": each.value(at, moment, settings.zone)} for each in sensors
        )
    for start in range(0, len(rows), 5_000):
        sensing.take(rows[start : start + 5_000])


def _greet(guide: Guide, settings: Settings, stopping: threading.Event) -> None:
    """Once the server answers, write the guide down and print the addresses and the sample accounts."""
    if not wait_ready(settings, stopping):
        return
    file = settings.home / GUIDE_FILE
    write_private(file, orjson.dumps(asdict(guide), option=orjson.OPT_INDENT_2).decode())
    lines = [
        "",
        "  烽火 Fenghuo：演示乡镇已启动 / the demo township is running",
        "",
        f"  入口 start      {guide.url}/",
        f"  大屏 wall       {guide.url}/wall?token={guide.wall_token}",
        f"  值班台 desk     {guide.url}/desk/",
        f"  会商室 room     {guide.url}/rooms/{guide.room}",
        "",
        "  账号 accounts   (name / password / role)",
        *(f"    {account.name:<10} {account.password:<14} {account.role}" for account in guide.accounts),
        "",
        f"  {file} · Ctrl+C 停止 stops",
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
