"""Bandwidth: what a publisher may send (delay to REMB) and what a subscriber can take (REMB and loss to a budget)."""

from dataclasses import dataclass

UPLINK_MIN_BPS = 50_000
UPLINK_START_BPS = 3_000_000
UPLINK_MAX_BPS = 6_000_000
UPLINK_GROWTH = 1.08
"""A second, as long as nothing queues up."""
UPLINK_BACK_OFF = 0.85
UPLINK_PAUSE_S = 0.5
UPLINK_QUEUE_S = 0.08
"""Packets that take so much longer than the fastest lately are queueing up."""
UPLINK_STANDS_S = 0.4
"""No packet got through faster for so long: the queue stands. One that drains at once was a stall (Wi-Fi, a busy processor), and says nothing."""
UPLINK_FLAT_S = 0.05
UPLINK_FLAT_FOR_S = 1.5
"""Packets that all take longer for so long, all the same within UPLINK_FLAT_S, while few are lost: the way became longer, as over a satellite."""
LOWEST_S = 10.0
"""Forgotten so soon because the way itself may change (Wi-Fi to satellite): a longer way must not be taken for a queue for ever."""
PICTURES_STOP_BPS = 110_000
PICTURES_STOP_AFTER_S = 2.0
PICTURES_RESUME_BPS = 160_000
PICTURES_REST_S = 6.0
PICTURES_REST_MAX_S = 12.0
"""An uplink that is too weak for a camera beside the voice sends none for so long; after each try that failed for twice as long."""

DOWNLINK_START_BPS = 4_000_000
DOWNLINK_MIN_BPS = 50_000
DOWNLINK_MAX_BPS = 100_000_000
PROBE_AFTER_S = 3.0
PROBE_S = 0.6
"""How long padding is sent: on a line that is too narrow, little more than what its queue holds."""

PROBE_SHOWS_AFTER_S = 1.3
"""So much after the padding its end has been reported: receivers report once a second."""

PROBE_FACTOR = 2.0
"""So many times the budget is tried where nothing failed yet."""
PROBE_CAREFUL_FACTOR = 1.35
"""After a probe that failed, or a cut: no more than a narrow line's queue can hold, so that no word is lost for it."""
PROBE_CAREFUL_GROWTH = 1.25
"""And so much bolder after each that went through."""
PROBE_TIMES_MAX = 4
PROBE_ALWAYS_BPS = 400_000
"""No probe makes more than so many times what is sent anyway, or this where next to nothing is: what a line has never carried may be far too much."""
PROBE_QUEUE_S = 0.1
PROBE_QUEUE_SHARE = 1.5
"""A probe after which a single packet takes so much longer, and so many times as long, stood in a queue, and did not get through."""
PROBE_ECHO_S = 2.0
"""A queue that stands so soon after a probe was judged may be the probe's."""
PROBE_PACKETS_MIN = 50
"""One packet lost of the few that one voice makes while a probe is judged says nothing."""
PROBE_MIN_BPS = 25_000
CUT = 0.8
"""Of what arrives: a line that is too narrow carries so much without loss; one that is lossy loses its share of it too."""
CUT_SPARES_BPS = 130_000
"""Without a queue the line may just be a lossy one: its loudest voice stays redundant while that is found out, at the first attempt."""
CUT_MADE = 1.2
"""A cut after which more than so many times that is sent has not been made, and shows nothing."""
STILL_LOST = 0.5
"""More than this share of the loss before the cut is as much as before: it is not for lack of room."""
CUT_TOLD_AFTER_S = 1.5
"""What is reported sooner was sent before."""
CUT_SHOWS_AFTER_S = 3.0
"""So much later it shows whether less loss came of sending less; if not, the line loses whatever is sent."""
LOSS_HIGH = 0.10
CONGESTED_S = 4.0
"""So long after packets queued up last, what was lost of it is still in the figures."""
LOSS_HIGH_QUEUED = 0.04
"""Where packets seem to queue up so much is tried already: do they not fit, or is it a long way that loses?"""
FLOOR_HALF_LIFE_S = 7.0
"""How fast the loss that a line has whatever is sent follows it down."""
LOSS_HALF_LIFE_S = 2.5
"""What was counted so long ago counts half. By time: reports of pictures come many in a second with a few packets each, those of sound every five."""
LOSS_PACKETS_MIN = 100
"""One packet lost of ten says nothing: a small camera sends ten a second, and 5 % loss would now and then look like 20."""
QUEUE_S = 0.06
"""A round trip so much longer than the shortest one means that packets queue up."""
STEADY_S = 2.0
STEADY_SHARE = 0.1
STEADY_LEAST_S = 0.03
"""Round trips that stay so near to each other for so long, while little is lost, are a longer way and no queue."""
BUSY_S = 15.0
"""A receiver that says that its processor is busy is believed for so long; it says so again every 5 s."""
LOW_SHARE = 0.9
LOW_FOR_S = 3.0
"""A REMB below this share of what arrives counts when it has not grown for so long: at a change of layers it lags behind."""


