"""How a study cleans its night lights before they become a feature."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field, field_validator

from fusion_assets.study.mistakes import shown, wrong
from fusion_assets.study.regions import Section


class LightsUse(Section):
    """The steps, in the order in which they act; every one can be switched off.

    What refers to the label year is left out in a study without one, except that `background` is then each year's own.

    Attributes:
        reference: every year is put on the scale of the label year. `offset`: what the darkest land differs by is
            subtracted. `linear`: and lit places are divided by what most of them have brightened by, which also takes
            away growth that is the same everywhere. `none`: years stay as they are.
        outliers: lights that flare up far from anything lit in the label year (fires) give way to its value there.
        background: subtracted from all years: the radiance of dark land in the label year as estimated (`auto`), a
            number in nW/cm2/sr, or `none`.
        negative: values below zero, which are noise, become zero (`zero`), or stay (`keep`).
    """

    reference: Literal["offset", "linear", "none"] = Field(
        "offset", description="how years are put on one scale", examples=["offset"]
    )
    outliers: bool = Field(True, description="whether fires are taken out", examples=[False])
    background: Literal["auto", "none"] | float = Field(
        "auto", description="auto, none, or nW/cm2/sr", examples=["none"]
    )
    negative: Literal["zero", "keep"] = Field("zero", description="what becomes of negative values", examples=["keep"])

    @field_validator("background", mode="before")
    @classmethod
    def _background(cls, value: object) -> object:
        number = type(value) in (int, float)
        if value in ("auto", "none") or (number and math.isfinite(float(str(value))) and float(str(value)) >= 0):
            return value
        form = "auto, none, or a radiance in nW/cm2/sr, 0 or more"
        raise wrong(f"is {shown(value)}", form, "write for example 0.3, or auto")
