"""From a STAC item to a `Scene`: which file holds which band, and how its numbers become physical values.

Endpoints spell assets and offsets differently; every such difference ends here.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import pystac
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.placement import Box, Place
from fusion_assets.imagery.footprints import WORLD, footprint
from fusion_assets.imagery.item_assets import Location, is_subdataset, location
from fusion_assets.imagery.recipe import CompositeRecipe, Mask, Product
from fusion_assets.imagery.sentinel2_offsets import baseline_of, sentinel2_offset
from fusion_assets.imagery.unreadable import UnreadableFile, UnusableScene
from fusion_assets.redaction import public_url
from fusion_assets.storage.raster_places import is_on_web

_SQUARE_METRES = ("m2", "m**2", "sqm", "sq m", "square metre", "square meter", "square metres", "square meters")
_SHOWN = 100
_RIGHT_ANGLE = 90
# Path and row of Landsat's reference system, as its names give them.
_PATH_ROW = re.compile(r"^L[COTEM]\d\d_L\w{3}_(\d{6})_")
_TILE = re.compile(r"(\d{1,2}[C-HJ-NP-X][A-Z]{2})$")
_TILE_WITH_T = re.compile(r"(?:^|_)T(\d{1,2}[C-HJ-NP-X][A-Z]{2})(?=_|$)")
_TILE_IN_NAME = re.compile(r"(?:^|_)T?(\d{1,2}[C-HJ-NP-X][A-Z]{2})(?=_|$)")


@dataclass(frozen=True)
class SceneFile:
    """One band of one scene in one file: physical value = stored x scale + offset.

    Where the item is silent, the file's own tags say, and after them the product: see `reading.settled`.

    Attributes:
        href: path or URL.
        scale: see above.
        offset: see above.
        nodata: stored number that means no data, as the item declares it; NaN says nothing of floats.
        usual_nodata: the product's, for files where neither the item nor the file itself says.
        assumed: which of `scale` and `offset` are the product's, for the item is silent.
        stored_as: `integers` or `floats`: numbers of the other kind need a declared scale.
        unobserved: physical value that stands for no observation, whatever else is no data; a stored number once the
            file's numbers are settled.
        band: number of the band in the file, from 1; None where the item does not say.
        names: what the band may be called in a file that has several.
        named: the file must call it so even if it has only one.
        place: where the item says that the file lies.
    """

    href: str
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    usual_nodata: float | None = None
    assumed: tuple[str, ...] = ()
    stored_as: str = ""
    unobserved: float | None = None
    band: int | None = None
    names: tuple[str, ...] = ()
    named: bool = False
    place: Place = field(default_factory=Place)


@dataclass(frozen=True)
class Scene:
    """One item of a collection, reduced to what compositing needs.

    Attributes:
        id: the item's id.
        start: first moment it covers, UTC.
        end: last moment it covers, UTC.
        platform: satellite, where the item says so.
        bands: file of each requested band.
        mask: file of the mask asset, or None where the recipe has no mask.
        flags: what is doubtful about this item, in words.
        orbit: relative orbit, where the item says so.
        direction: `ascending` or `descending`, where the item says so.
        tile: code of the tile that it is of, where it is of one.
        version: of its processing; the larger is the newer.
        problem: why it cannot be used; None where it can.
        outline: what it covers, longitude and latitude; None where that is not known.
        more_masks: files of the recipe's further masks, in its order.
        incidence: angle between the line of sight and the vertical at the middle, degrees, where the item says so.
    """

    id: str
    start: dt.datetime
    end: dt.datetime
    platform: str
    bands: Mapping[str, SceneFile]
    mask: SceneFile | None
    flags: tuple[str, ...] = ()
    orbit: int | None = None
    direction: str = ""
    tile: str = ""
    version: tuple[float, str] = (0.0, "")
    problem: UnreadableFile | None = None
    outline: BaseGeometry | None = field(default=None, compare=False)
    more_masks: tuple[SceneFile, ...] = ()
    incidence: float | None = None


def interval(item: pystac.Item) -> tuple[dt.datetime, dt.datetime]:
    """Start and end of an item in UTC; an item with a single datetime is an instant."""
    common = item.common_metadata
    start = common.start_datetime or item.datetime
    end = common.end_datetime or item.datetime or start
    if start is None or end is None:
        raise FusionError(
            f"STAC item {item.id} has neither `datetime` nor `start_datetime`",
            "one of them, as the STAC item specification requires",
            "correct the item, or leave it out of the catalog",
        )
    return _utc(start), _utc(end)


def scene_from_item(
    item: pystac.Item,
    product: Product,
    bands: Sequence[str],
    mask: Mask,
    assets: Mapping[str, str] | None = None,
    more_masks: Sequence[Mask] = (),
) -> Scene:
    """Resolve the files of `bands` and of the masks in one item.

    Args:
        item: of the product's collection.
        product: what its bands are called and mean.
        bands: names.
        mask: which asset says what is clear.
        assets: asset keys by band, and `mask`, as the study gives them.
        more_masks: further assets that say so.

    Raises:
        UnusableScene: a band or a mask asset is missing, or its numbers are declared in a way that cannot be; names
            the item, what it has and the remedy.
        FusionError: the mask band is known to be empty at that time.
    """
    assets = assets or {}
    start, end = interval(item)
    flags: list[str] = []
    mask_file = _mask_file(item, product, mask, start, assets.get("mask", ""))
    others = tuple(filter(None, (_mask_file(item, product, each, start, "") for each in more_masks)))
    files = {name: _file(item, name, product, assets.get(name, ""), mask_file is None, flags) for name in bands}
    properties = item.properties
    return Scene(
        item.id,
        start,
        end,
        platform_named(item),
        files,
        mask_file,
        tuple(flags),
        _orbit(item),
        str(properties.get("sat:orbit_state") or "").lower(),
        tile_of(item.id, properties),
        _version(item),
        outline=footprint(item),
        more_masks=others,
        incidence=_incidence(item),
    )


def mask_files(scene: Scene, recipe: CompositeRecipe) -> list[tuple[SceneFile, Mask]]:
    """Files that say where a scene is clear by a recipe, each with how it is read; all must say so."""
    first = [(scene.mask, recipe.mask)] if scene.mask is not None and recipe.mask.kind != "none" else []
    return [*first, *zip(scene.more_masks, recipe.more_masks, strict=True)]


def unusable(item: pystac.Item, problem: UnreadableFile) -> Scene:
    """A scene that was found and cannot be used."""
    start, end = interval(item)
    return Scene(item.id, start, end, platform_named(item), {}, None, problem=problem)


def is_complete(item: pystac.Item, product: Product, bands: Sequence[str]) -> bool:
    """Whether an item has an asset for each of `bands`."""
    return all(location(item, _spellings(product, name)) for name in bands)


def tile_of(name: str, properties: Mapping[str, object]) -> str:
    """Code of the Sentinel-2 tile (`31UFS`) or Landsat's path and row (`198025`) of an item; empty where neither."""
    for key in ("s2:mgrs_tile", "grid:code", "sentinel2:mgrs_tile", "odc:region_code"):
        if match := _TILE.search(str(properties.get(key, ""))):
            return match[1].zfill(5)
    for prefix in ("mgrs:", "sentinel:"):
        parts = [properties.get(prefix + part) for part in ("utm_zone", "latitude_band", "grid_square")]
        if None not in parts:
            return "{}{}{}".format(*parts).zfill(5)
    path, row = (str(properties.get(f"landsat:wrs_{part}", "")) for part in ("path", "row"))
    if path.isdigit() and row.isdigit():
        return path.zfill(3) + row.zfill(3)
    if landsat := _PATH_ROW.match(name):
        return landsat[1]
    match = (_TILE_IN_NAME if name.startswith("S2") else _TILE_WITH_T).search(name)
    return match[1].zfill(5) if match else ""


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _spellings(product: Product, name: str) -> tuple[str, ...]:
    """What a band may be called, in keys and descriptions."""
    band = product.band(name)
    return tuple(dict.fromkeys((*band.assets, band.name, band.earth_engine)))


