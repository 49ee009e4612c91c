"""Real servers for tests: PostgreSQL, Mosquitto and Redis, each with a folder and a port of its own, on loopback only."""

import contextlib
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import psycopg
import pytest

START_S = 20


PORTS = range(20_000, 32_000)
"""Below those that the kernel gives to outgoing connections: one of them might have the port by the time its server listens."""

WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
"""Which of how many processes runs these tests (pytest-xdist sets both)."""

_own_ports = PORTS[WORKER::WORKERS]  # another worker could take a port between our probe and our server's start
_ports = iter(random.sample(_own_ports, len(_own_ports)))


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port of 127.0.0.1 that nobody has at this moment, and that was given to nobody before."""
    for port in _ports:
        with socket.socket(socket.AF_INET, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is left")


def wait_for_port(port: int, process: subprocess.Popen[bytes]) -> None:
    """Return when something listens on the port; fail when the process ends first or too long passes."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"{process.args!r} ended with {process.returncode}")
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail(f"nothing listens on {port}")


def program(name: str, *folders: str) -> str:
    """The path of a program, or a skip that says what is missing."""
    path = shutil.which(
        name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", *folders])
    )
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


class Server:
    """A process that is stopped at the end."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def run(self, *command: str, user: str | None = None) -> None:
        """Start the process and wait until it listens."""
        self.process = subprocess.Popen(command, user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self.process)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)


class Postgres(Server):
    """A PostgreSQL cluster in `folder`; as root it runs as the user `postgres`, since it refuses root."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._count = 0
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
        self._folders = [str(path) for path in versions]

    def start(self) -> None:
        """Make the cluster and start it."""
        initdb, server = program("initdb", *self._folders), program("postgres", *self._folders)
        user = None
        if os.geteuid() == 0:
            user = "postgres"
            account = pwd.getpwnam(user)
            for folder in (self._folder, *self._folder.parents):
                if not str(folder).startswith("/tmp/"):
                    break
                folder.chmod(folder.stat().st_mode | 0o011)
            os.chown(self._folder, account.pw_uid, account.pw_gid)
        data = self._folder / "data"
        subprocess.run(
            [initdb, "-D", data, "-U", "fenghuo", "-A", "trust", "--no-sync", "-E", "UTF8"],
            user=user,
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self._folder,
        )
        self.run(
            server,
            "-D",
            str(data),
            "-p",
            str(self.port),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            f"unix_socket_directories={self._folder}",
            user=user,
        )
        deadline = time.monotonic() + START_S
        while True:  # it listens before it lets anybody in
            try:
                psycopg.connect(self._administration).close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
            else:
                return

    @property
    def _administration(self) -> str:
        return f"postgresql://fenghuo@127.0.0.1:{self.port}/postgres"

    def fresh(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        self._count += 1
        name = f"test_{self._count}"
        with psycopg.connect(self._administration, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://fenghuo@127.0.0.1:{self.port}/{name}"

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End it at once, without waiting for clients."""
        super().stop(how)


class Mosquitto(Server):
    """A Mosquitto with the queue settings that Fenghuo ships, keeping its sessions in `folder`."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def start(self) -> None:
        """Start it; starting again goes on with what it kept."""
        configuration = self._folder / "mosquitto.conf"
        configuration.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {self._folder}/\n"
            "max_queued_messages 0\nmax_inflight_messages 0\nautosave_interval 1\nuser root\n"
        )
        self.run(program("mosquitto"), "-c", str(configuration))


class Redis(Server):
    """A Redis that keeps nothing."""

    def start(self) -> None:
        """Start it."""
        self.run(
            program("redis-server"), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"
        )
