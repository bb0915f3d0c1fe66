"""Projections of images: reading and setting them, resampling, reprojecting, and combining pixels of a finer lattice.

`reduceResolution` combines, for every requested pixel, all pixels of the image's default projection that it covers,
weighted by mask and by the covered share. Its mask is the covered mean of the masks, as in the pyramids; with
`WHOLE_MASKS` set it is 1 wherever anything is covered, so that a test can show that nothing depends on either.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from fusion_assets_tests.earth_engine import pixel_types as types
from fusion_assets_tests.earth_engine.algorithms.registry import algorithm
from fusion_assets_tests.earth_engine.errors import ServiceError
from fusion_assets_tests.earth_engine.imaging import pixels_of
from fusion_assets_tests.earth_engine.lattice import PixelGrid, Projection, crs_name, pixels_per_pixel
from fusion_assets_tests.earth_engine.pixel_types import cast
from fusion_assets_tests.earth_engine.reducing import output_names, output_types, reduce_stack
from fusion_assets_tests.earth_engine.sampling import bilinear, coarser, level_for, nearest
from fusion_assets_tests.earth_engine.values import Band, Geometry, Image, Pixels, Reducer

WHOLE_MASKS = [False]
_LARGEST_MAX_PIXELS = 65536
_PIXELS_AT_ONCE = 1 << 20


def chosen_projection(crs: Projection, transform: list[float] | None, scale: float | None, where: str) -> Projection:
    """The projection that the three arguments of several algorithms name together."""
    if transform is not None and scale is not None:
        raise ServiceError(f"{where}: 'crsTransform' and 'scale' may not both be specified.")
    if transform is not None:
        if len(transform) != 6:
            raise ServiceError(f"{where}: 'crsTransform' must have 6 elements, got {len(transform)}.")
        return Projection(crs.crs, tuple(float(term) for term in transform))
    return crs.at_scale(scale) if scale is not None else dataclasses.replace(crs, fixed=True)


@algorithm("Projection", "Proj")
def projection(crs: Any, transform: list[float] | None, wkt: str | None) -> Projection:
    """A projection from a code or WKT."""
    if wkt is not None or not isinstance(crs, str):
        raise ServiceError("Projection: this loopback service knows crs (a code or WKT) and transform only.")
    return Projection(crs_name(crs), tuple(map(float, transform)) if transform else (1.0, 0.0, 0.0, 0.0, 1.0, 0.0))


@algorithm("Image.projection")
def image_projection(image: Image) -> Projection:
    """The default projection, the same for all bands."""
    if not image.bands:
        raise ServiceError("Image.projection: The image has no bands.")
    if len({band.projection for band in image.bands}) > 1:
        raise ServiceError("Image.projection: The bands of the specified image contains different projections.")
    return image.projection


@algorithm("Projection.crs")
def crs_code(given: Projection) -> str:
    """Authority code, or WKT."""
    return given.crs


@algorithm("Projection.nominalScale")
def nominal_scale(given: Projection) -> float:
    """Metres along a pixel's side."""
    return given.pixel_size * given.metres_per_unit


@algorithm("Projection.atScale")
def at_scale(given: Projection, metres: float) -> Projection:
    """The same CRS with pixels of another size."""
    return given.at_scale(metres)


@algorithm("Projection.transform")
def transform_text(given: Projection) -> str:
    """The transform as text."""
    return "PARAM_MT[" + ", ".join(map(str, given.transform)) + "]"


@algorithm("Image.setDefaultProjection")
def set_default_projection(image: Image, crs: Projection, transform: list | None, scale: float | None) -> Image:
    """Other default projection, same pixels."""
    chosen = chosen_projection(crs, transform, scale, "Image.setDefaultProjection")
    return image.with_bands(dataclasses.replace(band, projection=chosen, size=None) for band in image.bands)


