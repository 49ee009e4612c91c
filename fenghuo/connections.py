"""gunicorn's threaded worker, changed so that no connection holds a thread while it is slow.

gunicorn's own gives each connection a thread as soon as its first byte is there, and waits in it for the rest: 220 clients that send nothing more
stop everything. Here the loop that accepts also reads heads and small bodies, and sends what a slow reader has not taken yet. A request
gets a thread when it is whole, and from the lane that it belongs to (`_lane_of`): who has proved nothing shares a few threads, taken in turn by
address, and cannot take those of people who are logged in.

Who closes whom: the worker owns every connection until it has closed it; a websocket's own threads close its socket, the worker forgets it then.
It leans on the inside of gunicorn.workers.gthread, whose major version is pinned; tests/system/test_connections.py is the contract.
"""

import errno
import logging
import resource
import select
import selectors
import socket
import ssl
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

from gunicorn.http import get_parser
from gunicorn.http.body import ChunkedReader, LengthReader
from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import TConn, ThreadWorker
from prometheus_client import Counter, Gauge

from dashboard.body_limit import LINE_PATH, MAX_PUBLIC_BYTES
from dashboard.cookies import ACCESS, GUEST, LANGUAGE, REFRESH, THEME
from foundation.clock import SystemClock
from foundation.loops import guarded, survived

logger = logging.getLogger(__name__)

PROVEN = "fenghuo.proven"
"""The extension of the application that says whether a request's cookies and authorization prove somebody: (cookie, authorization) → bool."""
HEAD_BYTES = 64 * 1024
"""A longer head is gunicorn's to refuse (431)."""
BODY_BYTES = MAX_PUBLIC_BYTES
"""Bodies up to this are read before a thread is taken."""
READ_BYTES = 64 * 1024
PIECE_BYTES = 16 * 1024
"""One TLS record (RFC 8446 section 5.1)."""
KEPT_BYTES = 8 * 1024 * 1024
"""What may wait for one slow reader; beyond it the thread waits."""
KEPT_ALL_BYTES = 64 * 1024 * 1024
LINGER_BYTES = 64 * 1024 * 1024
WAITING_OF_ADDRESS = 128
"""Connections of one address that are idle or slow: a village behind one router. With more the one that has waited longest is closed."""
WAITING_MAX = 1024
QUEUED_OF_ADDRESS = 64
QUEUED_MAX = 512
SPARE_FILES = 256
"""Descriptors for everything that is no connection of a page: database, logs, static files."""
ACCEPT_AT_ONCE = 64

waiting_gauge = Gauge(
    "fenghuo_web_connections_waiting", "Connections that hold no thread: idle, or slow to send or take"
)
threads_gauge = Gauge("fenghuo_web_threads_busy", "Threads of web that answer a request or hold a websocket", ["lane"])
ended_total = Counter("fenghuo_web_connections_ended_total", "Connections that web ended before their time", ["why"])

State = Literal["handshake", "reading", "queued", "running", "sending", "lingering", "closed"]
Why = Literal["head_slow", "body_slow", "read_slow", "too_many", "no_thread", "no_namespace"]


@dataclass(frozen=True)
class Deadlines:
    """How long a peer may take, in seconds; rates in bytes a second."""

    head_s: float = 10.0
    idle_s: float = 15.0
    """Between two requests of a connection."""
    body_grace_s: float = 10.0
    """Also the longest silence within a body."""
    rate: float = 1024.0
    """The least, of bodies and of answers, after the grace: 8 kbit/s, a village's worst line."""
    queue_s: float = 10.0
    namespace_s: float = 5.0
    """A websocket that has opened no namespace by then is none of ours."""
    linger_s: float = 5.0


@dataclass(frozen=True)
class Lanes:
    """Threads for each kind of request; those of websockets are held for the websocket's life."""

    people: int = 20
    strangers: int = 8
    uploads: int = 8
    """Bodies over `BODY_BYTES` of who is logged in: their threads wait for the line."""
    line: int = 4
    """Measuring a line: large bodies of who has proved nothing yet."""
    health: int = 2
    sockets: int = 200
    greeting: int = 16
    """Websockets of who has proved nothing yet, until they open a namespace."""

    @property
    def threads(self) -> int:
        """All of them."""
        return self.people + self.strangers + self.uploads + self.line + self.health + self.sockets + self.greeting


