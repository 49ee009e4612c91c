"""Who is slow, or sends nothing more, holds no thread of web: pages, forms and /healthz go on (fenghuo/connections.py)."""

import contextlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import free_port, wait_for_port
from tests.serving import ADMIN, Served, build_township
from tests.system.quick_worker import KNOWN, LARGE

ANSWER_S = 5.0
"""Bound of an answer under attack, on a loaded machine; before, none came at all."""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
UPGRADE = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
)
KEY = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
POST = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"

ATTACKS = {
    "headers": b"GET /login HTTP/1.1\r\nHost: a\r\nX-",
    "small bodies": POST + b"Content-Length: 500\r\n\r\n{",
    "large bodies": POST + b"Content-Length: 5000000\r\n\r\n{",
    "chunked bodies": POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    "a GET that announces a body": b"GET /login HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n",
    "a measured line": b"POST /api/v1/line HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nx",
    "websockets": UPGRADE + KEY,
    "slow readers": b"GET /assets/vendor/noto-sans-sc/index.css HTTP/1.1\r\nHost: a\r\n\r\n" * 3,
}


class Quick:
    """A running `quick_worker`."""

    def __init__(self, proxies: int = 0) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.system.quick_worker", str(self.port)],
            env={**os.environ, "PROXIES": str(proxies)},
        )
        wait_for_port(self.port, self.process)

    def connect(self, sent: bytes = b"") -> socket.socket:
        """A connection that has sent something."""
        connection = socket.create_connection(("127.0.0.1", self.port), ANSWER_S)
        connection.sendall(sent)
        return connection

    def ask(self, request: bytes) -> bytes:
        """The answer to one request."""
        with self.connect(request) as connection:
            return read_answer(connection)


def read_answer(connection: socket.socket) -> bytes:
    """One answer, with its body."""
    answer = b""
    while b"\r\n\r\n" not in answer:
        data = connection.recv(65536)
        if not data:
            return answer
        answer += data
    head, _, body = answer.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
    while len(body) < length and (data := connection.recv(65536)):
        body += data
    return head + b"\r\n\r\n" + body


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side ends the connection, within a few of its deadlines."""
    connection.settimeout(ANSWER_S)
    with contextlib.suppress(ConnectionError):
        while connection.recv(65536):
            pass
    return True


@pytest.fixture(scope="module")
def quick() -> Iterator[Quick]:
    server = Quick()
    yield server
    server.process.terminate()
    server.process.wait(10)


def test_an_unfinished_head_is_ended_and_said_to_be_slow(quick: Quick) -> None:
    with quick.connect(b"GET / HTTP/1.1\r\nX-") as connection:
        assert b" 408 " in read_answer(connection)
        assert is_closed(connection)


def test_a_connection_that_says_nothing_is_ended(quick: Quick) -> None:
    with quick.connect() as connection:
        assert is_closed(connection)


def test_a_small_body_that_stops_is_ended(quick: Quick) -> None:
    with quick.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500\r\n\r\nx") as connection:
        assert b" 408 " in read_answer(connection)


@pytest.mark.parametrize("framing", ["Content-Length: 5000000\r\n\r\nx", "Transfer-Encoding: chunked\r\n\r\n5\r\nx"])
def test_a_large_body_below_the_least_rate_is_ended(quick: Quick, framing: str) -> None:
    head = f"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: {KNOWN}\r\n{framing}"
    with quick.connect(head.encode()) as connection:
        began_at = time.monotonic()
        connection.settimeout(0.05)
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began_at < ANSWER_S:
                # Never silent, but slow.
                connection.sendall(b"x" if "Length" in framing else b"1\r\nx\r\n")
                with contextlib.suppress(TimeoutError):
                    if not connection.recv(100):
                        break
        assert time.monotonic() - began_at < ANSWER_S


def test_a_websocket_that_opens_no_namespace_is_ended(quick: Quick) -> None:
    with quick.connect(UPGRADE + KEY) as connection:
        assert b" 101 " in connection.recv(100)
        assert is_closed(connection)


def test_a_websocket_that_opens_one_stays(quick: Quick) -> None:
    with quick.connect(UPGRADE + KEY) as connection:
        assert b" 101 " in connection.recv(100)
        connection.sendall(b"open")
        assert connection.recv(100) == b"open"
        with quick.connect(UPGRADE + KEY) as later:
            # Ended by the same deadline, later: so the first has outlived its own.
            assert is_closed(later)
        connection.sendall(b"here")
        assert connection.recv(100) == b"here"


def test_websockets_that_come_and_go_disturb_no_other_connection(quick: Quick) -> None:
    for _ in range(40):
        with quick.connect(UPGRADE + KEY) as connection:
            assert b" 101 " in connection.recv(100)
        # Gets the descriptor that the websocket's own thread closes meanwhile.
        assert quick.ask(GET).startswith(b"HTTP/1.1 200")


def test_who_is_known_gets_through_while_strangers_hold_all_that_they_can(quick: Quick) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(quick.connect(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\nx"))
        known = f"POST / HTTP/1.1\r\nHost: a\r\nAuthorization: {KNOWN}\r\nContent-Length: 3\r\n\r\nabc".encode()
        began_at = time.monotonic()
        assert quick.ask(known).endswith(b"\r\n\r\n3")
        assert time.monotonic() - began_at < 0.4


def test_a_slow_reader_holds_no_thread_and_gets_everything(quick: Quick) -> None:
    ask = f"GET /large HTTP/1.1\r\nHost: a\r\nAuthorization: {KNOWN}\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(quick.connect(ask)) for _ in range(6)]
        assert quick.ask(GET.replace(b"\r\n\r\n", f"\r\nAuthorization: {KNOWN}\r\n\r\n".encode())).endswith(b"0")
        assert len(read_answer(readers[0]).partition(b"\r\n\r\n")[2]) == LARGE


def test_requests_one_after_the_other_on_one_connection(quick: Quick) -> None:
    body = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    with quick.connect(body + body) as connection:
        assert read_answer(connection).endswith(b"\r\n\r\n3")
        connection.sendall(GET)
        assert read_answer(connection).startswith(b"HTTP/1.1 200")
    with quick.connect(b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc" + GET) as connection:
        first = read_answer(connection)
        assert b"unread" in first


def test_a_body_that_nobody_reads_ends_the_connection_after_its_answer(quick: Quick) -> None:
    with quick.connect(
        b"POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n" + bytes(100_000)
    ) as sender:
        assert read_answer(sender).endswith(b"unread")
        assert is_closed(sender)


def test_behind_a_trusted_proxy_the_address_is_the_one_that_it_saw() -> None:
    server = Quick(1)
    try:
        # One address has half of the strangers' threads at most: two more of it wait, another address does not.
        slow = b"POST / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9, 192.0.2.1\r\nContent-Length: 5000000\r\n\r\nx"
        with server.connect(slow), server.connect(slow):
            began_at = time.monotonic()
            answer = server.ask(b"GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9, 192.0.2.2\r\n\r\n")
            assert answer.endswith(b"\r\n\r\n0")
            assert time.monotonic() - began_at < 0.4
    finally:
        server.process.terminate()
        server.process.wait(10)


# --- the product itself


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A web process alone."""
    system = Served(tmp_path_factory.mktemp("attacked") / "home", ("web",))
    build_township(system.home)
    system.create_admin()
    system.start(ready=False)
    system.wait_ready("/healthz")
    yield system
    system.stop()


