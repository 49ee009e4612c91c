"""A tiny web process for tests of the bare media node: namespace /nodes by python-socketio, pages and commands by aiohttp."""

import asyncio
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import socketio
from aiohttp import web

CLIENT = Path(__file__).parent / "client"
TOKEN = "a-token-for-tests"


class TinyWeb:
    """Runs in a thread of its own. `events` holds what the node told, `hello` first; `call` asks the node and returns its answer."""

    def __init__(self, port: int = 0) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.connected = threading.Event()
        self.refused = 0
        self.port = port
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._sid = ""
        self._run(self._start())

    def _run(self, coroutine: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        return future.result(30)

    async def _start(self) -> None:
        self._server = socketio.AsyncServer(async_mode="aiohttp")
        app = web.Application()
        self._server.attach(app)
        self._server.on("connect", self._connect, namespace="/nodes")
        for event in ("session", "slots", "speakers", "load"):
            self._server.on(event, self._taker(event), namespace="/nodes")
        app.router.add_get("/", self._page)
        app.router.add_static("/client/", CLIENT)
        app.router.add_post("/call/{event}", self._relay)
        app.router.add_get("/slots/{session}", self._slots)
        self._runner = web.AppRunner(app, shutdown_timeout=0.2)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _connect(self, sid: str, _environ: dict[str, Any], auth: dict[str, Any]) -> bool:
        if auth.get("token") != TOKEN or auth.get("kind") != "media":
            with self._changed:
                self.refused += 1
                self._changed.notify_all()
            return False
        self._sid = sid
        with self._changed:
            self.events.append(("hello", auth))
            self._changed.notify_all()
        self.connected.set()
        return True

    def _taker(self, event: str) -> Any:
        async def take(_sid: str, payload: dict[str, Any]) -> None:
            with self._changed:
                self.events.append((event, payload))
                self._changed.notify_all()

        return take

    async def _page(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(CLIENT / "room.html")

    async def _relay(self, request: web.Request) -> web.Response:
        answer = await self._server.call(
            request.match_info["event"], await request.json(), to=self._sid, namespace="/nodes"
        )
        return web.json_response(answer)

    async def _slots(self, request: web.Request) -> web.Response:
        name = request.match_info["session"]
        slots: dict[str, Any] = {}
        for event, payload in self.events:
            if event == "slots" and payload["session"] == name:
                slots.update({slot["slot"]: slot for slot in payload["slots"]})
        return web.json_response(slots)

    def call(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Ask the node."""
        answer: dict[str, Any] = self._run(
            self._server.call(event, payload, to=self._sid, namespace="/nodes", timeout=10)
        )
        return answer

    def wait_for(self, condition: Any, timeout_s: float = 20.0) -> Any:
        """Wait until `condition(events)` is true and return it."""
        with self._changed:
            result = self._changed.wait_for(lambda: condition(self.events), timeout_s)
        if not result:
            raise AssertionError(f"did not happen; last events: {self.events[-5:]}")
        return result

    async def _end(self) -> None:
        await self._server.shutdown()
        await self._runner.cleanup()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def wait_refused(self, times: int, timeout_s: float = 20.0) -> None:
        """Wait until so many connections were refused."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.refused >= times, timeout_s)

    def stop(self) -> None:
        """Close everything."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