class Lowest:
    """The lowest of the last `kept_s` to 2 × `kept_s` seconds: of a delay, what is left when nothing queues."""

    __slots__ = ("_before", "_kept_s", "_since", "_window", "value")

    def __init__(self, kept_s: float) -> None:
        self._kept_s = kept_s
        self._since = float("-inf")
        self._window = self._before = self.value = float("inf")

    def take(self, value: float, now: float) -> None:
        """Take one value at `now` (monotonic seconds)."""
        if now - self._since > self._kept_s:
            self._before, self._window, self._since = self._window, value, now
        self._window = min(self._window, value)
        self.value = min(self._window, self._before)


class Way:
    """How long packets are on the way, up to a constant that nobody knows: the fastest of LOWEST_S, and lately the fastest and the slowest."""

    __slots__ = ("_fastest", "_lately", "_slowest")

    def __init__(self) -> None:
        self._fastest = Lowest(LOWEST_S)
        self._lately = Lowest(UPLINK_STANDS_S)
        self._slowest = Lowest(UPLINK_STANDS_S)
        """Of the delay's negative."""

    def take(self, delay_s: float, now: float) -> None:
        """Take the delay of one packet that came at `now` (monotonic seconds)."""
        self._fastest.take(delay_s, now)
        self._lately.take(delay_s, now)
        self._slowest.take(-delay_s, now)

    @property
    def queue_s(self) -> float:
        """How much longer than the fastest even the fastest lately take: a queue that stands, or a way that became longer."""
        return self._lately.value - self._fastest.value

    @property
    def spread_s(self) -> float:
        """Between the fastest and the slowest lately."""
        return -self._slowest.value - self._lately.value

    def accept(self, now: float) -> None:
        """It is no queue: the way is as long as it is lately."""
        self._fastest = Lowest(LOWEST_S)
        self._fastest.take(self._lately.value, now)


