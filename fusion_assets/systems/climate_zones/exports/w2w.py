"""A map for W2W 0.6.0, which brings zones into WRF (Demuzere et al. 2022, doi:10.21105/joss.04432).

W2W (https://github.com/matthiasdemuzere/w2w) takes the first band of a GeoTIFF in EPSG:4326 that reaches beyond the
domain on all sides. Classes are 1 to 17; where it finds one of 101 to 107 it takes 1 to 10 and 101 to 107, and turns
every other number, no data too, into nonsense. Pixels without data it takes for natural land, in silence: a map with
gaps within the domain is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.exports.geotiff import write_geotiff
from fusion_assets.systems.climate_zones.exports.map_codes import NO_DATA, MapCodes, codes_of, in_degrees
from fusion_assets.systems.climate_zones.exports.wrf_domain import Bounds, wrf_domain
from fusion_assets.systems.climate_zones.legend import BUILT

if TYPE_CHECKING:
    import xarray as xr

NUMBERINGS = ("1-17", "101-107")
"""Of zones A to G: from 11 to 17, or from 101 to 107."""


def write_w2w(
    target: Path,
    raster: xr.Dataset,
    domain: str | Path | Bounds,
    numbering: str = NUMBERINGS[0],
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write the map in degrees, by nearest neighbour, once it is known to cover the domain.

    Run then `w2w FOLDER MAP.tif geo_em.dXX.nc`, map and domain in one folder, which also takes what is made.

    Args:
        target: `.tif`, replaced.
        raster: with the band `lcz`, as for `codes_of`.
        domain: path of the innermost domain's geo_em file, or (west, south, east, north) in degrees.
        numbering: one of `NUMBERINGS`; the second only for maps without gaps.
        tags: of the file.

    Raises:
        FusionError: no map of zones, one that does not cover the domain or has gaps there, or a place that cannot be
            written to.
    """
    if numbering not in NUMBERINGS:
        raise FusionError(f"numbering {numbering!r}", f"one of {' or '.join(NUMBERINGS)}", "choose one of these")
    outline = wrf_domain(domain)
    codes = in_degrees(codes_of(raster))
    _check_covers(codes, outline)
    if numbering == NUMBERINGS[0]:
        return write_geotiff(target, codes, tags or {})
    codes = _cropped(codes, outline)
    return write_geotiff(target, codes, tags or {}, lambda code: code if code <= BUILT else code - BUILT + 100)


def _check_covers(codes: MapCodes, outline: shapely.Polygon) -> None:
    """Refuse maps that end within a domain, at its edge, or have gaps in it."""
    from rasterio.features import geometry_mask

    (west, south, east, north), (left, bottom, right, top) = codes.bounds, outline.bounds
    if not (west < left and south < bottom and right < east and top < north):
        raise FusionError(
            f"the map reaches from {west:.4f}, {south:.4f} to {east:.4f}, {north:.4f} (longitude, latitude)",
            f"more than the domain, {left:.4f}, {bottom:.4f} to {right:.4f}, {top:.4f}, on all sides",
            "map a larger region, or make the domain smaller",
        )
    within = geometry_mask([outline], codes.codes.shape, codes.transform, all_touched=True, invert=True)
    gaps = int((codes.codes[within] == NO_DATA).sum())
    if gaps:
        raise FusionError(
            f"{gaps:,} of {int(within.sum()):,} pixels of the domain have no zone ({100 * gaps / within.sum():.2g} %)",
            "a zone in every pixel of the domain: W2W takes gaps for natural land",
            "map a region that holds the whole domain, or make the domain smaller",
        )


def _cropped(codes: MapCodes, outline: shapely.Polygon) -> MapCodes:
    """The largest part around a domain's box that is free of gaps.

    Raises:
        FusionError: there are gaps at the box itself.
    """
    (left, bottom, right, top), step = outline.bounds, codes.transform
    (west, north), (east, south) = ~step @ (left, top), ~step @ (right, bottom)
    rows = slice(max(0, int(north) - 1), int(np.ceil(south)) + 1)
    columns = slice(max(0, int(west) - 1), int(np.ceil(east)) + 1)
    part = codes.codes[rows, columns]
    if (part == NO_DATA).any():
        raise FusionError(
            f"{int((part == NO_DATA).sum()):,} pixels of the box around the domain have no zone",
            f"none, for the numbering {NUMBERINGS[1]}",
            f"use the numbering {NUMBERINGS[0]}, which knows no data",
        )
    return MapCodes(part, step @ type(step).translation(columns.start, rows.start), codes.crs)
