"""Who tells a room's roster: at once, and where changes crowd, gathered. When fourteen sites come back together, each change told by itself would be
hundreds of whole rosters, which a thin line does not carry and an old tablet does not draw.
"""

import threading
from collections.abc import Callable

from foundation.loops import guarded

GATHER_S = 0.25
"""After a roster was told, further changes of the same room are told together after this time."""

Later = Callable[[float, Callable[[], None]], None]


def by_timer(seconds: float, action: Callable[[], None]) -> None:
    """Do it in a thread of its own after `seconds`."""
    timer = threading.Timer(seconds, action)
    timer.daemon = True
    timer.start()


class Herald:
    """Thread-safe. At most one pause runs for each room; what comes in it is told once, at its end, as it stands then."""

    def __init__(self, tell: Callable[[str, str | None], None], later: Later = by_timer) -> None:
        """`tell` tells the roster of a room of a world, as it stands when called; `later` does something after so many seconds."""
        self._tell = tell
        self._later = later
        self._lock = threading.Lock()
        self._changed: dict[str, bool] = {}

    def roster_changed(self, room_id: str, world: str | None) -> None:
        """Tell it now, or at the end of the pause after the last time."""
        with self._lock:
            pausing = room_id in self._changed
            self._changed[room_id] = pausing
        if pausing:
            return
        self._later(GATHER_S, lambda: self._pause_over(room_id, world))
        self._tell(room_id, world)

    def _pause_over(self, room_id: str, world: str | None) -> None:
        with self._lock:
            changed = self._changed.pop(room_id)
        if not changed:
            return
        # A database that is away: the watch finds what is untold in its next second (conference.watch).
        with guarded("rooms.roster"):
            self.roster_changed(room_id, world)
