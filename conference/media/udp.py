"""The one UDP port: datagrams in by recvmmsg, out by sendmmsg with UDP_SEGMENT, through libc in cffi's ABI mode (no compiler).

Hot path. Listening everywhere, one dual-stack socket serves IPv6 and IPv4 (conference.media.address says how each writes addresses). Where libc
lacks the calls, or the kernel refuses UDP_SEGMENT, the same rows go through Python's socket one by one. A peer must see answers come from the
address that it wrote to: where the kernel would choose another source (several interfaces), a control message names it.
"""

import contextlib
import errno
import socket
import struct
from typing import Any

import cffi
import numpy as np

from conference.media import srtp
from conference.media.address import form_for
from conference.media.stats import Counters

ROW_BYTES = 1536
"""Place of one datagram in a buffer: 1500 bytes and the SRTP trailer."""

RECEIVE_ROWS = 64
SEND_HEADER_BYTES = 20
"""What stands before the payload in a send row: 12 bytes of RTP header, 8 of header extension."""
PAYLOAD_BYTES_MAX = 1500 - 28 - SEND_HEADER_BYTES - 16 - 2
"""The longest payload that is forwarded: with IPv4's and UDP's header, ours, SRTP's tag and what RTX puts before it (RFC 4588 section 4) it is one
packet of Ethernet. A longer datagram would be in fragments, and ends receivers that expect none. It fits into a row by far."""
SEND_ROWS = 2048
DESTINATIONS_MAX = 2048
SOCKET_BUFFER_BYTES = 4 << 20
SEGMENT_RUN_MAX = 40
"""Datagrams in one UDP_SEGMENT call: below the kernel's 64, and 40 × 1500 bytes is below 64 KiB."""

_SOL_UDP = 17
_UDP_SEGMENT = 103
_SO_MEMINFO = 55
_MEMINFO_DROPS = 8
_MSG_DONTWAIT = 0x40
_SO_RCVBUFFORCE = 33
_SO_SNDBUFFORCE = 32
_CONTROL_BYTES = 24  # CMSG_SPACE(sizeof(uint16_t)) on 64-bit Linux
_IN_CONTROL_BYTES = 64
NAME_STRIDE = 32
"""Place of one address in a table: `struct sockaddr_in6` and padding."""

_MESSAGE_SIZE_AT = 56
MESSAGE = np.dtype(
    {
        "names": ["name", "name_bytes", "iov", "iov_count", "control", "control_bytes", "flags", "size"],
        "formats": ["u8", "u4", "u8", "u8", "u8", "u8", "i4", "u4"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, _MESSAGE_SIZE_AT],
        "itemsize": 64,
    }
)
"""struct mmsghdr of 64-bit Linux, little-endian."""

IOVEC = np.dtype([("base", "u8"), ("size", "u8")])

_ffi = cffi.FFI()
_ffi.cdef(
    "int sendmmsg(int fd, void *messages, unsigned int count, int flags);"
    "int recvmmsg(int fd, void *messages, unsigned int count, int flags, void *timeout);"
)


def _libc() -> Any | None:
    """libc with both calls, or None where it has them not."""
    try:
        libc = _ffi.dlopen(None)
        return libc if libc.sendmmsg and libc.recvmmsg else None
    except (OSError, AttributeError):
        return None


def _aligned(rows: int) -> "np.ndarray[Any, np.dtype[np.uint8]]":
    return np.zeros((rows, ROW_BYTES), np.uint8)


