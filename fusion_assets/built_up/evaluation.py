"""How good the classifier is where it was not trained, beside the tutorial's forest and the majority answer.

Belongs here: nested block cross-validation and the table and figures it gives. Not here: single scores (`scores.py`),
fitting (`network.py`, `classifier.py`).

Nesting: the samples of fold k are predicted by models that saw neither fold k nor a buffer around it. Context level,
epochs and threshold for fold k come from models that saw neither k nor another fold j, judged on j. Such a pair model
serves both k and j, so five folds need ten inner fits. Inner fits average two seeds (five outside) or 100 trees (500
outside): enough to place a threshold, at a fraction of the time.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.built_up.classifier import INNER_SEEDS, SEEDS, Channels, require_features
from fusion_assets.built_up.context import LEVELS, Level
from fusion_assets.built_up.network import Setting, choose_setting, epoch_candidates
from fusion_assets.built_up.scores import block_bootstrap, calibration, choose_threshold, scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    import xarray as xr

VERSION = "1"
TREES = 500
INNER_TREES = 100
BAG = 0.5


def evaluate(
    samples: gpd.GeoDataFrame, stack: xr.Dataset, features: Sequence[str], *, levels: Sequence[Level] = LEVELS
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Out-of-fold predictions of the model and of the forest for every sample, and their scores.

    Args:
        samples: what `draw_samples` returned.
        stack: the stack they were drawn from.
        features: band names, in order.
        levels: context levels to choose among.

    Returns:
        Table with one row per sample (x, y, label, block, fold, probability, predicted, baseline_probability,
        baseline_predicted), and JSON-able metrics: `model`, `baseline` (forest, nested threshold),
        `baseline_at_half`, `majority`, each with confusion, accuracy, mcc, f1; `n`, `prevalence`, `folds` (threshold
        and setting of each), `threshold` for maps (chosen on all out-of-fold probabilities), `calibration`,
        `mcc_difference` with its paired block-bootstrap interval.

    Raises:
        FusionError: the stack lacks a feature.
    """
    import pandas as pd

    require_features(stack, features, exact=False)
    table = Channels(samples, stack, features)
    model, settings, model_thresholds = _model(table, levels)
    forest, forest_thresholds = _forest(table)
    label, fold = table.label, table.fold
    result = pd.DataFrame(
        {
            "x": samples["x"].to_numpy(),
            "y": samples["y"].to_numpy(),
            "label": label,
            "block": table.block,
            "fold": fold,
            "probability": model,
            "predicted": (model >= model_thresholds[fold]).astype("int8"),
            "baseline_probability": forest,
            "baseline_predicted": (forest >= forest_thresholds[fold]).astype("int8"),
        }
    )
    predicted, baseline = result["predicted"].to_numpy(bool), result["baseline_predicted"].to_numpy(bool)
    majority = np.full(len(label), label.mean() > 0.5)
    metrics = {
        "n": len(label),
        "prevalence": float(label.mean()),
        "blocks": len(np.unique(table.block)),
        "threshold": choose_threshold(label, model, table.block),
        "threshold_from": "out-of-fold probabilities of all folds",
        "nested": len(np.unique(fold)) > 2,
        "model": scores(label, predicted, model),
        "baseline": scores(label, baseline, forest),
        "baseline_at_half": scores(label, forest >= 0.5, forest),
        "majority": scores(label, majority),
        "mcc_difference": block_bootstrap(label, predicted, baseline, table.block),
        "calibration": calibration(label, model),
        "baseline_calibration": calibration(label, forest),
        "folds": [
            {
                "fold": k,
                "samples": int((fold == k).sum()),
                "positive": int(label[fold == k].sum()),
                "threshold": float(model_thresholds[k]),
                "baseline_threshold": float(forest_thresholds[k]),
                "level": settings[k].level.name,
                "epochs": settings[k].epochs,
            }
            for k in range(len(settings))
        ],
    }
    return result, metrics


