"""How large text must be to be read from the farthest seat, for a screen of a given size."""

import math
from dataclasses import dataclass
from typing import Literal

TARGET_ARCMIN = 20.0
"""Ordinary text, in minutes of arc at the farthest seat."""

LEAST_ARCMIN = 16.0
"""No text on the wall is smaller than this."""

LEAST_WIDTH_REM = 30.0
"""Below this width no arrangement of the wall holds together; only then does text shrink below the least size."""

COMFORT_WIDTH_REM = 58.0
"""The width, in root sizes, at which the full arrangement is laid out."""

ROOMY_WIDTH_REM = 64.0
"""Near seats ask for small text; beyond this many root sizes a line the text grows instead, to use the screen that is there."""

Density = Literal["full", "compact"]

COMPACT_BELOW_REM = 48.0
"""Below this width the overview gives the map its place to the lists."""


@dataclass(frozen=True)
class TextSize:
    """What a page needs to set its type."""

    root_px: float
    """Ordinary text, CSS pixels."""
    least_px: float
    """Smallest text, CSS pixels."""
    density: Density


def share_of_diagonal(diagonal_in: float, distance_m: float, arcmin: float) -> float:
    """Height of text that fills `arcmin` minutes of arc at `distance_m` metres, as a share of the screen's diagonal (inches).

    Visual angle: h = 2 d tan(a / 2); at 20 minutes d / 172, at 16 minutes d / 215 (ISO 9241-303 section 5.5.4 on character height).
    Raises ValueError for sizes that are not positive.
    """
    if not (diagonal_in > 0 and distance_m > 0 and arcmin > 0):
        raise ValueError("diagonal, distance and angle must be positive")
    height_m = 2 * distance_m * math.tan(math.radians(arcmin / 60) / 2)
    return height_m / (diagonal_in * 0.0254)


def text_size(diagonal_in: float, distance_m: float, width_px: float, height_px: float) -> TextSize:
    """Type for a screen of `width_px` × `height_px` CSS pixels seen from `distance_m`.

    The target is 20 minutes of arc. Where that leaves less than a comfortable width, ordinary text shrinks towards 16 minutes, never below:
    from then on a scene shows fewer rows. Where the seats are near, text grows until the screen is used.
    """
    diagonal_px = math.hypot(width_px, height_px)
    target = share_of_diagonal(diagonal_in, distance_m, TARGET_ARCMIN) * diagonal_px
    least = share_of_diagonal(diagonal_in, distance_m, LEAST_ARCMIN) * diagonal_px
    # A page of 16:9 proportions is laid out; a squarer or wider screen is held to the side that is short.
    width = min(width_px, height_px * 16 / 9)
    least = min(least, width / LEAST_WIDTH_REM)
    root = max(least, min(target, width / COMFORT_WIDTH_REM), width / ROOMY_WIDTH_REM)
    return TextSize(
        root_px=root, least_px=max(least, root * 0.8), density="compact" if width / root < COMPACT_BELOW_REM else "full"
    )
