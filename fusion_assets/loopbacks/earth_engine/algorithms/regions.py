"""From pixels to numbers and features: regions and samples.

Means, sums and variances weigh a pixel by its mask and by the share of it that a region covers, in 255ths; a count
takes the pixels whose centres lie inside. Which pixels along an edge the other reducers take is not known: where it
matters, they are refused.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import shapely
from affine import Affine

from fusion_assets.loopbacks.earth_engine.algorithms.masks import coverage, covered
from fusion_assets.loopbacks.earth_engine.algorithms.projections import chosen_projection, grid_around
from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import pixels_of, scaled
from fusion_assets.loopbacks.earth_engine.lattice import WORLD, PixelGrid, Projection, centres_in
from fusion_assets.loopbacks.earth_engine.pixel_types import column_of
from fusion_assets.loopbacks.earth_engine.reducing import WEIGHED, output_names, reduce_stack
from fusion_assets.loopbacks.earth_engine.values import (
    Band,
    Collection,
    Feature,
    Geometry,
    Image,
    Pixels,
    Reducer,
)


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
    where = "Image.reduceRegion"
    if best_effort:
        chosen = _coarse_enough(image, geometry, projection, max_pixels)
        if chosen != projection:
            where = "Image.reduceRegion with bestEffort"
        projection = chosen
    grid, region = _grid(image, geometry, projection, max_pixels, where)
    share, inside, reduced = coverage(region, grid), covered(region, grid), {}
    for band in image.bands:
        pixels = pixels_of(band, grid)
        if where.endswith("bestEffort"):
            _alike(band, reducer, where)
        outputs = _of_region(reducer, pixels, share, inside)
        for output, value in zip(output_names(reducer), outputs, strict=True):
            reduced[band.name if len(outputs) == 1 else f"{band.name}_{output}"] = value
    return reduced


def _of_region(reducer: Reducer, pixels: Pixels, share: np.ndarray, inside: np.ndarray) -> list[Any]:
    """Outputs of a reducer over one band."""
    if reducer.name == "combine":
        return [value for part in reducer.parts for value in _of_region(part, pixels, share, inside)]
    values, touched = pixels.values.reshape(-1), share > 0
    if reducer.name == "count":
        return [int((pixels.valid & inside).sum())]
    if reducer.name in WEIGHED and not reducer.parameters.get("unweighted"):
        return _plain(reduce_stack(reducer, values, scaled(pixels.mask, share).reshape(-1)))
    found = [_plain(reduce_stack(reducer, values, (pixels.valid & chosen).reshape(-1))) for chosen in (inside, touched)]
    ordered = reducer.name in ("first", "last", "firstNonNull", "lastNonNull")
    if found[0] != found[1] or (ordered and len(np.unique(values[(pixels.valid & touched).reshape(-1)])) > 1):
        raise ServiceError(
            f"Image.reduceRegion: this loopback service does not know which pixels along the region's edge "
            f"Reducer.{reducer.name} takes, or in which order."
        )
    return found[0]


def _plain(results: list) -> list[Any]:
    return [value.item() if valid else None for value, valid in results]


def _coarse_enough(image: Image, region: Geometry | None, projection: Projection, limit: float) -> Projection:
    """A projection whose pixels are doubled until a region has few enough of them."""
    region = region if region is not None else image.geometry
    while region is not None and region.shape is not None:
        grid = grid_around(region, projection)
        if grid.width * grid.height <= limit:
            break
        projection = Projection(projection.crs, tuple((projection.affine @ Affine.scale(2))[:6]))
    return projection


def _alike(band: Band, reducer: Reducer, where: str) -> None:
    """Refuse whatever depends on the coarser scale, which is the real service's own choice."""
    known = reducer.name in ("mean", "min", "max", "median", "mode", "first", "firstNonNull")
    if not known or band.type.low != band.type.high or (band.type.precision != "int" and not band.type.constant):
        raise ServiceError(f"{where}: this loopback service does not know which coarser scale is taken.")


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
    made = _features(image, grid, rows, cols, drop_nulls, geometries, [{}] * len(rows))
    columns = {band.name: column_of(band.type) for band in image.bands}
    facts = {"band_order": [band.name for band in image.bands]}
    return dataclasses.replace(made, columns=columns, properties=facts)


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
