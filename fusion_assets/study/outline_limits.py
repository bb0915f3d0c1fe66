"""How much of a study's outlines can be looked at in seconds. What is beyond is refused before it is looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import numpy as np
import shapely
from pydantic_core import PydanticCustomError
from shapely.geometry.base import BaseGeometry

from fusion_assets.study.mistakes import wrong

_SIMPLER = "simplify them to what pixels can show: ogr2ogr -simplify 0.0001 simple.geojson in.geojson"
_FEWER = "leave out islands and holes of less than a pixel"
_PART = "keep the districts of the study alone: ogr2ogr -where \"COLUMN = 'VALUE'\" part.gpkg in.gpkg"
LIMITS: dict[str, tuple[float, str]] = {
    "bytes of GeoJSON": (6e7, _SIMPLER),
    "lists and mappings of GeoJSON": (1e6, _SIMPLER),
    "bytes of a file of districts": (5e8, _PART),
    "rows of a file of districts": (2e5, _PART),
    "bytes of the rows of a file of districts": (1e9, _PART),
    "bytes of outlines of districts": (3e7, _SIMPLER),
    "features": (5e4, _FEWER),
    "vertices": (4e5, _SIMPLER),
    "rings": (2e4, _FEWER),
    # Every hole is looked for in its ring by itself.
    "holes, each times the vertices around it": (5e8, _FEWER),
    # Twenty times the coast of Norway; they are cut into pieces before they are projected.
    "degrees of edges": (2e4, _SIMPLER),
    # What a test for crossings looks at, some 40 ns each. Coasts have a few for every edge.
    "pairs of edges close to one another": (5e7, _SIMPLER),
    # These are united, and every crossing makes new edges.
    "pairs of edges of different features": (2e6, _SIMPLER),
    # PROJ looks through all that it knows for what is no code, up to 0.3 s each.
    "different codes of coordinate systems": (300, "use one system for neighbouring regions"),
    "coordinate systems that are no codes": (6, "use codes such as EPSG:32645, or leave crs out"),
}
"""What all outlines of a study may have together, and what to do."""
_GLOBE = 360
_LOOKED_AT = 200
"""Edges of an outline whose pairs are counted; the number of all follows from it."""


class OutlineEffort:
    """What has been looked at of one study's outlines."""

    def __init__(self) -> None:
        self._spent = dict.fromkeys(LIMITS, 0.0)
        self._crs: dict[Hashable, Any] = {}

    def left(self, what: str) -> int:
        """What may still come."""
        return int(LIMITS[what][0] - self._spent[what])

    def spend(self, what: str, amount: float) -> None:
        """Count something; raises PydanticCustomError where it is too much."""
        most, remedy = LIMITS[what]
        self._spent[what] += amount
        if self._spent[what] > most:
            found = f"brings the outlines of this study to {self._spent[what]:.6g} {what}"
            raise wrong(found, f"at most {most:.6g}, so that they are checked in seconds", remedy)

    def of_crs(self, work: Callable[[Any], Any], crs: Any) -> Any:
        """What a function says of a CRS, errors too, asked once; raises PydanticCustomError where many are asked."""
        if not isinstance(crs, str | int):
            return work(crs)
        if (work, crs) not in self._crs:
            is_code = re.fullmatch(r"\w+:\w+|\d+", str(crs))
            self.spend(
                "different codes of coordinate systems" if is_code else "coordinate systems that are no codes", 1
            )
            try:
                self._crs[work, crs] = work(crs)
            except PydanticCustomError as error:
                self._crs[work, crs] = error
        found = self._crs[work, crs]
        if isinstance(found, PydanticCustomError):
            raise found
        return found

    def look_at(self, parts: Sequence[BaseGeometry]) -> None:
        """Count what it takes to check, unite and project polygons; raises PydanticCustomError.

        Args:
            parts: polygons in degrees, valid or not.
        """
        polygons, of_part = shapely.get_parts(np.asarray(parts, object), return_index=True)
        rings, of_polygon = shapely.get_rings(polygons, return_index=True)
        points, of_ring = shapely.get_coordinates(rings, return_index=True)
        self.spend("vertices", len(points))
        self.spend("rings", len(rings))
        if not len(points):
            return
        holes, sizes = shapely.get_num_interior_rings(polygons), shapely.get_num_coordinates(polygons)
        self.spend("holes, each times the vertices around it", float((holes * sizes.astype(float)).sum()))
        edges = of_ring[1:] == of_ring[:-1]
        low, high = np.minimum(points[:-1], points[1:])[edges], np.maximum(points[:-1], points[1:])[edges]
        if not len(low) or not np.abs(points).max() <= _GLOBE:
            return  # metres, or no numbers: refused when the outline is looked at
        self.spend("degrees of edges", float(np.sqrt(((high - low) ** 2).sum(axis=1)).sum()))
        pairs, of_features = _pairs(low, high, of_part[of_polygon[of_ring[:-1][edges]]])
        self.spend("pairs of edges close to one another", pairs)
        self.spend("pairs of edges of different features", of_features)


def _pairs(low: np.ndarray, high: np.ndarray, owner: np.ndarray) -> tuple[float, float]:
    """About how many pairs of boxes overlap, and how many of these have different owners."""
    order = np.argsort(low[:, 0])
    low, high, owner = low[order], high[order], owner[order]
    widest = float((high - low)[:, 0].max())
    chosen = np.random.default_rng(0).choice(len(low), min(len(low), _LOOKED_AT), replace=False)
    pairs = of_others = 0
    for edge in chosen:
        first, last = np.searchsorted(low[:, 0], (low[edge, 0] - widest, high[edge, 0]), side="right")
        near = slice(max(first - 1, 0), last)
        overlaps = ((low[near] <= high[edge]) & (high[near] >= low[edge])).all(axis=1)
        pairs += int(overlaps.sum())
        of_others += int((overlaps & (owner[near] != owner[edge])).sum())
    whole = len(low) / len(chosen) / 2
    return pairs * whole, of_others * whole
