"""Bandwidth: what a publisher may send (estimate to REMB) and what a subscriber can take (REMB and loss to a budget)."""

from aiortc.rate import RemoteBitrateEstimator

UPLINK_MIN_BPS = 150_000
UPLINK_START_BPS = 3_000_000
UPLINK_MAX_BPS = 6_000_000
GROUP_TICKS = 1311
"""5 ms in units of abs-send-time (2^-18 s): one call of the estimator for each group, not for each packet."""

DOWNLINK_START_BPS = 4_000_000
DOWNLINK_MIN_BPS = 60_000
DOWNLINK_MAX_BPS = 20_000_000
RAISE_AFTER_S = 5.0
RAISE_AFTER_MAX_S = 60.0
RAISE_FACTOR = 1.6
LOSS_HIGH = 0.10


class Uplink:
    """What one publisher's link carries, from the spacing of its packets (abs-send-time)."""

    def __init__(self) -> None:
        self._estimator = RemoteBitrateEstimator()
        self._group = -1
        self._octets = 0
        self._ssrc = 0
        self._sent = 0
        self._at = 0.0
        self.estimate_bps = UPLINK_START_BPS
        self.changed = False

    def add(self, sent: int, octets: int, ssrc: int, now: float) -> None:
        """Take one packet: its abs-send-time (24 bits), size, and arrival (monotonic seconds)."""
        if self._group >= 0 and (sent - self._group & 0xFFFFFF) > GROUP_TICKS:
            self._close_group()
            self._group = sent
            self._octets = 0
        elif self._group < 0:
            self._group = sent
        self._octets += octets
        self._sent = sent
        self._ssrc = ssrc
        self._at = now

    def _close_group(self) -> None:
        result = self._estimator.add(int(self._at * 1000), self._sent, self._octets, self._ssrc)
        if result is not None:
            estimate = max(UPLINK_MIN_BPS, min(UPLINK_MAX_BPS, result[0]))
            self.changed = self.changed or estimate < self.estimate_bps * 0.97
            self.estimate_bps = estimate


class Downlink:
    """What one subscriber's link takes.

    A receiver's REMB falls fast and rises slowly, because it cannot see beyond what is sent: so after RAISE_AFTER_S without trouble more
    is tried; when that fails the time doubles.
    """

    def __init__(self) -> None:
        self.budget_bps = DOWNLINK_START_BPS
        self._remb_bps = 0
        self._loss = 0.0
        self._raise_at = 0.0
        self._patience_s = RAISE_AFTER_S
        self._raised_at = 0.0

    def estimate(self, bits_per_second: int, sending_bps: int, now: float) -> None:
        """Take a REMB; `sending_bps` is what this subscriber gets at present."""
        self._remb_bps = bits_per_second
        if bits_per_second < sending_bps * 0.95:
            self._lower(bits_per_second * 0.95, now)

    def lose(self, fraction: float, sending_bps: int, now: float) -> None:
        """Take the share of packets lost since the last report (0…1)."""
        self._loss = 0.7 * self._loss + 0.3 * fraction
        if self._loss > LOSS_HIGH and sending_bps:
            self._lower(sending_bps * (1 - 0.5 * self._loss), now)

    def _lower(self, bits_per_second: float, now: float) -> None:
        if now - self._raised_at < RAISE_AFTER_S:
            self._patience_s = min(RAISE_AFTER_MAX_S, self._patience_s * 2)
        self.budget_bps = max(DOWNLINK_MIN_BPS, min(self.budget_bps, int(bits_per_second)))
        self._raise_at = now + self._patience_s

    def tick(self, sending_bps: int, now: float) -> None:
        """Called about once a second: allow more when the budget has held for long enough."""
        if self.budget_bps >= DOWNLINK_START_BPS and self._remb_bps == 0:
            return
        if now >= self._raise_at and self._loss < LOSS_HIGH / 2:
            ceiling = max(self.budget_bps * RAISE_FACTOR, self._remb_bps * 1.5)
            self.budget_bps = int(min(DOWNLINK_MAX_BPS, ceiling))
            self._raised_at = now
            self._raise_at = now + self._patience_s
            if sending_bps * 2 < self.budget_bps:
                self._patience_s = RAISE_AFTER_S
