"""One TLS connection, read by one thread and written by others, as every websocket over https is."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fenghuo.shared_tls import SharedTls
from foundation.clock import SystemClock
from foundation.local_authority import LocalAuthority
from foundation.secrets import write_private

LONG = 300_000
"""Bytes: many TLS records, more than the kernel takes at once."""


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    home = tmp_path_factory.mktemp("tls")
    authority = LocalAuthority.open(home, SystemClock(), ["127.0.0.1"], "碧寨乡")
    leaf = authority.issue(["127.0.0.1"])
    write_private(home / "leaf.pem", leaf)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.sslsocket_class = SharedTls
    server.load_cert_chain(home / "leaf.pem")
    client = ssl.create_default_context(cafile=str(home / "secrets" / "authority.crt"))
    return server, client


@contextmanager
def connected(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], timeout_s: float | None = None
) -> Iterator[tuple[ssl.SSLSocket, ssl.SSLSocket]]:
    """Both ends of one connection; the server's shakes hands on its first read, as in gunicorn."""
    here, there = socket.socketpair()
    far: list[ssl.SSLSocket] = []
    shaking = threading.Thread(target=lambda: far.append(contexts[1].wrap_socket(there, server_hostname="127.0.0.1")))
    shaking.start()
    near = contexts[0].wrap_socket(here, server_side=True, do_handshake_on_connect=False)
    near.settimeout(30)
    near.do_handshake()
    near.settimeout(timeout_s)
    shaking.join(30)
    with near, far[0]:
        yield near, far[0]


def read_all(connection: ssl.SSLSocket, count: int) -> bytes:
    got = bytearray()
    while len(got) < count:
        piece = connection.recv(4096)
        if not piece:
            break
        got += piece
    return bytes(got)


def test_one_send_sends_all_of_a_long_message(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    message = bytes(range(250)) * (LONG // 250)
    with connected(contexts) as (near, far):
        got: list[bytes] = []
        reading = threading.Thread(target=lambda: got.append(read_all(far, LONG)))
        reading.start()
        assert near.send(message) == LONG
        reading.join(30)
    assert got == [message]


def test_reading_and_writing_from_several_threads_at_once_mixes_up_nothing(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext],
) -> None:
    messages = [bytes([65 + sender]) * 40_000 for sender in range(3)]
    rounds = 40
    total = rounds * 3 * 40_000
    with connected(contexts) as (near, far):
        heard: dict[str, bytes] = {}

        def send(message: bytes) -> None:
            for _ in range(rounds):
                near.send(message)

        doing = [threading.Thread(target=send, args=(message,)) for message in messages]
        doing.append(threading.Thread(target=lambda: heard.update(near=read_all(near, total))))
        for thread in doing:
            thread.start()
        # The far end is an ordinary SSLSocket: it reads and writes in turn, in this one thread.
        pieces = b""
        for _ in range(rounds * 3):
            pieces += read_all(far, 40_000)
            far.sendall(b"z" * 40_000)
        for thread in doing:
            thread.join(30)
    assert heard["near"] == b"z" * total
    assert sorted(pieces[at : at + 40_000] for at in range(0, total, 40_000)) == sorted(messages * rounds)


def test_a_reader_who_waits_keeps_no_writer_waiting(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with connected(contexts) as (near, far):
        reading = threading.Thread(target=near.recv, args=(10,))
        reading.start()
        far.settimeout(10)
        near.send(b"news")
        assert far.recv(10) == b"news"
        far.send(b"end")
        reading.join(10)
        assert not reading.is_alive()


def test_a_shut_socket_ends_reader_and_writer(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with connected(contexts) as (near, far):
        errors: list[OSError] = []

        def write() -> None:
            try:
                near.send(bytes(50_000_000))
            except OSError as error:
                errors.append(error)

        stuck = [threading.Thread(target=write), threading.Thread(target=near.recv)]
        for thread in stuck:
            thread.start()
        far.settimeout(10)
        assert far.recv(1) == b"\0", "the writer is in the midst of it"
        near.shutdown(socket.SHUT_RDWR)
        for thread in stuck:
            thread.join(10)
        assert len(errors) == 1 and not any(thread.is_alive() for thread in stuck)


def test_a_silent_other_side_is_given_up_after_the_timeout(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    with connected(contexts, timeout_s=0.05) as (near, _far), pytest.raises(TimeoutError):
        near.recv(1)
