"""Local climate zones in a study: which labelled patches, which networks are compared, how, and where zones are mapped.

A study without the section has none of the assets.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, StrictInt, ValidationInfo, field_validator, model_serializer, model_validator

from fusion_assets.grids.grid import Grid
from fusion_assets.study import Study
from fusion_assets.study.checks import asset_problems, mask_problems, section_problems
from fusion_assets.study.mistakes import Problem, shown, wrong
from fusion_assets.study.product_use import ProductUse
from fusion_assets.study.regions import Section
from fusion_assets.study.sections import SystemSection
from fusion_assets.study.years import some_years
from fusion_assets.systems.climate_zones.channels import CHANNELS, MAPPABLE, SPLITS, branches_of
from fusion_assets.systems.climate_zones.networks import SUM
from fusion_assets.systems.climate_zones.splits import CITY_FOLDS
from fusion_assets.systems.climate_zones.training import PRESETS, Preset

DEMO = "demo"
"""Source of patches that are synthetic, and made when they are asked for."""
Setting = Literal["random", "block", "city", "published"]
Split = Literal["radar", "optical", "sensors", "physical"]
Stage = Annotated[StrictInt, Field(ge=0, le=SUM)]
OPTICS, RADAR = "sentinel2_l1c", "sentinel1_grd"
"""What maps are made of: imagery of the kind that networks have learnt from, and no other."""
COARSEST, STEP = 320, 20
"""Metres of a map's cells: at most a patch, and a whole number of pixels of 10 m on both sides of their middle."""
MOST_CELLS = 25_000_000
"""Of a region: a map's bands are held in memory."""
_OF_MAPS = ("map", "areas", "sentinel2", "sentinel1")
_UNUSED = ("bands", "built_up_threshold", "built_codes")


class MapUse(Section):
    """Where zones are mapped.

    Attributes:
        years: of the study; None: all that are predicted.
        resolution: edge of a cell, metres, a multiple of 20 up to 320; the zone is that of 320 m around its middle.
        sample: CSV of cells whose zone people have told, relative to the study file: `region`, `year`, `x`, `y` (CRS of
            the region), `stratum`, `inclusion_probability` and `zone`; areas of these years are then error-adjusted.
        domain: of WRF, that W2W shall put zones in: west, south, east and north in degrees, or its geo_em file,
            relative to the study file; without it files for W2W are made where a region inside its edges has no gaps.
        weights: file of the weights that the authors of Sen2LCZ-Net-MF have published, relative to the study file:
            zones are then told by their network, from optics alone, and nothing is calibrated.
    """

    years: tuple[int, ...] | None = Field(None, description="years of the study", examples=[[2021]])
    resolution: StrictInt = Field(
        100,
        ge=STEP,
        le=COARSEST,
        multiple_of=STEP,
        description="metres, a multiple of 20 up to 320",
        examples=[100],
    )
    sample: str | None = Field(None, description="CSV of a probability sample", examples=["sample.csv"])
    domain: tuple[float, float, float, float] | str | None = Field(
        None,
        description="west, south, east, north in degrees, or a geo_em file",
        examples=[[-1.2, 41.5, -0.7, 41.8]],
    )
    weights: str | None = Field(None, description="file of published weights", examples=["sen2lcz.hdf5"])

    @field_validator("years", mode="before")
    @classmethod
    def _years(cls, value: object) -> tuple[int, ...] | None:
        return some_years(value, "[2021]")


