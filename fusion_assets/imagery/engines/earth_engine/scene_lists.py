"""Which scenes Earth Engine has for a request: one question for each request, and the rules about the answer."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import normal_crs
from fusion_assets.imagery.acquisitions import acquisitions, newest_processing
from fusion_assets.imagery.engines.earth_engine.connection import Connection, read
from fusion_assets.imagery.engines.earth_engine.dated_collections import (
    DatedCollection,
    dated_collections,
    image_id,
)
from fusion_assets.imagery.engines.earth_engine.outlines import searched_area
from fusion_assets.imagery.engines.protocol import ExportRequest, no_scenes
from fusion_assets.imagery.engines.services import Undocumented, is_text
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Mask, Product
from fusion_assets.imagery.scenes import Scene, tile_of
from fusion_assets.imagery.sentinel2_offsets import FIRST_SHIFTED_DAY
from fusion_assets.imagery.unreadable import UnreadableFile, UnusableScene

# Known when this was written; Earth Engine's own list, which the client fetches, is looked at as well.
DEPRECATED = {
    "COPERNICUS/S2": "COPERNICUS/S2_HARMONIZED",
    "COPERNICUS/S2_SR": "COPERNICUS/S2_SR_HARMONIZED",
    "JRC/GHSL/P2016/SMOD_POP_GLOBE_V1": "JRC/GHSL/P2023A/GHS_SMOD_V2-0",
    "JRC/GHSL/P2023A/GHS_SMOD": "JRC/GHSL/P2023A/GHS_SMOD_V2-0",
    "LANDSAT/LC08/C01/T1_SR": "LANDSAT/LC08/C02/T1_L2",
}
CLOUD_SCORE_PLUS = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
_SHIFTED = ("COPERNICUS/S2", "COPERNICUS/S2_SR")
_PUBLIC = "projects/earthengine-public/assets/"


@dataclass(frozen=True)
class SceneGroups:
    """The scenes of a request.

    Attributes:
        collection: full id of the only collection, or of the first that the request reads.
        groups: image indices of each pass, in further collections full ids; passes by start time, in each the one that
            counts first.
        masked: whether the images have the recipe's mask band.
        source: CRS and six affine terms of the newest image; labels only.
        lacking: images that were found and cannot be used, by index, and what they lack.
        flags: what is doubtful about the images, in words.
    """

    collection: str
    groups: tuple[tuple[str, ...], ...]
    masked: bool
    source: tuple[str, tuple[float, ...]] | None = None
    lacking: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All indices, sorted; those that cannot be used are among them."""
        return tuple(sorted([*(name for group in self.groups for name in group), *(name for name, _ in self.lacking)]))

    @property
    def collections(self) -> tuple[str, ...]:
        """Full ids of all collections that images are of; the first whether or not there are any."""
        others = {name.rpartition("/")[0] for name in self.ids} - {""}
        return (self.collection, *sorted(others))

    def problems(self) -> dict[str, UnreadableFile]:
        """Why images cannot be used, by index."""
        return {index: _unusable(self.collection, index, lacks) for index, lacks in self.lacking}


def is_linked(mask: Mask) -> bool:
    """Whether a mask band lies in Cloud Score+, a collection of its own, and not in the images themselves."""
    return mask.kind == "score"


def collections_of(request: ExportRequest) -> tuple[DatedCollection, ...]:
    """The collections of a request: the product's for its window, or the study's `collection` where that is an id.

    Raises:
        FusionError: a collection is deprecated and the study does not say `allow_deprecated: true`; the product has
            none of that time.
    """
    product = PRODUCTS[request.product]
    others = [name for name in request.collections if "/" in name and name not in product.collections]
    dated = () if others else dated_collections(request.product, request.window)
    named = dated or (DatedCollection(others[0] if others else product.earth_engine),)
    return tuple(dataclasses.replace(each, id=_readable_id(each.id, product, request)) for each in named)


def _readable_id(name: str, product: Product, request: ExportRequest) -> str:
    name = name.removeprefix(_PUBLIC).strip("/")
    if not name:
        raise FusionError(
            f"{product.title} is not on Earth Engine",
            "a product that is",
            "choose another product (for radar: sentinel1_grd), or use FUSION_ENGINE=archive",
        )
    if name in deprecated() and not request.allow_deprecated:
        raise FusionError(
            f"{name} is deprecated",
            f"its successor {deprecated()[name] or '(none is named)'}",
            "choose a product or `collection` that uses the successor, or set allow_deprecated: true in the study",
        )
    if product.offset_rule == "sentinel2" and name in _SHIFTED and request.window[1] >= FIRST_SHIFTED_DAY:
        raise FusionError(
            f"{name} keeps ESA's shift of +1000 in images from {FIRST_SHIFTED_DAY} on, and other images have none",
            f"its harmonized successor {deprecated()[name]}",
            "remove `collection` from this product in the study",
        )
    return name


