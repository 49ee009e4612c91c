"""The switchboard of one web process: which page is in which room by which session, which node serves it, and the wires to both.

All of it may be lost with the process: it is made again from what pages and nodes say when they dial again. Who closes whom: a session's
end takes its page out of the room, never the participant. Of several web processes each has its own pages, and hears every node: what concerns one
page or a whole room is told to all of them, what a node says only to the pages here.
"""

import threading
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Literal

from flask_socketio import SocketIO

from conference import lobby, roster
from conference.herald import Herald
from conference.nodes import Node, Nodes
from foundation.clock import Clock
from foundation.database import Database
from foundation.errors import Unavailable

CloseReason = Literal["replaced", "removed", "ended", "node_lost", "unauthenticated"]

KEPT_VERSIONS_MAX = 1_000
"""Rooms whose last told version is remembered; one that is forgotten is told once more."""


@dataclass
class Connection:
    """One page that has joined, or that waits in the lobby."""

    sid: str
    room: str
    participant: str
    session: str
    world: str | None
    host: bool = False


@dataclass
class Media:
    """A session that a node serves, and what its slots show."""

    node: str
    room: str
    lives: bool = False
    slots: dict[str, dict[str, Any]] = field(default_factory=dict)


class Switchboard:
    """Thread-safe. A session appears as media from its offer on, and as a connection while its page is there; neither needs the other."""

    def __init__(self, socketio: SocketIO, database: Database, nodes: Nodes, namespace: str) -> None:
        self._socketio = socketio
        self._namespace = namespace
        self._database = database
        self._nodes = nodes
        self._herald = Herald(self._tell_roster)
        self._lock = threading.Lock()
        self._connections: dict[str, Connection] = {}
        self._waiting: dict[str, Connection] = {}
        self._versions: dict[str, int] = {}
        self._media: dict[str, Media] = {}
        self._suspects: dict[str, tuple[float, set[str]]] = {}

    # Pages

    def seat(self, connection: Connection) -> list[dict[str, Any]] | None:
        """The page is in this room now, and in no other. Gives what its slots show; None when no node serves its session."""
        self.unseat(connection.sid)
        with self._lock:
            self._connections[connection.sid] = connection
            media = self._media.get(connection.session)
            shown = None if media is None else list(media.slots.values())
        for group in _groups(connection):
            self._socketio.server.enter_room(connection.sid, group, namespace=self._namespace)
        return shown

    def let_wait(self, connection: Connection) -> None:
        """The page waits in the lobby: it hears what is said to itself, and nothing of the room."""
        self.unseat(connection.sid)
        with self._lock:
            self._waiting[connection.sid] = connection
        self._socketio.server.enter_room(connection.sid, _page(connection.session), namespace=self._namespace)

    def seated(self, sid: str) -> Connection | None:
        """Where the page behind `sid` is."""
        with self._lock:
            return self._connections.get(sid)

    def unseat(self, sid: str) -> Connection | None:
        """The page is in no room and in no lobby any more; where it was."""
        with self._lock:
            connection = self._connections.pop(sid, None) or self._waiting.pop(sid, None)
        if connection is not None:
            for group in _groups(connection):
                self._socketio.server.leave_room(sid, group, namespace=self._namespace)
        return connection

    def seats(self, world: str | None) -> dict[str, str]:
        """The sessions whose pages are in rooms of that world here, each with its participant."""
        with self._lock:
            return {one.session: one.participant for one in self._connections.values() if one.world == world}

    def counted(self) -> tuple[int, int]:
        """How many pages are in rooms, and in how many rooms."""
        with self._lock:
            return len(self._connections), len({one.room for one in self._connections.values()})

    # Sessions on nodes

    def serve(self, session_id: str, node_id: str, room_id: str) -> None:
        """The node has been asked to serve the session; what it says of its slots counts from now on."""
        with self._lock:
            self._media[session_id] = Media(node_id, room_id)

    def lives(self, session_id: str, node_id: str, room_id: str) -> None:
        """The node says that the session has its link."""
        with self._lock:
            media = self._media.setdefault(session_id, Media(node_id, room_id))
            media.node, media.lives = node_id, True
            for _, suspects in self._suspects.values():
                suspects.discard(session_id)

    def is_silent(self, session_id: str) -> None:
        """The node says that the session has lost its link."""
        with self._lock:
            media = self._media.get(session_id)
            if media is not None:
                media.lives = False

    def living(self) -> set[str]:
        """The sessions that have their link, as the nodes which dialled in here say."""
        with self._lock:
            return {session_id for session_id, media in self._media.items() if media.lives}

    def served(self, session_id: str) -> bool:
        """Whether a node serves the session, as far as this process knows."""
        with self._lock:
            return session_id in self._media

    def release(self, session_id: str) -> bool:
        """No node serves the session any more; False when none did."""
        with self._lock:
            return self._media.pop(session_id, None) is not None

    def show(self, node: Node, session_id: str, changes: list[dict[str, Any]]) -> None:
        """These slots of a page show something else from now on."""
        with self._lock:
            media = self._media.get(session_id)
            if media is not None and media.node == node.id:
                media.slots.update({one["slot"]: one for one in changes})
        self.tell_page(session_id, "slots", {"slots": changes})

    def suspect(self, node: Node, deadline: float) -> None:
        """The node is gone: its sessions are over unless they are told again before `deadline` (the clock's monotonic seconds)."""
        with self._lock:
            own = {session_id for session_id, media in self._media.items() if media.node == node.id}
            _, already = self._suspects.get(node.id, (0.0, set()))
            if own or already:
                self._suspects[node.id] = (deadline, own | already)

    def release_overdue(self, now: float) -> set[str]:
        """The suspects whose time is over; no node serves them any more."""
        with self._lock:
            over = [name for name, (deadline, _) in self._suspects.items() if deadline <= now]
            ended = {session_id for name in over for session_id in self._suspects.pop(name)[1]}
            return {session_id for session_id in ended if self._media.pop(session_id, None) is not None}

    def node_for(self, room_id: str, kept: str | None) -> Node:
        """A room fits on one node: the one that has its living sessions, else the one it was on unless that is being drained, else the least loaded.

        One that hangs is passed over, and its sessions are over: all of them go on elsewhere. Unavailable("no_node").
        """
        with self._lock:
            living = {media.node for media in self._media.values() if media.room == room_id}
        nodes = self._nodes.media_nodes()
        for node in nodes:
            if node.id in living and not self._nodes.reports(node):
                self.suspect(node, 0.0)
        able = [node for node in nodes if self._nodes.reports(node)]
        chosen = [node for node in able if node.id in living or (node.id == kept and not node.draining)]
        return (
            min(chosen, key=lambda node: (node.id not in living, node.id != kept))
            if chosen
            else self._nodes.least_loaded()
        )

    # Rooms

    def carried(self) -> set[str]:
        """The rooms that have a page or a session here."""
        with self._lock:
            pages = (*self._connections.values(), *self._waiting.values())
            return {one.room for one in pages} | {media.room for media in self._media.values()}

    def untold(self, versions: dict[str, int]) -> dict[str, str | None]:
        """Of these rooms those with a page here whose roster was not told since it has that version; each with its world."""
        with self._lock:
            return {
                one.room: one.world
                for one in self._connections.values()
                if versions.get(one.room, 0) > self._versions.get(one.room, 0)
            }

    def end_room(self, room_id: str) -> None:
        """The room is over: its pages and its sessions end. Each web process does it for its own."""
        with self._lock:
            pages = (*self._connections.values(), *self._waiting.values())
            sids = [one.sid for one in pages if one.room == room_id]
            ended = {session_id: media for session_id, media in self._media.items() if media.room == room_id}
            for session_id in ended:
                del self._media[session_id]
        for sid in sids:
            self._tell(sid, "closed", {"reason": "ended"})
            self.unseat(sid)
        for node in {media.node for media in ended.values()}:
            self._nodes.send(node, "room.close", {"room": room_id, "reason": "ended"})

    def end_session(self, session_id: str, reason: CloseReason) -> None:
        """A session is over for `reason`: on its node, and at its page."""
        self.end_media(session_id, reason)
        self.end_page(session_id, reason)

    def end_replaced(self, joined: roster.Joined) -> None:
        """What a join replaced is over: its page, and its media where that never had a link or has lost it."""
        if joined.replaced is None:
            return
        if joined.linkless:
            self.end_media(joined.replaced, "replaced")
        self.end_page(joined.replaced, "replaced")

    def expel(self, session_id: str) -> None:
        """The right to be in the room was taken away: the session ends on its node and at its page, and the page's connection with it."""
        self.end_media(session_id, "unauthenticated")
        self.tell_session(session_id, "closed", {"reason": "unauthenticated"})
        sid = self._sid_of(session_id)
        if sid is not None:
            self.hang_up(sid)

    def hang_up(self, sid: str) -> None:
        """End the connection of a page of this web process."""
        self.unseat(sid)
        self._socketio.server.disconnect(sid, namespace=self._namespace, ignore_queue=True)

    def end_connection(self, sid: str) -> None:
        """A newer connection takes this one's place."""
        self._tell(sid, "closed", {"reason": "replaced"})
        self.hang_up(sid)

    def end_media(self, session_id: str, reason: CloseReason | Literal["left"]) -> None:
        """A session is over for `reason` on its node."""
        self.send(session_id, "room.leave", {"reason": reason})
        self.release(session_id)

    def end_page(self, session_id: str, reason: CloseReason) -> None:
        """The page of a session, if it is here, is in no room any more."""
        self.tell_page(session_id, "closed", {"reason": reason})
        sid = self._sid_of(session_id)
        if sid is not None:
            self.unseat(sid)

    # The wires

    def tell_room(self, room_id: str, event: str, payload: dict[str, Any]) -> None:
        """Tell every page in the room, those of other web processes included."""
        self._tell(_group(room_id), event, payload, everywhere=True)

    def tell_room_here(self, room_id: str, event: str, payload: dict[str, Any]) -> None:
        """Tell the room's pages of this web process: the others have heard the node themselves."""
        self._tell(_group(room_id), event, payload)

    def tell_hosts_here(self, room_id: str, event: str, payload: dict[str, Any]) -> None:
        """Tell the room's hosts of this web process: the others have heard the node themselves."""
        self._tell(_hosts(room_id), event, payload)

    def tell_hosts(self, room_id: str, event: str, payload: dict[str, Any]) -> None:
        """Tell the room's hosts, in whichever web process they are."""
        self._tell(_hosts(room_id), event, payload, everywhere=True)

    def tell_session(self, session_id: str, event: str, payload: dict[str, Any]) -> None:
        """Tell the page of the session, in whichever web process it is."""
        self._tell(_page(session_id), event, payload, everywhere=True)

    def tell_page(self, session_id: str, event: str, payload: dict[str, Any]) -> None:
        """Tell the page of the session, if it is here."""
        sid = self._sid_of(session_id)
        if sid is not None:
            self._tell(sid, event, payload)

    def tell_roster(self, room_id: str, world: str | None) -> None:
        """Tell every page in the room who is there, and how it is led: at once, or with the changes that crowd behind it (conference.herald)."""
        self._herald.roster_changed(room_id, world)

    def _tell_roster(self, room_id: str, world: str | None) -> None:
        with self._database.reading(world) as session:
            told = roster.whole(session, room_id)
        with self._lock:
            if len(self._versions) >= KEPT_VERSIONS_MAX:
                self._versions.clear()
            self._versions[room_id] = told["version"]
        self.tell_room(room_id, "roster", told)

    def tell_waiting(self, room_id: str, world: str | None, clock: Clock) -> None:
        """Tell the room's hosts who waits in the lobby."""
        with self._database.reading(world) as session:
            told = lobby.told(session, clock, room_id)
        self.tell_hosts(room_id, "waiting", told)

    def grant(self, room_id: str, world: str | None, participants: Collection[str] | None = None) -> None:
        """Tell the node what it may forward of these participants, or of everybody present, from now on.

        As it is written now, with the version of that: of two that cross on their way the newer one holds.
        """
        with self._database.reading(world) as session:
            granted = roster.granted(session, room_id, participants)
        for row, room in granted:
            for session_id in row.sessions:
                self.send(session_id, "room.grants", {"publish": row.grants(room), "version": room.version})

    def command(self, connection: Connection, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        """Command the node that serves the page's session, and wait for its answer. Unavailable("no_node"), NodeRefused."""
        with self._lock:
            media = self._media.get(connection.session)
        if media is None:
            raise Unavailable("no_node")
        asked = {"room": connection.room, "session": connection.session, **payload}
        return self._nodes.call(media.node, event, asked)

    def send(self, session_id: str, event: str, payload: dict[str, Any]) -> None:
        """Command the node that serves the session without waiting; nothing happens when none does."""
        with self._lock:
            media = self._media.get(session_id)
        if media is not None:
            self._nodes.send(media.node, event, {"room": media.room, "session": session_id, **payload})

    def _tell(self, to: str, event: str, payload: dict[str, Any], *, everywhere: bool = False) -> None:
        self._socketio.server.emit(event, payload, to=to, namespace=self._namespace, ignore_queue=not everywhere)

    def _sid_of(self, session_id: str) -> str | None:
        with self._lock:
            pages = (*self._connections.values(), *self._waiting.values())
            return next((one.sid for one in pages if one.session == session_id), None)


def _group(room_id: str) -> str:
    return f"room:{room_id}"


def _hosts(room_id: str) -> str:
    return f"hosts:{room_id}"


def _page(session_id: str) -> str:
    return f"session:{session_id}"


def _groups(connection: Connection) -> list[str]:
    """What a page in a room hears."""
    heard = [_group(connection.room), _page(connection.session)]
    return [*heard, _hosts(connection.room)] if connection.host else heard
