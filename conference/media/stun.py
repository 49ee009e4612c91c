"""STUN for an ICE-lite agent: read binding requests, check them, answer them (RFC 8489, RFC 8445)."""

import hmac
import zlib
from struct import Struct

HEADER = Struct("!HHI12s")
ATTRIBUTE = Struct("!HH")
HEADER_BYTES = 20
COOKIE = 0x2112A442
MESSAGE_BYTES_MAX = 1280
ATTRIBUTES_MAX = 32
INTEGRITY_BYTES = 24  # the attribute with its head
FINGERPRINT_BYTES = 8
FINGERPRINT_XOR = 0x5354554E

BINDING_REQUEST = 0x0001
BINDING_SUCCESS = 0x0101
BINDING_ERROR = 0x0111

USERNAME = 0x0006
MESSAGE_INTEGRITY = 0x0008
ERROR_CODE = 0x0009
XOR_MAPPED_ADDRESS = 0x0020
USE_CANDIDATE = 0x0025
FINGERPRINT = 0x8028
ICE_CONTROLLED = 0x8029


class BindingRequest:
    """A well-formed binding request that is not yet authenticated."""

    __slots__ = ("_data", "_integrity_at", "controlled", "transaction", "use_candidate", "username")

    def __init__(
        self, data: bytes, transaction: bytes, username: str, integrity_at: int, use_candidate: bool, controlled: bool
    ) -> None:
        self.transaction = transaction
        self.username = username
        self.use_candidate = use_candidate
        self.controlled = controlled
        self._data = data
        self._integrity_at = integrity_at

    @property
    def local_ufrag(self) -> str:
        """Our half of the user name (RFC 8445 section 7.2.2: `<their ufrag of us>:<their own>`)."""
        return self.username.partition(":")[0]

    def authentic(self, password: bytes) -> bool:
        """Whether MESSAGE-INTEGRITY matches `password` (RFC 8489 section 14.5)."""
        at = self._integrity_at
        # The length in the header counts up to and including this attribute.
        head = self._data[:2] + (at - HEADER_BYTES + INTEGRITY_BYTES).to_bytes(2, "big") + self._data[4:at]
        return hmac.compare_digest(hmac.digest(password, head, "sha1"), self._data[at + 4 : at + INTEGRITY_BYTES])


def parse_binding_request(data: bytes) -> BindingRequest | None:
    """Read a binding request with user name and integrity; None for anything else, malformed or unauthenticated."""
    size = len(data)
    if not HEADER_BYTES <= size <= MESSAGE_BYTES_MAX:
        return None
    kind, length, cookie, transaction = HEADER.unpack_from(data)
    if kind != BINDING_REQUEST or cookie != COOKIE or length + HEADER_BYTES != size or length & 3:
        return None
    username = ""
    integrity_at = 0
    use_candidate = False
    controlled = False
    at = HEADER_BYTES
    for _ in range(ATTRIBUTES_MAX):
        if at + 4 > size:
            break
        attribute, value_bytes = ATTRIBUTE.unpack_from(data, at)
        value_at = at + 4
        if value_at + value_bytes > size:
            return None
        if attribute == FINGERPRINT:
            # RFC 8489 section 14.7: the last attribute, CRC-32 over all before it.
            if value_bytes != 4 or value_at + 4 != size:
                return None
            if (zlib.crc32(data[:at]) ^ FINGERPRINT_XOR).to_bytes(4, "big") != data[value_at:size]:
                return None
        elif integrity_at == 0:
            # Attributes behind the integrity are not covered by it and ignored (RFC 8489 section 14.5).
            if attribute == MESSAGE_INTEGRITY:
                if value_bytes != 20:
                    return None
                integrity_at = at
            elif attribute == USERNAME:
                try:
                    username = data[value_at : value_at + value_bytes].decode("utf-8")
                except UnicodeDecodeError:
                    return None
            elif attribute == USE_CANDIDATE:
                use_candidate = True
            elif attribute == ICE_CONTROLLED:
                controlled = True
        at = value_at + (value_bytes + 3 & ~3)
    if not username or not integrity_at:
        return None
    return BindingRequest(data, transaction, username, integrity_at, use_candidate, controlled)


def _finish(kind: int, transaction: bytes, attributes: bytes, password: bytes) -> bytes:
    length = len(attributes) + INTEGRITY_BYTES
    message = HEADER.pack(kind, length, COOKIE, transaction) + attributes
    message += ATTRIBUTE.pack(MESSAGE_INTEGRITY, 20) + hmac.digest(password, message, "sha1")
    message = message[:2] + (length + FINGERPRINT_BYTES).to_bytes(2, "big") + message[4:]
    checksum = zlib.crc32(message) ^ FINGERPRINT_XOR
    return message + ATTRIBUTE.pack(FINGERPRINT, 4) + checksum.to_bytes(4, "big")


def binding_success(transaction: bytes, address: bytes, port: int, password: bytes) -> bytes:
    """The answer to an authentic request from `address` (4 or 16 raw bytes) and `port` (RFC 8489 section 14.2)."""
    mask = COOKIE.to_bytes(4, "big") + transaction
    family = 1 if len(address) == 4 else 2
    value = bytes([0, family]) + (port ^ COOKIE >> 16).to_bytes(2, "big")
    value += bytes(a ^ b for a, b in zip(address, mask, strict=False))
    return _finish(BINDING_SUCCESS, transaction, ATTRIBUTE.pack(XOR_MAPPED_ADDRESS, len(value)) + value, password)


def role_conflict(transaction: bytes, password: bytes) -> bytes:
    """Error 487: we are ICE-lite and always controlled (RFC 8445 section 7.3.1.1)."""
    value = b"\0\0" + bytes([4, 87]) + b"Role Conflict"
    padded = value + bytes(-len(value) % 4)
    return _finish(BINDING_ERROR, transaction, ATTRIBUTE.pack(ERROR_CODE, len(value)) + padded, password)


def binding_request(transaction: bytes, username: str, password: bytes, *, use_candidate: bool) -> bytes:
    """A binding request of a controlling agent, as clients send it."""
    name = username.encode()
    attributes = ATTRIBUTE.pack(USERNAME, len(name)) + name + bytes(-len(name) % 4)
    attributes += ATTRIBUTE.pack(0x0024, 4) + (0x6E7F1EFF).to_bytes(4, "big")
    attributes += ATTRIBUTE.pack(0x802A, 8) + transaction[:8]
    if use_candidate:
        attributes += ATTRIBUTE.pack(USE_CANDIDATE, 0)
    return _finish(BINDING_REQUEST, transaction, attributes, password)


class Doorkeeper:
    """Limits how many checks one address may ask for before it has proven itself: a token bucket for each address.

    At most `addresses` buckets are kept; the oldest is forgotten. The HMAC is computed only for what passes here.
    """

    def __init__(self, *, rate: float = 50.0, burst: float = 100.0, addresses: int = 4096) -> None:
        self._rate = rate
        self._burst = burst
        self._addresses = addresses
        self._buckets: dict[bytes, tuple[float, float]] = {}

    def admits(self, address: bytes, now: float) -> bool:
        """Whether one more unproven request from `address` is looked at (`now`: monotonic seconds)."""
        tokens, at = self._buckets.pop(address, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._rate)
        admitted = tokens >= 1.0
        self._buckets[address] = (tokens - 1.0 if admitted else tokens, now)
        if len(self._buckets) > self._addresses:
            del self._buckets[next(iter(self._buckets))]
        return admitted
