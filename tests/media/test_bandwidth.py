"""What a line carries: the budget of a receiver goes up by probes, a weak sender rests its camera."""

from types import SimpleNamespace

import pytest

from conference.media import rtcp
from conference.media.bandwidth import (
    BUSY_S,
    DOWNLINK_START_BPS,
    PICTURES_REST_MAX_S,
    PROBE_AFTER_S,
    PROBE_S,
    PROBE_SHOWS_AFTER_S,
    Downlink,
    Uplink,
)
from conference.media.downstream import ROUND_TRIP_START_S
from tests.media.fuzz import Bench
from tests.relay import Line

NEEDED_BPS = 3_000_000


def congested() -> Downlink:
    """A line whose queue has grown, and whose receiver told 500 kbit/s at time 10."""
    link = Downlink()
    link.round_trip(0.02, 8.0)
    link.estimate(900_000, 800_000, 9.0)
    for _ in range(10):
        link.round_trip(0.4, 9.5)
    link.estimate(500_000, 800_000, 10.0)
    return link


def calm(link: Downlink, now: float = 10.0) -> None:
    """The queue is empty again."""
    for _ in range(30):
        link.round_trip(0.02, now)
        link.lose(0.0, 100, 0, now)


def test_a_falling_estimate_counts_only_with_trouble() -> None:
    link = Downlink()
    link.round_trip(0.02, 0.5)
    link.estimate(900_000, 800_000, 1.0)
    link.estimate(500_000, 800_000, 2.0)
    assert link.budget_bps == DOWNLINK_START_BPS
    assert congested().budget_bps == 500_000


def test_a_busy_computer_s_delays_make_no_narrow_line_and_its_losses_count() -> None:
    link = congested()
    link.receiver_busy(10.5)
    assert link.budget_bps == DOWNLINK_START_BPS, "what looked like a queue was the computer's"
    for second in range(11, 11 + int(BUSY_S)):
        link.round_trip(0.4, float(second))
        link.estimate(50_000, 800_000, float(second))
        link.receiver_busy(float(second))
    assert link.budget_bps == DOWNLINK_START_BPS
    for tenth in range(40):
        link.lose(20.0, 100, 800_000, 26.0 + tenth / 10)
    assert link.budget_bps < 800_000


def test_a_computer_that_is_busy_no_more_is_believed_again() -> None:
    link = congested()
    link.receiver_busy(10.5)
    later = 10.5 + BUSY_S
    link.round_trip(0.02, later)
    for _ in range(10):
        link.round_trip(0.4, later)
    link.estimate(60_000, 800_000, later)
    link.estimate(50_000, 800_000, later + 0.1)
    assert link.budget_bps == 50_000


def test_more_is_allowed_only_after_padding_went_through() -> None:
    link = congested()
    calm(link)
    link.tick(400_000, NEEDED_BPS, 10.0 + 0.1)
    begin = 10.0 + PROBE_AFTER_S
    link.tick(400_000, NEEDED_BPS, begin)
    assert link.probe_bps == 600_000 and link.budget_bps == 500_000
    link.padded()
    link.tick(400_000, NEEDED_BPS, begin + PROBE_S)
    assert link.budget_bps == 500_000, "not before the receiver has told how it was"
    link.tick(400_000, NEEDED_BPS, begin + PROBE_S + PROBE_SHOWS_AFTER_S)
    assert (link.probe_bps, link.budget_bps) == (0, 1_000_000)
    link.tick(400_000, NEEDED_BPS, begin + PROBE_S + PROBE_SHOWS_AFTER_S)
    assert link.probe_bps > 0, "what went well goes on at once"


def test_what_the_receiver_has_seen_go_through_is_allowed_at_once() -> None:
    link = congested()
    calm(link)
    link.estimate(2_000_000, 400_000, 11.0)
    link.tick(400_000, NEEDED_BPS, 11.0)
    assert link.budget_bps == 2_000_000


