"""Where a STAC item keeps one band: which asset, which band of its file, and what the item declares of the numbers.

Endpoints give every band a file of its own, or keep several in one; they describe bands in `bands` (STAC 1.1),
`eo:bands` and `raster:bands` (before it).
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pystac

_NOT_DATA = {"thumbnail", "overview", "visual", "metadata"}
# Keys of a file that holds all bands.
_WHOLE = {"analytic", "asset", "cog", "data", "default", "file", "geotiff", "image", "stack", "tif"}
_NUMBERS = ("scale", "offset", "nodata")
# A driver's name, a colon and what it opens; neither a URL nor a drive letter.
_SUBDATASET = re.compile(r"[A-Za-z][A-Za-z0-9_]+:(?!//)")


@dataclass(frozen=True)
class Location:
    """Where one band is.

    Attributes:
        key: of the asset.
        number: of the band in the asset's file, from 1; None where the item does not say.
        declared: `scale`, `offset`, `nodata` and `unit`, as far as the item gives them.
        by_description: the file must call one of its bands by name, for nothing in the item does.
        unclear: bands are described with different numbers, and nothing says which of them is meant.
    """

    key: str
    number: int | None = None
    declared: Mapping[str, Any] = field(default_factory=dict)
    by_description: bool = False
    unclear: bool = False


def location(item: pystac.Item, spellings: Sequence[str], chosen: str = "") -> Location | None:
    """Find a band: by the asset's key, else by the one asset that describes a band of that name.

    Args:
        item: to look in.
        spellings: names of the band, as keys and in descriptions, in order of preference.
        chosen: the asset's key as a study gives it, `#3` after it for the file's third band; nothing else is tried.

    Returns:
        None when no asset is known to hold it, or several might.
    """
    if chosen:
        key, _, number = (chosen, "", "") if chosen in item.assets else chosen.partition("#")
        if key not in item.assets:
            return None
        return Location(key, int(number), _declared(item.assets[key], int(number) - 1)) if number else _at(item, key)
    names = [name.casefold() for name in spellings]
    key = next((key for key in spellings if key in item.assets), "")
    if key:
        return _at(item, key, _position(item.assets[key], names))
    data = [key for key, asset in item.assets.items() if not _NOT_DATA & set(asset.roles or ())]
    described = [(key, at) for key in data if (at := _position(item.assets[key], names)) is not None]
    if len(described) == 1:
        return _at(item, *described[0])
    if len(data) == 1 and data[0].casefold() in _WHOLE and not any(map(_names, _bands(item.assets[data[0]]))):
        return dataclasses.replace(_at(item, data[0]), by_description=True)
    return None


def is_subdataset(href: str) -> bool:
    """Whether an address is GDAL's name of a part of a file, such as `NETCDF:lights.nc:radiance`."""
    return bool(_SUBDATASET.match(href.removeprefix("./")))


def _at(item: pystac.Item, key: str, position: int | None = None) -> Location:
    asset = item.assets[key]
    bands = _bands(asset)
    if position is None and len(bands) > 1:
        each = [_declared(asset, one) for one in range(len(bands))]
        return Location(key, None, each[0], unclear=any(other != each[0] for other in each))
    # The item may describe one band of a file that has more: then the file says which.
    alone = position is None or len(bands) == 1
    return Location(key, None if alone else int(position or 0) + 1, _declared(asset, position))


def _bands(asset: pystac.Asset) -> list[Mapping[str, Any]]:
    """What an asset says of each of its bands: all spellings together."""
    lists = [
        [band if isinstance(band, Mapping) else {} for band in said] if isinstance(said, list) else []
        for said in map(asset.extra_fields.get, ("bands", "eo:bands", "raster:bands"))
    ]
    merged: list[Mapping[str, Any]] = []
    for position in range(max(map(len, lists))):
        said = [part[position] for part in lists if position < len(part)]
        merged.append({name.removeprefix("raster:"): value for part in said for name, value in part.items()})
    return merged


def _names(band: Mapping[str, Any]) -> set[str]:
    """What a band is called, in lower case."""
    return {str(band[key]).casefold() for key in ("name", "common_name", "eo:common_name") if key in band}


def _position(asset: pystac.Asset, names: Sequence[str]) -> int | None:
    """Index of the one described band that goes by the first of the names that is there; None where none does."""
    bands = [_names(band) for band in _bands(asset)]
    for name in names:
        matching = [position for position, called in enumerate(bands) if name in called]
        if len(matching) == 1:
            return matching[0]
    return None


def _declared(asset: pystac.Asset, position: int | None) -> dict[str, Any]:
    """What holds for the asset as a whole, and above it what is said of the band."""
    bands = _bands(asset)
    whole = {name.removeprefix("raster:"): value for name, value in asset.extra_fields.items()}
    # Without a position, one description stands for the one band that a file has.
    of_band = bands[position or 0] if (position or 0) < len(bands) else {}
    numbers = {name: of_band.get(name, whole.get(name)) for name in (*_NUMBERS, "unit")}
    return {name: value for name, value in numbers.items() if value is not None}
