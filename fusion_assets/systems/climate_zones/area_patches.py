"""Patches cut from a study's own imagery around the cells of areas that people drew, in place of published ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.climate_zones import mapping
from fusion_assets.systems.climate_zones.channels import MAPPABLE
from fusion_assets.systems.climate_zones.map_model import CITY, FEWEST_TO_CALIBRATE, POLYGON
from fusion_assets.systems.climate_zones.so2sat.layout import PIXELS, SEN1
from fusion_assets.systems.climate_zones.training_areas import labelled_cells

if TYPE_CHECKING:
    import geopandas
    import pandas as pd
    import xarray as xr

MOST_PATCHES = 20_000
"""Held in memory, 1 GB of them; more are drawn from at random."""


class AreaPatches:
    """Patches of labelled cells; see `so2sat.cache.Patches` for what they give.

    Args:
        areas: from `training_areas`.
        imagery: optics and radar of every region, as for `mapping.zone_map`.
        grids: of the maps, by region.

    Attributes:
        labels: (n,) uint8, indices of zones.
        unit: what is held back whole: `CITY` where there are areas in enough regions, else `POLYGON`.

    Raises:
        FusionError: no area in any region, or none whose surroundings are known.
    """

    def __init__(
        self,
        areas: geopandas.GeoDataFrame,
        imagery: Mapping[str, tuple[xr.Dataset, xr.Dataset]],
        grids: Mapping[str, Grid],
    ) -> None:
        import pandas as pd

        cells = {name: each for name, grid in grids.items() if len(each := _cells(areas, grid))}
        total = sum(map(len, cells.values()))
        drawn = np.sort(np.random.default_rng(0).permutation(total)[:MOST_PATCHES])
        first, tables, values = 0, [], []
        for name, table in cells.items():
            chosen = drawn[(drawn >= first) & (drawn < first + len(table))] - first
            first += len(table)
            found, patches = _cut(table.iloc[chosen], *imagery[name], grids[name])
            tables.append(found.assign(region=name, epsg=int(grids[name].crs.rpartition(":")[2])))
            values.append(patches)
        if not sum(map(len, tables)):
            raise FusionError(
                f"none of the {total} cells of training areas has imagery that is known in all channels",
                "areas in the study's regions, under a sky that was clear",
                "draw areas there, or look at lcz_sentinel2 and lcz_sentinel1",
            )
        self._table, self._values = pd.concat(tables, ignore_index=True), np.concatenate(values)
        self.labels = self._table["label"].to_numpy(np.uint8)
        self.unit = CITY if self._table["region"].nunique() >= FEWEST_TO_CALIBRATE else POLYGON

    def __len__(self) -> int:
        """Patches."""
        return len(self.labels)

    def batch(self, rows: np.ndarray, channels: Sequence[str], decibels: bool = True) -> np.ndarray:
        """Patches of these rows, (patch, 32, 32, channel) float32."""
        values = np.ascontiguousarray(self._values[rows][..., [MAPPABLE.index(name) for name in channels]])
        for number, name in enumerate(channels):
            if name in SEN1 and not decibels:
                values[..., number] = np.power(np.float32(10), values[..., number] / np.float32(10))
        return values

    def table(self) -> pd.DataFrame:
        """A row a patch: `row`, `label`, `city` (what is held back whole), `x`, `y`, `epsg`."""
        region = self._table["region"]
        # Areas that overlap share a block, also across regions that do.
        held = region if self.unit == CITY else "area " + self._table["block"].astype(str)
        return self._table[["label", "x", "y", "epsg"]].assign(row=np.arange(len(self)), city=held)


def _cells(areas: geopandas.GeoDataFrame, grid: Grid) -> pd.DataFrame:
    """Labelled cells of a region; none where no area lies in it."""
    try:
        return labelled_cells(areas, grid)
    except FusionError:
        import pandas as pd

        return pd.DataFrame()


def _cut(cells: pd.DataFrame, optics: xr.Dataset, radar: xr.Dataset, grid: Grid) -> tuple[pd.DataFrame, np.ndarray]:
    """The cells whose surroundings are known, and their patches with radar in decibels."""
    wanted = np.zeros(grid.shape, bool)
    wanted[cells["row"], cells["col"]] = True
    number = np.full(grid.shape, -1)
    number[cells["row"], cells["col"]] = np.arange(len(cells))
    kept, values = [], []
    for row, column, patches in mapping.patches_of(optics, radar, grid, wanted, MAPPABLE):
        kept.append(number[row, column])
        values.append(patches)
    order = np.concatenate(kept) if kept else np.empty(0, int)
    patches = np.concatenate(values) if values else np.empty((0, PIXELS, PIXELS, len(MAPPABLE)), np.float32)
    return cells.iloc[order].reset_index(drop=True), patches