def test_a_probe_that_meets_trouble_changes_nothing_and_the_next_is_smaller() -> None:
    link = congested()
    calm(link)
    begin = 10.0 + PROBE_AFTER_S
    link.tick(400_000, NEEDED_BPS, begin)
    link.lose(200, 300, 400_000, begin + 1.0)
    assert link.probe_bps == 0 and link.budget_bps == 500_000
    judged = begin + PROBE_S + PROBE_SHOWS_AFTER_S
    link.tick(400_000, NEEDED_BPS, judged)
    calm(link, judged)
    link.tick(400_000, NEEDED_BPS, judged + PROBE_AFTER_S - 0.1)
    assert (link.probe_bps, link.budget_bps) == (0, 500_000)
    link.tick(400_000, NEEDED_BPS, judged + PROBE_AFTER_S)
    assert link.probe_bps == 275_000


def test_a_line_that_loses_whatever_is_sent_keeps_its_budget() -> None:
    link = Downlink()
    link.round_trip(0.02, 0.5)
    at = 100.0
    for _ in range(12):
        at += 1.0
        link.lose(40, 200, link.budget_bps, at)
    assert link.budget_bps == DOWNLINK_START_BPS
    link.lose(150, 200, link.budget_bps, at + 1)
    assert link.budget_bps < DOWNLINK_START_BPS, "more than that counts again"


def test_nothing_is_probed_for_what_nobody_needs() -> None:
    link = congested()
    calm(link)
    link.tick(400_000, 450_000, 60.0)
    assert link.probe_bps == 0


def test_no_probe_strikes_a_line_that_carries_little_with_all_that_might_be_wanted() -> None:
    link = Downlink()
    link.tick(300_000, 2 * DOWNLINK_START_BPS, 60.0)
    assert link.probe_bps == 0
    link.tick(1_500_000, 2 * DOWNLINK_START_BPS, 61.0)
    assert 0 < link.probe_bps <= 4_500_000


def test_a_line_over_which_all_are_silent_is_probed_all_the_same() -> None:
    link = congested()
    calm(link)
    link.budget_bps = 50_000
    link.tick(0, NEEDED_BPS, 60.0)
    assert link.probe_bps > 50_000


def send(link: Uplink, begin: float, seconds: float, queue_s: float, octets: int = 8_000) -> float:
    """`octets` a second arrive, each packet `queue_s` a second later on its way than the one before; the time after it."""
    at, delay = begin, 0.0
    while at < begin + seconds:
        at += 0.02
        delay += queue_s * 0.02
        link.octets += octets // 50
        link.sample(int((at - delay) * 262144) & 0xFFFFFF, at)
        if round(at * 50) % 50 == 0:
            link.settle(1.0, at)
    return at


def test_a_line_too_weak_for_a_camera_rests_it_and_tries_again() -> None:
    link = Uplink()
    at = send(link, 100.0, 3.0, 0.0)
    assert link.pictures
    at = send(link, at, 5.0, 0.3)
    assert not link.pictures
    at = send(link, at, PICTURES_REST_MAX_S + 1.0, 0.0)
    assert link.pictures, "back within the time that the room promises"


def test_a_stall_that_drains_at_once_costs_nobody_their_picture() -> None:
    link = Uplink()
    at = 100.0
    for stall_s in (0.2, 0.5, 1.0, 2.0):
        at = send(link, at, 3.0, 0.0)
        link.sample(int((at - stall_s) * 262144) & 0xFFFFFF, at + 0.02)
        link.octets += int(8_000 * stall_s)
        at = send(link, at + 0.02, 1.0, 0.0)
        assert link.pictures and link.estimate_bps > 2_000_000


def test_a_queue_that_stands_lowers_the_estimate_to_what_arrives() -> None:
    link = Uplink()
    at = send(link, 100.0, 3.0, 0.0, octets=50_000)
    send(link, at, 2.0, 0.3, octets=50_000)
    assert 300_000 < link.estimate_bps < 400_000


