"""Pixels of one pass on a part of the grid: the request, its answer checked, physical values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rasterio.io import MemoryFile

from fusion_assets.grids.grid import Grid, rows_and_columns
from fusion_assets.imagery.compositing.tile import is_clear
from fusion_assets.imagery.engines.sentinel_hub.connection import Connection, PartialAnswer
from fusion_assets.imagery.engines.sentinel_hub.evalscripts import evalscript
from fusion_assets.imagery.engines.sentinel_hub.recipes import SCENE_CLASSES, Recipe
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import CompositeRecipe, Mask
from fusion_assets.imagery.scenes import Scene
from fusion_assets.storage.raster_files import GDAL_ERRORS, check_sizes
from fusion_assets.storage.raster_places import UnfitFile

_MARGIN = dt.timedelta(seconds=20)
"""Around the scenes of a pass: shorter than the pause between two passes, so that each is answered by itself."""


@dataclass(frozen=True)
class Asking:
    """What all requests of a series have in common.

    Attributes:
        recipe: of the service.
        pixels: which bands, and what is clear.
        product: key of `PRODUCTS`.
        max_cloud_cover: of scenes, percent.
        connection: whom to ask.
    """

    recipe: Recipe
    pixels: CompositeRecipe
    product: str
    max_cloud_cover: float | None
    connection: Connection

    @property
    def units(self) -> dict[str, str]:
        """Unit of each band that is asked for, in order."""
        classes = {} if self.pixels.mask.kind == "none" else {SCENE_CLASSES: "DN"}
        return {**dict.fromkeys(self.pixels.bands, self.recipe.unit), **classes}

    @property
    def clear_classes(self) -> tuple[int, ...]:
        """Scene classes that are clear; none without a mask."""
        mask = self.pixels.mask
        return () if mask.kind == "none" else tuple(int(value) for value in mask.values)


def fetch(asking: Asking, scenes: Sequence[Scene], part: Grid) -> tuple[np.ndarray, np.ndarray]:
    """One pass on a part of the grid.

    Args:
        asking: see there.
        scenes: of the pass.
        part: of the grid, at most 2500 pixels wide and high: the service's limit.

    Returns:
        Values (bands, height, width) float32, physical, and where all of them are valid and clear.

    Raises:
        FusionError: names pass and place: refused, failing, or never whole.
    """
    place = f"{rows_and_columns(*part.shape)} from x {part.transform.c:.0f}, y {part.transform.f:.0f}"
    about = f"{asking.recipe.title} of {scenes[0].start:%Y-%m-%d %H:%M} UTC, {place}"
    request = download_request(asking, scenes, part)
    count = len(asking.units) + 1
    pixels = asking.connection.fetch(request, about, lambda content: decoded(content, part, count))
    return physical(pixels, asking.pixels.mask, asking.recipe.unit, PRODUCTS[asking.product].unit)


def download_request(asking: Asking, scenes: Sequence[Scene], part: Grid) -> Any:
    """The request for one pass on a part of the grid, to the pixel; holds no credential."""
    asking.connection.client()  # says what is missing, before the package is imported
    from sentinelhub import CRS, BBox, MimeType, SentinelHubRequest

    from fusion_assets.imagery.engines.sentinel_hub.client import configuration

    span = min(scene.start for scene in scenes) - _MARGIN, max(scene.start for scene in scenes) + _MARGIN
    begin, end = (moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in span)
    chosen: Mapping[str, Any] = {} if asking.max_cloud_cover is None else {"maxCloudCoverage": asking.max_cloud_cover}
    time_range = {"timeRange": {"from": begin, "to": end}, "mosaickingOrder": "leastRecent"}
    # Not by SentinelHubRequest.input_data: its collections carry addresses of their own, and the token would go there
    # whatever SH_BASE_URL says.
    data = {
        "type": asking.recipe.collection,
        "dataFilter": {**asking.recipe.data_filter, **chosen, **time_range},
        "processing": dict(asking.recipe.processing),
    }
    # Keeping granules apart may be charged as more samples, so it is asked for only where there are several.
    clear = asking.clear_classes if len(scenes) > 1 else ()
    return SentinelHubRequest(
        evalscript=evalscript(asking.units, clear),
        input_data=[data],
        responses=[SentinelHubRequest.output_response("default", MimeType.TIFF)],
        bbox=BBox(part.bounds, crs=CRS(part.crs)),
        size=(part.width, part.height),
        config=configuration(asking.connection.url, asking.connection.token_url, asking.connection.pace, "", ""),
    ).download_list[0]


def decoded(content: bytes, part: Grid, count: int) -> np.ndarray:
    """Pixels of an answer: (count, height, width) float32.

    Raises:
        PartialAnswer: not a readable GeoTIFF of that many bands on that grid.
    """
    if not content:
        raise PartialAnswer("0 bytes")
    try:
        with MemoryFile(content) as memory, memory.open(driver="GTiff") as file:
            check_sizes(file, "the answer")
            size = file.count, file.height, file.width
            if size != (count, *part.shape):
                expected = f"{count} of {rows_and_columns(*part.shape)}"
                raise PartialAnswer(f"{size[0]} bands of {rows_and_columns(*size[1:])}, not {expected}")
            if file.crs and not file.transform.almost_equals(part.transform, part.resolution * 1e-3):
                raise PartialAnswer(f"pixels at {file.transform.c}, {file.transform.f}, not where they were asked for")
            return file.read(out_dtype=np.float32)
    except (*GDAL_ERRORS, UnfitFile) as error:
        problem = f"{len(content)} bytes that are no whole GeoTIFF ({type(error).__name__})"
    raise PartialAnswer(problem)


def physical(pixels: np.ndarray, mask: Mask, source: str, unit: str) -> tuple[np.ndarray, np.ndarray]:
    """Values of the bands, and where all of them are valid and clear.

    Args:
        pixels: bands, then scene classes unless the mask is `none`, then `dataMask`.
        mask: which classes are clear.
        source: unit that they are in; of `LINEAR_POWER`, 0 and below are no data.
        unit: that is wanted; `dB` takes 10 log10 of the power.
    """
    clear, values = pixels[-1] > 0, pixels[:-1]
    if mask.kind != "none":
        clear &= is_clear(values[-1].astype(np.uint8), mask)
        values = values[:-1]
    if source == "LINEAR_POWER":
        clear &= (values > 0).all(axis=0)
    if unit == "dB":
        values = 10 * np.log10(np.where(clear, values, 1))
    return values.astype(np.float32, copy=False), clear & np.isfinite(values).all(axis=0)
