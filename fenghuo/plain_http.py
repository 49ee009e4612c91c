"""Plain http beside https: it serves the page that tells how to trust the local authority, and sends everything else to https.

A device that does not trust the authority yet cannot be asked to open an https page first. Nothing else is served here: no login, no data.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import urlsplit
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.utils import redirect
from werkzeug.wrappers import Request

from dashboard.trust import TRUST_PATH
from foundation.loops import SupervisedThread
from foundation.settings import Settings

SERVED = (f"{TRUST_PATH}/", "/assets/")
"""The beginnings of the paths that are answered here, beside the page itself."""
METHODS = ("GET", "HEAD")
THREADS_MAX = 16
SLOW_S = 10.0
"""Who is silent for so long in the middle of a request is cut off."""

logger = logging.getLogger(__name__)


class PlainHttp:
    """The listener on `settings.host` and `settings.trust_port`, in threads of its own; OSError when the port is taken."""

    def __init__(self, settings: Settings, app: WSGIApplication) -> None:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        self._socket = socket.create_server((settings.host, settings.trust_port), family=family)
        self._server = _Bounded(
            settings.host, settings.trust_port, _door(settings, app), _Quiet, fd=self._socket.fileno()
        )
        self.thread = SupervisedThread("plain-http", lambda _stopping: self._server.serve_forever())

    def start(self) -> None:
        """Begin to answer."""
        self.thread.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self.thread.stopping.set()
        self._server.shutdown()
        self.thread.stop()
        self._server.server_close()
        self._socket.close()


class _Quiet(WSGIRequestHandler):
    """Every request is a stranger's: none is worth a line in the log."""

    timeout = SLOW_S

    def log(self, type: str, message: str, *args: Any) -> None:
        logger.debug(message, *args)


class _Bounded(ThreadedWSGIServer):
    """Serves at most THREADS_MAX connections at once; the others wait in the kernel's queue."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._free = threading.BoundedSemaphore(THREADS_MAX)
        super().__init__(*arguments, **options)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._free.acquire()
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


def _door(settings: Settings, app: WSGIApplication) -> WSGIApplication:
    public = urlsplit(settings.public_url)

    def door(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked = Request(environ)
        if asked.method in METHODS and (asked.path == TRUST_PATH or asked.path.startswith(SERVED)):
            return app(environ, start_response)
        # Where people come from: the name that they typed, with web's own port.
        host = asked.host.rpartition(":")[0] if _has_port(asked.host) else asked.host
        place = public.netloc if public.scheme == "https" else f"{host}:{settings.port}"
        answer: Callable[..., Iterable[bytes]] = redirect(f"https://{place}{asked.full_path.rstrip('?')}", 307)
        return answer(environ, start_response)

    return door


def _has_port(host: str) -> bool:
    return ":" in host.rpartition("]")[2]
