"""`fenghuo doctor`: looks at everything that an installation needs, and says what to do about what is wrong."""

import os
import shutil
import socket
import sqlite3
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import orjson
from sqlalchemy.exc import SQLAlchemyError

from dashboard.trust import TRUST_PATH
from fenghuo.certificates import shown_by
from fenghuo.clock_discipline import is_disciplined
from fenghuo.https import LEAF_FILE
from fenghuo.ports import taken
from foundation import disk, journal
from foundation.clock import Clock, from_epoch_ms
from foundation.database import MIN_FREE_BYTES, Database
from foundation.errors import UserError
from foundation.local_authority import CERTIFICATE_FILE
from foundation.settings import EVERYWHERE, LOOPBACK, Settings
from foundation.trust import dialling
from operations.mapping import MAPPING_FILE, load_mapping
from operations.mqtt import BrokerAddress
from operations.readings import newest_of_all
from operations.sensing import FUTURE_TOLERANCE_MS

DISK_DAYS_WANTED = 60
COMFORTABLE_BYTES = 2 * 1024**3
RECEIVE_BUFFER_WANTED = 2 * 1024 * 1024
EARLIEST_PLAUSIBLE = datetime(2026, 1, 1, tzinfo=UTC)
"""A clock before it was never set."""
CLOCK_SLACK = timedelta(seconds=2)
"""Two machines that write into one database may differ this much."""
RENEW_BEFORE = timedelta(days=21)
CONNECT_S = 3


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    state: Literal["ok", "warn", "bad"]
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Running:
    """What the web process that runs now says of itself and the others at `/readyz`; all empty while none answers."""

    state: str = ""
    database: str = ""
    worker: str = ""
    media: str = ""
    ingest: str = ""


@dataclass(frozen=True)
class Patient:
    """What is examined: the installation's settings, what of it runs, and the time."""

    settings: Settings
    running: Running
    clock: Clock


def examine(settings: Settings, clock: Clock) -> list[Finding]:
    """Look at everything, one finding each, in the order in which a person would mend it."""
    patient = Patient(settings, _running(settings), clock)
    checks: list[Callable[[Patient], Finding]] = [
        _disk,
        _clock,
        _secrets,
        _database,
        _port,
        *([_trust_port] if settings.tls == "local" and settings.trust_port else []),
        _udp,
        _receive_buffer,
        _broker,
        _mapping,
        _browser_parts,
        _https,
    ]
    return [check(patient) for check in checks]


def _disk(patient: Patient) -> Finding:
    settings = patient.settings
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
    days = disk.days_left(settings.home, patient.clock.now())
    if days is not None and days < disk.LONGEST_DAYS:
        found += f"; lasts {days:.0f} days at the rate of the last week"
        if days < DISK_DAYS_WANTED:
            return Finding(
                "disk", "warn", found, "free some, or keep readings for fewer days (FENGHUO_KEEP_READINGS_DAYS)"
            )
    return Finding("disk", "ok", found)


def _clock(patient: Patient) -> Finding:
    now = patient.clock.now()
    found = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    mend = "set it, and use NTP from the county's network or a GPS receiver"
    if now < EARLIEST_PLAUSIBLE:
        return Finding("clock", "bad", found, f"the clock was never set: {mend}")
    known = _newest_known(patient.settings)
    if known is not None and now < known - CLOCK_SLACK:
        behind = f"behind the newest entry of the database, {known:%Y-%m-%d %H:%M:%S} UTC"
        return Finding("clock", "bad", f"{found}, {behind}", f"what happens now would be filed before it: {mend}")
    disciplined = is_disciplined()
    if disciplined is None:
        return Finding("clock", "warn", f"{found}; the kernel does not say whether it is synchronised", mend)
    if not disciplined:
        return Finding("clock", "warn", f"{found}; nothing synchronises it", mend)
    return Finding("clock", "ok", f"{found}, synchronised")


def _newest_known(settings: Settings) -> datetime | None:
    """The latest moment that this installation has certainly lived through; None when its database tells none."""
    if not settings.database_url and not (settings.home / "fenghuo.db").exists():
        return None
    database = Database(settings.database)
    try:
        with database.reading() as session:
            entries = [row.at for row in journal.newest(session, 1)]
            # A sensor's clock may be ahead of ours by the tolerance.
            readings = [newest.at - FUTURE_TOLERANCE_MS for newest in newest_of_all(session).values()]
    except (SQLAlchemyError, OSError):
        return None  # the database has a finding of its own
    finally:
        database.close()
    moments = entries + readings
    return from_epoch_ms(max(moments)) if moments else None


def _secrets(patient: Patient) -> Finding:
    settings = patient.settings
    folder = settings.home / "secrets"
    if not folder.exists():
        return Finding("secrets", "ok", "none yet; made at the first start")
    loose = [path.name for path in folder.iterdir() if path.stat().st_mode & 0o077]
    if loose:
        return Finding("secrets", "bad", f"readable by others: {', '.join(sorted(loose))}", f"chmod 600 {folder}/*")
    return Finding("secrets", "ok", "readable by their owner only")


