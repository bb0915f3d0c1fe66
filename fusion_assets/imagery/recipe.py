"""What a product is, and how its scenes become a composite, as data."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

RECIPE_VERSION = "2"
"""Raise when the pixels that a recipe gives change, so that what was made before is known to be stale."""


Role = Literal["sentinel2", "night_lights", "labels", "embedding", "sentinel1", "rival"]


@dataclass(frozen=True)
class Band:
    """One band of a product.

    Attributes:
        name: our name, used in every file and feature list.
        assets: spellings in STAC catalogs, in order of preference.
        earth_engine: band name on Earth Engine.
        valid_range: physical values outside are suspicious (asset checks), not removed.
    """

    name: str
    assets: tuple[str, ...]
    earth_engine: str
    valid_range: tuple[float, float]


class Numbers(NamedTuple):
    """What stored numbers of a band mean: physical value = (stored number x scale) + offset, in a unit."""

    scale: float
    offset: float
    unit: str


@dataclass(frozen=True)
class OtherBand(Band):
    """A band whose numbers mean something else than those of its product's other bands.

    Attributes:
        scale: see `Numbers`.
        offset: see `Numbers`.
        unit: of the physical value.
        level: level of processing whose scenes alone have it; empty where all do.
    """

    scale: float = 1.0
    offset: float = 0.0
    unit: str = "1"
    level: str = ""


@dataclass(frozen=True)
class Mask:
    """Which observations are clear, read from one mask asset of the same scene.

    Attributes:
        kind: `classes`: clear where the value is one of `values`; `bits`: clear where none of the bit numbers in
            `values` is set; `positive`: clear where the value is above zero, or at least `values[0]` if given;
            `score`: clear where the value, 0 (cloud) to 1 (clear), is at least `values[0]`; `none`: every valid pixel
            is clear.
        assets: spellings of the mask asset in STAC catalogs.
        earth_engine: band name on Earth Engine.
        values: class codes, bit numbers, the least score, or the least count.
        gap: first and last day for which the mask band is known to be empty, with what to use instead.
        optional: a scene without the mask asset counts as clear where it is valid.
    """

    kind: Literal["classes", "bits", "positive", "score", "none"]
    assets: tuple[str, ...] = ()
    earth_engine: str = ""
    values: tuple[float, ...] = ()
    gap: tuple[dt.date, dt.date, str] | None = None
    optional: bool = False


@dataclass(frozen=True)
class Product:
    """A recipe over one image collection.

    Attributes:
        title: for people.
        role: what the study uses it for.
        collections: STAC collection ids that hold it, in order of preference; ids joined by `+` hold it in parts, one
            for each satellite, and are read together.
        more_mask_assets: spellings of the mask asset after those of `mask`; no part of a request, whose digest must not
            change when another endpoint becomes known.
        more_bands: bands in another unit than `bands`, read where a recipe names them.
        more_masks: further masks, all of which must be clear; part of the recipes that ask for them.
        tiers: categories of quality whose items are taken, where a collection holds others as well; empty takes all.
        platforms: satellites whose items are taken, where a collection holds others as well; empty takes all.
        earth_engine: Earth Engine collection id; where there are several, see `dated_collections.py` of that engine.
        bands: all bands in the product's unit; `default_bands` are read when the study does not choose.
        mask: the default mask; `mask: none` in the study switches it off.
        scale: physical value = (stored number x scale) + offset, unless the item says otherwise; of `bands`.
        offset: see `scale`.
        offset_rule: how offsets are found: `sentinel2` follows processing baselines and Earth Search's flag;
            `declared` takes what the item declares and `offset` otherwise.
        unit: of the physical value.
        resolution: native pixel size in metres.
        resampling: how scenes reach the working grid.
        reducer: `median` over time, or `latest` (label epochs: the newest valid value).
        season: `season`: the study's season applies; `any`: annual and epoch products take the whole year.
        label: labels only: `code` (classes) or `fraction` (built-up share of the cell).
        built_codes: labels only: codes that mean built-up; empty where the study must say.
        source_nodata: stored numbers that mean no data where neither file nor item declares one.
        unmasked_nodata: the same for scenes without the mask asset, which alone tells such numbers from data.
        stored_as: `integers` or `floats`: what the scale above is for; other numbers need a declared scale.
        skip_incomplete: scenes without one of the bands are left out, not an error: other modes of the same sensor.
        earth_engine_cloud: property of Earth Engine's images that gives the cloud cover in percent.
        first_year: first year that there is imagery of; 0 where that is not known.
        unit_vectors: bands are the numbers of one vector of unit length: read together, and composites are brought back
            to that length.
        source: page that documents the data set.
    """

    title: str
    role: Role
    collections: tuple[str, ...]
    earth_engine: str
    bands: tuple[Band, ...]
    unit: str
    resolution: float
    source: str
    default_bands: tuple[str, ...] = ()
    mask: Mask = field(default_factory=lambda: Mask("none"))
    scale: float = 1.0
    offset: float = 0.0
    offset_rule: Literal["sentinel2", "declared"] = "declared"
    resampling: Literal["nearest", "bilinear"] = "nearest"
    reducer: Literal["median", "latest"] = "median"
    season: Literal["season", "any"] = "season"
    label: Literal["code", "fraction"] | None = None
    built_codes: tuple[int, ...] = ()
    source_nodata: float | None = None
    unmasked_nodata: float | None = None
    stored_as: Literal["integers", "floats", ""] = ""
    skip_incomplete: bool = False
    more_mask_assets: tuple[str, ...] = ()
    platforms: tuple[str, ...] = ()
    earth_engine_cloud: str = "CLOUDY_PIXEL_PERCENTAGE"
    more_bands: tuple[OtherBand, ...] = ()
    more_masks: tuple[Mask, ...] = ()
    tiers: tuple[str, ...] = ()
    first_year: int = 0
    unit_vectors: bool = False

    @property
    def all_bands(self) -> tuple[Band, ...]:
        """All bands the product knows, whatever their unit."""
        return (*self.bands, *self.more_bands)

    def band(self, name: str) -> Band:
        """The band of that name; KeyError if the product has none (the study has been validated before)."""
        return {band.name: band for band in self.all_bands}[name]

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of all bands the product knows."""
        return tuple(band.name for band in self.all_bands)

    def numbers(self, name: str) -> Numbers:
        """What the stored numbers of a band mean."""
        band = self.band(name)
        own = (band.scale, band.offset, band.unit) if isinstance(band, OtherBand) else None
        return Numbers(*(own or (self.scale, self.offset, self.unit)))

    def all_mask_assets(self, mask: Mask) -> tuple[str, ...]:
        """Every spelling of a mask's asset, which may be another than the product's own."""
        return mask.assets + self.more_mask_assets if mask.assets == self.mask.assets else mask.assets

    def takes(self, platform: str) -> bool:
        """Whether items of a satellite belong to the product; catalogs write `landsat-8`, `LANDSAT_8` or `LC08`."""
        plain = re.sub(r"[^a-z0-9]", "", platform.lower())
        plain = re.sub(r"^l[cotem](?=0\d)", "landsat", plain).replace("landsat0", "landsat")
        return not self.platforms or not plain or plain in (name.replace("-", "") for name in self.platforms)


