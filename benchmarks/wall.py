"""The wall in a real Chromium: from a published measurement to the changed number, beside the same page polled with dcc.Interval; heap and CPU.

`python -m benchmarks.wall`; with the argument `interval PORT` it is the peer's server.
"""

import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import orjson
import paho.mqtt.client as paho
import psutil
from playwright.sync_api import CDPSession, Page

from benchmarks.feed import cpu, worker_of
from benchmarks.figure import p95, tell, tell_at_most
from foundation.database import Database
from operations.mapping import own_topic
from operations.stations import all_sensors
from tests.browser import chromium, playwright
from tests.servers import free_port, wait_for_port
from tests.serving import Served, build_township

WARM_S = 12
SECONDS = 30
POINTS = 120
TICKS = 1_800
TICK_EVERY_MS = 40
ROTATION_MS = 110_000
ROUNDS = 3

WATCH = """
(() => {
  const Real = window.WebSocket;
  const seen = { ticks: [], whole: [], over: [], bytes: 0 };
  window.__seen = seen;
  let now = 0;
  window.WebSocket = class extends Real {
    constructor(...given) {
      super(...given);
      window.__socket = this;
      this.addEventListener("message", (message) => {
        seen.bytes += message.data.length;
        if (!message.data.startsWith('42/feed,["tick"')) return;
        now = Number(/"now":(\\d+)/.exec(message.data)[1]);
        seen.last = message.data;
      });
    }
  };
  new MutationObserver((changes) => {
    const done = Date.now();
    for (const change of changes) {
      if (!(change.target instanceof Element) || !change.target.matches('[data-tile^="sensor:"]')) continue;
      seen.whole.push(done - Date.parse(change.target.getAttribute("data-at")));
      seen.over.push(done - now);
    }
  }).observe(document, { subtree: true, attributes: true, attributeFilter: ["data-at"] });
})();
"""

REPLAY = """
async ([ticks, every]) => {
  const message = JSON.parse(window.__seen.last.slice(8));
  let now = message[1].now;
  for (let number = 0; number < ticks; number += 1) {
    now += 1000;
    message[1].now = now;
    for (const rows of Object.values(message[1].readings)) {
      rows.splice(1);
      rows[0][0] = now;
      rows[0][1] += Math.sin(number / 9) / 5;
    }
    window.__socket.dispatchEvent(new MessageEvent("message", { data: '42/feed,' + JSON.stringify(message) }));
    await new Promise((go) => setTimeout(go, every));
  }
}
"""


def publish(port: int, topics: list[str], stopping: threading.Event) -> None:
    """Every sensor once a second, spread over the second as real ones are."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    number = 0
    while not stopping.wait(1 / len(topics)):
        content = orjson.dumps({"at": int(time.time() * 1000), "value": number % 97 / 10})
        client.publish(topics[number % len(topics)], content, qos=1)
        number += 1
    client.disconnect()


def heap(session: CDPSession) -> float:
    """Bytes of the page's heap after a forced collection, what this benchmark has noted there left out."""
    session.send("Runtime.evaluate", {"expression": "window.__seen.whole.length = window.__seen.over.length = 0"})
    for _ in range(3):
        session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"])


def browser_cpu(before: dict[int, float] | None = None) -> tuple[dict[int, float], float]:
    """CPU seconds of all Chromium processes below us, and how many more since `before`."""
    now = {}
    for process in psutil.Process().children(recursive=True):
        try:
            if "chromium" in process.name():
                now[process.pid] = cpu(process)
        except psutil.NoSuchProcess:
            continue
    return now, sum(value - (before or {}).get(pid, 0.0) for pid, value in now.items())


def watch_wall(page: Page, served: Served, wall: str, web: psutil.Process) -> dict[str, Any]:
    """One look at the wall for `SECONDS`: delays in ms, bytes and server CPU for each second, browser CPU share."""
    page.add_init_script(WATCH)
    page.goto(f"{served.url}/wall?token={wall}")
    page.wait_for_selector('[data-tile^="sensor:"][data-state="fresh"]', state="attached")
    time.sleep(WARM_S)
    page.evaluate("window.__seen.whole.length = 0; window.__seen.over.length = 0; window.__seen.bytes = 0")
    server, (own, _) = cpu(web), browser_cpu()
    time.sleep(SECONDS)
    seen = page.evaluate("({whole: window.__seen.whole, over: window.__seen.over, bytes: window.__seen.bytes})")
    return {
        "whole": p95(seen["whole"]),
        "over": p95(seen["over"]),
        "bytes": seen["bytes"] / SECONDS,
        "server": (cpu(web) - server) / SECONDS * 1000,
        "browser": browser_cpu(own)[1] / SECONDS * 100,
    }


