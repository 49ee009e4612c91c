"""The queue between what carries readings (MQTT) and the database: bounded, written in batches, acknowledged only after the commit.

Who closes whom: `Ingest.stop()` ends the writer thread after the batch in hand; what is still queued was not acknowledged and comes again.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from foundation.clock import Clock, epoch_ms
from foundation.errors import ProtocolError, Unavailable
from foundation.loops import SupervisedThread, guarded, survived
from operations.mapping import Mapping
from operations.sensing import Sensing

QUEUE_LENGTH = 20_000
QUEUE_BYTES = 64 * 1024 * 1024
BATCH = 5_000
"""So many messages go into one transaction: of 5,000 sensors each once, and the cost of a commit is shared."""
STOP_S = 10.0
RETRY_S = 1.0
LATE_S = 10.0
"""Readings that wait longer are told as `behind`: what pages show is then no picture of now."""

LOGGED_EVERY_S = 10.0
"""A refused message is logged at most this often: a broken sensor must not fill the disk with words about itself."""

logger = logging.getLogger(__name__)


class Carrier(Protocol):
    """What brought messages: it acknowledges them to their senders."""

    def settle(self, tokens: Sequence[Any]) -> None:
        """The messages with these tokens are durable, or refused for good. Called from the writer's thread."""


class Arrival(NamedTuple):
    """When a message arrived: epoch milliseconds for its reading, monotonic seconds to measure how long it waits."""

    epoch_ms: int
    monotonic_s: float


class Message(NamedTuple):
    """One MQTT message; `retained` says that the broker had kept it and that it may be of any age."""

    topic: str
    payload: bytes
    arrived: Arrival
    retained: bool
    carrier: Carrier
    token: Any


@dataclass(frozen=True)
class IngestState:
    """How it goes: `ok`; `behind` while readings wait; `stopped` with the code of the reason and since when (epoch ms).

    Nothing can be kept: disk_full, database_failed, database_removed, writer_ended. Nothing can arrive: no_broker, no_subscription,
    port_taken (the embedded broker's), reader_ended.
    """

    state: Literal["ok", "behind", "stopped"] = "ok"
    reason: str = ""
    since_ms: int | None = None


