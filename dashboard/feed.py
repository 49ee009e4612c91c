"""The live feed: snapshot, journal events in order, one tick a second, to every page, with bounded queues (docs/feed-protocol.md).

Pages with the same topics are one group, so that a message is encoded once however many read it. One thread does all sending: it wakes
on each journal entry of this process, looks every `POLL_S` for those of other processes, and ticks on the second.

Who closes whom: `Feed.stop()` ends that thread. A client is forgotten when its connection ends; a client that does not read loses its
connection: its socket is shut down, which ends the threads that hold it.
"""

import contextlib
import logging
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from flask import request
from flask_socketio import SocketIO
from prometheus_client import Counter, Gauge

from auth.principal import Principal
from dashboard.gate import Gate
from dashboard.snapshots import Readings, Snapshots, event_of
from dashboard.visibility import TOPICS, Visibility
from foundation import journal
from foundation.clock import Clock, epoch_ms
from foundation.database import Database
from foundation.errors import UserError
from foundation.loops import SupervisedThread, survived

NAMESPACE = "/feed"
POLL_S = 0.2
TICK_S = 1.0
MISSED_LIMIT = 1_000
"""A page that missed more journal entries than this gets a new snapshot."""
DISPATCH_BATCH = 500
QUEUE_LIMIT = 256
"""Messages that may wait for one client; a client with more is closed and resumes by id."""
TICKS_WAITING = 4
"""With this many messages waiting a client gets no more ticks, only journal events, until it has read them."""
STALLED_S = 30.0
"""A client that took nothing for this long is closed."""
RECHECK_S = 5.0
"""How often it is checked that a client may still read (device revoked, account closed)."""

clients_gauge = Gauge("fenghuo_feed_clients", "Pages connected to the feed")
depth_gauge = Gauge("fenghuo_feed_queue_depth_max", "Messages waiting for the slowest client")
dropped_total = Counter("fenghuo_feed_dropped_total", "What the feed dropped", ["what"])
sent_total = Counter("fenghuo_feed_messages_total", "Messages handed to clients", ["event"])
journal_gauge = Gauge("fenghuo_journal_id", "Newest journal entry told")

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Client:
    """One connected page."""

    sid: str
    principal: Principal
    raw: socket.socket | None
    group: "Group | None" = None
    ticking: bool = True
    read_at: float = 0.0
    depth: int = 0


@dataclass(eq=False)
class Group:
    """Clients with the same topics who may see the same. `cursor`: everything of theirs up to this journal id was sent."""

    topics: frozenset[str]
    visibility: Visibility
    name: str
    cursor: int
    clients: set[Client] = field(default_factory=set)


