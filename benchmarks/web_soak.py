"""Web's memory over an hour of busy pages in the demo: it is flat after the first ten minutes.

Two browsers show wall and desk. Beside them pages come and go every few seconds (subscribe to everything, load pages, ask the API), and
incidents are taken in and closed. The demo's sensors never stop.
"""

import argparse
import contextlib
import json
import tempfile
import threading
import time
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil
import socketio
from playwright.sync_api import sync_playwright

from benchmarks.figure import tell_at_most
from benchmarks.interruption import end_in_order_when_told
from dashboard.visibility import TOPICS
from tests.browser import ARGUMENTS
from tests.servers import program
from tests.serving import Served

MINUTES = 60.0
WARM_SHARE = 1 / 6
"""Of the whole time: by then each cache has what it may hold."""
GROWTH_MAX = 1.05
LOOK_S = 15.0
VISITORS = 3
PATHS = (
    "/",
    "/desk/",
    "/field",
    "/api/v1/incidents",
    "/api/v1/journal",
    "/api/v1/sensors",
    "/api/v1/resources",
    "/metrics",
)


class Visitor(threading.Thread):
    """A page that opens, subscribes to everything, loads and asks, writes, and goes again."""

    def __init__(self, served: Served, token: str, number: int) -> None:
        super().__init__(daemon=True)
        self.stopping = threading.Event()
        self.visits = 0
        self._served = served
        self._token = token
        self._stay_s = 2.0 + number

    def run(self) -> None:
        while not self.stopping.is_set():
            with contextlib.suppress(URLError, OSError, HTTPException, socketio.exceptions.SocketIOError):
                self._visit()
                self.visits += 1
            self.stopping.wait(0.5)

    def _visit(self) -> None:
        client = socketio.Client(reconnection=False)
        auth = {"token": self._token}
        client.connect(self._served.url, auth=auth, namespaces=["/feed"], transports=["websocket"])
        try:
            client.emit("subscribe", {"topics": sorted(TOPICS)}, namespace="/feed")
            for path in PATHS:
                request = Request(self._served.url + path, headers={"Authorization": f"Bearer {self._token}"})
                with contextlib.suppress(HTTPError), urlopen(request, timeout=30) as answer:
                    answer.read()
            self._work()
            self.stopping.wait(self._stay_s)
        finally:
            client.disconnect()

    def _work(self) -> None:
        content = {"title": "路面塌方", "class": "natural", "level": 4}
        status, made = self._served.call("POST", "/api/v1/incidents", content, self._token)
        if status == 201:
            change = {"status": "closed", "version": made["version"]}
            self._served.call("PATCH", f"/api/v1/incidents/{made['id']}", change, self._token)


def resident_mib(process: psutil.Process) -> float:
    """Return the memory that only this process holds, MiB."""
    return float(process.memory_full_info().uss) / 2**20


def demo_guide(served: Served) -> dict[str, Any]:
    """Return the demo's addresses and accounts, once it has written them down."""
    file = served.home / "demo.json"
    while not file.exists():
        time.sleep(0.2)
    content: dict[str, Any] = json.loads(file.read_bytes())
    return content


def measure(minutes: float) -> None:
    """The figure."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder, contextlib.ExitStack() as stack:
        served = Served(Path(folder) / "home", ("demo",))
        stack.callback(served.stop)
        served.start(ready=False)
        guide = demo_guide(served)
        officer = next(one for one in guide["accounts"] if one["name"] == "duty")
        token = served.log_in(officer["name"], officer["password"])
        process = served.child("web").children()[0]
        browser = stack.enter_context(sync_playwright()).chromium.launch(
            executable_path=program("chromium"), args=ARGUMENTS
        )
        stack.callback(browser.close)
        wall = browser.new_page()
        wall.goto(f"{served.url}/wall?token={guide['wall_token']}")
        desk = browser.new_page(extra_http_headers={"Authorization": f"Bearer {token}"})
        desk.goto(f"{served.url}/desk/")
        visitors = [Visitor(served, token, number) for number in range(VISITORS)]
        for visitor in visitors:
            visitor.start()
        begin = time.monotonic()
        sizes: list[tuple[float, float]] = []
        while (passed := time.monotonic() - begin) < minutes * 60:
            sizes.append((passed, resident_mib(process)))
            wall.wait_for_timeout(LOOK_S * 1000)
        for visitor in visitors:
            visitor.stopping.set()
        for visitor in visitors:
            visitor.join(60)
        warm_s = minutes * 60 * WARM_SHARE
        early = max(size for at, size in sizes if at <= warm_s)
        late = max(size for at, size in sizes if at > warm_s)
        visits = sum(visitor.visits for visitor in visitors)
        where = f"web's memory, {minutes:g} minutes, {visits} visits ({early:.0f} to {late:.0f} MiB)"
        tell_at_most(where, "ratio", [late / early], GROWTH_MAX)


def main() -> None:
    """The figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    end_in_order_when_told()
    measure(parser.parse_args().minutes)


if __name__ == "__main__":
    main()
