"""The processes that dial in (namespace `/nodes`): which media nodes and workers live, how loaded they are, and calls to them with an answer.

Who closes whom: a node's connection owns the calls that wait for it; when it ends, they end with Unavailable("no_node").
"""

import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from flask_socketio import SocketIO
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from foundation.clock import Clock, epoch_ms
from foundation.errors import ProtocolError, Unavailable, UserError

NAMESPACE = "/nodes"
CALL_TIMEOUT_S = 5.0
CALLS_MAX = 1_000
"""Calls waiting for an answer at once; more are refused as Unavailable."""
NODES_MAX = 64
LOAD_SILENT_S = 10.0
"""A media node reports its load every 2 s; one that is silent for longer hangs, and gets neither a room nor a session."""
NAME_LENGTH = 64
REASONS_MAX = 64
"""Names kept of each table of counts in one node's report."""

DIAL_IN_S = 6.0
"""Worker and media dial again every few seconds: so long after the start of web their absence means nothing."""

INGEST_STATES = ("ok", "behind", "stopped")
UNKNOWN_INGEST: dict[str, Any] = {"state": "ok", "reason": "", "since": None, "rate": 0.0, "lag_s": 0.0}
"""What is told of the readings until the worker's first report."""

Kind = Literal["media", "worker"]
KINDS: tuple[Kind, ...] = ("media", "worker")

log = logging.getLogger(__name__)


class NodeRefused(UserError):
    """A media node answered a call with an error; `code` is the node's (bad_offer, not_found, bad_request, room_full)."""


@dataclass
class Node:
    """One connected process."""

    sid: str
    id: str
    kind: Kind
    version: str
    since_ms: int
    run: str = ""
    """Which process of that name it is: a restarted one has another."""
    load: dict[str, Any] = field(default_factory=dict)
    load_at: float = 0.0
    loop_errors: dict[str, float] = field(default_factory=dict)
    """Exceptions that each of its loops has survived (foundation.loops), as it last reported them."""

    @property
    def draining(self) -> bool:
        """It finishes its rooms and takes no new one."""
        return self.load.get("draining") is True


@dataclass
class _Call:
    sid: str
    done: threading.Event
    answer: Any = None


MEDIA_EVENTS = ("session", "slots", "speakers", "line", "offence")


class NodeListener(Protocol):
    """Who wants to know what the media nodes tell (conference.signalling)."""

    def session_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """`session` of docs/room-protocol.md."""

    def slots_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """`slots` of docs/room-protocol.md."""

    def speakers_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """`speakers` of docs/room-protocol.md."""

    def line_changed(self, node: Node, payload: dict[str, Any]) -> None:
        """`line` of docs/room-protocol.md."""

    def offended(self, node: Node, payload: dict[str, Any]) -> None:
        """`offence` of docs/room-protocol.md."""

    def node_gone(self, node: Node) -> None:
        """The node's connection ended; its media may go on."""

    def node_began_anew(self, node: Node) -> None:
        """A node of that name is another process than before: the media of the former one is over."""


