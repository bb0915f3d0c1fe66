"""How good the classifier is where it was not trained, beside the tutorial's forest and the majority answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.bootstrap import (
    Resamples,
    bin_intervals,
    differences,
    interval,
    intervals,
    resampled_figures,
)
from fusion_assets.evaluation.drift import feature_reference
from fusion_assets.evaluation.scores import calibration, choose_threshold, scores
from fusion_assets.systems.built_up.accuracy.nested import nested_forest, nested_model
from fusion_assets.systems.built_up.model.classifier import Channels, require_features
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS, Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    import xarray as xr


def evaluate(
    samples: gpd.GeoDataFrame, stack: xr.Dataset, features: Sequence[str], *, levels: Sequence[Level] = LEVELS
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Out-of-fold predictions of the model and of the forest for every sample, and their figures.

    Args:
        samples: what `draw_samples` returned.
        stack: the stack they were drawn from.
        features: band names, in order.
        levels: context levels to choose among.

    Returns:
        Table with one row per sample (x, y, label, block, fold, probability, predicted, baseline_probability,
        baseline_predicted), and JSON-able metrics: all of `measured`, and `threshold` for maps (chosen on all
        out-of-fold probabilities), `nested`, `folds` (threshold and setting of each), `features` (how their values
        were spread, for later years to be compared with).

    Raises:
        FusionError: the stack lacks a feature.
    """
    import pandas as pd

    require_features(stack, features, exact=False)
    channels = Channels(samples, stack, features)
    model, forest = nested_model(channels, levels), nested_forest(channels)
    label, fold = channels.label, channels.fold
    table = pd.DataFrame(
        {
            "x": samples["x"].to_numpy(),
            "y": samples["y"].to_numpy(),
            "label": label,
            "block": channels.block,
            "fold": fold,
            "probability": model.probability,
            "predicted": model.predicted(fold),
            "baseline_probability": forest.probability,
            "baseline_predicted": forest.predicted(fold),
        }
    )
    metrics = measured(table) | {
        "threshold": choose_threshold(label, model.probability, channels.block),
        "threshold_from": "out-of-fold probabilities of all folds",
        "nested": len(np.unique(fold)) > 2,
        "folds": [
            {
                "fold": k,
                "samples": int((fold == k).sum()),
                "positive": int(label[fold == k].sum()),
                "threshold": float(model.thresholds[k]),
                "baseline_threshold": float(forest.thresholds[k]),
                "level": setting.level.name,
                "epochs": setting.epochs,
            }
            for k, setting in enumerate(model.settings)
        ],
        "features": feature_reference(channels.values, features),
    }
    return table, metrics


def measured(table: pd.DataFrame) -> dict[str, Any]:
    """Every figure that follows from a table of predictions alone.

    Args:
        table: label, block, probability, predicted, baseline_probability, baseline_predicted; all predictions by
            models that did not see the sample.

    Returns:
        `n`, `blocks`, `prevalence`; the scores of `model`, `baseline` (forest at its own threshold),
        `baseline_at_half` and `majority`; `intervals`: 95 % block-bootstrap intervals of every figure of each, and
        paired `model_minus_baseline`, `model_minus_baseline_at_half`, `model_minus_majority`; `mcc_difference`;
        `calibration` and `baseline_calibration` with an interval for every bin.
    """
    label = table["label"].to_numpy()
    model, forest = (table[name].to_numpy() for name in ("probability", "baseline_probability"))
    answers: dict[str, tuple[np.ndarray, np.ndarray | None]] = {
        "model": (table["predicted"].to_numpy(bool), model),
        "baseline": (table["baseline_predicted"].to_numpy(bool), forest),
        "baseline_at_half": (forest >= 0.5, forest),
        "majority": (np.full(len(label), label.mean() > 0.5), None),
    }
    resamples = Resamples.of(table["block"].to_numpy())
    blocks = resamples.weights.shape[1]
    figures = {name: resampled_figures(label, *answer, resamples) for name, answer in answers.items()}
    known = {name: intervals(found, blocks) for name, found in figures.items()}
    for other in ("baseline", "baseline_at_half", "majority"):
        known[f"model_minus_{other}"] = intervals(differences(figures["model"], figures[other]), blocks)
    gain = known["model_minus_baseline"]["mcc"]
    share = resamples.sums(label.astype(float))[:, 0] / resamples.sums(np.ones(len(label)))[:, 0]
    return {
        "n": len(label),
        "blocks": blocks,
        "prevalence": float(label.mean()),
        **{name: scores(label, *answer) for name, answer in answers.items()},
        "intervals": {"prevalence": interval(share, blocks), **known},
        "mcc_difference": {"difference": gain["value"], "low": gain["low"], "high": gain["high"]},
        "calibration": _reliability(label, model, resamples),
        "baseline_calibration": _reliability(label, forest, resamples),
    }


