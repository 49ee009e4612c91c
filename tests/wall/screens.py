"""The wall's own page in a real browser with an invented feed, and a look for texts that are cut or lie on each other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import orjson
from flask import Flask
from playwright.sync_api import Page
from werkzeug.serving import make_server

import dashboard
from dashboard.snapshots import Readings, Snapshots
from dashboard.visibility import TOPICS, Visibility
from dashboard.wall import create_wall
from fenghuo.demo.geography import village_places
from fenghuo.demo.township import VILLAGES
from foundation.clock import ManualClock, epoch_ms
from foundation.database import Database
from foundation.settings import Settings
from operations.geography import map_of
from tests.serving import build_township

State = dict[str, Any]
HOUR_MS = 3_600_000
LONG_STATION = (
    "龙陵县碧寨乡梨树坪社区第三村民小组上游沟口雨量自动监测站",
    "Lishuping community upper gully automatic monitoring station No. 3",
)
LONG_TITLE = (
    "碧寨乡摆达社区至滥坝寨村乡道 K7+300 处山体滑坡掩埋过往车辆致多人被困",
    "Landslide at K7+300 between Baida and Lanbazhai buried several vehicles, people trapped",
)

SOCKET = (Path(__file__).parent / "browser_feed.js").read_text(encoding="utf-8")
"""In the place of the Socket.IO client: a feed that tells `window.__world`, and ticks until `window.__silent`."""


CLOCK = (Path(__file__).parent / "browser_clock.js").read_text(encoding="utf-8")
"""The page's clock can be put forward, so that scenes and pages turn; the feed's does not follow."""


FAULTS = (Path(__file__).parent / "browser_faults.js").read_text(encoding="utf-8")
"""Every text in sight that is cut, shortened, off the screen, too small, or on another text."""


SHOWN = "() => document.body.dataset.scene + ' ' + (document.querySelector('.scene-name[data-on] .scene-page')?.textContent ?? '')"


NOW = datetime(2026, 11, 29, 1, 53, tzinfo=UTC)
"""09:53 in the township: the next shift ends on another day, so its times are as long as they can be."""


def build_world(folder: Path) -> State:
    """The demo township as the feed tells it, an hour of quiet readings before now."""
    clock = ManualClock(NOW)
    build_township(folder, clock)
    now = epoch_ms(clock.now())
    database = Database(f"sqlite:///{folder.resolve() / 'fenghuo.db'}")
    system = {
        "mode": "peace",
        "exercise": None,
        "township": {"zh": "碧寨乡", "en": "Bizhai township"},
        "database": "ok",
        "worker": {"state": "up", "since": now - HOUR_MS},
        "media": {"state": "up", "since": now - HOUR_MS},
        "ingest": {"state": "ok", "reason": "", "since": now - HOUR_MS, "rate": 20, "lag_s": 0},
    }
    readings = Readings()
    with database.reading() as session:
        readings.load(session)
        snapshots = Snapshots(clock, readings, lambda _: {}, lambda: system)
        topics = {topic: snapshots.of(session, topic, 0, Visibility(())) for topic in TOPICS}
        ground = map_of(session, folder)
    database.close()
    world = orjson.loads(orjson.dumps({"now": now, "topics": topics}))
    world["map"] = ground
    for number, sensor in enumerate(world["topics"]["readings"].values()):
        low, high = sensor["normal"]
        middle = low + (high - low) * (0.3 + number % 5 / 10)
        step = 10 ** -sensor["decimals"]
        sensor["recent"] = [[now - minute * 60_000, middle + (minute % 7) * step] for minute in range(60, 0, -1)]
        tell(world, sensor, middle)
    return dict(world)


def tell(world: State, sensor: State, value: float, age_ms: int = 1000) -> None:
    """Give a sensor its newest reading."""
    sensor["at"] = world["now"] - age_ms
    sensor["value"] = value
    sensor["quality"] = 0
    sensor["recent"] = [*sensor["recent"][-119:], [sensor["at"], value]]


# --- what may happen; each changes the world in place


def quiet(world: State) -> None:
    """A room and two incidents of an ordinary day."""
    world["topics"]["rooms"] = {"room": room_of(world, present=5)}
    add_incidents(world, [3, 4])


def room_of(world: State, present: int) -> State:
    """A consultation with all villages, of which some have come."""
    sites = list(VILLAGES)
    since = world["now"] - 20 * 60_000
    return {
        "id": "room", "title": "防汛会商", "incident": None, "open": True, "since": since, "expected": sites,
        "rules": {}, "rings": {}, "rollcall": [],
        "present": [
            {"participant": f"p{site}", "name": VILLAGES[site][0] + "联络员", "site": site, "role": "member", "connected": True, "since": since}
            for site in sites[:present]
        ],
    }  # fmt: skip


def add_incidents(world: State, levels: list[int], title: str = "梨树沟涨水，沿河巡查") -> None:
    """Open incidents of these levels, one after the other in the villages, with their journal."""
    places = village_places(list(VILLAGES))
    topics = world["topics"]
    for number, level in enumerate(levels, start=1):
        site = list(VILLAGES)[number % len(VILLAGES)]
        lon, lat = places[site]
        at = world["now"] - number * 11 * 60_000
        incident = {
            "id": f"i{number}", "number": f"2026-{number:03}", "title": title,
            "class": ["natural", "accident", "health", "security"][number % 4], "level": level,
            "status": "open", "site": site, "place": "乡道 K7+300", "lat": lat, "lon": lon,
            "deaths": 3, "injuries": 12, "loss": 2_345_000, "at": at, "opened_at": at, "by": "李春梅",
        }  # fmt: skip
        topics["incidents"][incident["id"]] = incident
        event = {
            "id": 1000 - number, "at": at, "kind": "incident.opened", "topic": "incidents", "subject": incident["id"],
            "site": site, "actor": "李春梅",
            "summary": {"zh": f"接报 {incident['number']}：{title}", "en": f"{incident['number']} received: {title}"},
            "detail": {"number": incident["number"], "title": title, "level": level}, "state": None,
        }  # fmt: skip
        topics["journal"].append(event)
    topics["journal"].sort(key=lambda event: -event["id"])
    del topics["journal"][40:]


def many_incidents(world: State) -> None:
    """24 open incidents, two of them grave, and a full room of which most are missing."""
    world["topics"]["rooms"] = {"room": room_of(world, present=2)}
    add_incidents(world, [1, 2, *([3, 4] * 11)])


def all_lost(world: State) -> None:
    """No sensor has said anything for three hours; one had passed its guarantee level before."""
    quiet(world)
    sensors = world["topics"]["readings"]
    for sensor in sensors.values():
        sensor["recent"] = [[at - 3 * HOUR_MS, value] for at, value in sensor["recent"]]
        sensor["at"] -= 3 * HOUR_MS
    sensors["bizhai-stage"]["value"] = 9.8


def flood(world: State) -> None:
    """Every gauge is beyond its highest mark, and every other sensor beyond its normal range."""
    quiet(world)
    for sensor in world["topics"]["readings"].values():
        marks = [mark["value"] for mark in sensor["marks"]]
        tell(world, sensor, max([*marks, sensor["normal"][1]]) + 0.35)


def huge(world: State) -> None:
    """Numbers that no column can hold."""
    quiet(world)
    values = [1e300, 123456789012.345, -1e300, 1.7e308, 999_999.4, 1e21, -123456.789]
    for number, sensor in enumerate(world["topics"]["readings"].values()):
        tell(world, sensor, values[number % len(values)])
    for resource in world["topics"]["resources"].values():
        resource["have"], resource["need"] = 123456789012.345, 1e15


def long_names(world: State) -> None:
    """Stations, sites, people, resources and incidents with names as long as offices write them."""
    quiet(world)
    topics = world["topics"]
    for sensor in topics["readings"].values():
        zh, en = sensor["station"]["name"]["zh"], sensor["station"]["name"]["en"]
        sensor["station"]["name"] = {"zh": f"碧寨乡{zh}（上游沟口）", "en": f"{en} upper gully mouth"}
    for resource in topics["resources"].values():
        resource["name"] = {
            "zh": f"碧寨乡人民政府{resource['name']['zh']}储备",
            "en": f"Township {resource['name']['en']} reserve",
        }
    for number, site in enumerate(topics["sites"].values()):
        if number % 3 == 0:
            site["name"] = {"zh": f"{site['name']['zh']}村民委员会", "en": f"{site['name']['en']} village committee"}
    topics["incidents"] = {}
    add_incidents(world, [1, 3], LONG_TITLE[0])
    topics["duty"]["shift"]["leader"]["name"] = "阿卜杜热合曼·买买提"
    topics["system"]["township"] = {
        "zh": "龙陵县碧寨乡人民政府应急指挥中心",
        "en": "Bizhai township emergency command centre",
    }


SCENARIOS = {scene.__name__: scene for scene in (quiet, many_incidents, all_lost, flood, huge, long_names)}


@dataclass
class Screens:
    """The wall's page, served; one browser page after the other looks at it."""

    url: str
    world: State

    @classmethod
    @contextmanager
    def of(cls, folder: Path, **settings: Any) -> Iterator[Self]:
        """Serve the wall's page and its files on a free port."""
        world = build_world(folder / "home")
        server = Flask(
            "screens", static_folder=str(Path(dashboard.__file__).parent / "assets"), static_url_path="/assets"
        )
        create_wall(server, Settings(home=folder / "home", **settings))
        server.add_url_rule("/api/v1/map.geojson", "map", lambda: world["map"])
        running = make_server("127.0.0.1", 0, server, threaded=True)
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        try:
            yield cls(f"http://127.0.0.1:{running.port}", world)
        finally:
            running.shutdown()
            thread.join(10)

    def tour(self, page: Page, scenario: str, query: str) -> Iterator[str]:
        """Show the wall while `scenario` holds; give the name of each scene and page when it is in sight, until all came round."""
        self.open(page, scenario, f"rotate=24&hold=0&{query}")
        seen: set[str] = set()
        while (name := page.evaluate(SHOWN)) not in seen:
            seen.add(name)
            yield name
            for _ in range(4):
                page.evaluate("window.__ahead += 6000")
                page.wait_for_function("() => !document.body.matches('[data-connected=no]')")
                page.wait_for_timeout(300)
                if page.evaluate(SHOWN) != name:
                    break

    def open(self, page: Page, scenario: str, query: str) -> None:
        """Show the wall while `scenario` holds, and wait until it has drawn."""
        world = deepcopy(self.world)
        SCENARIOS[scenario](world)
        world.pop("map")
        page.route("**/socket.io.esm.min.js", lambda route: route.fulfill(body=SOCKET, content_type="text/javascript"))
        page.add_init_script(CLOCK)
        page.add_init_script(f"window.__world = {orjson.dumps(world).decode()}")
        page.goto(f"{self.url}/wall/?{query}")
        page.wait_for_selector('[data-tile="incidents-open"][data-state="fresh"]', state="attached")
        page.evaluate("document.fonts.ready")