@algorithm("Image.reproject")
def reproject(image: Image, crs: Projection, transform: list | None, scale: float | None) -> Image:
    """Computed on one lattice, wherever it is asked for; nearest neighbour from there."""
    chosen = chosen_projection(crs, transform, scale, "Image.reproject")

    def made(band: Band) -> Band:
        def read(row: int, col: int, height: int, width: int) -> Pixels:
            return pixels_of(band, PixelGrid(chosen, 0, 0).window(row, col, height, width))

        return dataclasses.replace(
            band, projection=chosen, size=None, pixels=lambda grid: nearest(grid, chosen, None, read, band.type)
        )

    return image.with_bands(map(made, image.bands))


@algorithm("Image.resample")
def resample(image: Image, mode: str) -> Image:
    """Interpolated between the pixels of the default projection; see `sampling.py` for the rules."""
    if mode != "bilinear":
        raise ServiceError(f"Image.resample: this loopback service knows 'bilinear' only, not '{mode}'.")

    def made(band: Band) -> Band:
        if not band.projection.fixed:
            raise ServiceError(
                f"Image.resample: band '{band.name}' has no projection of its own (a composite); resample its inputs."
            )

        def pixels(grid: PixelGrid) -> Pixels:
            level = level_for(grid, band.projection)
            lattice = coarser(band.projection, level)
            size = band.size and tuple(math.ceil(edge / 2**level) for edge in band.size)

            def read(row: int, col: int, height: int, width: int) -> Pixels:
                return pixels_of(band, PixelGrid(lattice, 0, 0).window(row, col, height, width))

            found = bilinear(grid, lattice, size, read)
            return Pixels(cast(found.values, kind), found.mask)

        kind = types.FLOAT if band.type.precision == "float" else types.DOUBLE
        return dataclasses.replace(band, type=kind, pixels=pixels)

    return image.with_bands(map(made, image.bands))


@algorithm("Image.reduceResolution")
def reduce_resolution(image: Image, reducer: Reducer, best_effort: bool, max_pixels: int) -> Image:
    """Pixels of the default projection combined by a reducer; see the module's text."""
    if best_effort:
        raise ServiceError("Image.reduceResolution: this loopback service does not know bestEffort.")
    if not 0 < max_pixels <= _LARGEST_MAX_PIXELS:
        raise ServiceError(f"Image.reduceResolution: 'maxPixels' must be between 1 and {_LARGEST_MAX_PIXELS}, got {max_pixels}.")
    outputs = output_names(reducer)
    made = []
    for band in image.bands:
        names = [band.name] if len(outputs) == 1 else [f"{band.name}_{output}" for output in outputs]
        for index, (name, kind) in enumerate(zip(names, output_types(reducer, band.type), strict=True)):
            made.append(Band(name, kind, band.projection, _combined(band, reducer, index, max_pixels, kind)))
    return image.with_bands(made)


