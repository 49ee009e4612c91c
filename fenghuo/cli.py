"""The command line: serve, web, worker, media, demo, doctor, admin, encoder, keys, journal, backup."""

import getpass
import os
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import ValidationError

from foundation.errors import FenghuoError
from foundation.logs import configure_logs
from foundation.settings import Settings, unknown_names

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from auth.devices import Devices


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="fenghuo")
@click.pass_context
def main(context: click.Context) -> None:
    """Fenghuo (烽火): the emergency platform of a township.

    Settings come from the environment (FENGHUO_HOME, FENGHUO_PORT …); docs/administrator.md has them all.
    """
    # Whatever we write (database, secrets, backups) is for us alone.
    os.umask(0o077)
    wrong = unknown_names(os.environ)
    if wrong:
        raise click.ClickException("; ".join(wrong))
    context.obj = _settings()
    _find_temporary_folder(context.obj.home)


def _find_temporary_folder(home: Path) -> None:
    """With a root file system that is read-only and no /tmp, temporary files go into the data folder; child processes learn of it."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        folder = home.resolve() / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        os.environ["TMPDIR"] = os.environ["SQLITE_TMPDIR"] = tempfile.tempdir = str(folder)


def _settings() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(": ".join([*_variables(each["loc"]), each["msg"]]) for each in error.errors())
        raise click.ClickException(f"a setting is wrong: {wrong}") from error


def _variables(places: tuple[int | str, ...]) -> list[str]:
    """The variable that a mistake is in; none when it is in several together."""
    return [f"FENGHUO_{str(place).upper()}" for place in places[:1]]


@main.command()
@click.option(
    "--tls", metavar="local|off|CERTIFICATE", help="https with an own authority, none, or with this certificate."
)
@click.argument("key", required=False, type=click.Path(exists=True, dir_okay=False))
@click.pass_obj
def serve(settings: Settings, tls: str | None, key: str | None) -> None:
    """Run everything: web, worker and media, watched and restarted.

    --tls local: https on the LAN with a certificate of this installation's own authority, renewed by itself.
    --tls CERTIFICATE KEY: https with these files. --tls off: plain http, for this machine alone or behind a proxy.
    """
    from fenghuo.greeting import greet
    from fenghuo.serve import serve as run
    from foundation.database import Database
    from foundation.migrations import upgrade
    from operations.mapping import load_mapping
    from operations.mqtt import BrokerAddress

    configure_logs("serve", settings.log_level)
    _choose_tls(tls, key)
    with _told():
        # What would end a child again and again is said here, once.
        load_mapping(settings.home, settings.zone)
        if settings.mqtt_url:
            BrokerAddress.of(settings.mqtt_url)
        database = Database(settings.database)
        upgrade(database)
    database.close()
    _await_ports(_settings())
    stopping = threading.Event()
    # Read anew: the command line's choice of TLS is in the environment.
    settings = _settings()
    threading.Thread(target=greet, args=(settings, stopping), name="greeting", daemon=True).start()
    code = run(settings)
    stopping.set()
    sys.exit(code)


def _await_ports(settings: Settings) -> None:
    """Wait a moment for the ports of web and media, which processes that end may still hold; then say who could not get which."""
    from fenghuo.ports import await_port
    from foundation.clock import SystemClock

    for kind, host, port, setting in (
        (socket.SOCK_STREAM, settings.host, settings.port, "FENGHUO_PORT"),
        (socket.SOCK_DGRAM, "0.0.0.0", settings.media_port, "FENGHUO_MEDIA_PORT"),
    ):
        why = await_port(kind, host, port, SystemClock())
        if why:
            protocol = "tcp" if kind == socket.SOCK_STREAM else "udp"
            raise click.ClickException(
                f"port {port}/{protocol} of {host or 'this machine'}: {why}. Another program has it: stop it, or set {setting}"
            )


def _choose_tls(tls: str | None, key: str | None) -> None:
    """What the command line says counts for the processes that are started, too: they read the environment."""
    if tls is None:
        if key is not None:
            raise click.UsageError(f"unexpected {key}: a key belongs to --tls CERTIFICATE")
        return
    if tls not in ("local", "off") and not Path(tls).is_file():
        raise click.BadParameter(f"local, off or the path of a certificate, not {tls}", param_hint="--tls")
    os.environ["FENGHUO_TLS"] = tls
    os.environ.pop("FENGHUO_TLS_KEY", None)
    if key is not None:
        os.environ["FENGHUO_TLS_KEY"] = key
    _settings()


@main.command()
@click.pass_obj
def web(settings: Settings) -> None:
    """Run only the web process (pages, feed, API)."""
    from fenghuo.serve import follow_parent
    from fenghuo.web import run_web

    configure_logs("web", settings.log_level)
    follow_parent()
    with _told():
        run_web(settings)


@main.command()
@click.pass_obj
def worker(settings: Settings) -> None:
    """Run only the worker process (MQTT, roll-ups)."""
    from fenghuo.serve import follow_parent
    from fenghuo.worker import run_worker

    configure_logs("worker", settings.log_level)
    follow_parent()
    with _told():
        sys.exit(run_worker(settings))


@main.command()
@click.pass_obj
def media(settings: Settings) -> None:
    """Run only the media node (voice and video)."""
    from conference.media.node import run
    from fenghuo.serve import follow_parent
    from foundation.secrets import secret

    configure_logs("media", settings.log_level)
    follow_parent()
    with _told():
        sys.exit(run(settings, secret(settings.home, "node"), settings.web_addresses))


@main.command()
@click.option("--speed", default=60.0, show_default=True, help="Seconds of the recorded flood in one second.")
@click.pass_obj
def demo(settings: Settings, speed: float) -> None:
    """Run a living township: twelve villages, sensors, a recorded flood, sample accounts."""
    from fenghuo.demo import run_demo

    configure_logs("demo", settings.log_level)
    with _told():
        sys.exit(run_demo(settings, speed))


@main.command()
@click.pass_obj
def doctor(settings: Settings) -> None:
    """Check the machine and the installation, and say what to do."""
    from fenghuo.doctor import examine
    from foundation.clock import SystemClock

    _leave_root(settings.home)
    with _told():
        findings = examine(settings, SystemClock())
    for finding in findings:
        mark = {"ok": "ok  ", "warn": "warn", "bad": "BAD "}[finding.state]
        click.echo(f"{mark} {finding.name}: {finding.found}")
        if finding.advice:
            click.echo(f"     → {finding.advice}")
    sys.exit(1 if any(finding.state == "bad" for finding in findings) else 0)


def _leave_root(folder: Path) -> None:
    """As root go on as the owner of the data folder: what root writes there would lock the service out."""
    if folder.exists() and os.geteuid() == 0:
        there = folder.stat()
        os.setgroups([])
        os.setegid(there.st_gid)
        os.seteuid(there.st_uid)


def _become_owner_of(folder: Path) -> None:
    """The same; who is neither root nor the owner is refused."""
    _leave_root(folder)
    _as_owner_of(folder)


def _as_owner_of(folder: Path) -> None:
    """Files made by somebody else would be closed to the processes that run as the owner."""
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise click.ClickException(f"run this as the owner of {folder}")


@main.group()
def admin() -> None:
    """Accounts."""


@admin.command("create")
@click.argument("name")
@click.option("--display-name", default="", help="The name that others read.")
@click.option("--role", default="admin", show_default=True)
@click.option("--site", default=None, help="Site id; needed for village, unit and field roles.")
@click.option(
    "--password-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Read the password from this file.",
)
@click.pass_obj
def admin_create(
    settings: Settings, name: str, display_name: str, role: str, site: str | None, password_file: Path | None
) -> None:
    """Create an account; asks for the password, or reads it from a file or FENGHUO_ADMIN_PASSWORD."""
    from auth.passwords import hash_password
    from auth.people import create_person
    from auth.permissions import Role
    from auth.principal import SYSTEM
    from foundation.clock import SystemClock
    from foundation.database import Database
    from foundation.migrations import upgrade

    if role not in set(Role):
        raise click.BadParameter(f"one of {', '.join(Role)}", param_hint="--role")
    _as_owner_of(settings.home)
    password = os.environ.get("FENGHUO_ADMIN_PASSWORD") or (
        password_file.read_text("utf-8").strip() if password_file else ""
    )
    if not password:
        password = getpass.getpass("Password: ")
        if getpass.getpass("Again: ") != password:
            raise click.ClickException("the two are not the same")
    with _told():
        database = Database(settings.database)
        upgrade(database)
        hashed = hash_password(password)
        with database.writing() as session:
            create_person(
                session,
                SystemClock(),
                SYSTEM,
                name=name,
                password_hash=hashed,
                role=Role(role),
                display_name=display_name,
                site_id=site,
            )
        database.close()
    click.echo(f"created {name} ({role})")


@main.group()
def encoder() -> None:
    """Encoders, cameras and drones that publish into a room by WHIP, each with a token of its own that opens nothing else."""


@encoder.command("add")
@click.argument("name")
@click.option("--room", required=True, help="Id of the room that it publishes into.")
@click.pass_obj
def encoder_add(settings: Settings, name: str, room: str) -> None:
    """Make an encoder; prints its address, and its token, which is shown only now."""
    from auth.principal import SYSTEM

    with _encoders(settings) as (devices, session):
        device, token = devices.add_encoder(session, SYSTEM, name, _open_room(session, room))
        click.echo(f"address  /whip/{device.id}\ntoken    {token}")


@encoder.command("list")
@click.pass_obj
def encoder_list(settings: Settings) -> None:
    """List encoders: id, room, when it was there last, name."""
    from auth.devices import encoders

    with _encoders(settings) as (_, session):
        for device in encoders(session):
            seen = device.last_seen_at.isoformat(timespec="minutes") if device.last_seen_at else "never"
            click.echo(f"{device.id}  {device.room_id}  {seen}  {device.name}")


@encoder.command("move")
@click.argument("id")
@click.option("--room", required=True, help="Id of the room that it publishes into from now on.")
@click.pass_obj
def encoder_move(settings: Settings, id: str, room: str) -> None:
    """Let an encoder publish into another room; its address and token stay."""
    from auth.principal import SYSTEM

    with _encoders(settings) as (devices, session):
        devices.assign(session, SYSTEM, id, _open_room(session, room))


@encoder.command("revoke")
@click.argument("id")
@click.pass_obj
def encoder_revoke(settings: Settings, id: str) -> None:
    """Take an encoder's token away; what it publishes ends within 15 seconds."""
    from auth.principal import SYSTEM

    with _encoders(settings) as (devices, session):
        devices.revoke_in(session, SYSTEM, id)


