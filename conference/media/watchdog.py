"""The watchdog of a process with one event loop: when the loop hangs, the process says where and ends, so that a fresh one can be started."""

import asyncio
import faulthandler

HUNG_S = 20.0
"""A loop that has not turned for so long will not turn again: by then every session on it is lost."""
FEED_S = 2.0


async def watch_over(hung_s: float = HUNG_S, feed_s: float = FEED_S) -> None:
    """Watch over the running loop until cancelled. Its traceback goes to standard error; the process ends with code 1, at once and uncleanly."""
    try:
        while True:
            faulthandler.dump_traceback_later(hung_s, exit=True)
            await asyncio.sleep(feed_s)
    finally:
        faulthandler.cancel_dump_traceback_later()
