"""What the report says in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import xarray as xr

from fusion_assets.redaction import public_url
from fusion_assets.reports.numbers import square_kilometres
from fusion_assets.reports.tables import with_interval
from fusion_assets.study import ARCHIVE_SAMPLE
from fusion_assets.study.features import is_embedded
from fusion_assets.systems.built_up.areas import change_map, trend
from fusion_assets.systems.built_up.areas.trend_words import CANNOT_TELL
from fusion_assets.systems.built_up.judgement import embedding_helps

if TYPE_CHECKING:
    import pandas as pd


def trend_caption(kind: str) -> str:
    """What the bars of the trend's picture mean."""
    if kind == trend.ADJUSTED:
        return "Error-adjusted area with 95 % intervals; crosses: area as mapped, whose errors are not adjusted for."
    return "Mapped area; bars show how far it depends on the threshold. They are no confidence intervals."


def trend_notes(table: pd.DataFrame, document: Mapping[str, Any], *, from_truth: bool) -> Iterator[str]:
    """What the areas rest on, and how the maps compare with a reference sample.

    Args:
        table: of the trend.
        document: likewise.
        from_truth: the sample's labels are the truth of a synthetic archive; nobody interpreted them.
    """
    share, pixels = table["share"].iloc[0], int(table["n_valid"].iloc[0])
    if len(table) > 1:
        yield f"All years are compared on the same {pixels:,} pixels ({share:.1%} of the region), those valid in each."
    else:
        yield f"Areas are those of the {pixels:,} valid pixels ({share:.1%} of the region)."
    if document["kind"] != trend.ADJUSTED:
        low, high = document["sensitivity"]["thresholds"]
        yield (
            f"The range covers thresholds from {low:.2f} to {high:.2f}, whose agreement with the labels does not "
            "differ beyond chance. Areas are relative to the labels; only a sample that people interpret could tell "
            "how far from the truth they are."
        )
        return
    yield from _sample_notes(document["reference"], from_truth)


def _sample_notes(design: Mapping[str, Any], from_truth: bool) -> Iterator[str]:
    points = sorted(set(design["points"].values()))
    count = f"{points[0]:,}" if len(points) == 1 else f"{points[0]:,} to {points[-1]:,}"
    source = str(design.get("source", ""))
    where = {"": "", ARCHIVE_SAMPLE: ", the one beside the archive's catalog"}.get(source, f", {public_url(source)}")
    digest = f" (digest {design['digest']})" if design.get("digest") else ""
    by = (
        "Its labels were drawn from the synthetic truth, not interpreted by people"
        if from_truth
        else "People interpreted its points"
    )
    yield (
        f"Areas and intervals rest on a stratified probability sample of {count} points a year{where}{digest}; "
        f"{design['places_in_every_year']:,} places were looked at in every year. {by}."
    )
    text = (
        f"The estimator is a regression (model-assisted) estimator: {design['estimator']} (Särndal, Swensson and "
        "Wretman 1992; Stehman 2009). The map sharpens the estimate as far as it goes along with the sample, and its "
        "errors do not bias it."
    )
    if design.get("direct"):
        text += (
            " The direct stratified estimate (Olofsson et al. 2014), which uses the same sample without the maps, "
            "stands beside it."
        )
    yield text


def change_caption(changed: xr.Dataset, years: Sequence[int], document: Mapping[str, Any]) -> str:
    """Share of pixels in each class of change, and how that goes together with the change of the area."""
    counted = change_map.counts(changed)
    total = max(sum(counted.values()), 1)
    parts = ", ".join(f"{name} {count:,} ({count / total:.1%})" for name, count in counted.items())
    text = (
        f"Pixels from {years[0]} to {years[-1]}, named where the probability is at least {change_map.CONFIDENCE:g}: "
        f"{parts}. Counting pixels is no estimate of change"
    )
    if document["kind"] != trend.ADJUSTED:
        return f"{text}; without a reference sample there is none."
    text += "; the section above has that."
    for change in [change for change in document["changes"] if change["verdict"] != CANNOT_TELL][:1]:
        (area,) = square_kilometres(abs(change["km2"]))
        text += (
            f" That built-up land {change['verdict']} by {area} km² from {change['from']} to {change['to']} while "
            f"{counted['gained']:,} pixels are named gained and {counted['lost']:,} lost is no contradiction: to name "
            "a single pixel takes more certainty than to sum over all of them, as in a sum errors largely cancel and "
            "the sample corrects the rest."
        )
    return text


def features_caption(ablation: Mapping[str, Any]) -> str:
    """What the picture of feature sets shows, and whether an embedding among them is worth it."""
    if not is_embedded(ablation["whole"]):
        return "Optics, lights, and both together."
    return f"Features with an embedding and without. {embedding_helps(ablation).sentence}"


