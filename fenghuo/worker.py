"""`fenghuo worker`: readings from MQTT, roll-ups; it dials in to web and tells how it goes.

Who closes whom: `Worker.run` owns the broker or subscriber, the ingest and the connection to web, and closes them in that order.
"""

import asyncio
import contextlib
import logging
import signal
from typing import Any

import aiohttp
import socketio
import uvloop

from fenghuo.clock_watch import ClockWatch
from foundation import disk
from foundation.clock import Clock, SystemClock
from foundation.database import Database
from foundation.identifiers import new_id
from foundation.loops import error_counts, guarded, supervised, survived
from foundation.migrations import await_schema
from foundation.secrets import secret
from foundation.settings import Settings
from foundation.trust import dialling
from operations.broker import EmbeddedBroker
from operations.ingest import Ingest
from operations.mapping import load_mapping
from operations.mqtt import Subscriber
from operations.retention import Keep, purge_some
from operations.rollups import roll_up_due
from operations.sensing import Sensing

REPORT_EVERY_S = 2.0
CLOCK_LOOK_EVERY_S = 5.0
ROLL_UP_EVERY_S = 30.0
RETAIN_EVERY_S = 600.0
ROLL_UP_PAUSE_S = 0.1
"""Between two transactions: whoever waits to write a reading comes in here."""
DIAL_AGAIN_S = 1.0
NAMESPACE = "/nodes"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

logger = logging.getLogger(__name__)


class Worker:
    """The worker process."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._keep = Keep(
            settings.keep_readings_days, settings.keep_minutes_days, settings.keep_hours_days, settings.keep_logins_days
        )
        self._database = Database(settings.database)
        self._mapping = load_mapping(settings.home, settings.zone)
        self._ingest = Ingest(Sensing(self._database, clock), self._mapping, clock)
        self._stopping = asyncio.Event()

    async def run(self) -> int:
        """Work until SIGTERM or SIGINT."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        await asyncio.to_thread(await_schema, self._database)
        self._ingest.start()
        source = await self._open_source()
        tasks = [
            asyncio.create_task(supervised("roll-ups", self._roll_up)),
            asyncio.create_task(supervised("retention", self._retain)),
            asyncio.create_task(supervised("clock", self._watch_clock)),
            *self._reports(),
        ]
        await self._stopping.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(source, EmbeddedBroker):
            await source.close()
        else:
            # The ingest first: a subscriber that waits for room in its queue could not be closed.
            await asyncio.to_thread(self._ingest.stop)
            await asyncio.to_thread(source.close)
        await asyncio.to_thread(self._ingest.stop)
        self._database.close()
        return 0

    async def _open_source(self) -> EmbeddedBroker | Subscriber:
        settings = self._settings
        if settings.mqtt_url:
            subscriber = Subscriber(
                settings.mqtt_url, "fenghuo-worker", self._mapping.topics, self._ingest, self._clock
            )
            subscriber.open()
            return subscriber
        password = "" if settings.mqtt_host in LOOPBACK else secret(settings.home, "mqtt")
        broker = EmbeddedBroker(settings.mqtt_host, settings.mqtt_port, password, self._ingest)
        await broker.open()
        return broker

    async def _roll_up(self) -> None:
        while True:
            await asyncio.sleep(ROLL_UP_EVERY_S)
            # Charts wait, measuring goes on: the spans stay due and are tried again.
            with guarded("roll-ups"):
                while await asyncio.to_thread(self._roll_up_some):
                    await asyncio.sleep(ROLL_UP_PAUSE_S)

    async def _watch_clock(self) -> None:
        watch = ClockWatch(self._database, self._clock)
        while True:
            await asyncio.sleep(CLOCK_LOOK_EVERY_S)
            with guarded("clock"):
                await asyncio.to_thread(watch.look)

    def _roll_up_some(self) -> int:
        with self._database.writing() as session:
            return roll_up_due(session, self._keep.rolled_from(self._clock.now()))

    async def _retain(self) -> None:
        while True:
            # The disk fills more slowly than this is tried again.
            with guarded("retention"):
                await asyncio.to_thread(disk.sample, self._settings.home, self._clock.now())
                while await asyncio.to_thread(self._purge_some):
                    await asyncio.sleep(ROLL_UP_PAUSE_S)
            await asyncio.sleep(RETAIN_EVERY_S)

    def _purge_some(self) -> int:
        with self._database.writing() as session:
            return purge_some(session, self._clock.now(), self._keep)

    def _reports(self) -> list[asyncio.Task[None]]:
        node = new_id()
        return [asyncio.create_task(self._report(node, address)) for address in self._settings.web_addresses]

    async def _report(self, node: str, address: str) -> None:
        """Stay connected to one web process, for ever, and tell it every two seconds how ingest goes."""
        while True:
            try:
                await self._dial(node, address)
            except (socketio.exceptions.SocketIOError, OSError, TimeoutError) as error:
                logger.info("web does not answer", extra={"reason": str(error)})
            except Exception:  # noqa: BLE001 - `survived` logs and counts it
                # A living worker that web takes for dead would be a lie on the wall: dial again, whatever it was.
                survived("worker.report")
            await asyncio.sleep(DIAL_AGAIN_S)

    async def _dial(self, node: str, address: str) -> None:
        """One connection to web, until it ends."""
        async with contextlib.AsyncExitStack() as stack:
            connector = aiohttp.TCPConnector(ssl=dialling(self._settings))
            http = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            client = socketio.AsyncClient(reconnection=False, http_session=http)
            stack.push_async_callback(client.disconnect)
            await client.connect(
                address,
                namespaces=[NAMESPACE],
                transports=["websocket"],
                # So that web knows us before the websocket opens: strangers have few threads.
                headers={"Authorization": f"Bearer {secret(self._settings.home, 'node')}"},
                auth={
                    "token": secret(self._settings.home, "node"),
                    "kind": "worker",
                    "node": node,
                    "version": 1,
                },
                wait_timeout=5,
            )
            await self._tell(client)

    async def _tell(self, client: Any) -> None:
        written, told_at = self._ingest.written, self._clock.monotonic()
        while client.connected:
            await asyncio.sleep(REPORT_EVERY_S)
            now = self._clock.monotonic()
            rate = (self._ingest.written - written) / (now - told_at)
            written, told_at = self._ingest.written, now
            status = self._ingest.status
            report = {
                "state": status.state,
                "reason": status.reason,
                "since": status.since_ms,
                "rate": round(rate, 1),
                "lag_s": round(self._ingest.lag_s, 1),
                "depth": self._ingest.depth,
                "outcomes": dict(self._ingest.outcomes),
                "events": dict(self._ingest.events),
                "loop_errors": error_counts(),
            }
            await client.emit("ingest", report, namespace=NAMESPACE)


def run_worker(settings: Settings) -> int:
    """Run the worker process until it is told to stop; the exit code."""

    async def main() -> int:
        return await Worker(settings, SystemClock()).run()

    # Less than half of asyncio's cost for each message of the embedded broker.
    return uvloop.run(main())