class Ingest:
    """Takes messages from any thread and writes them in the order of arrival."""

    def __init__(self, sensing: Sensing, mapping: Mapping, clock: Clock) -> None:
        self._sensing = sensing
        self._mapping = mapping
        self._clock = clock
        self._waiting: deque[Message] = deque()
        self._changed = threading.Condition()
        self._waiting_bytes = 0
        self._hand: list[Message] = []
        self._writer = SupervisedThread("ingest", self._run)
        self._reader: SupervisedThread | None = None
        self._carrier_lag_s: Callable[[], float] = lambda: 0.0
        self._started = False
        self._writing = IngestState()
        self._arriving = IngestState()
        self._ended = IngestState()
        self._behind = IngestState()
        self.written = 0
        self.outcomes: Counter[str] = Counter()
        """Messages by what became of them: kept, failed, or the code of the refusal."""
        self.events: Counter[str] = Counter()
        """What happened to the carrier: broker_restarted, too_fast, protocol_version, bad_connect."""
        self._logged_at = float("-inf")

    @property
    def depth(self) -> int:
        """How many messages wait."""
        return len(self._waiting)

    @property
    def lag_s(self) -> float:
        """How long the oldest message that is not yet in the database has waited, here and in the broker before, seconds."""
        with self._changed:
            oldest = self._hand[0] if self._hand else self._waiting[0] if self._waiting else None
        here_s = 0.0 if oldest is None else self._clock.monotonic() - oldest.arrived.monotonic_s
        return here_s + self._carrier_lag_s()

    @property
    def status(self) -> IngestState:
        """How it goes; that nothing can be kept comes before that nothing can arrive, and that before a delay."""
        if self._started and not self._writer.stopping.is_set():
            ended = "writer_ended" if _has_ended(self._writer) else "reader_ended" if _has_ended(self._reader) else ""
            self._ended = self._stopped(self._ended, ended) if ended else IngestState()
        late = self.lag_s > LATE_S
        self._behind = (self._behind if self._behind.since_ms else self._since("behind", "")) if late else IngestState()
        states = (self._ended, self._writing, self._arriving, self._behind)
        return next((each for each in states if each.state != "ok"), IngestState())

    def arrival(self) -> Arrival:
        """The time of arrival of what arrives now."""
        return Arrival(epoch_ms(self._clock.now()), self._clock.monotonic())

    def watch(self, reader: SupervisedThread, lag_s: Callable[[], float]) -> None:
        """Tell it as a stop while the carrier's thread does not run; `lag_s` says how long messages wait before they reach it."""
        self._reader, self._carrier_lag_s = reader, lag_s

    def carrier_lost(self, reason: str) -> None:
        """What carries the messages cannot bring any, for `reason` (no_broker, port_taken …); told until `carrier_found`."""
        self._arriving = self._stopped(self._arriving, reason)

    def carrier_found(self) -> None:
        """What carries the messages is there."""
        self._arriving = IngestState()

    def start(self) -> None:
        """Begin to write."""
        self._started = True
        self._writer.start()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._writer.stopping.set()
        with self._changed:
            self._changed.notify_all()
        self._writer.stop(STOP_S)

    def offer(self, message: Message) -> bool:
        """Queue a message without waiting; False when the queue is full (the caller must hold the sender back)."""
        with self._changed:
            if self._is_full():
                return False
            self._append(message)
            self._changed.notify_all()
        return True

    def put(self, messages: Sequence[Message]) -> None:
        """Queue messages, waiting for room: this holds the sender back. While the ingest stops it returns at once; nothing is acknowledged."""
        with self._changed:
            for message in messages:
                while self._is_full() and not self._writer.stopping.is_set():
                    self._changed.notify_all()
                    self._changed.wait()
                self._append(message)
            self._changed.notify_all()

    def _is_full(self) -> bool:
        return len(self._waiting) >= QUEUE_LENGTH or self._waiting_bytes >= QUEUE_BYTES

    def _append(self, message: Message) -> None:
        self._waiting.append(message)
        self._waiting_bytes += len(message.payload)

    def refuse(self, topic: str, code: str) -> None:
        """Count a message that tells no reading, and log it, not too often."""
        self.outcomes[code] += 1
        now = self._clock.monotonic()
        if now - self._logged_at >= LOGGED_EVERY_S:
            self._logged_at = now
            logger.warning("a message tells no reading", extra={"topic": topic[:200], "code": code})

    def _run(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            self._fill_hand(stopping)
            if self._hand and self._write(self._hand):
                self._hand = []

    def _fill_hand(self, stopping: threading.Event) -> None:
        """Take what waits into the hand, where what could not be written before still is; wait while there is nothing."""
        with self._changed:
            while not self._hand and not self._waiting and not stopping.is_set():
                self._changed.wait()
            taken = [self._waiting.popleft() for _ in range(min(BATCH - len(self._hand), len(self._waiting)))]
            self._waiting_bytes -= sum(len(message.payload) for message in taken)
            self._hand = self._hand + taken
            self._changed.notify_all()

    def _write(self, batch: list[Message]) -> bool:
        """Write and acknowledge a batch; False when the database did not take it: then the queue fills, and holds the senders back."""
        rows: list[dict[str, Any]] = []
        senders: list[Message] = []
        refused: list[tuple[str, str]] = []
        for message in batch:
            try:
                rows.append(
                    self._mapping.reading(message.topic, message.payload, message.arrived.epoch_ms, message.retained)
                )
                senders.append(message)
            except ProtocolError as error:
                refused.append((message.topic, error.code))
            except Exception:  # noqa: BLE001 - `survived` logs and counts it
                # One message that nobody foresaw must not hold up the others of its batch for ever.
                survived("ingest mapping")
                refused.append((message.topic, "failed"))
        rejected = self._take(rows)
        if rejected is None:
            return False
        refused += [(senders[index].topic, code) for index, code in rejected]
        for topic, code in refused:
            self.refuse(topic, code)
        kept = len(senders) - len(rejected)
        self.outcomes["kept"] += kept
        self.written += kept
        # A message that can never be kept is acknowledged too: sent again it would block its sender for ever.
        tokens: dict[int, tuple[Carrier, list[Any]]] = {}
        for message in batch:
            tokens.setdefault(id(message.carrier), (message.carrier, []))[1].append(message.token)
        for carrier, settled in tokens.values():
            # The readings are kept; an acknowledgement that fails makes them come again, which is once.
            with guarded("ingest acknowledgement"):
                carrier.settle(settled)
        return True

    def _take(self, rows: list[dict[str, Any]]) -> list[tuple[int, str]] | None:
        """Write rows: the index and code of each refused one; None when the database takes none."""
        try:
            rejected = self._take_whole(rows)
        except Unavailable as error:
            self._halt(error.code)
            return None
        if rejected is None:
            self._halt("database_failed")
            return None
        if self._writing.state == "stopped":
            logger.info("ingest goes on")
        self._writing = IngestState()
        return rejected

    def _take_whole(self, rows: list[dict[str, Any]]) -> list[tuple[int, str]] | None:
        try:
            return [(each.index, each.code) for each in self._sensing.take(rows).rejected]
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - `survived` logs and counts it
            # Is it one row that the database cannot bear, or the database?
            survived("ingest writer")
        rejected, kept = list[tuple[int, str]](), 0
        for index, row in enumerate(rows):
            try:
                outcome = self._sensing.take([row])
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001 - counted above; here it is told which row it is
                rejected.append((index, "failed"))
            else:
                kept += outcome.accepted
                rejected += [(index, each.code) for each in outcome.rejected]
        # Where no row goes through it is the database: nothing may be acknowledged then.
        return rejected if kept else None

    def _halt(self, reason: str) -> None:
        self._writing = self._stopped(self._writing, reason)
        self._writer.stopping.wait(RETRY_S)

    def _stopped(self, before: IngestState, reason: str) -> IngestState:
        """The same stop goes on since it began."""
        if before.reason == reason:
            return before
        logger.error("ingest stopped", extra={"reason": reason})
        return self._since("stopped", reason)

    def _since(self, state: Literal["behind", "stopped"], reason: str) -> IngestState:
        return IngestState(state, reason, epoch_ms(self._clock.now()))


def _has_ended(thread: SupervisedThread | None) -> bool:
    """Whether it does not run although nobody told it to end."""
    return thread is not None and thread.state == "stopped" and not thread.stopping.is_set()
