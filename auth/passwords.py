"""Passwords: hashed with argon2id (RFC 9106), checked in the same time whether or not the name exists.

Keyboards write one password in several forms (NFD on a Mac, full width from a Chinese input method): it is prepared like an OpaqueString
(RFC 8265 section 4.2), except that full and half width are mapped, since nobody sees which of them a hidden field got.
"""

import secrets
import threading
import unicodedata
from functools import cache
from typing import NewType

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from foundation.errors import UserError

MIN_CHARACTERS = 8
MAX_CHARACTERS = 256
"""A longer one would only cost memory."""
TIME_COST = 2
MEMORY_KIB = 19_456
"""OWASP's floor for argon2id (19 MiB, 2 passes, 1 lane): about 40 ms on one core of the small computer."""
AT_ONCE = 2
"""Hashes computed at the same time, so that a storm of logins takes neither all cores nor all memory."""

ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
"""For passwords that are read out over the telephone: nothing that looks or sounds like something else in it."""
GROUPS, GROUP_LENGTH = 3, 4
"""Twelve characters of thirty-one: 59 bits."""

PasswordHash = NewType("PasswordHash", str)
"""Computed before the transaction that writes it: 40 ms would be 40 ms without any other writer."""

_HASHER = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=1)
_ROOM = threading.BoundedSemaphore(AT_ONCE)


def prepare(password: str) -> str:
    """Return the one form of a password that is hashed and compared."""
    return unicodedata.normalize("NFC", "".join(map(_prepared, password)))


def _prepared(character: str) -> str:
    if unicodedata.category(character) == "Zs":
        return " "
    form, _space, code = unicodedata.decomposition(character).partition(" ")
    return chr(int(code, 16)) if form in ("<wide>", "<narrow>") else character


def hash_password(password: str) -> PasswordHash:
    """The hash to keep, with its salt and parameters. Errors: UserError("password_short"), ("password_long")."""
    if len(password) <= MAX_CHARACTERS:
        password = prepare(password)
    if len(password) < MIN_CHARACTERS:
        raise UserError("password_short", limit=MIN_CHARACTERS)
    if len(password) > MAX_CHARACTERS:
        raise UserError("password_long", limit=MAX_CHARACTERS)
    with _ROOM:
        return PasswordHash(_HASHER.hash(password))


def new_password() -> str:
    """A random password that can be read out: `k3mw-p2xa-7bqe`."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def password_fits(hashed: str | None, password: str) -> bool:
    """Whether `password` is the one; without a hash (nobody has that name) the same work is done in vain."""
    with _ROOM:
        try:
            _HASHER.verify(hashed or _nobody(), prepare(password[: MAX_CHARACTERS + 1]))
        except (VerificationError, InvalidHashError):
            return False
    return hashed is not None


def needs_rehash(hashed: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(hashed)


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")
