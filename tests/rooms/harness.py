"""A web process with the rooms' parts alone, served for real on a port of its own, and a scripted media node."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import socketio
from flask import Flask
from flask_socketio import SocketIO
from werkzeug.serving import make_server

import dashboard
from auth.authority import Authority
from auth.passwords import hash_password
from auth.people import create_person
from auth.permissions import Role
from auth.principal import SYSTEM
from auth.sites import SiteKind, create_site
from conference.nodes import NAMESPACE as NODES
from conference.nodes import Nodes
from conference.screens import NAMESPACE as SCREENS
from conference.signalling import NAMESPACE as ROOM
from conference.signalling import Signalling
from dashboard.gate import Gate
from dashboard.headers import protect
from dashboard.login import create_login
from dashboard.room_page import create_room_page
from dashboard.whip import create_whip
from foundation.clock import Clock
from foundation.database import Database
from foundation.identifiers import new_id
from foundation.secrets import secret
from foundation.settings import Settings

WAIT_S = 10.0
TOLD = ("roster", "slots", "speakers", "line", "closed", "asked", "waiting", "offence", "admitted", "said", "minuted")
"""What the server tells pages."""
PASSWORD = "correct horse battery staple"
SITES = (("bizhai", "碧寨", "Bizhai"), ("lishuping", "梨树坪", "Lishuping"), ("zhongzhai", "中寨", "Zhongzhai"))


def until(what: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
    """Wait for `what` to be true, and give what it gave; what it looks for may not be there yet (LookupError)."""
    end = time.monotonic() + timeout_s
    while True:
        with contextlib.suppress(LookupError):
            if result := what():
                return result
        if time.monotonic() > end:
            raise AssertionError("did not happen in time")
        time.sleep(0.02)


def hang_up(client: socketio.Client) -> None:
    """End the connection at once: its own way out waits three seconds for a word that the test's server never says."""
    raw = client.eio.ws.sock if client.connected else None
    if raw is not None:
        with contextlib.suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)
    client.disconnect()


class RoomWeb:
    """Serves; `tick` does the work of a second at once, so that no test waits for one."""

    def __init__(
        self, settings: Settings, database: Database, clock: Clock, port: int = 0, redis_url: str | None = None
    ) -> None:
        """`redis_url`: the queue that it shares with other web processes."""
        self.settings = settings
        self.database = database
        self.clock = clock
        app = Flask("rooms", static_folder=str(Path(dashboard.__file__).parent / "assets"), static_url_path="/assets")
        # A machine that stands still for a while is no page that went.
        self.socketio = SocketIO(
            app, async_mode="threading", async_handlers=False, message_queue=redis_url, ping_timeout=120
        )
        self.authority = Authority(database, clock, settings.home)
        gate = Gate(app, self.authority, settings)
        self.nodes = Nodes(self.socketio, clock)
        self.signalling = Signalling(
            self.socketio,
            database,
            clock,
            self.nodes,
            self.authority.current,
            video_slots=settings.video_slots,
            ice=lambda _who: [],
            still_valid=self.authority.still_valid,
        )
        gate.socket_namespace(self.socketio, NODES, self.nodes)
        gate.socket_namespace(self.socketio, ROOM, self.signalling)
        gate.socket_namespace(self.socketio, SCREENS, self.signalling.screens)
        app.register_blueprint(create_login(gate, settings))
        app.register_blueprint(create_room_page(gate, database, clock, settings, self.signalling.lines))
        app.register_blueprint(create_whip(gate, self.signalling.whip, settings, clock))
        protect(app, set())
        self.app = app
        self.gate = gate
        self._server = make_server("127.0.0.1", port, app, threaded=True)
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self.node_token = secret(settings.home, "node")
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def tick(self) -> None:
        """The work of every second."""
        self.signalling.tick()

    def stop(self) -> None:
        """End it."""
        self.signalling.stop()
        self._server.shutdown()
        self._server.server_close()

    def people(self) -> None:
        """Three sites, and a person of each: officer (duty), lishuping and zhongzhai (villages)."""
        with self.database.writing() as session:
            for number, (site, zh, en) in enumerate(SITES, start=1):
                create_site(
                    session,
                    self.clock,
                    SYSTEM,
                    id=site,
                    code=f"53052320320{number}",
                    name_zh=zh,
                    name_en=en,
                    kind=SiteKind.VILLAGE,
                )
            for name, shown, role, site in (
                ("officer", "值班员 李国强", Role.DUTY, "bizhai"),
                ("lishuping", "梨树坪 王小梅", Role.VILLAGE, "lishuping"),
                ("zhongzhai", "中寨 赵永福", Role.VILLAGE, "zhongzhai"),
            ):
                create_person(
                    session,
                    self.clock,
                    SYSTEM,
                    name=name,
                    password_hash=hash_password(PASSWORD),
                    role=role,
                    display_name=shown,
                    site_id=site,
                )

    def token(self, name: str) -> str:
        """An access token of one of the people."""
        return self.authority.logins.open(name, PASSWORD, "127.0.0.1").access_token

    def open_room(self, title: str = "防汛会商") -> str:
        """A room that the officer opened over the API."""
        answer = self.app.test_client().post(
            "/api/v1/rooms",
            json={"title": title, "expected": ["lishuping", "zhongzhai"]},
            headers={"Authorization": f"Bearer {self.token('officer')}"},
        )
        if answer.status_code != 201:
            raise AssertionError(answer.get_data(as_text=True))
        return str(answer.get_json()["id"])

    def link(self, room: str, name: str, role: str) -> str:
        """The address of a join link that the officer made over the API."""
        answer = self.app.test_client().post(
            f"/api/v1/rooms/{room}/links",
            json={"name": name, "role": role},
            headers={"Authorization": f"Bearer {self.token('officer')}"},
        )
        if answer.status_code != 201:
            raise AssertionError(answer.get_data(as_text=True))
        return f"{self.url}/rooms/{room}?{str(answer.get_json()['url']).split('?', 1)[1]}"


