"""The same dates and pixels as `imagery/timeseries.py`, from Sentinel Hub: fetched piece by piece when computed.

The catalog says which scenes there are; each pass is then asked for by itself, on the grid's own pixels and by
nearest neighbour.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dask
import numpy as np
import xarray as xr
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.acquisitions import acquisitions
from fusion_assets.imagery.engines.protocol import ExportRequest, no_scenes
from fusion_assets.imagery.engines.sentinel_hub.connection import Connection
from fusion_assets.imagery.engines.sentinel_hub.recipes import recipe_for
from fusion_assets.imagery.engines.sentinel_hub.tiles import Asking, fetch
from fusion_assets.imagery.engines.services import Undocumented, documented, is_text
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.scenes import Scene
from fusion_assets.imagery.timeseries import PIECE_SIZES, Date, PieceSizes, Treatment, assembled, dates_of, first_clear

AT_ONCE = 8
"""Dates of a piece that are asked for at once; the client lets as many requests out."""
_FIRST_ORBITS = {"S1A": 73, "S1B": 27}
"""Absolute orbit that was the relative orbit 1. Satellites whose tracks were moved since launch are left out."""
_ORBITS_OF_A_CYCLE = 175
_PRODUCT_NAME = re.compile(r"(S1[A-Z])_IW_\w{4}_\w{4}_\d{8}T\d{6}_\d{8}T\d{6}_(\d{6})_")


def series(
    request: ExportRequest,
    connection: Connection | None = None,
    treatment: Treatment | None = None,
    without: Collection[str] = (),
    sizes: PieceSizes = PIECE_SIZES,
) -> xr.Dataset:
    """The scenes of a request, date by date, lazily; see `imagery.timeseries.dataset_of`.

    Reflectance has the offsets of newer processing baselines taken off. `sentinel1_grd` is sigma nought on the
    ellipsoid in decibels, `sentinel1_rtc` gamma nought on the terrain as a power ratio; both are orthorectified on the
    Copernicus terrain model, with their speckle. Where granules of one pass overlap, the older one counts that is
    clear there. All bands of a piece of one pass are one request; what is computed in several goes is asked for as
    often.

    Args:
        request: `archive`, `collections` and `sign` are not looked at.
        connection: by default that of the environment.
        treatment: applied to all dates of a piece together.
        without: ids of scenes that are left out.
        sizes: of the pieces.

    Returns:
        Dataset (time, y, x) of float32 with NaN for what is not there or not clear.

    Raises:
        NoScenes: nothing in the window.
        FusionError: no credentials, or a product, mask or CRS that the service does not have; when computed, a piece
            that could not be had whole.
    """
    chosen = connection or Connection.from_environment()
    asking = Asking(recipe_for(request), request.recipe, request.product, request.max_cloud_cover, chosen)
    scenes = [scene for scene in scenes_for(request, chosen) if scene.id not in without]
    dates = dates_of(scenes, PRODUCTS[request.product])
    shared = dask.delayed((asking, dates), pure=False, traverse=False)
    read = dask.delayed(_read, pure=False)
    return assembled(
        lambda first, count, window: read(shared, first, count, window),
        AT_ONCE,
        dates,
        request.recipe.bands,
        request.grid,
        treatment,
        sizes,
    )


def scenes_for(request: ExportRequest, connection: Connection | None = None) -> list[Scene]:
    """Scenes that touch the region, sorted by id.

    Raises:
        NoScenes: there are none.
        FusionError: see `series`.
    """
    recipe, chosen = recipe_for(request), connection or Connection.from_environment()
    first, last = request.window
    terms = [recipe.condition] if recipe.condition else []
    if request.max_cloud_cover is not None:
        terms.append(f"eo:cloud_cover <= {request.max_cloud_cover:g}")
    interval = f"{first}T00:00:00Z", f"{last}T23:59:59Z"
    features = chosen.search(recipe.collection, request.area.bounds, interval, " AND ".join(terms))

    def found() -> dict[str, Scene]:
        inside = (feature for feature in features if _outline(feature).intersects(request.area))
        return {scene.id: scene for scene in map(_scene, inside)}

    scenes = documented(found, f"the scenes of {request.asset} {request.partition}", "Sentinel Hub")
    if not scenes:
        remedy = "correct the season, a `windows` entry or the region in the study, or allow more clouds"
        raise no_scenes(request, chosen.url, 0, remedy)
    return sorted(scenes.values(), key=lambda scene: scene.id)


def _outline(feature: Mapping[str, Any]) -> BaseGeometry:
    outline = shape(feature["geometry"])
    if outline.is_empty or not all(map(math.isfinite, outline.bounds)):
        raise Undocumented("a scene without an outline")
    return outline


def _scene(feature: Mapping[str, Any]) -> Scene:
    """A feature of the catalog; the service itself knows the files."""
    properties, name = feature["properties"], feature["id"]
    start = dt.datetime.fromisoformat(properties["datetime"].replace("Z", "+00:00"))
    platform, direction = properties.get("platform") or "", properties.get("sat:orbit_state") or ""
    if not all(map(is_text, (name, platform, direction))) or not name or start.tzinfo is None:
        raise Undocumented("a scene whose name, time, platform or direction is none")
    start = start.astimezone(dt.UTC)
    return Scene(
        name, start, start, platform, {}, None, orbit=relative_orbit(name, properties), direction=direction.lower()
    )


def relative_orbit(name: str, properties: Mapping[str, Any]) -> int | None:
    """Relative orbit of a scene, 1 to 175; None where nothing says it, and tracks are told apart by the time of day.

    The catalog does not give it for Sentinel-1, but the product's name has the absolute orbit.

    Source: https://forum.step.esa.int/t/sentinel-1-relative-orbit-from-filename/7042
    """
    given = properties.get("sat:relative_orbit")
    if given is not None:
        if isinstance(given, bool) or given != int(given):
            raise Undocumented("a scene whose orbit is no number")
        return int(given)
    match = _PRODUCT_NAME.match(name)
    if match is None or match[1] not in _FIRST_ORBITS:
        return None
    return (int(match[2]) - _FIRST_ORBITS[match[1]]) % _ORBITS_OF_A_CYCLE + 1


def _read(shared: tuple[Asking, list[Date]], first: int, count: int, window: Grid) -> np.ndarray:
    """Some dates of one piece: (time, bands, y, x)."""
    asking, dates = shared
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return np.stack(list(pool.map(lambda date: _date(asking, date, window), dates[first : first + count])))


def _date(asking: Asking, date: Date, window: Grid) -> np.ndarray:
    """One date of one piece: (bands, y, x); a pixel comes from one pass, the first in which it is clear."""
    passes = (fetch(asking, scenes, window) for scenes in acquisitions(date.scenes))
    return first_clear(passes, len(asking.pixels.bands), window)