class Uplink:
    """What one publisher's link carries, from how long its packets are on the way (abs-send-time).

    Only differences are known: the way of each packet compared with the fastest lately. The estimate falls to a share of what arrives when
    a queue stands, and grows otherwise, whatever is sent: a publisher that sends little for lack of a wish must not be held to that
    little (it would never send its larger layers again).
    """

    __slots__ = (
        "_arriving_bps", "_at", "_calm_bps", "_delay", "_estimate", "_flat_since", "_lowered_at", "_rest_s", "_rest_until", "_sent",
        "_way", "_weak_since", "_window_at", "_window_octets", "loss", "octets", "pictures",
    )  # fmt: skip

    def __init__(self) -> None:
        self.octets = 0
        """Counted by the caller, for every packet; padding and repeats included."""
        self._sent = -1
        self._at = 0.0
        self._delay = 0.0
        self._way = Way()
        self._flat_since = 0.0
        self._calm_bps = self._estimate = float(UPLINK_START_BPS)
        """The estimate when no queue stood last."""
        self._lowered_at = 0.0
        self._window_at = 0.0
        self._window_octets = 0
        self._arriving_bps = 0.0
        self.loss = 0.0
        """Share of packets that did not come lately (0…1), as the caller says."""
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
        way = self._way
        way.take(self._delay, now)
        if now - self._window_at >= 0.5:
            self._arriving_bps = (self.octets - self._window_octets) * 8 / (now - self._window_at)
            self._window_at, self._window_octets = now, self.octets
        if way.spread_s > UPLINK_FLAT_S:
            self._flat_since = now
        if way.queue_s <= UPLINK_QUEUE_S:
            self._flat_since, self._calm_bps = now, self._estimate
        elif now - self._flat_since > UPLINK_FLAT_FOR_S and self.loss < LOSS_HIGH:
            way.accept(now)
            self._estimate = self._calm_bps
        elif now - self._lowered_at > UPLINK_PAUSE_S:
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


@dataclass(slots=True)
class _Cut:
    """Less is sent for loss: since when, how much, the budget and the loss before it, and what was lost of what since."""

    at: float
    to_bps: int
    budget_bps: int
    loss: float
    lost: float = 0.0
    expected: int = 0


