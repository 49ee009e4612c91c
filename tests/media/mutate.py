"""Mutations of real packets, the same for the same seed: bits, bytes, lengths, cuts, splices and repeats."""

import random

INTERESTING = (
    0,
    1,
    2,
    0x0F,
    0x10,
    0x1F,
    0x20,
    0x3F,
    0x40,
    0x7F,
    0x80,
    0x90,
    0xB0,
    0xBE,
    0xC8,
    0xCD,
    0xCE,
    0xDE,
    0xFE,
    0xFF,
)
GROWTH_MAX = 1600
LENGTHS = (400, 800, 1000, 1200, 1275, 1400, 1434, 1450, 1500, 1512)


class Mutator:
    """Endless mutations of `seeds`."""

    def __init__(self, seeds: list[bytes], seed: int) -> None:
        self._seeds = seeds
        self._dice = random.Random(seed)

    def next(self) -> bytes:
        """One mutated packet, at most GROWTH_MAX bytes."""
        dice = self._dice
        data = bytearray(dice.choice(self._seeds))
        for _ in range(1 + int(dice.random() * dice.random() * 6)):
            self._change(data)
        return bytes(data[:GROWTH_MAX])

    def _change(self, data: bytearray) -> None:
        dice = self._dice
        if not data:
            data += dice.randbytes(dice.randrange(40))
            return
        # Most of what decides stands at the front.
        at = dice.randrange(len(data)) if dice.random() < 0.5 else dice.randrange(min(24, len(data)))
        how = dice.randrange(9)
        if how == 0:
            data[at] ^= 1 << dice.randrange(8)
        elif how == 1:
            data[at] = dice.choice(INTERESTING)
        elif how == 2:
            data[at] = dice.randrange(256)
        elif how == 3:
            del data[at:]
        elif how == 4:
            del data[at : at + 1 + dice.randrange(8)]
        elif how == 5:
            data[at:at] = dice.randbytes(1 + dice.randrange(12))
        elif how == 6:
            other = dice.choice(self._seeds)
            data[at:] = other[dice.randrange(len(other)) :]
        elif how == 7:
            # As long as a datagram may be, or about so: what is put before or beside it must find room.
            data += dice.randbytes(max(0, dice.choice(LENGTHS) + dice.randrange(-3, 4) - len(data)))
        elif at + 2 <= len(data):
            data[at : at + 2] = dice.choice((0, 1, 4, 0x7FFF, 0x8000, 0xFFFF, len(data))).to_bytes(2, "big")