def test_one_packet_lost_of_a_few_is_no_trouble_and_many_of_many_are() -> None:
    link = Downlink()
    for _ in range(5):
        link.lose(2, 10, 85_000, 10.0)
    assert link.budget_bps == DOWNLINK_START_BPS
    for _ in range(5):
        link.lose(30, 150, 400_000, 11.0)
    assert 0.15 < link.loss < 0.25
    assert link.budget_bps < 400_000


def test_loss_is_told_truly_however_many_reports_tell_it() -> None:
    link = Downlink()
    link.lose(50.0, 250, 100_000, 10.0)
    for step in range(1, 50):
        link.lose(float(step % 5 == 0), 5 * (step % 5 == 0), 100_000, 10.0 + step / 25)
    assert 0.19 < link.loss < 0.21


def test_what_came_again_was_lost_all_the_same() -> None:
    downstream = Bench().watcher.downstream
    slot = downstream.slots["v0"]
    slot.reported, slot.asked = 1000, 40
    downstream.take_feedback(rtcp.Feedback(blocks=[rtcp.ReportBlock(slot.ssrc, 0, 0, 1200, 0, 0, 0)]), 1.0)
    assert (downstream.link.loss, slot.asked) == (0.2, 0)


def test_a_way_to_a_receiver_that_became_longer_is_no_queue() -> None:
    link = congested()
    for second in range(4):
        link.round_trip(0.62, 10.0 + second)
        link.lose(2.0, 100, 400_000, 10.0 + second)
    assert link.budget_bps == DOWNLINK_START_BPS
    link.estimate(300_000, 800_000, 14.0)
    assert link.budget_bps == DOWNLINK_START_BPS


def test_a_full_queue_that_loses_is_no_longer_way() -> None:
    link = congested()
    for second in range(10):
        link.round_trip(0.62, 10.0 + second)
        link.lose(20.0, 100, 400_000, 10.0 + second)
    assert link.budget_bps <= 500_000


def test_a_way_from_a_sender_that_became_longer_costs_it_no_picture() -> None:
    link = Uplink()
    at = send(link, 100.0, 3.0, 0.0)
    before = link.estimate_bps
    link.octets += 160
    link.sample(int((at - 0.28) * 262144) & 0xFFFFFF, at + 0.02)
    at += 0.02
    end = at + 6.0
    while at < end:
        at += 0.02
        link.octets += 160
        link.sample(int((at - 0.3) * 262144) & 0xFFFFFF, at)
        if round(at * 50) % 50 == 0:
            link.settle(1.0, at)
            assert link.pictures
    assert link.estimate_bps >= before


def test_each_sender_report_measures_one_round_trip() -> None:
    downstream = Bench().watcher.downstream
    slot = downstream.slots["v0"]
    at = rtcp.ntp_time(1.0 - 0.5) >> 16 & 0xFFFFFFFF
    through_a_full_line = rtcp.ReportBlock(slot.ssrc, 0, 0, 100, 0, at, 0)
    downstream.take_feedback(rtcp.Feedback(blocks=[through_a_full_line]), 1.0)
    measured = downstream.round_trip_s
    assert measured > ROUND_TRIP_START_S
    # While the slot is dark no other sender report goes out, and the receiver echoes this one with every report of the others.
    for second in range(2, 30):
        downstream.take_feedback(rtcp.Feedback(blocks=[through_a_full_line]), float(second))
    assert downstream.round_trip_s == measured


PACKET_BYTES = 200
VOICE_SENT_BPS = 60_000
WISH_BPS = 300_000


