"""Building blocks for algorithms on images: one band from others, computed when a grid is asked for.

One-byte results (masks and classes, which all bands of a scene share) are kept while a request is answered.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence

import cachetools
import numpy as np

from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.lattice import UNPROJECTED, PixelGrid, Projection
from fusion_assets.loopbacks.earth_engine.pixel_types import PixelType, cast
from fusion_assets.loopbacks.earth_engine.values import Band, Image, Pixels

_KEPT_BYTES = 256 << 20
_kept: contextvars.ContextVar[cachetools.LRUCache | None] = contextvars.ContextVar("kept", default=None)


@contextlib.contextmanager
def request_cache() -> Iterator[None]:
    """Keep shared one-byte pixels until the block ends."""
    token = _kept.set(cachetools.LRUCache(_KEPT_BYTES, lambda pixels: pixels.values.nbytes + pixels.mask.nbytes))
    try:
        yield
    finally:
        _kept.reset(token)


def pixels_of(band: Band, grid: PixelGrid) -> Pixels:
    """Pixels of a band on a grid."""
    cache = _kept.get()
    if cache is None or band.type.dtype.itemsize > 1:
        return band.pixels(grid)
    key = (band.pixels, grid)
    if key not in cache:
        cache[key] = band.pixels(grid)
    return cache[key]


def derived(
    name: str,
    kind: PixelType,
    inputs: Sequence[Band],
    compute: Callable[..., Pixels],
    projection: Projection | None = None,
) -> Band:
    """A band computed pixel by pixel from others; its projection is that of the first input that has one."""
    if projection is None:
        projection = next((band.projection for band in inputs if band.projection.fixed), UNPROJECTED)
    size = inputs[0].size if inputs and inputs[0].projection == projection else None

    def pixels(grid: PixelGrid) -> Pixels:
        values, mask = compute(*(pixels_of(band, grid) for band in inputs))
        return Pixels(cast(values, kind), mask)

    return Band(name, kind, projection, pixels, size)


def both(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The mask of a result of two inputs: valid where both are, the smaller weight where weights are fractions."""
    if one.dtype == bool and other.dtype == bool:
        return one & other
    return np.minimum(one.astype(np.float32), other.astype(np.float32))


def scaled(mask: np.ndarray, by: np.ndarray) -> np.ndarray:
    """A mask multiplied by another; boolean where both are."""
    if mask.dtype == bool and by.dtype == bool:
        return mask & by
    return mask.astype(np.float32) * by.astype(np.float32)


def as_mask(pixels: Pixels) -> np.ndarray:
    """The mask that an image's values stand for: from 0 to 1, and 0 where the image itself is masked."""
    values = pixels.values
    if values.dtype.kind in "iub":
        return (values > 0) & pixels.valid if pixels.mask.dtype == bool else scaled(values > 0, pixels.mask)
    weights = np.clip(np.nan_to_num(values), 0, 1).astype(np.float32)
    weights = scaled(weights, pixels.mask)
    return weights > 0 if np.isin(weights, (0, 1)).all() else weights


def paired(one: Image, other: Image, where: str) -> list[tuple[Band, Band]]:
    """Bands of two images that belong together: a single band goes with all, then by name, then in order.

    Raises:
        ServiceError: the images have different numbers of bands, neither of them one.
    """
    if len(other.bands) == 1:
        return [(band, other.bands[0]) for band in one.bands]
    if len(one.bands) == 1:
        return [(one.bands[0], band) for band in other.bands]
    named = {band.name: band for band in other.bands}
    if len(named) == len(one.bands) and all(band.name in named for band in one.bands):
        return [(band, named[band.name]) for band in one.bands]
    if len(one.bands) != len(other.bands):
        raise ServiceError(
            f"{where}: Images must contain the same number of bands. Got {len(one.bands)} and {len(other.bands)}."
        )
    return list(zip(one.bands, other.bands, strict=True))


def names_of_pairs(one: Image, other: Image) -> list[str]:
    """Band names of a result of two images: those of the longer, of the first where they are equally long."""
    longer = one if len(one.bands) >= len(other.bands) else other
    return [band.name for band in longer.bands]
