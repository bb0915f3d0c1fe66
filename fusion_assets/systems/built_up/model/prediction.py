"""From model, stack and threshold to a map: probability and class of every pixel inside the region."""

from __future__ import annotations

import dask.array as da
import numpy as np
import xarray as xr
from shapely.geometry.base import BaseGeometry

from fusion_assets.grids.grid import Grid
from fusion_assets.learning.blockwise import predict_dataset
from fusion_assets.learning.saved_model import TrainedModel
from fusion_assets.systems.built_up.features.labels import BUILT_UP
from fusion_assets.systems.built_up.model.classifier import SAME_STUDY

PROBABILITY = "probability"


def predict(model: TrainedModel, stack: xr.Dataset, threshold: float, area: BaseGeometry) -> xr.Dataset:
    """Lazy map of built-up land, computed block by block.

    Args:
        model: trained on the stack's features.
        stack: features on the region's grid, lazy.
        threshold: built-up from this probability on.
        area: the region, longitude and latitude; outside is no data.

    Returns:
        Dataset (y, x): `probability` (0 to 1) and `built_up` (1 or 0), float32, NaN where a feature is missing or
        outside the region.

    Raises:
        FusionError: the model was trained on other features.
    """
    probability = predict_dataset(model, stack, SAME_STUDY).data
    grid = Grid.of(stack)
    probability = da.where(_inside(grid, area, probability.chunks), probability, np.float32(np.nan))
    built = da.where(da.isnan(probability), np.float32(np.nan), (probability >= threshold).astype(np.float32))
    return grid.dataset({PROBABILITY: probability.astype(np.float32), BUILT_UP: built})


def built_up_km2(mapped: xr.Dataset) -> float:
    """Mapped built-up area in km2: the sum of geodesic pixel areas, row by row of blocks."""
    grid = Grid.of(mapped)
    built = mapped[BUILT_UP].data
    total, row = 0.0, 0
    for height in da.asarray(built).chunks[0]:
        rows = np.asarray(built[row : row + height])
        total += float(grid.window(row, 0, height, grid.width).pixel_areas_km2()[rows == 1].sum())
        row += height
    return total


def _inside(grid: Grid, area: BaseGeometry, chunks: tuple[tuple[int, ...], tuple[int, ...]]) -> da.Array:
    """`grid.inside(area)` as blocks, so that a large region's mask is never whole in memory."""

    def block(block_info: dict) -> np.ndarray:
        (top, bottom), (left, right) = block_info[None]["array-location"]
        return grid.window(top, left, bottom - top, right - left).inside(area)

    return da.map_blocks(block, chunks=chunks, dtype=bool, meta=np.empty((0, 0), bool))
