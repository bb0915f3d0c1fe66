"""Sentinel-2 and Sentinel-1 on a grid, date by date, fetched when they are computed.

The catalog says which scenes there are; each pass is then asked for by itself, in tiles, on the grid's own pixels and
by nearest neighbour. What a date is, and what a series looks like, is decided in `imagery/timeseries.py`, as for the
other engines. What does not belong here: one tile (`tiles.py`), speckle, and anything else that is made of the pixels.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr
from shapely.geometry import shape

from fusion_assets.imagery.exports import ExportRequest, no_scenes
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.scenes import Scene, acquisitions
from fusion_assets.imagery.sentinel_hub.connection import Connection
from fusion_assets.imagery.sentinel_hub.recipes import Recipe, recipe_for
from fusion_assets.imagery.sentinel_hub.tiles import LARGEST_EDGE, Asking, fetch
from fusion_assets.imagery.timeseries import TILE, Date, dataset_of, dates_of, pieces

EDGE = 2 * TILE
"""Of a tile, pixels: fewer requests than the archive engine has tiles, and within the service's limit."""


def series(request: ExportRequest, connection: Connection | None = None, edge: int = EDGE) -> xr.Dataset:
    """The scenes of a request, date by date, lazily; see `imagery.timeseries.dataset_of`.

    Reflectance has the offsets of newer processing baselines taken off. `sentinel1_grd` is sigma nought on the
    ellipsoid in decibels, `sentinel1_rtc` gamma nought on the terrain as a power ratio; both are orthorectified on the
    Copernicus terrain model, with their speckle. Where granules of one pass overlap, the service takes the older one.

    Args:
        request: `archive`, `collections` and `sign` are not looked at.
        connection: by default that of the environment.
        edge: of a tile, pixels. All bands of a tile of one date are one request for each pass; what is computed in
            several goes is asked for as often.

    Returns:
        Dataset (time, y, x) of float32 with NaN for what is not there or not clear.

    Raises:
        NoScenes: nothing in the window.
        FusionError: no credentials, or a product, mask or CRS that the service does not have; when computed, a tile
            that could not be had whole.
    """
    recipe, product = recipe_for(request), PRODUCTS[request.product]
    chosen = connection or Connection.from_environment()
    scenes = scenes_for(request, recipe, chosen)
    if not scenes:
        remedy = "correct the season, a `windows` entry or the region in the study, or allow more clouds"
        raise no_scenes(request, chosen.url, 0, remedy)
    dates, grid, bands = dates_of(scenes, product), request.grid, request.recipe.bands
    asking = Asking(recipe, request.recipe, request.product, request.max_cloud_cover, chosen)
    shared = dask.delayed((asking, grid), pure=False, traverse=False)
    read = dask.delayed(_read, pure=False)
    step = min(edge, LARGEST_EDGE)

    def piece(date: Date, row: int, height: int, col: int, width: int) -> da.Array:
        values = read(shared, date, (row, col, height, width))
        return da.from_delayed(values, (1, len(bands), height, width), np.dtype(np.float32))

    rows = [(i * step, height) for i, height in enumerate(pieces(grid.height, step))]
    cols = [(i * step, width) for i, width in enumerate(pieces(grid.width, step))]
    stack = da.block([[[[piece(date, *row, *col) for col in cols] for row in rows]] for date in dates])
    found = dataset_of(stack, bands, dates, grid)
    for band in bands:
        found[band].attrs["units"] = product.unit
    return found.assign_attrs(source=f"Sentinel Hub Process API, {recipe.title}")


def scenes_for(request: ExportRequest, recipe: Recipe, connection: Connection) -> list[Scene]:
    """Scenes that touch the region, sorted by id; none where there are none."""
    first, last = request.window
    terms = [recipe.condition] if recipe.condition else []
    if request.max_cloud_cover is not None:
        terms.append(f"eo:cloud_cover <= {request.max_cloud_cover:g}")
    interval = f"{first}T00:00:00Z", f"{last}T23:59:59Z"
    features = connection.search(recipe.collection, request.area.bounds, interval, " AND ".join(terms))
    inside = (feature for feature in features if shape(feature["geometry"]).intersects(request.area))
    found = {scene.id: scene for scene in map(_scene, inside)}
    return sorted(found.values(), key=lambda scene: scene.id)


def _scene(feature: Mapping[str, Any]) -> Scene:
    """A feature of the catalog; the service itself knows the files."""
    known = feature["properties"]
    start = dt.datetime.fromisoformat(known["datetime"].replace("Z", "+00:00")).astimezone(dt.UTC)
    orbit = known.get("sat:relative_orbit")
    return Scene(
        str(feature["id"]),
        start,
        start,
        str(known.get("platform", "")),
        {},
        None,
        orbit=None if orbit is None else int(orbit),
        direction=str(known.get("sat:orbit_state", "")).lower(),
    )


def _read(shared: tuple[Asking, Grid], date: Date, window: tuple[int, int, int, int]) -> np.ndarray:
    """One date of one tile: (1, bands, y, x); a pixel comes from one pass, the first in which it is clear."""
    asking, grid = shared
    part = grid.window(*window)
    out = np.full((1, len(asking.pixels.bands), *part.shape), np.nan, np.float32)
    empty = np.ones(part.shape, bool)
    for scenes in acquisitions(date.scenes):
        values, clear = fetch(asking, scenes, part, f"at row {window[0]}, column {window[1]}")
        clear &= empty
        np.copyto(out[0], values, where=clear)
        empty &= ~clear
        if not empty.any():
            break
    return out