def _database(patient: Patient) -> Finding:
    settings = patient.settings
    name = "PostgreSQL" if "postgresql" in settings.database else f"SQLite {sqlite3.sqlite_version}"
    if not settings.home.exists() and not settings.database_url:
        return Finding("database", "ok", f"{name}; made at the first start")
    if patient.running.database == "removed":
        return Finding(
            "database",
            "bad",
            f"{name}: database file was removed or replaced: nothing is kept any more",
            "stop Fenghuo, put the file (or a backup from the backups folder) back in its place, start it again",
        )
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


def _port(patient: Patient) -> Finding:
    answer = f"Fenghuo answers, {patient.running.state}" if patient.running.state else ""
    return _listener(patient.settings, "web port", patient.settings.port, "FENGHUO_PORT", answer)


def _trust_port(patient: Patient) -> Finding:
    settings = patient.settings
    answer = "gives this installation's authority" if _gives_authority(settings) else ""
    return _listener(settings, "trust port", settings.trust_port, "FENGHUO_TRUST_PORT", answer)


def _gives_authority(settings: Settings) -> bool:
    """Whether what devices would fetch at the trust port is our own authority's certificate: web goes on when the port is another's."""
    host = LOOPBACK if settings.host in EVERYWHERE else settings.host
    try:
        # The file is PEM for programs of ours, devices get it as DER.
        ours = ssl.PEM_cert_to_DER_cert((settings.home / "secrets" / CERTIFICATE_FILE).read_text())
        with urlopen(f"http://{host}:{settings.trust_port}{TRUST_PATH}/authority.crt", timeout=CONNECT_S) as answer:
            return bool(answer.read(len(ours) + 1) == ours)
    except (OSError, HTTPException, ValueError):
        return False


def _listener(settings: Settings, name: str, port: int, setting: str, answer: str) -> Finding:
    """A TCP port of web; `answer`: what Fenghuo itself says there, if it does."""
    why = taken(socket.SOCK_STREAM, settings.host, port)
    if not why:
        return Finding(name, "ok", f"{port} is free")
    if answer:
        return Finding(name, "ok", f"{port}: {answer}")
    return Finding(name, "bad", f"{port}: {why}", f"another program has it: stop it or set {setting}")


def _udp(patient: Patient) -> Finding:
    port = patient.settings.media_port
    why = taken(socket.SOCK_DGRAM, "0.0.0.0", port)
    if not why:
        return Finding("media port", "ok", f"{port}/udp is free; the firewall must let it in")
    # A probe of ours would stay unanswered: the node reacts only to who shows a session's password. But it ends when it
    # cannot have its port, so one that is connected to web has it.
    if patient.running.media == "up":
        return Finding("media port", "ok", f"{port}/udp: the media node has it and is connected to web")
    advice = "another program has it: stop it or set FENGHUO_MEDIA_PORT"
    return Finding("media port", "bad", f"{port}/udp: {why}, and no media node is connected to web", advice)


def _receive_buffer(_patient: Patient) -> Finding:
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


def _broker(patient: Patient) -> Finding:
    if not patient.settings.mqtt_url:
        return _embedded_broker(patient)
    try:
        address = BrokerAddress.of(patient.settings.mqtt_url)
    except UserError:
        # Not what was given: there may be a password in it.
        return Finding(
            "MQTT", "bad", "FENGHUO_MQTT_URL is no broker's address", "mqtt://user:password@host:port or mqtts://…"
        )
    name = f"{address.host}:{address.port}"
    advice = "start the broker, or correct FENGHUO_MQTT_URL"
    if address.tls:
        return _tls(patient, "MQTT", address.host, address.port, advice, must_trust=True)
    try:
        socket.create_connection((address.host, address.port), CONNECT_S).close()
    except OSError as error:
        return Finding("MQTT", "bad", f"{name}: {error}", advice)
    return Finding("MQTT", "ok", f"{name} answers")


def _embedded_broker(patient: Patient) -> Finding:
    settings, running = patient.settings, patient.running
    name = f"{settings.mqtt_host}:{settings.mqtt_port}"
    why = taken(socket.SOCK_STREAM, settings.mqtt_host, settings.mqtt_port)
    if not why:
        return Finding("MQTT", "ok", f"inside the worker, {name} is free")
    if running.worker == "up" and running.ingest != "port_taken":
        return Finding("MQTT", "ok", f"inside the worker, which has {name}")
    return Finding(
        "MQTT",
        "bad",
        f"{name}: {why}, and not by a worker that is connected to web",
        "another program has it: stop it, set FENGHUO_MQTT_PORT, or use it as the broker with FENGHUO_MQTT_URL",
    )