def platform_named(item: pystac.Item) -> str:
    """Satellite, as the item says, or its name; that of Sentinel-2 and Landsat items begins with it."""
    said = str(item.properties.get("platform") or "")
    if not said and (landsat := re.match(r"L[COTEM]\d\d(?=_)", item.id)):
        return landsat[0]
    if re.fullmatch(r"(?i)|sentinel-?2", said) and (letter := re.search(r"(?:^|/|_)S2([A-D])_", item.id)):
        return f"sentinel-2{letter[1].lower()}"
    return said


def tier_of(item: pystac.Item) -> str:
    """Landsat's category of quality, `T1`, `T2` or `RT`, as the item or its name says; empty where neither does."""
    said = str(item.properties.get("landsat:collection_category") or "")
    named = re.search(r"_02_(T1|T2|RT)(?=_|$)", item.id)
    return said or (named[1] if named else "")


def _orbit(item: pystac.Item) -> int | None:
    try:
        return int(item.properties["sat:relative_orbit"])
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _incidence(item: pystac.Item) -> float | None:
    try:
        angle = float(item.properties["view:incidence_angle"])
    except (KeyError, TypeError, ValueError):
        return None
    return angle if 0 <= angle < _RIGHT_ANGLE else None


def _version(item: pystac.Item) -> tuple[float, str]:
    """Processing baseline, then when it was processed or catalogued."""
    keys = ("s2:generation_time", "processing:datetime", "sentinel2:generation_time", "created", "updated")
    when = next((str(item.properties[key]) for key in keys if item.properties.get(key)), "")
    return baseline_of(item) or 0.0, when