HEALTH_PATHS = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True)
class Head:
    """What the worker needs to know of a request before gunicorn reads it."""

    path: str
    size: int
    """Bytes of the head."""
    length: int
    """Bytes of the body, as far as it says so."""
    chunked: bool
    expects: bool
    websocket: bool
    cookie: str
    authorization: str
    forwarded: tuple[str, ...]


class Stream:
    """A connection's socket as its thread sees it: reads have a least rate, and what the peer does not take is left for the loop to send."""

    def __init__(self, raw: socket.socket, deadlines: Deadlines, kept: "Kept") -> None:
        self.raw = raw
        self.confirm: Callable[[], None] | None = None
        """Called by the first namespace that opens on a websocket."""
        self.outgoing: deque[bytes | memoryview] = deque()
        self.outgoing_bytes = 0
        self.slow = False
        self._deadlines = deadlines
        self._kept = kept
        self._websocket = False
        self._began_at = 0.0
        self._received = 0
        self._timeout: float | None = 0.0

    @property
    def is_websocket(self) -> bool:
        """Whether the connection is one: its own threads close it."""
        return self._websocket

    def begin(self, websocket: bool) -> None:
        """A thread has the connection from now on."""
        self._websocket = websocket
        self._began_at = _now()
        self._received = 0
        self._set_timeout(None if websocket else self._deadlines.body_grace_s)

    def end(self) -> None:
        """The loop has it again."""
        self._set_timeout(0.0)

    def opened(self) -> None:
        """A namespace was opened: the websocket may stay."""
        if self.confirm is not None:
            self.confirm()

    def recv(self, size: int, flags: int = 0) -> bytes:
        if self._websocket:
            return self.raw.recv(size)
        allowed = self._began_at + self._deadlines.body_grace_s + self._received / self._deadlines.rate - _now()
        if allowed <= 0:
            self._too_slow("body_slow")
        self._set_timeout(min(allowed, self._deadlines.body_grace_s))
        try:
            data = self.raw.recv(size)
        except TimeoutError:
            self._too_slow("body_slow")
        self._received += len(data)
        return data

    def send(self, data: Any, flags: int = 0) -> int:
        return self.raw.send(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        if self._websocket:
            self.raw.sendall(data)
            return
        view = memoryview(data).cast("B")
        pieces = [view[start : start + PIECE_BYTES] for start in range(0, len(view), PIECE_BYTES)]
        self._set_timeout(0.0)
        self.outgoing.extend(pieces)
        self.outgoing_bytes += len(view)
        self.flush()
        if not self.outgoing:
            return
        if self.outgoing_bytes > KEPT_BYTES or not self._kept.take(self, self.outgoing_bytes):
            self._send_patiently()
        else:
            # The caller may change its buffer after we return.
            self.outgoing = deque(bytes(piece) for piece in self.outgoing)

    def flush(self) -> bool:
        """Send what the peer takes now; whether all is sent. OSError when the peer is gone."""
        while self.outgoing:
            piece = self.outgoing[0]
            try:
                sent = self.raw.send(piece)
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError):
                # OpenSSL wants the same piece again.
                return False
            self.outgoing_bytes -= sent
            if sent == len(piece):
                self.outgoing.popleft()
            else:
                self.outgoing[0] = piece[sent:]
        self._kept.free(self)
        return True

    def _send_patiently(self) -> None:
        total, began_at = self.outgoing_bytes, _now()
        poll = select.poll()
        poll.register(self.raw.fileno(), select.POLLOUT)
        while not self.flush():
            allowed = began_at + self._deadlines.body_grace_s + total / self._deadlines.rate - _now()
            silence = min(allowed, self._deadlines.body_grace_s)
            if silence <= 0 or not poll.poll(silence * 1000):
                self._too_slow("read_slow")

    def _too_slow(self, why: Why) -> None:
        ended_total.labels(why).inc()
        self.slow = True
        self.outgoing.clear()
        # What gunicorn passes over in silence: a slow peer is no line in the log.
        raise ConnectionResetError(errno.ECONNRESET, why)

    def _set_timeout(self, timeout: float | None) -> None:
        if timeout != self._timeout:
            self.raw.settimeout(timeout)
            self._timeout = timeout

    # --- what gunicorn and simple-websocket also ask of a socket

    def setblocking(self, flag: bool) -> None:
        """Left alone: `begin` and `end` decide."""

    def settimeout(self, value: float | None) -> None:
        """Left alone: `begin` and `end` decide."""

    def gettimeout(self) -> float | None:
        return self._timeout

    def fileno(self) -> int:
        return self.raw.fileno()

    def shutdown(self, how: int) -> None:
        # Past ssl.SSLSocket.shutdown, which takes the connection away under another thread's read.
        socket.socket.shutdown(self.raw, how)

    def close(self) -> None:
        self._kept.free(self)
        self.raw.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