def watch_interval(page: Page, url: str, server: psutil.Process) -> tuple[float, float]:
    """Bytes and server CPU (ms) for each second of the polled page."""
    page.goto(url)
    page.wait_for_selector(".js-plotly-plot", timeout=60_000)
    time.sleep(WARM_S)
    taken, before = sent(url), cpu(server)
    time.sleep(SECONDS)
    return (sent(url) - taken) / SECONDS, (cpu(server) - before) / SECONDS * 1000


def sent(url: str) -> int:
    """Bytes that the peer has sent in answers to its page's polls."""
    with urlopen(f"{url}/bytes", timeout=10) as answer:
        return int(answer.read())


def interval_server(port: int, count: int) -> None:
    """The peer: as many small charts, each a whole figure of `POINTS` points, polled once a second."""
    import numpy
    import plotly.graph_objects as go
    from dash import Dash, Input, Output, dcc, html
    from flask import Response, request

    app = Dash("interval")
    app.layout = html.Div(
        [dcc.Interval(id="beat", interval=1000), *(dcc.Graph(id=f"chart-{number}") for number in range(count))]
    )
    steps = numpy.arange(POINTS)
    bytes_sent = [0]

    @app.server.after_request  # type: ignore[untyped-decorator]
    def weigh(response: Response) -> Response:
        if request.path == "/_dash-update-component":
            bytes_sent[0] += len(response.get_data())
        return response

    app.server.add_url_rule("/bytes", "bytes", lambda: str(bytes_sent[0]))

    @app.callback([Output(f"chart-{number}", "figure") for number in range(count)], Input("beat", "n_intervals"))
    def poll(beat: int | None) -> list[go.Figure]:
        moments = [time.time() - POINTS + float(step) for step in steps]
        return [
            go.Figure(go.Scatter(x=moments, y=list(numpy.sin((steps + (beat or 0)) / 9 + number))))
            for number in range(count)
        ]

    app.run(host="127.0.0.1", port=port, debug=False)


def main() -> None:
    """All figures."""
    with tempfile.TemporaryDirectory(prefix="fenghuo-bench-") as folder:
        home = Path(folder) / "home"
        build_township(home)
        database = Database(f"sqlite:///{home / 'fenghuo.db'}")
        with database.reading() as session:
            topics = [own_topic(station.site_id, sensor.id) for sensor, station in all_sensors(session)]
        database.close()
        served = Served(home)
        served.create_admin()
        served.start()
        stopping = threading.Event()
        threading.Thread(target=publish, args=(served.mqtt_port, topics, stopping), daemon=True).start()
        try:
            measure(served, len(topics))
        finally:
            stopping.set()
            served.stop()


def measure(served: Served, count: int) -> None:
    """Ours and the peer in turn."""
    from tests.system.test_killed import wall_token

    wall = wall_token(served)
    web = worker_of(served.child("web"))
    port = free_port()
    peer = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.wall", "interval", str(port), str(count)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for_port(port, peer)
    looks: list[dict[str, Any]] = []
    polled: list[tuple[float, float]] = []
    try:
        with playwright() as running:
            for _ in range(ROUNDS):
                with chromium(running) as browser:
                    looks.append(watch_wall(browser.page(), served, wall, web))
                with chromium(running) as browser:
                    polled.append(watch_interval(browser.page(), f"http://127.0.0.1:{port}", psutil.Process(peer.pid)))
            with chromium(running) as browser:
                page = browser.page()
                watch_wall(page, served, wall, web)
                cdp = page.context.new_cdp_session(page)
                # Every scene is made when it is first shown: that is no growth, so all come round once before.
                page.evaluate(REPLAY, [ROTATION_MS // TICK_EVERY_MS, TICK_EVERY_MS])
                before = heap(cdp)
                page.evaluate(REPLAY, [TICKS, TICK_EVERY_MS])
                grown = (heap(cdp) - before) / 1e6
    finally:
        peer.terminate()
        peer.wait(10)

    def ours(name: str) -> list[float]:
        return [look[name] for look in looks]

    tell_at_most("published to changed on the wall, p95", "ms", ours("whole"), 1300)
    tell_at_most("tick sent to changed on the wall, p95", "ms", ours("over"), 50)
    name = "the same sensors as dcc.Graph polled by dcc.Interval, whole figures"
    tell(
        "web's CPU for one wall",
        "ms/s",
        ours("server"),
        [cost for _, cost in polled],
        peer_name=name,
        goal="<= 0.1 of the peer",
        met=lambda mine, other: mine <= 0.1 * other,
    )
    tell(
        "bytes for one wall",
        "B/s",
        ours("bytes"),
        [size for size, _ in polled],
        peer_name=name,
        goal="<= 0.01 of the peer",
        met=lambda mine, other: mine <= 0.01 * other,
    )
    tell_at_most("browser CPU of the wall at 1 Hz", "% of a core", ours("browser"), 15)
    tell_at_most(f"heap growth over {TICKS} updates", "MB", [grown], 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["interval"]:
        interval_server(int(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
