"""One figure: what was measured, beside whom, and whether the bar was reached."""

import math
import statistics
from collections.abc import Callable, Sequence

import orjson


def tell(
    figure: str,
    unit: str,
    ours: Sequence[float],
    peer: Sequence[float],
    *,
    peer_name: str,
    goal: str,
    met: Callable[[float, float], bool],
) -> bool:
    """Print one figure as a JSON line: medians of the runs, their ratio, the bar as text and whether it was reached.

    `met` gets our median and the peer's (0 where there is no peer).
    """
    mine = statistics.median(ours)
    theirs = statistics.median(peer) if peer else 0.0
    reached = met(mine, theirs)
    line = {
        "figure": figure,
        "unit": unit,
        "ours": round(mine, 4),
        "peer": round(theirs, 4) if peer else None,
        "peer_name": peer_name,
        "ratio": round(mine / theirs, 4) if theirs else None,
        "goal": goal,
        "met": reached,
        "runs": len(ours),
    }
    print(orjson.dumps(line).decode(), flush=True)
    return reached


def tell_at_most(figure: str, unit: str, ours: Sequence[float], most: float) -> bool:
    """Print a figure without a peer, whose bar is that the median is at most `most`, in its own unit."""
    return tell(figure, unit, ours, [], peer_name="", goal=f"<= {most:g}", met=lambda mine, _: mine <= most)


def p95(values: Sequence[float]) -> float:
    """The value that 95 % of `values` do not exceed (nearest rank), in their unit; infinite when there are none."""
    return sorted(values)[math.ceil(len(values) * 0.95) - 1] if values else math.inf
