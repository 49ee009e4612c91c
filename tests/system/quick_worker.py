"""A small application behind web's gunicorn worker, with deadlines of parts of a second: `python -m tests.system.quick_worker PORT`."""

import os
import sys
import threading
from collections.abc import Iterable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.config import Config

from fenghuo.connections import PROVEN, Deadlines, Lanes, Worker

KNOWN = "Bearer known"
LARGE = 3 * 1024 * 1024


class QuickWorker(Worker):
    """Few threads and little patience."""

    deadlines = Deadlines(
        head_s=0.4, idle_s=0.6, body_grace_s=0.4, rate=200_000, queue_s=1.0, namespace_s=0.4, linger_s=0.4
    )
    lanes = Lanes(people=2, strangers=2, uploads=1, line=1, health=1, sockets=2, greeting=2)
    proxies = int(os.environ.get("PROXIES", "0"))


class Echo:
    """Answers with the length of the body; `/large` with LARGE bytes; `/open` keeps its connection as a websocket does."""

    def __init__(self) -> None:
        self.extensions = {PROVEN: lambda _cookie, authorization: authorization == KNOWN}

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ.get("HTTP_UPGRADE") == "websocket":
            stream = environ["gunicorn.socket"]
            stream.send(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            while data := stream.recv(100):
                if data.startswith(b"open"):
                    stream.opened()
                stream.send(data)
            # Closed by another thread a little later, as simple-websocket's reader does.
            threading.Timer(0.01, stream.close).start()
            raise StopIteration
        if environ["PATH_INFO"] == "/large":
            content = b"x" * LARGE
        elif environ["PATH_INFO"] == "/unread":
            content = b"unread"
        else:
            content = str(len(environ["wsgi.input"].read())).encode()
        start("200 OK", [("Content-Length", str(len(content)))])
        return [content]


class Application(BaseApplication):  # type: ignore[misc]
    """gunicorn around it."""

    cfg: Config

    def load_config(self) -> None:
        for name, value in {
            "bind": [f"127.0.0.1:{sys.argv[1]}"],
            "worker_class": QuickWorker,
            "graceful_timeout": 1,
            "control_socket_disable": True,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Echo:
        return Echo()


if __name__ == "__main__":
    Application().run()
