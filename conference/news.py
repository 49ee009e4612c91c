"""What the media nodes tell of their sessions, and what it means for the rooms and their pages."""

import logging
from collections.abc import Callable
from typing import Any

from conference import presence, rooms
from conference.nodes import Node, Nodes
from conference.pages import VIDEO_SLOTS_MAX
from conference.switchboard import Switchboard
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import NotFound, ProtocolError

NODE_GRACE_S = 3.0
"""A node that dials again within this time and still has a session has lost nothing; then its sessions are over."""
SPEAKERS_MAX = 3
OFFENCES = ("flood", "not_granted")
STEPS = ("full", "smaller", "slower", "stills", "speech")

log = logging.getLogger(__name__)


class News:
    """Listens to the nodes (`conference.nodes.NodeListener`). ProtocolError for what the protocol does not know."""

    def __init__(
        self, board: Switchboard, database: Database, clock: Clock, nodes: Nodes, hurry: Callable[[], None]
    ) -> None:
        """`hurry` has the work of the next second done now (conference.watch)."""
        self._board = board
        self._database = database
        self._clock = clock
        self._nodes = nodes
        self._hurry = hurry

    def session_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """A session has its link, has lost it, or is over."""
        room_id, participant_id, session_id = (payload.get(key) for key in ("room", "participant", "session"))
        state = payload.get("state")
        if not isinstance(room_id, str) or not isinstance(participant_id, str) or not isinstance(session_id, str):
            raise ProtocolError("bad_request")
        if state not in ("connected", "lost", "closed"):
            raise ProtocolError("bad_request")
        try:
            with self._database.reading() as reader:
                world = rooms.world_of(reader, room_id)
        except NotFound:
            self._nodes.send(node.id, "room.close", {"room": room_id, "reason": "unknown"})
            return
        if state == "connected":
            self._lives(node, room_id, participant_id, session_id, world)
        else:
            self._lost(room_id, session_id, world, over=state == "closed")

    def slots_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """A page's slots show something else from now on."""
        session_id, told = payload.get("session"), payload.get("slots")
        if not isinstance(session_id, str) or not isinstance(told, list) or len(told) > 2 * VIDEO_SLOTS_MAX:
            raise ProtocolError("bad_request")
        changes = [one for one in told if isinstance(one, dict) and isinstance(one.get("slot"), str)]
        self._board.show(node, session_id, changes)

    def speakers_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """The loudest of a room."""
        room_id, speakers = payload.get("room"), payload.get("participants")
        if not isinstance(room_id, str) or not isinstance(speakers, list):
            raise ProtocolError("bad_request")
        loudest = [one for one in speakers[:SPEAKERS_MAX] if isinstance(one, str)]
        self._board.tell_room_here(room_id, "speakers", {"participants": loudest})

    def line_changed(self, _node: Node, payload: dict[str, Any]) -> None:
        """What a session's line carries, and what should be sent on it."""
        session_id, send = payload.get("session"), payload.get("send")
        if not isinstance(session_id, str) or not isinstance(send, dict) or payload.get("step") not in STEPS:
            raise ProtocolError("bad_request")
        line = {key: payload.get(key) for key in ("step", "bps", "loss", "send")}
        self._board.tell_page(session_id, "line", line)

    def offended(self, node: Node, payload: dict[str, Any]) -> None:
        """A session sent too much, or what it may not: the room's hosts are told who it is."""
        room_id, participant, what = (payload.get(key) for key in ("room", "participant", "what"))
        if not isinstance(room_id, str) or not isinstance(participant, str) or what not in OFFENCES:
            raise ProtocolError("bad_request")
        log.warning("a participant is throttled", extra={"node": node.id, "participant": participant, "what": what})
        self._board.tell_hosts_here(room_id, "offence", {"participant": participant, "what": what})

    def node_gone(self, node: Node) -> None:
        """A node's connection ended: its sessions have NODE_GRACE_S to be told again."""
        self._board.suspect(node, self._clock.monotonic() + NODE_GRACE_S)

    def node_began_anew(self, node: Node) -> None:
        """A node was restarted: its former sessions are over, and nobody waits for them."""
        self._board.suspect(node, self._clock.monotonic())
        self._hurry()

    def _lives(self, node: Node, room_id: str, participant_id: str, session_id: str, world: str | None) -> None:
        with self._database.writing(world) as session:
            link = presence.connected(session, self._clock, room_id, participant_id, session_id)
        if link is None:
            self._nodes.send(node.id, "room.leave", {"room": room_id, "session": session_id, "reason": "replaced"})
            return
        self._board.lives(session_id, node.id, room_id)
        # Who was muted, or got the floor, while this process did not know the session: what is written counts.
        self._board.grant(room_id, world, [participant_id])
        if link.before is not None:
            self._board.end_media(link.before, "replaced")
        self._board.tell_roster(room_id, world)

    def _lost(self, room_id: str, session_id: str, world: str | None, *, over: bool) -> None:
        # Before the database: the watch restores what lives here and is shown as lost.
        self._board.is_silent(session_id)
        with self._database.writing(world) as session:
            changed = presence.disconnected(session, self._clock, [session_id])
        if over and self._board.release(session_id):
            self._board.tell_page(session_id, "closed", {"reason": "node_lost"})
        if changed:
            self._board.tell_roster(room_id, world)
