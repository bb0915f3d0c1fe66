"""Choosing, naming and joining bands; constants; properties of images."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np

from fusion_assets.loopbacks.earth_engine import pixel_types as types
from fusion_assets.loopbacks.earth_engine.algorithms.registry import algorithm
from fusion_assets.loopbacks.earth_engine.coercion import coerce, constant_image
from fusion_assets.loopbacks.earth_engine.errors import ServiceError
from fusion_assets.loopbacks.earth_engine.imaging import both, derived, paired
from fusion_assets.loopbacks.earth_engine.lattice import UNPROJECTED, WORLD, PixelGrid, areas_of, centres_in
from fusion_assets.loopbacks.earth_engine.values import Band, Collection, Date, Image, Pixels


def chosen(image: Image, selectors: list[Any], where: str) -> list[Band]:
    """Bands by name, regular expression or index, in the order of the selectors."""
    bands = []
    for selector in selectors:
        if isinstance(selector, int | float):
            matches = [image.bands[int(selector)]] if -len(image.bands) <= selector < len(image.bands) else []
        else:
            matches = [band for band in image.bands if band.name == selector]
            matches = matches or [band for band in image.bands if re.fullmatch(selector, band.name)]
        if not matches:
            have = ", ".join(band.name for band in image.bands)
            raise ServiceError(f"{where}: Band pattern '{selector}' did not match any bands. Available bands: [{have}]")
        bands += matches
    return bands


@algorithm("Image.select")
def select(image: Image, selectors: list[Any], names: list[str] | None) -> Image:
    """Some bands, perhaps renamed."""
    bands = chosen(image, selectors, "Image.select")
    return rename(image.with_bands(bands), names) if names is not None else image.with_bands(bands)


@algorithm("Image.rename")
def rename(image: Image, names: list[str]) -> Image:
    """All bands renamed."""
    if len(names) != len(image.bands):
        raise ServiceError(
            f"Image.rename: The number of names ({len(names)}) must match the number of bands ({len(image.bands)})."
        )
    return image.with_bands(band.renamed(name) for band, name in zip(image.bands, names, strict=True))


@algorithm("Image.addBands")
def add_bands(target: Image, source: Image, names: list[str] | None, overwrite: bool) -> Image:
    """Bands of another image beside the own ones; equal names get a suffix unless they overwrite."""
    added = chosen(source, names, "Image.addBands") if names else list(source.bands)
    if overwrite:
        replaced = {band.name: band for band in added}
        kept = [replaced.pop(band.name, band) for band in target.bands]
        return target.with_bands([*kept, *replaced.values()])
    return target.with_bands(_distinct([*target.bands, *added]))


@algorithm("Image.cat")
def cat(images: list[Any]) -> Image:
    """All bands of all images."""
    converted = [coerce(image, "Image", "Image.cat") for image in images]
    bands = _distinct([band for image in converted for band in image.bands])
    return converted[0].with_bands(bands) if converted else Image()


def _distinct(bands: list[Band]) -> list[Band]:
    named: dict[str, Band] = {}
    for band in bands:
        name, number = band.name, 1
        while name in named:
            name, number = f"{band.name}_{number}", number + 1
        named[name] = band.renamed(name)
    return list(named.values())


@algorithm("Image.slice")
def slice_bands(image: Image, start: int, end: int | None) -> Image:
    """Bands from a position up to another."""
    return image.with_bands(image.bands[start:end])


@algorithm("Image.bandNames")
def band_names(image: Image) -> list[str]:
    """Names in order."""
    return [band.name for band in image.bands]


@algorithm("Image.bandTypes")
def band_types(image: Image) -> dict[str, Any]:
    """Pixel types by name."""
    return {band.name: band.type.to_json() for band in image.bands}


@algorithm("Image.constant")
def constant(value: Any) -> Image:
    """A number, a list of numbers, or a dictionary of named numbers, everywhere."""
    if isinstance(value, Image):
        return value
    if isinstance(value, dict):
        return constant_image(list(value.values()), list(value))
    if isinstance(value, int | float | list):
        return coerce(value, "Image", "Image.constant")
    raise ServiceError(f"Image.constant: Unable to make an image from {value!r}.")


@algorithm("Image.pixelLonLat")
def pixel_lonlat() -> Image:
    """Longitude and latitude of pixel centres."""

    def pixels(axis: int) -> Any:
        return lambda grid: Pixels(centres_in(grid, WORLD)[axis], np.ones((grid.height, grid.width), bool))

    bands = (Band(n, types.DOUBLE, UNPROJECTED, pixels(i)) for i, n in enumerate(("longitude", "latitude")))
    return Image(bands=tuple(bands))


@algorithm("Image.metadata")
def metadata(image: Image, name: str, label: str | None) -> Image:
    """A property of an image as a constant band."""
    value = image.properties.get(name)
    if not isinstance(value, int | float):
        raise ServiceError(f"Image.metadata: Property '{name}' is not a number.")
    return constant_image(value, [label or name])


@algorithm("Image.remap")
def remap(image: Image, source: list, target: list, default: float | None, name: str | None) -> Image:
    """One band's numbers replaced by others; what is not listed takes the default or is masked."""
    if len(source) != len(target):
        raise ServiceError("Image.remap: 'from' and 'to' must have the same length.")
    band = chosen(image, [name], "Image.remap")[0] if name else image.bands[0]
    kind = types.union(*(types.type_of_number(number) for number in (*target, *([] if default is None else [default]))))

    def compute(pixels: Pixels) -> Pixels:
        values, listed = np.zeros(pixels.values.shape, np.float64), np.zeros(pixels.values.shape, bool)
        for old, new in zip(source, target, strict=True):
            hit = pixels.values == old
            values[hit], listed[hit] = new, True
        if default is None:
            return Pixels(values, both(pixels.mask, listed))
        return Pixels(np.where(listed, values, default), pixels.mask)

    return image.with_bands([derived("remapped", kind, (band,), compute)])


