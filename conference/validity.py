"""The right to be in a room, asked again every few seconds: who was deactivated or logged out, or has another role or site, is out of it;
so are a guest whose link and a device whose pairing is over. Page, media and roster, also of who came without a page.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from auth.principal import Principal
from conference import rooms, roster
from conference.roles import ROLES, role_in
from conference.switchboard import Switchboard
from conference.tables import Participant, Room
from foundation import journal
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Forbidden
from foundation.loops import guarded

EVERY_S = 5.0
"""With the second of the watch and the way to the page, somebody is out well within 15 s."""

Current = Callable[[Session, str, str, str | None], Principal | None]
"""Who a kind, an id and a login are now, or None when that is over (auth.authority.Authority.current)."""


@dataclass(frozen=True)
class _Ended:
    """A stay that is over: its sessions, and the room whose hosts must learn that nobody waits any more."""

    sessions: set[str]
    room_id: str
    waited: bool


class Validity:
    """`end` is called every second. Of several web processes whichever comes first takes somebody off the roster."""

    def __init__(self, board: Switchboard, database: Database, clock: Clock, current: Current) -> None:
        self._board = board
        self._database = database
        self._clock = clock
        self._current = current
        self._asked_at = float("-inf")

    def end(self) -> None:
        """Take out of every room who may not be in it any more."""
        now = self._clock.monotonic()
        if now - self._asked_at < EVERY_S:
            return
        self._asked_at = now
        with self._database.reading() as reader:
            worlds = rooms.open_worlds(reader)
        for world in worlds:
            with self._database.reading(world) as session:
                over = [row.id for row, room in _stays(session) if not self._holds(session, row, room)]
            if over:
                self._put_out(world, over)

    def holds(self, session: Session, participant_id: str) -> bool:
        """Return whether this participant might still be in the room."""
        row = session.get(Participant, participant_id)
        room = session.get(Room, row.room_id) if row else None
        return row is not None and room is not None and self._holds(session, row, room)

    def _holds(self, session: Session, row: Participant, room: Room) -> bool:
        kind, _, id = row.identity.partition(":")
        principal = self._current(session, kind, id, row.login_id)
        if principal is None or principal.site_id != row.site_id:
            return False
        try:
            role = role_in(room, principal)
        except Forbidden:
            return False
        # Less than one may is no offence: a player listens whoever it is.
        return ROLES.index(role) <= ROLES.index(row.role)

    def _put_out(self, world: str | None, participant_ids: list[str]) -> None:
        ended: list[_Ended] = []
        with self._database.writing(world) as session:
            for row, room in list(_stays(session)):
                # Asked anew: they may have come back meanwhile, with a right that holds.
                if row.id not in participant_ids or self._holds(session, row, room):
                    continue
                waited = row.waiting_until is not None
                row.waiting_until = None
                sessions = roster.put_out(session, self._clock, row, journal.SYSTEM) if row.present else {row.session}
                ended.append(_Ended(sessions, room.id, waited))
            session.flush()
        for one in ended:
            for session_id in one.sessions:
                # Each by itself: what goes wrong with one page keeps nobody else in.
                with guarded("rooms.expel"):
                    self._board.expel(session_id)
        for room_id in {one.room_id for one in ended}:
            self._board.tell_roster(room_id, world)
        for room_id in {one.room_id for one in ended if one.waited}:
            self._board.tell_waiting(room_id, world, self._clock)


def _stays(session: Session) -> list[tuple[Participant, Room]]:
    """Return who is in an open room or waits before one, each with the room."""
    stays = or_(Participant.present, Participant.waiting_until.is_not(None))
    query = select(Participant, Room).join(Room, Room.id == Participant.room_id).where(Room.open, stays)
    return [(row, room) for row, room in session.execute(query)]
