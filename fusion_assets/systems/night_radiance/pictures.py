"""Pictures of night radiance: cells, deblurred lights, map and intervals in the same colours, and what imagery did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr

from fusion_assets.reports.map_layers import NO_DATA, Legend, coloured, hexadecimal, logarithmic
from fusion_assets.reports.pictures import picture_uri, thinned

UNIT = "nW/cm2/sr"
DARKEST = 0.1
"""nW/cm2/sr: all below has one colour."""
SOFTENING = 0.1
"""nW/cm2/sr that is added before `imagery_effect` compares two radiances."""
_BYTES = 5_000_000
_MOST_EFFECT = 8.0
_COLOURS, _EFFECT_COLOURS = "inferno", "RdBu_r"
_LIGHTS = {
    "cells": "the product's cells, as measured",
    "start": "deblurred, without imagery",
    "radiance": "the map",
    "low": "low end of the 90 % interval",
    "high": "high end of the 90 % interval",
}


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        address: data URI.
        caption: below it.
    """

    address: str
    caption: str


@dataclass(frozen=True)
class Year:
    """The pictures of one year.

    Attributes:
        year: of them.
        lights: cells, deblurred lights and map.
        ends: of the interval.
        effect: what day imagery multiplied the deblurred lights by.
    """

    year: int
    lights: tuple[Picture, ...]
    ends: tuple[Picture, ...]
    effect: Picture


def start_of(mapped: xr.Dataset) -> xr.DataArray:
    """The deblurred lights that a stored map began with, nW/cm2/sr: its radiance without what day imagery did."""
    start = (mapped["radiance"] + SOFTENING) / np.exp(mapped["imagery_effect"]) - SOFTENING
    return start.clip(min=0)


def draw(maps: Mapping[int, xr.Dataset], cells: Mapping[int, np.ndarray]) -> tuple[list[Year], Legend, Legend]:
    """Pictures of all years, the legend of lights, and that of the effect of imagery.

    Args:
        maps: stored maps by year, lazy.
        cells: what was measured, on the pixels of the maps, NaN where unknown.
    """
    years = sorted(maps)
    panels: dict[int, xr.DataArray] = {}
    for year in years:
        mapped = maps[year]
        lights = {"cells": mapped["radiance"].copy(data=cells[year]), "start": start_of(mapped)}
        for name in _LIGHTS:
            panels[len(panels)] = lights[name] if name in lights else mapped[name]
    # One scale for all: what is not on one scale cannot be compared by eye.
    drawn, legend = logarithmic(panels, _COLOURS, UNIT, DARKEST, (1, 99.7))
    budget = _BYTES // (len(panels) + len(years))
    addresses = [picture_uri(drawn[number], budget) for number in panels]
    made = []
    for index, year in enumerate(years):
        own = addresses[index * len(_LIGHTS) : (index + 1) * len(_LIGHTS)]
        pictures = [Picture(address, text) for address, text in zip(own, _LIGHTS.values(), strict=True)]
        effect = Picture(
            picture_uri(_effect(maps[year]), budget), "what day imagery multiplied the deblurred lights by"
        )
        made.append(Year(year, tuple(pictures[:3]), tuple(pictures[3:]), effect))
    return made, (*legend, (hexadecimal(NO_DATA), "unknown")), _effect_legend()


def _effect(mapped: xr.Dataset) -> np.ndarray:
    return coloured(_share(thinned(mapped["imagery_effect"])), _EFFECT_COLOURS)


def _share(effect: np.ndarray) -> np.ndarray:
    return (effect / np.log(_MOST_EFFECT) + 1) / 2


def _effect_legend() -> Legend:
    texts = {-3: "an eighth or less", -1: "half", 0: "unchanged", 1: "2 times", 3: "8 times or more"}
    colours = coloured(_share(np.log(2.0) * np.array([list(texts)])), _EFFECT_COLOURS)[0]
    return tuple((hexadecimal(colour), text) for colour, text in zip(colours, texts.values(), strict=True))
