"""What pages ask of a consultation: the requests of namespace `/room` (docs/room-protocol.md), each checked and answered."""

import re
import threading
from collections.abc import Callable
from typing import Any

from flask import request

from auth.permissions import Permission
from auth.principal import Principal
from conference import presence, rooms, roster, rules
from conference.nodes import Nodes
from conference.switchboard import Connection, Switchboard
from foundation.clock import Clock, epoch_ms
from foundation.database import Database
from foundation.errors import FenghuoError, ProtocolError, TooMany
from foundation.identifiers import is_id

SDP_BYTES_MAX = 64 * 1024
VIDEO_SLOTS_MAX = 16
HEIGHT_MAX = 4320
EVENTS_PER_S = 20.0
EVENTS_BURST = 40.0
CONNECTIONS_MAX = 2_000

SLOT = re.compile(r"v(?:[0-9]|1[0-5])")

Handler = Callable[[Principal, dict[str, Any]], dict[str, Any]]


class Bucket:
    """How fast one connection may send: EVENTS_PER_S on average, EVENTS_BURST at once."""

    def __init__(self, now: float) -> None:
        self._level, self._at = EVENTS_BURST, now

    def take(self, now: float) -> bool:
        """Use one event; False when there is none left."""
        self._level = min(EVENTS_BURST, self._level + (now - self._at) * EVENTS_PER_S)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Pages:
    """Answers pages. Thread-safe. `ice` gives the relay servers for a participant."""

    def __init__(
        self,
        board: Switchboard,
        database: Database,
        clock: Clock,
        nodes: Nodes,
        *,
        video_slots: int,
        ice: Callable[[str], list[dict[str, Any]]],
    ) -> None:
        self._board = board
        self._database = database
        self._clock = clock
        self._nodes = nodes
        self._video_slots = min(video_slots, VIDEO_SLOTS_MAX)
        self._ice = ice
        self._lock = threading.Lock()
        self._buckets: dict[str, Bucket] = {}
        self.throttled = 0
        """Events that came too fast."""

    @property
    def handlers(self) -> dict[str, tuple[Permission, Handler]]:
        """Every event of the namespace with the permission that it needs and who answers it."""
        return {
            "join": ("room.join", self._join),
            "offer": ("room.join", self._offer),
            "want": ("room.join", self._want),
            "state": ("room.join", self._state),
            "mute": ("room.join", self._mute),
            "remove": ("room.join", self._remove),
            "leave": ("room.join", self._leave),
        }

    @property
    def connections(self) -> int:
        """How many pages hold a connection."""
        return len(self._buckets)

    def connected(self) -> None:
        """A page has opened its connection; TooMany when there are CONNECTIONS_MAX of them."""
        with self._lock:
            if len(self._buckets) >= CONNECTIONS_MAX:
                raise TooMany("too_many", retry_after_s=10)
            self._buckets[_sid()] = Bucket(self._clock.monotonic())

    def disconnected(self) -> None:
        """A page's connection ended. Its media may go on; somebody who never had any was never there."""
        with self._lock:
            self._buckets.pop(_sid(), None)
        gone = self._board.unseat(_sid())
        if gone is not None and not self._board.served(gone.session):
            with self._database.writing(gone.world) as session:
                changed = presence.forget_unheard(session, gone.participant, gone.session)
            if changed:
                self._board.tell_roster(gone.room, gone.world)

    def _join(self, principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        self._take()
        room_id, session_id = payload.get("room"), payload.get("session")
        if (
            not isinstance(room_id, str)
            or not isinstance(session_id, str)
            or not is_id(room_id)
            or not is_id(session_id)
        ):
            raise ProtocolError("bad_request")
        with self._database.reading() as reader:
            world = rooms.world_of(reader, room_id)
        with self._database.writing(world) as session:
            joined = roster.join(session, self._clock, principal, room_id, session_id)
        room, participant = joined.room, joined.participant
        with self._database.reading(world) as session:
            told = roster.whole(session, room.id)
        shown = self._board.seat(Connection(_sid(), room.id, participant.id, session_id, world))
        if joined.replaced is not None:
            self._board.end_session(joined.replaced, "replaced")
        self._board.tell_roster(room.id, world)
        if shown:
            self._board.tell_page(session_id, "slots", {"slots": shown})
        return {
            "participant": participant.id,
            "name": participant.name,
            "role": participant.role,
            "title": room.title,
            "muted": participant.muted,
            "roster": told,
            "live": shown is not None,
            "video_slots": self._video_slots,
            "ice_servers": self._ice(participant.id),
            "now": epoch_ms(self._clock.now()),
        }

    def _offer(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._take_seated()
        sdp = payload.get("sdp")
        if not isinstance(sdp, str) or len(sdp.encode()) > SDP_BYTES_MAX:
            raise ProtocolError("bad_offer")
        with self._database.reading(page.world) as session:
            participant = roster.of_session(session, page.participant, page.session)
            room_node = rooms.find_room(session, page.room).node
        node = self._board.node_for(page.room, room_node)
        # Known before the node answers: its first word about the session may come before the answer.
        self._board.serve(page.session, node.id, page.room)
        try:
            answer = self._nodes.call(
                node.id,
                "room.offer",
                {
                    "room": page.room,
                    "participant": page.participant,
                    "session": page.session,
                    "sdp": sdp,
                    "grants": {"publish": participant.grants, "subscribe": True},
                },
            )
        except FenghuoError:
            self._board.release(page.session)
            raise
        if node.id != room_node:
            with self._database.writing(page.world) as session:
                rooms.carried_by(session, page.room, node.id)
        return {"sdp": answer.get("sdp"), "slots": answer.get("slots")}

    def _want(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._take_seated()
        wanted = payload.get("video")
        if not isinstance(wanted, list) or len(wanted) > VIDEO_SLOTS_MAX:
            raise ProtocolError("bad_request")
        video = [_wanted(one, self._video_slots) for one in wanted]
        if len({one["slot"] for one in video}) != len(video):
            raise ProtocolError("bad_request")
        self._board.command(page, "room.want", {"video": video})
        return {}

    def _state(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._take_seated()
        known = {key: payload[key] for key in ("muted", "camera", "screen") if key in payload}
        if not known or not all(isinstance(value, bool) for value in known.values()):
            raise ProtocolError("bad_request")
        with self._database.writing(page.world) as session:
            silenced = roster.of_session(session, page.participant, page.session).silenced
            participant = rules.change_state(session, page.participant, page.session, **known)
        if silenced != participant.silenced:
            self._board.command(page, "room.grants", {"publish": participant.grants})
        self._board.tell_roster(page.room, page.world)
        return {}

    def _mute(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._take_seated()
        with self._database.writing(page.world) as session:
            participant = rules.mute_by_host(session, page.participant, payload.get("participant"))
        self._board.send(participant.session, "room.grants", {"publish": participant.grants})
        self._board.tell_roster(page.room, page.world)
        return {}

    def _remove(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._take_seated()
        with self._database.writing(page.world) as session:
            participant = rules.remove(session, self._clock, page.participant, payload.get("participant"))
        self._board.end_session(participant.session, "removed")
        self._board.tell_roster(page.room, page.world)
        return {}

    def _leave(self, _principal: Principal, _payload: dict[str, Any]) -> dict[str, Any]:
        page = self._take_seated()
        self._board.unseat(page.sid)
        with self._database.writing(page.world) as session:
            roster.leave(session, self._clock, page.participant, page.session)
        self._board.send(page.session, "room.leave", {"reason": "left"})
        self._board.release(page.session)
        self._board.tell_roster(page.room, page.world)
        return {}

    def _take(self) -> None:
        with self._lock:
            bucket = self._buckets.get(_sid())
        if bucket is None or not bucket.take(self._clock.monotonic()):
            self.throttled += 1
            raise TooMany("too_many", retry_after_s=1)

    def _take_seated(self) -> Connection:
        self._take()
        page = self._board.seated(_sid())
        if page is None:
            raise ProtocolError("bad_request")
        return page


def _sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]


def _wanted(one: object, video_slots: int) -> dict[str, Any]:
    """One entry of `want`, checked. Raises ProtocolError("bad_request")."""
    if not isinstance(one, dict):
        raise ProtocolError("bad_request")
    slot, participant, kind, height = (one.get(key) for key in ("slot", "participant", "kind", "height"))
    if not isinstance(slot, str) or not SLOT.fullmatch(slot) or int(slot[1:]) >= video_slots:
        raise ProtocolError("bad_request")
    if not is_id(participant) or kind not in ("camera", "screen"):
        raise ProtocolError("bad_request")
    if isinstance(height, bool) or not isinstance(height, int | float) or not 0 < height <= HEIGHT_MAX:
        raise ProtocolError("bad_request")
    return {"slot": slot, "participant": participant, "kind": kind, "height": max(1, round(height))}
