"""Every pass by itself from Earth Engine: the same dates and pixels as `imagery/timeseries.py`, fetched tile by tile.

There are no tasks: a date is one mosaic of a few scenes, which is answered at once, and what is cut off is asked
for again.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import dask
import numpy as np
import xarray as xr

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery import timeseries as series
from fusion_assets.imagery.engines.earth_engine import direct
from fusion_assets.imagery.engines.earth_engine.connection import Connection, read
from fusion_assets.imagery.engines.earth_engine.dated_collections import image_id
from fusion_assets.imagery.engines.earth_engine.expressions import NO_DATA, physical, where_clear
from fusion_assets.imagery.engines.earth_engine.scene_lists import list_scenes
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe

AT_ONCE = 8
"""Dates of a piece that are asked for at once; with several pieces in work, below Earth Engine's 40 requests."""
_SERIALIZE = threading.Lock()


@dataclass(frozen=True)
class _Plan:
    """What all requests have in common, and nothing of the client."""

    product: str
    collection: str
    masked: bool
    recipe: CompositeRecipe
    dates: tuple[tuple[str, ...], ...]


def lazy_series(
    request: ExportRequest,
    connection: Connection,
    treatment: series.Treatment | None = None,
    without: Collection[str] = (),
    sizes: series.PieceSizes = series.PIECE_SIZES,
) -> xr.Dataset:
    """The series of a request, fetched in pieces of `AT_ONCE` dates; see `SeriesEngine.series`."""
    name, scenes, masked, _ = list_scenes(request, connection)
    kept = [scene for scene in scenes if scene.id not in without]
    for scene in kept:
        if scene.problem is not None:
            raise scene.problem
    dates = series.dates_of(kept, PRODUCTS[request.product])
    ids = tuple(tuple(scene.id for scene in date.scenes) for date in dates)
    plan = _Plan(request.product, name, masked, request.recipe, ids)
    fetch = dask.delayed(_fetch, pure=False)
    shared = dask.delayed((plan, connection), pure=False, traverse=False)
    return series.assembled(
        lambda first, count, window: fetch(shared, first, count, window),
        AT_ONCE,
        dates,
        request.recipe.bands,
        request.grid,
        treatment,
        sizes,
    )


def _fetch(shared: tuple[_Plan, Connection], first: int, count: int, window: Grid) -> np.ndarray:
    """Some dates of one piece: (time, band, y, x)."""
    plan, connection = shared
    connection.open()

    def one(date: Sequence[str]) -> np.ndarray:
        with _SERIALIZE:
            image = read(lambda: _image(plan, date), f"a mosaic of {plan.product}")
        return direct.fetch_image(image, plan.recipe.bands, window, connection, plan.product)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return np.stack(list(pool.map(one, plan.dates[first : first + count])))


def _image(plan: _Plan, date: Sequence[str]) -> Any:
    """One date as an `ee.Image` in physical units: a pixel comes from one scene, the first that has all bands clear."""
    import ee

    # In a mosaic the last image is on top.
    images = [_scene(plan, index) for index in reversed(date)]
    mosaic = images[0] if len(images) == 1 else ee.ImageCollection.fromImages(images).mosaic()
    return physical(mosaic, PRODUCTS[plan.product], plan.recipe.bands).unmask(NO_DATA, False).toFloat()


def _scene(plan: _Plan, index: str) -> Any:
    import ee

    image, product, recipe = ee.Image(image_id(plan.collection, index)), PRODUCTS[plan.product], plan.recipe
    bands = image.select([product.band(name).earth_engine for name in recipe.bands], list(recipe.bands))
    bands = bands.updateMask(bands.mask().reduce(ee.Reducer.min()))
    if not plan.masked and product.unmasked_nodata is not None:
        bands = bands.updateMask(bands.neq(product.unmasked_nodata).reduce(ee.Reducer.min()))
    return where_clear(bands, image, recipe, plan.masked)