def hold(link: Downlink, line: Line, seconds: int, at: float = 100.0) -> tuple[float, float]:
    """`seconds` over a line, with no estimate of the receiver's: what is sent fills the budget, but never less than a voice; more is always wanted.

    Returns the share that was lost in the second half, and the mean budget (bit/s) in it.
    """
    lost_late, sent_late, budgets = 0, 0, 0
    for second in range(seconds):
        sending = max(VOICE_SENT_BPS, min(link.budget_bps, WISH_BPS))
        probe = link.probe_bps
        lost, expected, arrived = 0, 0, at
        for tenth in range(10):
            padding = probe if tenth < PROBE_S * 10 else 0
            for kind, rate in (("media", sending), ("padding", padding)):
                for number in range(int(rate / 10 / 8 / PACKET_BYTES)):
                    now = at + tenth / 10 + number * 8 * PACKET_BYTES / rate
                    went = line.admit(now, PACKET_BYTES)
                    if kind == "media":
                        expected += 1
                        lost += went is None
                        arrived = went - now if went is not None else arrived
            if tenth == PROBE_S * 10 and probe:
                link.padded()
                link.round_trip(0.02 + arrived, at + tenth / 10)
        at += 1.0
        link.round_trip(0.02 + arrived, at)
        link.lose(lost, expected, sending, at)
        link.tick(sending, 2 * WISH_BPS, at)
        if second >= seconds // 2:
            lost_late, sent_late, budgets = lost_late + lost, sent_late + expected, budgets + link.budget_bps
    return lost_late / sent_late, budgets / (seconds - seconds // 2)


@pytest.mark.parametrize("carries_bps", [80_000, 130_000, 200_000, 280_000])
def test_a_narrow_line_is_not_taken_for_a_lossy_one(carries_bps: int) -> None:
    lost, budget = hold(Downlink(), Line(rate_bps=carries_bps), 120)
    assert lost < 0.08
    assert 0.5 * carries_bps < min(budget, WISH_BPS) < 1.3 * carries_bps


@pytest.mark.parametrize("share", [0.05, 0.12, 0.2, 0.3])
def test_a_lossy_line_is_not_taken_for_a_narrow_one(share: float) -> None:
    lost, budget = hold(Downlink(), Line(loss=share), 60)
    assert lost > share / 2
    assert budget > WISH_BPS


def test_a_long_way_that_loses_is_not_taken_for_a_queue() -> None:
    link = Downlink()
    hold(link, Line(), 20)
    lost, budget = hold(link, Line(loss=0.05, delay_s=0.6), 30, 120.0)
    assert lost > 0.03
    assert budget > WISH_BPS


def test_a_line_that_is_wide_again_is_used_within_fifteen_seconds() -> None:
    link, line = Downlink(), Line(rate_bps=80_000)
    hold(link, line, 60)
    line.rate_bps = 0
    hold(link, line, 15, 160.0)
    assert link.budget_bps > WISH_BPS


def test_what_is_sent_again_takes_no_more_than_half_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench()
    downstream = bench.watcher.downstream
    slot = downstream.slots["v0"]
    sent: list[int] = []
    monkeypatch.setattr(slot, "find", lambda number, now: SimpleNamespace(offset=0, end=1000))
    monkeypatch.setattr(bench.fanout, "retransmit", lambda slot, packet, number, now: sent.append(number))
    downstream.link.budget_bps = 200_000
    for second in (1.0, 2.0):
        downstream.report(second)
        for _ in range(5):
            downstream.take_feedback(rtcp.Feedback(nacks=[(slot.ssrc, list(range(100)))]), second)
    assert 20 <= len(sent) <= 26
    assert bench.counters.dropped["rtx_limited"] >= 2


def test_a_browsers_estimate_is_of_pictures_and_sound_comes_on_top() -> None:
    downstream = Bench().watcher.downstream
    voice = downstream.slots["a0"]
    downstream.link.budget_bps = 50_000
    downstream.needed_bps = NEEDED_BPS
    downstream.report(100.0)
    voice._octets += 7_500
    downstream.report(101.0)
    downstream.take_feedback(rtcp.Feedback(estimate=100_000), 101.5)
    downstream.report(102.0)
    assert downstream.link.budget_bps == 160_000