def quality_notes(metrics: Mapping[str, Any], sensors: str) -> Iterator[str]:
    """How to read the figures of the evaluation.

    Args:
        metrics: of `evaluation.evaluate`.
        sensors: the one kind of sensor that the study uses; empty where there are two.
    """
    gain, around = (metrics["intervals"][f"model_minus_{name}"] for name in ("baseline", "neighbourhood"))
    yield (
        f"Every figure comes from places that were not learnt from: the {metrics['n']:,} samples are judged by models "
        f"that saw neither their spatial block nor a buffer around it. Intervals (95 %) "
        f"come from resampling the {metrics['blocks']} blocks."
    )
    share = metrics["intervals"]["prevalence"]
    yield (
        f"{_share(share)} of the samples are labelled built-up, so that always answering the more frequent class is "
        f"right for {_share(metrics['intervals']['majority']['accuracy'])}. The model is {_compared(gain['mcc'])} a "
        f"random forest by MCC, difference {with_interval(gain['mcc'], signed=True)}, and "
        f"{_compared(gain['average_precision'])} it by average precision, difference "
        f"{with_interval(gain['average_precision'], signed=True)}. That forest sees a pixel alone. A forest that is "
        f"also given the neighbourhood, as the model is, is the fairer one: the model is {_compared(around['mcc'])} it "
        f"by MCC, difference {with_interval(around['mcc'], signed=True)}, and "
        f"{_compared(around['average_precision'])} it by average precision, difference "
        f"{with_interval(around['average_precision'], signed=True)}. Both have their threshold chosen as the model's; "
        "the first stands beside at 0.5, too."
    )
    yield (
        "Omission is the share of a class's samples that the map gives to the other class, commission the share of "
        "what is mapped as a class that is labelled as the other."
    )
    if sensors:
        yield f"The study uses one kind of sensor ({sensors}); there is no other to compare it with."


def transfer_notes(metrics: Mapping[str, Any]) -> Iterator[str]:
    """How a region is mapped by what was learnt in the others; that it is not known yet, where `metrics` is empty."""
    if not metrics:
        yield (
            "Not known when this page was made: `region_transfer` was not stored for these samples. Make it, then this "
            "report once more."
        )
        return
    yield (
        f"The same samples, judged by a model and a forest that learnt from {', '.join(metrics['trained_on'])} alone "
        f"({metrics['trained_samples']:,} samples) and saw nothing of this region."
    )
    cost = metrics.get("minus_local", {})
    if cost:
        parts = (("mcc", "MCC"), ("average_precision", "average precision"))
        differences = ", ".join(f"{title} {with_interval(cost[name], signed=True)}" for name, title in parts)
        yield f"Compared with the model that learnt from other blocks of this region: {differences}."


def year_notes() -> str:
    """How to read the tables of drift and cleaning."""
    return (
        "Features and maps of each year at the places of the samples, so that only time differs. A population "
        "stability index under 0.1 is customarily read as stable, over 0.25 as changed: the model is then asked about "
        "something it has not seen."
    )


def caveats(
    kind: str, label_year: int, table: pd.DataFrame, metrics: Mapping[str, Any], *, from_truth: bool
) -> Iterator[str]:
    """What must be kept in mind, in plain words.

    Args:
        kind: of the areas.
        label_year: of the labels.
        table: of the trend.
        metrics: of the evaluation.
        from_truth: as for `trend_notes`.
    """
    yield (
        "Agreement with the labels is not accuracy on the ground: the labels are themselves made from satellite "
        "imagery, and the model can only be as right as they are."
    )
    yield (
        f"The model learnt from {label_year} and is applied to other years. Weather, sensors and seasons differ "
        "between years; maps of single years go up and down for reasons that are not construction."
    )
    if kind != trend.ADJUSTED:
        yield "There is no reference sample: areas are relative to the labels, and a trend read off them is a guess."
    elif from_truth:
        yield (
            "Areas are adjusted by a sample of the synthetic truth, which is never wrong. A sample that people "
            "interpret has errors of its own, and areas are as good as those interpretations."
        )
    else:
        yield "Areas are adjusted by a sample that people interpreted; they are as good as those interpretations."
    if table["share"].iloc[0] < 0.9:
        valid = "valid in every year" if len(table) > 1 else "valid"
        yield f"Only {table['share'].iloc[0]:.0%} of the region is {valid}; nothing is said about the rest."
    if not metrics.get("nested", True):
        yield "There were too few spatial blocks to choose settings without the blocks that judge them."
    yield (
        "White on the maps of built-up land, and lilac in true colour, is no data: outside the region, or no clear "
        "observation. It is never counted as not built-up."
    )


def _compared(difference: Mapping[str, float]) -> str:
    low, high = difference["low"], difference["high"]
    return "better than" if low > 0 else "worse than" if high < 0 else "not told apart from"


def _share(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:.1%} (95 % interval {figure['low']:.1%} to {figure['high']:.1%})"
