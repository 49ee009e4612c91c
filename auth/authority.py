"""Everything that decides who somebody is, wired once: one object that turns a proof into a principal."""

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
from foundation.secrets import secret

RECHECK_S = 15.0
"""How long a living connection's right is believed before the database is asked again."""
RECHECKED_SIZE = 5_000
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

    def authenticate(self, token: str, node: str = "") -> Principal:
        """Who shows this bearer token: an access token, a device token, or the node token of a process that calls itself `node`.

        Raises Unauthenticated, always the same.
        """
        if token.startswith(DEVICE_PREFIX):
            return self.devices.authenticate(token)
        if token.count(".") == 2:
            return self.access.read(token)
        return self.authenticate_node(token, node)

    def authenticate_node(self, token: str, node: str) -> Principal:
        """A process of ours, proved by the secret that all of them read. Raises Unauthenticated."""
        if not hmac.compare_digest(token.encode("utf-8", "surrogatepass"), self._node_token.encode()):
            raise refuse("node", "not the node token")
        name = node[:NODE_NAME_LENGTH]
        return Principal("node", name, name, Role.NODE)

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