def _hold(web: Served, count: int, addresses: int, kinds: list[bytes]) -> Iterator[socket.socket]:
    for number in range(count):
        # All of 127/8 is this machine's own.
        source = f"127.0.{1 + number % addresses // 200}.{1 + number % addresses}"
        connection = socket.create_connection(("127.0.0.1", web.port), ANSWER_S, source_address=(source, 0))
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with contextlib.suppress(ConnectionError):
            connection.sendall(kinds[number % len(kinds)])
        yield connection


@pytest.mark.parametrize("addresses", [1, 50])
def test_a_thousand_connections_without_a_login_stop_nobody(web: Served, addresses: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    held: list[socket.socket] = []
    token = web.token()
    try:
        held.extend(_hold(web, 1000, addresses, list(ATTACKS.values())))
        for path, status in (("/healthz", 200), ("/login", 200), ("/assets/css/tokens.css", 200)):
            began_at = time.monotonic()
            assert web.call("GET", path, token="none")[0] == status
            assert time.monotonic() - began_at < ANSWER_S, path
        began_at = time.monotonic()
        assert web.call("GET", "/api/v1/people", token=token)[0] == 200
        assert time.monotonic() - began_at < ANSWER_S
        began_at = time.monotonic()
        assert web.log_in(*ADMIN)
        assert time.monotonic() - began_at < 2 * ANSWER_S
    finally:
        for connection in held:
            connection.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_body_is_refused_unread_where_no_login_is_needed(web: Served) -> None:
    def status(request: bytes) -> int:
        with socket.create_connection(("127.0.0.1", web.port), ANSWER_S) as connection:
            connection.sendall(request)
            return int(read_answer(connection).split(b" ")[1])

    assert status(ATTACKS["large bodies"]) == 413
    assert status(ATTACKS["chunked bodies"]) == 411


def test_a_chunk_size_that_is_no_number_is_the_senders_mistake(web: Served) -> None:
    request = (
        f"POST /api/v1/readings HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {web.token()}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\n{}}\r\n0\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", web.port), ANSWER_S) as connection:
        connection.sendall(request.encode())
        answer = read_answer(connection)
    assert answer.startswith(b"HTTP/1.1 400")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["code"] == "bad_request"


def test_a_node_proves_itself_before_its_websocket_opens(web: Served) -> None:
    secret = (Path(web.home) / "secrets" / "node").read_text().strip()
    authorized = UPGRADE + f"Authorization: Bearer {secret}\r\n".encode() + KEY
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            stack.enter_context(socket.create_connection(("127.0.0.1", web.port), ANSWER_S)).sendall(UPGRADE + KEY)
        node = stack.enter_context(socket.create_connection(("127.0.0.1", web.port), ANSWER_S))
        began_at = time.monotonic()
        node.sendall(authorized)
        assert b" 101 " in node.recv(1000)
        assert time.monotonic() - began_at < ANSWER_S / 2
