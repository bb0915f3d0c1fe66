"""What speaks against maps of built-up land, in sentences: for the checks in the UI, and on top of the report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fusion_assets.reports.judgement import Judgement
from fusion_assets.study.features import without_embedding
from fusion_assets.systems.built_up.accuracy.gain import embedding_gain

if TYPE_CHECKING:
    import pandas as pd

RAREST_CLASS = 0.01
"""Share of samples of the rarer class below which figures mean little."""
CALIBRATED = 0.03
"""Expected calibration error out of fold that probabilities may have."""
JUMP = 0.1
"""Share by which the mapped area of one year may differ from the year before: growth is far slower."""
DRIFTED = 0.25
"""Population stability index from which a feature counts as changed, by custom."""
SPARSE = 0.5
"""Share of the region that should be valid in every year."""


def label_balance(table: pd.DataFrame) -> Judgement:
    """Whether both classes are there; `table` are samples, or those of the evaluation, with `label`."""
    share = float(table["label"].mean())
    return Judgement(
        "label_balance",
        RAREST_CLASS <= share <= 1 - RAREST_CLASS,
        f"{share:.1%} of the samples are labelled built-up; below {RAREST_CLASS:.0%} of one class figures mean little.",
        {"built_up_share": share, "samples": len(table)},
    )


def above_majority(table: pd.DataFrame) -> Judgement:
    """Whether the model knows more than the frequencies; `table` is that of the evaluation."""
    accuracy = float((table["predicted"] == table["label"]).mean())
    prevalence = float(table["label"].mean())
    majority = max(prevalence, 1 - prevalence)
    return Judgement(
        "above_majority",
        accuracy > majority,
        f"Out of fold the model is right for {accuracy:.1%} of the samples; always answering the more frequent class "
        f"is right for {majority:.1%}.",
        {"accuracy": accuracy, "majority": majority},
    )


def calibrated(metrics: Mapping[str, Any]) -> Judgement:
    """Whether probabilities are what they say; `metrics` are those of the evaluation."""
    error = float(metrics["calibration"]["ece"])
    return Judgement(
        "calibrated",
        error < CALIBRATED,
        f"Probabilities are off by {error:.3f} on average; {CALIBRATED} is the most that is taken for calibrated.",
        {"calibration_error": error, "limit": CALIBRATED},
    )


def embedding_helps(ablation: Mapping[str, Any]) -> Judgement:
    """Whether an embedding is worth its place among the features; `ablation` is that of a study that has one."""
    sensors, gain = without_embedding(ablation["whole"]), embedding_gain(ablation)
    assert gain is not None, "the study has an embedding among its features"
    helps, harms = gain["low"] > 0, gain["high"] < 0
    found = f"MCC {gain['value']:+.3f} ({gain['low']:+.3f} to {gain['high']:+.3f}, 95 %) against {sensors} alone"
    said = "helps beyond chance here" if helps else "harms here" if harms else "does not help beyond chance here"
    return Judgement(
        "embedding_helps",
        helps,
        f"The embedding {said}: {found}." + ("" if helps else f" `features: {sensors}` does without it."),
        {"mcc": gain["value"], "low": gain["low"], "high": gain["high"]},
    )


def no_area_jumps(table: pd.DataFrame) -> Judgement:
    """Whether the mapped area moves as slowly as building does; `table` is that of the trend."""
    table = table.sort_values("year")
    moved = table["mapped_km2"].pct_change().abs().iloc[1:]
    after = table["year"].iloc[1:][~(moved <= JUMP)]
    largest = float(moved.max()) if len(moved) else 0.0
    years = ", ".join(f"{year - 1} to {year}" for year in after)
    jumps = f"The mapped area moves by up to {largest:.0%} in a year ({years}); more than {JUMP:.0%} is rather weather "
    return Judgement(
        "no_area_jumps",
        bool(after.empty),
        jumps + "or scenes than building: compare years by the adjusted area, not by the maps."
        if len(after)
        else f"The mapped area moves by at most {largest:.0%} in a year.",
        {"largest": largest, "years": ", ".join(map(str, after))},
    )


def valid_in_all_years(table: pd.DataFrame) -> Judgement:
    """Whether figures are about most of the region; `table` is that of the trend."""
    share = float(table["share"].min())
    return Judgement(
        "valid_in_all_years",
        share >= SPARSE,
        f"{share:.0%} of the region's area is valid in every year; the rest is in no figure of the trend.",
        {"share": share},
    )


def feature_drift(moved: Mapping[str, Mapping[str, float]]) -> Judgement:
    """Whether features look as they did when the model learnt; `moved` is what `drift.feature_drift` returned."""
    changed = {name: drift["psi"] for name, drift in moved.items() if not drift["psi"] < DRIFTED}
    names = ", ".join(f"{name} ({psi:.2f})" for name, psi in sorted(changed.items(), key=lambda item: -item[1]))
    said = "No feature has" if not changed else f"{names} have"
    return Judgement(
        "feature_drift",
        bool(moved) and not changed,
        f"{said} moved since the label year (population stability index of {DRIFTED} or more)."
        if moved
        else "Nothing is known of how features have moved since the label year.",
        {"changed": names or "none", "limit": DRIFTED},
    )


def near_labels(differs: Mapping[str, float]) -> Judgement:
    """Whether a map knows more than a blank one; `differs` is what `drift.disagreement` returned."""
    blank = min(differs["labelled"], 1 - differs["labelled"]) if differs else 0.0
    return Judgement(
        "near_labels",
        bool(differs) and differs["disagree"] < blank,
        f"The map differs from the labels at {differs['disagree']:.1%} of the samples; a blank one at {blank:.1%}."
        if differs
        else "The map has no value where there are labels.",
        {**differs, "limit": blank},
    )