@algorithm("Image.date")
def image_date(image: Image) -> Date:
    """Start of the acquisition."""
    return Date(image.properties["system:time_start"])


@algorithm("Image.linkCollection")
def link_collection(image: Image, others: Collection, bands: Any, facts: Any, key: str) -> Image:
    """Bands and properties of the image of another collection that has the same value of a property."""
    wanted = [bands] if isinstance(bands, str) else bands or []
    names = [facts] if isinstance(facts, str) else facts or []
    match = next((o for o in others.elements if o.properties.get(key) == image.properties.get(key)), None)
    if match is not None:
        added = chosen(match, wanted, "Image.linkCollection")
    elif not others.elements:
        raise ServiceError("Image.linkCollection: the collection is empty, so the types of its bands are not known.")
    else:
        models = chosen(others.elements[0], wanted, "Image.linkCollection")
        added = [Band(band.name, band.type, image.projection, _nothing(band)) for band in models]
    linked = {name: match.properties.get(name) if match else None for name in names}
    joined = add_bands(image, Image(bands=tuple(added)), None, True)
    return dataclasses.replace(joined, properties={**image.properties, **linked})


def _nothing(band: Band) -> Any:
    def pixels(grid: PixelGrid) -> Pixels:
        shape = (grid.height, grid.width)
        return Pixels(np.zeros(shape, band.type.dtype), np.zeros(shape, bool))

    return pixels


@algorithm("Image.cast")
def cast(image: Image, kinds: dict, order: list[str] | None) -> Image:
    """Bands cast to types by name, perhaps in another order."""
    unknown = sorted(set(kinds) - {band.name for band in image.bands})
    if unknown:
        raise ServiceError(f"Image.cast: the image has no bands {unknown}.")
    wanted = {name: coerce(kind, "PixelType", "Image.cast") for name, kind in kinds.items()}
    bands = [
        derived(band.name, wanted[band.name], (band,), lambda pixels: pixels, band.projection)
        if band.name in wanted
        else band
        for band in image.bands
    ]
    return image.with_bands(bands) if order is None else select(image.with_bands(bands), order, None)


@algorithm("Image.pixelArea")
def pixel_area() -> Image:
    """Square metres of every pixel on the ellipsoid, valid everywhere."""

    def pixels(grid: PixelGrid) -> Pixels:
        return Pixels(areas_of(grid), np.ones((grid.height, grid.width), bool))

    return Image(bands=(Band("area", types.DOUBLE, UNPROJECTED, pixels),))


@algorithm("Image.blend")
def blend(bottom: Image, top: Image) -> Image:
    """Another image over this one, wherever it is wholly there."""
    pairs = paired(bottom, top, "Image.blend")

    def compute(below: Pixels, above: Pixels) -> Pixels:
        if above.mask.dtype != bool:
            raise ServiceError("Image.blend: this loopback service does not know masks between 0 and 1.")
        values = np.where(above.mask, above.values, below.values)
        return Pixels(values, np.where(above.mask, True, below.mask))

    made = (derived(a.name, types.union(a.type, b.type), (a, b), compute) for a, b in pairs)
    return bottom.with_bands(made)