class UdpPort:
    """The socket with its receive rows and send rows. The owner closes it.

    Sending: fill `memory[row]` and `sizes[row]`, describe messages in `messages`, then `send(count)`.
    """

    def __init__(self, host: str, port: int, counters: Counters, *, system_calls: bool = True) -> None:
        """Bind to `host` (`::`: all addresses of both families); OSError when the port is taken."""
        self._counters = counters
        self.form = form = form_for(host)
        self.socket = socket.socket(form.family, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        for force, plain in ((_SO_RCVBUFFORCE, socket.SO_RCVBUF), (_SO_SNDBUFFORCE, socket.SO_SNDBUF)):
            try:
                self.socket.setsockopt(socket.SOL_SOCKET, force, SOCKET_BUFFER_BYTES)
            except OSError:  # not root: clamped silently by rmem_max, wmem_max
                self.socket.setsockopt(socket.SOL_SOCKET, plain, SOCKET_BUFFER_BYTES)
        form.prepare(self.socket)
        try:
            self.socket.bind((host, port))
        except OSError:
            self.socket.close()
            raise
        self.port: int = self.socket.getsockname()[1]
        self._fd = self.socket.fileno()
        self._libc = _libc() if system_calls else None
        self.segmentation = self._libc is not None and self._probe_segmentation()
        self._make_receive_rows()
        self._make_send_rows()

    def _make_receive_rows(self) -> None:
        self._in = _aligned(RECEIVE_ROWS)
        self.in_view = self._in.reshape(-1).data
        base = srtp.pointer(self._in)
        self.in_rows = [base + row * ROW_BYTES for row in range(RECEIVE_ROWS)]
        self._in_names = np.zeros((RECEIVE_ROWS, NAME_STRIDE), np.uint8)
        self.in_names = self._in_names.reshape(-1).data
        self._in_iov = np.zeros(RECEIVE_ROWS, IOVEC)
        self._in_iov["base"] = self._in.ctypes.data + np.arange(RECEIVE_ROWS, dtype=np.uint64) * ROW_BYTES
        self._in_iov["size"] = ROW_BYTES - srtp.TRAILER_BYTES_MAX
        self._in_messages = np.zeros(RECEIVE_ROWS, MESSAGE)
        self._in_messages["name"] = self._in_names.ctypes.data + np.arange(RECEIVE_ROWS, dtype=np.uint64) * NAME_STRIDE
        self._in_messages["name_bytes"] = self.form.name_bytes
        self._in_messages["iov"] = self._in_iov.ctypes.data + np.arange(RECEIVE_ROWS, dtype=np.uint64) * 16
        self._in_messages["iov_count"] = 1
        self._in_controls = np.zeros((RECEIVE_ROWS, _IN_CONTROL_BYTES), np.uint8)
        self._in_controls_view = self._in_controls.reshape(-1).data
        self._in_messages["control"] = (
            self._in_controls.ctypes.data + np.arange(RECEIVE_ROWS, dtype=np.uint64) * _IN_CONTROL_BYTES
        )
        self._in_control_sizes = self._in_messages["control_bytes"]
        self._in_control_sizes[:] = _IN_CONTROL_BYTES
        # Where the kernel writes how long a datagram is, libsrtp writes how long it is decrypted.
        self.in_sizes = self._in_messages["size"].data
        lengths = srtp.length_pointer(self._in_messages) + _MESSAGE_SIZE_AT // 4
        self.in_lengths = [lengths + row * MESSAGE.itemsize // 4 for row in range(RECEIVE_ROWS)]
        self._in_pointer = _ffi.cast("void *", self._in_messages.ctypes.data)

    def _make_send_rows(self) -> None:
        self.memory = _aligned(SEND_ROWS)
        self.view = self.memory.reshape(-1).data
        base = srtp.pointer(self.memory)
        self.rows = [base + row * ROW_BYTES for row in range(SEND_ROWS)]
        self._iov = np.zeros(SEND_ROWS, IOVEC)
        self._iov["base"] = self.memory.ctypes.data + np.arange(SEND_ROWS, dtype=np.uint64) * ROW_BYTES
        self.iov_base: int = self._iov.ctypes.data
        self.iovs = self.iov_base + np.arange(SEND_ROWS, dtype=np.uint64) * IOVEC.itemsize
        # Where libsrtp writes how long a row is encrypted, the kernel reads it: the lower half of a 64-bit size, whose upper half stays 0.
        self.sizes = self._iov.view(np.int32)[2::4]
        self.sizes_view = self.sizes.data
        lengths = srtp.length_pointer(self._iov) + 2
        self.lengths = [lengths + row * IOVEC.itemsize // 4 for row in range(SEND_ROWS)]
        self.messages = np.zeros(SEND_ROWS, MESSAGE)
        self.name_bytes = self.form.name_bytes
        self.messages["name_bytes"] = self.name_bytes
        self.message_view = self.messages.view(np.uint8).reshape(-1).data
        self._message_base: int = self.messages.ctypes.data
        self._names = np.zeros((DESTINATIONS_MAX, NAME_STRIDE), np.uint8)
        self._names_base: int = self._names.ctypes.data
        self.source_bytes = self.form.source_bytes
        self._sources = np.zeros((DESTINATIONS_MAX, self.source_bytes), np.uint8)
        self._sources_base: int = self._sources.ctypes.data
        self._source_of = [b""] * DESTINATIONS_MAX
        self._free = list(range(DESTINATIONS_MAX - 1, -1, -1))
        self.unsegmented: set[int] = set()
        """Messages' `name` of destinations whose way out takes one datagram a call: their rows go one by one."""
        controls = np.zeros((ROW_BYTES, _CONTROL_BYTES), np.uint8)
        for size in range(ROW_BYTES):
            head = struct.pack("=QiiH", 18, _SOL_UDP, _UDP_SEGMENT, size)
            controls[size, : len(head)] = np.frombuffer(head, np.uint8)
        self._controls = controls
        self.control_base: int = controls.ctypes.data
        self.control_bytes = _CONTROL_BYTES

    def _probe_segmentation(self) -> bool:
        """Whether the kernel takes UDP_SEGMENT on this socket."""
        try:
            self.socket.setsockopt(_SOL_UDP, _UDP_SEGMENT, 0)
        except OSError:
            return False
        return True

    def allocate(self) -> int:
        """A free destination; raises LookupError when the table is full. Give it back with `release`."""
        if not self._free:
            raise LookupError
        return self._free.pop()

    def release(self, destination: int) -> None:
        """Give a destination back."""
        self.unsegmented.discard(self._name(destination))
        self._free.append(destination)

    def aim(self, destination: int, key: bytes, source: bytes) -> tuple[int, int]:
        """Point a destination at an address (a key), from a source address (`source`; empty: the kernel's choice).

        Returns what a message's `name` and `control` must be (control 0: none is needed).
        """
        self._names[destination, : len(key)] = np.frombuffer(key, np.uint8)
        self._source_of[destination] = source
        name = self._name(destination)
        # Another way may lead there: it is tried with segmentation again.
        self.unsegmented.discard(name)
        if not source:
            return name, 0
        control = self.form.control(source)
        self._sources[destination, : len(control)] = np.frombuffer(control, np.uint8)
        return name, self._sources_base + self.source_bytes * destination

    def _name(self, destination: int) -> int:
        return self._names_base + NAME_STRIDE * destination

    def source_for(self, key: bytes, local: bytes) -> bytes:
        """What `aim` needs as source so that `key` sees `local`: empty when the kernel chooses that by itself."""
        with socket.socket(self.form.family, socket.SOCK_DGRAM) as probe:
            try:
                self.form.prepare(probe)
                probe.connect(self.form.address(key))
                natural = self.form.local_of(probe.getsockname())
            except OSError:
                return b""
        return b"" if local in (natural, bytes(len(local))) else local

    def local(self, row: int) -> bytes:
        """The bytes of the local address at which the datagram in `row` arrived."""
        at = row * _IN_CONTROL_BYTES + self.form.local_at
        return bytes(self._in_controls_view[at : at + self.form.local_bytes])

    def receive(self) -> int:
        """Read up to RECEIVE_ROWS datagrams into the rows; returns how many, 0 when the socket is empty."""
        if self._libc is None:
            return self._receive_one_by_one()
        count: int = self._libc.recvmmsg(self._fd, self._in_pointer, RECEIVE_ROWS, _MSG_DONTWAIT, _ffi.NULL)
        if count <= 0:
            return 0
        self._in_control_sizes[:count] = _IN_CONTROL_BYTES
        return count

    def _receive_one_by_one(self) -> int:
        count = 0
        while count < RECEIVE_ROWS:
            at = count * ROW_BYTES
            try:
                row = self.in_view[at : at + ROW_BYTES - srtp.TRAILER_BYTES_MAX]
                size, extra, _, address = self.socket.recvmsg_into([row], _IN_CONTROL_BYTES)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                continue
            self.in_sizes[count] = size
            name = count * NAME_STRIDE
            self.in_names[name : name + self.form.key_bytes] = self.form.key(*address)
            for level, kind, value in extra:
                local = self.form.arrived_at(level, kind, value)
                if local is not None:
                    place = count * _IN_CONTROL_BYTES + self.form.local_at
                    self._in_controls_view[place : place + len(local)] = local
            count += 1
        return count

    def send_to(self, data: "bytes | memoryview", key: bytes, source: bytes) -> bool:
        """Send one datagram that is not in a row (STUN, DTLS, RTCP); returns whether the kernel took it."""
        try:
            if source:
                self.socket.sendmsg([data], [self.form.pktinfo(source)], 0, self.form.address(key))
            else:
                self.socket.sendto(data, self.form.address(key))
            return True
        except (BlockingIOError, InterruptedError):
            self._counters.drop("send_buffer_full")
        except OSError:
            self._counters.drop("send_failed")
        return False

    def send(self, rows: int, count: int) -> int:
        """Send `count` messages that use the first `rows` rows; returns the datagrams handed to the kernel."""
        if self._libc is None:
            return self._send_one_by_one(count)
        done = 0
        lost = 0
        while done < count:
            pointer = _ffi.cast("void *", self._message_base + 64 * done)
            sent: int = self._libc.sendmmsg(self._fd, pointer, count - done, _MSG_DONTWAIT)
            if sent > 0:
                done += sent
                continue
            code = _ffi.errno
            if code == errno.EINTR:
                continue
            if code in (errno.EAGAIN, errno.ENOBUFS):
                left = int(self.messages["iov_count"][done:count].sum())
                self._counters.drop("send_buffer_full", left)
                lost += left
                break
            segments = int(self.messages["iov_count"][done])
            if segments > 1 and code in (errno.EIO, errno.EINVAL, errno.EMSGSIZE):
                if code == errno.EIO:
                    # This way out cannot segment (a device without checksum offload, IPsec). That is the destination's, not the node's.
                    self.unsegmented.add(int(self.messages["name"][done]))
                # Else only this message is at fault: its segments exceed the path's MTU.
                lost += segments - self._send_message(done)
            else:
                self._counters.drop("send_failed", segments)
                lost += segments
            done += 1
        return rows - lost

    def _send_one_by_one(self, count: int) -> int:
        return sum(self._send_message(message) for message in range(count))

    def _send_message(self, index: int) -> int:
        """Send the rows of one message with `sendto`; returns how many the kernel took."""
        message = self.messages[index]
        destination = (int(message["name"]) - self._names_base) // NAME_STRIDE
        key = self._names[destination, : self.form.key_bytes].tobytes()
        first = (int(message["iov"]) - self.iov_base) // 16
        sent = 0
        for row in range(first, first + int(message["iov_count"])):
            at = row * ROW_BYTES
            sent += self.send_to(self.view[at : at + self.sizes_view[row]], key, self._source_of[destination])
        return sent

    def kernel_drops(self) -> int:
        """Datagrams that the kernel threw away because we read too slowly, since the socket was made."""
        with contextlib.suppress(OSError):
            memory = self.socket.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 36)
            if len(memory) >= 36:
                return int(struct.unpack_from("=I", memory, 4 * _MEMINFO_DROPS)[0])
        return 0

    def close(self) -> None:
        """Close the socket; safe to call twice."""
        self.socket.close()