@contextmanager
def _encoders(settings: Settings) -> Iterator[tuple["Devices", "Session"]]:
    """The devices, and a session that writes; errors are told in a sentence."""
    from auth.authority import Authority
    from foundation.clock import SystemClock
    from foundation.database import Database
    from foundation.migrations import upgrade

    _as_owner_of(settings.home)
    with _told():
        clock = SystemClock()
        database = Database(settings.database, clock)
        upgrade(database)
        try:
            authority = Authority(database, clock, settings.home)
            with database.writing() as session:
                yield authority.devices, session
        finally:
            database.close()


def _open_room(session: "Session", room_id: str) -> str:
    """The id of a room that is open. Errors: NotFound, Conflict("room_closed")."""
    from conference.rooms import find_room

    return find_room(session, room_id).id


@main.group()
def keys() -> None:
    """The keys that logins and join links are signed with."""


@keys.command("rotate")
@click.pass_obj
def keys_rotate(settings: Settings) -> None:
    """Sign with a new key from now on; nobody is logged out, and running processes learn of it within seconds."""
    from auth.keys import FOLDER, KeyRing
    from auth.tokens import LONGEST
    from foundation.clock import SystemClock

    folder = settings.home / "secrets" / FOLDER
    if not folder.is_dir():
        raise click.ClickException(f"no keys in {folder} yet: they are made at the first start; is FENGHUO_HOME right?")
    _as_owner_of(folder)
    kid = KeyRing(settings.home, SystemClock(), LONGEST).rotate()
    click.echo(
        f"signing with {kid}; the older keys verify for {LONGEST.days * 24 + LONGEST.seconds // 3600} hours more"
    )


