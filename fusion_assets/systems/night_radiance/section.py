"""Night radiance at high resolution in a study: which day imagery, which lights, which method, what is held back.

A study without the section has none of the assets.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field, StrictInt, field_serializer, field_validator

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.study import Study
from fusion_assets.study.checks import asset_problems, mask_problems, products_for, section_problems
from fusion_assets.study.mistakes import Problem, shown, wrong
from fusion_assets.study.product_use import ProductUse
from fusion_assets.study.regions import Metres, Section
from fusion_assets.study.sections import SystemSection
from fusion_assets.study.years import some_years
from fusion_assets.systems.night_radiance.reference_files import Reference, covered

FEWEST_PLACES = 3
"""Regions that a method is learnt and chosen on; fewer say nothing of another place."""
NARROWEST, WIDEST = 300.0, 1500.0
"""Full widths at half maximum of VIIRS's footprint that are believed, metres."""
FOOTPRINT = 742.0
"""Full width at half maximum, metres, where a study does not say: Elvidge et al. 2013, doi:10.7125/APAN.35.7."""
ESTIMATE = "estimate"
"""What a study says where the footprint is to be told from the cells."""
MOST_PIXELS = 25_000_000
"""Of a region: a map is held in memory as a whole, at some 300 bytes a pixel."""
INDEX = "index"
Method = Literal["auto", "bicubic_conserved", "dasymetric", "trees", "unet"]


class Destination(Section):
    """Where maps are made image assets of Earth Engine.

    Attributes:
        folder: of image assets, which must exist; each map is `REGION_YEAR` in it.
        overwrite: whether an asset made of something else may be replaced.
    """

    folder: str = Field(description="folder of image assets", examples=["projects/my-project/assets/radiance"])
    overwrite: bool = Field(False, description="whether other assets may be replaced", examples=[True])

    @field_validator("folder", mode="before")
    @classmethod
    def _folder(cls, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"projects/[^/\s]+/assets(/[A-Za-z0-9_-]+)+", value):
            form = "projects/PROJECT/assets/FOLDER"
            raise wrong(f"is {shown(value)}", form, "write for example projects/my-project/assets/radiance")
        return value


class PatchesUse(Section):
    """How patches are cut for those who train elsewhere.

    Attributes:
        size: edge of a patch, pixels.
        margin: by which records are larger on each side, pixels.
    """

    size: StrictInt = Field(256, ge=16, le=4096, description="edge of a patch, pixels, 16 to 4096", examples=[256])
    margin: StrictInt = Field(96, ge=0, le=1024, description="more on each side, pixels, 0 to 1024", examples=[96])


