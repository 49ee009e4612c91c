"""A made-up map for the demo: twelve villages in a mountain valley, a river with two side brooks, roads, reservoirs, hazard sites.

Nothing of it is surveyed; the collection says so (`synthetic`), and every map then shows 示意数据. Degrees, WGS 84, longitude first (RFC 7946).
"""

import math
import random
from typing import Any

WEST, SOUTH = 98.820, 24.390
EAST, NORTH = 98.960, 24.570
COLUMNS, ROWS = 3, 4
SEED = 530523203
WIGGLE = 0.16
"""How far an inner corner may be moved, as a part of a cell."""
BENDS = 12
"""Points on each border line."""

Point = tuple[float, float]


def village_places(sites: list[str]) -> dict[str, Point]:
    """Where each village lies: (longitude, latitude), one a cell, west to east and north to south."""
    corners = _corners()
    return {site: _middle(corners, *divmod(index, COLUMNS)) for index, site in enumerate(sites)}


def township_map(sites: dict[str, tuple[str, str]]) -> dict[str, Any]:
    """The FeatureCollection for twelve villages, given as id → (Chinese, English) name."""
    corners = _corners()
    features: list[dict[str, Any]] = []
    for index, (site, (zh, en)) in enumerate(sites.items()):
        row, column = divmod(index, COLUMNS)
        features.append(
            _feature("village", "Polygon", [_ring(corners, row, column)], site=site, name_zh=zh, name_en=en)
        )
    features.append(_feature("boundary", "Polygon", [_outline(corners)], name_zh="碧寨乡", name_en="Bizhai township"))
    features.append(_feature("river", "LineString", _river(), name_zh="碧寨河", name_en="Bizhai river"))
    features.append(_feature("river", "LineString", _brook(0.34, 0.86, 0.40), name_zh="梨树沟", name_en="Lishu brook"))
    features.append(_feature("river", "LineString", _brook(0.70, 0.12, 0.62), name_zh="半坡沟", name_en="Banpo brook"))
    features.append(_feature("road", "LineString", _road(), name_zh="乡道", name_en="Township road"))
    dice = random.Random(SEED)
    for number in range(6):
        place = _spot(0.08 + 0.15 * number, dice.uniform(0.12, 0.9))
        features.append(
            _feature("reservoir", "Point", place, name_zh=f"{number + 1}号小水库", name_en=f"Reservoir {number + 1}")
        )
    for number in range(25):
        place = _spot(dice.uniform(0.04, 0.96), dice.uniform(0.05, 0.95))
        features.append(
            _feature("hazard", "Point", place, name_zh=f"地灾点 {number + 1}", name_en=f"Hazard site {number + 1}")
        )
    return {"type": "FeatureCollection", "synthetic": True, "bbox": [WEST, SOUTH, EAST, NORTH], "features": features}


def _feature(kind: str, geometry: str, coordinates: Any, **names: str) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": {"kind": kind, **names},
        "geometry": {"type": geometry, "coordinates": coordinates},
    }


def _spot(x: float, y: float) -> Point:
    return round(WEST + (EAST - WEST) * x, 5), round(SOUTH + (NORTH - SOUTH) * y, 5)


def _corners() -> list[list[tuple[float, float]]]:
    """The corners of the cells in parts of width and height, moved about so that nothing looks drawn with a ruler."""
    dice = random.Random(SEED)
    corners = []
    for row in range(ROWS + 1):
        line = []
        for column in range(COLUMNS + 1):
            x, y = column / COLUMNS, 1 - row / ROWS
            x += dice.uniform(-WIGGLE, WIGGLE) / COLUMNS
            y += dice.uniform(-WIGGLE, WIGGLE) / ROWS
            line.append((min(max(x, 0.01), 0.99), min(max(y, 0.01), 0.99)))
        corners.append(line)
    return corners


def _middle(corners: list[list[tuple[float, float]]], row: int, column: int) -> Point:
    around = [corners[row][column], corners[row][column + 1], corners[row + 1][column + 1], corners[row + 1][column]]
    return _spot(sum(x for x, _ in around) / 4, sum(y for _, y in around) / 4)


def _border(start: tuple[float, float], end: tuple[float, float]) -> list[Point]:
    """A bent line from corner to corner, its end left out; the same line whichever village asks for it."""
    first, last = sorted((start, end))
    dice = random.Random(f"{first}{last}")
    length = math.dist(first, last)
    sway = [dice.uniform(-1, 1) for _ in range(3)]
    points = []
    for step in range(BENDS + 1):
        part = step / BENDS
        off = sum(amount * math.sin(math.pi * part * (index + 1)) for index, amount in enumerate(sway)) * length * 0.05
        x = first[0] + (last[0] - first[0]) * part - (last[1] - first[1]) / length * off
        y = first[1] + (last[1] - first[1]) * part + (last[0] - first[0]) / length * off
        points.append(_spot(x, y))
    if start != first:
        points.reverse()
    return points[:-1]


def _ring(corners: list[list[tuple[float, float]]], row: int, column: int) -> list[Point]:
    # Counter-clockwise, as RFC 7946 section 3.1.6 wants outer rings.
    path = [corners[row][column], corners[row + 1][column], corners[row + 1][column + 1], corners[row][column + 1]]
    return _closed(path)


def _outline(corners: list[list[tuple[float, float]]]) -> list[Point]:
    path = [corners[row][0] for row in range(ROWS + 1)]
    path += [corners[ROWS][column] for column in range(1, COLUMNS + 1)]
    path += [corners[row][COLUMNS] for row in range(ROWS - 1, -1, -1)]
    path += [corners[0][column] for column in range(COLUMNS - 1, 0, -1)]
    return _closed(path)


def _closed(path: list[tuple[float, float]]) -> list[Point]:
    ring: list[Point] = []
    for start, end in zip(path, [*path[1:], path[0]], strict=True):
        ring += _border(start, end)
    return [*ring, ring[0]]


def _river() -> list[Point]:
    return [
        _spot(0.02 + 0.96 * step / 40, 0.50 + 0.10 * math.sin(step / 40 * 7.0) - 0.06 * step / 40) for step in range(41)
    ]


def _brook(x: float, y: float, mouth: float) -> list[Point]:
    end_y = 0.50 + 0.10 * math.sin(mouth * 7.0) - 0.06 * mouth
    return [
        _spot(x + (mouth - x) * step / 16 + 0.012 * math.sin(step * 0.9), y + (end_y - y) * step / 16)
        for step in range(17)
    ]


def _road() -> list[Point]:
    return [
        _spot(0.03 + 0.94 * step / 40, 0.56 + 0.12 * math.sin(step / 40 * 7.0 - 0.3) - 0.06 * step / 40)
        for step in range(41)
    ]