def deprecated() -> dict[str, str]:
    """Successor of every deprecated collection, by full id."""
    import ee

    published = {name: asset.replacement_id or "" for name, asset in ee.deprecation.deprecated_assets.items()}
    return {**DEPRECATED, **published}


def find_scenes(request: ExportRequest, connection: Connection) -> SceneGroups:
    """The scenes that a request names.

    Raises:
        FusionError: there are none, one lacks a band or the mask, the mask has a gap there, or the collection is
            deprecated.
    """
    name, scenes, masked, flags = list_scenes(request, connection)
    groups = acquisitions([scene for scene in scenes if scene.problem is None])
    indices = tuple(tuple(scene.id for scene in group) for group in groups)
    lacking = tuple((scene.id, scene.problem.reason) for scene in scenes if scene.problem is not None)
    source = None
    if request.recipe.reducer == "latest":
        where = f"{request.asset} {request.region}|{request.year}"
        source = _lattice(request, name, indices[-1][0], connection, where)
    return SceneGroups(name, indices, masked, source, lacking, flags)


def list_scenes(request: ExportRequest, connection: Connection) -> tuple[str, list[Scene], bool, tuple[str, ...]]:
    """First collection, scenes without files, whether they have the recipe's mask band, and what is doubtful of them.

    Raises:
        FusionError: see `find_scenes`.
    """
    connection.open()
    collections = collections_of(request)
    name, names = collections[0].id, " and ".join(each.id for each in collections)
    rows = [row for each in collections for row in _listed(request, each, each.id == name, connection)]
    limit = request.max_cloud_cover
    kept = [row for row in rows if limit is None or row["cloud"] is None or row["cloud"] <= limit]
    product = PRODUCTS[request.product]
    if product.skip_incomplete:
        wanted = {product.band(band).earth_engine for band in request.recipe.bands}
        kept = [row for row in kept if wanted <= set(row["bands"])]
    if not kept:
        remedy = "correct the season, a `windows` entry or the region in the study"
        raise no_scenes(request, f"Earth Engine's {names}", len(rows), remedy)
    lacking, masked = _check_bands(request, name, kept)
    scenes, flags = newest_processing([_scene(row, name, lacking.get(row["index"])) for row in kept])
    if not masked and product.unmasked_nodata is not None:
        without = f"{number_of(len(scenes), 'image')} of {names}: no band says where there was a clear observation"
        flags.append(f"{without}; pixels of exactly {product.unmasked_nodata:g} count as not observed")
    return name, scenes, masked, tuple(flags)


def _listed(
    request: ExportRequest, collection: DatedCollection, is_first: bool, connection: Connection
) -> list[dict[str, Any]]:
    """Images of one collection; those of a further one go by their full ids."""
    about = f"listing the scenes of {request.asset} {request.region}|{request.year} in {collection.id}"
    question = read(lambda: listing(request, collection.id), about)
    answer: Any = connection.ask(question.getInfo, about)
    rows = read(lambda: _rows(answer, (*_FIELDS, *_levels(request))), about)
    rows = [row for row in rows if collection.has(_moment(row["start"]))]
    return rows if is_first else [row | {"index": image_id(collection.id, row["index"])} for row in rows]


def _levels(request: ExportRequest) -> dict[str, str]:
    """What is asked of each image where some have a band that is empty, and the property that says it."""
    bands = [band for band in PRODUCTS[request.product].more_bands if band.name in request.recipe.bands]
    return {"level": "PROCESSING_LEVEL"} if any(band.level for band in bands) else {}


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]


# What may be asked about each image, and what the answer must be; those after the third may be None.
_ANSWERS: dict[str, Callable[[Any], bool]] = {
    "index": is_text,
    "start": _is_number,
    "bands": lambda value: isinstance(value, list) and all(map(is_text, value)),
    "end": _is_number,
    "cloud": _is_number,
    "platform": is_text,
    "orbit": _is_number,
    "direction": is_text,
    "made": _is_number,
    "tile": is_text,
    "level": is_text,
}
_NEEDED = 3
_FIELDS = tuple(name for name in _ANSWERS if name != "level")


def _rows(answer: dict[str, Any], fields: Sequence[str] = _FIELDS) -> list[dict[str, Any]]:
    """Images of an answer: what was asked of each, by name.

    Raises:
        ValueError: it is no such list, or names an image twice.
    """
    listed = answer["list"]
    if not isinstance(listed, list) or not all(isinstance(row, list) for row in listed):
        raise Undocumented("no list of images")
    rows = [dict(zip(fields, row, strict=True)) for row in listed]
    for row in rows:
        for place, name in enumerate(fields):
            if not _ANSWERS[name](row[name]) and (place < _NEEDED or row[name] is not None):
                raise Undocumented(f"an image whose {name} is a {type(row[name]).__name__}")
        _moment(row["start"]), _moment(row["end"] or 0)
    if len({row["index"] for row in rows}) < len(rows):
        raise Undocumented("an image that is listed twice")
    return rows


