"""How large text must be to be read from the farthest seat, for a screen of a given size."""

import math

TARGET_ARCMIN = 20.0
"""Ordinary text, in minutes of arc at the farthest seat."""

LEAST_ARCMIN = 16.0
"""No text on the wall is smaller than this."""


def share_of_diagonal(diagonal_in: float, distance_m: float, arcmin: float) -> float:
    """Height of text that fills `arcmin` minutes of arc at `distance_m` metres, as a share of the screen's diagonal (inches).

    Visual angle: h = 2 d tan(a / 2); at 20 minutes d / 172, at 16 minutes d / 215 (ISO 9241-303 section 5.5.4 on character height).
    Raises ValueError for sizes that are not positive.
    """
    if not (diagonal_in > 0 and distance_m > 0 and arcmin > 0):
        raise ValueError("diagonal, distance and angle must be positive")
    height_m = 2 * distance_m * math.tan(math.radians(arcmin / 60) / 2)
    return height_m / (diagonal_in * 0.0254)
