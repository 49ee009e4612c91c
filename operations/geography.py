"""The map: GeoJSON (RFC 7946) that the township provides, or the places that are known, when it has provided none."""

from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import select
from sqlalchemy.orm import Session

from auth.sites import Site
from foundation.errors import UserError

MAP_FILE = "map.geojson"
MAX_MAP_BYTES = 8 * 1024 * 1024
GEOMETRIES = frozenset({"Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"})


def map_of(session: Session, home: Path) -> dict[str, Any]:
    """A FeatureCollection in WGS 84 (longitude, latitude).

    Features carry `kind` (boundary, village, river, road, reservoir, hazard, site), `name_zh`, `name_en`; the collection's
    `synthetic` is true when the geography is made up, which every map then says. UserError("bad_map") when the township's file is not one.
    """
    path = home / MAP_FILE
    if path.exists():
        return _read(path)
    sites = session.execute(select(Site).where(Site.lat.is_not(None), Site.lon.is_not(None))).scalars()
    return {
        "type": "FeatureCollection",
        "synthetic": False,
        "features": [
            {
                "type": "Feature",
                "properties": {"kind": "site", "site": site.id, "name_zh": site.name_zh, "name_en": site.name_en},
                "geometry": {"type": "Point", "coordinates": [site.lon, site.lat]},
            }
            for site in sites
        ],
    }


def _read(path: Path) -> dict[str, Any]:
    if path.stat().st_size > MAX_MAP_BYTES:
        raise UserError("bad_map", reason="size")
    try:
        content = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise UserError("bad_map", reason="json") from error
    if (
        not isinstance(content, dict)
        or content.get("type") != "FeatureCollection"
        or not isinstance(content.get("features"), list)
    ):
        raise UserError("bad_map", reason="collection")
    for feature in content["features"]:
        geometry = feature.get("geometry") if isinstance(feature, dict) else None
        if not isinstance(geometry, dict) or geometry.get("type") not in GEOMETRIES:
            raise UserError("bad_map", reason="geometry")
    return content
