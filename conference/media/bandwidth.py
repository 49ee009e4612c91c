"""Bandwidth: what a publisher may send (delay to REMB) and what a subscriber can take (REMB and loss to a budget)."""

UPLINK_MIN_BPS = 150_000
UPLINK_START_BPS = 3_000_000
UPLINK_MAX_BPS = 6_000_000
UPLINK_GROWTH = 1.08
"""A second, as long as nothing queues up."""
UPLINK_BACK_OFF = 0.85
UPLINK_PAUSE_S = 0.5
UPLINK_QUEUE_S = 0.08
"""Packets that take so much longer than the fastest lately are queueing up."""
UPLINK_FORGET = 0.0005
"""How fast the fastest is forgotten, seconds a second: more than two clocks drift apart."""

DOWNLINK_START_BPS = 4_000_000
DOWNLINK_MIN_BPS = 60_000
DOWNLINK_MAX_BPS = 20_000_000
RAISE_AFTER_S = 5.0
RAISE_AFTER_MAX_S = 60.0
RAISE_FACTOR = 1.6
LOSS_HIGH = 0.10
LOSS_LOW = 0.02
QUEUE_S = 0.06
"""A round trip so much longer than the shortest one means that packets queue up."""
LOW_FOR_S = 3.0
"""A REMB below what is sent counts when it has not grown for so long: at a change of layers it lags behind."""


class Uplink:
    """What one publisher's link carries, from how long its packets are on the way (abs-send-time).

    Only differences are known: the way of each packet compared with the fastest lately. The estimate falls to a share of what arrives when
    packets queue up, and grows otherwise, whatever is sent: a publisher that sends little for lack of a wish must not be held to that
    little (it would never send its larger layers again).
    """

    __slots__ = (
        "_arriving_bps", "_at", "_base", "_delay", "_estimate", "_lowered_at", "_sent", "_smooth", "_window_at", "_window_octets", "octets"
    )  # fmt: skip

    def __init__(self) -> None:
        self.octets = 0
        """Counted by the caller, for every packet; padding and repeats included."""
        self._sent = -1
        self._at = 0.0
        self._delay = 0.0
        self._base = 0.0
        self._smooth = 0.0
        self._lowered_at = 0.0
        self._window_at = 0.0
        self._window_octets = 0
        self._arriving_bps = 0.0
        self._estimate = float(UPLINK_START_BPS)

    @property
    def estimate_bps(self) -> int:
        """What the publisher may send, bit/s."""
        return int(self._estimate)

    def sample(self, sent: int, now: float) -> None:
        """Take one packet's abs-send-time (24 bits of 2^-18 s) and arrival (monotonic seconds); one of each batch is enough."""
        if self._sent < 0:
            self._sent, self._at, self._window_at = sent, now, now
            return
        step = sent - self._sent & 0xFFFFFF
        if step & 0x800000:
            return  # sent before the last one: it came out of order
        passed = now - self._at
        self._delay += passed - step / 262144
        self._sent, self._at = sent, now
        self._base = min(self._base + passed * UPLINK_FORGET, self._delay)
        self._smooth += 0.2 * (self._delay - self._smooth)
        if now - self._window_at >= 0.5:
            self._arriving_bps = (self.octets - self._window_octets) * 8 / (now - self._window_at)
            self._window_at, self._window_octets = now, self.octets
        if self._smooth - self._base > UPLINK_QUEUE_S and now - self._lowered_at > UPLINK_PAUSE_S:
            self._lowered_at = now
            if self._arriving_bps:
                lowered = min(self._estimate, self._arriving_bps * UPLINK_BACK_OFF)
                self._estimate = max(float(UPLINK_MIN_BPS), lowered)

    def grow(self, seconds: float) -> None:
        """Let `seconds` pass; the estimate grows unless packets queued up a moment ago (called with each report)."""
        if self._at - self._lowered_at > 2 * UPLINK_PAUSE_S:
            self._estimate = min(float(UPLINK_MAX_BPS), self._estimate * UPLINK_GROWTH**seconds)


class Downlink:
    """What one subscriber's link takes.

    A receiver's REMB is at most about 1.5 times what it receives: by itself a small value says nothing. Even a falling one may only mean
    that the receiver's processor is busy: it counts together with loss or a grown round trip. After RAISE_AFTER_S without trouble more is
    tried; when that fails the time doubles.
    """

    def __init__(self) -> None:
        self.budget_bps = DOWNLINK_START_BPS
        self._remb_bps = 0
        self._low_since = 0.0
        self._trip_s = 0.0
        self._shortest_s = 10.0
        self._loss = 0.0
        self._raise_at = 0.0
        self._patience_s = RAISE_AFTER_S
        self._raised_at = 0.0

    def estimate(self, bits_per_second: int, sending_bps: int, now: float) -> None:
        """Take a REMB; `sending_bps` is what this subscriber gets at present."""
        fell = bits_per_second < self._remb_bps * 0.97
        grew = bits_per_second > self._remb_bps * 1.005
        self._remb_bps = bits_per_second
        trouble = self._queueing or self._loss > LOSS_LOW
        if fell and trouble:
            self._lower(bits_per_second, now)
        if grew or not trouble or bits_per_second >= sending_bps * 0.9:
            self._low_since = now
        elif now - self._low_since > LOW_FOR_S:
            self._lower(bits_per_second, now)

    def round_trip(self, seconds: float) -> None:
        """Take one measured round trip."""
        self._shortest_s = min(self._shortest_s * 1.001, seconds)
        self._trip_s = seconds if not self._trip_s else 0.7 * self._trip_s + 0.3 * seconds

    @property
    def _queueing(self) -> bool:
        return self._trip_s > max(self._shortest_s + QUEUE_S, self._shortest_s * 1.25)

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
