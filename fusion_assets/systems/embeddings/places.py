"""Places of patches: drawn so that equal areas are equally likely, and snapped so that no band is resampled.

The first places of a larger corpus are those of a smaller one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import from_lonlat, to_lonlat
from fusion_assets.systems.embeddings.land import points_on_land

SNAP_M = 60
"""Of patches' corners: pixels of 10, 20 and 60 m of a Sentinel-2 tile all begin at its multiples."""
_BLOCK = 4096
"""Draws at once; another number would draw other places."""
_MOST_DRAWS, _FEWEST_DRAWS = 200, 50 * _BLOCK
"""For each place that is asked for, and in all: by then a region has hardly a place left that is not drawn."""
_SOUTHERNMOST, _NORTHERNMOST = -80, 84
"""Latitudes of UTM."""


def places(count: int, seed: int, edge_m: float, area: BaseGeometry | None = None) -> pd.DataFrame:
    """Different places, in the order in which they are drawn.

    Args:
        count: of places.
        seed: of the draw.
        edge_m: edge of a patch, metres.
        area: in longitude and latitude, that their centres are drawn in; None: all land north of 60 S.

    Returns:
        `lon` and `lat` of the patch's centre in degrees, `epsg` of its UTM zone, and `x` and `y` of its upper left
        corner there, metres, multiples of 60.

    Raises:
        FusionError: there are fewer places.
    """
    random = np.random.default_rng([seed, 0])
    draws = _on_land(random) if area is None else _within(random, area)
    nowhere = np.empty(0)
    distinct = snapped(nowhere, nowhere, edge_m)
    drawn, most = 0, max(_MOST_DRAWS * count, _FEWEST_DRAWS)
    while len(distinct) < count and drawn < most:
        missing, blocks = count - len(distinct), list[tuple[np.ndarray, np.ndarray]]()
        # Snapped together: each zone's projection is set up once.
        while sum(len(lon) for lon, _ in blocks) < missing and drawn < most:
            blocks.append(next(draws))
            drawn += _BLOCK
        lon, lat = (np.concatenate(axis) for axis in zip(*blocks, strict=True))
        distinct = pd.concat([distinct, snapped(lon, lat, edge_m)], ignore_index=True)
        distinct = distinct.drop_duplicates(["epsg", "x", "y"], ignore_index=True)
    if len(distinct) >= count:
        return distinct[:count].copy()
    raise FusionError(
        f"only {len(distinct):,} places were found where {count:,} patches are to lie, each at another one",
        f"an area with {count:,} places {SNAP_M} m apart",
        "lower `count` in the section `embeddings`, enlarge the regions, or sample `by: area`",
    )


def snapped(lon: np.ndarray, lat: np.ndarray, edge_m: float) -> pd.DataFrame:
    """The patches nearest to some points whose corners are multiples of 60 m in their UTM zones.

    Args:
        lon: degrees, (n,).
        lat: degrees, (n,).
        edge_m: edge of a patch, metres.

    Returns:
        As `places`; a centre is at most 43 m from its point.
    """
    zones = utm_zones(lon, lat)
    columns = {name: np.zeros(len(lon)) for name in ("lon", "lat", "x", "y")}
    for zone in np.unique(zones):
        of = zones == zone
        for name, values in zip(columns, snapped_in(int(zone), lon[of], lat[of], edge_m), strict=True):
            columns[name][of] = values
    return pd.DataFrame({**columns, "epsg": zones})[["lon", "lat", "epsg", "x", "y"]]


def snapped_in(epsg: int, lon: Any, lat: Any, edge_m: float) -> tuple[Any, Any, Any, Any]:
    """The patches nearest to points in one UTM zone: `lon` and `lat` of centres, `x` and `y` of upper left corners.

    Args:
        epsg: code of the zone, the points' own or a neighbouring one.
        lon: degrees, a number or (n,).
        lat: likewise.
        edge_m: edge of a patch, metres.
    """
    x, y = from_lonlat(f"EPSG:{epsg}").transform(lon, lat)
    west, north = (np.round(edge / SNAP_M) * SNAP_M for edge in (x - edge_m / 2, y + edge_m / 2))
    return *to_lonlat(f"EPSG:{epsg}").transform(west + edge_m / 2, north - edge_m / 2), west, north


def utm_zones(lon: np.ndarray, lat: np.ndarray) -> np.ndarray:
    """EPSG codes of the UTM zones (WGS84) of points in degrees, 6 degrees wide without exceptions, int64."""
    number = np.clip((np.asarray(lon) + 180) // 6, 0, 59).astype(np.int64) + 1
    return np.where(np.asarray(lat) >= 0, 32600, 32700) + number


def _on_land(random: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    while True:
        yield points_on_land(random.random((_BLOCK, 3)))


def _within(random: np.random.Generator, area: BaseGeometry) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Points of polygons: a box is chosen by its area, and a point of it kept where its polygon is."""
    parts = np.array([part for part in shapely.get_parts(area) if part.area > 0])
    if not len(parts):
        raise FusionError("the regions that places are drawn in have no area", "polygons", "correct the regions")
    shapely.prepare(parts)
    west, south, east, north = shapely.bounds(parts).T
    south, north = np.maximum(south, _SOUTHERNMOST), np.minimum(north, _NORTHERNMOST)
    bottom, top = np.sin(np.radians(south)), np.sin(np.radians(north))
    shares = np.cumsum(np.maximum((east - west) * (top - bottom), 0))
    while True:
        uniform = random.random((_BLOCK, 3))
        chosen = np.minimum(np.searchsorted(shares / shares[-1], uniform[:, 0], side="right"), len(parts) - 1)
        lon = west[chosen] + (east - west)[chosen] * uniform[:, 1]
        lat = np.degrees(np.arcsin(bottom[chosen] + (top - bottom)[chosen] * uniform[:, 2]))
        inside = shapely.contains_xy(parts[chosen], lon, lat)
        yield lon[inside], lat[inside]
