"""How a page joins a consultation (namespace `/room` of docs/room-protocol.md), and what the media nodes' news mean for it.

Who closes whom: a session's end closes its connection's membership, never the participant; a room's end closes its sessions. The roster lives in
the database, so everything here may be lost with the process and is made again from what pages and nodes say when they dial again.
"""

import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from flask import request
from flask_socketio import SocketIO
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

from auth.permissions import Permission
from auth.principal import Principal
from conference import rooms
from conference.nodes import Node, Nodes
from foundation.clock import Clock, epoch_ms
from foundation.database import Database
from foundation.errors import FenghuoError, NotFound, ProtocolError, TooMany, Unavailable
from foundation.identifiers import is_id

NAMESPACE = "/room"
SDP_BYTES_MAX = 64 * 1024
PAYLOAD_BYTES_MAX = SDP_BYTES_MAX + 4 * 1024
VIDEO_SLOTS_MAX = 16
HEIGHT_MAX = 4320
EVENTS_PER_S = 20.0
EVENTS_BURST = 40.0
CONNECTIONS_MAX = 2_000
NODE_GRACE_S = 3.0
"""A node that dials again within this time and still has a session has lost nothing; then its sessions are over."""
START_GRACE_S = 10.0
"""After the start of web nobody is told as lost for this long: nodes need up to 5 s to dial in and tell who is there."""
TICK_S = 1.0

CloseReason = Literal["replaced", "removed", "ended", "node_lost"]
SLOT = re.compile(r"v(?:[0-9]|1[0-5])")

log = logging.getLogger(__name__)

Handler = Callable[[Principal, dict[str, Any]], dict[str, Any]]


@dataclass
class Connection:
    """One page that has joined."""

    sid: str
    room: str
    participant: str
    session: str
    world: str | None


@dataclass
class Media:
    """A session that a node serves, and what its slots show."""

    node: str
    room: str
    connected: bool = False
    slots: dict[str, dict[str, Any]] = field(default_factory=dict)


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


