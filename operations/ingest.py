"""The queue between what carries readings (MQTT) and the database: bounded, written in batches, acknowledged only after the commit.

Who closes whom: `Ingest.stop()` ends the writer thread after the batch in hand; what is still queued was not acknowledged and comes again.
"""

import logging
import queue
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from foundation.clock import Clock, epoch_ms
from foundation.errors import ProtocolError, Unavailable
from operations.mapping import Mapping
from operations.sensing import Sensing

QUEUE_LENGTH = 10_000
BATCH = 1_000
FULL_PUT_WAIT_S = 0.5
RETRY_S = 1.0

LOGGED_EVERY_S = 10.0
"""A refused message is logged at most this often: a broken sensor must not fill the disk with words about itself."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """One MQTT message; `done(kept)` is called from the writer thread once it is durable (or refused for good: then False)."""

    topic: str
    payload: bytes
    arrived_ms: int
    done: Callable[[bool], None]


@dataclass(frozen=True)
class IngestState:
    """How it goes: `ok`, or `stopped` with the code of the reason and since when (epoch ms).

    Nothing can be kept: disk_full, database_failed. Nothing can arrive: no_broker, port_taken (the embedded broker's).
    """

    state: Literal["ok", "stopped"] = "ok"
    reason: str = ""
    since_ms: int | None = None


class Ingest:
    """Takes messages from any thread and writes them in the order of arrival."""

    def __init__(self, sensing: Sensing, mapping: Mapping, clock: Clock) -> None:
        self._sensing = sensing
        self._mapping = mapping
        self._clock = clock
        self._queue: queue.Queue[Message] = queue.Queue(QUEUE_LENGTH)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ingest", daemon=True)
        self._writing = IngestState()
        self._arriving = IngestState()
        self.written = 0
        self.lag_s = 0.0
        """How long the oldest message of the last batch waited, seconds."""
        self.outcomes: Counter[str] = Counter()
        """Messages by what became of them: kept, failed, or the code of the refusal."""
        self._logged_at = float("-inf")

    @property
    def depth(self) -> int:
        """How many messages wait."""
        return self._queue.qsize()

    @property
    def status(self) -> IngestState:
        """How it goes; that nothing can be kept comes before that nothing can arrive."""
        return self._writing if self._writing.state == "stopped" else self._arriving

    def carrier_lost(self, reason: str) -> None:
        """What carries the messages cannot bring any, for `reason` (no_broker, port_taken); told until `carrier_found`."""
        self._arriving = self._stopped(self._arriving, reason)

    def carrier_found(self) -> None:
        """What carries the messages is there."""
        self._arriving = IngestState()

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def offer(self, topic: str, payload: bytes, done: Callable[[bool], None]) -> bool:
        """Queue a message without waiting; False when the queue is full (the caller must hold the sender back)."""
        try:
            self._queue.put_nowait(Message(topic, payload, epoch_ms(self._clock.now()), done))
        except queue.Full:
            return False
        return True

    def put(self, topic: str, payload: bytes, done: Callable[[bool], None]) -> bool:
        """Queue a message, waiting for room: this holds the sender back. False when the ingest stops meanwhile."""
        message = Message(topic, payload, epoch_ms(self._clock.now()), done)
        while not self._stopping.is_set():
            try:
                self._queue.put(message, timeout=FULL_PUT_WAIT_S)
            except queue.Full:
                continue
            return True
        return False

    def _run(self) -> None:
        while not self._stopping.is_set():
            batch = self._next_batch()
            if batch:
                self.lag_s = max(0, epoch_ms(self._clock.now()) - batch[0].arrived_ms) / 1000
                try:
                    self._write(batch)
                except Exception:
                    # Not acknowledged, so it comes again; the writer must outlive whatever was in it.
                    logger.exception("a batch could not be handled")
                    self.outcomes["failed"] += len(batch)

    def _next_batch(self) -> list[Message]:
        try:
            batch = [self._queue.get(timeout=0.2)]
        except queue.Empty:
            return []
        while len(batch) < BATCH:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _write(self, batch: list[Message]) -> None:
        rows: list[dict[str, Any]] = []
        senders: list[Message] = []
        refused: list[Message] = []
        for message in batch:
            try:
                rows.append(self._mapping.reading(message.topic, message.payload, message.arrived_ms))
                senders.append(message)
            except ProtocolError as error:
                refused.append(message)
                self._refuse(message, error.code)
        outcome = self._take(rows)
        if outcome is None:
            return
        bad = {rejection.index: rejection.code for rejection in outcome}
        for index, message in enumerate(senders):
            if index in bad:
                self._refuse(message, bad[index])
            message.done(index not in bad)
        self.outcomes["kept"] += len(senders) - len(bad)
        self.written += len(senders) - len(bad)
        # A message that can never be kept is acknowledged and counted: sent again it would block its sender for ever.
        for message in refused:
            message.done(False)

    def _refuse(self, message: Message, code: str) -> None:
        self.outcomes[code] += 1
        now = self._clock.monotonic()
        if now - self._logged_at >= LOGGED_EVERY_S:
            self._logged_at = now
            logger.warning("a message tells no reading", extra={"topic": message.topic[:200], "code": code})

    def _take(self, rows: list[dict[str, Any]]) -> list[Any] | None:
        """Write until it works: the queue fills meanwhile, and holds the senders back. None when stopped."""
        while not self._stopping.is_set():
            try:
                outcome = self._sensing.take(rows)
            except Unavailable as error:
                self._halt(error.code)
            except Exception:
                # Whatever it is, nothing was acknowledged: told, counted as a stop, and tried again.
                logger.exception("readings could not be written")
                self._halt("database_failed")
            else:
                if self._writing.state == "stopped":
                    logger.info("ingest goes on")
                self._writing = IngestState()
                return outcome.rejected
        return None

    def _halt(self, reason: str) -> None:
        self._writing = self._stopped(self._writing, reason)
        self._stopping.wait(RETRY_S)

    def _stopped(self, before: IngestState, reason: str) -> IngestState:
        """The same stop goes on since it began."""
        if before.reason == reason:
            return before
        logger.error("ingest stopped", extra={"reason": reason})
        return IngestState("stopped", reason, epoch_ms(self._clock.now()))
