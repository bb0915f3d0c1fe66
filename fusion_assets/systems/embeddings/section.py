"""Patches and embeddings in a study: how many places, which scenes make a pair, what is held back and what is learnt.

A study without the section has none of the assets.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, StrictInt, ValidationInfo, field_validator, model_validator

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.study import Study
from fusion_assets.study.checks import asset_problems, mask_problems
from fusion_assets.study.mistakes import Problem, as_date, shown, wrong
from fusion_assets.study.product_use import ProductUse, known_products
from fusion_assets.study.regions import Code, Section, Share
from fusion_assets.study.years import Year
from fusion_assets.systems.embeddings.sensors import FINEST, OPTICS, SNAP, UNITS

STEP = SNAP // FINEST
"""A patch is a multiple of so many fine pixels: then the coarse ones tile it."""
MOST_SHARDS = 10_000
"""Partitions that are still listed in seconds."""
_UNUSED = ("season", "built_up_threshold", "built_codes")
_EARLIEST = dt.date(2014, 4, 3)
"""Launch of Sentinel-1A; Sentinel-2A followed on 23 June 2015."""


class Sampling(Section):
    """How places are drawn.

    Attributes:
        by: `area`: anywhere on land north of 60 S, equal areas being equally likely; `regions`: likewise within the
            regions of the study.
        seed: of the draw: with the same one, the first places of a larger corpus are those of a smaller one.
    """

    by: Literal["area", "regions"] = Field("area", description="area or regions", examples=["area"])
    seed: StrictInt = Field(0, ge=0, lt=2**31, description="a whole number from 0 on", examples=[0])


class RadarUse(ProductUse):
    """Sentinel-1 of the pairs: a product, and which passes are taken.

    Attributes:
        direction: `ascending`, `descending` or `any`.
    """

    direction: Literal["ascending", "descending", "any"] = Field(
        "any", description="ascending, descending or any", examples=["descending"]
    )


class Labels(Section):
    """What patches are labelled with, beside what they are learnt from.

    Attributes:
        corine: CORINE land cover, Europe alone.
        land_cover: land cover of the year.
        osm: file of OpenStreetMap (`.osm.pbf`), relative to the study file; its data are under the ODbL.
    """

    corine: ProductUse | None = Field(None, description="CORINE land cover", examples=["corine"])
    land_cover: ProductUse | None = Field(None, description="land cover", examples=["land_cover"])
    osm: str | None = Field(None, description="file of OpenStreetMap", examples=["belgium.osm.pbf"])
    folder: Path = Field(default=Path(), exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _placed(cls, value: Any, info: ValidationInfo) -> Any:
        return {**value, "folder": (info.context or {}).get("folder", Path())} if isinstance(value, dict) else value

    @property
    def osm_file(self) -> Path | None:
        """File of OpenStreetMap, relative to the study file; None without one."""
        return None if self.osm is None else self.folder / Path(self.osm).expanduser()


class Split(Section):
    """Which places are held back: whole cells, whatever is drawn in them.

    Attributes:
        cell_km: edge of a cell.
        test: share of the cells that nothing is learnt from.
        buffer_km: nothing is learnt from patches that come so near a test cell.
        seed: of the choice of test cells; another sampling leaves them what they are.
    """

    cell_km: float = Field(50, ge=1, le=2000, description="kilometres, 1 to 2000", examples=[50])
    test: float = Field(0.3, gt=0, lt=1, description="share of cells, above 0 and below 1", examples=[0.3])
    buffer_km: float = Field(5, ge=0, le=500, description="kilometres, 0 to 500", examples=[5])
    seed: StrictInt = Field(0, ge=0, lt=2**31, description="a whole number from 0 on", examples=[0])


class EncoderUse(Section):
    """What is learnt from the patches.

    Attributes:
        dim: numbers of an embedding.
        pretext: task that the encoder is trained on.
        steps: batches that it is trained on.
        seed: of its first weights and of its batches.
    """

    dim: StrictInt = Field(128, ge=8, le=1024, description="numbers of an embedding, 8 to 1024", examples=[128])
    pretext: Literal["vicreg", "masked", "prediction"] = Field(
        "vicreg", description="vicreg, masked or prediction", examples=["vicreg"]
    )
    steps: StrictInt = Field(2000, ge=1, le=10_000_000, description="batches, from 1 on", examples=[2000])
    seed: StrictInt = Field(0, ge=0, lt=2**31, description="a whole number from 0 on", examples=[0])


class EmbeddingsUse(Section):
    """What the corpus and its embeddings are made of.

    Attributes:
        count: places.
        patch_size: edge of a patch, pixels of 10 m, a multiple of 6: pixels of 20 m and 60 m then tile it as well.
        shard_size: patches that are stored together.
        period: first and last day of both scenes.
        max_gap_hours: longest time between the two scenes of a pair.
        min_clear: share of a patch that must be clear in its optical scene.
        cloudy_share: share of the places that deliberately take a scene with more cloud than that.
        sampling: how places are drawn.
        sentinel1: radar; one study has one unit, sigma nought or gamma nought.
        sentinel2: optics; `bands` of the product, by default all it has.
        labels: what patches are labelled with.
        split: which places are held back.
        encoder: what is learnt.
        unseen_classes: codes of labelled classes that are held back, wherever they lie.
        maps: regions whose embeddings are mapped, from composites of the period.
        map_years: years of the maps: the same days of each of them; by default the year in which the period begins.
        map_stride: pixels of 10 m from one cell of a map to the next, each cell being the embedding of the patch around
            it; even, by default half a patch or the even number below.
    """

    count: StrictInt = Field(ge=1, le=10_000_000, description="places, from 1 on", examples=[10_000])
    patch_size: StrictInt = Field(
        252, ge=STEP, le=1020, description="pixels of 10 m, a multiple of 6 up to 1020", examples=[252]
    )
    shard_size: StrictInt = Field(
        1000, ge=1, le=100_000, description="patches stored together, from 1 on", examples=[1000]
    )
    period: tuple[dt.date, dt.date] = Field(
        description="first and last day, YYYY-MM-DD", examples=[["2021-01-01", "2021-12-31"]]
    )
    max_gap_hours: float = Field(72, gt=0, le=24 * 366, description="hours, above 0", examples=[72])
    min_clear: float = Field(0.9, gt=0, le=1, description="share of a patch, above 0 up to 1", examples=[0.9])
    cloudy_share: Share = Field(0.0, description="share of the places, 0 to 1", examples=[0.1])
    sampling: Sampling = Field(
        default_factory=lambda: Sampling.model_validate({}),
        description="how places are drawn",
        examples=[{"by": "area", "seed": 0}],
    )
    sentinel1: RadarUse = Field(
        default_factory=lambda: RadarUse.model_validate("sentinel1_grd"),
        description="radar",
        examples=["sentinel1_grd"],
    )
    sentinel2: ProductUse = Field(
        default_factory=lambda: ProductUse.model_validate("sentinel2_l2a"),
        description="optics",
        examples=["sentinel2_l2a"],
    )
    labels: Labels = Field(
        default_factory=lambda: Labels.model_validate({}),
        description="what patches are labelled with",
        examples=[{"land_cover": "land_cover"}],
    )
    split: Split = Field(
        default_factory=lambda: Split.model_validate({}),
        description="which places are held back",
        examples=[{"cell_km": 50, "test": 0.3, "buffer_km": 5}],
    )
    encoder: EncoderUse = Field(
        default_factory=lambda: EncoderUse.model_validate({}),
        description="what is learnt",
        examples=[{"dim": 128, "pretext": "vicreg"}],
    )
    unseen_classes: tuple[Code, ...] = Field((), description="codes of classes", examples=[[7]])
    maps: tuple[str, ...] = Field((), description="regions by name", examples=[["bagmati"]])
    map_years: tuple[Year, ...] = Field((), description="years, ascending", examples=[[2019, 2020, 2021]])
    map_stride: StrictInt | None = Field(None, ge=2, le=1020, description="an even number of pixels", examples=[126])

    @field_validator("patch_size")
    @classmethod
    def _patch_size(cls, value: int) -> int:
        if value % STEP:
            lower, upper = value // STEP * STEP, -(-value // STEP) * STEP
            raise wrong(
                f"is {value}: pixels of {SNAP} m do not tile it",
                f"a multiple of {STEP} pixels of {FINEST} m",
                f"write {upper}" + (f" or {lower}" if lower else ""),
            )
        return value

    @field_validator("period", mode="before")
    @classmethod
    def _period(cls, value: object) -> tuple[dt.date, dt.date]:
        form, example = "[first day, last day], both YYYY-MM-DD", "write for example [2021-01-01, 2021-12-31]"
        days = [as_date(day) for day in value] if isinstance(value, list | tuple) else []
        if len(days) != 2 or days[0] is None or days[1] is None:
            raise wrong(f"is {shown(value)}", form, example)
        first, last = days[0], days[1]
        if last < first:
            raise wrong(f"is {shown(value)}, which ends before it begins", form, "swap the two days")
        if last < _EARLIEST:
            raise wrong(f"is {shown(value)}, when neither Sentinel had been launched", form, example)
        return first, last

    @property
    def edge_m(self) -> int:
        """Edge of a patch, metres."""
        return self.patch_size * FINEST

    @property
    def stride(self) -> int:
        """Pixels of 10 m along a cell of a map."""
        return self.map_stride or self.patch_size // 4 * 2

    @property
    def shards(self) -> tuple[str, ...]:
        """Names of the shards, in the order of their patches."""
        return tuple(f"{number:04d}" for number in range(math.ceil(self.count / self.shard_size)))

    @property
    def bands(self) -> tuple[str, ...]:
        """Optical bands of a patch: those of 10 m, of 20 m, of 60 m, each in the order in which they are stored."""
        every = OPTICS[self.sentinel2.product]
        chosen = self.sentinel2.bands
        return every if chosen is None else tuple(name for name in every if name in chosen)

    @property
    def unit(self) -> str:
        """What the radar measures: `sigma0` or `gamma0`."""
        return UNITS[self.sentinel1.product]


def section_of(study: Study) -> EmbeddingsUse | None:
    """The section `embeddings` of a study; None where it has none."""
    return study.section("embeddings")


def use_of(study: Study) -> EmbeddingsUse:
    """The section `embeddings` of a study that has one."""
    section = section_of(study)
    assert section is not None
    return section


_OF_PLAN = (
    *("count", "patch_size", "shard_size", "period", "max_gap_hours", "min_clear", "cloudy_share"),
    *("sampling", "sentinel1", "sentinel2", "split"),
)


def plan_digest(study: Study) -> str:
    """12 hexadecimal digits of all that the plan of patches depends on; what is learnt from them is not part of it."""
    use = use_of(study)
    content = use.model_dump(mode="json", include=set(_OF_PLAN))
    return digest([content, study.digest("regions") if use.sampling.by == "regions" else None])


_OF_MAPS = ("maps", "map_years", "map_stride")


def learning_digest(study: Study) -> str:
    """12 hexadecimal digits of all that what is learnt depends on; what is mapped by it is not part of it."""
    return digest(use_of(study).model_dump(mode="json", exclude=set(_OF_MAPS)))


def map_years(study: Study) -> tuple[int, ...]:
    """Years under which maps are stored, ascending: that in which the period begins, unless the study names others."""
    use = use_of(study)
    return tuple(sorted(use.map_years)) or (use.period[0].year,)


def map_period(study: Study, year: int) -> tuple[dt.date, dt.date]:
    """First and last day of the imagery of a year's maps: the period, moved by whole years."""
    first, last = use_of(study).period
    return _moved(first, year - first.year), _moved(last, year - first.year)


