"""How a socket of each kind writes addresses: plain IPv4, and dual-stack, where an IPv4 peer is `::ffff:a.b.c.d` (RFC 3493 section 3.7).

A peer's `key` is the beginning of its `struct sockaddr_in` or `sockaddr_in6`: compared and hashed as bytes, never taken apart in the hot path.
"""

import socket
import struct
from typing import Any

_IP_PKTINFO = 8
_IPV6_RECVPKTINFO = 49
_IPV6_PKTINFO = 50
_CONTROL_HEAD = struct.Struct("=Qii")  # struct cmsghdr of 64-bit Linux
MAPPED = bytes(10) + b"\xff\xff"


class Plain:
    """Addresses of an IPv4 socket: the key is family, port, address."""

    family = socket.AF_INET
    name_bytes = 16
    key_bytes = 8
    local_at = 20
    """Where in a received control message the local address stands, behind head and interface (struct in_pktinfo)."""
    local_bytes = 4
    source_bytes = 32
    """Place of the control message that names a source: CMSG_SPACE(sizeof(struct in_pktinfo))."""
    anywhere = "0.0.0.0"

    def prepare(self, udp: socket.socket) -> None:
        """Let the socket tell at which local address each datagram arrived."""
        udp.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def key(self, host: str, port: int, *_rest: int) -> bytes:
        """The key of an address as Python's socket gives it."""
        return struct.pack("=H", self.family) + port.to_bytes(2, "big") + socket.inet_aton(host)

    def address(self, key: bytes) -> tuple[Any, ...]:
        """The address as Python's socket takes it."""
        return socket.inet_ntoa(key[4:8]), int.from_bytes(key[2:4], "big")

    def peer(self, key: bytes) -> tuple[bytes, int]:
        """Raw address (4 or 16 bytes) and port, as the peer itself would name them."""
        return key[4:8], int.from_bytes(key[2:4], "big")

    def holder(self, key: bytes) -> bytes:
        """Who is behind the key, for limits: the address."""
        return key[4:8]

    def local_of(self, address: tuple[Any, ...]) -> bytes:
        """The bytes of a local address as Python's socket gives it."""
        return socket.inet_aton(address[0])

    def pktinfo(self, source: bytes) -> tuple[int, int, bytes]:
        """What to send with a datagram so that it leaves from `source`: level, kind, value."""
        return socket.IPPROTO_IP, _IP_PKTINFO, struct.pack("=I4s4s", 0, source, bytes(4))

    def arrived_at(self, level: int, kind: int, value: bytes) -> bytes | None:
        """The local address in a received control message; None for another one."""
        return value[4:8] if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO) else None

    def control(self, source: bytes) -> bytes:
        """The same as `struct cmsghdr` and what follows it."""
        level, kind, value = self.pktinfo(source)
        return _CONTROL_HEAD.pack(_CONTROL_HEAD.size + len(value), level, kind) + value


class DualStack(Plain):
    """Addresses of an IPv6 socket that serves IPv4, too: the key is family, port, flow, address, scope."""

    family = socket.AF_INET6
    name_bytes = 28
    key_bytes = 28
    local_at = 16
    local_bytes = 16
    source_bytes = 40
    anywhere = "::"

    def prepare(self, udp: socket.socket) -> None:
        udp.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        udp.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)

    def key(self, host: str, port: int, *rest: int) -> bytes:
        flow, scope = rest or (0, 0)
        written = host if ":" in host else f"::ffff:{host}"
        address = socket.inet_pton(self.family, written.partition("%")[0])
        head = struct.pack("=H", self.family) + port.to_bytes(2, "big") + flow.to_bytes(4, "big")
        return head + address + struct.pack("=I", scope)

    def address(self, key: bytes) -> tuple[Any, ...]:
        scope = struct.unpack_from("=I", key, 24)[0]
        return socket.inet_ntop(self.family, key[8:24]), int.from_bytes(key[2:4], "big"), 0, scope

    def peer(self, key: bytes) -> tuple[bytes, int]:
        address = key[20:24] if key[8:20] == MAPPED else key[8:24]
        return address, int.from_bytes(key[2:4], "big")

    def holder(self, key: bytes) -> bytes:
        # One customer has at least a /64 (RFC 6177): limits by single address would limit nobody.
        return key[20:24] if key[8:20] == MAPPED else key[8:16]

    def local_of(self, address: tuple[Any, ...]) -> bytes:
        return socket.inet_pton(self.family, address[0].partition("%")[0])

    def pktinfo(self, source: bytes) -> tuple[int, int, bytes]:
        return socket.IPPROTO_IPV6, _IPV6_PKTINFO, source + bytes(4)

    def arrived_at(self, level: int, kind: int, value: bytes) -> bytes | None:
        return value[:16] if (level, kind) == (socket.IPPROTO_IPV6, _IPV6_PKTINFO) else None


def form_for(host: str) -> Plain:
    """How the socket that listens on `host` writes addresses: dual-stack for an IPv6 address, where the kernel has IPv6."""
    return DualStack() if ":" in host else Plain()


def everywhere() -> str:
    """The address that listens on all of this machine: `::`, or `0.0.0.0` where the kernel has no IPv6."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            probe.bind(("::", 0))
    except OSError:
        return Plain.anywhere
    return DualStack.anywhere
