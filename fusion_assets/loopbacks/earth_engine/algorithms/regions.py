"""From pixels to numbers and features: regions and samples.

A pixel belongs to a region when its centre does, and counts with the weight of its mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from fusion_assets.loopbacks.earth_engine.algorithms.masks import covered
from fusion_assets.loopbacks.earth_engine.algorithms.projections import chosen_projection, grid_around
from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import pixels_of, scaled
from fusion_assets.loopbacks.earth_engine.lattice import WORLD, PixelGrid, Projection, centres_in
from fusion_assets.loopbacks.earth_engine.reducing import output_names, reduce_stack
from fusion_assets.loopbacks.earth_engine.values import Collection, Feature, Geometry, Image, Reducer


def _grid(
    image: Image, region: Geometry | None, projection: Projection, limit: float, where: str
) -> tuple[PixelGrid, Geometry]:
    region = region if region is not None else image.geometry
    if region is None or region.shape is None:
        raise ServiceError(f"{where}: Unable to use a region with an unbounded geometry; specify one.")
    grid = grid_around(region, projection)
    if grid.width * grid.height > limit:
        raise ServiceError(
            f"{where}: Too many pixels in the region. Found {grid.width * grid.height}, but maxPixels allows only "
            f"{int(limit)}."
        )
    return grid, region


@algorithm("Image.reduceRegion")
def reduce_region(
    image: Image,
    reducer: Reducer,
    geometry: Geometry | None,
    scale: float | None,
    crs: Projection | None,
    transform: list | None,
    best_effort: bool,
    max_pixels: int,
    tile_scale: float,
) -> dict[str, Any]:
    """A reducer over all pixels of a region, band by band."""
    projection = chosen_projection(crs or image.projection, transform, scale, "Image.reduceRegion")
    grid, region = _grid(image, geometry, projection, max_pixels, "Image.reduceRegion")
    inside, outputs, reduced = covered(region, grid), output_names(reducer), {}
    for band in image.bands:
        pixels = pixels_of(band, grid)
        weights = scaled(pixels.mask, inside).reshape(-1)
        for output, (value, valid) in zip(
            outputs, reduce_stack(reducer, pixels.values.reshape(-1), weights), strict=True
        ):
            counts = reducer.name == "count"
            name = band.name if len(outputs) == 1 else f"{band.name}_{output}"
            reduced[name] = value.item() if valid or counts else None
    return reduced


@algorithm("Image.sample")
def sample(
    image: Image,
    region: Geometry | None,
    scale: float | None,
    projection: Projection | None,
    factor: float | None,
    number: int | None,
    seed: int,
    drop_nulls: bool,
    tile_scale: float,
    geometries: bool,
) -> Collection:
    """A feature for each pixel of a region; a subset at random where asked for."""
    lattice = chosen_projection(projection or image.projection, None, scale, "Image.sample")
    grid, within = _grid(image, region, lattice, 1e8, "Image.sample")
    rows, cols = np.nonzero(covered(within, grid))
    wanted = number if number is not None else round(len(rows) * factor) if factor is not None else len(rows)
    if wanted < len(rows):
        kept = np.sort(np.random.default_rng(seed).choice(len(rows), wanted, replace=False))
        rows, cols = rows[kept], cols[kept]
    return _features(image, grid, rows, cols, drop_nulls, geometries, [{}] * len(rows))


@algorithm("Image.sampleRegions")
def sample_regions(
    image: Image,
    collection: Collection,
    names: list | None,
    scale: float | None,
    projection: Projection | None,
    tile_scale: float,
    geometries: bool,
) -> Collection:
    """A feature for each pixel of each region, with the region's properties."""
    lattice = chosen_projection(projection or image.projection, None, scale, "Image.sampleRegions")
    features: list[Feature] = []
    for element in collection.elements:
        point = element.geometry.in_crs(lattice.crs)
        around = Geometry(point.buffer(lattice.pixel_size * 1e-3), lattice.crs) if point.area == 0 else element.geometry
        grid, within = _grid(image, around, lattice, 1e8, "Image.sampleRegions")
        inside = np.ones((1, 1), bool) if point.area == 0 and grid.width == grid.height == 1 else covered(within, grid)
        rows, cols = np.nonzero(inside)
        kept = element.properties if names is None else {n: element.properties.get(n) for n in names}
        facts = {name: value for name, value in kept.items() if not name.startswith("system:")}
        features += _features(image, grid, rows, cols, True, geometries, [facts] * len(rows)).elements
    return Collection(tuple(features))


def _features(
    image: Image, grid: PixelGrid, rows: np.ndarray, cols: np.ndarray, drop: bool, geometries: bool, facts: list[dict]
) -> Collection:
    columns = {}
    for band in image.bands:
        pixels = pixels_of(band, grid)
        valid = pixels.valid[rows, cols]
        columns[band.name] = [v if k else None for v, k in zip(pixels.values[rows, cols].tolist(), valid, strict=True)]
    xs, ys = centres_in(grid, WORLD)
    features = []
    for i, (row, col) in enumerate(zip(rows, cols, strict=True)):
        values = {name: column[i] for name, column in columns.items()}
        if drop and any(value is None for value in values.values()):
            continue
        place = Geometry(shapely.Point(xs[row, col], ys[row, col])) if geometries else None
        features.append(Feature({**facts[i], **values, "system:index": str(i)}, place))
    return Collection(tuple(features))