def _moved(day: dt.date, years: int) -> dt.date:
    """The same day of another year, the last of February for the 29th where there is none."""
    leaping = (day.month, day.day) == (2, 29)
    return (day.replace(day=28) if leaping else day).replace(year=day.year + years) if years else day


def map_grid(study: Study, region: str) -> Grid:
    """The grid of a region's map."""
    return study.grid(region, use_of(study).stride * FINEST)


def problems(study: Study, today: dt.date) -> Iterator[Problem]:
    """What does not fit together with the rest of a study."""
    section = section_of(study)
    if section is None:
        return
    if section.period[0] > today:
        yield Problem(
            "embeddings.period", f"begins on {section.period[0]}", f"a day up to {today}", "choose days that have been"
        )
    if len(section.shards) > MOST_SHARDS:
        least = math.ceil(section.count / MOST_SHARDS)
        yield Problem(
            "embeddings.shard_size",
            f"is {section.shard_size}, which makes {len(section.shards):,} shards of {section.count:,} patches",
            f"at most {MOST_SHARDS:,} shards",
            f"write {least} or more",
        )
    yield from _product_problems("embeddings.sentinel1", section.sentinel1, UNITS)
    yield from _unit_problems(section.sentinel1)
    yield from _product_problems("embeddings.sentinel2", section.sentinel2, OPTICS)
    if section.sentinel2.product in OPTICS:
        yield from _band_problems(section)
    yield from _map_problems(study, section, today)
    if section.labels.osm_file is not None and not section.labels.osm_file.is_file():
        yield Problem(
            "embeddings.labels.osm",
            f"is {section.labels.osm}, and there is no such file",
            "a file of OpenStreetMap, .osm.pbf",
            "correct the path, which is relative to the study file",
        )
    if section.unseen_classes and section.labels.corine is None and section.labels.land_cover is None:
        yield Problem(
            "embeddings.unseen_classes",
            f"is {shown(list(section.unseen_classes))}, and no labels say where such classes are",
            "`corine` or `land_cover` in `embeddings.labels`",
            "name one of them, or leave unseen_classes out",
        )
    for key in ("corine", "land_cover"):
        use = getattr(section.labels, key)
        if use is not None and use.recipe.label is None:
            yield Problem(f"embeddings.labels.{key}", f"is {use.product}, which has no classes", key, "change it")