def _combined(band: Band, reducer: Reducer, output: int, max_pixels: int, kind: types.PixelType) -> Any:
    def pixels(grid: PixelGrid) -> Pixels:
        ratio = pixels_per_pixel(grid, band.projection) if band.projection.fixed else 0
        if ratio <= 1 + 1e-6:
            # Nothing to combine: the input is as coarse as the request, or computed wherever it is asked for.
            found = pixels_of(band, grid)
            return Pixels(cast(found.values, kind), found.mask)
        if ratio**2 > max_pixels * (1 + 1e-6):
            raise ServiceError(
                f"Image.reduceResolution: Too many input pixels per output pixel: {math.ceil(ratio**2)} > {max_pixels}. "
                "Raise maxPixels."
            )
        if grid.crs != band.projection.crs:
            raise ServiceError(
                "Image.reduceResolution: this loopback service combines pixels within one CRS only; "
                f"got {grid.crs} from {band.projection.crs}."
            )
        rows = max(1, _PIXELS_AT_ONCE // max(1, round(grid.width * ratio**2)))
        parts = [_block(band, reducer, grid.window(row, 0, min(rows, grid.height - row), grid.width))[output]
                 for row in range(0, grid.height, rows)]  # fmt: skip
        values, mask = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
        return Pixels(cast(values, kind), mask)

    return pixels


def _block(band: Band, reducer: Reducer, grid: PixelGrid) -> list[tuple[np.ndarray, np.ndarray]]:
    rows, cols = _edges(grid, band.projection)
    top, left = math.floor(rows.min() + 1e-6), math.floor(cols.min() + 1e-6)
    height, width = math.ceil(rows.max() - 1e-6) - top, math.ceil(cols.max() - 1e-6) - left
    found = pixels_of(band, PixelGrid(band.projection, 0, 0).window(top, left, height, width))
    weights = found.mask.astype(np.float64)
    down, across = _overlap(rows - top, height), _overlap(cols - left, width)
    cover = down @ weights @ across.T
    mask = (cover > 1e-12) if WHOLE_MASKS[0] else np.clip(cover, 0, 1).astype(np.float32)
    mask = mask > 0 if np.isin(mask, (0, 1)).all() else mask
    if reducer.name == "mean":
        total = down @ np.where(weights > 0, found.values * weights, 0) @ across.T
        return [(total / np.where(cover > 1e-12, cover, 1), mask)]
    k, l = height // grid.height, width // grid.width
    if height != k * grid.height or width != l * grid.width or np.ptp(np.diff(rows)) > 1e-6 or np.ptp(np.diff(cols)) > 1e-6:
        raise ServiceError("Image.reduceResolution: this loopback service knows the mean only where grids are not aligned.")

    def blocks(array: np.ndarray) -> np.ndarray:
        return array.reshape(grid.height, k, grid.width, l).transpose(1, 3, 0, 2).reshape(k * l, grid.height, grid.width)

    results = reduce_stack(reducer, blocks(found.values), blocks(found.mask))
    return [(values, mask) for values, _ in results]


def _edges(grid: PixelGrid, lattice: Projection) -> tuple[np.ndarray, np.ndarray]:
    """Row and column, on a lattice, of the edges of a grid's rows and columns."""
    a, b, c, d, e, f = (~lattice.affine * grid.affine)[:6]
    if abs(b) > 1e-9 or abs(d) > 1e-9 or a <= 0 or e <= 0:
        raise ServiceError("Image.reduceResolution: this loopback service knows lattices of the same orientation only.")
    return e * np.arange(grid.height + 1) + f, a * np.arange(grid.width + 1) + c


def _overlap(edges: np.ndarray, number: int) -> np.ndarray:
    """Share of each interval between edges that lies in each of `number` unit intervals."""
    units = np.arange(number)
    shared = np.minimum(edges[1:, None], units + 1) - np.maximum(edges[:-1, None], units)
    shared = np.where(shared > 1e-6, shared, 0)
    return shared / np.diff(edges)[:, None]


@algorithm("Image.clipToBoundsAndScale")
def clip_to_bounds_and_scale(
    image: Image, geometry: Geometry | None, width: int | None, height: int | None, edge: int | None, scale: float | None
) -> Image:
    """The exact grid around a geometry, in the image's projection."""
    if width is not None or height is not None or edge is not None:
        raise ServiceError("Image.clipToBoundsAndScale: this loopback service knows geometry and scale only.")
    lattice = image.projection if scale is None else image.projection.at_scale(scale)
    region = geometry if geometry is not None else image.geometry
    if region is None or region.shape is None:
        raise ServiceError("Image.clipToBoundsAndScale: The geometry is unbounded.")
    grid = grid_around(region, lattice)
    made = image.with_bands(dataclasses.replace(band, projection=grid.projection) for band in image.bands)
    return dataclasses.replace(made, geometry=region, grid=grid)


def grid_around(region: Geometry, lattice: Projection) -> PixelGrid:
    """Whole pixels of a lattice around a geometry's bounds; an overhang below a thousandth of a pixel is rounding."""
    west, south, east, north = region.in_crs(lattice.crs).bounds
    points = [(~lattice.affine) * (x, y) for x in (west, east) for y in (south, north)]
    cols, rows = zip(*points, strict=True)
    left, right = math.floor(min(cols) + 1e-3), math.ceil(max(cols) - 1e-3)
    top, bottom = math.floor(min(rows) + 1e-3), math.ceil(max(rows) - 1e-3)
    return PixelGrid(lattice, 0, 0).window(top, left, max(1, bottom - top), max(1, right - left))

