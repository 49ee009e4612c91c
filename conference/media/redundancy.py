"""Redundant sound (RED, RFC 2198): each packet carries the one before it again, so that a single loss is heard by nobody."""

BLOCKS_MAX = 4
AGE_MAX = 1 << 14
LENGTH_MAX = 1 << 10
COMBINED_BYTES_MAX = 1200
"""Older blocks are left out where the payload would exceed this: it stays below every usual MTU. A voice of 64 kbit/s said three times needs 500."""


def split(data: bytes, offset: int, end: int) -> tuple[list[tuple[int, bytes]], bytes] | None:
    """The older blocks of a RED payload, oldest first, as (age in clock units, payload), and the newest; None when a length does not fit.

    RFC 2198 section 3: four bytes for each older block (F, payload type, 14 bits of age, 10 bits of length), one for the newest.
    """
    heads: list[tuple[int, int]] = []
    at = offset
    while at < end and data[at] & 0x80:
        if at + 4 > end or len(heads) >= BLOCKS_MAX:
            return None
        bits = int.from_bytes(data[at + 1 : at + 4], "big")
        heads.append((bits >> 10, bits & 0x3FF))
        at += 4
    at += 1
    older = []
    for age, size in heads:
        older.append((age, data[at : at + size]))
        at += size
    if at > end:
        return None
    # An empty older block stands for silence that was not sent (DTX).
    return [(age, payload) for age, payload in older if payload], data[at:end]


def pack(payload_type: int, older: list[tuple[int, bytes]], newest: bytes) -> bytes:
    """Return a RED payload of older blocks, oldest first, as (age in clock units, payload), and the newest.

    An older block is left out where it is too old or too long for its header, or where the whole would exceed COMBINED_BYTES_MAX.
    """
    fitting: list[tuple[int, bytes]] = []
    left = COMBINED_BYTES_MAX - 1 - len(newest)
    for age, payload in reversed(older):
        left -= 4 + len(payload)
        if left < 0:
            break
        if 0 < age < AGE_MAX and 0 < len(payload) < LENGTH_MAX:
            fitting.insert(0, (age, payload))
    heads = b"".join(
        bytes([0x80 | payload_type]) + (age << 10 | len(payload)).to_bytes(3, "big") for age, payload in fitting
    )
    return heads + bytes([payload_type & 0x7F]) + b"".join(payload for _, payload in fitting) + newest
