"""What is read out in place of a picture: the figures that it shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fusion_assets.reports.numbers import square_kilometres

if TYPE_CHECKING:
    import pandas as pd


def of_map(layer: str, year: int, region: str, table: pd.DataFrame) -> str:
    """One map of one year."""
    text = f"{layer} in {region}, {year}"
    if layer != "Built-up land":
        return text
    (area,) = square_kilometres(table.loc[table["year"] == year, "mapped_km2"].iloc[0])
    return f"{text}: {area} km² mapped as built-up"


def of_trend(table: pd.DataFrame) -> str:
    """Area by year."""
    parts = []
    for row in table.to_dict("records"):
        area, low, high = square_kilometres(row["area_km2"], row["low"], row["high"])
        parts.append(f"{row['year']}: {area} km² ({low} to {high})")
    return "Built-up area by year: " + "; ".join(parts)


def of_reliability(metrics: Mapping[str, Any]) -> str:
    """Share labelled built-up by predicted probability."""
    bins = metrics["calibration"]["bins"]
    pairs = "; ".join(f"{b['probability']:.2f}: {b['observed']:.2f}" for b in bins)
    return f"Predicted probability and share labelled built-up of the model, in bins of equal count: {pairs}"


def of_precision_recall(metrics: Mapping[str, Any]) -> str:
    """Average precision, and where the chosen thresholds lie."""
    parts = "; ".join(
        f"{title}: average precision {scores['average_precision']:.3f}, at its threshold precision "
        f"{scores['precision']:.3f} and recall {scores['recall']:.3f}"
        for title, scores in (("model", metrics["model"]), ("random forest", metrics["baseline"]))
    )
    return f"Precision and recall over all thresholds. {parts}; prevalence {metrics['prevalence']:.3f}"


def of_errors(metrics: Mapping[str, Any]) -> str:
    """How many samples of each kind the error map shows."""
    counts = metrics["model"]["confusion"]
    return (
        f"Map of errors out of fold: {counts['fp']:,} false alarms and {counts['fn']:,} missed among "
        f"{metrics['n']:,} samples"
    )


def of_ablation(ablation: Mapping[str, Any]) -> str:
    """Scores of each set of features."""
    parts = "; ".join(
        f"{name}: MCC {entry['mcc']:.3f}, average precision {entry['average_precision']:.3f}"
        for name, entry in ablation["sets"].items()
    )
    return f"Scores by features. {parts}"
