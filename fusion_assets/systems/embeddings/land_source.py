"""Makes the mask of `land.py` from its source: `python -m fusion_assets.systems.embeddings.land_source FILE`."""

from __future__ import annotations

import json
import lzma
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fusion_assets.systems.embeddings.land import CELLS_A_DEGREE, COLUMNS, FILE, NORTH, ROWS

_FEWEST_CORNERS = 4
"""Of a ring that encloses anything; its first one counts twice."""


def polygons_of(topology: dict[str, Any], name: str = "land") -> list[dict[str, Any]]:
    """Polygons of one object of a TopoJSON file as GeoJSON, in degrees.

    Args:
        topology: with quantised arcs, each a list of steps.
        name: of the object.

    Source: https://github.com/topojson/topojson-specification
    """
    scale, translate = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    arcs = [np.cumsum(arc, axis=0) * scale + translate for arc in topology["arcs"]]

    def ring(indices: list[int]) -> list[list[float]]:
        # A negative index is an arc from its end; each arc begins where the one before it ends.
        parts = [arcs[index] if index >= 0 else arcs[~index][::-1] for index in indices]
        return np.concatenate([parts[0], *(part[1:] for part in parts[1:])]).tolist()

    members = topology["objects"][name]
    several = members["geometries"] if members["type"] == "GeometryCollection" else [members]
    polygons = [
        polygon for each in several for polygon in (each["arcs"] if each["type"] == "MultiPolygon" else [each["arcs"]])
    ]
    rings = [[ring(indices) for indices in polygon] for polygon in polygons]
    # Quantising has left some islets two corners.
    return [{"type": "Polygon", "coordinates": each} for each in rings if len(each[0]) >= _FEWEST_CORNERS]


def packed(polygons: list[dict[str, Any]]) -> bytes:
    """The mask's file: a bit a cell, 1 where the cell's centre lies in a polygon."""
    from affine import Affine
    from rasterio.features import rasterize

    cell = 1 / CELLS_A_DEGREE
    transform = Affine(cell, 0, -180, 0, -cell, NORTH)
    mask = rasterize(polygons, (ROWS, COLUMNS), transform=transform, dtype="uint8")
    return lzma.compress(np.packbits(mask).tobytes(), preset=9 | lzma.PRESET_EXTREME)


if __name__ == "__main__":
    FILE.write_bytes(packed(polygons_of(json.loads(Path(sys.argv[1]).read_text()))))
