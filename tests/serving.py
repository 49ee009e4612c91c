"""A real, running Fenghuo for tests: its own folder, its own ports, an administrator, and a small HTTP client."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import psutil

from fenghuo.demo.township import build_resources, build_roster, build_sites, build_stations
from foundation.clock import Clock, SystemClock
from foundation.database import Database
from foundation.migrations import upgrade
from tests.servers import free_port

READY_S = 90
ADMIN = ("admin", "correct horse battery staple")


class Served:
    """`fenghuo serve` (or `demo`, or a single process) in `home`."""

    def __init__(self, home: Path, command: tuple[str, ...] = ("serve",), **environment: str) -> None:
        self.home = home
        self.command = command
        self.port = free_port()
        self.media_port = free_port(socket.SOCK_DGRAM)
        self.mqtt_port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("FENGHUO_")},
            "FENGHUO_HOME": str(home),
            "FENGHUO_HOST": "127.0.0.1",
            "FENGHUO_PORT": str(self.port),
            "FENGHUO_MEDIA_PORT": str(self.media_port),
            "FENGHUO_MEDIA_HOST": "127.0.0.1",
            "FENGHUO_MQTT_PORT": str(self.mqtt_port),
            **environment,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.token_s = 300.0
        """How long the administrator's token is used."""
        self._token = ""
        self._token_at = 0.0

    @property
    def log(self) -> Path:
        """What the processes said."""
        return self.home.with_suffix(".log")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One command of the command line, to its end."""
        command = [sys.executable, "-m", "fenghuo", *arguments]
        environment = {**self.environment, "FENGHUO_ADMIN_PASSWORD": ADMIN[1]}
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def create_admin(self) -> None:
        """The first administrator, made as an operator makes it."""
        done = self.run("admin", "create", ADMIN[0])
        if done.returncode:
            raise AssertionError(done.stderr)

    def start(self, ready: bool = True) -> None:
        """Start, and wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fenghuo", *self.command], env=self.environment, stdout=log, stderr=log
            )
        if ready:
            try:
                self.wait_ready()
            except AssertionError:
                self.stop()
                raise

    def wait_ready(self, path: str = "/readyz") -> None:
        """Wait until `path` answers 200."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                with urlopen(self.url + path, timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (URLError, OSError):
                pass
            if self.process is not None and self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"not ready; the log ends with\n{self.log.read_text()[-4000:]}")

    def stop(self) -> int:
        """Stop in order; the exit code."""
        if self.process is None or self.process.poll() is not None:
            return -1
        self.process.terminate()
        return self.process.wait(30)

    def child(self, name: str) -> psutil.Process:
        """The process of `serve` called `name` (web, worker, media)."""
        if self.process is None:
            raise AssertionError("not started")
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            for child in psutil.Process(self.process.pid).children():
                if child.is_running() and child.cmdline()[-1:] == [name]:
                    return child
            time.sleep(0.05)
        raise AssertionError(f"no process {name}")

    def kill(self, name: str) -> None:
        """SIGKILL a process of `serve` and all of its children."""
        child = self.child(name)
        for one in [*child.children(recursive=True), child]:
            one.send_signal(signal.SIGKILL)
        child.wait(10)

    # --- the API

    def call(
        self, method: str, path: str, content: Any = None, token: str | None = None, raw: bytes | None = None
    ) -> tuple[int, Any]:
        """One request; (status, JSON content). With `token` None the administrator asks."""
        body = raw if raw is not None else (None if content is None else json.dumps(content).encode())
        request = Request(self.url + path, data=body, method=method)
        request.add_header("Authorization", f"Bearer {self.token() if token is None else token}")
        if body is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urlopen(request, timeout=20) as answer:
                status, text = answer.status, answer.read()
        except HTTPError as error:
            status, text = error.code, error.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text

    def token(self) -> str:
        """An access token of the administrator."""
        if not self._token or time.monotonic() - self._token_at > self.token_s:
            self._token = self.log_in(*ADMIN)
            self._token_at = time.monotonic()
        return self._token

    def log_in(self, name: str, password: str) -> str:
        """An access token of somebody."""
        request = Request(self.url + "/api/v1/auth/token", json.dumps({"name": name, "password": password}).encode())
        request.add_header("Content-Type", "application/json")
        with urlopen(request, timeout=20) as answer:
            return str(json.load(answer)["access_token"])


def build_township(home: Path, clock: Clock | None = None) -> None:
    """The demo's sites, stations, resources and roster in an empty data folder, without its readings, incidents and people."""
    home.mkdir(parents=True, exist_ok=True)
    database = Database(f"sqlite:///{home.resolve() / 'fenghuo.db'}")
    upgrade(database)
    build_in(database, clock)
    database.close()


@contextmanager
def running_township(folder: Path) -> Iterator[Served]:
    """A running township with an administrator, in a data folder below `folder`; stopped at the end."""
    system = Served(folder / "home")
    build_township(system.home)
    system.create_admin()
    system.start()
    try:
        yield system
    finally:
        system.stop()


def build_in(database: Database, clock: Clock | None = None) -> None:
    """The same in a database that has the schema; the roster begins at the clock's day."""
    clock = clock or SystemClock()
    with database.writing() as session:
        build_sites(session, clock)
        build_stations(session, clock)
        build_resources(session, clock)
        build_roster(session, clock)