def _mapping(patient: Patient) -> Finding:
    try:
        rules = load_mapping(patient.settings.home, patient.settings.zone).rules
    except UserError as error:
        wrong = f"{MAPPING_FILE}: {' '.join(str(error.detail['reason']).split())}"
        return Finding("MQTT table", "bad", wrong, "correct it (docs/integrator.md): the worker does not start with it")
    return Finding("MQTT table", "ok", f"{len(rules)} rules in {MAPPING_FILE}" if rules else f"no {MAPPING_FILE}")


def _browser_parts(_patient: Patient) -> Finding:
    import dashboard

    folder = Path(dashboard.__file__).parent / "assets" / "vendor"
    if not folder.is_dir() or not any(folder.iterdir()):
        return Finding("browser parts", "bad", "missing", "make vendor")
    return Finding("browser parts", "ok", f"{sum(1 for path in folder.rglob('*') if path.is_file())} files")


def _https(patient: Patient) -> Finding:
    settings = patient.settings
    try:
        address = urlsplit(settings.public_url)
        port = address.port or 443
    except ValueError:
        return Finding("https", "bad", f"{settings.public_url} is no address", "correct FENGHUO_PUBLIC_URL")
    if address.scheme == "https" and address.hostname:
        advice = "start the TLS proxy, or correct FENGHUO_PUBLIC_URL"
        return _tls(patient, "https", address.hostname, port, advice, must_trust=False)
    if settings.serves_https:
        return _own_https(patient)
    if settings.secure_cookies:
        advice = (
            "set FENGHUO_PUBLIC_URL to the https address that people type, so that its certificate can be looked at"
        )
        return Finding("https", "warn", "said to be in front (FENGHUO_SECURE_COOKIES), not seen", advice)
    return Finding(
        "https",
        "warn",
        "plain http",
        "browsers give camera and microphone only to https or localhost: FENGHUO_TLS=local, or a TLS proxy in front (docs/administrator.md)",
    )


def _own_https(patient: Patient) -> Finding:
    """What web itself shows; looked at where it listens, since nobody said what people type."""
    settings = patient.settings
    host = LOOPBACK if settings.host in EVERYWHERE else settings.host
    if not patient.running.state:
        file = settings.home / "secrets" / LEAF_FILE if settings.tls == "local" else Path(settings.tls)
        if settings.certificate_given and not file.is_file():
            return Finding("https", "bad", f"there is no {file}", "correct FENGHUO_TLS")
        return Finding("https", "ok", f"{file}; looked at closely while web runs")
    certificate = shown_by(host, settings.port, CONNECT_S)
    left = certificate.expires_at - patient.clock.now()
    found = f"{host}:{settings.port}, until {certificate.expires_at:%Y-%m-%d}, signed by {certificate.issuer}"
    if left < RENEW_BEFORE:
        state: Literal["warn", "bad"] = "bad" if left <= timedelta(0) else "warn"
        return Finding(
            "https", state, f"{found}: {left.days} days left", "renew the certificate, or look into web's log"
        )
    if settings.tls == "local":
        trusted = f"devices trust it by http://<this machine>:{settings.trust_port}/trust"
        return Finding("https", "ok", f"{found}; {trusted}")
    return Finding("https", "ok", found)


def _tls(patient: Patient, name: str, host: str, port: int, advice: str, *, must_trust: bool) -> Finding:
    """Look at the certificate of a server. With `must_trust` this machine has to believe it, otherwise only the people's machines."""
    try:
        certificate = shown_by(host, port, CONNECT_S)
    except OSError as error:
        return Finding(name, "bad", f"{host}:{port}: {error}", advice)
    left = certificate.expires_at - patient.clock.now()
    found = f"{host}:{port}, until {certificate.expires_at:%Y-%m-%d}, signed by {certificate.issuer}"
    if left <= timedelta(0):
        return Finding(name, "bad", f"{found}: expired", "renew the certificate: nobody gets past it")
    if certificate.names_another:
        return Finding(name, "bad", f"{found}: for another name", f"get a certificate for {host}")
    if certificate.distrust and must_trust:
        trust = "install its authority's root certificate on this machine: the worker does not connect without it"
        return Finding(name, "bad", f"{found}: {certificate.distrust}", trust)
    if left < RENEW_BEFORE:
        return Finding(name, "warn", f"{found}: {left.days} days left", "renew the certificate")
    if certificate.distrust:
        trust = (
            "its authority's root certificate must be installed on every machine that opens it (docs/administrator.md)"
        )
        return Finding(name, "warn", f"{found}: {certificate.distrust}", trust)
    return Finding(name, "ok", found)


def _running(settings: Settings) -> Running:
    try:
        trust = dialling(settings)
        with urlopen(f"{settings.web_address}/readyz", timeout=CONNECT_S, context=trust) as answer:
            content = answer.read()
    except HTTPError as error:
        content = error.read()  # 503 while it is not ready says just as much
    except (URLError, OSError, HTTPException, ValueError):
        return Running()  # nobody answers, or who does speaks no HTTP, or FENGHUO_WEB_URL is no address
    try:
        told = orjson.loads(content)
        return Running(told["state"], told["database"], told["worker"], told["media"], told["ingest"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Running()  # something else answers there
