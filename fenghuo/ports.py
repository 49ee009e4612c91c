"""Whether a port of this machine is free."""

import socket
import time

from foundation.clock import Clock

AWAIT_S = 10.0
"""Processes of a `serve` that was killed end within this time."""
LOOK_S = 0.2


def taken(kind: socket.SocketKind, host: str, port: int) -> str:
    """Why a socket of `kind` cannot be bound there; empty when it can."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
        if kind == socket.SOCK_STREAM:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def await_port(kind: socket.SocketKind, host: str, port: int, clock: Clock, limit_s: float = AWAIT_S) -> str:
    """The same, asked until it is free or `limit_s` have passed."""
    deadline = clock.monotonic() + limit_s
    while (why := taken(kind, host, port)) and clock.monotonic() < deadline:
        time.sleep(LOOK_S)
    return why
