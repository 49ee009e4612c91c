"""Passwords: hashed with argon2id (RFC 9106), checked in the same time whether or not the name exists."""

import secrets
import threading
from functools import cache

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

_HASHER = PasswordHasher(time_cost=TIME_COST, memory_cost=MEMORY_KIB, parallelism=1)
_ROOM = threading.BoundedSemaphore(AT_ONCE)


def hash_password(password: str) -> str:
    """The hash to keep, with its salt and parameters. Errors: UserError("password_short"), ("password_long")."""
    if len(password) < MIN_CHARACTERS:
        raise UserError("password_short", limit=MIN_CHARACTERS)
    if len(password) > MAX_CHARACTERS:
        raise UserError("password_long", limit=MAX_CHARACTERS)
    with _ROOM:
        return _HASHER.hash(password)


def new_password() -> str:
    """A random password that can be read out: `k3mw-p2xa-7bqe`."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(GROUPS))
    return "-".join(groups)


def password_fits(hashed: str | None, password: str) -> bool:
    """Whether `password` is the one; without a hash (nobody has that name) the same work is done in vain."""
    with _ROOM:
        try:
            _HASHER.verify(hashed or _nobody(), password[: MAX_CHARACTERS + 1])
        except (VerificationError, InvalidHashError):
            return False
    return hashed is not None


def needs_rehash(hashed: str) -> bool:
    """Whether the hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(hashed)


@cache
def _nobody() -> str:
    return _HASHER.hash("nobody has this password")