class Feed:
    """The feed of one web process."""

    def __init__(
        self, socketio: SocketIO, gate: Gate, database: Database, clock: Clock, readings: Readings, snapshots: Snapshots
    ) -> None:
        self._socketio = socketio
        self._gate = gate
        self._database = database
        self._clock = clock
        self._readings = readings
        self._snapshots = snapshots
        self._clients: dict[str, Client] = {}
        self._groups: dict[tuple[frozenset[str], Visibility], Group] = {}
        self._named = 0
        self._lock = threading.RLock()
        self._wake = threading.Event()
        self._cursor = 0
        self._ticks = 0
        self._checked_at = 0.0
        self.thread = SupervisedThread("feed", self._run)
        gate.on_connect(
            socketio, NAMESPACE, needs="feed.read", handler=self._connected, disconnected=self._disconnected
        )
        gate.on(socketio, "subscribe", NAMESPACE, needs="feed.read", handler=self._subscribe)
        database.on_journalled(self._wake.set)

    def start(self) -> None:
        """Begin to tick; what the journal holds already is history."""
        with self._database.reading() as session:
            self._cursor = journal.last_id(session)
            self._readings.load(session)
        self.thread.start()

    def stop(self) -> None:
        """End after the message in hand."""
        self.thread.stopping.set()
        self._wake.set()
        self.thread.stop(timeout_s=5)

    # --- what a page asks

    def _connected(self, principal: Principal) -> None:
        raw = request.environ.get("gunicorn.socket") or request.environ.get("werkzeug.socket")
        with self._lock:
            self._clients[request.sid] = Client(request.sid, principal, raw, read_at=self._clock.monotonic())  # type: ignore[attr-defined]
            clients_gauge.set(len(self._clients))

    def _disconnected(self) -> None:
        with self._lock:
            client = self._clients.pop(request.sid, None)  # type: ignore[attr-defined]
            if client is not None:
                self._leave(client)
            clients_gauge.set(len(self._clients))

    def _subscribe(self, principal: Principal, payload: dict[str, Any]) -> dict[str, Any]:
        topics = _topics(payload, principal)
        after = payload.get("after")
        if after is not None and (isinstance(after, bool) or not isinstance(after, int) or after < 0):
            raise UserError("bad_request", field="after")
        with self._lock:
            client = self._clients.get(request.sid)  # type: ignore[attr-defined]
            if client is None:
                raise UserError("bad_request", field="connection")
            with self._database.reading() as session:
                self._tell_journal(session)
                visibility = Visibility.of(principal)
                missed = self._missed(session, visibility.only(topics), after)
                wanted = topics if missed is None else topics & {"readings", "system"}
                version = (self._cursor, self._ticks)
                snapshot = {topic: self._snapshots.of(session, topic, version, visibility) for topic in wanted}
            self._join(client, topics, visibility.only(topics))
            return {
                "now": epoch_ms(self._clock.now()),
                "cursor": self._cursor,
                "snapshot": snapshot if missed is None else {topic: snapshot.get(topic) for topic in topics},
                "missed": missed or [],
            }

    def _missed(self, session: Any, visibility: Visibility, after: int | None) -> list[dict[str, Any]] | None:
        """The events after `after`; None when a new snapshot is needed instead."""
        if after is None or after > self._cursor or self._cursor - after > MISSED_LIMIT:
            return None
        rows = journal.after(session, after, MISSED_LIMIT, visibility.criterion())
        return [event_of(row) for row in rows if row.id <= self._cursor]

    def _join(self, client: Client, topics: frozenset[str], visibility: Visibility) -> None:
        self._leave(client)
        group = self._groups.get((topics, visibility))
        if group is None:
            self._named += 1
            group = Group(topics, visibility, f"feed:{self._named}", self._cursor)
            self._groups[topics, visibility] = group
        group.clients.add(client)
        client.group = group
        client.ticking = True
        self._enter(client, f"{group.name}:journal")
        self._enter(client, f"{group.name}:tick")

    def _leave(self, client: Client) -> None:
        group = client.group
        if group is None:
            return
        group.clients.discard(client)
        self._exit(client, f"{group.name}:journal")
        self._exit(client, f"{group.name}:tick")
        if not group.clients:
            del self._groups[group.topics, group.visibility]
        client.group = None

    def _enter(self, client: Client, room: str) -> None:
        self._socketio.server.enter_room(client.sid, room, namespace=NAMESPACE)

    def _exit(self, client: Client, room: str) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._socketio.server.leave_room(client.sid, room, namespace=NAMESPACE)

    # --- what the thread does

    def _run(self, stopping: threading.Event) -> None:
        tick_at = self._next_tick()
        while not stopping.is_set():
            self._wake.wait(max(0.0, min(POLL_S, tick_at - self._clock.monotonic())))
            self._wake.clear()
            try:
                due = self._clock.monotonic() >= tick_at
                news = journal.peek(self._database) != self._cursor
                if not due and not news:
                    continue
                with self._lock, self._database.reading() as session:
                    if news:
                        self._tell_journal(session)
                    if due:
                        tick_at = self._next_tick()
                        self._tick(session)
            except Exception:  # noqa: BLE001 - `survived` logs and counts it
                # The feed outlives whatever the database does; pages are told what is wrong.
                survived("feed")
                dropped_total.labels("turn").inc()
                self._tick_without_database()
                stopping.wait(TICK_S)

    def _next_tick(self) -> float:
        """Return the monotonic moment of the next whole second; the wall clock, which may be set at any time, gives only its phase."""
        return self._clock.monotonic() + (1000 - epoch_ms(self._clock.now()) % 1000) / 1000

    def _tell_journal(self, session: Any) -> None:
        while rows := journal.after(session, self._cursor, DISPATCH_BATCH):
            for group in self._groups.values():
                events = [event_of(row) for row in rows if group.visibility.covers(row) and row.id > group.cursor]
                if events:
                    self._emit(
                        f"{group.name}:journal", "journal", {"prev": group.cursor, "events": events}, len(group.clients)
                    )
                    group.cursor = rows[-1].id
            self._cursor = rows[-1].id
            journal_gauge.set(self._cursor)
            if len(rows) < DISPATCH_BATCH:
                break

    def _tick(self, session: Any) -> None:
        self._ticks += 1
        readings = self._readings.advance(session)
        system = self._snapshots.system()
        self._weigh_clients()
        for group in self._groups.values():
            body: dict[str, Any] = {"system": system}
            if "readings" in group.topics:
                body["readings"] = readings
            self._emit(f"{group.name}:tick", "tick", body, sum(client.ticking for client in group.clients))

    def _tick_without_database(self) -> None:
        """The server lives, its database does not: pages must learn just that."""
        try:
            with self._lock:
                for group in self._groups.values():
                    self._emit(f"{group.name}:tick", "tick", {"system": self._snapshots.system()}, len(group.clients))
        except Exception:  # noqa: BLE001 - `survived` logs and counts it
            # Not even that: silence is then what pages hear, and they say so.
            survived("feed")

    def _emit(self, room: str, event: str, body: dict[str, Any], receivers: int) -> None:
        message = {"now": epoch_ms(self._clock.now()), **body}
        # Past the message queue: the feed of each web process tells its own pages.
        self._socketio.server.emit(event, message, to=room, namespace=NAMESPACE, ignore_queue=True)
        sent_total.labels(event).inc(receivers)

    # --- clients that do not read

    def _weigh_clients(self) -> None:
        now = self._clock.monotonic()
        recheck = now - self._checked_at >= RECHECK_S
        if recheck:
            self._checked_at = now
        deepest = 0
        for client in list(self._clients.values()):
            depth = self._depth(client)
            deepest = max(deepest, depth)
            if depth < client.depth or depth == 0:
                client.read_at = now
            client.depth = depth
            if depth >= QUEUE_LIMIT or now - client.read_at > STALLED_S:
                dropped_total.labels("client").inc()
                self._close(client, "slow")
            elif recheck and not self._gate.still_valid(client.principal):
                self._close(client, "unauthenticated")
            elif client.group is not None:
                self._pace(client, depth)
        depth_gauge.set(deepest)

    def _pace(self, client: Client, depth: int) -> None:
        """Stop ticks for a client that is behind; begin again, with every newest reading, when it has caught up."""
        if client.group is None:
            return
        room = f"{client.group.name}:tick"
        if client.ticking and depth > TICKS_WAITING:
            client.ticking = False
            self._exit(client, room)
        elif not client.ticking:
            dropped_total.labels("tick").inc()
            if depth == 0:
                client.ticking = True
                if "readings" in client.group.topics:
                    self._emit(
                        client.sid, "tick", {"system": self._snapshots.system(), "readings": self._readings.newest()}, 1
                    )
                self._enter(client, room)

    def _depth(self, client: Client) -> int:
        """Messages that wait in the transport for this client."""
        server = self._socketio.server
        eio_sid = server.manager.eio_sid_from_sid(client.sid, NAMESPACE)
        transport = server.eio.sockets.get(eio_sid)
        return transport.queue.qsize() if transport is not None else 0

    def _close(self, client: Client, reason: str) -> None:
        logger.warning("feed client closed", extra={"reason": reason, "client": client.principal.name})
        self._leave(client)
        self._clients.pop(client.sid, None)
        self._emit(client.sid, "closed", {"reason": reason}, 1)
        if reason == "slow" and client.raw is not None:
            # A blocked write does not notice a polite close: shut the socket, and both its threads come back.
            with contextlib.suppress(OSError):
                client.raw.shutdown(socket.SHUT_RDWR)
        threading.Thread(target=self._hang_up, args=(client.sid,), daemon=True).start()

    def _hang_up(self, sid: str) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._socketio.server.disconnect(sid, namespace=NAMESPACE, ignore_queue=True)


def _topics(payload: dict[str, Any], principal: Principal) -> frozenset[str]:
    topics = payload.get("topics")
    if not isinstance(topics, list) or not topics or len(topics) > len(TOPICS):
        raise UserError("bad_request", field="topics")
    for topic in topics:
        if not isinstance(topic, str) or topic not in TOPICS:
            raise UserError("bad_request", field="topics")
        principal.require(TOPICS[topic])
    return frozenset(topics)