class Kept:
    """How much waits for slow readers, over all connections; only a hint, thus without a lock."""

    def __init__(self) -> None:
        self._of: dict[int, int] = {}

    def take(self, stream: Stream, size: int) -> bool:
        """Whether `size` bytes may wait for this stream."""
        if sum(self._of.copy().values()) - self._of.get(id(stream), 0) + size > KEPT_ALL_BYTES:
            return False
        self._of[id(stream)] = size
        return True

    def free(self, stream: Stream) -> None:
        """Nothing of it waits any more."""
        self._of.pop(id(stream), None)


class Connection(TConn):  # type: ignore[misc]
    """One connection and where it is in its life."""

    def __init__(self, cfg: Any, stream: Stream, client: Any, server: Any) -> None:
        super().__init__(cfg, stream, client, server)
        self.stream = stream
        # gunicorn must neither wait for data nor speak TLS: both are done when it gets the connection.
        self.initialized = True
        self.data_ready = True
        self.state: State = "handshake"
        self.peer = str(client[0]) if isinstance(client, tuple) else "local"
        self.address = self.peer
        self.deadline = 0.0
        self.buffer = bytearray()
        self.head: Head | None = None
        self.lane: Lane | None = None
        self.discarded = 0
        self.keep = False
        self.confirmed = True
        self.mask = 0


class Lane:
    """Threads of one kind; who waits for one is taken in turn by address."""

    def __init__(self, name: str, limit: int, of_address: int) -> None:
        self.name = name
        self.limit = limit
        self.of_address = of_address
        self.running = 0
        self.queued = 0
        self._running_of: dict[str, int] = {}
        self._queues: OrderedDict[str, deque[Connection]] = OrderedDict()

    def put(self, connection: Connection) -> bool:
        """Let it wait for a thread; False when too many wait."""
        queue = self._queues.setdefault(connection.address, deque())
        if self.queued >= QUEUED_MAX or len(queue) >= QUEUED_OF_ADDRESS:
            return False
        queue.append(connection)
        self.queued += 1
        return True

    def next(self) -> Connection | None:
        """Who gets a thread now."""
        if self.running >= self.limit:
            return None
        for address in list(self._queues):
            if self._running_of.get(address, 0) >= self.of_address:
                continue
            queue = self._queues[address]
            connection = queue.popleft()
            self.queued -= 1
            if queue:
                self._queues.move_to_end(address)
            else:
                del self._queues[address]
            self.enter(connection)
            return connection
        return None

    def enter(self, connection: Connection) -> None:
        """It has a thread of this lane."""
        self.running += 1
        self._running_of[connection.address] = self._running_of.get(connection.address, 0) + 1
        connection.lane = self
        threads_gauge.labels(self.name).set(self.running)

    def leave(self, connection: Connection) -> None:
        """It has none any more."""
        self.running -= 1
        left = self._running_of[connection.address] - 1
        if left:
            self._running_of[connection.address] = left
        else:
            del self._running_of[connection.address]
        connection.lane = None
        threads_gauge.labels(self.name).set(self.running)

    def overdue(self, now: float) -> list[Connection]:
        """Take out who has waited too long."""
        late: list[Connection] = []
        for address, queue in list(self._queues.items()):
            while queue and queue[0].deadline <= now:
                late.append(queue.popleft())
                self.queued -= 1
            if not queue:
                del self._queues[address]
        return late


