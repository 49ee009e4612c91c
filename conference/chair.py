"""What hosts ask of a consultation: who is heard, who comes in, how it is led, which site is called, what is kept (docs/room-protocol.md)."""

from collections.abc import Callable
from typing import Any

from auth.permissions import Permission
from auth.principal import Principal
from conference import calling, lead, lobby, minutes, rules
from conference.switchboard import Switchboard
from conference.turnstile import Turnstile
from foundation.clock import Clock
from foundation.database import Database
from operations.resources import contact_at

Handler = Callable[[Principal, dict[str, Any]], dict[str, Any]]


class Chair:
    """Answers hosts; the rules themselves refuse anybody else. Thread-safe."""

    def __init__(
        self, board: Switchboard, database: Database, clock: Clock, turnstile: Turnstile, hurry: Callable[[], None]
    ) -> None:
        """`hurry` has the work of the next second done now (conference.watch)."""
        self._hurry = hurry
        self._board = board
        self._database = database
        self._clock = clock
        self._turnstile = turnstile

    @property
    def handlers(self) -> dict[str, tuple[Permission, Handler]]:
        """Every event of hosts with the permission that it needs and who answers it; a guest may be host, so the room's own role decides."""
        return {
            "mute": ("room.join", self._mute),
            "mute_all": ("room.join", self._mute_all),
            "ask": ("room.join", self._ask),
            "remove": ("room.join", self._remove),
            "rules": ("room.join", self._rules),
            "admit": ("room.join", self._admit),
            "refuse": ("room.join", self._refuse),
            "ring": ("room.join", self._ring),
            "rollcall": ("room.join", self._rollcall),
            "minute": ("room.join", self._minute),
        }

    def _mute(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            muted = rules.mute_by_host(session, self._clock, page.participant, page.session, payload.get("participant"))
        self._board.grant(page.room, page.world, [muted.id])
        self._board.tell_roster(page.room, page.world)
        return {}

    def _mute_all(self, _principal: Principal, _payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            muted = rules.mute_all(session, page.participant, page.session)
        self._board.grant(page.room, page.world, [row.id for row in muted])
        self._board.tell_roster(page.room, page.world)
        return {}

    def _ask(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.reading(page.world) as session:
            host, asked = rules.ask_to_unmute(session, page.participant, page.session, payload.get("participant"))
        self._board.tell_session(asked.session, "asked", {"by": host.name})
        return {}

    def _remove(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            over = rules.remove(session, self._clock, page.participant, page.session, payload.get("participant"))
        for session_id in over:
            self._board.end_session(session_id, "removed")
        self._board.tell_roster(page.room, page.world)
        return {}

    def _rules(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            lead.change(session, self._clock, page.participant, page.session, payload)
        if "talk" in payload:
            self._board.grant(page.room, page.world)
        self._board.tell_roster(page.room, page.world)
        return {}

    def _admit(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            row = lobby.admit(session, self._clock, page.participant, page.session, payload.get("participant"))
        self._board.tell_session(row.session, "admitted", {})
        self._board.tell_waiting(page.room, page.world, self._clock)
        return {}

    def _refuse(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            row = lobby.refuse(session, self._clock, page.participant, page.session, payload.get("participant"))
        self._board.tell_session(row.session, "closed", {"reason": "refused"})
        self._board.tell_waiting(page.room, page.world, self._clock)
        return {}

    def _ring(self, principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            site = calling.ring(session, self._clock, page.participant, page.session, payload.get("site"))
            contact = contact_at(session, site.id) if principal.may("resource.read") else ""
        self._hurry()
        self._board.tell_roster(page.room, page.world)
        return {"contact": contact}

    def _rollcall(self, _principal: Principal, _payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        with self._database.writing(page.world) as session:
            return calling.call_roll(session, self._clock, page.participant, page.session)

    def _minute(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        said = {name: payload.get(name) for name in ("kind", "text", "who", "due", "id")}
        with self._database.writing(page.world) as session:
            kept = minutes.told(minutes.keep(session, self._clock, page.participant, page.session, **said))
        self._board.tell_room(page.room, "minuted", kept)
        return {"id": kept["id"]}