class ClimateZonesUse(Section):
    """What is compared and mapped.

    Attributes:
        source: folder of So2Sat's files (`.h5`), or `demo`; without it nothing is compared, and maps need `areas` or
            published weights.
        settings: ways to hold patches back.
        splits: of channels among branches.
        stages: after how many blocks branches are joined.
        seeds: trainings of each; in the setting `city` each tests other cities, and more than five are a multiple of
            five.
        preset: `quick` or `published`.
        matched: whether networks that join late are also trained as narrow as those that join at once.
        radar: `db` or `raw`; None: as the preset.
        weights: of classes; None: as the preset.
        channels: `all`, or those that exist over whole cities.
        map: where zones are mapped; None: nowhere.
        areas: file of areas that people drew (KML, KMZ, GeoPackage, Shapefile, GeoJSON, GeoParquet), relative to the
            study file: maps are then learnt from the study's own imagery there, instead of from the source.
        areas_year: mapped year that the areas are of; None: the newest.
        sentinel2: optics of maps, level 1C.
        sentinel1: radar of maps, sigma nought.
    """

    source: str | None = Field(None, description="folder of So2Sat's .h5 files, or demo", examples=["so2sat/v4"])
    settings: tuple[Setting, ...] = Field(
        ("random", "city"), description=f"of {', '.join(get_args(Setting))}", examples=[["random", "city"]]
    )
    splits: tuple[Split, ...] = Field(("sensors",), description=f"of {', '.join(SPLITS)}", examples=[["sensors"]])
    stages: tuple[Stage, ...] = Field((0, 3, 6), description="0 to 6", examples=[[0, 3, 6]])
    seeds: StrictInt = Field(5, ge=1, le=100, description="trainings of each network", examples=[5])
    preset: Literal["quick", "published"] = Field("quick", description="quick or published", examples=["quick"])
    matched: bool = Field(False, description="also networks of equal size", examples=[True])
    radar: Literal["db", "raw"] | None = Field(None, description="db or raw", examples=["db"])
    weights: Literal["balanced", "none"] | None = Field(None, description="balanced or none", examples=["balanced"])
    channels: Literal["all", "mappable"] = Field("all", description="all or mappable", examples=["mappable"])
    map: MapUse | None = Field(None, description="maps of zones", examples=[{"years": [2021]}])
    areas: str | None = Field(None, description="file of training areas", examples=["training.kml"])
    areas_year: StrictInt | None = Field(None, description="year of the training areas", examples=[2021])
    sentinel2: ProductUse = Field(
        default_factory=lambda: ProductUse.model_validate(OPTICS), description="optics of maps", examples=[OPTICS]
    )
    sentinel1: ProductUse = Field(
        default_factory=lambda: ProductUse.model_validate(RADAR), description="radar of maps", examples=[RADAR]
    )
    folder: Path = Field(default=Path(), exclude=True, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _placed(cls, value: Any, info: ValidationInfo) -> Any:
        return {**value, "folder": (info.context or {}).get("folder", Path())} if isinstance(value, dict) else value

    @field_validator("source", mode="before")
    @classmethod
    def _source(cls, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            raise wrong(f"is {shown(value)}", "a folder of .h5 files, or demo", "write for example source: demo")
        return value

    @field_validator("settings", "splits", "stages", mode="before")
    @classmethod
    def _several(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, list | tuple) or not value or len(set(map(str, value))) < len(value):
            example = (cls.model_fields[str(info.field_name)].examples or [])[0]
            raise wrong(f"is {shown(value)}", "a list that names each once", f"write for example {example}")
        return tuple(value)

    @model_serializer(mode="wrap")
    def _without_maps(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        # Trainings stay what they are wherever their zones are mapped.
        return {key: value for key, value in dump(self).items() if key not in _OF_MAPS}

    @property
    def files(self) -> Path | None:
        """Folder of So2Sat's files, relative to the study file; None for the synthetic ones, and without a source."""
        return None if self.source in (None, DEMO) else self.folder / Path(self.source).expanduser()

    @property
    def areas_file(self) -> Path | None:
        """File of the areas that maps are learnt from, relative to the study file; None without one."""
        return None if self.areas is None else self.folder / Path(self.areas).expanduser()

    @property
    def sample(self) -> Path | None:
        """File of the sample that areas are adjusted by, relative to the study file; None without one."""
        given = self.map.sample if self.map else None
        return None if given is None else self.folder / Path(given).expanduser()

    @property
    def domain(self) -> tuple[float, float, float, float] | Path | None:
        """WRF domain of the files for W2W: its bounds, or its geo_em file; None: what lies within a region."""
        given = self.map.domain if self.map else None
        return self.folder / Path(given).expanduser() if isinstance(given, str) else given

    @property
    def weights_file(self) -> Path | None:
        """File of the published weights that maps are made with, relative to the study file; None without one."""
        given = self.map.weights if self.map else None
        return None if given is None else self.folder / Path(given).expanduser()

    @property
    def read(self) -> tuple[str, ...]:
        """Channels that networks read."""
        return CHANNELS if self.channels == "all" else MAPPABLE

    @property
    def training(self) -> Preset:
        """How networks are trained."""
        changed = {name: value for name in ("radar", "weights") if (value := getattr(self, name)) is not None}
        return dataclasses.replace(PRESETS[self.preset], **changed)


def section_of(study: Study) -> ClimateZonesUse | None:
    """The section `climate_zones` of a study; None where it has none."""
    return study.section("climate_zones")


def use_of(study: Study) -> ClimateZonesUse:
    """The section `climate_zones` of a study that has one."""
    section = section_of(study)
    assert section is not None
    return section


def map_use_of(study: Study) -> MapUse:
    """What a study that maps zones says of its maps."""
    use = use_of(study).map
    assert use is not None
    return use


def map_years(study: Study) -> tuple[int, ...]:
    """Years that zones are mapped in, ascending; none where the study maps none."""
    section = section_of(study)
    if section is None or section.map is None:
        return ()
    return section.map.years or study.prediction_years


def areas_year(study: Study) -> int:
    """The mapped year that training areas are of."""
    return use_of(study).areas_year or max(map_years(study))


def reads_radar(study: Study) -> bool:
    """Whether the network of maps reads radar beside optics; the one with published weights does not."""
    return use_of(study).weights_file is None


def map_grid(study: Study, region: str) -> Grid:
    """The grid of a region's map."""
    return study.grid(region, map_use_of(study).resolution)


def problems(study: Study, _: dt.date) -> Iterator[Problem]:
    """What does not fit together, or is not there."""
    section = section_of(study)
    if section is None:
        return
    if section.source is None and section.areas is None and section.weights_file is None:
        yield Problem(
            "climate_zones.source",
            "is missing",
            "a folder of So2Sat's .h5 files, or demo",
            "name it; only maps with `areas`, or with `map: {weights: FILE}`, do without",
        )
    if section.files is not None and not section.files.is_dir():
        yield Problem(
            "climate_zones.source",
            f"is {section.source}, and there is no such folder",
            "a folder of So2Sat's .h5 files, or demo",
            "correct the path, which is relative to the study file",
        )
    empty = [split for split in section.splits if len(branches_of(split, section.read)) < 2 and max(section.stages)]
    if empty:
        yield Problem(
            "climate_zones.splits",
            f"holds {', '.join(empty)}, which is one branch of mappable channels: there is nothing to join",
            "splits of several branches",
            "leave it out, compare stage 0 alone, or set channels: all",
        )
    if "city" in section.settings and section.seeds > CITY_FOLDS and section.seeds % CITY_FOLDS:
        whole = section.seeds // CITY_FOLDS * CITY_FOLDS
        yield Problem(
            "climate_zones.seeds",
            f"is {section.seeds}: in the setting `city` {section.seeds - whole} of them would test some cities once "
            "more and others not, and no figure could use them",
            f"at most {CITY_FOLDS}, or a multiple of it: each {CITY_FOLDS} test every city once",
            f"write seeds: {whole} or seeds: {whole + CITY_FOLDS}",
        )
    if section.map is None and section.areas is not None:
        yield Problem(
            "climate_zones.areas", "is given without `map`", "a study that maps zones", "add for example `map: {}`"
        )
    if section.map is not None:
        yield from _map_problems(study, section, section.map)


def _map_problems(study: Study, section: ClimateZonesUse, use: MapUse) -> Iterator[Problem]:
    yield from section_problems(study, "climate_zones.map", map_years(study), use.resolution, MOST_CELLS)
    if section.areas_file is not None and not section.areas_file.is_file():
        yield Problem(
            "climate_zones.areas",
            f"is {section.areas}, and there is no such file",
            "a file of polygons, each of a zone",
            "correct the path, which is relative to the study file",
        )
    if section.weights_file is not None and not section.weights_file.is_file():
        yield Problem(
            "climate_zones.map.weights",
            f"is {use.weights}, and there is no such file",
            "the HDF5 file of published weights",
            "correct the path, which is relative to the study file",
        )
    if use.weights is not None and section.areas is not None:
        yield Problem(
            "climate_zones.map.weights",
            "is given together with `areas`",
            "one network for maps: published, or learnt from areas",
            "remove one of the two",
        )
    if section.areas_year is not None and section.areas_year not in map_years(study):
        yield Problem(
            "climate_zones.areas_year",
            f"is {section.areas_year}, which is not mapped",
            f"one of {', '.join(map(str, map_years(study)))}",
            "add it to climate_zones.map.years, or change it",
        )
    if section.sample is not None and not section.sample.is_file():
        yield Problem(
            "climate_zones.map.sample",
            f"is {use.sample}, and there is no such file",
            "a CSV of cells whose zone people have told",
            "correct the path, which is relative to the study file",
        )
    if isinstance(section.domain, Path) and not section.domain.is_file():
        yield Problem(
            "climate_zones.map.domain",
            f"is {use.domain}, and there is no such file",
            "four numbers in degrees, or a geo_em file of geogrid",
            "correct the path, which is relative to the study file",
        )
    elif isinstance(use.domain, tuple):
        west, south, east, north = use.domain
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            yield Problem(
                "climate_zones.map.domain",
                f"is {shown(list(use.domain))}",
                "west, south, east, north in degrees, with west < east and south < north",
                "swap them",
            )
    for key, product, why in (
        ("sentinel2", OPTICS, "reflectance at the top of the atmosphere"),
        ("sentinel1", RADAR, "sigma nought in decibels"),
    ):
        chosen = getattr(section, key)
        if chosen.product != product:
            yield Problem(
                f"climate_zones.{key}.product",
                f"is {chosen.product}, which networks have not learnt from",
                f"{product}: {why}, as in the labelled patches",
                "change it",
            )
            continue
        unused = [name for name in _UNUSED if getattr(chosen, name) is not None]
        if unused:
            yield Problem(
                f"climate_zones.{key}.{unused[0]}", "means nothing here", f"{product} as it is", "remove the key"
            )
        yield from asset_problems(f"climate_zones.{key}", chosen)
        yield from mask_problems(f"climate_zones.{key}", chosen)


CLIMATE_ZONES_SECTION = SystemSection(
    ClimateZonesUse, "local climate zones and the stage of fusion", {"source": "so2sat/v4"}, problems
)
