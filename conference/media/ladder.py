"""The ladder: what a line carries for each picture slot: a layer, a smaller one, fewer frames, stills, or nothing but speech.

Pure policy, no packets, no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

VOICES_MAX = 3
VOICE_BPS = 50_000
"""One voice on the wire: Opus at 24 kbit/s, and 60 bytes of headers and tag fifty times a second. Silence costs nothing (DTX)."""

REDUNDANT_VOICE_BPS = 100_000
"""One whose every word is sent three times."""

HEIGHT_SLACK = 0.8
"""A layer is large enough when it has 80 % of the wanted height: 360 lines do for 400 pixels."""

BACK_SLACK = 1.3
"""A picture gets more than it has only with room to spare: each change costs a key frame, and nobody can watch pictures that come and go."""
STILL_FASTEST_S = 1.0
STILL_SLOWEST_S = 5.0
"""Key frames alone, one in one to five seconds; what does not carry even that carries no picture."""

Step = Literal["full", "smaller", "slower", "stills", "speech"]
"""What a line carries at present: every picture as large as wanted, some smaller, some with fewer frames, some as stills, or none of them."""


@dataclass(slots=True, frozen=True)
class Layer:
    """One layer of a picture, as it arrives now or would: its name, height in lines, bit/s, and whether it is without some of its frames."""

    rid: str
    height: int
    bitrate_bps: int
    slow: bool = False


@dataclass(slots=True, frozen=True)
class Want:
    """A picture slot's wish: the layers there are (lowest first), and the height at which it is shown, in device pixels.

    `still_bits` is the size of one key frame of the lowest layer; `holds` the number of the layer that it shows moving at present (-1: none).
    """

    slot: str
    layers: tuple[Layer, ...]
    height: int
    screen: bool = False
    speaking: bool = False
    still_bits: int = 64_000
    holds: int = -1

    def has_room(self, index: int, more_bps: int, left_bps: int) -> bool:
        """Whether layer number `index`, which costs `more_bps`, has room in `left_bps`."""
        return more_bps * (1.0 if index <= self.holds else BACK_SLACK) <= left_bps

    @property
    def needed_bps(self) -> int:
        """The room in which it would get the layer that is large enough."""
        index = self.large_enough
        return int(self.layers[index].bitrate_bps * (1.0 if index <= self.holds else BACK_SLACK))

    @property
    def large_enough(self) -> int:
        """The lowest layer that has the wanted height and all frames, or the highest."""
        heights = [layer.height >= self.height * HEIGHT_SLACK and not layer.slow for layer in self.layers]
        return heights.index(True) if True in heights else len(heights) - 1


@dataclass(slots=True, frozen=True)
class Choice:
    """What a slot gets: a layer (None: nothing), moving (`every_s` 0), perhaps with fewer frames, or as one still in so many seconds."""

    rid: str | None
    every_s: float = 0.0
    slow: bool = False


@dataclass(slots=True, frozen=True)
class Plan:
    """What each slot gets, what that makes of the line, and how many bit/s would carry everything as wanted."""

    choices: dict[str, Choice]
    step: Step
    needed_bps: int


def voices(budget_bps: int) -> int:
    """How many voices a line carries at once: the loudest always, all three where there is room."""
    return max(1, min(VOICES_MAX, budget_bps // VOICE_BPS))


def allocate(wants: Sequence[Want], budget_bps: int, speaking: int, voice_bps: int = VOICE_BPS) -> Plan:
    """Share the budget: sound first, then every picture its lowest layer, then stills for the others, then larger layers.

    `speaking`: how many have been heard at once lately; `voice_bps`: what each of them takes. Shared screens come first, then who speaks, then
    the slots in their order; none gets a layer beyond its wanted height. More budget never makes less room for pictures.
    """
    ordered = sorted((want for want in wants if want.layers), key=lambda want: (not want.screen, not want.speaking))
    left = max(0, budget_bps - voice_bps * max(1, min(VOICES_MAX, speaking)))
    moving: dict[str, int] = {}
    standing: list[Want] = []
    for want in ordered:
        lowest = want.layers[0].bitrate_bps
        if want.has_room(0, lowest, left):
            moving[want.slot] = 0
            left -= lowest
        else:
            standing.append(want)
    stills, every_s, spent = _stills(standing, left)
    _raise_layers(ordered, moving, left - spent)
    choices = {want.slot: Choice(None) for want in wants}
    choices |= {want.slot: Choice(want.layers[0].rid, every_s) for want in stills}
    by_slot = {want.slot: want for want in ordered}
    chosen = {slot: by_slot[slot].layers[index] for slot, index in moving.items()}
    choices |= {slot: Choice(layer.rid, slow=layer.slow) for slot, layer in chosen.items()}
    needed = VOICE_BPS * VOICES_MAX + sum(want.needed_bps for want in ordered)
    return Plan(choices, _step(ordered, moving, stills), needed)


def _stills(standing: Sequence[Want], left: int) -> tuple[list[Want], float, int]:
    """Which pictures come as stills, one in how many seconds, and what that costs (bit/s): the last wish goes first when it is too much."""
    chosen = list(standing)
    while chosen:
        bits = sum(want.still_bits for want in chosen)
        if bits <= left * STILL_SLOWEST_S:
            every_s = max(STILL_FASTEST_S, bits / left)
            return chosen, every_s, int(bits / every_s)
        chosen.pop()
    return [], 0.0, 0


def _raise_layers(ordered: Sequence[Want], moving: dict[str, int], left: int) -> None:
    raised = True
    while raised:
        raised = False
        for want in ordered:
            index = moving.get(want.slot)
            if index is None or index >= want.large_enough:
                continue
            extra = want.layers[index + 1].bitrate_bps - want.layers[index].bitrate_bps
            if want.has_room(index + 1, extra, left):
                moving[want.slot] = index + 1
                left -= extra
                raised = True


def _step(ordered: Sequence[Want], moving: dict[str, int], stills: Sequence[Want]) -> Step:
    if all(moving.get(want.slot, -1) >= want.large_enough for want in ordered):
        return "full"
    if len(moving) == len(ordered):
        return "slower" if any(want.layers[moving[want.slot]].slow for want in ordered) else "smaller"
    return "stills" if moving or stills else "speech"
