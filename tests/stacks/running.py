"""Node programs of this folder as a test drives them: each tells what it receives, a JSON line a second, until its input is closed."""

import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dashboard.vendor import npm_command
from tests.servers import program
from tests.serving import Served

FOLDER = Path(__file__).resolve().parent


def installed() -> Path:
    """The folder with its packages, as locked; a skip where they are not to be had."""
    lock = FOLDER / "package-lock.json"
    stamp = FOLDER / "node_modules" / ".fenghuo-stamp"
    if not stamp.is_file() or stamp.read_text() != lock.read_text():
        done = subprocess.run(
            [*npm_command(), "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
            cwd=FOLDER,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        if done.returncode:
            pytest.skip(f"npm did not bring the packages: {done.stderr[-300:]}")
        stamp.write_text(lock.read_text())
    return FOLDER


class Stack:
    """One running program; `told` is what it said last."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.told: dict[str, Any] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            self.told = json.loads(line)


@contextmanager
def stack(script: str, *arguments: str) -> Iterator[Stack]:
    """`node <script> <arguments>`, told to leave at the end."""
    node = program("node")
    process = subprocess.Popen(
        [node, script, *arguments], cwd=installed(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Stack(process)
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def sites(served: Served, count: int) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """So many sites with a voice in a room of their own, without a browser (sites.mjs); gives the room and what they said last."""
    _, room = served.call("POST", "/api/v1/rooms", {"title": "会商"})
    links = []
    for number in range(1, count + 1):
        guest = {"name": f"村 {number}", "role": "speaker"}
        links.append(served.call("POST", f"/api/v1/rooms/{room['id']}/links", guest)[1]["url"])
    with stack("sites.mjs", served.url, room["id"], *links) as running:
        yield room["id"], lambda: running.told


def present_since(served: Served, room: str) -> set[tuple[str, int]]:
    """Who has a media link in the room, as the platform says, each with the moment since when (epoch milliseconds)."""
    _, rooms = served.call("GET", "/api/v1/rooms")
    people = next(state["present"] for state in rooms if state["id"] == room)
    return {(one["participant"], one["since"]) for one in people if one["connected"]}