@main.group("journal")
def journal_group() -> None:
    """The journal."""


@journal_group.command("verify")
@click.pass_obj
def journal_verify(settings: Settings) -> None:
    """Recompute the whole hash chain; names the first entry that was changed, removed or cut off."""
    from foundation import journal
    from foundation.database import Database

    _become_owner_of(settings.home)
    database = Database(settings.database)
    with database.reading() as session:
        verdict = journal.verify(session)
    database.close()
    if verdict.first_bad is not None:
        raise click.ClickException(
            f"entry {verdict.first_bad} is {verdict.reason}; {verdict.entries} entries before it are intact"
        )
    click.echo(f"{verdict.entries} entries, all intact")


@main.command()
@click.argument("label", default="manual")
@click.pass_obj
def backup(settings: Settings, label: str) -> None:
    """Copy the embedded database, while everything runs, into the data folder's backups."""
    from foundation.backup import back_up_sqlite
    from foundation.database import Database

    if not label.replace("-", "").isalnum():
        raise click.BadParameter("letters, digits and - only", param_hint="LABEL")
    _become_owner_of(settings.home)
    with _told():
        click.echo(str(back_up_sqlite(Database(settings.database), label)))


class _told:  # noqa: N801 - reads as a word in `with`
    """Errors that Fenghuo raises on purpose become one clear line and exit code 1."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> None:
        if isinstance(error, FenghuoError):
            raise click.ClickException(str(error)) from error
