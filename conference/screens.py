"""The screens of the sites: which pages of theirs are open, and what rings on them (docs/room-protocol.md, "Ringing").

Every page of somebody who belongs to a site holds a connection to NAMESPACE, whatever the page is for. Of several web processes each tells its own
screens, from the database. Who closes whom: a screen is forgotten when its connection ends, and hung up when its login is over.
"""

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask_socketio import SocketIO

from auth.permissions import Permission
from auth.principal import Principal
from conference import calling, rooms
from conference.switchboard import Switchboard
from conference.turnstile import Bucket, page_sid
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Forbidden, ProtocolError, TooMany
from foundation.identifiers import is_id

NAMESPACE = "/screens"
SCREENS_MAX = 2_000
EVENTS_PER_S = 1.0
EVENTS_BURST = 10.0

Handler = Callable[[Principal, dict[str, Any]], dict[str, Any]]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Screen:
    """One page of somebody of a site, or the site's wall."""

    site: str
    principal: Principal
    bucket: Bucket


class Screens:
    """Thread-safe. `tell` is its work of one second; `still_valid` says whether a login holds."""

    def __init__(
        self,
        socketio: SocketIO,
        board: Switchboard,
        database: Database,
        clock: Clock,
        still_valid: Callable[[Principal], bool],
    ) -> None:
        self._socketio = socketio
        self._board = board
        self._database = database
        self._clock = clock
        self._still_valid = still_valid
        self._lock = threading.Lock()
        self._screens: dict[str, Screen] = {}
        self._told: dict[str, list[tuple[str, int]]] = {}
        """What the screens of each site were told last: the rings, each by its room and its beginning."""

    @property
    def handlers(self) -> dict[str, tuple[Permission, Handler]]:
        """Every event of the namespace with the permission that it needs and who answers it."""
        return {"watch": ("room.join", self._watch), "heard": ("room.join", self._heard)}

    def connected(self, principal: Principal) -> None:
        """A page has opened its connection; Forbidden for who belongs to no site, TooMany."""
        if principal.site_id is None or principal.kind == "guest":
            raise Forbidden("forbidden", principal=principal.id)
        bucket = Bucket(self._clock.monotonic(), EVENTS_PER_S, EVENTS_BURST)
        with self._lock:
            if len(self._screens) >= SCREENS_MAX:
                raise TooMany("too_many", retry_after_s=10)
            self._screens[page_sid()] = Screen(principal.site_id, principal, bucket)

    def disconnected(self) -> None:
        """A page's connection ended."""
        with self._lock:
            self._screens.pop(page_sid(), None)

    def tell(self) -> None:
        """Tell every screen here what rings at its site, where that has changed."""
        with self._lock:
            if not self._screens and not self._told:
                return
        calls = self._calls()
        names = {site: [(call["room"], call["since"]) for call in each] for site, each in calls.items()}
        with self._lock:
            changed = {site for site in {*names, *self._told} if names.get(site) != self._told.get(site)}
            self._told = names
            screens = [(sid, screen) for sid, screen in self._screens.items() if screen.site in changed]
        for sid, screen in screens:
            if self._still_valid(screen.principal):
                told = {"calls": calls.get(screen.site, [])}
                self._socketio.server.emit("calls", told, to=sid, namespace=NAMESPACE, ignore_queue=True)
            else:
                self._hang_up(sid)

    def _watch(self, _principal: Principal, _payload: dict[str, Any]) -> dict[str, Any]:
        site = self._take().site
        with self._lock:
            # What changes while this answer is on its way is told once more.
            self._told[site] = []
        return {"calls": self._calls().get(site, [])}

    def _heard(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        site, room_id = self._take().site, payload.get("room")
        if not isinstance(room_id, str) or not is_id(room_id):
            raise ProtocolError("bad_request")
        with self._database.reading() as reader:
            world = rooms.world_of(reader, room_id)
        with self._database.writing(world) as session:
            news = calling.heard(session, room_id, site)
        if news:
            self._board.tell_roster(room_id, world)
        return {}

    def _take(self) -> Screen:
        """The screen whose event is answered; TooMany when they come too fast."""
        with self._lock:
            screen = self._screens.get(page_sid())
            if screen is None or not screen.bucket.take(self._clock.monotonic()):
                raise TooMany("too_many", retry_after_s=1)
        return screen

    def _calls(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        with self._database.reading() as reader:
            worlds = rooms.open_worlds(reader)
        for world in worlds:
            with self._database.reading(world) as session:
                for call in calling.calls(session, self._clock):
                    found.setdefault(call.site.id, []).append(
                        {
                            "room": call.room.id,
                            "title": call.room.title,
                            "by": call.by,
                            "site": {"zh": call.site.name_zh, "en": call.site.name_en},
                            "since": call.since,
                            "left_ms": call.left_ms,
                            "exercise": world is not None,
                        }
                    )
        return found

    def _hang_up(self, sid: str) -> None:
        log.info("a screen was hung up: its login is over")
        # Its connection may have ended meanwhile.
        with contextlib.suppress(KeyError, ValueError):
            self._socketio.server.disconnect(sid, namespace=NAMESPACE)
