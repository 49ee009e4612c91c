"""`fenghuo web`: the pages, the feed, the rooms' signalling and the API, wired into one Flask application and run under gunicorn.

Who closes whom: `Web.close()` ends the plain-http listener and the look-out for certificates, the feed and the rooms' thread, then the database.
gunicorn calls it when its worker process ends.
"""

import logging
from pathlib import Path
from typing import Any

import orjson
from flask import Flask
from flask_socketio import SocketIO
from gunicorn.app.base import BaseApplication
from gunicorn.config import Config
from gunicorn.glogging import Logger
from prometheus_client import REGISTRY
from werkzeug.middleware.proxy_fix import ProxyFix

import dashboard
from auth.authority import Authority
from conference import rooms
from conference.nodes import NAMESPACE as NODES_NAMESPACE
from conference.nodes import Nodes
from conference.relay import ice_servers
from conference.screens import NAMESPACE as SCREENS_NAMESPACE
from conference.signalling import NAMESPACE as ROOM_NAMESPACE
from conference.signalling import Signalling
from dashboard.api import Api
from dashboard.body_limit import limit_bodies
from dashboard.chooser import create_chooser
from dashboard.desk import create_desk
from dashboard.feed import Feed
from dashboard.field import create_field
from dashboard.gate import Gate
from dashboard.headers import protect
from dashboard.health import Health
from dashboard.login import create_login
from dashboard.pairing import create_pairing
from dashboard.people import create_people
from dashboard.room_page import create_room_page
from dashboard.signedin import signed_in_tags
from dashboard.snapshots import Readings, Snapshots
from dashboard.trust import Anchor, create_trust
from dashboard.wall import create_wall
from dashboard.whip import create_whip
from fenghuo.connections import PROVEN, Lanes, Worker
from fenghuo.https import Https
from fenghuo.own_names import lan_addresses
from fenghuo.plain_http import PlainHttp
from foundation.clock import SystemClock
from foundation.database import Database
from foundation.migrations import upgrade
from foundation.secrets import secret
from foundation.settings import Settings
from operations.sensing import Sensing
from operations.township import mode_of

MAX_EVENT_BYTES = 128 * 1024
"""An SDP offer is the largest thing that a page sends over Socket.IO (64 KiB)."""
PING_EVERY_S = 25
"""Each ping costs a thread; pages notice a dead server by the missing ticks, long before."""
PING_WAIT_S = 20
GRACE_S = 3

logger = logging.getLogger(__name__)


class _Json:
    """orjson in the shape that Socket.IO expects of a JSON module."""

    @staticmethod
    def dumps(content: Any, **_options: Any) -> str:
        return orjson.dumps(content).decode()

    @staticmethod
    def loads(text: str | bytes, **_options: Any) -> Any:
        return orjson.loads(text)