def _head_too_large() -> bytes:
    """The answer to too large a head (RFC 6585 section 5), mostly of cookies: ours are cleared, but for a wall's pairing, which is small."""
    body = (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>431</title>'
        "<p>浏览器为此地址保存的 Cookie 过大，请求无法处理。本系统的 Cookie 已清除，请重新登录；"
        "若仍出现本页，请在浏览器设置中清除此地址的 Cookie。</p>"
        '<p lang="en">The cookies that this browser keeps for this address are too large. Ours were cleared: please log in again. '
        "If this page comes again, clear the cookies of this address in the browser's settings.</p></html>"
    ).encode()
    cleared = "".join(
        f"Set-Cookie: {name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax\r\n"
        for name in (ACCESS, REFRESH, GUEST, LANGUAGE, THEME)
    )
    head = (
        "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\nContent-Type: text/html; charset=utf-8\r\n"
        f"Cache-Control: no-store\r\n{cleared}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


HEAD_TOO_LARGE = _head_too_large()


class Worker(ThreadWorker):  # type: ignore[misc]
    """The worker. Tests make classes of it with shorter deadlines."""

    deadlines: ClassVar[Deadlines] = Deadlines()
    lanes: ClassVar[Lanes] = Lanes()
    proxies: ClassVar[int] = 0
    """Trusted proxies in front: an address is then the one that the outermost of them saw."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        lanes = self.lanes
        self._kept = Kept()
        self._waiting: dict[Connection, None] = {}
        self._waiting_of: dict[str, int] = {}
        self._unconfirmed: set[Connection] = set()
        self._looked_at = 0.0
        self._people = Lane("people", lanes.people, lanes.people)
        self._strangers = Lane("strangers", lanes.strangers, max(1, lanes.strangers // 2))
        self._uploads = Lane("uploads", lanes.uploads, max(1, lanes.uploads // 2))
        self._line = Lane("line", lanes.line, max(1, lanes.line // 2))
        self._health = Lane("health", lanes.health, lanes.health)
        self._sockets = Lane("sockets", lanes.sockets, lanes.sockets)
        self._greeting = Lane("greeting", lanes.greeting, max(1, lanes.greeting // 4))
        self._all_lanes = (
            self._people, self._strangers, self._uploads, self._line, self._health, self._sockets, self._greeting
        )  # fmt: skip
        self._waiting_max = WAITING_MAX

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Answer a request that could not be read; with too large a head by what helps, since no page of ours can be reached then."""
        if not isinstance(exc, LimitRequestHeaders):
            super().handle_error(req, client, addr, exc)
            return
        logger.warning("a request's head is too large", extra={"address": (addr or ("",))[0], "why": str(exc)})
        with suppress(OSError):
            client.sendall(HEAD_TOO_LARGE)

    def init_process(self) -> None:
        self._waiting_max = _room_for_files(self.lanes.threads)
        # Never the reason not to accept: who waits too long gives way instead.
        self.worker_connections = self._waiting_max + self.lanes.threads + len(self._all_lanes) * QUEUED_MAX
        super().init_process()

    def get_thread_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(max_workers=self.lanes.threads, thread_name_prefix="request")

    # --- accepting and reading

    def accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPT_AT_ONCE):
            try:
                raw, client = listener.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._end_longest_waiting(None)
                elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                    raise
                return
            self.nr_conns += 1
            raw.setblocking(False)
            try:
                if self.cfg.is_ssl:
                    raw = self.cfg.ssl_context(self.cfg, None).wrap_socket(
                        raw, server_side=True, do_handshake_on_connect=False
                    )
            except OSError:
                # Gone before we could speak.
                self.nr_conns -= 1
                raw.close()
                continue
            connection = Connection(self.cfg, Stream(raw, self.deadlines, self._kept), client, listener.getsockname())
            connection.state = "handshake" if self.cfg.is_ssl else "reading"
            connection.deadline = _now() + self.deadlines.head_s
            self._wait(connection, selectors.EVENT_READ)

    def _wait(self, connection: Connection, mask: int) -> None:
        """Hold it without a thread, until it can be read or written."""
        self._waiting[connection] = None
        self._waiting_of[connection.address] = self._waiting_of.get(connection.address, 0) + 1
        connection.mask = mask
        self.poller.register(connection.stream, mask, partial(self._ready, connection))
        if not self.proxies and self._waiting_of[connection.address] > WAITING_OF_ADDRESS:
            self._end_longest_waiting(connection.address)
        elif len(self._waiting) > self._waiting_max:
            self._end_longest_waiting(max(self._waiting_of, key=lambda address: self._waiting_of[address]))
        waiting_gauge.set(len(self._waiting))

    def _unwait(self, connection: Connection) -> None:
        del self._waiting[connection]
        left = self._waiting_of[connection.address] - 1
        if left:
            self._waiting_of[connection.address] = left
        else:
            del self._waiting_of[connection.address]
        with suppress(OSError, KeyError, ValueError):
            self.poller.unregister(connection.stream)
        waiting_gauge.set(len(self._waiting))

    def _end_longest_waiting(self, address: str | None) -> None:
        for connection in self._waiting:
            if address is None or connection.address == address:
                self._end(connection, "too_many")
                return

    def _ready(self, connection: Connection, _file: object) -> None:
        if connection not in self._waiting:
            # Closed by another event of the same round.
            return
        try:
            match connection.state:
                case "handshake":
                    self._shake_hands(connection)
                case "reading":
                    self._read(connection)
                case "sending":
                    if connection.stream.flush():
                        self._unwait(connection)
                        self._answered(connection)
                case "lingering":
                    self._discard(connection)
        except OSError:
            # The peer is gone.
            self._end(connection, None)
        except Exception:  # noqa: BLE001 - `survived` logs and counts it
            # One connection's trouble, whatever it is, must not end the loop of all.
            survived("connections")
            self._end(connection, None)

    def _shake_hands(self, connection: Connection) -> None:
        raw: Any = connection.stream.raw
        wanted = selectors.EVENT_READ
        try:
            raw.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLWantWriteError:
            wanted = selectors.EVENT_WRITE
        else:
            connection.state = "reading"
            self._remask(connection, selectors.EVENT_READ)
            self._read(connection)
            return
        self._remask(connection, wanted)

    def _remask(self, connection: Connection, mask: int) -> None:
        if connection.mask != mask:
            connection.mask = mask
            self.poller.modify(connection.stream, mask, partial(self._ready, connection))

    def _read(self, connection: Connection) -> None:
        begun = bool(connection.buffer)
        while len(connection.buffer) <= HEAD_BYTES + BODY_BYTES:
            try:
                data = connection.stream.raw.recv(READ_BYTES)
            except (BlockingIOError, ssl.SSLWantReadError):
                break
            except ssl.SSLWantWriteError:
                break
            if not data:
                self._end(connection, None)
                return
            connection.buffer += data
        if not begun and connection.buffer and connection.parser is not None:
            connection.deadline = _now() + self.deadlines.head_s
        if connection.buffer:
            self._look_at(connection)

    def _look_at(self, connection: Connection) -> None:
        """Give the request to a thread when it is whole."""
        if connection.head is None:
            connection.head = read_head(connection.buffer)
            if connection.head is None:
                if len(connection.buffer) > HEAD_BYTES:
                    self._unwait(connection)
                    self._queue(connection, self._strangers)
                return
            if connection.head.length:
                allowed = self.deadlines.body_grace_s + min(connection.head.length, BODY_BYTES) / self.deadlines.rate
                connection.deadline = _now() + allowed
        head = connection.head
        small = not head.chunked and not head.expects and head.length <= BODY_BYTES
        if small and len(connection.buffer) < head.size + head.length:
            return
        self._unwait(connection)
        if self.proxies and len(head.forwarded) >= self.proxies:
            connection.address = head.forwarded[-self.proxies]
        self._queue(connection, self._lane_of(head, small))

    def _lane_of(self, head: Head, small: bool) -> Lane:
        proves = getattr(self.wsgi, "extensions", {}).get(PROVEN)
        proven = proves is not None and proves(head.cookie, head.authorization)
        if head.websocket:
            return self._sockets if proven else self._greeting
        if head.path in HEALTH_PATHS:
            return self._health
        if head.path == LINE_PATH:
            return self._line
        if not proven:
            # A large body of theirs is answered unread: the gate refuses it first.
            return self._strangers
        return self._people if small else self._uploads

    # --- threads

    def _queue(self, connection: Connection, lane: Lane) -> None:
        connection.state = "queued"
        connection.deadline = _now() + self.deadlines.queue_s
        if lane.put(connection):
            self._run_next(lane)
        else:
            self._refuse(connection)

    def _run_next(self, lane: Lane) -> None:
        while (connection := lane.next()) is not None:
            self._run(connection)

    def _run(self, connection: Connection) -> None:
        websocket = connection.head is not None and connection.head.websocket
        if connection.parser is None:
            connection.parser = get_parser(self.cfg, connection.stream, connection.client)
        connection.parser.unreader.unread(bytes(connection.buffer))
        connection.buffer = bytearray()
        connection.state = "running"
        connection.stream.begin(websocket)
        if websocket:
            connection.confirmed = False
            connection.deadline = _now() + self.deadlines.namespace_s
            connection.stream.confirm = partial(self.method_queue.defer, self._confirm, connection)
            self._unconfirmed.add(connection)
        self.enqueue_req(connection)

    def _confirm(self, connection: Connection) -> None:
        """A websocket has opened a namespace: it may stay."""
        if connection.confirmed or connection.state != "running":
            return
        connection.confirmed = True
        self._unconfirmed.discard(connection)
        if connection.lane is self._greeting:
            if self._sockets.running >= self._sockets.limit:
                self._shut(connection, "no_thread")
                return
            self._greeting.leave(connection)
            self._sockets.enter(connection)
            self._run_next(self._greeting)

    def _shut(self, connection: Connection, why: Why) -> None:
        """Have the thread that holds the connection give it back."""
        ended_total.labels(why).inc()
        with suppress(OSError):
            connection.stream.shutdown(socket.SHUT_RDWR)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        """Whether another request may follow. A body that the application left unread ends the connection: nobody waits for its rest."""
        if not keepalive or conn.stream.slow:
            return False
        body = conn.parser.mesg.body
        if body.failed:
            return False
        reader, head = body.reader, conn.head
        if (
            head is not None
            and not head.chunked
            and conn.parser.unreader.buf.getbuffer().nbytes >= getattr(reader, "length", 0)
        ):
            # Its rest is at hand.
            return bool(conn.parser.finish_body())
        if isinstance(reader, LengthReader):
            return bool(reader.length == 0)
        return isinstance(reader, ChunkedReader) and reader.parser is None

    def finish_request(self, conn: Connection, fs: "Future[bool]") -> None:
        """The thread is free again."""
        lane = conn.lane
        if lane is not None:
            lane.leave(conn)
            self._run_next(lane)
        self._unconfirmed.discard(conn)
        try:
            conn.keep = bool(fs.result()) if not fs.cancelled() else False
            conn.stream.end()
            if conn.stream.outgoing:
                conn.state = "sending"
                conn.deadline = _now() + self.deadlines.body_grace_s + conn.stream.outgoing_bytes / self.deadlines.rate
                self._wait(conn, selectors.EVENT_WRITE)
            else:
                self._answered(conn)
        except (OSError, ValueError):
            # A websocket's socket is closed by its own threads: an error of the descriptor is its usual end.
            self._end(conn, None)
        except Exception:  # noqa: BLE001 - `survived` logs and counts it
            survived("connections")
            self._end(conn, None)

    def _answered(self, connection: Connection) -> None:
        if not connection.keep:
            self._linger(connection)
            return
        connection.head = None
        connection.buffer = bytearray(connection.parser.unreader.take_buffered())
        connection.state = "reading"
        now = _now()
        connection.deadline = now + (self.deadlines.head_s if connection.buffer else self.deadlines.idle_s)
        if not self.alive:
            connection.deadline = min(connection.deadline, now + 2.0)
        self._wait(connection, selectors.EVENT_READ)
        # What TLS has decrypted already makes no descriptor readable.
        if connection in self._waiting:
            self._ready(connection, None)

    # --- ending

    def _refuse(self, connection: Connection) -> None:
        ended_total.labels("no_thread").inc()
        with suppress(OSError):
            connection.stream.raw.send(BUSY)
        self._linger(connection)

    def _linger(self, connection: Connection) -> None:
        """Say that nothing more comes, and take what is still on its way, so that the answer is not lost (RFC 9112 section 9.6)."""
        if connection.stream.is_websocket:
            # Its reader closes the descriptor whenever it comes to it: we must not poll a number that is another connection's by then.
            with suppress(OSError):
                connection.stream.shutdown(socket.SHUT_RDWR)
            self._forget(connection)
            return
        try:
            connection.stream.shutdown(socket.SHUT_WR)
        except OSError:
            self._forget(connection)
            return
        connection.state = "lingering"
        connection.deadline = _now() + self.deadlines.linger_s
        self._wait(connection, selectors.EVENT_READ)

    def _discard(self, connection: Connection) -> None:
        try:
            data = socket.socket.recv(connection.stream.raw, READ_BYTES)
        except BlockingIOError:
            return
        connection.discarded += len(data)
        if not data or connection.discarded > LINGER_BYTES:
            self._end(connection, None)

    def _end(self, connection: Connection, why: Why | None) -> None:
        """Close one that waits."""
        if why is not None:
            ended_total.labels(why).inc()
        if connection in self._waiting:
            self._unwait(connection)
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        if connection.state == "closed":
            return
        connection.state = "closed"
        self.nr_conns -= 1
        with suppress(OSError):
            connection.stream.close()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """One round of the loop. No error of one connection ends it: the threads would stay, and nobody would be let in for a minute."""
        for key, _mask in self.poller.select(timeout):
            with guarded("connections"):
                key.data(key.fileobj)

    def murder_keepalived(self, force: bool = False) -> None:
        """End whoever is too slow; with `force` everybody. Called once a second, and after each event."""
        with guarded("connections"):
            self._look_for_slow(force)

    def _look_for_slow(self, force: bool) -> None:
        now = _now()
        if not force and now - self._looked_at < min(0.5, self.deadlines.head_s / 4):
            return
        self._looked_at = now
        for connection in list(self._waiting):
            if force or connection.deadline <= now:
                self._end_slow(connection)
        for connection in list(self._unconfirmed):
            if connection.deadline <= now:
                self._unconfirmed.discard(connection)
                self._shut(connection, "no_namespace")
        for lane in self._all_lanes:
            if lane.queued:
                for connection in lane.overdue(now):
                    self._refuse(connection)

    def _end_slow(self, connection: Connection) -> None:
        if connection.state == "sending":
            self._end(connection, "read_slow")
        elif connection.state == "reading" and connection.buffer:
            with suppress(OSError):
                connection.stream.raw.send(SLOW)
            self._end(connection, "head_slow" if connection.head is None else "body_slow")
        elif connection.state == "handshake" or (connection.state == "reading" and connection.parser is None):
            self._end(connection, "head_slow")
        else:
            self._end(connection, None)

    def murder_pending(self) -> None:
        """Nothing is pending: see `murder_keepalived`."""

    def _cap_keepalive(self, deadline: float) -> None:
        for connection in self._waiting:
            connection.deadline = min(connection.deadline, deadline)