class Page:
    """A Socket.IO client in namespace /room; `heard` has what the server told, in order."""

    def __init__(self, web: RoomWeb, token: str) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.session = new_id()
        self.client = socketio.Client(reconnection=False)
        for event in TOLD:
            self.client.on(event, self._hearer(event), namespace=ROOM)
        self.client.connect(
            web.url, namespaces=[ROOM], auth={"token": token}, transports=["websocket"], wait_timeout=10
        )

    def _hearer(self, event: str) -> Callable[[dict[str, Any]], None]:
        return lambda payload: self.heard.append((event, payload))

    def ask(self, event: str, payload: Any) -> dict[str, Any]:
        """One request and its acknowledgement."""
        answer: dict[str, Any] = self.client.call(event, payload, namespace=ROOM, timeout=30)
        return answer

    def join(self, room: str) -> dict[str, Any]:
        """Join with this page's session."""
        return self.ask("join", {"room": room, "session": self.session})

    def told(self, event: str) -> list[dict[str, Any]]:
        """Everything heard of one kind."""
        return [payload for name, payload in list(self.heard) if name == event]

    def roster(self) -> dict[str, dict[str, Any]]:
        """The newest roster, by name."""
        told = sorted(self.told("roster"), key=lambda roster: int(roster["version"]))
        return {one["name"]: one for one in told[-1]["participants"]} if told else {}

    def close(self) -> None:
        """Hang up without a word."""
        hang_up(self.client)


class Screen:
    """Any page of somebody of a site, as far as it is rung."""

    def __init__(self, web: RoomWeb, token: str) -> None:
        self.told: list[list[dict[str, Any]]] = []
        self.client = socketio.Client(reconnection=False)
        self.client.on("calls", lambda payload: self.told.append(payload["calls"]), namespace=SCREENS)
        self.client.connect(
            web.url, namespaces=[SCREENS], auth={"token": token}, transports=["websocket"], wait_timeout=10
        )
        self.told.append(self.ask("watch", {})["calls"])

    def ask(self, event: str, payload: Any) -> dict[str, Any]:
        """One request and its acknowledgement."""
        answer: dict[str, Any] = self.client.call(event, payload, namespace=SCREENS, timeout=30)
        return answer

    def rooms(self) -> list[str]:
        """The rooms that ring now."""
        return [call["room"] for call in self.told[-1]]

    def close(self) -> None:
        """Hang up without a word."""
        hang_up(self.client)


class ScriptedNode:
    """A media node that answers every command, remembers it, and tells what the test wants told."""

    def __init__(self, web: RoomWeb, name: str = "n1", kind: str = "media", run: str = "first") -> None:
        self.commands: list[tuple[str, dict[str, Any]]] = []
        self.errors: dict[str, dict[str, str]] = {}
        self.hangs: set[str] = set()
        """The commands that it does not answer before `released`."""
        self.released = threading.Event()
        self.slots = [{"mid": "3", "slot": "a0", "kind": "audio"}]
        self.figures: dict[str, Any] = {}
        """What it answers to `node.stats`."""
        self.client = socketio.Client(reconnection=False)
        for event in (
            "room.offer",
            "room.want",
            "room.freezes",
            "room.busy",
            "room.ice",
            "room.grants",
            "room.leave",
            "room.close",
            "node.stats",
        ):
            self.client.on(event, self._answerer(event), namespace=NODES)
        self.client.connect(
            web.url,
            namespaces=[NODES],
            auth={"token": web.node_token, "kind": kind, "node": name, "version": "1", "run": run},
            transports=["websocket"],
            wait_timeout=10,
        )

    @property
    def sid(self) -> str:
        """The connection's id at the server."""
        return str(self.client.get_sid(NODES))

    def _answerer(self, event: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        def answer(payload: dict[str, Any]) -> dict[str, Any]:
            self.commands.append((event, payload))
            if event in self.errors:
                return {"error": self.errors[event]}
            if event in self.hangs:
                self.released.wait(60)
            if event == "node.stats":
                return self.figures
            if event == "room.ice":
                return {"ufrag": "ufrag", "password": "password"}
            return {"sdp": "v=0 answer", "slots": self.slots} if event == "room.offer" else {}

        return answer

    def had(self, event: str) -> list[dict[str, Any]]:
        """Every command of one kind."""
        return [payload for name, payload in list(self.commands) if name == event]

    def tell(self, event: str, payload: Any) -> Any:
        """Tell web something and wait until it has taken it."""
        return self.client.call(event, payload, namespace=NODES, timeout=10)

    def session(self, room: str, participant: str, session: str, state: str) -> None:
        """Tell of a session."""
        self.tell(
            "session", {"room": room, "participant": participant, "session": session, "state": state, "reason": ""}
        )

    def close(self) -> None:
        """The connection ends."""
        self.released.set()
        hang_up(self.client)
