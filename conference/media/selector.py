"""Who is heard and how large each picture comes: pure policy, no packets and no clock of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

AUDIBLE_DB = 60.0
"""A level above this (in -dBov) counts as silence: nobody takes a place with it."""

HYSTERESIS_DB = 6.0
"""How much louder a challenger must be than the one it replaces."""

HOLD_S = 1.5
"""Who has just come in keeps the place at least this long."""

AUDIO_RESERVE_BPS = 120_000
HEIGHT_SLACK = 0.8
"""A layer is large enough when it has 80 % of the wanted height: 360 lines do for 400 pixels."""


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


@dataclass(slots=True, frozen=True)
class Layer:
    """One layer of a picture, as it arrives now: its name, height in lines, and bit/s."""

    rid: str
    height: int
    bitrate_bps: int


@dataclass(slots=True, frozen=True)
class Want:
    """A picture slot's wish: the layers there are (lowest first), and the height at which it is shown, in device pixels."""

    slot: str
    layers: tuple[Layer, ...]
    height: int
    screen: bool = False


def allocate(wants: Sequence[Want], budget_bps: int) -> dict[str, str | None]:
    """Which layer (rid) each slot gets within the budget; None: nothing, for lack of room.

    Sound is reserved first. Every slot gets its lowest layer before any gets more; then shared screens, then the slots in their order, go up
    one layer at a time, never beyond the wanted height. A single layer that is the only one is sent as it is.
    """
    left = budget_bps - AUDIO_RESERVE_BPS
    chosen: dict[str, int] = {}
    ordered = sorted(wants, key=lambda want: not want.screen)
    for want in ordered:
        if want.layers and (want.layers[0].bitrate_bps <= left or not chosen):
            chosen[want.slot] = 0
            left -= want.layers[0].bitrate_bps
    raised = True
    while raised:
        raised = False
        for want in ordered:
            index = chosen.get(want.slot)
            if index is None or index + 1 >= len(want.layers):
                continue
            if want.layers[index].height >= want.height * HEIGHT_SLACK:
                continue
            extra = want.layers[index + 1].bitrate_bps - want.layers[index].bitrate_bps
            if extra <= left:
                chosen[want.slot] = index + 1
                left -= extra
                raised = True
    return {want.slot: want.layers[chosen[want.slot]].rid if want.slot in chosen else None for want in wants}
