"""One figure: what was measured, beside whom, and whether the bar was reached."""

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
