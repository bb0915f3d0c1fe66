"""Google's Satellite Embedding of every patch, as one more method beside the encoder: the mean vector of its pixels.

It is learnt from a whole year of many sensors, and nobody here knows which places it was learnt from: no floor, and no
fair rival, but what whoever has Earth Engine has for nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.imagery.unit_vectors import SHORTEST
from fusion_assets.systems.embeddings.labels.shares import degrees_box, patch_grid

if TYPE_CHECKING:
    import pandas as pd

    from fusion_assets.grids.grid import Grid
    from fusion_assets.settings import Settings
    from fusion_assets.study.product_use import ProductUse

METHOD = "satellite_embedding"
_AT_ONCE = 8
_MARGIN = 0.01
Mean = Callable[["Grid", int], np.ndarray]
"""Patch grid and year to the mean of its vectors, (64,), NaN where there are none."""


def mean_vectors(table: pd.DataFrame, size: int, use: ProductUse, settings: Settings) -> np.ndarray:
    """The direction of the mean vector of every patch, of the year of its optical scene.

    Args:
        table: rows of the index: `epsg`, `x`, `y` (upper left corner, metres) and `optics_time`.
        size: pixels of 10 m along an edge of a patch.
        use: of the product.
        settings: with engine and archive.

    Returns:
        (n, 64) float32 of unit length; zeros where there is nothing of a patch.

    Raises:
        FusionError: a year before there is any, nothing of any patch, an engine that does not have it, or one that
            refuses or is away.
    """
    import pandas as pd

    first = use.recipe.first_year
    years = pd.to_datetime(table["optics_time"]).dt.year.to_numpy()
    if len(years) and years.min() < first:
        raise FusionError(
            f"patches of {years.min()}, and nothing of {use.product} before {first}",
            f"a period of the section `embeddings` from {first} on",
            "choose a later period, or remove products.embedding",
        )
    corners = zip(*(table[name].to_numpy(np.float64) for name in ("epsg", "x", "y")), strict=True)
    grids = [patch_grid(int(epsg), float(x), float(y), size) for epsg, x, y in corners]
    mean = _on_earth_engine(use, settings) if settings.engine == "earth_engine" else _in_archive(table, use, settings)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = np.stack(list(pool.map(mean, grids, map(int, years))))
    length = np.linalg.norm(found, axis=1, keepdims=True)
    known = length >= SHORTEST  # NaN is not
    if not known.any():
        raise FusionError(
            f"nothing of {use.product} at any of {len(table):,} patches",
            "images of the patches' years",
            "name another archive for products.embedding, or remove it",
        )
    return np.where(known, found / np.where(known, length, 1), 0).astype(np.float32)


def _on_earth_engine(use: ProductUse, settings: Settings) -> Mean:
    """One small request a patch: Earth Engine averages."""
    from fusion_assets.imagery.engines.earth_engine.connection import Connection

    connection = Connection(settings.ee_project, settings.ee_url)
    names = list(use.band_names)

    def mean(grid: Grid, year: int) -> np.ndarray:
        import ee

        def ask() -> Any:
            square = ee.Geometry.Rectangle(list(grid.bounds), grid.crs, False)
            images = ee.ImageCollection(use.collection or use.recipe.earth_engine)
            # By date alone: a mosaic of no images at all would have no bands to select.
            images = images.filterDate(f"{year}-01-01", f"{year + 1}-01-01")
            affine = list(grid.transform[:6])
            return images.mosaic().select(names).reduceRegion(
                ee.Reducer.mean(), square, crs=grid.crs, crsTransform=affine, maxPixels=10**8
            ).getInfo()  # fmt: skip

        answer: Mapping[str, Any] = connection.ask(ask, f"{use.product} of a patch in {year}")
        return np.array([np.nan if answer.get(name) is None else answer[name] for name in names], np.float64)

    return mean


def _in_archive(table: pd.DataFrame, use: ProductUse, settings: Settings) -> Mean:
    """Pixels are read where they lie, and averaged."""
    from fusion_assets.imagery.compositing.headers import read_header, settled
    from fusion_assets.imagery.compositing.scene_reading import read_nearest
    from fusion_assets.imagery.engines.archive.search import find_items
    from fusion_assets.imagery.scenes import SceneFile, scene_from_item

    if settings.engine != "archive":
        raise FusionError(f"{settings.engine} has no {use.product}", "archive or earth_engine", "set FUSION_ENGINE")
    place, names = use.archive, use.band_names
    root, sign = (place.location, place.sign) if place else (settings.archive, None)
    collections = (use.collection,) if use.collection else use.recipe.collections
    west, south = table["lon"].min() - _MARGIN, table["lat"].min() - _MARGIN
    east, north = table["lon"].max() + _MARGIN, table["lat"].max() + _MARGIN
    whole = dt.date(use.recipe.first_year, 1, 1), dt.date(2100, 1, 1)
    items = find_items(root, collections, shapely.box(west, south, east, north), whole, sign)
    scenes = [scene_from_item(item, use.recipe, names, use.recipe.mask, use.assets) for item in items]

    def band(file: SceneFile, grid: Grid) -> float:
        header = read_header(file, grid)
        read = read_nearest(file, grid, header=header)
        if read is None or not read[1].any():
            return np.nan
        stands = settled(file, header)
        return float(read[0][read[1]].mean(dtype=np.float64)) * stands.scale + stands.offset

    def mean(grid: Grid, year: int) -> np.ndarray:
        box = degrees_box(grid)
        for scene in scenes:
            files = [scene.bands[name] for name in names]
            reaches = files[0].place.box
            if scene.start.year == year and (reaches is None or shapely.box(*reaches).intersects(box)):
                vector = np.array([band(file, grid) for file in files])
                if np.isfinite(vector).all():
                    return vector
        return np.full(len(names), np.nan)

    return mean