def listing(request: ExportRequest, name: str) -> Any:
    """Images of a collection that a request may use, with what is asked about each."""
    import ee

    first, last = (int(_midnight(day).timestamp() * 1000) for day in request.window)
    after = last + 86_400_000
    overlaps = ee.Filter.And(
        ee.Filter.lt("system:time_start", after),
        ee.Filter.Or(ee.Filter.gte("system:time_start", first), ee.Filter.gt("system:time_end", first)),
    )
    images = ee.ImageCollection(name).filter(overlaps)
    images = images.filterBounds(searched_area(request))
    images = images.map(lambda image: image.set("fusion_bands", image.bandNames()))
    selectors = ["system:index", "system:time_start", "fusion_bands"]
    optional = ["system:time_end", PRODUCTS[request.product].earth_engine_cloud, "SPACECRAFT_NAME"]
    optional += ["relativeOrbitNumber_start", "orbitProperties_pass", "GENERATION_TIME", "MGRS_TILE"]
    optional += _levels(request).values()
    return images.reduceColumns(
        ee.Reducer.toList(len(selectors) + len(optional), len(optional)), [*selectors, *optional]
    )


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)


def _moment(millis: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(millis / 1000, dt.UTC)


def _scene(row: dict[str, Any], collection: str, lacks: str | None) -> Scene:
    start, end = _moment(row["start"]), _moment(row["start"] if row["end"] is None else row["end"])
    orbit = None if row["orbit"] is None else int(row["orbit"])
    direction = (row["direction"] or "").lower()
    return Scene(
        row["index"],
        start,
        end,
        row["platform"] or "",
        {},
        None,
        orbit=orbit,
        direction=direction,
        tile=tile_of(row["index"], {"s2:mgrs_tile": row["tile"] or ""}),
        version=(0.0, "" if row["made"] is None else f"{float(row['made']):020.0f}"),
        problem=None if lacks is None else _unusable(collection, row["index"], lacks),
    )


def _unusable(collection: str, index: str, lacks: str) -> UnusableScene:
    return UnusableScene(
        image_id(collection, index),
        lacks,
        "the bands of the recipe in every image",
        "choose other `bands` for this product in the study, or `mask: none` if unmasked scenes are what you want",
    )


def _check_bands(request: ExportRequest, name: str, rows: list[dict[str, Any]]) -> tuple[dict[str, str], bool]:
    """What images lack, by index, and whether the others have the mask band.

    Raises:
        FusionError: all of them lack something, or the mask has a gap there.
    """
    product, mask = PRODUCTS[request.product], request.recipe.mask
    wanted = [product.band(band).earth_engine for band in request.recipe.bands]
    # An image that was processed to another level has the band, and nothing in it.
    levels = {band.earth_engine: band.level for band in product.more_bands if band.level}
    linked = is_linked(mask)
    masked = mask.kind != "none"
    lacking = {}
    for row in rows:
        there = [band for band in row["bands"] if row.get("level") in (None, levels.get(band, row.get("level")))]
        if missing := [band for band in wanted if band not in there]:
            lacking[row["index"]] = f"has no band {', '.join(missing)}; it has {', '.join(there)}"
        elif absent := [each.earth_engine for each in request.recipe.more_masks if each.earth_engine not in there]:
            lacking[row["index"]] = f"has no mask band {', '.join(absent)}"
        day = _moment(row["start"]).date()
        if masked and mask.gap and mask.gap[0] <= day <= mask.gap[1]:
            raise FusionError(
                f"{image_id(name, row['index'])} of {day} lies in a gap of the mask band {mask.earth_engine}",
                f"dates outside {mask.gap[0]} to {mask.gap[1]}",
                mask.gap[2],
            )
    if masked and not linked:
        without = [row["index"] for row in rows if mask.earth_engine not in row["bands"]]
        masked = not (mask.optional and len(without) == len(rows))
        if masked:
            lacking |= {index: f"has no mask band {mask.earth_engine}" for index in without if index not in lacking}
    if len(lacking) == len(rows):
        raise _unusable(name, *next(iter(lacking.items())))
    return lacking, masked


def _lattice(
    request: ExportRequest, name: str, index: str, connection: Connection, where: str
) -> tuple[str, tuple[float, ...]]:
    import ee

    band = PRODUCTS[request.product].band(request.recipe.bands[0]).earth_engine
    about = f"looking up the cells of {where}"
    projection = read(lambda: ee.Image(image_id(name, index)).select(band).projection(), about)
    facts: Any = connection.ask(projection.getInfo, about)
    return read(lambda: _cells(facts), about)


def _cells(facts: dict[str, Any]) -> tuple[str, tuple[float, ...]]:
    crs, terms = facts.get("crs") or facts["wkt"], facts["transform"]
    if not is_text(crs) or not isinstance(terms, list) or len(terms) != 6 or not all(map(_is_number, terms)):
        raise Undocumented("cells without a CRS, or without the six terms of a transform")
    normal_crs(crs)
    if not terms[0] * terms[4] - terms[1] * terms[3]:
        raise Undocumented("cells without an area")
    return crs, tuple(float(term) for term in terms)
