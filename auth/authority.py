"""Everything that decides who somebody is, wired once: one object that turns a proof into a principal."""

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
from foundation.secrets import secret

RECHECK_S = 5.0
"""How long a right that was proved is believed before the database is asked again."""
RECHECKED_SIZE = 5_000
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