_NOT_SHARED = ("more_bands", "more_masks", "tiers", "first_year", "unit_vectors")


def product_facts(product: Product) -> dict[str, Any]:
    """What a product is, for digests: without what recipes take from it by name, which requests say themselves."""
    return {key: value for key, value in dataclasses.asdict(product).items() if key not in _NOT_SHARED}


@dataclass(frozen=True)
class CompositeRecipe:
    """How scenes become a composite.

    Attributes:
        bands: to composite, in order.
        mask: which pixels are clear.
        resampling: how scenes reach the working grid: `nearest` or `bilinear`.
        reducer: `median` over acquisitions, `latest` (newest valid value), or `none`: every pass by itself
            (`timeseries.py`).
        subdivision: k; the working grid has k x k pixels in each pixel of the grid.
        min_valid_share: share of a block's sub-pixels that must be valid, else the pixel is no data.
        requester_pays: whether object-store reads are charged to the reader.
        more_masks: further masks, each an asset of its own; clear is what is clear by all of them.
    """

    bands: tuple[str, ...]
    mask: Mask
    resampling: str = "nearest"
    reducer: str = "median"
    subdivision: int = 1
    min_valid_share: float = 0.25
    requester_pays: bool = False
    more_masks: tuple[Mask, ...] = ()
