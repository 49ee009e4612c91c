"""What everybody may ask of a consultation beside their media: a hand, the floor, a word in the chat (docs/room-protocol.md)."""

from collections.abc import Callable
from typing import Any

from auth.permissions import Permission
from auth.principal import Principal
from conference import chat, floor, rules
from conference.switchboard import Connection, Switchboard
from conference.tables import Room
from conference.turnstile import Turnstile
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import ProtocolError

Handler = Callable[[Principal, dict[str, Any]], dict[str, Any]]


class Speaking:
    """Answers pages. Thread-safe."""

    def __init__(self, board: Switchboard, database: Database, clock: Clock, turnstile: Turnstile) -> None:
        self._board = board
        self._database = database
        self._clock = clock
        self._turnstile = turnstile

    @property
    def handlers(self) -> dict[str, tuple[Permission, Handler]]:
        """Every event with the permission that it needs and who answers it."""
        return {
            "hand": ("room.join", self._hand),
            "floor": ("room.join", self._floor),
            "pass": ("room.join", self._pass),
            "say": ("room.chat", self._say),
        }

    def _hand(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        up = payload.get("up")
        if not isinstance(up, bool):
            raise ProtocolError("bad_request")
        with self._database.writing(page.world) as session:
            rules.raise_hand(
                session, self._clock, page.participant, page.session, up=up, whose=payload.get("participant")
            )
        self._board.tell_roster(page.room, page.world)
        return {}

    def _floor(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        wanted = payload.get("take")
        if not isinstance(wanted, bool):
            raise ProtocolError("bad_request")
        with self._database.writing(page.world) as session:
            change = floor.take if wanted else floor.give_back
            room = change(session, self._clock, page.participant, page.session)
        return self._floor_is(page, room)

    def _pass(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            room = floor.pass_on(session, self._clock, page.participant, page.session, payload.get("participant"))
        return self._floor_is(page, room)

    def _floor_is(self, page: Connection, room: Room) -> dict[str, Any]:
        """The node forwards the holder and nobody else; everybody is told."""
        self._board.grant(page.room, page.world)
        self._board.tell_roster(page.room, page.world)
        return {"floor": floor.told(room)}

    def _say(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        self._turnstile.take_text()
        with self._database.writing(page.world) as session:
            said = chat.say(session, self._clock, page.participant, page.session, payload.get("text"))
        self._board.tell_room(page.room, "said", said)
        return {"id": said["id"]}