def _map_problems(study: Study, section: EmbeddingsUse, today: dt.date) -> Iterator[Problem]:
    names = [region.name for region in study.regions]
    for index, name in enumerate(section.maps):
        if name not in names:
            yield Problem(
                f"embeddings.maps[{index}]", f"is {name}", f"a region of the study: {', '.join(names[:8])}", "change it"
            )
        elif name in section.maps[:index]:
            yield Problem(f"embeddings.maps[{index}]", f"is {name} again", "every region once", "remove it")
    years = section.map_years
    if len(set(years)) < len(years):
        yield Problem("embeddings.map_years", f"is {shown(list(years))}", "every year once", "remove the others")
    last = section.period[1].year - section.period[0].year + max(years, default=0)
    if last > today.year:
        yield Problem(
            "embeddings.map_years",
            f"holds {max(years)}, whose period ends in {last}",
            f"years of which there is imagery, up to {today.year}",
            "remove it",
        )
    if section.stride % 2 or section.stride > section.patch_size:
        yield Problem(
            "embeddings.map_stride",
            f"is {section.stride}",
            f"an even number up to patch_size, {section.patch_size}: patches then lie around the middle of their cells",
            f"write {section.patch_size // 4 * 2}, or leave it out",
        )
    if section.maps and section.sentinel1.direction != "any":
        yield Problem(
            "embeddings.sentinel1.direction",
            f"is {section.sentinel1.direction}, and a composite holds passes of both directions",
            "any, where regions are mapped",
            "write `direction: any`, or leave maps out",
        )
    if section.maps and "B10" in section.bands:
        yield Problem(
            "embeddings.sentinel2.bands",
            "hold B10, which composites do not: it sees clouds",
            "bands of the ground, where regions are mapped",
            "name the other bands, or leave maps out",
        )