class NightRadianceUse(Section):
    """What the fine night radiance of a study is made of.

    Attributes:
        years: of the study; None: all that are predicted.
        resolution: pixel size in metres.
        optics: day imagery, Landsat or Sentinel-2.
        lights: VIIRS, annual or monthly.
        method: `auto` chooses on held-out places.
        footprint: full width at half maximum of what the sensor sees, metres; `estimate`: told from cells where it can.
        rounds: of conservation; None: chosen on held-out places.
        members: networks of a U-Net, whose mean is the map.
        reserved: regions that nothing is learnt or chosen on, and that the method is tried on at the end.
        settlement: `index` tells settled land by day imagery alone; the name of an asset of the study with a band
            `probability`, such as `built_up_prediction`, tells it by that map as well.
        fires: `remove` puts the light of other years in place of lights that burn in one year alone, far from anything
            lit then; the nearest other years of the study say so. `keep` loses nothing.
        references: rasters of finer sensors that maps are compared with; no map depends on them.
        patches: how patches are cut for those who train elsewhere; None: there are none.
        upload: where maps are sent on Earth Engine; None: nowhere.
    """

    years: tuple[int, ...] | None = Field(None, description="years of the study", examples=[[2019]])
    resolution: Metres = Field(30, description="pixel size in metres, above 0", examples=[30])
    optics: ProductUse = Field(
        default_factory=lambda: ProductUse.model_validate("landsat_c2_l2"),
        description="day imagery",
        examples=["landsat_c2_l2"],
    )
    lights: ProductUse = Field(
        default_factory=lambda: ProductUse.model_validate("viirs_annual"),
        description="night lights",
        examples=["viirs_annual"],
    )
    method: Method = Field("auto", description="method", examples=["auto"])
    footprint: float | Literal["estimate"] = Field(
        FOOTPRINT, description="metres, 300 to 1500, or estimate", examples=[int(FOOTPRINT), ESTIMATE]
    )
    rounds: StrictInt | None = Field(None, ge=1, le=30, description="rounds of conservation, 1 to 30", examples=[5])
    members: StrictInt = Field(3, ge=1, le=10, description="networks of a U-Net, 1 to 10", examples=[3])
    reserved: tuple[str, ...] = Field(description="regions held back, by name", examples=[["mumbai"]])
    settlement: str = Field(INDEX, description="index, or the name of an asset", examples=["built_up_prediction"])
    fires: Literal["keep", "remove"] = Field("keep", description="keep or remove", examples=["remove"])
    references: tuple[Reference, ...] = Field(
        (),
        description="list of rasters of finer sensors",
        examples=[[{"path": "sdgsat.tif", "unit": "DN", "date": "2022-11-05"}]],
    )
    patches: PatchesUse | None = Field(
        None, description="TFRecord patches for other software", examples=[{"size": 256, "margin": 96}]
    )
    upload: Destination | None = Field(
        None,
        description="image assets of Earth Engine",
        examples=[{"folder": "projects/my-project/assets/radiance"}],
    )

    @field_validator("settlement", mode="before")
    @classmethod
    def _settlement(cls, value: object) -> str:
        if not isinstance(value, str) or not re.fullmatch(r"[a-z][a-z0-9_]*", value):
            form = "index, or the name of an asset"
            raise wrong(f"is {shown(value)}", form, "write for example built_up_prediction")
        return value

    @field_serializer("references")
    def _no_digest(self, references: tuple[Reference, ...]) -> None:
        """Left out of what digests are of: imagery and maps stay what they are with another reference."""

    @field_validator("years", mode="before")
    @classmethod
    def _years(cls, value: object) -> tuple[int, ...] | None:
        return some_years(value, "[2019]")

    @field_validator("footprint", mode="before")
    @classmethod
    def _footprint(cls, value: object) -> float | str:
        if value == ESTIMATE:
            return ESTIMATE
        if isinstance(value, bool) or not isinstance(value, int | float) or not NARROWEST <= value <= WIDEST:
            expected = f"metres, {NARROWEST:g} to {WIDEST:g}, or {ESTIMATE}"
            raise wrong(f"is {shown(value)}", expected, f"write for example footprint: {FOOTPRINT:g}")
        return float(value)


def section_of(study: Study) -> NightRadianceUse | None:
    """The section `night_radiance` of a study; None where it has none."""
    return study.section("night_radiance")


def use_of(study: Study) -> NightRadianceUse:
    """The section `night_radiance` of a study that has one."""
    section = section_of(study)
    assert section is not None
    return section


def years_of(study: Study) -> tuple[int, ...]:
    """Years that night radiance is made for, ascending; none without the section."""
    section = section_of(study)
    return () if section is None else section.years or study.prediction_years


def places_of(study: Study) -> tuple[str, ...]:
    """Regions that are learnt from, in the order of the study."""
    return tuple(region.name for region in study.regions if region.name not in use_of(study).reserved)


def settlement_of(study: Study) -> tuple[str, ...]:
    """Name of the asset that settled land is told by beside day imagery; none where that alone tells it."""
    name = use_of(study).settlement
    return () if name == INDEX else (name,)


def announcing_years(study: Study, year: int) -> tuple[int, ...]:
    """Years of the study that tell a year's fires: the nearest other one, both where two are equally near."""
    distance = {other: abs(other - year) for other in years_of(study) if other != year}
    return tuple(other for other, far in distance.items() if far == min(distance.values()))


def references_of(study: Study, year: int) -> tuple[Reference, ...]:
    """References that a year's maps are compared with: those that no other year is nearer to, the earlier of two."""
    years = years_of(study)
    return tuple(each for each in use_of(study).references if year == min(years, key=lambda y: abs(y - each.date.year)))


def regions_of(study: Study, reference: Reference, everywhere: bool = False) -> list[str]:
    """Regions whose maps a reference is compared with, from its header.

    Args:
        study: whose regions are looked at.
        reference: of the study.
        everywhere: also regions whose outlines Earth Engine has to be asked for.

    Raises:
        FusionError: it cannot be compared with any.
    """
    asked = [region for region in study.regions if reference.region in (None, region.name)]
    known = [region.name for region in asked if everywhere or region.outline_is_local]
    return covered(reference, {name: grid_of(study, name) for name in known})


