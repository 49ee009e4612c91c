"""The demo as a stranger starts it, twice on the same folder, with a broker that was there before."""

import json
import stat
import time
from pathlib import Path
from typing import Any

from tests.servers import Mosquitto
from tests.serving import Served

PATIENCE_S = 30
ROLES = {"admin", "leader", "duty", "village", "field"}


def started(served: Served) -> dict[str, Any]:
    """Start the demo; its guide, which is written once the server answers."""
    served.start()
    file = served.home / "demo.json"
    deadline = time.monotonic() + PATIENCE_S
    while not file.exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    guide: dict[str, Any] = json.loads(file.read_text())
    return guide


def moved(served: Served, guide: dict[str, Any]) -> bool:
    """Whether the river's gauge reports now."""
    admin = next(account for account in guide["accounts"] if account["role"] == "admin")
    token = served.log_in(admin["name"], admin["password"])
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        since = int(time.time() * 1000) - 3_000
        points = served.call(
            "GET", f"/api/v1/readings?sensor=bizhai-stage&from={since}&to={since + 60_000}", token=token
        )[1]["points"]
        if points:
            return True
        time.sleep(0.3)
    return False


def test_the_demo_uses_the_broker_it_is_given_and_knows_its_wall_again(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path)
    broker.start()
    served = Served(tmp_path / "home", ("demo",), FENGHUO_MQTT_URL=f"mqtt://127.0.0.1:{broker.port}")
    try:
        first = started(served)
        assert {account["role"] for account in first["accounts"]} >= ROLES
        assert moved(served, first)
        served.stop()
        second = started(served)
        assert second["accounts"] != first["accounts"]
        assert (second["wall_token"], second["room"]) == (first["wall_token"], first["room"])
        assert moved(served, second)
    finally:
        served.stop()
        broker.stop()
