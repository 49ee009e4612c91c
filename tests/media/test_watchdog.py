"""A media node whose event loop hangs ends by itself, and says where it hung."""

import subprocess
import sys

HANGING = """
import asyncio, time
from conference.media.watchdog import watch_over

async def main():
    guard = asyncio.create_task(watch_over(hung_s=0.5, feed_s=0.1))
    await asyncio.sleep(1.2)
    print("lived", flush=True)
    {then}
    guard.cancel()
    await asyncio.sleep(0)

asyncio.run(main())
time.sleep(0.8)
"""


def _run(then: str) -> subprocess.CompletedProcess[str]:
    code = HANGING.format(then=then)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)


def test_a_loop_that_hangs_ends_its_process_and_says_where() -> None:
    done = _run("time.sleep(20)")
    assert (done.returncode, done.stdout) == (1, "lived\n")
    assert "Timeout" in done.stderr and "in main" in done.stderr


def test_a_loop_that_turns_goes_on_and_is_let_go_at_its_end() -> None:
    done = _run("pass")
    assert (done.returncode, done.stdout, done.stderr) == (0, "lived\n", "")
