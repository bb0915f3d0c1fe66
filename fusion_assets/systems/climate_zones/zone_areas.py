"""Areas of zones: what a map says, year by year, and what a reference sample says that the map should have said.

Mapped areas count pixels by their area on the ellipsoid. They are biased wherever zones are confused more often one way
than the other; a probability sample of pixels, looked at by people, tells how much, and gives error-adjusted areas with
intervals (Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015, where strata are the zones of the map).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.area_estimation import estimated_total
from fusion_assets.evaluation.probability_sample import draw_from_strata, pixels_km2
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_classes import NO_CLASS
from fusion_assets.systems.climate_zones.legend import SIGNS, ZONES
from fusion_assets.systems.climate_zones.zone_spelling import OTHERS, SPELLINGS, code_of

if TYPE_CHECKING:
    import pandas as pd

UNMAPPED = "unmapped"
"""Stratum of pixels without a zone: points that could not be drawn there would leave the sample silent about them."""
SPREAD = 0.3
"""Standard deviation expected in every stratum: about one pixel in ten is of another zone."""
FEWEST = 2
"""Points in a stratum, for a variance."""
NEEDED = ("x", "y", "stratum", "inclusion_probability", "zone")


def zone_areas(lcz: np.ndarray, grid: Grid, inside: np.ndarray) -> pd.DataFrame:
    """Mapped area of every zone.

    Args:
        lcz: (y, x) codes, 1 to 17; 0, 255 or NaN for no data.
        grid: of the map.
        inside: (y, x) pixels of the region.

    Returns:
        One row a zone, in their order: `code`, `sign`, `title`, `pixels`, `km2`, and `share` of the mapped area.

    Raises:
        FusionError: other numbers than codes, another shape than the grid's, or nothing mapped inside.
    """
    return zone_areas_by_year({0: lcz}, grid, inside).drop(columns="year")


def zone_areas_by_year(maps: Mapping[int, np.ndarray], grid: Grid, inside: np.ndarray) -> pd.DataFrame:
    """The same of several years, on the pixels that are mapped in every one of them: so years can be compared.

    Args:
        maps: by year, as `lcz` of `zone_areas`.
        grid: of all maps.
        inside: (y, x) pixels of the region.

    Returns:
        One row a year and zone, `year` first. `attrs` hold `region_km2` and `compared_km2`.

    Raises:
        FusionError: as `zone_areas`.
    """
    import pandas as pd

    codes = {year: _codes(maps[year], grid) for year in sorted(maps)}
    known = np.logical_and.reduce([each > 0 for each in codes.values()]) & inside
    if not known.any():
        raise FusionError(
            f"no pixel of the region has a zone in every year of {', '.join(map(str, codes))}",
            "maps that share pixels",
            "choose years whose maps have them",
        )
    km2 = grid.pixel_areas_km2()
    total = float(km2[known].sum())
    parts = []
    for year, each in codes.items():
        pixels = np.bincount(each[known], minlength=len(ZONES) + 1)[1:]
        area = np.bincount(each[known], km2[known], minlength=len(ZONES) + 1)[1:]
        parts.append(_zones().assign(pixels=pixels, km2=area, share=area / total))
        parts[-1].insert(0, "year", year)
    table = pd.concat(parts, ignore_index=True)
    table.attrs |= {"region_km2": float(km2[inside].sum()), "compared_km2": total}
    return table


def zone_sample(lcz: np.ndarray, grid: Grid, inside: np.ndarray, points: int, seed: int) -> pd.DataFrame:
    """Pixels for people to look at: a stratified random sample, strata the mapped zones.

    Args:
        lcz: as for `zone_areas`.
        grid: of the map.
        inside: (y, x) pixels of the region.
        points: in all, at least 50 a zone or all of its pixels.
        seed: the same seed draws the same points.

    Returns:
        As `draw_from_strata`; strata are called by their signs, pixels without a zone `UNMAPPED`. What people say goes
        into a column `zone`.

    Raises:
        FusionError: as `zone_areas`; too few or too many points.
    """
    codes = _codes(lcz, grid)
    strata = np.where(codes > 0, codes - 1, len(ZONES)).astype("uint8")
    strata[~inside] = NO_CLASS
    called = (*SIGNS, UNMAPPED)
    return draw_from_strata(grid, strata, points, seed, called, [SPREAD] * len(called))


def adjusted_areas(points: pd.DataFrame, lcz: np.ndarray, grid: Grid, inside: np.ndarray) -> pd.DataFrame:
    """Area of every zone by a reference sample, with the map as auxiliary: the areas add up to what is mapped.

    Args:
        points: one row a point: `x`, `y` (the grid's CRS), `stratum` (any name), `inclusion_probability` (of the
            pixel), `zone` (as people write zones), and, unless it is the pixel's, `area_km2` of the sampling unit.
        lcz: as for `zone_areas`; strata may come from this map or an older one.
        grid: of the map.
        inside: (y, x) pixels of the region.

    Returns:
        One row a zone: `code`, `sign`, `title`, `mapped_km2`, `km2` with `standard_error_km2` and the 95 % interval
        `low_km2` and `high_km2` (not below 0), `mapped_points` and `reference_points`.

    Raises:
        FusionError: as `zone_areas`; a column that is missing, unknown zones, probabilities that are none, points
            outside the grid, a stratum of a single point that was not certain to be drawn.
    """
    import pandas as pd

    codes = _codes(lcz, grid)
    reference, row, col = _checked(points, grid)
    mapped = codes[row, col]
    known = (codes > 0) & inside
    at = known[row, col]
    km2 = np.where(known, grid.pixel_areas_km2(), 0.0)
    totals = np.bincount(codes[known], km2[known], minlength=len(ZONES) + 1)[1:]
    if not totals.any():
        raise FusionError("the map has no zone inside the region", "codes 1 to 17", "give the map of this region")
    chance = points["inclusion_probability"].to_numpy("float64")
    unit = points["area_km2"].to_numpy("float64") if "area_km2" in points else pixels_km2(grid, row, col)
    place = row.astype("int64") * grid.width + col
    frame = points[["stratum"]].assign(place=place, chance=chance, weight=unit / chance)
    present = np.flatnonzero(totals) + 1
    # The same auxiliaries for all zones: the estimates then add up.
    auxiliary = np.column_stack([at, *(at & (mapped == code) for code in present)]).astype("float64")
    known_totals = np.array([totals.sum(), *totals[present - 1]])
    rows = []
    for code in range(1, len(ZONES) + 1):
        value = (at & (reference == code)).astype("float64")
        found = estimated_total(frame.assign(value=value), auxiliary, known_totals).estimate
        counts = int((at & (mapped == code)).sum()), int(value.sum())
        rows.append((found.value, found.error, max(found.low, 0.0), found.high, *counts))
    names = ["km2", "standard_error_km2", "low_km2", "high_km2", "mapped_points", "reference_points"]
    return _zones().assign(mapped_km2=totals).join(pd.DataFrame(rows, columns=names))


def _zones() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({"code": range(1, len(ZONES) + 1), "sign": SIGNS, "title": [zone.title for zone in ZONES]})


def _codes(lcz: np.ndarray, grid: Grid) -> np.ndarray:
    """Codes of a map, 0 where nothing is known, (y, x) int64."""
    lcz = np.asarray(lcz)
    known = np.isfinite(lcz) & (lcz != 0) & (lcz != NO_CLASS)
    strange = np.setdiff1d(lcz[known], np.arange(1, len(ZONES) + 1))
    if lcz.shape != grid.shape or strange.size:
        raise FusionError(
            f"a map of shape {lcz.shape} with the codes {', '.join(map(str, strange[:5])) or '1 to 17'}",
            f"shape {grid.shape}, the grid's, and codes 1 to 17",
            "give the map of this region",
        )
    return np.where(known, lcz, 0).astype("int64")


def _checked(points: pd.DataFrame, grid: Grid) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reference codes, rows and columns of points that can be used."""
    lacking = [name for name in NEEDED if name not in points or points[name].isna().any()]
    if lacking or not len(points):
        raise FusionError(
            f"a reference sample of {len(points)} points, {' and '.join(lacking) or 'all'} unknown or with gaps",
            f"columns {', '.join(NEEDED)} without gaps",
            "draw a sample, and say the zone of every point",
        )
    said = [code_of(value) for value in points["zone"]]
    pairs = zip(points["zone"], said, strict=True)
    unknown = sorted({str(value) for value, code in pairs if code is None or code in OTHERS})
    if unknown:
        raise FusionError(f"points of unknown zones: {', '.join(unknown[:6])}", SPELLINGS, "correct these points")
    chance = points["inclusion_probability"].to_numpy("float64")
    alone = points.groupby("stratum")["inclusion_probability"].agg(["size", "min"])
    thin = alone[(alone["size"] < FEWEST) & (alone["min"] < 1)]
    if not ((chance > 0) & (chance <= 1)).all() or len(thin):
        raise FusionError(
            f"strata of a single point: {', '.join(map(str, thin.index))}" if len(thin) else "chances beyond 0 to 1",
            f"inclusion probabilities above 0 to 1, and {FEWEST} points in every stratum",
            "draw the sample anew, or join strata",
        )
    col = np.floor((points["x"].to_numpy("float64") - grid.transform.c) / grid.resolution).astype("int64")
    row = np.floor((grid.transform.f - points["y"].to_numpy("float64")) / grid.resolution).astype("int64")
    outside = int(((row < 0) | (row >= grid.height) | (col < 0) | (col >= grid.width)).sum())
    if outside:
        raise FusionError(
            f"{outside} of {len(points)} points lie outside the grid",
            f"x and y in {grid.crs}",
            "give the sample of this region, in the map's CRS",
        )
    return np.array(said), row, col
