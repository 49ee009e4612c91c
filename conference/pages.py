"""What a page asks for its own stay in a consultation: join, media, state, leave (docs/room-protocol.md), each checked and answered."""

import re
from collections.abc import Callable
from typing import Any

from auth.permissions import Permission
from auth.principal import Principal
from conference import chat, lobby, minutes, presence, rooms, roster, rules
from conference.nodes import Nodes
from conference.standing import of_session
from conference.switchboard import Connection, Switchboard
from conference.turnstile import Turnstile, page_sid
from foundation.clock import Clock, epoch_ms
from foundation.database import Database
from foundation.errors import FenghuoError, Forbidden, ProtocolError
from foundation.identifiers import is_id

SDP_BYTES_MAX = 64 * 1024
VIDEO_SLOTS_MAX = 16
HEIGHT_MAX = 4320
FREEZES_MAX = 1_000_000
STATES = ("muted", "camera", "screen", "hidden")

SLOT = re.compile(r"v(?:[0-9]|1[0-5])")

Handler = Callable[[Principal, dict[str, Any]], dict[str, Any]]


class Pages:
    """Answers pages. Thread-safe. `ice` gives the relay servers for a participant."""

    def __init__(
        self,
        board: Switchboard,
        database: Database,
        clock: Clock,
        nodes: Nodes,
        turnstile: Turnstile,
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
        self._turnstile = turnstile

    @property
    def handlers(self) -> dict[str, tuple[Permission, Handler]]:
        """Every event of the namespace with the permission that it needs and who answers it."""
        return {
            "join": ("room.join", self._join),
            "offer": ("room.join", self._offer),
            "want": ("room.join", self._want),
            "state": ("room.join", self._state),
            "freezes": ("room.join", self._freezes),
            "busy": ("room.join", self._busy),
            "leave": ("room.join", self._leave),
        }

    def disconnected(self) -> None:
        """A page's connection ended. Its media may go on; somebody who never had any was never there, and nobody waits without a page."""
        self._turnstile.disconnected()
        gone = self._board.unseat(page_sid())
        if gone is None or self._board.served(gone.session):
            return
        with self._database.writing(gone.world) as session:
            waited = lobby.go(session, gone.participant, gone.session)
            changed = presence.forget_unheard(session, gone.participant, gone.session)
        if waited:
            self._board.tell_waiting(gone.room, gone.world, self._clock)
        if changed:
            self._board.tell_roster(gone.room, gone.world)

    def _join(self, principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        self._turnstile.take()
        room_id, session_id = payload.get("room"), payload.get("session")
        if (
            not isinstance(room_id, str)
            or not isinstance(session_id, str)
            or not is_id(room_id)
            or not is_id(session_id)
        ):
            raise ProtocolError("bad_request")
        watches = payload.get("watch", False)
        if not isinstance(watches, bool):
            raise ProtocolError("bad_request")
        with self._database.reading() as reader:
            world = rooms.world_of(reader, room_id)
        with self._database.writing(world) as session:
            joined = roster.join(session, self._clock, principal, room_id, session_id, watches=watches)
        room, participant = joined.room, joined.participant
        page = Connection(page_sid(), room.id, participant.id, session_id, world, participant.role == "host")
        if joined.waits:
            self._board.let_wait(page)
            self._board.end_replaced(joined)
            self._board.tell_waiting(room.id, world, self._clock)
            return {"waiting": True, "title": room.title, "now": epoch_ms(self._clock.now())}
        shown = self._board.seat(page)
        # Once the page has its new seat: the older session may have been this same page's, which must not be told that it is over.
        self._board.end_replaced(joined)
        with self._database.reading(world) as session:
            told = roster.whole(session, room.id)
            before = {"chat": chat.newest(session, room), "minutes": minutes.of_room(session, room)}
        self._board.tell_roster(room.id, world)
        if page.host:
            self._board.tell_waiting(room.id, world, self._clock)
        if shown:
            self._board.tell_page(session_id, "slots", {"slots": shown})
        return {
            "participant": participant.id,
            "name": participant.name,
            "role": participant.role,
            "title": room.title,
            "muted": participant.muted,
            "roster": told,
            **before,
            "live": shown is not None,
            "video_slots": self._video_slots,
            "ice_servers": self._ice(participant.id),
            "now": epoch_ms(self._clock.now()),
        }

    def _offer(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        sdp = payload.get("sdp")
        if not isinstance(sdp, str) or len(sdp.encode()) > SDP_BYTES_MAX:
            raise ProtocolError("bad_offer")
        with self._database.reading(page.world) as session:
            publish = roster.grants(session, page.participant, page.session)
            room_node = rooms.find_room(session, page.room).node
        node = self._board.node_for(page.room, room_node)
        if node.id != room_node:
            with self._database.writing(page.world) as session:
                carrier = rooms.carry(session, page.room, room_node, node.id)
            node = self._nodes.media_node(carrier) or node
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
                    "grants": {"publish": publish, "subscribe": True},
                },
            )
        except FenghuoError:
            self._board.release(page.session)
            raise
        with self._database.reading(page.world) as session:
            replaced = bool(roster.gone(session, {page.session: page.participant}))
        if replaced:
            # A newer session came while the node answered, by another connection: the node was told before it knew this one.
            left = {"room": page.room, "session": page.session, "reason": "replaced"}
            self._nodes.send(node.id, "room.leave", left)
            self._board.release(page.session)
            raise Forbidden("old_session")
        return {"sdp": answer.get("sdp"), "slots": answer.get("slots")}

    def _want(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        wanted = payload.get("video")
        if not isinstance(wanted, list) or len(wanted) > VIDEO_SLOTS_MAX:
            raise ProtocolError("bad_request")
        video = [_wanted(one, self._video_slots) for one in wanted]
        if len({one["slot"] for one in video}) != len(video):
            raise ProtocolError("bad_request")
        self._board.command(page, "room.want", {"video": video})
        return {}

    def _state(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        known = {key: payload[key] for key in STATES if key in payload}
        if not known or not all(isinstance(value, bool) for value in known.values()):
            raise ProtocolError("bad_request")
        with self._database.writing(page.world) as session:
            spoken = of_session(session, page.participant, page.session).silenced and known.get("muted") is False
            rules.change_state(session, page.participant, page.session, **known)
        if spoken:
            self._board.grant(page.room, page.world, [page.participant])
        self._board.tell_roster(page.room, page.world)
        return {}

    def _freezes(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        counted = payload.get("slots")
        if not isinstance(counted, dict) or len(counted) > VIDEO_SLOTS_MAX:
            raise ProtocolError("bad_request")
        for slot, times in counted.items():
            if (
                not SLOT.fullmatch(slot)
                or isinstance(times, bool)
                or not isinstance(times, int)
                or not 0 <= times <= FREEZES_MAX
            ):
                raise ProtocolError("bad_request")
        self._board.send(page.session, "room.freezes", {"slots": counted})
        return {}

    def _busy(self, _principal: Principal, _payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        self._board.send(page.session, "room.busy", {})
        return {}

    def _leave(self, _principal: Principal, _payload: dict[str, Any]) -> dict[str, Any]:
        page = self._turnstile.seated()
        self._board.unseat(page.sid)
        with self._database.writing(page.world) as session:
            over = roster.leave(session, self._clock, page.participant, page.session)
        for session_id in {page.session, *over}:
            self._board.end_media(session_id, "left")
        self._board.tell_roster(page.room, page.world)
        return {}


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
