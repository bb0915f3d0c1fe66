"""Projections of images: reading and setting them, resampling, reprojecting, the grid of an export."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import pixels_of
from fusion_assets.loopbacks.earth_engine.lattice import PixelGrid, Projection, crs_name
from fusion_assets.loopbacks.earth_engine.pixel_types import cast
from fusion_assets.loopbacks.earth_engine.sampling import bilinear, coarser, level_for, nearest
from fusion_assets.loopbacks.earth_engine.values import Band, Geometry, Image, Pixels


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

            smooth = bilinear(grid, lattice, size, read)
            return Pixels(cast(smooth.values, kind), smooth.mask)

        kind = types.FLOAT if band.type.precision == "float" else types.DOUBLE
        return dataclasses.replace(band, type=kind, pixels=pixels)

    return image.with_bands(map(made, image.bands))


@algorithm("Image.clipToBoundsAndScale")
def clip_to_bounds_and_scale(
    image: Image,
    geometry: Geometry | None,
    width: int | None,
    height: int | None,
    edge: int | None,
    scale: float | None,
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
    points = [(~lattice.affine) @ (x, y) for x in (west, east) for y in (south, north)]
    cols, rows = zip(*points, strict=True)
    left, right = math.floor(min(cols) + 1e-3), math.ceil(max(cols) - 1e-3)
    top, bottom = math.floor(min(rows) + 1e-3), math.ceil(max(rows) - 1e-3)
    return PixelGrid(lattice, 0, 0).window(top, left, max(1, bottom - top), max(1, right - left))
