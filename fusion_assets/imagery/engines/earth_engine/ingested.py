"""What has become of an upload: the pixels of its asset, and whether they are those that were sent."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.earth_engine.connection import Connection, read
from fusion_assets.imagery.engines.earth_engine.direct import MOST_BYTES, MOST_EDGE, fetch_image
from fusion_assets.imagery.engines.earth_engine.expressions import NO_DATA

_REMEDY = "delete the asset, and materialize the upload again"


def asset_pixels(
    target: str, bands: Sequence[str], grid: Grid, connection: Connection, edge: int | None = None
) -> xr.Dataset:
    """Pixels of an image asset on a grid, float32 with NaN for no data.

    Args:
        target: name of the asset, `projects/P/assets/...`.
        bands: wanted.
        grid: wanted.
        connection: to ask.
        edge: of the square that one request asks for, pixels; by default what its limits allow.
    """
    whole = {name: np.empty(grid.shape, np.float32) for name in bands}
    for (rows, columns), values in _tiles(target, bands, grid, connection, edge):
        for name, layer in zip(bands, values, strict=True):
            whole[name][rows, columns] = layer
    return grid.dataset(whole)


def check_asset(
    target: str, raster: xr.Dataset, grid: Grid, connection: Connection, edge: int | None = None
) -> dict[str, Any]:
    """Compare an asset with the raster that it was made of, number by number, a part at a time.

    Args:
        target: name of the asset.
        raster: dims y, x; NaN for no data.
        grid: of the raster.
        connection: to ask.
        edge: see `asset_pixels`.

    Returns:
        `pixels` compared, of all bands, and how many of them are `valid`.

    Raises:
        FusionError: they differ; names how many, the first of them and the largest difference.
    """
    bands = [str(name) for name in raster.data_vars]
    raster = raster[bands].transpose("y", "x")
    counts, worst = dict.fromkeys(bands, 0), 0.0
    first, valid = "", 0
    for (rows, columns), values in _tiles(target, bands, grid, connection, edge):
        part = raster.isel(y=rows, x=columns).compute()
        for name, found in zip(bands, values, strict=True):
            sent = part[name].values.astype(np.float32)
            differs = ~((sent == found) | (np.isnan(sent) & np.isnan(found)))
            valid += int(np.isfinite(sent).sum())
            if differs.any():
                counts[name] += int(differs.sum())
                row, column = (int(index[0]) for index in np.nonzero(differs))
                place = f"row {rows.start + row}, column {columns.start + column}"
                first = first or f"{name} at {place} is {found[row, column]}, sent was {sent[row, column]}"
                worst = max(worst, float(np.nanmax(np.abs(sent - found), initial=0)))
    if first:
        told = ", ".join(f"{count:,} pixels of {name}" for name, count in counts.items() if count)
        raise FusionError(
            f"{target} differs from what was sent in {told}, by up to {worst:g}; {first}", "the same pixels", _REMEDY
        )
    return {"pixels": len(bands) * grid.height * grid.width, "valid": valid}


def _tiles(
    target: str, bands: Sequence[str], grid: Grid, connection: Connection, edge: int | None
) -> Iterator[tuple[tuple[slice, slice], np.ndarray]]:
    import ee

    connection.open()
    # Selected by name: an asset that lacks a band says so, and one that has more is asked for no more.
    image = read(lambda: ee.Image(target).select(list(bands)).unmask(NO_DATA, False).toFloat(), f"the asset {target}")
    step = edge or min(math.isqrt(MOST_BYTES // (4 * len(bands))), MOST_EDGE)
    for row, column in itertools.product(range(0, grid.height, step), range(0, grid.width, step)):
        height, width = min(step, grid.height - row), min(step, grid.width - column)
        values = fetch_image(image, bands, grid.window(row, column, height, width), connection, target)
        yield (slice(row, row + height), slice(column, column + width)), values
