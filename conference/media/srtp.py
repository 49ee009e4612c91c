"""SRTP at the floor: libsrtp called in place through the binding inside pylibsrtp, or its public calls where that fails.

The private names of pylibsrtp live in this module only (`Session._srtp`, `pylibsrtp._binding`); `prove` tries them at start.
A row is a place in a buffer: a pointer made by `pointer` and a pointer to its length. GCM needs 16 bytes behind the packet, SHA1-80 ten.
"""

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pylibsrtp
from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi, lib

from foundation.errors import ProtocolError

TRAILER_BYTES_MAX = 16 + 4 + 4
OK = 0

log = logging.getLogger(__name__)

Pointer = Any
"""A cdata pointer of the binding."""

InPlace = Callable[[Any, Pointer, Pointer], int]
"""`call(handle, row, length)`: works in place, changes the length, returns 0 or libsrtp's error."""


def pointer(buffer: "np.ndarray[Any, Any]") -> Pointer:
    """A pointer to the start of `buffer` (numpy, contiguous); the caller keeps the array alive."""
    return ffi.cast("unsigned char *", buffer.ctypes.data)


def length_pointer(buffer: "np.ndarray[Any, Any]") -> Pointer:
    """A pointer to the first of the int32 lengths in `buffer`."""
    return ffi.cast("int *", buffer.ctypes.data)


class Direction:
    """One SRTP context; sending or receiving.

    `handle` is what the in-place calls want; it is a bare pointer that does not keep the context alive: hold on to the Direction as long as
    the handle is in use, or libsrtp reads freed memory. RTCP is rare and goes through the public calls.
    """

    __slots__ = ("handle", "session")

    def __init__(self, session: Session) -> None:
        self.session = session
        self.handle: Any = session._srtp[0] if IN_PLACE else session

    def protect_rtcp(self, data: bytes) -> bytes | None:
        """Encrypt one compound RTCP packet; None when libsrtp refuses."""
        try:
            return bytes(self.session.protect_rtcp(data))
        except (pylibsrtp.Error, ValueError):
            return None

    def unprotect(self, data: bytes) -> bytes | None:
        """Check and decrypt a copy of one packet that lies in no row; None when it is not authentic or comes again."""
        try:
            return bytes(self.session.unprotect(data))
        except (pylibsrtp.Error, ValueError):
            return None

    def unprotect_rtcp(self, data: bytes) -> bytes | None:
        """Check and decrypt one compound RTCP packet; None when it is not authentic."""
        try:
            return bytes(self.session.unprotect_rtcp(data))
        except (pylibsrtp.Error, ValueError):
            return None


def direction(key: bytes, profile: int, *, sending: bool) -> Direction:
    """A context from a master key with salt (tests, the self test and the benchmark's clients)."""
    kind = Policy.SSRC_ANY_OUTBOUND if sending else Policy.SSRC_ANY_INBOUND
    policy = Policy(key=key, ssrc_type=kind, srtp_profile=profile)
    policy.window_size = 1024
    return Direction(Session(policy))


def _public(name: str) -> InPlace:
    def call(session: Session, row: Pointer, length: Pointer) -> int:
        try:
            result = getattr(session, name)(bytes(ffi.buffer(row, length[0])))
        except (pylibsrtp.Error, ValueError):
            return 1
        ffi.memmove(row, result, len(result))
        length[0] = len(result)
        return OK

    return call


def self_test() -> None:
    """Protect and unprotect one packet in place and compare with the public calls; raises ProtocolError when they differ."""
    key = bytes(range(44))
    profile = Policy.SRTP_PROFILE_AEAD_AES_256_GCM
    packet = bytes([0x80, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 7]) + bytes(range(100))
    buffer = np.zeros(256, np.uint8)
    lengths = np.zeros(1, np.int32)
    buffer[: len(packet)] = np.frombuffer(packet, np.uint8)
    lengths[0] = len(packet)
    row, length = pointer(buffer), length_pointer(lengths)
    expected = direction(key, profile, sending=True).session.protect(packet)
    sender, receiver = direction(key, profile, sending=True), direction(key, profile, sending=False)
    status = protect(sender.handle, row, length)
    if status != OK or bytes(buffer[: lengths[0]]) != expected:
        raise ProtocolError("srtp_self_test", step="protect")
    status = unprotect(receiver.handle, row, length)
    if status != OK or bytes(buffer[: lengths[0]]) != packet:
        raise ProtocolError("srtp_self_test", step="unprotect")


def prove() -> None:
    """At start, before any session exists: fall back to the public calls where the in-place ones do not do what they must.

    Raises ProtocolError("srtp_self_test") when those do not work either.
    """
    try:
        self_test()
    except (ProtocolError, AttributeError, TypeError) as error:
        log.warning("in-place SRTP does not work here; slower public calls are used", extra={"reason": repr(error)})
        use_public_calls()
        self_test()


def use_public_calls() -> None:
    """Fall back to pylibsrtp's public calls (before any session exists)."""
    global IN_PLACE, protect, unprotect
    IN_PLACE = False
    protect, unprotect = _public("protect"), _public("unprotect")


IN_PLACE = hasattr(lib, "srtp_protect") and hasattr(lib, "srtp_unprotect")
protect: InPlace = lib.srtp_protect if IN_PLACE else _public("protect")
unprotect: InPlace = lib.srtp_unprotect if IN_PLACE else _public("unprotect")