def references_digest(study: Study) -> str:
    """Digest of what the comparison with references depends on; it is not where their files lie."""
    parts = []
    for each in use_of(study).references:
        local = Path(each.path)
        size = local.stat().st_size if "://" not in each.path and local.is_file() else None
        parts.append([each.path.rsplit("/", 1)[-1], size, each.unit, each.date.isoformat(), each.region, each.band])
    return digest(parts)


def grid_of(study: Study, region: str) -> Grid:
    """The grid of a region's fine radiance."""
    return study.grid(region, use_of(study).resolution)


def problems(study: Study, _: dt.date) -> Iterator[Problem]:
    """What does not fit together with the rest of a study."""
    section = section_of(study)
    if section is None:
        return
    yield from section_problems(study, "night_radiance", years_of(study), section.resolution, MOST_PIXELS)
    yield from _settlement_problems(study, section)
    if section.fires == "remove" and len(years_of(study)) < 2:
        yield Problem(
            "night_radiance.fires",
            "is remove, and there is no other year to tell what burns in one alone",
            "at least two years of the study",
            "add a year to prediction_years (or to night_radiance.years), or write `fires: keep`",
        )
    yield from _place_problems(study, section)
    yield from _reference_problems(study, section)
    for key, use, role in (("optics", section.optics, "sentinel2"), ("lights", section.lights, "night_lights")):
        if use.recipe.role != role:
            yield Problem(
                f"night_radiance.{key}.product",
                f"is {use.product}, a {use.recipe.role} product",
                products_for(role),
                "change it",
            )
            continue
        yield from asset_problems(f"night_radiance.{key}", use)
        yield from mask_problems(f"night_radiance.{key}", use)


def _place_problems(study: Study, section: NightRadianceUse) -> Iterator[Problem]:
    names = [region.name for region in study.regions]
    unknown = [name for name in section.reserved if name not in names]
    if unknown or not section.reserved:
        yield Problem(
            "night_radiance.reserved",
            f"names {', '.join(unknown)}" if unknown else "is empty",
            f"at least one region of the study, of {', '.join(names[:8])}",
            "name regions that nothing is learnt from: the method is tried on them at the end",
        )
    places = [name for name in names if name not in section.reserved]
    if len(places) < FEWEST_PLACES:
        yield Problem(
            "regions",
            f"leave {len(places)} to learn night radiance from beside those reserved",
            f"at least {FEWEST_PLACES}",
            "add regions, or cut a large one into several",
        )


def _settlement_problems(study: Study, section: NightRadianceUse) -> Iterator[Problem]:
    if section.settlement == INDEX:
        return
    key = "night_radiance.settlement"
    if study.features != "optics":
        yield Problem(
            key,
            f"is {section.settlement}, which sees night lights by `features: {study.features}`: the very cells that "
            "methods are judged by would be among what they see",
            "maps made of day imagery alone",
            f"write `features: optics`, or `settlement: {INDEX}`",
        )
    # What is learnt of a year rests on that year of all regions, which Dagster maps between equal lists of years alone.
    if years_of(study) != study.prediction_years:
        yield Problem(
            key,
            f"is {section.settlement}, which is made for {', '.join(map(str, study.prediction_years))}, and night "
            f"radiance for {', '.join(map(str, years_of(study)))}",
            "the same years",
            "remove night_radiance.years, or change prediction_years",
        )


def _reference_problems(study: Study, section: NightRadianceUse) -> Iterator[Problem]:
    """What can be told of references before anything is made: headers of files on this machine are read."""
    names = [region.name for region in study.regions]
    for index, reference in enumerate(section.references):
        key = f"night_radiance.references[{index}]"
        if reference.region is not None and reference.region not in names:
            yield Problem(
                f"{key}.region", f"is {reference.region}", f"a region of the study: {', '.join(names[:8])}", "change it"
            )
            continue
        if "://" in reference.path:
            continue
        try:
            regions_of(study, reference)
        except FusionError as error:
            yield Problem(f"{key}.path", f"cannot be used: {error.found}", error.expected, error.remedy)


NIGHT_RADIANCE_SECTION = SystemSection(
    NightRadianceUse,
    "night radiance at high resolution",
    {"resolution": 30, "reserved": ["mumbai"]},
    problems,
    destinations=("upload",),
)
