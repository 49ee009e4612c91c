"""Counters of the media node: what came, what went, and what was dropped for which reason."""

import resource

DROP_REASONS_MAX = 64


class Counters:
    """Plain integers that the hot path adds to; read every two seconds. Bytes out are payload, without headers."""

    __slots__ = ("bytes_in", "bytes_out", "dropped", "packets_in", "packets_out")

    def __init__(self) -> None:
        self.packets_in = 0
        self.bytes_in = 0
        self.packets_out = 0
        self.bytes_out = 0
        self.dropped: dict[str, int] = {}

    def drop(self, reason: str, count: int = 1) -> None:
        """Count `count` dropped packets under `reason` (a fixed word of the code, never text from outside)."""
        dropped = self.dropped
        if reason in dropped:
            dropped[reason] += count
        elif len(dropped) < DROP_REASONS_MAX:
            dropped[reason] = count

    def snapshot(self) -> dict[str, object]:
        """The counters as the room protocol names them."""
        return {
            "packets_in": self.packets_in,
            "packets_out": self.packets_out,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "dropped": dict(self.dropped),
        }


def cpu_seconds() -> float:
    """CPU time (user and system) that this process has used, in seconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class PacketCost:
    """What a forwarded packet costs at present."""

    __slots__ = ("_packets", "_spent_s")

    def __init__(self) -> None:
        self._packets = 0
        self._spent_s = cpu_seconds()

    def since_last(self, packets_out: int) -> float:
        """CPU microseconds for each packet sent since the last call; 0 when none was."""
        spent_s = cpu_seconds()
        sent, passed_s = packets_out - self._packets, spent_s - self._spent_s
        self._packets, self._spent_s = packets_out, spent_s
        return round(passed_s / sent * 1e6, 1) if sent > 0 else 0.0
