"""Areas of zones as a table: what the maps say of every year, and beside it what a sample looked at by people says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.local_files import content_of
from fusion_assets.storage.raster_classes import NO_CLASS
from fusion_assets.systems.climate_zones.zone_areas import NEEDED, adjusted_areas, zone_areas_by_year

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("region", "year", *NEEDED)
"""Of a sample; `area_km2` of the sampling units may stand beside them."""
ADJUSTED = {"km2": "adjusted_km2"}
_TOLD = ("adjusted_km2", "standard_error_km2", "low_km2", "high_km2", "mapped_points", "reference_points")
_NAMES = ("region", "stratum", "zone")
_MOST_BYTES = 64_000_000


def area_table(
    maps: Mapping[int, np.ndarray], grid: Grid, inside: np.ndarray, points: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Areas of a region's zones.

    Args:
        maps: codes by year, as for `zone_areas_by_year`.
        grid: of all maps.
        inside: (y, x) cells of the region.
        points: a sample of this region, as of `read_sample`; years without points are not adjusted.

    Returns:
        As `zone_areas_by_year`; with points also `adjusted_km2`, `standard_error_km2`, `low_km2`, `high_km2` and the
        counts `mapped_points` and `reference_points`, NaN for years without points. All of them are of the cells that
        are mapped in every year.

    Raises:
        FusionError: as `zone_areas_by_year` and `adjusted_areas`.
    """
    table = zone_areas_by_year(maps, grid, inside)
    if points is None or not len(points):
        return table
    known = np.logical_and.reduce([(codes > 0) & (codes != NO_CLASS) for codes in maps.values()]) & inside
    table[list(_TOLD)] = np.nan
    for year in sorted(points["year"].unique().tolist()):
        chosen = points[points["year"] == year]
        if year not in maps:
            raise FusionError(
                f"points of {year}", f"years that are mapped: {', '.join(map(str, sorted(maps)))}", "map that year too"
            )
        shared = np.where(known, maps[year], 0)
        found = adjusted_areas(chosen.reset_index(drop=True), shared, grid, inside).rename(columns=ADJUSTED)
        table.loc[table["year"] == year, list(_TOLD)] = found[list(_TOLD)].to_numpy(float)
    return table


def read_sample(path: Path) -> pd.DataFrame:
    """A sample of all regions and years.

    Args:
        path: CSV with the columns `COLUMNS`: UTF-8, comma, decimal point.

    Raises:
        FusionError: there is no such file, or it is no such table.
    """
    import io

    import pandas as pd

    remedy = "draw a sample of the map, say the zone of every point, and save it as CSV in UTF-8"
    try:
        content = content_of(path, _MOST_BYTES)
        # `NA` is a name like any other.
        table = pd.read_csv(
            io.BytesIO(content), dtype=dict.fromkeys(_NAMES, str), keep_default_na=False, encoding="utf-8-sig"
        )
        lacking = [name for name in COLUMNS if name not in table]
        if lacking:
            raise FusionError(f"{path.name} has no column {', '.join(lacking)}", ", ".join(COLUMNS), remedy)
        numbers = [name for name in ("x", "y", "inclusion_probability", "area_km2") if name in table]
        return table.astype({**dict.fromkeys(numbers, float), "year": int})
    except (OSError, ValueError) as error:
        raise FusionError(f"{path.name} cannot be read: {error}", f"a CSV with {', '.join(COLUMNS)}", remedy) from error
