"""The truth of a synthetic archive, for comparison only: no asset that makes a map reads this."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.engines.archive.search import find_items
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.storage.raster_files import open_file
from fusion_assets.storage.simulation import is_synthetic

if TYPE_CHECKING:
    import pandas as pd

COLLECTION, NIGHT_COLLECTION = "synthetic-truth", "synthetic-radiance-truth"
ZONES_COLLECTION = "synthetic-zones-truth"


def true_built_up(archive: str, year: int, grid: Grid, area: BaseGeometry) -> np.ndarray:
    """True class of every pixel of `grid`: 1 built-up, 0 not, 255 outside the region or the archive.

    Args:
        archive: path of the synthetic catalog.
        year: of the truth.
        grid: nearest neighbour, pixel-centre rule.
        area: the region, longitude and latitude.

    Raises:
        FusionError: the archive holds no truth of that year.
    """
    truth = _read(_files(archive, year, area), grid, np.full(grid.shape, 255, np.uint8))
    truth[~grid.inside(area)] = 255
    return truth


def true_radiance(archive: str, year: int, grid: Grid, area: BaseGeometry) -> np.ndarray:
    """True radiance of every pixel of `grid`, nW/cm2/sr float32; NaN outside the region or the archive's squares.

    Args:
        archive: path of the synthetic catalog.
        year: of the truth.
        grid: nearest neighbour, pixel-centre rule: exact on the truth's own 60 m pixels, and for finer ones.
        area: the region, longitude and latitude.

    Raises:
        FusionError: the archive holds no such truth of that year.
    """
    files = _files(archive, year, area, NIGHT_COLLECTION, "radiance")
    truth = _read(files, grid, np.full(grid.shape, np.nan, np.float32))
    truth[~grid.inside(area)] = np.nan
    return truth


def true_zones(archive: str, year: int, grid: Grid, area: BaseGeometry) -> np.ndarray:
    """True local climate zone of every pixel of `grid`, 1 to 17 uint8; 0 outside the region or the archive's cities.

    Args:
        archive: path of the synthetic catalog.
        year: of the truth.
        grid: nearest neighbour, pixel-centre rule: exact on the truth's own 100 m pixels, and for finer ones.
        area: the region, longitude and latitude.

    Raises:
        FusionError: the archive holds no such truth of that year.
    """
    truth = _read(_files(archive, year, area, ZONES_COLLECTION, "lcz"), grid, np.zeros(grid.shape, np.uint8))
    truth[~grid.inside(area)] = 0
    return truth


def truth_at(archive: str, year: int, table: pd.DataFrame, grid: Grid, area: BaseGeometry) -> np.ndarray | None:
    """True class at pixels, by their centres; None unless the archive is synthetic and knows that year here.

    Args:
        archive: path or address of the catalog; only a local one beside the record of its making is synthetic.
        year: of the truth.
        table: x and y, pixel centres of `grid`.
        grid: of the region.
        area: the region, longitude and latitude.

    Returns:
        1 built-up, 0 not, 255 unknown, one per row.
    """
    if not is_synthetic(archive):
        return None
    try:
        truth = true_built_up(archive, year, grid, area)
    except (OSError, ValueError, FusionError):
        return None
    inverse = ~grid.transform
    row, col = inverse.e * table["y"] + inverse.f, inverse.a * table["x"] + inverse.c
    return truth[row.to_numpy().astype(int), col.to_numpy().astype(int)]


def true_area_km2(archive: str, year: int, area: BaseGeometry) -> float:
    """True built-up area inside a region in km2, on the truth's own 1 km cells."""
    with open_file(_files(archive, year, area)[0]) as source:
        grid = Grid.of(source)
    truth = true_built_up(archive, year, grid, area)
    return float(grid.pixel_areas_km2()[truth == 1].sum())


def _read(files: list[str], grid: Grid, truth: np.ndarray) -> np.ndarray:
    """`truth` with what the files know of it."""
    for href in files:
        read = read_nearest(SceneFile(href), grid)
        if read is not None:
            values, known = read
            truth[known] = values[known]
    return truth


def _files(
    archive: str, year: int, area: BaseGeometry, collection: str = COLLECTION, asset: str = "built_up"
) -> list[str]:
    items = find_items(archive, [collection], area, (dt.date(year, 1, 1), dt.date(year, 12, 31)))
    if not items:
        raise FusionError(f"{archive} holds no truth of {year}", "an archive made by fusion_assets.demo", "choose one")
    return [item.assets[asset].get_absolute_href() or "" for item in items]
