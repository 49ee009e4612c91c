"""Everything that decides who somebody is, wired once: one object that turns a proof into a principal."""

import hashlib
import hmac
import threading
from collections import OrderedDict
from pathlib import Path

from auth.devices import PREFIX as DEVICE_PREFIX
from auth.devices import Devices
from auth.keys import KeyRing
from auth.links import Links
from auth.logins import Logins
from auth.permissions import Role
from auth.principal import Principal
from auth.refusals import refuse
from auth.throttle import Throttle
from auth.tokens import LONGEST, AccessTokens
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Unauthenticated
from foundation.secrets import secret

RECHECK_S = 15.0
"""How long a living connection's right is believed before the database is asked again."""
RECHECKED_SIZE = 5_000
RECOGNIZED_S = 600.0
NODE_NAME_LENGTH = 64


class Authority:
    """Keys, access tokens, logins, devices and links of one installation."""

    def __init__(self, database: Database, clock: Clock, home: Path) -> None:
        self.database = database
        self._clock = clock
        self._node_token = secret(home, "node")
        self._rechecked: OrderedDict[tuple[str, str], tuple[float, bool]] = OrderedDict()
        self._lock = threading.Lock()
        self.keys = KeyRing(home, clock, LONGEST)
        self.access = AccessTokens(self.keys, clock)
        throttle = Throttle(database, clock)
        self.logins = Logins(database, clock, self.access, throttle)
        self.devices = Devices(database, clock, throttle)
        self.links = Links(database, clock, self.access)
        self.devices.on_revoked(self._forget)
        self._recognized = _Recognized()

    def authenticate(self, token: str, node: str = "") -> Principal:
        """Who shows this bearer token: an access token, a device token, or the node token of a process that calls itself `node`.

        Raises Unauthenticated, always the same.
        """
        if token.startswith(DEVICE_PREFIX):
            principal = self.devices.authenticate(token)
            self._recognized.add(token, self._clock.monotonic() + RECOGNIZED_S)
            return principal
        if token.count(".") == 2:
            return self.access.read(token)
        return self.authenticate_node(token, node)

    def authenticate_node(self, token: str, node: str) -> Principal:
        """A process of ours, proved by the secret that all of them read. Raises Unauthenticated."""
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._node_token.encode()):
            raise refuse("node", "not the node token")
        name = node[:NODE_NAME_LENGTH]
        return Principal("node", name, name, Role.NODE)

    def recognizes(self, token: str) -> bool:
        """Whether a token is good as far as can be said without a database, in microseconds: a device's only when it was shown lately.

        It decides whose requests come first, never who may.
        """
        now = self._clock.monotonic()
        if self._recognized.has(token, now):
            return True
        try:
            if token.count(".") == 2:
                self.access.read(token)
            elif token.startswith(DEVICE_PREFIX):
                return False
            else:
                self.authenticate_node(token, "")
        except Unauthenticated:
            return False
        self._recognized.add(token, now + RECHECK_S)
        return True

    def still_valid(self, principal: Principal) -> bool:
        """Whether a right that was proved earlier still holds (login open, person active, device paired, link good); asks the database
        at most every `RECHECK_S` for each. For connections that live longer than an access token."""
        if principal.kind in ("node", "system"):
            return True
        key = (principal.kind, principal.login_id or principal.id)
        now = self._clock.monotonic()
        with self._lock:
            known = self._rechecked.get(key)
        if known is not None and now - known[0] < RECHECK_S:
            return known[1]
        valid = self._check(principal)
        with self._lock:
            self._rechecked[key] = (now, valid)
            self._rechecked.move_to_end(key)
            while len(self._rechecked) > RECHECKED_SIZE:
                self._rechecked.popitem(last=False)
        return valid

    def _check(self, principal: Principal) -> bool:
        with self.database.reading() as session:
            if principal.kind == "device":
                return self.devices.is_paired(session, principal.id)
            if principal.login_id is None:
                return False
            if principal.kind == "guest":
                return self.links.is_valid(session, principal.login_id)
            return self.logins.is_open(session, principal.login_id)

    def _forget(self, device_id: str) -> None:
        with self._lock:
            self._rechecked.pop(("device", device_id), None)


class _Recognized:
    """Digests of tokens that were good, each until a moment; bounded."""

    def __init__(self) -> None:
        self._until: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, token: str, until: float) -> None:
        with self._lock:
            digest = _digest(token)
            self._until[digest] = until
            self._until.move_to_end(digest)
            while len(self._until) > RECHECKED_SIZE:
                self._until.popitem(last=False)

    def has(self, token: str, now: float) -> bool:
        with self._lock:
            return self._until.get(_digest(token), float("-inf")) > now


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
