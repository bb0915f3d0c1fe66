"""Masks: reading, setting, filling; clipping; choosing between two images.

A clip's mask is the share of a pixel that the geometry covers, in 255ths; edges are straight in the geometry's CRS.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import rasterio.features
import shapely
from affine import Affine

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.coercion import coerce
from fusion_assets.loopbacks.earth_engine.imaging import as_mask, derived, paired, pixels_of, scaled
from fusion_assets.loopbacks.earth_engine.lattice import PixelGrid
from fusion_assets.loopbacks.earth_engine.pixel_types import cast
from fusion_assets.loopbacks.earth_engine.values import Band, Geometry, Image, Pixels


@algorithm("Image.updateMask")
def update_mask(image: Image, mask: Image) -> Image:
    """Masked wherever it was, and where the mask's values are 0; other values weigh."""

    def compute(pixels: Pixels, given: Pixels) -> Pixels:
        return Pixels(pixels.values, scaled(pixels.mask, as_mask(given)))

    pairs = paired(image, mask, "Image.updateMask")[: len(image.bands)]
    return image.with_bands(_like(band, given, compute) for band, given in pairs)


@algorithm("Image.selfMask")
def self_mask(image: Image) -> Image:
    """Masked where the value is 0."""
    return update_mask(image, image)


@algorithm("Image.mask")
def mask(image: Image, given: Image | None) -> Image:
    """The mask as an image (0 to 1, valid everywhere), or the image with another mask."""
    if given is None:
        return image.with_bands(_mask_band(band) for band in image.bands)

    def compute(pixels: Pixels, new: Pixels) -> Pixels:
        return Pixels(np.where(pixels.valid, pixels.values, 0), as_mask(new))

    return image.with_bands(_like(band, new, compute) for band, new in paired(image, given, "Image.mask"))


def _mask_band(band: Band) -> Band:
    def compute(pixels: Pixels) -> Pixels:
        return Pixels(pixels.mask.astype(np.float32), np.ones(pixels.mask.shape, bool))

    return derived(band.name, types.FLOAT, (band,), compute, band.projection)


def _like(band: Band, other: Band, compute: Any) -> Band:
    made = derived(band.name, band.type, (band, other), compute, band.projection)
    return dataclasses.replace(made, size=band.size)


@algorithm("Image.unmask")
def unmask(image: Image, value: Image | None, same_footprint: bool) -> Image:
    """Another image's values and mask where this one is masked; inside the footprint alone unless told otherwise."""
    filler = coerce(0, "Image", "Image.unmask") if value is None else value
    inside = image.geometry if same_footprint else None

    def made(band: Band, fill: Band) -> Band:
        kind = types.union(band.type, fill.type)

        def pixels(grid: PixelGrid) -> Pixels:
            base, other = pixels_of(band, grid), pixels_of(fill, grid)
            replace = ~base.valid
            if inside is not None and inside.shape is not None:
                replace &= covered(inside, grid)
            values = np.where(replace, cast(other.values, kind), cast(base.values, kind))
            return Pixels(values, np.where(replace, other.mask, base.mask))

        return Band(band.name, kind, band.projection, pixels, band.size)

    return image.with_bands(made(*pair) for pair in paired(image, filler, "Image.unmask"))


@algorithm("Image.where")
def where(image: Image, test: Image, value: Image) -> Image:
    """The value where the test is not 0 and neither is masked, the image elsewhere."""

    def made(band: Band, check: Band, other: Band) -> Band:
        kind = types.union(band.type, other.type)

        def compute(base: Pixels, condition: Pixels, given: Pixels) -> Pixels:
            use = (condition.values != 0) & condition.valid & given.valid
            return Pixels(np.where(use, cast(given.values, kind), cast(base.values, kind)), base.mask)

        return derived(band.name, kind, (band, check, other), compute, band.projection)

    tests, values = paired(image, test, "Image.where"), paired(image, value, "Image.where")
    return image.with_bands(made(band, check, other) for (band, check), (_, other) in zip(tests, values, strict=True))


@algorithm("Image.clip", "Image.clipToCollection")
def clip(image: Image, region: Any) -> Image:
    """Masked outside a geometry, which becomes the footprint (cut with the one there was)."""
    geometry: Geometry = coerce(region, "Geometry", "Image.clip")
    if geometry.shape is None:
        return image

    def made(band: Band) -> Band:
        def pixels(grid: PixelGrid) -> Pixels:
            whole = pixels_of(band, grid)
            share = coverage(geometry, grid)
            return Pixels(whole.values, scaled(whole.mask, share > 0 if np.isin(share, (0, 1)).all() else share))

        return dataclasses.replace(band, pixels=pixels)

    footprint = geometry
    if image.geometry is not None and image.geometry.shape is not None:
        footprint = Geometry(shapely.intersection(image.geometry.in_crs(geometry.crs), geometry.shape), geometry.crs)
    return dataclasses.replace(image.with_bands(map(made, image.bands)), geometry=footprint)


_STEPS = 255
_AT_ONCE = 1 << 16


def coverage(geometry: Geometry, grid: PixelGrid) -> np.ndarray:
    """Share of every pixel that a geometry covers, in whole 255ths, float32 (height, width).

    A point covers its pixel; what covers less than a 255th of a pixel does not touch it.
    """
    shape = geometry.in_crs(grid.crs)
    inside = covered(geometry, grid)
    if shape.is_empty or shape.area == 0:
        return inside.astype(np.float32)
    transform, size = Affine(*grid.projection.transform), (grid.height, grid.width)
    lines = rasterio.features.rasterize([shape.boundary], size, transform=transform, all_touched=True, dtype="uint8")
    edge = lines.astype(bool)
    # A line along the edge of two pixels may be drawn in either.
    for axis in (0, 1):
        edge |= np.roll(edge, 1, axis) | np.roll(edge, -1, axis)
    share = inside.astype(np.float32)
    rows, cols = np.nonzero(edge)
    a, b, c, d, e, f = grid.affine[:6]
    shapely.prepare(shape)
    for start in range(0, len(rows), _AT_ONCE):
        r, k = rows[start : start + _AT_ONCE, None], cols[start : start + _AT_ONCE, None]
        right, down = k + np.array([0, 1, 1, 0, 0]), r + np.array([0, 0, 1, 1, 0])
        boxes = shapely.polygons(np.stack([a * right + b * down + c, d * right + e * down + f], axis=-1))
        parts = shapely.area(shapely.intersection(boxes, shape)) / abs(grid.affine.determinant)
        share[r[:, 0], k[:, 0]] = np.floor(parts * _STEPS + 1e-6) / _STEPS
    return share


def covered(geometry: Geometry, grid: PixelGrid) -> np.ndarray:
    """Where pixel centres lie in a geometry."""
    shape = geometry.in_crs(grid.crs)
    if shape.is_empty:
        return np.zeros((grid.height, grid.width), bool)
    transform = Affine(*grid.projection.transform)
    return rasterio.features.geometry_mask([shape], (grid.height, grid.width), transform, invert=True)
