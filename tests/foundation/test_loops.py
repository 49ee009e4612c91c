"""Loops, timers and callbacks outlive their exceptions."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from foundation import loops
from foundation.clock import ManualClock
from foundation.loops import SupervisedThread, error_counts, guarded, supervised

WAIT_S = 10.0


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loops, "RESTART_AFTER_S", 0.01)


def raising(error: BaseException) -> Callable[[], None]:
    def act() -> None:
        raise error

    return act


def test_a_turn_that_raises_is_counted_and_the_next_one_comes() -> None:
    before = error_counts().get("guarded", 0)
    for _ in range(3):
        with guarded("guarded"):
            raising(ValueError("a mistake"))()
    assert error_counts()["guarded"] == before + 3


def test_a_loop_that_always_fails_does_not_fill_the_log(
    caplog: pytest.LogCaptureFixture, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loops, "_log_rate", loops._LogRate(clock))

    def fail(times: int) -> None:
        for _ in range(times):
            with guarded("noisy"):
                raising(ValueError("again"))()

    fail(1000)
    assert len(caplog.records) == 1
    clock.advance(loops.LOG_EVERY_S)
    fail(1)
    assert len(caplog.records) == 2
    assert caplog.records[1].__dict__["suppressed"] == 999


@pytest.mark.parametrize("error", [RuntimeError("a mistake"), SystemExit(1), None])
def test_a_thread_that_ended_is_stopped_until_it_runs_again(
    error: BaseException | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    again, seen = threading.Event(), threading.Event()
    starts: list[str] = []

    def wait_for_the_test(_self: threading.Event, _seconds: float | None = None) -> bool:
        seen.set()
        return again.wait(WAIT_S)

    def body(stopping: threading.Event) -> None:
        starts.append(thread.state)
        if len(starts) == 1:
            if error is not None:
                raise error
            return
        running.set()
        threading.Event.wait(stopping)

    running = threading.Event()
    thread = SupervisedThread("ended", body)
    monkeypatch.setattr(thread.stopping, "wait", wait_for_the_test.__get__(thread.stopping))
    before = error_counts().get("ended", 0)
    states: list[str] = [thread.state]
    thread.start()
    assert seen.wait(WAIT_S)
    states.append(thread.state)
    again.set()
    assert running.wait(WAIT_S)
    states.append(thread.state)
    assert states == ["stopped", "stopped", "running"]
    assert starts == ["running", "running"]
    assert error_counts()["ended"] == before + 1
    thread.stop(WAIT_S)
    assert thread.state == "stopped"


def test_a_thread_that_is_told_to_stop_is_not_counted() -> None:
    def body(stopping: threading.Event) -> None:
        stopping.wait()

    thread = SupervisedThread("obedient", body)
    thread.start()
    thread.stop(WAIT_S)
    assert error_counts().get("obedient", 0) == 0


def test_a_task_that_ended_or_raised_is_started_again() -> None:
    starts: list[int] = []

    async def body() -> None:
        starts.append(len(starts))
        if len(starts) == 1:
            raise OSError("the line is gone")
        if len(starts) == 3:
            done.set()
            await asyncio.sleep(WAIT_S)

    async def main() -> None:
        task = asyncio.create_task(supervised("task", body))
        await asyncio.wait_for(done.wait(), WAIT_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    done = asyncio.Event()
    asyncio.run(main())
    assert starts[:3] == [0, 1, 2]
    assert error_counts()["task"] == 2
