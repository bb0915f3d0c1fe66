"""What the parts of a comparison are called for people, and what each way of holding patches back may claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fusion_assets.reports.tables import UNKNOWN
from fusion_assets.systems.climate_zones.grid import INDEPENDENT, MATCHED
from fusion_assets.systems.climate_zones.networks import SUM

SPLITS = {
    "radar": "radar, three branches",
    "optical": "optics, four branches",
    "sensors": "radar and optics, two branches",
    "physical": "radar and optics, seven branches",
}
"""Splits of the channels."""
SETTINGS = {
    "random": "patches drawn at random",
    "block": "squares held back",
    "city": "whole cities held back",
    "published": "the data set's own test",
}
"""Ways to hold patches back."""
CLAIMS = {
    "random": (
        "Patches are drawn one by one, and those tested may overlap others that were learnt from. Says how well places "
        "are remembered that were seen in training; it says nothing of any other place."
    ),
    "block": (
        "Squares of 1.6 km are held back, and what lies between them and the training is left out. Says what may be "
        "expected elsewhere in the same cities, once patches of them have been labelled."
    ),
    "city": (
        "A fifth of the cities is held back in turn, and five such trainings test each city once. Says what may be "
        "expected in a city like these that nobody has labelled: it is what a map needs to know."
    ),
    "published": (
        "Tested are the patches that the data set calls test, in cities that it does not train on. Says the same of "
        "those few cities, and can be laid beside what others report; training stops on cities of its own."
    ),
}
"""What figures of each may claim."""
BEST_EVIDENCE = ("city", "published", "block", "random")
"""Settings, those first that say most of a city that nobody has labelled."""


def stage_text(stage: str) -> str:
    """Where branches are joined, in words."""
    number, matched = unmatched(stage)
    if number == INDEPENDENT:
        return "trained apart, answers averaged"
    places = {0: "at once (0)", SUM: f"answers averaged, trained as one ({SUM})"}
    text = places.get(int(number), f"after block {number}")
    return f"{text}, as small as stage 0" if matched else text


def unmatched(stage: str) -> tuple[str, bool]:
    """A stage without what says that its network is of matched size, and whether it said so."""
    if stage == INDEPENDENT:
        return stage, False
    return stage.removesuffix(MATCHED), stage.endswith(MATCHED)


def parts_of(name: str) -> tuple[str, str]:
    """Split and stage of a point's name."""
    split, _, stage = name.partition(".")
    return split, stage


def point_text(name: str) -> str:
    """A point in a sentence."""
    split, stage = parts_of(name)
    return f"{SPLITS[split]}, {stage_text(stage)}"


def overlap_text(entry: Mapping[str, Any]) -> str:
    """How far the tested patches of a setting overlap those learnt from, which belongs beside every score of it."""
    overlap = entry["overlap"]
    if overlap is None:
        return "whether tested patches overlap those learnt from is unknown: the files do not say where patches lie"
    if not overlap["overlapping"]:
        return "no tested patch overlaps one learnt from"
    share, area = overlap["share"], overlap["median_area"]
    return f"{share:.1%} of the tested patches overlap one learnt from, by {area:.0%} of their area in the median"


def with_ends(figure: Mapping[str, Any] | None, form: str = ".3f") -> str:
    """A figure with its 95 % interval, as far as both are known."""
    if figure is None or figure["value"] is None:
        return UNKNOWN
    value, *ends = (figure[name] for name in ("value", "low", "high"))
    if None in ends:
        return f"{value:{form}} (interval unknown)"
    return f"{value:{form}} ({ends[0]:{form}} to {ends[1]:{form}})"
