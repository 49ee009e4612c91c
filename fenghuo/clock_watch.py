"""Notices that the machine's clock was set, and writes into the journal by how much: times around it are to be read with that in mind."""

from auth.principal import SYSTEM
from foundation import journal
from foundation.clock import Clock
from foundation.database import Database

JUMP_S = 2.0
"""More than a time source slews in between (500 ppm), or a loaded machine takes to read two clocks."""


class ClockWatch:
    """Compares the wall clock with the monotonic one. One process of an installation does it: the worker."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._offset = self._measure()

    def look(self) -> None:
        """Journal what the clock was set by since the last look; what cannot be written is told at a later one."""
        offset = self._measure()
        jump = offset - self._offset
        if abs(jump) >= JUMP_S:
            with self._database.writing() as session:
                journal.append(
                    session,
                    self._clock,
                    kind="clock.jumped",
                    topic="system",
                    subject="clock",
                    actor=SYSTEM.actor,
                    detail={"seconds": f"{jump:+.0f}"},
                )
        self._offset = offset

    def _measure(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()