class Downlink:
    """What one subscriber's link takes.

    A receiver's REMB is at most about 1.5 times what it receives: by itself a small value says nothing. Even a falling one may only mean
    that the receiver's processor is busy: it counts together with loss or a grown round trip. Loss alone does not say whether the line is too
    narrow or loses whatever is sent, and a round trip that grew not whether there is a queue or a longer way: less than arrives is sent for a
    while (a cut), and what changes tells. A REMB that stands below what arrives says that it is too narrow.

    Where more is wanted than the budget allows, padding is sent on top for PROBE_S; if that went through without trouble, the budget grows to
    what was carried; trouble while a probe is judged is the probe's and costs only the probe. When it did not go through, or after a cut, the
    next ones are smaller.
    """

    def __init__(self) -> None:
        self.budget_bps = DOWNLINK_START_BPS
        self.loss = 0.0
        """Share of packets lost lately (0…1)."""
        self.probe_bps = 0
        """Padding to send on top at present, bit/s."""
        self._lost = 0.0
        self._expected = 0.0
        self._told_at = 0.0
        self._floor = 0.0
        self._cut: _Cut | None = None
        self._spares = True
        self._remb_bps = 0
        self._remb_at = 0.0
        self._low_since = float("inf")
        """Since when the REMB stands below what arrives; infinite: it does not."""
        self._trip_s = 0.0
        self._busy_until = float("-inf")
        self._queued_at = float("-inf")
        self._shortest = Lowest(LOWEST_S)
        self._steady_s = 0.0
        self._steady_since = 0.0
        self._calm_bps = DOWNLINK_START_BPS
        """The budget when nothing queued up last."""
        self._probe_at = 0.0
        self._judged_at = 0.0
        self._carried_bps = 0
        """What was sent in the probe that is being judged; 0: none is."""
        self._probe_failed = False
        self._probe_lost = 0.0
        self._probe_expected = 0
        self._factor = PROBE_FACTOR

    @property
    def _trouble(self) -> bool:
        return self._queueing or self._excess > LOSS_HIGH

    @property
    def _excess(self) -> float:
        """The loss beyond what the line loses whatever is sent."""
        return self.loss - self._floor

    def estimate(self, bits_per_second: int, sending_bps: int, now: float) -> None:
        """Take a REMB, of all that comes; `sending_bps` is what this subscriber gets at present."""
        if now < self._busy_until:
            return
        fell = bits_per_second < self._remb_bps * 0.97
        grew = bits_per_second > self._remb_bps * 1.005
        self._remb_bps, self._remb_at = bits_per_second, now
        # In a cut it falls because less is sent.
        if fell and self._trouble and self._cut is None:
            self._lower(bits_per_second, now)
        if grew or bits_per_second >= LOW_SHARE * (1 - self.loss) * sending_bps:
            self._low_since = float("inf")
        else:
            self._low_since = min(self._low_since, now)
        if self._narrow(now) and (self._trouble or self.loss > LOSS_HIGH):
            self._lower(bits_per_second, now)

    def receiver_busy(self, now: float) -> None:
        """Note that the receiver's processor is busy: its REMB and round trips say nothing of the line for BUSY_S, only what is lost does."""
        if now >= self._busy_until:
            # What was taken for a queue until now was its waiting for the processor.
            self.budget_bps = max(self.budget_bps, self._calm_bps)
        self._busy_until = now + BUSY_S
        self._low_since = float("inf")
        self._trip_s = 0.0

    def _narrow(self, now: float) -> bool:
        """Whether the receiver has been saying for a while that less than what arrives would be the right amount."""
        return now - self._low_since > LOW_FOR_S and now - self._remb_at < LOW_FOR_S

    def round_trip(self, seconds: float, now: float) -> None:
        """Take one measured round trip."""
        if now < self._busy_until:
            return
        self._shortest.take(seconds, now)
        if self._carried_bps and seconds > max(
            self._shortest.value + PROBE_QUEUE_S, self._shortest.value * PROBE_QUEUE_SHARE
        ):
            self._fail_probe()
        # A line without pictures is reported every five seconds only: that its queue is empty must not take four reports.
        weight = 0.7 if seconds < self._trip_s else 0.3
        self._trip_s = seconds if not self._trip_s else (1 - weight) * self._trip_s + weight * seconds
        if abs(seconds - self._steady_s) > max(STEADY_LEAST_S, STEADY_SHARE * self._steady_s):
            self._steady_s, self._steady_since = seconds, now
        if not self._queueing:
            self._calm_bps = self.budget_bps
        elif (
            now - max(self._steady_since, self._judged_at + PROBE_ECHO_S) >= STEADY_S
            and self._excess < LOSS_HIGH_QUEUED
            and not self._narrow(now)
        ):
            self._shortest = Lowest(LOWEST_S)
            self._shortest.take(seconds, now)
            self._trip_s = seconds
            self.budget_bps = max(self.budget_bps, self._calm_bps)

    def congested(self, now: float) -> bool:
        """Whether packets queue up, or did a moment ago: what is lost is lost for want of room, and to send it twice would only make it worse."""
        return self._queueing or self._narrow(now) or now - self._queued_at < CONGESTED_S

    @property
    def _queueing(self) -> bool:
        shortest = self._shortest.value
        return self._trip_s > max(shortest + QUEUE_S, shortest * 1.25)

    def lose(self, lost: float, expected: int, sending_bps: int, now: float) -> None:
        """Take what one report says: of `expected` packets since the one before, `lost` did not come."""
        if self._carried_bps:
            # What is lost while a probe is judged is the probe's, and says nothing of the line without it.
            self._probe_lost += lost
            self._probe_expected += expected
            if self._probe_excess > LOSS_HIGH:
                self._fail_probe()
            return
        passed, self._told_at = now - self._told_at, now
        kept = 0.5 ** (passed / LOSS_HALF_LIFE_S)
        self._lost = kept * self._lost + lost
        self._expected = kept * self._expected + expected
        self.loss = self._lost / max(self._expected, LOSS_PACKETS_MIN)
        if self.loss < self._floor:
            self._floor += (1 - 0.5 ** (passed / FLOOR_HALF_LIFE_S)) * (self.loss - self._floor)
        if self._cut is not None:
            if now - self._cut.at >= CUT_TOLD_AFTER_S:
                self._cut.lost += lost
                self._cut.expected += expected
            if now - self._cut.at >= CUT_SHOWS_AFTER_S and self._cut.expected >= LOSS_PACKETS_MIN:
                self._judge_cut(self._cut, sending_bps, now)
        elif self._excess > (LOSS_HIGH_QUEUED if self._queueing else LOSS_HIGH) and sending_bps:
            self._cut = _Cut(now, int(sending_bps * (1 - self.loss) * CUT), self.budget_bps, self.loss)
            spared = CUT_SPARES_BPS if self._spares and not self._queueing else 0
            self._lower(max(spared, self._cut.to_bps), now)
            self._factor = PROBE_CAREFUL_FACTOR

    @property
    def _probe_excess(self) -> float:
        return self._probe_lost / max(self._probe_expected, PROBE_PACKETS_MIN) - self._floor

    def _fail_probe(self) -> None:
        self._probe_failed = True
        self.probe_bps = 0

    def _judge_cut(self, cut: "_Cut", sending_bps: int, now: float) -> None:
        """Whether less was lost because less was sent."""
        self._cut = None
        after = cut.lost / cut.expected
        made = sending_bps <= CUT_MADE * cut.to_bps
        emptied = self._queueing and self._steady_since > cut.at
        still_lost = after > STILL_LOST * cut.loss
        self._spares = made or not still_lost
        if still_lost and made and not emptied and not self._narrow(now):
            # As much is lost of less, and what looked like a queue did not become shorter: not for lack of room. Wireless lines do that.
            self._floor = after
            self.budget_bps = max(self.budget_bps, cut.budget_bps)

    def _lower(self, bits_per_second: float, now: float) -> None:
        if self._carried_bps:
            self._fail_probe()
            return
        self.budget_bps = max(DOWNLINK_MIN_BPS, min(self.budget_bps, int(bits_per_second)))
        self._probe_at = now + PROBE_AFTER_S

    def tick(self, sending_bps: int, needed_bps: int, now: float) -> None:
        """Called about once a second: begin a probe where more is needed than allowed, end the one that ran its time.

        A receiver that estimates more than the budget has seen that much go through: then no probe is needed.
        """
        if self._queueing:
            self._queued_at = now
        told_now = now - self._remb_at < LOW_FOR_S
        if told_now and self._remb_bps > self.budget_bps and needed_bps > self.budget_bps and not self._trouble:
            self.budget_bps = min(DOWNLINK_MAX_BPS, self._remb_bps)
        if self._carried_bps:
            if now >= self._judged_at:
                self._judge(now)
        elif (
            needed_bps > self.budget_bps
            and now >= self._probe_at
            and self._excess < LOSS_HIGH / 2
            and not self._queueing
        ):
            aim = min(needed_bps * 1.1, self.budget_bps * self._factor, self._boldest_bps(sending_bps))
            if aim <= self.budget_bps:
                return  # the budget is not what is in the way
            self.probe_bps = max(PROBE_MIN_BPS, int(aim) - sending_bps)
            self._carried_bps = sending_bps + self.probe_bps
            self._probe_failed = False
            self._probe_lost, self._probe_expected = 0.0, 0
            self._judged_at = now + PROBE_S + PROBE_SHOWS_AFTER_S

    def _boldest_bps(self, sending_bps: int) -> int:
        return min(DOWNLINK_MAX_BPS, max(PROBE_ALWAYS_BPS, PROBE_TIMES_MAX * sending_bps))

    def padded(self) -> None:
        """The padding of the probe has been sent."""
        self.probe_bps = 0

    def _judge(self, now: float) -> None:
        """Grow by what the probe has shown."""
        carried, self._carried_bps = self._carried_bps, 0
        self.probe_bps = 0
        if self._probe_failed or self._queueing or self._probe_excess >= LOSS_HIGH / 2:
            self._probe_at = now + PROBE_AFTER_S
            self._factor = PROBE_CAREFUL_FACTOR
            return
        self.budget_bps = min(DOWNLINK_MAX_BPS, max(self.budget_bps, carried))
        self._factor = min(PROBE_FACTOR, self._factor * PROBE_CAREFUL_GROWTH)
        # What went well goes on at once, until everything is carried.
        self._probe_at = now
