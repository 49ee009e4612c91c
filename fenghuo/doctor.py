"""`fenghuo doctor`: looks at everything that an installation needs, and says what to do about what is wrong."""

import os
import shutil
import socket
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from sqlalchemy.exc import SQLAlchemyError

from foundation.database import MIN_FREE_BYTES, Database
from foundation.settings import Settings

COMFORTABLE_BYTES = 2 * 1024**3
RECEIVE_BUFFER_WANTED = 2 * 1024 * 1024
EARLIEST_PLAUSIBLE = 1_767_225_600  # 2026-01-01: a clock before it was never set
CONNECT_S = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warn", "bad"]
    found: str
    advice: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Look at everything, one finding each, in the order in which a person would mend it."""
    checks: list[Callable[[Settings], Finding]] = [
        _disk,
        _clock,
        _secrets,
        _database,
        _port,
        _udp,
        _receive_buffer,
        _broker,
        _browser_parts,
        _https,
    ]
    return [check(settings) for check in checks]


def _disk(settings: Settings) -> Finding:
    folder = settings.home if settings.home.exists() else Path(settings.home).absolute().parent
    free = shutil.disk_usage(folder).free
    found = f"{free / 1024**3:.1f} GiB free for {settings.home}"
    if free < MIN_FREE_BYTES:
        return Finding(
            "disk",
            "bad",
            found,
            "readings and incidents are refused until there is room: free some, or move FENGHUO_HOME",
        )
    if free < COMFORTABLE_BYTES:
        return Finding("disk", "warn", found, "free some before the flood season")
    return Finding("disk", "ok", found)


def _clock(_settings: Settings) -> Finding:
    now = time.time()
    found = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    if now < EARLIEST_PLAUSIBLE:
        return Finding(
            "clock",
            "bad",
            found,
            "the clock was never set: set it, and use NTP from the county's network or a GPS receiver",
        )
    return Finding("clock", "ok", found)


def _secrets(settings: Settings) -> Finding:
    folder = settings.home / "secrets"
    if not folder.exists():
        return Finding("secrets", "ok", "none yet; made at the first start")
    loose = [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077]
    if loose:
        return Finding("secrets", "bad", f"readable by others: {', '.join(sorted(loose))}", f"chmod 600 {folder}/*")
    return Finding("secrets", "ok", "readable by their owner only")


def _database(settings: Settings) -> Finding:
    name = "PostgreSQL" if "postgresql" in settings.database else f"SQLite {sqlite3.sqlite_version}"
    if not settings.home.exists() and not settings.database_url:
        return Finding("database", "ok", f"{name}; made at the first start")
    database = Database(settings.database)
    try:
        state = database.probe()
    except SQLAlchemyError:
        state = "failed"
    finally:
        database.close()
    if state != "ok":
        return Finding(
            "database",
            "bad",
            f"{name}: {state}",
            "look at FENGHUO_DATABASE_URL, whether the server runs, and at the disk",
        )
    return Finding("database", "ok", name)


def _port(settings: Settings) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if _we_answer(settings):
                return Finding("web port", "ok", f"{settings.port}: Fenghuo answers")
            return Finding(
                "web port",
                "bad",
                f"{settings.port}: {error.strerror}",
                "another program has it: stop it or set FENGHUO_PORT",
            )
    return Finding("web port", "ok", f"{settings.port} is free")


def _udp(settings: Settings) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", settings.media_port))
        except OSError as error:
            if _we_answer(settings):
                return Finding("media port", "ok", f"{settings.media_port}/udp is in use, and Fenghuo runs")
            return Finding(
                "media port",
                "bad",
                f"{settings.media_port}/udp: {error.strerror}",
                "another program has it: stop it or set FENGHUO_MEDIA_PORT",
            )
    return Finding("media port", "ok", f"{settings.media_port}/udp is free; the firewall must let it in")


def _receive_buffer(_settings: Settings) -> Finding:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_WANTED)
        got = probe.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    found = f"{got // 1024} KiB"
    # As root the media node takes the larger buffer by force (SO_RCVBUFFORCE).
    if got < RECEIVE_BUFFER_WANTED and os.geteuid() != 0:
        return Finding(
            "UDP buffer",
            "warn",
            found,
            f"sysctl -w net.core.rmem_max={RECEIVE_BUFFER_WANTED * 2}, or loss in bursts stays unseen",
        )
    return Finding("UDP buffer", "ok", found)


def _broker(settings: Settings) -> Finding:
    if not settings.mqtt_url:
        return Finding("MQTT", "ok", f"inside the worker, {settings.mqtt_host}:{settings.mqtt_port}")
    parts = urlsplit(settings.mqtt_url)
    address = (parts.hostname or "", parts.port or (8883 if parts.scheme == "mqtts" else 1883))
    try:
        socket.create_connection(address, CONNECT_S).close()
    except OSError as error:
        return Finding(
            "MQTT", "bad", f"{address[0]}:{address[1]}: {error}", "start the broker, or correct FENGHUO_MQTT_URL"
        )
    return Finding("MQTT", "ok", f"{address[0]}:{address[1]} answers")


def _browser_parts(_settings: Settings) -> Finding:
    import dashboard

    folder = Path(dashboard.__file__).parent / "assets" / "vendor"
    if not folder.is_dir() or not any(folder.iterdir()):
        return Finding("browser parts", "bad", "missing", "make vendor")
    return Finding("browser parts", "ok", f"{sum(1 for path in folder.rglob('*') if path.is_file())} files")


def _https(settings: Settings) -> Finding:
    if settings.secure_cookies or settings.public_url.startswith("https://"):
        return Finding("https", "ok", "behind a TLS proxy")
    return Finding(
        "https",
        "warn",
        "plain http",
        "browsers give camera and microphone only to https or localhost: put a TLS proxy in front (docs/administrator.md)",
    )


def _we_answer(settings: Settings) -> bool:
    try:
        with urlopen(f"{settings.web_address}/healthz", timeout=CONNECT_S) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