BUSY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


def read_head(data: bytes | bytearray) -> Head | None:
    """What the worker needs of a request's head; None while it is not whole. What is ill-formed is gunicorn's to refuse."""
    start = 2 if data[:2] == b"\r\n" else 0
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        return None
    first, *lines = bytes(data[start:end]).decode("latin-1").split("\r\n")
    fields: dict[str, str] = {}
    for line in lines:
        name, _colon, value = line.partition(":")
        name = name.strip().lower()
        fields[name] = f"{fields[name]},{value.strip()}" if name in fields else value.strip()
    target = first.split(" ")[1] if first.count(" ") else ""
    length = fields.get("content-length", "")
    return Head(
        path=target.partition("?")[0],
        size=end + 4,
        length=int(length) if length.isascii() and length.isdigit() and len(length) < 16 else 0,
        chunked="transfer-encoding" in fields,
        expects="expect" in fields,
        websocket=fields.get("upgrade", "").lower() == "websocket",
        cookie=fields.get("cookie", ""),
        authorization=fields.get("authorization", ""),
        forwarded=tuple(part.strip() for part in fields.get("x-forwarded-for", "").split(",") if part.strip()),
    )


def _room_for_files(threads: int) -> int:
    """How many connections may wait, with as many open files as the machine lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WAITING_MAX + 2 * threads + QUEUED_MAX + SPARE_FILES
    if soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(64, min(WAITING_MAX, soft - 2 * threads - QUEUED_MAX - SPARE_FILES))


def _now() -> float:
    return _CLOCK.monotonic()


_CLOCK = SystemClock()
