"""How good the classifier is where it was not trained, beside two forests and the majority answer.

One forest is the tutorial's, which sees the pixel alone. The other sees the neighbourhood as the model does, at the
level that inner folds choose for it: what the model gains over it is its own, and not that of what it sees.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation import agreement
from fusion_assets.evaluation.drift import feature_reference
from fusion_assets.evaluation.scores import choose_threshold
from fusion_assets.learning.blockwise import require_features
from fusion_assets.systems.built_up.accuracy.nested import NESTED, nested_forest
from fusion_assets.systems.built_up.model.channels import Channels
from fusion_assets.systems.built_up.model.classifier import NETWORK, SAME_STUDY
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS, Level

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    import xarray as xr


REST = "not_built_up"
"""What the other class is called in keys of stored documents."""
scored = partial(agreement.scored, rest=REST)
measured = partial(agreement.measured, rest=REST)
against_truth = partial(agreement.against_truth, rest=REST)
class_rows = partial(agreement.class_rows, names=("built-up", "not built-up"), rest=REST)
summary = agreement.summary


def evaluate(
    samples: gpd.GeoDataFrame,
    stack: xr.Dataset,
    features: Sequence[str],
    *,
    model: str = NETWORK,
    levels: Sequence[Level] = LEVELS,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Out-of-fold predictions of the model and of the forests for every sample, and their figures.

    Args:
        samples: what `draw_samples` returned.
        stack: the stack they were drawn from.
        features: band names, in order.
        model: what learns, `network` or `trees`.
        levels: context levels to choose among.

    Returns:
        Table with one row per sample (x, y, label, block, fold, probability, predicted, and the same two of the
        forests, as baseline_ and neighbourhood_), and JSON-able metrics: all of `measured`, and `threshold` for maps
        (chosen on all out-of-fold probabilities), `nested`, `folds` (threshold and setting of each), `features` (how
        their values were spread, for later years to be compared with).

    Raises:
        FusionError: the stack lacks a feature.
    """
    import pandas as pd

    require_features(stack, features, SAME_STUDY, exact=False)
    channels = Channels.of_region(samples, stack, features)
    answer, forest = NESTED[model](channels, levels), nested_forest(channels)
    around = nested_forest(channels, levels)
    label, fold = channels.label, channels.fold
    table = pd.DataFrame(
        {
            "x": samples["x"].to_numpy(),
            "y": samples["y"].to_numpy(),
            "label": label,
            "block": channels.block,
            "fold": fold,
            "probability": answer.probability,
            "predicted": answer.predicted(fold),
            "baseline_probability": forest.probability,
            "baseline_predicted": forest.predicted(fold),
            "neighbourhood_probability": around.probability,
            "neighbourhood_predicted": around.predicted(fold),
        }
    )
    metrics = measured(table) | {
        "threshold": choose_threshold(label, answer.probability, channels.block),
        "threshold_from": "out-of-fold probabilities of all folds",
        "nested": len(np.unique(fold)) > 2,
        "folds": [
            {
                "fold": k,
                "samples": int((fold == k).sum()),
                "positive": int(label[fold == k].sum()),
                "threshold": float(answer.thresholds[k]),
                "baseline_threshold": float(forest.thresholds[k]),
                "neighbourhood_threshold": float(around.thresholds[k]),
                "neighbourhood_level": around.settings[k].name,
                "level": setting.level.name,
                **setting.length,
            }
            for k, setting in enumerate(answer.settings)
        ],
        "features": feature_reference(channels.values, features),
    }
    return table, metrics
