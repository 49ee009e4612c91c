"""What ends by itself, once a second: a floor that was held too long, a ring that nobody answered, a wait in the lobby that was given up."""

from conference import calling, floor, lobby, rooms
from conference.switchboard import Switchboard
from foundation.clock import Clock
from foundation.database import Database


class Lapses:
    """`end` is the work of one second; of several web processes whichever comes first does it."""

    def __init__(self, board: Switchboard, database: Database, clock: Clock) -> None:
        self._board = board
        self._database = database
        self._clock = clock

    def end(self) -> None:
        """End what is over, in every world with an open room, and tell its pages."""
        with self._database.reading() as reader:
            worlds = rooms.open_worlds(reader)
        for world in worlds:
            with self._database.reading(world) as session:
                due = any(kind.anybody_is_due(session, self._clock) for kind in (floor, calling, lobby))
            if due:
                self._end(world)

    def _end(self, world: str | None) -> None:
        with self._database.writing(world) as session:
            freed = floor.lapse(session, self._clock)
            rung = calling.lapse(session, self._clock)
            left = lobby.lapse(session, self._clock)
        for room, row in freed:
            self._board.grant(room.id, world, [row.id])
        for room_id in {room.id for room, _ in freed} | rung:
            self._board.tell_roster(room_id, world)
        for room_id in left:
            self._board.tell_waiting(room_id, world, self._clock)
