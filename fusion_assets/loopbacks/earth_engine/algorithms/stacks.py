"""From many images to one: reductions over a collection or over bands, mosaics, bands side by side.

Results have no projection of their own, as on Earth Engine: they are computed wherever they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.algorithms.registry import ALGORITHMS, algorithm
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import pixels_of
from fusion_assets.loopbacks.earth_engine.lattice import UNPROJECTED, PixelGrid, Projection
from fusion_assets.loopbacks.earth_engine.pixel_types import PixelType, cast
from fusion_assets.loopbacks.earth_engine.reducing import output_names, output_types, reduce_stack
from fusion_assets.loopbacks.earth_engine.values import Band, Collection, Image, Pixels, Reducer

_ROWS_AT_ONCE = 1 << 18


def matching(collection: Collection) -> dict[str, list[Band]]:
    """Bands of all images by name, in the order in which the names first occur."""
    groups: dict[str, list[Band]] = {}
    for image in collection.elements:
        for band in image.bands:
            groups.setdefault(band.name, []).append(band)
    return groups


def reduced(
    bands: Sequence[Band], reducer: Reducer, names: Sequence[str], projection: Projection = UNPROJECTED
) -> list[Band]:
    """One band for each output of a reducer over a stack of bands."""
    joint = types.union(*(band.type for band in bands))

    def pixels(output: int, kind: PixelType) -> Callable[[PixelGrid], Pixels]:
        def compute(grid: PixelGrid) -> Pixels:
            # A stack of rows at a time: seasons are deep.
            step = max(1, _ROWS_AT_ONCE // max(grid.width, 1))
            parts = [_rows(bands, reducer, grid.window(r, 0, min(step, grid.height - r), grid.width), joint)[output]
                     for r in range(0, grid.height, step)]  # fmt: skip
            values, mask = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
            return Pixels(cast(values, kind), mask)

        return compute

    kinds = output_types(reducer, joint)
    return [Band(n, k, projection, pixels(i, k)) for i, (n, k) in enumerate(zip(names, kinds, strict=True))]


def _rows(bands: Sequence[Band], reducer: Reducer, grid: PixelGrid, joint: PixelType) -> list:
    stack = [pixels_of(band, grid) for band in bands]
    unweighted = reducer.parameters.get("unweighted")
    masks = [f.valid if unweighted else f.mask for f in stack]
    return reduce_stack(reducer, np.stack([cast(f.values, joint) for f in stack]), np.stack(masks))


def _reduce_named(name: str) -> Callable[[Collection], Image]:
    def apply(collection: Collection) -> Image:
        made = [reduced(bands, Reducer(name), [band])[0] for band, bands in matching(collection).items()]
        return Image(bands=tuple(made))

    return apply


for _name in ("min", "max", "count", "sum", "mean", "median", "mode"):
    ALGORITHMS[f"reduce.{_name}"] = _reduce_named(_name)
ALGORITHMS["reduce.and"] = _reduce_named("allNonZero")
ALGORITHMS["reduce.or"] = _reduce_named("anyNonZero")


@algorithm("ImageCollection.reduce")
def reduce_collection(collection: Collection, reducer: Reducer, parallel_scale: float) -> Image:
    """Each band over all images; names are `band_output`."""
    outputs = output_names(reducer)
    groups = matching(collection).items()
    made = [band for name, bands in groups for band in reduced(bands, reducer, [f"{name}_{o}" for o in outputs])]
    return Image(bands=tuple(made))


@algorithm("Image.reduce")
def reduce_bands(image: Image, reducer: Reducer) -> Image:
    """All bands of one image into one band for each output."""
    return image.with_bands(reduced(image.bands, reducer, output_names(reducer), image.projection))


@algorithm("ImageCollection.mosaic")
def mosaic(collection: Collection) -> Image:
    """The last image that is valid at a pixel is on top, band by band."""
    last = Reducer("lastNonNull")
    return Image(bands=tuple(reduced(bands, last, [name])[0] for name, bands in matching(collection).items()))


@algorithm("ImageCollection.qualityMosaic")
def quality_mosaic(collection: Collection, quality: str) -> Image:
    """All bands of the image whose quality band is highest at a pixel."""
    groups = matching(collection)
    if quality not in groups or any(len(bands) != len(collection.elements) for bands in groups.values()):
        raise ServiceError(f"ImageCollection.qualityMosaic: all images must have '{quality}' and the same bands.")

    def made(name: str) -> Band:
        kind = types.union(*(band.type for band in groups[name]))

        def pixels(grid: PixelGrid) -> Pixels:
            scores = [pixels_of(band, grid) for band in groups[quality]]
            layers = [pixels_of(band, grid) for band in groups[name]]
            score = np.stack([np.where(s.valid, s.values.astype(np.float64), -np.inf) for s in scores])
            index = score.argmax(0)[None]
            values = np.take_along_axis(np.stack([cast(f.values, kind) for f in layers]), index, 0)[0]
            valid = np.take_along_axis(np.stack([f.valid for f in layers]), index, 0)[0]
            return Pixels(values, valid & np.isfinite(score.max(0)))

        return Band(name, kind, UNPROJECTED, pixels)

    return Image(bands=tuple(made(name) for name in groups))


@algorithm("ImageCollection.toBands")
def to_bands(collection: Collection) -> Image:
    """All bands of all images, named `index_band`."""
    pairs = [(image, band) for image in collection.elements for band in image.bands]
    return Image(
        bands=tuple(band.renamed(f"{image.properties.get('system:index')}_{band.name}") for image, band in pairs)
    )


@algorithm("ImageCollection.fromImages")
def from_images(images: list) -> Collection:
    """A collection of the images in a list; those without an index get their position."""
    if not all(isinstance(image, Image) for image in images):
        raise ServiceError("ImageCollection.fromImages, argument 'images': Invalid type.\nExpected type: List<Image>.")
    indexed = [
        image.with_properties({"system:index": str(number), **image.properties}) for number, image in enumerate(images)
    ]
    return Collection(tuple(indexed), "ImageCollection")
