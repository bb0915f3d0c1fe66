"""What the report says in words.

Belongs here: sentences about figures. Does not: figures themselves, tables (`tables.py`), the page (`templates/`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from fusion_assets.built_up import change as change_map
from fusion_assets.built_up import trend

if TYPE_CHECKING:
    import pandas as pd


def alternative(layer: str, year: int, region: str, table: pd.DataFrame) -> str:
    """Alternative text of one map."""
    text = f"{layer} in {region}, {year}"
    row = table[table["year"] == year].iloc[0]
    return f"{text}: {row['mapped_km2']:,.0f} km2 mapped as built-up" if layer == "Built-up land" else text


def trend_in_words(table: pd.DataFrame) -> str:
    """The trend's figures, as alternative text of its picture."""
    return "Built-up area by year: " + "; ".join(
        f"{row.year}: {row.area_km2:,.0f} km2 ({row.low:,.0f} to {row.high:,.0f})" for row in table.itertuples()
    )


def trend_caption(kind: str) -> str:
    """What the bars of the trend's picture mean."""
    if kind == trend.ADJUSTED:
        return "Error-adjusted area with 95 % intervals; crosses: area as mapped, whose errors are not adjusted for."
    return "Mapped area; bars show how far it depends on the threshold. They are no confidence intervals."


def trend_notes(table: pd.DataFrame, document: Mapping[str, Any]) -> Iterator[str]:
    """What the areas rest on, and how the maps compare with a reference sample."""
    share, pixels = table["share"].iloc[0], int(table["n_valid"].iloc[0])
    yield f"All years are compared on the same {pixels:,} pixels ({share:.1%} of the region), those valid in each."
    if document["kind"] != trend.ADJUSTED:
        low, high = document["sensitivity"]["thresholds"]
        yield (
            f"The range covers thresholds from {low:.2f} to {high:.2f}, whose agreement with the labels does not "
            "differ beyond chance. Areas are relative to the labels; only a sample that people interpret could tell "
            "how far from the truth they are."
        )
        return


def change_caption(changed: xr.Dataset, years: Sequence[int]) -> str:
    """Share of pixels in each class of change."""
    counted = change_map.counts(changed)
    total = max(sum(counted.values()), 1)
    parts = ", ".join(f"{name} {count / total:.1%}" for name, count in counted.items())
    return (
        f"From {years[0]} to {years[-1]}, named where the probability is at least {change_map.CONFIDENCE:g}: {parts} "
        "of the pixels. Counting pixels is no estimate of change; the section above has that."
    )


def quality_notes(metrics: Mapping[str, Any]) -> Iterator[str]:
    """How to read the figures of the evaluation."""
    known = metrics["intervals"]["model_minus_baseline"]["mcc"]
    better = "better than" if known["low"] > 0 else "worse than" if known["high"] < 0 else "not told apart from"
    yield (
        f"Every figure is out of fold: the {metrics['n']:,} samples are judged by models that saw neither their "
        f"spatial block nor a buffer around it. Intervals (95 %) come from resampling the {metrics['blocks']} blocks."
    )
    yield (
        f"{metrics['prevalence']:.1%} of the samples are labelled built-up, so that always answering the more frequent "
        f"class is right for {metrics['majority']['accuracy']:.1%}. The model is {better} a random forest: MCC differs "
        f"by {known['value']:+.3f} ({known['low']:+.3f} to {known['high']:+.3f})."
    )
    if "truth" in metrics:
        truth = metrics["truth"]["model"]
        scores = f"accuracy {truth['accuracy']:.3f}, MCC {truth['mcc']:.3f}"
        yield f"Against the synthetic truth of the same samples: {scores}."


def caveats(kind: str, label_year: int, table: pd.DataFrame, metrics: Mapping[str, Any]) -> Iterator[str]:
    """What must be kept in mind, in plain words."""
    yield (
        "Agreement with the labels is not accuracy on the ground: the labels are themselves made from satellite "
        "imagery, and the model can only be as right as they are."
    )
    yield (
        f"The model learnt from {label_year} and is applied to other years. Weather, sensors and seasons differ "
        "between years; maps of single years go up and down for reasons that are not construction."
    )
    if kind == trend.ADJUSTED:
        yield "Areas are adjusted by a sample that people interpreted; they are as good as those interpretations."
    else:
        yield "There is no reference sample: areas are relative to the labels, and a trend read off them is a guess."
    if table["share"].iloc[0] < 0.9:
        yield f"Only {table['share'].iloc[0]:.0%} of the region is valid in every year; nothing is said about the rest."
    if not metrics.get("nested", True):
        yield "There were too few spatial blocks to choose settings without the blocks that judge them."
    yield "White is no data: outside the region, or no clear observation. It is never counted as not built-up."
