"""Everything that decides who somebody is, wired once: one object that turns a proof into a principal."""

import hashlib
import hmac
import threading
from collections import OrderedDict
from pathlib import Path

from sqlalchemy.orm import Session

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

RECHECK_S = 5.0
"""Seconds for which a right that was proved is believed before the database is asked again."""
RECHECKED_SIZE = 5_000
RECOGNIZED_S = 600.0
NODE_NAME_LENGTH = 64


class Authority:
    """Keys, access tokens, logins, devices and links of one installation."""

    def __init__(self, database: Database, clock: Clock, home: Path) -> None:
        self.database = database
        self._clock = clock
        self._node_token = secret(home, "node")
        self._rechecked: OrderedDict[Principal, tuple[float, bool]] = OrderedDict()
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
        """Return whether a token is good as far as can be said without a database, in microseconds: a device's only when it was shown lately.

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
        """Return whether a right that was proved earlier still holds: login open, person active and of the same role and site, device paired,
        link good. Asks the database at most every `RECHECK_S` for each. For whatever changes something, and for connections."""
        if principal.kind in ("node", "system"):
            return True
        now = self._clock.monotonic()
        with self._lock:
            known = self._rechecked.get(principal)
        if known is not None and now - known[0] < RECHECK_S:
            return known[1]
        with self.database.reading() as session:
            current = self.current(session, principal.kind, principal.id, principal.login_id)
        valid = current is not None and _same_right(current, principal)
        with self._lock:
            self._rechecked[principal] = (now, valid)
            self._rechecked.move_to_end(principal)
            while len(self._rechecked) > RECHECKED_SIZE:
                self._rechecked.popitem(last=False)
        return valid

    def current(self, session: Session, kind: str, id: str, login_id: str | None) -> Principal | None:
        """Return who this is by what the database says now; None when their login, link or pairing is over."""
        if kind == "device":
            return self.devices.current(session, id)
        if kind == "guest":
            return self.links.current(session, id)
        return self.logins.current(session, login_id) if kind == "person" and login_id is not None else None

    def _forget(self, device_id: str) -> None:
        with self._lock:
            for principal in [one for one in self._rechecked if (one.kind, one.id) == ("device", device_id)]:
                del self._rechecked[principal]


def _same_right(current: Principal, proved: Principal) -> bool:
    """Return whether a proof still says what its bearer is: after a change of role or site a fresh one is needed."""
    return (current.role, current.site_id, current.room_id, current.room_role) == (
        proved.role,
        proved.site_id,
        proved.room_id,
        proved.room_role,
    )


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
