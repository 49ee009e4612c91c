"""Bandwidth: what a publisher may send (delay to REMB) and what a subscriber can take (REMB and loss to a budget)."""

UPLINK_MIN_BPS = 50_000
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

PICTURES_STOP_BPS = 110_000
PICTURES_STOP_AFTER_S = 2.0
PICTURES_RESUME_BPS = 160_000
PICTURES_REST_S = 6.0
PICTURES_REST_MAX_S = 12.0
"""An uplink that is too weak for a camera beside the voice sends none for so long; after each try that failed for twice as long."""

DOWNLINK_START_BPS = 4_000_000
DOWNLINK_MIN_BPS = 50_000
DOWNLINK_MAX_BPS = 20_000_000
PROBE_AFTER_S = 4.0
PROBE_AFTER_MAX_S = 60.0
PROBE_S = 2.0
"""How long a probe lasts: two reports of the receiver, which come once a second."""

PROBE_FACTOR = 1.6
PROBE_MIN_BPS = 60_000
LOSS_HIGH = 0.10
LOSS_LOW = 0.02
LOSS_FORGET = 0.7
"""How much of what was counted before still counts after a report."""
LOSS_PACKETS_MIN = 100
"""One packet lost of ten says nothing: a small camera sends ten a second, and 5 % loss would now and then look like 20."""
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
        "_arriving_bps", "_at", "_base", "_delay", "_estimate", "_lowered_at", "_rest_s", "_rest_until", "_sent", "_smooth",
        "_weak_since", "_window_at", "_window_octets", "octets", "pictures",
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
        self.pictures = True
        """Whether the line carries a camera beside the voice."""
        self._weak_since = 0.0
        self._rest_until = 0.0
        self._rest_s = PICTURES_REST_S

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

    def settle(self, seconds: float, now: float) -> None:
        """Let `seconds` pass (called with each report): the estimate grows unless packets queued up a moment ago; the camera rests or returns."""
        if self._at - self._lowered_at > 2 * UPLINK_PAUSE_S:
            self._estimate = min(float(UPLINK_MAX_BPS), self._estimate * UPLINK_GROWTH**seconds)
        if self._estimate >= PICTURES_STOP_BPS:
            self._weak_since = now
        if self.pictures and now - self._weak_since > PICTURES_STOP_AFTER_S:
            self.pictures = False
            failed = now - self._rest_until < PICTURES_REST_MAX_S
            self._rest_s = min(PICTURES_REST_MAX_S, self._rest_s * 2) if failed else PICTURES_REST_S
            self._rest_until = now + self._rest_s
        elif not self.pictures and now >= self._rest_until:
            # The voice alone cannot show how much more the line would carry: the camera is the probe.
            self.pictures = True
            self._estimate = max(self._estimate, float(PICTURES_RESUME_BPS))
            self._weak_since = self._rest_until = now


class Downlink:
    """What one subscriber's link takes.

    A receiver's REMB is at most about 1.5 times what it receives: by itself a small value says nothing. Even a falling one may only mean
    that the receiver's processor is busy: it counts together with loss or a grown round trip. Where more is wanted than the budget allows,
    padding is sent on top for PROBE_S; if that went through without trouble, the budget grows to what was carried. When it did not, the
    next probe waits twice as long.
    """

    def __init__(self) -> None:
        self.budget_bps = DOWNLINK_START_BPS
        self.loss = 0.0
        """Share of packets lost lately (0…1)."""
        self.probe_bps = 0
        """Padding to send on top at present, bit/s."""
        self._lost = 0.0
        self._expected = 0.0
        self._remb_bps = 0
        self._low_since = 0.0
        self._trip_s = 0.0
        self._shortest_s = 10.0
        self._probe_at = 0.0
        self._probe_end = 0.0
        self._patience_s = PROBE_AFTER_S

    @property
    def _trouble(self) -> bool:
        return self._queueing or self.loss > LOSS_LOW

    def estimate(self, bits_per_second: int, sending_bps: int, now: float) -> None:
        """Take a REMB; `sending_bps` is what this subscriber gets at present."""
        fell = bits_per_second < self._remb_bps * 0.97
        grew = bits_per_second > self._remb_bps * 1.005
        self._remb_bps = bits_per_second
        if fell and self._trouble:
            self._lower(bits_per_second, now)
        if grew or not self._trouble or bits_per_second >= sending_bps * 0.9:
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

    def lose(self, lost: float, expected: int, sending_bps: int, now: float) -> None:
        """Take what one report says: of `expected` packets since the one before, `lost` did not come."""
        self._lost = LOSS_FORGET * self._lost + lost
        self._expected = LOSS_FORGET * self._expected + expected
        self.loss = self._lost / max(self._expected, LOSS_PACKETS_MIN)
        if self.loss > LOSS_HIGH and sending_bps:
            self._lower(sending_bps * (1 - 0.5 * self.loss), now)

    def _lower(self, bits_per_second: float, now: float) -> None:
        if self.probe_bps or now - self._probe_end < PROBE_AFTER_S:
            self._patience_s = min(PROBE_AFTER_MAX_S, self._patience_s * 2)
        self.probe_bps = 0
        self.budget_bps = max(DOWNLINK_MIN_BPS, min(self.budget_bps, int(bits_per_second)))
        self._probe_at = now + self._patience_s

    def tick(self, sending_bps: int, needed_bps: int, now: float) -> None:
        """Called about once a second: begin a probe where more is needed than allowed, end the one that ran its time.

        A receiver that estimates more than the budget has seen that much go through: then no probe is needed.
        """
        if self._remb_bps > self.budget_bps and needed_bps > self.budget_bps and not self._trouble:
            self.budget_bps = min(DOWNLINK_MAX_BPS, self._remb_bps)
        if self.probe_bps:
            if now < self._probe_end:
                return
            carried = sending_bps + self.probe_bps
            self.probe_bps = 0
            self._probe_at = now + self._patience_s
            if self.loss < LOSS_HIGH / 2 and not self._queueing:
                self.budget_bps = int(min(DOWNLINK_MAX_BPS, max(self.budget_bps, carried)))
                self._patience_s = PROBE_AFTER_S
                # What went well goes on at once, until everything is carried.
                self._probe_at = now + 1.0
            else:
                self._patience_s = min(PROBE_AFTER_MAX_S, self._patience_s * 2)
        elif (
            needed_bps > self.budget_bps and now >= self._probe_at and self.loss < LOSS_HIGH / 2 and not self._queueing
        ):
            aim = min(needed_bps * 1.1, self.budget_bps * PROBE_FACTOR, DOWNLINK_MAX_BPS)
            self.probe_bps = max(PROBE_MIN_BPS, int(aim) - sending_bps)
            self._probe_end = now + PROBE_S