def summary(metrics: dict[str, Any]) -> dict[str, Any]:
    """The figures worth showing first, flat."""
    return {
        "mcc": metrics["model"]["mcc"],
        "mcc_forest": metrics["baseline"]["mcc"],
        "accuracy": metrics["model"]["accuracy"],
        "accuracy_majority": metrics["majority"]["accuracy"],
        "prevalence": metrics["prevalence"],
        "average_precision": metrics["model"]["average_precision"],
        "calibration_error": metrics["calibration"]["ece"],
        "threshold": metrics["threshold"],
        "samples": metrics["n"],
    }


def inner_parts(fold: np.ndarray, outer: int) -> list[tuple[tuple[int, int], np.ndarray]]:
    """For an outer fold: each pair (fold left out, outer), ordered, with the samples it is judged on."""
    others = [int(j) for j in np.unique(fold) if j != outer]
    return [((min(outer, j), max(outer, j)), fold == j) for j in others]


def _model(table: Channels, levels: Sequence[Level]) -> tuple[np.ndarray, list[Setting], np.ndarray]:
    label, fold, candidates = table.label, table.fold, epoch_candidates(len(table.label))
    count = int(fold.max()) + 1
    pairs = list(combinations(range(count), 2)) if count > 2 else []
    thresholds = np.full(count, 0.5)
    settings = [Setting(levels[0], candidates[-2])] * count  # two folds leave nothing to choose with
    if pairs:
        masks = [table.trains((fold == a) | (fold == b)) for a, b in pairs]
        inner = {
            Setting(level, epochs): dict(zip(pairs, probability, strict=True))
            for level in levels
            for epochs, probability in table.fit(level, masks, INNER_SEEDS, candidates).items()
        }
        for k in range(count):
            rest = fold != k
            joined = {s: _joined(found, fold, k)[rest] for s, found in inner.items()}
            settings[k] = choose_setting(label[rest], joined, table.block[rest])
            thresholds[k] = choose_threshold(label[rest], joined[settings[k]], table.block[rest])
    probability = np.full(len(label), np.nan, "float32")
    for level in {s.level for s in settings}:
        folds = [k for k in range(count) if settings[k].level == level]
        epochs = sorted({settings[k].epochs for k in folds})
        found = table.fit(level, [table.trains(fold == k) for k in folds], SEEDS, epochs)
        for i, k in enumerate(folds):
            probability[fold == k] = found[settings[k].epochs][i][fold == k]
    return probability, settings, thresholds


def _forest(table: Channels) -> tuple[np.ndarray, np.ndarray]:
    """The tutorial's forest on the features of the pixel alone, out of fold, and its nested thresholds."""
    label, fold = table.label, table.fold
    count = int(fold.max()) + 1
    probability, thresholds = np.full(len(label), np.nan, "float32"), np.full(count, 0.5)
    for k in range(count):
        test = fold == k
        probability[test] = _forest_fit(table, test, TREES)[test]
    if count > 2:
        pairs = combinations(range(count), 2)
        inner = {(a, b): _forest_fit(table, (fold == a) | (fold == b), INNER_TREES) for a, b in pairs}
        for k in range(count):
            rest = fold != k
            thresholds[k] = choose_threshold(label[rest], _joined(inner, fold, k)[rest], table.block[rest])
    return probability, thresholds


def _forest_fit(table: Channels, test: np.ndarray, trees: int) -> np.ndarray:
    from sklearn.ensemble import RandomForestClassifier

    out = np.full(len(test), np.nan, "float32")
    train = table.trains(test)
    forest = RandomForestClassifier(trees, max_samples=BAG, random_state=0, n_jobs=-1)
    forest.fit(table.values[train], table.label[train])
    share = forest.predict_proba(table.values[test])
    out[test] = share[:, list(forest.classes_).index(1)] if 1 in forest.classes_ else 0.0
    return out


def _joined(found: dict[tuple[int, int], np.ndarray], fold: np.ndarray, outer: int) -> np.ndarray:
    """Probabilities of pair models outside `outer`, each fold from the pair that left it out; NaN within `outer`."""
    out = np.full(len(fold), np.nan, "float32")
    for pair, inside in inner_parts(fold, outer):
        out[inside] = found[pair][inside]
    return out
