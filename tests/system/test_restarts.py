"""How soon `serve` restarts a process that ended."""

import signal

from fenghuo.serve import BACK_OFF_MAX_S, KILLED_BACK_OFF_S, STEADY_S, Child


def test_a_process_that_is_killed_again_and_again_is_restarted_within_half_a_second_each_time() -> None:
    child = Child("web")
    pauses = [child.pause_after(-signal.SIGKILL, lived_s=1) for _ in range(10)]
    assert max(pauses) == KILLED_BACK_OFF_S <= 0.5


def test_a_process_that_cannot_work_is_restarted_ever_more_slowly() -> None:
    child = Child("web")
    pauses = [child.pause_after(1, lived_s=1) for _ in range(8)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0, BACK_OFF_MAX_S)


def test_a_process_that_worked_for_long_is_restarted_at_once() -> None:
    child = Child("web")
    for _ in range(8):
        child.pause_after(1, lived_s=1)
    assert child.pause_after(1, lived_s=STEADY_S + 1) == 0
