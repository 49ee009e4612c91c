"""A device on a network of its own: a network namespace with a cable (veth) to this machine, and a browser in it that trusts what it was given."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Playwright

from tests.browser import ARGUMENTS
from tests.servers import WORKER, WORKERS, program

TITLE = "Fenghuo"


@dataclass(frozen=True)
class Lan:
    """The cable: this machine's address on it, and the namespace at its other end."""

    here: str
    there: str
    namespace: str
    number: int

    def change(self) -> None:
        """The device leaves this network and is on another one, with another address, as a tablet that goes from Wi-Fi to cellular."""
        near, far, gate, there = (
            text.format(self.number) for text in ("fh-mast-{}", "fh-cell-{}", "10.78.{}.1", "10.78.{}.2")
        )
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", self.namespace)
        _ip("address", "add", f"{gate}/24", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-netns", self.namespace, "address", "add", f"{there}/24", "dev", far)
        _ip("-netns", self.namespace, "link", "set", far, "up")
        _ip("-netns", self.namespace, "link", "set", f"fh-far-{self.number}", "down")
        _ip("-netns", self.namespace, "route", "add", f"{self.here}/32", "via", gate, "dev", far)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextmanager
def lan() -> Iterator[Lan]:
    """A network with one other device on it; skips with a reason where this may not be made."""
    if os.geteuid() != 0:
        pytest.skip("only root makes network namespaces")
    program("ip")
    number = (os.getpid() * WORKERS + WORKER) % 250
    name, near, far = f"fh-tablet-{number}", f"fh-near-{number}", f"fh-far-{number}"
    here, there = f"10.77.{number}.1", f"10.77.{number}.2"
    try:
        _ip("netns", "add", name)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.decode().strip()}")
    try:
        _ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        _ip("address", "add", f"{here}/24", "dev", near)
        _ip("link", "set", near, "up")
        _ip("-netns", name, "address", "add", f"{there}/24", "dev", far)
        _ip("-netns", name, "link", "set", far, "up")
        _ip("-netns", name, "link", "set", "lo", "up")
        yield Lan(here, there, name, number)
    finally:
        _ip("netns", "del", name)  # the cable goes with it


def trusting(home: Path, authority: Path) -> Path:
    """A home folder whose browsers trust the authority, as a person makes it with the browser's own certificate list."""
    certutil = program("certutil")
    store = home / ".pki" / "nssdb"
    store.mkdir(parents=True)
    database = f"sql:{store}"
    subprocess.run([certutil, "-d", database, "-N", "--empty-password"], check=True)
    subprocess.run([certutil, "-d", database, "-A", "-t", "C,,", "-n", TITLE, "-i", authority], check=True)
    return home


@contextmanager
def browser_in(running: Playwright, home: Path, reachable: str, namespace: str = "") -> Iterator[Browser]:
    """A Chromium with that home folder, in the namespace (empty: beside us); it can ask the address `reachable` and itself, nobody else."""
    chromium = program("chromium")
    path = Path(chromium)
    if namespace:
        path = home / "chromium-there"
        path.write_text(f'#!/bin/sh\nexec {shutil.which("ip")} netns exec {namespace} {chromium} "$@"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    arguments = [
        *ARGUMENTS,
        "--use-fake-device-for-media-stream=fps=10",
        f"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE {reachable}",
    ]
    one = running.chromium.launch(executable_path=path, args=arguments, env={**os.environ, "HOME": str(home)})
    try:
        yield one
    finally:
        one.close()
