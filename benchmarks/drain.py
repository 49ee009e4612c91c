"""Emptying many sockets at little cost: recvmmsg through libc, so that the clients of a benchmark keep up with the server."""

import socket

import cffi
import numpy as np

from conference.media.udp import IOVEC, MESSAGE

ROWS = 64
ROW_BYTES = 1536
_MSG_DONTWAIT = 0x40

_ffi = cffi.FFI()
_ffi.cdef("int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout);")
_libc = _ffi.dlopen(None)


class Drain:
    """Rows that datagrams are read into; one serves every socket of a process."""

    def __init__(self) -> None:
        self._rows = np.zeros((ROWS, ROW_BYTES), np.uint8)
        self._iov = np.zeros(ROWS, IOVEC)
        self._iov["base"] = self._rows.ctypes.data + np.arange(ROWS, dtype=np.uint64) * ROW_BYTES
        self._iov["size"] = ROW_BYTES
        self._messages = np.zeros(ROWS, MESSAGE)
        self._messages["iov"] = self._iov.ctypes.data + np.arange(ROWS, dtype=np.uint64) * 16
        self._messages["iov_count"] = 1
        self._sizes = self._messages["size"]
        self._pointer = _ffi.cast("void *", self._messages.ctypes.data)
        self.view = self._rows.reshape(-1).data

    def read(self, one: socket.socket) -> int:
        """Read up to ROWS datagrams; returns how many, 0 when there is none."""
        return max(0, int(_libc.recvmmsg(one.fileno(), self._pointer, ROWS, _MSG_DONTWAIT, _ffi.NULL)))

    def datagram(self, row: int) -> bytes:
        """The datagram in `row`."""
        at = row * ROW_BYTES
        return bytes(self.view[at : at + int(self._sizes[row])])
