"""The watch over the rooms, once a second: what a lost node or a former web process has left behind ends, who is gone for long is journalled.

Several web processes may share the database, and each hears only the nodes that dialled in with it: what a node tells here counts more than
what is written, and what nobody has told within START_GRACE_S of the start is over. What another of them, or the API, has changed is told here.
"""

import threading
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

from conference import presence, rooms, roster
from conference.switchboard import Switchboard
from conference.validity import Validity
from foundation.clock import Clock
from foundation.database import Database
from foundation.loops import SupervisedThread, guarded

TICK_S = 1.0
START_GRACE_S = 10.0
"""After the start of web nobody is taken for lost for this long: nodes need up to 5 s to dial in and tell who is there."""


class Watch:
    """`start` begins the threads, `stop` ends them; `tick` is the work of one second. Nothing in the watch's own thread waits for a node."""

    def __init__(
        self,
        board: Switchboard,
        database: Database,
        clock: Clock,
        validity: Validity,
        more: tuple[Callable[[], None], ...] = (),
        waiting: Mapping[str, Callable[[], None]] = MappingProxyType({}),
    ) -> None:
        """`more`: duties of others, done in the same second after these; `waiting`: those that wait for nodes, by the name of the thread of each."""
        self._board = board
        self._database = database
        self._clock = clock
        self._validity = validity
        self._started_at = clock.monotonic()
        self._pages_noted_at = float("-inf")
        self._more = more
        self._left_behind: set[str] = set()
        self._left_over: set[str] = set()
        self._hurried = threading.Event()
        self._waiting = waiting
        self.threads = [
            SupervisedThread("rooms", self._run),
            *(SupervisedThread(name, partial(_every_second, name, duty)) for name, duty in waiting.items()),
        ]

    def start(self) -> None:
        """Take up the rooms that a former process left, and begin the work of every second."""
        for world in self._worlds():
            with self._database.reading(world) as session:
                self._left_over |= presence.left_over(session)
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        """End the work of every second."""
        for thread in self.threads:
            thread.stopping.set()
        self.hurry()
        for thread in self.threads:
            thread.stop()

    def hurry(self) -> None:
        """The work of the next second is done at once, in the watch's own thread."""
        self._hurried.set()

    def tick(self) -> None:
        """The work of one second."""
        for duty in (*self._duties(), *self._waiting.values()):
            duty()

    def _duties(self) -> tuple[Callable[[], None], ...]:
        return (
            self._end_left_behind,
            self._end_left_over,
            self._restore,
            self._end_closed_rooms,
            self._validity.end,
            self._end_gone_elsewhere,
            self._note_pages,
            self._tell_gone,
            *self._more,
            self._tell_changed_elsewhere,
        )

    def _end_left_behind(self) -> None:
        """Sessions whose node has not come back end, so that their pages make new ones."""
        lost = self._board.release_overdue(self._clock.monotonic())
        for session_id in lost:
            self._board.tell_page(session_id, "closed", {"reason": "node_lost"})
        # Kept until the database has them: it may be away just now.
        self._left_behind |= lost
        if not self._left_behind:
            return
        for world in self._worlds():
            with self._database.writing(world) as session:
                changed = presence.disconnected(session, self._clock, list(self._left_behind))
            for room_id in changed:
                self._board.tell_roster(room_id, world)
        self._left_behind.clear()

    def _end_left_over(self) -> None:
        """Sessions that a former web process left, and no node has told of since, are over."""
        if not self._left_over or self._starting():
            return
        untold = self._left_over - self._board.living()
        for world in self._worlds():
            with self._database.writing(world) as session:
                changed = presence.give_up(session, self._clock, untold)
            for room_id in changed:
                self._board.tell_roster(room_id, world)
        self._left_over.clear()

    def _restore(self) -> None:
        """Sessions that live here and another web process gave up, since no node told it of them, are shown as they are."""
        living = self._board.living()
        if not living:
            return
        for world in self._worlds():
            with self._database.reading(world) as session:
                wrong = presence.wrongly_lost(session, living)
            if not wrong:
                continue
            with self._database.writing(world) as session:
                # Asked anew: a session that fell silent meanwhile is written as lost after us.
                changed = presence.restore(session, self._clock, self._board.living())
            for room_id in changed:
                self._board.tell_roster(room_id, world)

    def _end_closed_rooms(self) -> None:
        """Whoever closed a room, and in which web process: its pages and its media end here."""
        carried = self._board.carried()
        if not carried:
            return
        with self._database.reading() as reader:
            closed = rooms.closed_among(reader, carried)
        for room_id in closed:
            self._board.end_room(room_id)

    def _end_gone_elsewhere(self) -> None:
        """Pages whose participant was put out, or came by a newer session, in another web process are over here."""
        for world in self._worlds():
            seats = self._board.seats(world)
            if not seats:
                continue
            with self._database.reading(world) as session:
                over = roster.gone(session, seats)
                expelled = {
                    one for one, why in over.items() if why == "ended" and not self._validity.holds(session, seats[one])
                }
            for session_id, reason in over.items():
                if session_id in expelled:
                    self._board.expel(session_id)
                else:
                    self._board.end_session(session_id, reason)

    def _tell_changed_elsewhere(self) -> None:
        """Rosters that another web process or the API has changed are told to the pages here."""
        carried = self._board.carried()
        if not carried:
            return
        with self._database.reading() as reader:
            versions = rooms.versions(reader, carried)
        for room_id, world in self._board.untold(versions).items():
            self._board.tell_roster(room_id, world)

    def _note_pages(self) -> None:
        """Who has no link but a page here is not gone, whatever another web process believes."""
        now = self._clock.monotonic()
        if now - self._pages_noted_at < presence.PAGE_SEEN_EVERY_S:
            return
        self._pages_noted_at = now
        for world in self._worlds():
            seated = set(self._board.seats(world).values())
            with self._database.reading(world) as session:
                linkless = presence.without_link(session, seated)
            if linkless:
                with self._database.writing(world) as session:
                    presence.note_pages(session, self._clock, linkless)

    def _tell_gone(self) -> None:
        """Who has been gone for long enough is journalled, and in the end leaves the roster."""
        if self._starting():
            return
        for world in self._worlds():
            with self._database.reading(world) as session:
                due = presence.anybody_is_due(session, self._clock)
            if not due:
                continue
            with self._database.writing(world) as session:
                presence.tell_lost(session, self._clock)
                changed = presence.let_go(session, self._clock)
            for room_id in changed:
                self._board.tell_roster(room_id, world)

    def _starting(self) -> bool:
        return self._clock.monotonic() - self._started_at < START_GRACE_S

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._hurried.wait(TICK_S)
            self._hurried.clear()
            for duty in self._duties():
                # A full disk, a database that is away, or a mistake of ours: the next second tries again, and the other duties go on.
                with guarded(f"rooms.{_name(duty)}"):
                    duty()

    def _worlds(self) -> list[str | None]:
        with self._database.reading() as session:
            return rooms.open_worlds(session)


def _every_second(name: str, duty: Callable[[], None], stopping: threading.Event) -> None:
    while not stopping.wait(TICK_S):
        with guarded(name):
            duty()


def _name(duty: Callable[[], None]) -> str:
    return getattr(duty, "__qualname__", "duty").rpartition(".")[2].lstrip("_")