class Nodes(Collector):
    """The registry. Thread-safe; all times come from `clock`."""

    def __init__(self, socketio: SocketIO, clock: Clock) -> None:
        self._socketio = socketio
        self._clock = clock
        self._lock = threading.Lock()
        self._by_sid: dict[str, Node] = {}
        self._runs: dict[str, str] = {}
        self._calls: dict[int, _Call] = {}
        self._next_call = 0
        self._listener: NodeListener | None = None
        now = epoch_ms(clock.now())
        self._started_at = clock.monotonic()
        self._states: dict[Kind, tuple[str, int]] = {"media": ("down", now), "worker": ("down", now)}
        self._ingest: dict[str, Any] | None = None
        self._intake: dict[str, Any] = {}
        self._refused = 0

    def listen(self, listener: NodeListener) -> None:
        """Tell `listener` what the media nodes say."""
        self._listener = listener

    # What the nodes do.

    def connected(self, sid: str, hello: object) -> Node:
        """A process that showed the right token says who it is; ProtocolError when it does not say it well.

        A node that dials again before its old connection was seen to end takes that one's place.
        """
        if not isinstance(hello, dict):
            raise ProtocolError("bad_request")
        kind, name, version, run = hello.get("kind"), hello.get("node"), hello.get("version", ""), hello.get("run", "")
        if kind not in KINDS or not isinstance(name, str) or not 0 < len(name) <= NAME_LENGTH:
            raise ProtocolError("bad_request")
        node = Node(sid, name, kind, str(version)[:NAME_LENGTH], epoch_ms(self._clock.now()), str(run)[:NAME_LENGTH])
        node.load_at = self._clock.monotonic()
        with self._lock:
            older = [one.sid for one in self._by_sid.values() if one.id == name and one.kind == kind]
            for old_sid in older:
                del self._by_sid[old_sid]
            if len(self._by_sid) >= NODES_MAX:
                raise ProtocolError("too_many")
            self._by_sid[sid] = node
            self._note_state(kind)
            former = self._remember_run(node)
        for old_sid in older:
            self._end_calls(old_sid)
        log.info("a node has dialled in", extra={"node": name, "kind": kind})
        if former not in (None, node.run) and self._listener is not None:
            self._listener.node_began_anew(node)
        return node

    def _remember_run(self, node: Node) -> str | None:
        """Which process of that name was here last; None when none was, or for what is no media node."""
        if node.kind != "media":
            return None
        former = self._runs.pop(node.id, None)
        if len(self._runs) >= NODES_MAX:
            del self._runs[next(iter(self._runs))]
        self._runs[node.id] = node.run
        return former

    def disconnected(self, sid: str) -> None:
        """The connection `sid` ended."""
        with self._lock:
            node = self._by_sid.get(sid)
        if node is None:
            return
        # First: whoever finds the node gone finds its sessions with a deadline.
        if node.kind == "media" and self._listener is not None:
            self._listener.node_gone(node)
        with self._lock:
            self._by_sid.pop(sid, None)
            self._note_state(node.kind)
        self._end_calls(sid)
        log.warning("a node is gone", extra={"node": node.id, "kind": node.kind})

    def told(self, sid: str, event: str, payload: object) -> None:
        """One event of a node: session, slots, speakers, line, offence, load or ingest. ProtocolError for what the protocol does not know."""
        with self._lock:
            node = self._by_sid.get(sid)
        if node is None or not isinstance(payload, dict):
            self._refused += 1
            raise ProtocolError("bad_request")
        if event in ("load", "ingest"):
            node.loop_errors = _bounded_counts(payload.get("loop_errors"))
        if event == "load":
            node.load, node.load_at = _bounded_load(payload), self._clock.monotonic()
        elif event == "ingest" and node.kind == "worker":
            self._ingest = {
                "state": payload.get("state") if payload.get("state") in INGEST_STATES else "stopped",
                "reason": str(payload.get("reason") or "")[:NAME_LENGTH],
                "since": payload.get("since") if isinstance(payload.get("since"), int) else None,
                "rate": _number(payload.get("rate")),
                "lag_s": _number(payload.get("lag_s")),
            }
            self._intake = _bounded_intake(payload)
        elif node.kind == "media" and self._listener is not None and event in MEDIA_EVENTS:
            handle: dict[str, Callable[[Node, dict[str, Any]], None]] = {
                "session": self._listener.session_changed,
                "slots": self._listener.slots_changed,
                "speakers": self._listener.speakers_changed,
                "line": self._listener.line_changed,
                "offence": self._listener.offended,
            }
            handle[event](node, payload)
        else:
            self._refused += 1
            raise ProtocolError("bad_request")

    # What web does.

    def call(
        self, node_id: str, event: str, payload: dict[str, Any], timeout_s: float = CALL_TIMEOUT_S
    ) -> dict[str, Any]:
        """Command a media node and wait for its answer.

        Raises Unavailable("no_node") when it is not there, goes away or does not answer in `timeout_s` seconds; NodeRefused with the node's code.
        """
        node = self.media_node(node_id)
        if node is None:
            raise Unavailable("no_node")
        call = _Call(node.sid, threading.Event())
        with self._lock:
            if len(self._calls) >= CALLS_MAX:
                raise Unavailable("no_node")
            self._next_call += 1
            number = self._next_call
            self._calls[number] = call

        def answered(*arguments: Any) -> None:
            call.answer = arguments[0] if arguments else {}
            call.done.set()

        try:
            # Past the queue of several web processes, here and in `send`: the node has a connection to this one.
            self._socketio.server.emit(
                event, payload, to=node.sid, namespace=NAMESPACE, callback=answered, ignore_queue=True
            )
            if not call.done.wait(timeout_s):
                log.warning("a node did not answer", extra={"node": node.id, "event": event})
                raise Unavailable("no_node")
        finally:
            with self._lock:
                self._calls.pop(number, None)
        if not isinstance(call.answer, dict):
            raise Unavailable("no_node")
        error = call.answer.get("error")
        if isinstance(error, dict):
            raise NodeRefused(str(error.get("code", "bad_request")), reason=str(error.get("message", ""))[:200])
        return call.answer

    def send(self, node_id: str, event: str, payload: dict[str, Any]) -> None:
        """Command a media node without waiting; nothing happens when it is not there."""
        node = self.media_node(node_id)
        if node is not None:
            self._socketio.server.emit(event, payload, to=node.sid, namespace=NAMESPACE, ignore_queue=True)

    def media_node(self, node_id: str) -> Node | None:
        """The connected media node of that name."""
        with self._lock:
            return next((node for node in self._by_sid.values() if node.id == node_id and node.kind == "media"), None)

    def media_nodes(self) -> list[Node]:
        """Every media node that is dialled in here."""
        with self._lock:
            return [node for node in self._by_sid.values() if node.kind == "media"]

    def reports(self, node: Node) -> bool:
        """Whether it still tells its load: one that does not hangs, though its connection stands."""
        return self._clock.monotonic() - node.load_at <= LOAD_SILENT_S

    def least_loaded(self) -> Node:
        """The media node for a new room: the one with the fewest sessions, of those that still report. Unavailable("no_node")."""
        able = [node for node in self.media_nodes() if self.reports(node) and not node.draining]
        if not able:
            raise Unavailable("no_node")
        return min(able, key=lambda node: (_number(node.load.get("sessions")), node.id))

    def system_state(self) -> dict[str, dict[str, Any]]:
        """`worker`, `media` and `ingest` of the feed's topic `system`; times in epoch milliseconds."""
        with self._lock:
            states = dict(self._states)
        if self._clock.monotonic() - self._started_at < DIAL_IN_S:
            # Just started: who has not dialled in yet is not known to be down.
            states = {
                kind: ("unknown", since) if state == "down" else (state, since)
                for kind, (state, since) in states.items()
            }
        told: dict[str, dict[str, Any]] = {
            kind: {"state": state, "since": since} for kind, (state, since) in states.items()
        }
        if states["worker"][0] == "down":
            down_since = states["worker"][1]
            ingest: dict[str, Any] = {**UNKNOWN_INGEST, "state": "stopped", "reason": "no_worker", "since": down_since}
        else:
            ingest = self._ingest or UNKNOWN_INGEST
        return {**told, "ingest": ingest}

    def collect(self) -> Iterator[Metric]:
        """The nodes' figures for `/metrics`, as each last reported them."""
        with self._lock:
            nodes = list(self._by_sid.values())
        up = GaugeMetricFamily("fenghuo_nodes", "Processes that are dialled in", labels=["kind"])
        for kind in KINDS:
            up.add_metric([kind], sum(node.kind == kind for node in nodes))
        rooms = GaugeMetricFamily("fenghuo_media_rooms", "Rooms that a media node carries", labels=["node"])
        sessions = GaugeMetricFamily("fenghuo_media_sessions", "Peers that a media node serves", labels=["node"])
        cpu = CounterMetricFamily("fenghuo_media_cpu_seconds", "CPU time of a media node", labels=["node"])
        each = GaugeMetricFamily(
            "fenghuo_media_cpu_us_per_packet", "CPU microseconds of a media node for each packet sent", labels=["node"]
        )
        packets = CounterMetricFamily("fenghuo_media_packets", "Packets of media", labels=["node", "direction"])
        sizes = CounterMetricFamily("fenghuo_media_bytes", "Bytes of media", labels=["node", "direction"])
        dropped = CounterMetricFamily("fenghuo_media_dropped", "Packets dropped, by reason", labels=["node", "reason"])
        errors = CounterMetricFamily(
            "fenghuo_node_loop_errors", "Exceptions that loops of worker and media survived", labels=["node", "loop"]
        )
        for node in nodes:
            for loop, count in node.loop_errors.items():
                errors.add_metric([node.id if node.kind == "media" else node.kind, loop], count)
            if node.kind != "media":
                continue
            counters = node.load.get("counters", {})
            rooms.add_metric([node.id], _number(node.load.get("rooms")))
            sessions.add_metric([node.id], _number(node.load.get("sessions")))
            cpu.add_metric([node.id], _number(node.load.get("cpu_seconds")))
            each.add_metric([node.id], _number(node.load.get("cpu_us_per_packet")))
            for direction in ("in", "out"):
                packets.add_metric([node.id, direction], _number(counters.get(f"packets_{direction}")))
                sizes.add_metric([node.id, direction], _number(counters.get(f"bytes_{direction}")))
            for reason, count in counters.get("dropped", {}).items():
                dropped.add_metric([node.id, reason], _number(count))
        yield from (up, rooms, sessions, cpu, each, packets, sizes, dropped, errors)
        yield from self._collect_intake()
        yield CounterMetricFamily("fenghuo_nodes_refused", "Messages of nodes that were refused", value=self._refused)
        waiting = GaugeMetricFamily("fenghuo_node_calls_waiting", "Calls to media nodes without an answer yet")
        waiting.add_metric([], len(self._calls))
        yield waiting

    def _collect_intake(self) -> Iterator[Metric]:
        """What the worker last reported of the readings it takes in over MQTT."""
        told, intake = self._ingest or {}, self._intake
        yield GaugeMetricFamily(
            "fenghuo_ingest_up", "1 while readings can come in and be kept", value=self._ingest_up()
        )
        yield GaugeMetricFamily("fenghuo_ingest_rate", "Readings kept a second", value=_number(told.get("rate")))
        yield GaugeMetricFamily(
            "fenghuo_ingest_lag_seconds",
            "Wait of the oldest reading that is not in the database",
            value=_number(told.get("lag_s")),
        )
        yield GaugeMetricFamily("fenghuo_ingest_queue_depth", "Messages waiting", value=_number(intake.get("depth")))
        messages = CounterMetricFamily(
            "fenghuo_mqtt_messages", "MQTT messages, by what became of them", labels=["outcome"]
        )
        for outcome, count in intake.get("outcomes", {}).items():
            messages.add_metric([outcome], count)
        yield messages
        events = CounterMetricFamily("fenghuo_mqtt_events", "What happened to the MQTT broker's part", labels=["event"])
        for event, count in intake.get("events", {}).items():
            events.add_metric([event], count)
        yield events

    def _ingest_up(self) -> int:
        return int(self.system_state()["ingest"]["state"] != "stopped")

    def _note_state(self, kind: Kind) -> None:
        state = "up" if any(node.kind == kind for node in self._by_sid.values()) else "down"
        if state != self._states[kind][0]:
            self._states[kind] = (state, epoch_ms(self._clock.now()))

    def _end_calls(self, sid: str) -> None:
        with self._lock:
            waiting = [call for call in self._calls.values() if call.sid == sid]
        for call in waiting:
            call.done.set()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0


def _bounded_intake(payload: dict[str, Any]) -> dict[str, Any]:
    return {"depth": _number(payload.get("depth")), "outcomes": _bounded_counts(payload.get("outcomes"))}


def _bounded_load(payload: dict[str, Any]) -> dict[str, Any]:
    counters = payload.get("counters")
    if not isinstance(counters, dict):
        counters = {}
    return {
        "rooms": _number(payload.get("rooms")),
        "sessions": _number(payload.get("sessions")),
        "cpu_seconds": _number(payload.get("cpu_seconds")),
        "cpu_us_per_packet": _number(payload.get("cpu_us_per_packet")),
        "draining": payload.get("draining") is True,
        "counters": {
            **{key: _number(counters.get(key)) for key in ("packets_in", "packets_out", "bytes_in", "bytes_out")},
            "dropped": _bounded_counts(counters.get("dropped")),
        },
    }


def _bounded_counts(told: object) -> dict[str, float]:
    named = list(told.items())[:REASONS_MAX] if isinstance(told, dict) else []
    return {str(name)[:NAME_LENGTH]: _number(count) for name, count in named}
