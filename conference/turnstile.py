"""The turnstile: which pages hold a connection, how fast each may send, and where it sits."""

import threading

from flask import request

from auth.principal import Principal
from conference.switchboard import Connection, Switchboard
from conference.tables import identity_of
from foundation.clock import Clock
from foundation.errors import ProtocolError, TooMany

EVENTS_PER_S = 20.0
EVENTS_BURST = 40.0
TEXTS_PER_S = 1.0
TEXTS_BURST = 5.0
CONNECTIONS_MAX = 2_000
CONNECTIONS_OF_ONE_MAX = 16
"""Of one principal: tabs, screens of one account, and what a bad line left behind (it is seen to be dead after 45 s). The oldest gives way."""
TOLD_AGAIN_S = 60.0


class Bucket:
    """How fast something may happen: `per_s` on average, `burst` at once."""

    def __init__(self, now: float, per_s: float, burst: float) -> None:
        self._level, self._at, self._per_s, self._burst = burst, now, per_s, burst

    def take(self, now: float) -> bool:
        """Use one; False when there is none left."""
        self._level = min(self._burst, self._level + (now - self._at) * self._per_s)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Turnstile:
    """Thread-safe; the page is the one whose event is being answered."""

    def __init__(self, board: Switchboard, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[Bucket, Bucket]] = {}
        self._sids: dict[str, list[str]] = {}
        """The connections of each principal, oldest first."""
        self._whose: dict[str, str] = {}
        self._told_at: dict[str, float] = {}
        """When the hosts were told last that a page sends too many events."""
        self.throttled = 0
        """Events that came too fast."""

    @property
    def connections(self) -> int:
        """How many pages hold a connection."""
        return len(self._buckets)

    def connected(self, principal: Principal) -> None:
        """A page has opened its connection; TooMany when there are CONNECTIONS_MAX of them."""
        now = self._clock.monotonic()
        whose = identity_of(principal)
        with self._lock:
            if len(self._buckets) >= CONNECTIONS_MAX:
                raise TooMany("too_many", retry_after_s=10)
            self._buckets[page_sid()] = (
                Bucket(now, EVENTS_PER_S, EVENTS_BURST),
                Bucket(now, TEXTS_PER_S, TEXTS_BURST),
            )
            own = self._sids.setdefault(whose, [])
            own.append(page_sid())
            oldest = own.pop(0) if len(own) > CONNECTIONS_OF_ONE_MAX else None
            self._whose[page_sid()] = whose
        if oldest is not None:
            self._board.end_connection(oldest)

    def disconnected(self) -> None:
        """A page's connection ended."""
        with self._lock:
            self._buckets.pop(page_sid(), None)
            whose = self._whose.pop(page_sid(), "")
            own = [sid for sid in self._sids.pop(whose, []) if sid != page_sid()]
            if own:
                self._sids[whose] = own
            self._told_at.pop(page_sid(), None)

    def take(self) -> None:
        """Count one event of the page; TooMany when they come too fast."""
        self._take(0)

    def take_text(self) -> None:
        """Count one text of the page; TooMany when they come too fast."""
        self._take(1)

    def seated(self) -> Connection:
        """Count one event, and give where the page sits; ProtocolError("bad_request") when it is in no room."""
        self.take()
        page = self._board.seated(page_sid())
        if page is None:
            raise ProtocolError("bad_request")
        return page

    def _take(self, which: int) -> None:
        with self._lock:
            buckets = self._buckets.get(page_sid())
        if buckets is None or not buckets[which].take(self._clock.monotonic()):
            self.throttled += 1
            if which == 0:
                self._name(page_sid())
            raise TooMany("too_many", retry_after_s=1)

    def _name(self, sid: str) -> None:
        """Tell the room's hosts who it is, now and then."""
        page, now = self._board.seated(sid), self._clock.monotonic()
        with self._lock:
            if page is None or now - self._told_at.get(sid, -TOLD_AGAIN_S) < TOLD_AGAIN_S:
                return
            self._told_at[sid] = now
        self._board.tell_hosts(page.room, "offence", {"participant": page.participant, "what": "events"})


def page_sid() -> str:
    """The connection whose event is being answered."""
    return str(request.sid)  # type: ignore[attr-defined]