def against_truth(table: pd.DataFrame, truth: np.ndarray) -> dict[str, Any]:
    """The same figures with a known truth in place of the labels; only synthetic places have one.

    Args:
        table: what `evaluate` returned.
        truth: 1 built-up, 0 not, 255 unknown, one per row.

    Returns:
        As `measured`, with `labels` beside: how well the labels themselves know the truth.
    """
    known = truth != 255
    found = measured(table[known].assign(label=truth[known].astype("int8")))
    return found | {"labels": scores(truth[known], table["label"].to_numpy()[known])}


def summary(metrics: dict[str, Any]) -> dict[str, float | int]:
    """The figures worth showing first, flat, so that they can be plotted over runs."""
    known = metrics["intervals"]
    gain = metrics["mcc_difference"]
    out = {
        "mcc": metrics["model"]["mcc"],
        "mcc_low": known["model"]["mcc"]["low"],
        "mcc_high": known["model"]["mcc"]["high"],
        "mcc_forest": metrics["baseline"]["mcc"],
        "mcc_forest_at_half": metrics["baseline_at_half"]["mcc"],
        "mcc_above_forest": gain["difference"],
        "mcc_above_forest_low": gain["low"],
        "mcc_above_forest_high": gain["high"],
        "accuracy": metrics["model"]["accuracy"],
        "accuracy_majority": metrics["majority"]["accuracy"],
        "prevalence": metrics["prevalence"],
        "precision": metrics["model"]["precision"],
        "recall": metrics["model"]["recall"],
        "f1": metrics["model"]["f1"],
        "average_precision": metrics["model"]["average_precision"],
        "average_precision_forest": metrics["baseline"]["average_precision"],
        "brier": metrics["model"]["brier"],
        "calibration_error": metrics["calibration"]["ece"],
        "calibration_error_high": known["model"]["ece"]["high"],
        "samples": metrics["n"],
        "blocks": metrics["blocks"],
    }
    if "threshold" in metrics:
        out["threshold"] = metrics["threshold"]
    if "truth" in metrics:
        truth = metrics["truth"]
        out |= {"truth_mcc": truth["model"]["mcc"], "truth_accuracy": truth["model"]["accuracy"]}
        out |= {"truth_mcc_labels": truth["labels"]["mcc"], "truth_prevalence": truth["prevalence"]}
    return out


def class_rows(metrics: dict[str, Any]) -> list[dict[str, str | int | float]]:
    """Confusion by class and predictor: counts, shares of the class, omission and commission error."""
    rows: list[dict[str, str | int | float]] = []
    for name, title in (("model", "model"), ("baseline", "random forest"), ("majority", "majority answer")):
        found = metrics[name]
        counts, share = found["confusion"], found["confusion_share"]
        for kind, right, wrong, figures in (
            ("built-up", "tp", "fn", found),
            ("not built-up", "tn", "fp", found["not_built_up"]),
        ):
            rows.append(
                {
                    "by": title,
                    "labelled": kind,
                    "rightly": counts[right],
                    "wrongly": counts[wrong],
                    "omission_error": round(share[wrong], 4),
                    "commission_error": round(1 - figures["precision"], 4),
                    "f1": round(figures["f1"], 4),
                }
            )
    return rows


def _reliability(label: np.ndarray, probability: np.ndarray, resamples: Resamples) -> dict[str, Any]:
    """`calibration` with the interval of the observed share in each bin."""
    found: dict[str, Any] = calibration(label, probability)
    for row, known in zip(found["bins"], bin_intervals(label, probability, resamples), strict=True):
        row |= {"low": known["low"], "high": known["high"]}
    return found