class Signalling(Collector):
    """The rooms' live side. Thread-safe; `start` begins the once-a-second work, `stop` ends it. `ice` gives the relay servers for a participant."""

    def __init__(
        self,
        socketio: SocketIO,
        database: Database,
        clock: Clock,
        nodes: Nodes,
        *,
        video_slots: int,
        ice: Callable[[str], list[dict[str, Any]]],
    ) -> None:
        self._socketio = socketio
        self._database = database
        self._clock = clock
        self._nodes = nodes
        self._video_slots = min(video_slots, VIDEO_SLOTS_MAX)
        self._ice = ice
        self._lock = threading.Lock()
        self._connections: dict[str, Connection] = {}
        self._buckets: dict[str, Bucket] = {}
        self._media: dict[str, Media] = {}
        self._suspects: dict[str, tuple[float, set[str]]] = {}
        self._started_at = clock.monotonic()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._refused = 0
        nodes.listen(self)

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

    def start(self) -> None:
        """Take up the rooms that a former process left, and begin the work of every second."""
        for world in self._worlds():
            with self._database.writing(world) as session:
                rooms.forget_links(session, self._clock)
        self._thread = threading.Thread(target=self._run, name="rooms", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the work of every second."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    # What pages ask.

    def connected(self, _principal: Principal) -> None:
        """A page has opened its connection; TooMany when there are CONNECTIONS_MAX of them."""
        with self._lock:
            if len(self._buckets) >= CONNECTIONS_MAX:
                raise TooMany("too_many", retry_after_s=10)
            self._buckets[_sid()] = Bucket(self._clock.monotonic())

    def disconnected(self) -> None:
        """A page's connection ended. Its media may go on; somebody who never had any was never there."""
        with self._lock:
            self._buckets.pop(_sid(), None)
            gone = self._connections.pop(_sid(), None)
            unheard = gone is not None and gone.session not in self._media
        if gone is not None and unheard:
            with self._database.writing(gone.world) as session:
                changed = rooms.forget_unheard(session, gone.participant, gone.session)
            if changed:
                self._tell_roster(gone.room, gone.world)

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
            joined = rooms.join(session, self._clock, principal, room_id, session_id)
        room, participant = joined.room, joined.participant
        with self._database.reading(world) as session:
            roster = rooms.roster(session, room.id)
        connection = Connection(_sid(), room.id, participant.id, session_id, world)
        with self._lock:
            before = self._connections.get(connection.sid)
            self._connections[connection.sid] = connection
            media = self._media.get(session_id)
        if before is not None and before.room != room.id:
            self._socketio.server.leave_room(connection.sid, _group(before.room), namespace=NAMESPACE)
        if joined.replaced is not None:
            self._end_session(joined.replaced, room.id, "replaced")
        self._socketio.server.enter_room(connection.sid, _group(room.id), namespace=NAMESPACE)
        self._tell_roster(room.id, world)
        if media is not None and media.slots:
            self._emit("slots", {"slots": list(media.slots.values())}, connection.sid)
        return {
            "participant": participant.id,
            "name": participant.name,
            "role": participant.role,
            "title": room.title,
            "muted": participant.muted,
            "roster": roster,
            "live": media is not None,
            "video_slots": self._video_slots,
            "ice_servers": self._ice(participant.id),
            "now": epoch_ms(self._clock.now()),
        }

    def _offer(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        connection = self._take_joined()
        sdp = payload.get("sdp")
        if not isinstance(sdp, str) or len(sdp.encode()) > SDP_BYTES_MAX:
            raise ProtocolError("bad_offer")
        with self._database.reading(connection.world) as session:
            participant = rooms.of_session(session, connection.participant, connection.session)
            room_node = rooms.find_room(session, connection.room).node
        node = self._node_for(connection.room, room_node)
        # Known before the node answers: its first word about the session may come before the answer.
        with self._lock:
            self._media[connection.session] = Media(node.id, connection.room)
        try:
            answer = self._nodes.call(
                node.id,
                "room.offer",
                {
                    "room": connection.room,
                    "participant": connection.participant,
                    "session": connection.session,
                    "sdp": sdp,
                    "grants": {"publish": participant.grants, "subscribe": True},
                },
            )
        except FenghuoError:
            with self._lock:
                self._media.pop(connection.session, None)
            raise
        if node.id != room_node:
            with self._database.writing(connection.world) as session:
                rooms.carried_by(session, connection.room, node.id)
        return {"sdp": answer.get("sdp"), "slots": answer.get("slots")}

    def _want(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        connection = self._take_joined()
        wanted = payload.get("video")
        if not isinstance(wanted, list) or len(wanted) > VIDEO_SLOTS_MAX:
            raise ProtocolError("bad_request")
        video = [_wanted(one, self._video_slots) for one in wanted]
        if len({one["slot"] for one in video}) != len(video):
            raise ProtocolError("bad_request")
        self._command(connection, "room.want", {"video": video})
        return {}

    def _state(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        connection = self._take_joined()
        known = {key: payload[key] for key in ("muted", "camera", "screen") if key in payload}
        if not known or not all(isinstance(value, bool) for value in known.values()):
            raise ProtocolError("bad_request")
        with self._database.writing(connection.world) as session:
            silenced = rooms.of_session(session, connection.participant, connection.session).silenced
            participant = rooms.change_state(session, connection.participant, connection.session, **known)
        if silenced != participant.silenced:
            self._command(connection, "room.grants", {"publish": participant.grants})
        self._tell_roster(connection.room, connection.world)
        return {}

    def _mute(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        connection = self._take_joined()
        with self._database.writing(connection.world) as session:
            participant = rooms.mute_by_host(session, connection.participant, payload.get("participant"))
        self._send(participant.session, "room.grants", {"publish": participant.grants})
        self._tell_roster(connection.room, connection.world)
        return {}

    def _remove(self, _principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        connection = self._take_joined()
        with self._database.writing(connection.world) as session:
            participant = rooms.remove(session, self._clock, connection.participant, payload.get("participant"))
        self._end_session(participant.session, connection.room, "removed")
        self._tell_roster(connection.room, connection.world)
        return {}

    def _leave(self, _principal: Principal, _payload: dict[str, Any]) -> dict[str, Any]:
        connection = self._take_joined()
        with self._lock:
            self._connections.pop(connection.sid, None)
        self._socketio.server.leave_room(connection.sid, _group(connection.room), namespace=NAMESPACE)
        with self._database.writing(connection.world) as session:
            rooms.leave(session, self._clock, connection.participant, connection.session)
        self._send(connection.session, "room.leave", {"reason": "left"})
        with self._lock:
            self._media.pop(connection.session, None)
        self._tell_roster(connection.room, connection.world)
        return {}

    # What the media nodes tell.

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
            self._session_lives(node, room_id, participant_id, session_id, world)
        else:
            self._session_lost(room_id, session_id, world, over=state == "closed")

    def slots_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """A page's slots show something else from now on."""
        session_id, told = payload.get("session"), payload.get("slots")
        if not isinstance(session_id, str) or not isinstance(told, list) or len(told) > 2 * VIDEO_SLOTS_MAX:
            raise ProtocolError("bad_request")
        changes = [one for one in told if isinstance(one, dict) and isinstance(one.get("slot"), str)]
        with self._lock:
            media = self._media.get(session_id)
            if media is not None and media.node == node.id:
                media.slots.update({one["slot"]: one for one in changes})
            sid = self._sid_of(session_id)
        if sid is not None:
            self._emit("slots", {"slots": changes}, sid)

    def speakers_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """The loudest of a room."""
        room_id, speakers = payload.get("room"), payload.get("participants")
        if not isinstance(room_id, str) or not isinstance(speakers, list):
            raise ProtocolError("bad_request")
        self._emit("speakers", {"participants": [one for one in speakers[:3] if isinstance(one, str)]}, _group(room_id))

    def node_gone(self, node: Node) -> None:
        """A node's connection ended: its sessions have NODE_GRACE_S to be told again."""
        with self._lock:
            own = {session_id for session_id, media in self._media.items() if media.node == node.id}
            _, already = self._suspects.get(node.id, (0.0, set()))
            if own or already:
                self._suspects[node.id] = (self._clock.monotonic() + NODE_GRACE_S, own | already)

    # The work of every second.

    def tick(self) -> None:
        """End what a lost node has left behind, and journal who has been gone for long enough."""
        now = self._clock.monotonic()
        with self._lock:
            over = [name for name, (deadline, _) in self._suspects.items() if deadline <= now]
            ended = {session_id for name in over for session_id in self._suspects.pop(name)[1]}
            lost = {session_id: self._media.pop(session_id) for session_id in ended if session_id in self._media}
            sids = [sid for session_id in lost if (sid := self._sid_of(session_id)) is not None]
        for sid in sids:
            self._emit("closed", {"reason": "node_lost"}, sid)
        if lost:
            for world in self._worlds():
                with self._database.writing(world) as session:
                    changed = rooms.disconnected(session, self._clock, list(lost))
                for room_id in changed:
                    self._tell_roster(room_id, world)
        self._end_closed_rooms()
        if now - self._started_at < START_GRACE_S:
            return
        for world in self._worlds():
            with self._database.reading(world) as session:
                due = rooms.some_are_to_be_told(session, self._clock)
            if due:
                with self._database.writing(world) as session:
                    rooms.tell_lost(session, self._clock)

    def _run(self) -> None:
        while not self._stopping.wait(TICK_S):
            try:
                self.tick()
            except (SQLAlchemyError, Unavailable):
                # The database may be full or away for a while; the next second tries again.
                log.exception("the rooms' work of this second failed")

    def collect(self) -> Iterator[Metric]:
        """The figures of this web process for `/metrics`."""
        with self._lock:
            figures = (
                len(self._buckets),
                len(self._connections),
                len({one.room for one in self._connections.values()}),
            )
        connections, joined, open_rooms = figures
        yield GaugeMetricFamily("fenghuo_room_connections", "Pages that hold a connection to rooms", value=connections)
        yield GaugeMetricFamily("fenghuo_room_pages", "Pages that have joined a room", value=joined)
        yield GaugeMetricFamily("fenghuo_rooms", "Rooms with a page in them", value=open_rooms)
        yield CounterMetricFamily(
            "fenghuo_room_events_throttled", "Events of rooms that came too fast", value=self._refused
        )

    # Inside.

    def _end_closed_rooms(self) -> None:
        """Whoever closed a room, and in which web process: its pages and its media end here."""
        with self._lock:
            carried = {connection.room for connection in self._connections.values()} | {
                media.room for media in self._media.values()
            }
        if not carried:
            return
        with self._database.reading() as reader:
            closed = rooms.closed_among(reader, carried)
        for room_id in closed:
            self._emit("closed", {"reason": "ended"}, _group(room_id))
            with self._lock:
                sids = [sid for sid, connection in self._connections.items() if connection.room == room_id]
                for sid in sids:
                    del self._connections[sid]
                ended = {session_id: media for session_id, media in self._media.items() if media.room == room_id}
                for session_id in ended:
                    del self._media[session_id]
            for sid in sids:
                self._socketio.server.leave_room(sid, _group(room_id), namespace=NAMESPACE)
            for node in {media.node for media in ended.values()}:
                self._nodes.send(node, "room.close", {"room": room_id, "reason": "ended"})

    def _session_lives(self, node: Node, room_id: str, participant_id: str, session_id: str, world: str | None) -> None:
        with self._database.writing(world) as session:
            ours = rooms.connected(session, self._clock, room_id, participant_id, session_id)
        if not ours:
            self._nodes.send(node.id, "room.leave", {"room": room_id, "session": session_id, "reason": "replaced"})
            return
        with self._lock:
            media = self._media.setdefault(session_id, Media(node.id, room_id))
            media.node, media.connected = node.id, True
            for _, suspects in self._suspects.values():
                suspects.discard(session_id)
        self._tell_roster(room_id, world)

    def _session_lost(self, room_id: str, session_id: str, world: str | None, *, over: bool) -> None:
        with self._database.writing(world) as session:
            changed = rooms.disconnected(session, self._clock, [session_id])
        with self._lock:
            media = self._media.pop(session_id, None) if over else None
            sid = self._sid_of(session_id)
        if over and media is not None and sid is not None:
            self._emit("closed", {"reason": "node_lost"}, sid)
        if changed:
            self._tell_roster(room_id, world)

    def _node_for(self, room_id: str, kept: str | None) -> Node:
        """A room fits on one node: the one that has its living sessions, else the one it was on, else the least loaded."""
        with self._lock:
            living = next((media.node for media in self._media.values() if media.room == room_id), None)
        for name in (living, kept):
            node = self._nodes.media_node(name) if name is not None else None
            if node is not None:
                return node
        return self._nodes.least_loaded()

    def _command(self, connection: Connection, event: str, payload: dict[str, Any]) -> None:
        with self._lock:
            media = self._media.get(connection.session)
        if media is None:
            raise Unavailable("no_node")
        self._nodes.call(media.node, event, {"room": connection.room, "session": connection.session, **payload})

    def _send(self, session_id: str, event: str, payload: dict[str, Any]) -> None:
        with self._lock:
            media = self._media.get(session_id)
        if media is not None:
            self._nodes.send(media.node, event, {"room": media.room, "session": session_id, **payload})

    def _end_session(self, session_id: str, room_id: str, reason: CloseReason) -> None:
        self._send(session_id, "room.leave", {"reason": reason})
        with self._lock:
            self._media.pop(session_id, None)
            sid = self._sid_of(session_id)
            if sid is not None:
                del self._connections[sid]
        if sid is not None:
            self._emit("closed", {"reason": reason}, sid)
            self._socketio.server.leave_room(sid, _group(room_id), namespace=NAMESPACE)

    def _tell_roster(self, room_id: str, world: str | None) -> None:
        with self._database.reading(world) as session:
            roster = rooms.roster(session, room_id)
        self._emit("roster", roster, _group(room_id))

    def _emit(self, event: str, payload: dict[str, Any], to: str) -> None:
        self._socketio.server.emit(event, payload, to=to, namespace=NAMESPACE)

    def _take(self) -> None:
        with self._lock:
            bucket = self._buckets.get(_sid())
        if bucket is None or not bucket.take(self._clock.monotonic()):
            self._refused += 1
            raise TooMany("too_many", retry_after_s=1)

    def _take_joined(self) -> Connection:
        self._take()
        with self._lock:
            connection = self._connections.get(_sid())
        if connection is None:
            raise ProtocolError("bad_request")
        return connection

    def _sid_of(self, session_id: str) -> str | None:
        return next((one.sid for one in self._connections.values() if one.session == session_id), None)

    def _worlds(self) -> list[str | None]:
        with self._database.reading() as session:
            return rooms.open_worlds(session)


def _sid() -> str:
    return str(request.sid)  # type: ignore[attr-defined]


def _group(room_id: str) -> str:
    return f"room:{room_id}"


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
