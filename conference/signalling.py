"""The rooms' live side in one web process, put together: what pages ask, what media nodes tell, and the watch of every second."""

from collections.abc import Callable, Iterator
from typing import Any

from flask_socketio import SocketIO
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from auth.permissions import Permission
from auth.principal import Principal
from conference.chair import Chair
from conference.diary import Diary
from conference.lapses import Lapses
from conference.lines import Lines
from conference.news import News
from conference.nodes import Nodes
from conference.pages import Handler, Pages
from conference.screens import Screens
from conference.speaking import Speaking
from conference.switchboard import Switchboard
from conference.turnstile import Turnstile
from conference.validity import Current, Validity
from conference.watch import Watch
from conference.whip import Whip
from foundation.clock import Clock
from foundation.database import Database
from foundation.loops import SupervisedThread

NAMESPACE = "/room"


class Signalling(Collector):
    """Thread-safe; `start` begins the once-a-second work, `stop` ends it. `ice` gives the relay servers for a participant."""

    def __init__(
        self,
        socketio: SocketIO,
        database: Database,
        clock: Clock,
        nodes: Nodes,
        current: Current,
        *,
        video_slots: int,
        ice: Callable[[str], list[dict[str, Any]]],
        still_valid: Callable[[Principal], bool],
    ) -> None:
        self._board = Switchboard(socketio, database, nodes, NAMESPACE)
        self._turnstile = turnstile = Turnstile(self._board, clock)
        self._pages = Pages(self._board, database, clock, nodes, turnstile, video_slots=video_slots, ice=ice)
        self._speaking = Speaking(self._board, database, clock, turnstile)
        diary, lapses = Diary(database, clock, nodes), Lapses(self._board, database, clock)
        self.whip = Whip(self._board, database, clock, nodes)
        """Who comes without a page."""
        self.lines = Lines(database, nodes)
        """How everybody's line is."""
        self.screens = Screens(socketio, self._board, database, clock, still_valid)
        """The sites' screens, which are rung."""
        validity = Validity(self._board, database, clock, current)
        self._watch = Watch(
            self._board,
            database,
            clock,
            validity,
            (lapses.end, self.screens.tell),
            {"rooms-diary": diary.write, "rooms-players": self.whip.follow},
        )
        self._chair = Chair(self._board, database, clock, turnstile, self._watch.hurry)
        nodes.listen(News(self._board, database, clock, nodes, self._watch.hurry))

    @property
    def handlers(self) -> dict[str, tuple[Permission, Handler]]:
        """Every event of the namespace with the permission that it needs and who answers it."""
        return {**self._pages.handlers, **self._chair.handlers, **self._speaking.handlers}

    def connected(self, principal: Principal) -> None:
        """A page has opened its connection; TooMany when there are too many of them."""
        self._turnstile.connected(principal)

    def disconnected(self) -> None:
        """A page's connection ended."""
        self._pages.disconnected()

    def start(self) -> None:
        """Take up the rooms that a former process left, and begin the work of every second."""
        self._watch.start()

    @property
    def threads(self) -> list[SupervisedThread]:
        """The threads of the once-a-second work."""
        return self._watch.threads

    def tick(self) -> None:
        """The work of one second, at once."""
        self._watch.tick()

    def stop(self) -> None:
        """End the work of every second."""
        self._watch.stop()

    def collect(self) -> Iterator[Metric]:
        """The figures of this web process for `/metrics`."""
        joined, open_rooms = self._board.counted()
        yield GaugeMetricFamily(
            "fenghuo_room_connections", "Pages that hold a connection to rooms", value=self._turnstile.connections
        )
        yield GaugeMetricFamily("fenghuo_room_pages", "Pages that have joined a room", value=joined)
        yield GaugeMetricFamily("fenghuo_rooms", "Rooms with a page in them", value=open_rooms)
        yield CounterMetricFamily(
            "fenghuo_room_events_throttled", "Events of rooms that came too fast", value=self._turnstile.throttled
        )
