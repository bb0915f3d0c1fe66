"""From a STAC item to a `Scene`: which file holds which band, and how its numbers become physical values.

Endpoints spell assets and offsets differently; every such difference ends here. What does not belong here:
finding items (`catalog.py`), reading pixels (`reading.py`).
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pystac

from fusion_assets.errors import FusionError
from fusion_assets.imagery.products import Mask, Product
from fusion_assets.imagery.sentinel2_offsets import sentinel2_offset

# Granules of one pass over a region are seconds apart; the next pass is at least an orbit (100 minutes) away.
_SAME_PASS = dt.timedelta(seconds=60)


@dataclass(frozen=True)
class SceneFile:
    """One band of one scene in one file: physical value = stored x scale + offset.

    Attributes:
        href: path or URL.
        scale: see above.
        offset: see above.
        nodata: stored number that means no data, as the item declares it.
        usual_nodata: the product's, for files where neither the item nor the file's own tag says.
    """

    href: str
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None
    usual_nodata: float | None = None

    def nodata_given(self, tag: float | None) -> float | None:
        """The no-data number, given the one in the file's tag: item, then tag, then product.

        NaN says nothing, for it is no data in any case.
        """
        given = (self.nodata, tag, self.usual_nodata)
        return next((number for number in given if number is not None and not math.isnan(number)), None)


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


def scene_from_item(item: pystac.Item, product: Product, bands: Sequence[str], mask: Mask) -> Scene:
    """Resolve the files of `bands` and of the mask in one item.

    Raises:
        FusionError: a band or the mask asset is missing; names the item, what it has and the remedy.
    """
    flags: list[str] = []
    files = {}
    for name in bands:
        key = _asset_key(item, product.band(name).assets)
        if key is None:
            raise FusionError(
                f"STAC item {item.id} has no asset for band {name}; it has {', '.join(sorted(item.assets))}",
                f"one of {', '.join(product.band(name).assets)}",
                "choose other `bands` for this product in the study, or another archive",
            )
        files[name] = _file(item, key, product, flags)
    start, end = interval(item)
    known = item.properties
    orbit = known.get("sat:relative_orbit")
    return Scene(
        item.id,
        start,
        end,
        str(known.get("platform", "")),
        files,
        _mask_file(item, product, mask, start),
        tuple(flags),
        None if orbit is None else int(orbit),
        str(known.get("sat:orbit_state", "")).lower(),
    )


def is_complete(item: pystac.Item, product: Product, bands: Sequence[str]) -> bool:
    """Whether an item has an asset for each of `bands`."""
    return all(_asset_key(item, product.band(name).assets) for name in bands)


def acquisitions(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """Group the granules of one pass, so that where they overlap the pass counts once.

    Scenes of one platform whose start times follow each other within a minute are one acquisition. Inside a group
    scenes are ordered by id: where two are clear at a pixel, the first is taken.
    """
    groups: list[list[Scene]] = []
    for scene in sorted(scenes, key=lambda s: (s.platform, s.start, s.id)):
        last = groups[-1][-1] if groups else None
        if last and last.platform == scene.platform and scene.start - last.start <= _SAME_PASS:
            groups[-1].append(scene)
        else:
            groups.append([scene])
    ordered = [sorted(group, key=lambda s: s.id) for group in groups]
    return sorted(ordered, key=lambda group: (group[0].start, group[0].id))


def _utc(moment: dt.datetime) -> dt.datetime:
    return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)


def _asset_key(item: pystac.Item, spellings: Sequence[str]) -> str | None:
    return next((key for key in spellings if key in item.assets), None)


def _mask_file(item: pystac.Item, product: Product, mask: Mask, start: dt.datetime) -> SceneFile | None:
    if mask.kind == "none":
        return None
    if mask.gap and mask.gap[0] <= start.date() <= mask.gap[1]:
        raise FusionError(
            f"STAC item {item.id} of {start.date()} lies in a gap of the mask band {mask.earth_engine}",
            f"dates outside {mask.gap[0]} to {mask.gap[1]}",
            mask.gap[2],
        )
    spellings = product.all_mask_assets(mask)
    key = _asset_key(item, spellings)
    if key is None:
        if mask.optional:
            return None
        raise FusionError(
            f"STAC item {item.id} has no mask asset; it has {', '.join(sorted(item.assets))}",
            f"one of {', '.join(spellings)}",
            "set `mask: none` for this product in the study if unmasked scenes are what you want",
        )
    # No nodata for masks: a declared one (0 in SCL) is a class that the recipe judges like any other.
    return SceneFile(_href(item, key))


def _href(item: pystac.Item, key: str) -> str:
    return item.assets[key].get_absolute_href() or item.assets[key].href


def _declared(item: pystac.Item, key: str) -> Mapping:
    """The band object of an asset: `bands` of STAC 1.1 (with `raster:` prefixes) or `raster:bands` before it."""
    fields = item.assets[key].extra_fields
    new = (fields.get("bands") or [{}])[0]
    old = (fields.get("raster:bands") or [{}])[0]
    plain = {name.removeprefix("raster:"): value for name, value in {**fields, **new}.items()}
    return {
        name: old.get(name, plain.get(name))
        for name in ("scale", "offset", "nodata")
        if old.get(name, plain.get(name)) is not None
    }


def _file(item: pystac.Item, key: str, product: Product, flags: list[str]) -> SceneFile:
    declared = _declared(item, key)
    scale = float(declared.get("scale", product.scale))
    # Of stored numbers in another scale than the product's, the product's offset says nothing.
    offset = float(declared.get("offset", product.offset if scale == product.scale else 0.0))
    if product.offset_rule == "sentinel2":
        offset = sentinel2_offset(item, key, declared, flags)
    nodata = declared.get("nodata")
    stated = None if nodata is None else _number(nodata)
    return SceneFile(_href(item, key), scale, offset, stated, product.source_nodata)


def _number(value: object) -> float:
    """STAC spells special numbers as the strings nan, inf and -inf."""
    return float(str(value)) if not isinstance(value, int | float) else float(value)