def _mask_file(item: pystac.Item, product: Product, mask: Mask, start: dt.datetime, chosen: str) -> SceneFile | None:
    if mask.kind == "none":
        return None
    if mask.gap and mask.gap[0] <= start.date() <= mask.gap[1]:
        raise FusionError(
            f"STAC item {item.id} of {start.date()} lies in a gap of the mask band {mask.earth_engine}",
            f"dates outside {mask.gap[0]} to {mask.gap[1]}",
            mask.gap[2],
        )
    spellings = product.all_mask_assets(mask)
    where = location(item, spellings, chosen)
    if where is None:
        if mask.optional:
            return None
        raise _lacking(
            item,
            f"no mask asset{_named(chosen)}",
            spellings,
            "set `mask: none` for this product in the study if unmasked scenes are what you want",
        )
    # No nodata for masks: a declared one (0 in SCL) is a class that the recipe judges like any other.
    return SceneFile(
        _href(item, where.key),
        band=where.number,
        names=spellings,
        named=where.by_description,
        place=_place(item, where.key),
    )


def _file(item: pystac.Item, name: str, product: Product, chosen: str, unmasked: bool, flags: list[str]) -> SceneFile:
    where = location(item, _spellings(product, name), chosen)
    if where is None:
        raise _lacking(
            item,
            f"no asset for band {name}{_named(chosen)}",
            product.band(name).assets,
            "choose other `bands` for this product in the study, say where it is (`assets: {band: key}`, with `key#3` "
            "for the third band of a file), or choose another archive",
        )
    if where.unclear:
        raise UnusableScene(
            f"STAC item {item.id}, asset {where.key}",
            f"describes bands of different scale, offset or no data, and none that is called {name}",
            f"a description of {name} by name in `bands` or `eo:bands`",
            f"say which it is in the study: `assets: {{{name}: {where.key}#3}}` for the third",
        )
    usual = product.numbers(name)
    scale, offset, nodata = (_declared_number(item, where, key) for key in ("scale", "offset", "nodata"))
    unit = str(where.declared.get("unit", "m2")).lower().replace("^", "").replace("²", "2")
    if product.label == "fraction" and unit not in _SQUARE_METRES:
        raise UnusableScene(
            f"STAC item {item.id}, asset {where.key}",
            f"declares the unit {where.declared['unit']!r}",
            "square metres of built-up surface a cell",
            "a share or percentage is another product: multiply it by the area of the cells",
        )
    if product.label == "code" and (scale not in (None, 1.0) or offset not in (None, 0.0)):
        raise UnusableScene(
            f"STAC item {item.id}, asset {where.key}",
            f"declares scale {scale} and offset {offset} of classes",
            "classes as they are: scale 1, offset 0",
            "correct the item",
        )
    if product.offset_rule == "sentinel2" and offset is None and scale not in (None, product.scale):
        # ESA's shift belongs to ESA's numbers: nobody knows what became of it in others.
        offset = 0.0
        _flag(flags, f"{item.id}: offset 0, for a scale of {scale:g} is declared and no offset with it")
    elif product.offset_rule == "sentinel2":
        offset = sentinel2_offset(item, where.key, where.declared, flags)
    # Of stored numbers in another scale than the product's, the product's offset says nothing.
    usual_offset = usual.offset if scale in (None, usual.scale) else 0.0
    unobserved = product.unmasked_nodata if unmasked else None
    if unobserved is not None:
        without = f"{item.id}: no {' or '.join(product.mask.assets)} says where there was a clear observation"
        _flag(flags, f"{without}; pixels of exactly {unobserved:g} count as not observed")
    return SceneFile(
        _href(item, where.key),
        usual.scale if scale is None else scale,
        usual_offset if offset is None else offset,
        nodata,
        product.source_nodata,
        tuple(name for name, value in (("scale", scale), ("offset", offset)) if value is None),
        stored_as=product.stored_as,
        unobserved=unobserved,
        band=where.number,
        names=_spellings(product, name),
        named=where.by_description,
        place=_place(item, where.key),
    )