class Web:
    """One web process: the Flask application and what lives beside it."""

    def __init__(self, settings: Settings, https: Https | None = None) -> None:
        clock = SystemClock()
        self.settings = settings
        self._https = https
        self.database = database = Database(settings.database)
        upgrade(database)
        self.app = app = Flask(
            "fenghuo", static_folder=str(Path(dashboard.__file__).parent / "assets"), static_url_path="/assets"
        )
        if settings.trusted_proxies:
            hops = settings.trusted_proxies
            app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
        self.socketio = socketio = SocketIO(
            app,
            async_mode="threading",
            json=_Json,
            message_queue=settings.redis_url or None,
            transports=["websocket"],
            max_http_buffer_size=MAX_EVENT_BYTES,
            ping_interval=PING_EVERY_S,
            ping_timeout=PING_WAIT_S,
            manage_session=False,
            # In order: of two slot changes of one node the later must win.
            async_handlers=False,
        )
        authority = Authority(database, clock, settings.home)
        limit_bodies(app)
        self.gate = gate = Gate(app, authority, settings)
        app.extensions[PROVEN] = gate.proven
        nodes = Nodes(socketio, clock)
        turn_secret = secret(settings.home, "turn")
        self.signalling = Signalling(
            socketio,
            database,
            clock,
            nodes,
            authority.current,
            video_slots=settings.video_slots,
            ice=lambda participant: ice_servers(
                settings.turn_urls, turn_secret, participant, int(clock.now().timestamp())
            ),
            still_valid=authority.still_valid,
        )
        readings = Readings()
        self._nodes = nodes
        for figures in (nodes, self.signalling):
            REGISTRY.register(figures)
        snapshots = Snapshots(clock, readings, rooms.snapshot, self.system)
        self.feed = Feed(socketio, gate, database, clock, readings, snapshots)
        gate.socket_namespace(socketio, NODES_NAMESPACE, nodes)
        gate.socket_namespace(socketio, ROOM_NAMESPACE, self.signalling)
        gate.socket_namespace(socketio, SCREENS_NAMESPACE, self.signalling.screens)
        app.register_blueprint(Api(gate, database, clock, Sensing(database, clock), settings).blueprint())
        app.register_blueprint(create_login(gate, settings))
        app.register_blueprint(create_pairing(gate, settings))
        app.register_blueprint(create_people(gate, clock))
        app.register_blueprint(create_field(gate))
        app.register_blueprint(create_room_page(gate, database, clock, settings, self.signalling.lines))
        app.register_blueprint(create_whip(gate, self.signalling.whip, settings, clock))
        app.register_blueprint(create_chooser(gate, settings))
        self._plain: PlainHttp | None = None
        if https is not None and https.authority is not None:
            anchor = Anchor(https.authority.der, https.authority.title)
            app.register_blueprint(create_trust(gate, settings, anchor, lan_addresses()))
            self._plain = _listener(settings, app)
        threads = [self.feed.thread, *self.signalling.threads]
        threads += [part.thread for part in (https, self._plain) if part is not None]
        app.register_blueprint(Health(gate, database, clock, self.system, threads).blueprint())
        pages = [
            create_wall(app, settings, signed_in=lambda: signed_in_tags(gate.principal_or_none(), gate.language())),
            create_desk(app, gate, settings),
        ]
        protect(app, {digest for page in pages for digest in page.csp_hashes()})

    def system(self) -> dict[str, Any]:
        """The feed's topic `system`: how the platform itself is."""
        database = self.database.probe()
        # What cannot be read is not known: 平时 would be a claim.
        mode = None
        if database in ("ok", "full"):
            with self.database.reading() as session:
                mode = mode_of(session).value
        return {
            "mode": mode,
            "exercise": None,
            "township": {"zh": self.settings.township_zh, "en": self.settings.township_en},
            "database": database,
            **self._nodes.system_state(),
        }

    def start(self) -> None:
        """Begin to tick."""
        self.signalling.start()
        self.feed.start()
        if self._https is not None:
            self._https.start()
        if self._plain is not None:
            self._plain.start()

    def close(self) -> None:
        """End the threads, then the database."""
        if self._plain is not None:
            self._plain.stop()
        if self._https is not None:
            self._https.stop()
        for figures in (self._nodes, self.signalling):
            REGISTRY.unregister(figures)
        self.feed.stop()
        self.signalling.stop()
        self.database.close()


def _listener(settings: Settings, app: Flask) -> PlainHttp | None:
    if not settings.trust_port:
        return None
    try:
        return PlainHttp(settings, app)
    except OSError as error:
        # Who trusts us already loses nothing by it.
        logger.error("plain http cannot listen", extra={"port": settings.trust_port, "why": str(error)})
        return None


class _Logs(Logger):  # type: ignore[misc]
    """gunicorn's log through ours: one JSON object a line like everything else."""

    def setup(self, cfg: Config) -> None:
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            log.handlers.clear()
            log.propagate = True


class _Gunicorn(BaseApplication):  # type: ignore[misc]
    """gunicorn around one `Web`, made in the worker process: threads do not survive a fork."""

    def __init__(self, settings: Settings, https: Https | None) -> None:
        self._settings = settings
        self._https = https
        self._web: Web | None = None
        super().__init__()

    def load_config(self) -> None:
        settings = self._settings
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        options = {
            "bind": [f"{host}:{settings.port}"],
            "workers": 1,
            "worker_class": worker_class(settings),
            # A file is sent by the worker's loop when its reader is slow.
            "sendfile": False,
            "graceful_timeout": GRACE_S,
            "timeout": 60,
            # Otherwise gunicorn opens a control socket in the home folder.
            "control_socket_disable": True,
            "proc_name": "fenghuo-web",
            "loglevel": "warning",
            "logger_class": _Logs,
            "worker_exit": lambda _server, _worker: self.close(),
        }
        https = self._https
        if https is not None:
            options["certfile"] = str(https.certificate_file)
            # gunicorn asks for each connection; ours is one context, whose certificate is renewed while it lives.
            options["ssl_context"] = lambda _config, _make: https.context
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        self._web = Web(self._settings, self._https)
        self._web.start()
        return self._web.app

    def close(self) -> None:
        """End what the worker process began."""
        if self._web is not None:
            self._web.close()
            self._web = None


def worker_class(settings: Settings) -> type[Worker]:
    """The worker for these settings."""

    class ConfiguredWorker(Worker):
        lanes = Lanes(sockets=settings.clients)
        proxies = settings.trusted_proxies

    return ConfiguredWorker


def run_web(settings: Settings) -> None:
    """Run the web process until it is told to stop. UserError("tls_unusable") when the certificate that the settings name is none."""
    https = Https(settings, SystemClock()) if settings.serves_https else None
    _Gunicorn(settings, https).run()