def _product_problems(key: str, use: ProductUse, known: dict[str, Any]) -> Iterator[Problem]:
    if use.product not in known:
        yield Problem(f"{key}.product", f"is {use.product}", f"one of {', '.join(known)}", "choose one of these")
        return
    unused = [name for name in _UNUSED if getattr(use, name) is not None]
    unused += ["windows"] if use.windows else []
    unused += ["bands"] if use.bands is not None and known is UNITS else []
    if unused:
        expected = "`period` of the section" if unused[0] in ("season", "windows") else f"{use.product} as it is"
        yield Problem(f"{key}.{unused[0]}", "means nothing here", expected, "remove the key")
    yield from asset_problems(key, use)
    yield from mask_problems(key, use)


def _unit_problems(use: RadarUse) -> Iterator[Problem]:
    """A collection of another radar product: its numbers would pass for this one's unit."""
    for name in UNITS:
        if name != use.product and use.collection in known_products()[name].collections:
            yield Problem(
                "embeddings.sentinel1.collection",
                f"is {use.collection}, which holds {UNITS[name]} ({name})",
                f"a collection of {use.product}" + (f", {UNITS[use.product]}" if use.product in UNITS else ""),
                f"write `product: {name}`, or leave collection out",
            )


def _band_problems(section: EmbeddingsUse) -> Iterator[Problem]:
    product = section.sentinel2.product
    every = OPTICS[product]
    chosen = section.sentinel2.bands
    if chosen is not None and (not chosen or len(set(chosen)) < len(chosen)):
        yield Problem(
            "embeddings.sentinel2.bands", f"is {shown(list(chosen))}", "bands, each named once", "leave it out for all"
        )
    for index, band in enumerate(chosen or ()):
        key = f"embeddings.sentinel2.bands[{index}]"
        if band == "B10" and product == "sentinel2_l2a":
            yield Problem(
                key,
                "is B10, which level 2A does not hold: cirrus is spent on the correction of the atmosphere",
                f"one of {', '.join(every)}",
                "remove it, or choose `product: sentinel2_l1c`, which has 13 bands",
            )
        elif band not in every:
            yield Problem(key, f"is {band}, not a band of {product}", f"one of {', '.join(every)}", "remove it")
