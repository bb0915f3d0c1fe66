"""Gap-free NDVI in a study: which imagery, which method, which dates.

A study without the section has none of the assets.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any, Literal, get_args

from pydantic import Field, StrictInt, field_validator

from fusion_assets.grids.grid import Grid
from fusion_assets.study import Study
from fusion_assets.study.checks import asset_problems, mask_problems, products_for, section_problems
from fusion_assets.study.mistakes import Problem, shown, wrong
from fusion_assets.study.product_use import ProductUse, known_products
from fusion_assets.study.regions import Metres, Section
from fusion_assets.study.sections import SystemSection
from fusion_assets.study.years import some_years

Method = Literal[
    "fused", "linear", "random_forest", "interpolation", "whittaker", "published_formula", "seed_as_printed"
]
METHODS: tuple[Method, ...] = get_args(Method)
"""Names of the estimators, the default first; see `systems/ndvi/gap_filling/estimators.py`."""
UNUSED = ("bands", "windows", "season", "built_up_threshold", "built_codes")
"""Keys of a product's use that mean nothing here."""
WIDEST = 31


class Speckle(Section):
    """How the speckle of radar is reduced.

    Attributes:
        filter: `multitemporal` (all dates of an orbit together: keeps edges and changes), `spatial` (mean of a window,
            each date by itself) or `none`.
        window: edge of the window, pixels, odd.
    """

    filter: Literal["multitemporal", "spatial", "none"] = Field(
        "multitemporal", description="how speckle is reduced", examples=["spatial"]
    )
    window: int = Field(5, description="edge of the window in pixels", examples=[5])

    @field_validator("window", mode="before")
    @classmethod
    def _window(cls, value: object) -> int:
        if type(value) is not int or not 3 <= value <= WIDEST or value % 2 == 0:
            form = f"an odd number of pixels from 3 to {WIDEST}"
            raise wrong(f"is {shown(value)}", form, "write for example 5, or `filter: none` for no filter")
        return value


class NdviUse(Section):
    """What the NDVI of a study is made of.

    Attributes:
        resolution: pixel size in metres; None: the study's.
        years: years of the study to make it for; None: all that are predicted.
        sentinel2: optics; clear are the classes 4, 5 and 6 unless its `mask` says otherwise: not cloud, and not shadow.
        sentinel1: radar, or None (`none` in the file) for none.
        speckle: how it is reduced.
        method: estimator that fills the gaps.
        every_days: None fills the dates of Sentinel-2, a number every so many days from 1 January.
        margin_days: of the neighbouring years, which help to fill the first and last days of a year. Where three of
            four passes are cloudy, every fifth pixel is not clear once in 30 days, every thirtieth not in 60.
        sample: pixels that the model is fitted on and the evaluation made with, and gaps simulated in them.
    """

    resolution: Metres | None = Field(None, description="pixel size in metres, above 0", examples=[10])
    years: tuple[int, ...] | None = Field(None, description="years of the study", examples=[[2018]])
    sentinel2: ProductUse = Field(
        default_factory=lambda: ProductUse.model_validate("sentinel2_l2a"),
        description="optics",
        examples=["sentinel2_l2a"],
    )
    sentinel1: ProductUse | None = Field(
        default_factory=lambda: ProductUse.model_validate("sentinel1_grd"),
        description="radar, or none",
        examples=["sentinel1_grd"],
    )
    speckle: Speckle = Field(
        default_factory=lambda: Speckle.model_validate({}),
        description="how speckle is reduced",
        examples=[{"filter": "multitemporal", "window": 5}],
    )
    method: Method = Field(METHODS[0], description="estimator", examples=[METHODS[0]])
    every_days: StrictInt | None = Field(
        None, ge=1, le=60, description="days from one filled date to the next, 1 to 60", examples=[10]
    )
    margin_days: StrictInt = Field(
        60, ge=0, le=180, description="days of the neighbouring years, 0 to 180", examples=[60]
    )
    sample: StrictInt = Field(
        20_000, ge=100, le=1_000_000, description="pixels to fit and evaluate on, 100 to 1,000,000", examples=[20_000]
    )

    @field_validator("years", mode="before")
    @classmethod
    def _years(cls, value: object) -> tuple[int, ...] | None:
        return some_years(value, "[2018]")

    @field_validator("sentinel1", mode="before")
    @classmethod
    def _sentinel1(cls, value: Any) -> Any:
        return None if value == "none" else value


def section_of(study: Study) -> NdviUse | None:
    """The section `ndvi` of a study; None where it has none."""
    return study.section("ndvi")


def years_of(study: Study) -> tuple[int, ...]:
    """Years that NDVI is made for, ascending; none without the section."""
    section = section_of(study)
    return () if section is None else section.years or study.prediction_years


def grid_of(study: Study, region: str) -> Grid:
    """The grid of a region's NDVI: that of its other rasters, at the resolution of the section."""
    section = section_of(study)
    return study.grid(region, section.resolution if section else None)


def problems(study: Study, _: dt.date) -> Iterator[Problem]:
    """What does not fit together with the rest of a study."""
    section = section_of(study)
    if section is None:
        return
    yield from section_problems(study, "ndvi", years_of(study), section.resolution)
    for role, use in (("sentinel2", section.sentinel2), ("sentinel1", section.sentinel1)):
        if use is not None:
            yield from _use_problems(role, use)


def _use_problems(role: str, use: ProductUse) -> Iterator[Problem]:
    key = f"ndvi.{role}"
    if use.recipe.role != role:
        yield Problem(
            f"{key}.product", f"is {use.product}, a {use.recipe.role} product", products_for(role), "change it"
        )
        return
    missing = {"B04", "B08"} - set(use.recipe.band_names)
    if role == "sentinel2" and missing:
        fitting = [name for name, product in known_products().items() if {"B04", "B08"} <= set(product.band_names)]
        yield Problem(
            f"{key}.product",
            f"is {use.product}, which has no band {', '.join(sorted(missing))}",
            "one of " + ", ".join(fitting),
            "NDVI is made of red and near infrared of Sentinel-2: choose one of these",
        )
    for unused in sorted(use.model_fields_set & set(UNUSED)):
        yield Problem(f"{key}.{unused}", "is given, but means nothing for NDVI", "no such key", "remove it")
    yield from asset_problems(key, use)
    yield from mask_problems(key, use)


NDVI_SECTION = SystemSection(NdviUse, "gap-free NDVI", {"resolution": 10, "years": [2018]}, problems)