def _lacking(item: pystac.Item, what: str, spellings: Collection[str], remedy: str) -> UnusableScene:
    has = ", ".join(sorted(item.assets))
    return UnusableScene(f"STAC item {item.id}", f"has {what}; it has {has}", f"one of {', '.join(spellings)}", remedy)


def _named(chosen: str) -> str:
    return f" (the study says {chosen})" if chosen else ""


def _href(item: pystac.Item, key: str) -> str:
    href = item.assets[key].href
    if is_subdataset(href):
        raise UnusableScene(
            f"STAC item {item.id}, asset {key}",
            f"its address {public_url(href)} is a part of a file that holds several data sets",
            "the path or URL of a GeoTIFF",
            f"write it as one: gdal_translate '{public_url(href)}' {key}.tif",
        )
    absolute = item.assets[key].get_absolute_href() or href
    root = item.get_root()
    catalog = item.get_self_href() or (root.get_self_href() if root else None) or ""
    if is_on_web(catalog) and not is_on_web(absolute):
        # Whoever serves it knows nothing of this machine's files, and is not to choose among them.
        raise UnusableScene(
            f"STAC item {item.id}, asset {key}",
            f"its address {public_url(absolute)[:_SHOWN]} is no address on the web, and the catalog is",
            "an address on the web",
            "choose another archive, or tell its operator; a catalog on this machine may name files here",
        )
    return absolute


def _place(item: pystac.Item, key: str) -> Place:
    """Where the item says that a file lies; only the asset's own transform is its own."""
    fields = item.assets[key].extra_fields
    crs = ""
    for said in (fields, item.properties):
        code = said.get("proj:code") or said.get("proj:epsg")
        if code:
            crs = f"EPSG:{float(code):.0f}" if re.fullmatch(r"\d+(\.0*)?", str(code)) else str(code)
            break
    transform = fields.get("proj:transform")
    corner = None
    if isinstance(transform, list) and len(transform) >= 6 and all(isinstance(n, int | float) for n in transform[:6]):
        corner = (float(transform[2]), float(transform[5]), math.hypot(float(transform[0]), float(transform[3])))
    return Place(crs, corner, _box(item))


def _box(item: pystac.Item) -> Box | None:
    west, south, east, north = footprint(item).bounds
    return None if (west, south, east, north) == WORLD.bounds else (west, south, east, north)


def _declared_number(item: pystac.Item, where: Location, name: str) -> float | None:
    """A number that the item declares of a band; STAC spells special ones as the strings nan, inf and -inf."""
    value = where.declared.get(name)
    if value is None:
        return None
    try:
        number = math.nan if isinstance(value, bool) else float(value)
        possible = (name == "nodata" and not isinstance(value, bool)) or math.isfinite(number)
    except (TypeError, ValueError, OverflowError):
        number, possible = 0.0, False
    if possible and (name != "scale" or number > 0):
        return number
    raise UnusableScene(
        f"STAC item {item.id}, asset {where.key}",
        f"declares the {name} {str(value)[:40]!r}",
        "a number above 0" if name == "scale" else "a number",
        "correct the item",
    )


def _flag(flags: list[str], text: str) -> None:
    if text not in flags:
        flags.append(text)
