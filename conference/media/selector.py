"""Who is heard: pure policy, no packets and no clock of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

AUDIBLE_DB = 60.0
"""A level above this (in -dBov) counts as silence: nobody takes a place with it."""

HYSTERESIS_DB = 6.0
"""How much louder a challenger must be than the one it replaces."""

HOLD_S = 1.5
"""Who has just come in keeps the place at least this long."""


@dataclass(slots=True)
class Speaking:
    """Who has the places of the loudest, loudest first, and since when (monotonic seconds)."""

    order: list[str]
    since: dict[str, float]


def loudest(levels: Mapping[str, float], present: Speaking, places: int, now: float) -> Speaking:
    """The participants for the `places` places, given each one's level in -dBov (0 loudest, 127 silent).

    As long as there are places, everyone has one, silent or not, so that no first word is lost. Beyond that a challenger must be audible,
    HYSTERESIS_DB louder than the quietest holder, and that holder must have held for HOLD_S.
    """
    holders = [name for name in present.order if name in levels]
    waiting = sorted((name for name in levels if name not in holders), key=lambda name: (levels[name], name))
    since = {name: present.since.get(name, now) for name in holders}
    while waiting and len(holders) < places:
        name = waiting.pop(0)
        holders.append(name)
        since[name] = now
    for challenger in waiting:
        if levels[challenger] > AUDIBLE_DB:
            break
        weakest = max(holders, key=lambda name: (levels[name], name), default=None)
        if weakest is None or levels[weakest] - levels[challenger] < HYSTERESIS_DB or now - since[weakest] < HOLD_S:
            break
        holders.remove(weakest)
        del since[weakest]
        holders.append(challenger)
        since[challenger] = now
    holders = holders[:places]
    return Speaking(sorted(holders, key=lambda name: (round(levels[name] / HYSTERESIS_DB), name)), since)


def heard_by(listener: str, speaking: Sequence[str], slots: Sequence[str | None]) -> list[str | None]:
    """Which speaker each of the listener's sound slots plays: never the listener; who is already in a slot stays in it."""
    wanted = [name for name in speaking if name != listener][: len(slots)]
    result: list[str | None] = [name if name in wanted else None for name in slots]
    for name in wanted:
        if name not in result:
            result[result.index(None)] = name
    return result
