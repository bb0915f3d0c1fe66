"""What each sensor contributes: the same protocol on optics alone, lights alone, and both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.bootstrap import Resamples, differences, intervals
from fusion_assets.systems.built_up.accuracy.evaluation import scored
from fusion_assets.systems.built_up.accuracy.nested import NESTED
from fusion_assets.systems.built_up.model.channels import Channels
from fusion_assets.systems.built_up.model.classifier import INNER_SEEDS, NETWORK
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS, Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    import xarray as xr

BOTH = "both"


def ablate_features(
    samples: gpd.GeoDataFrame,
    stack: xr.Dataset,
    sets: Mapping[str, Sequence[str]],
    evaluated: pd.DataFrame,
    *,
    model: str = NETWORK,
    levels: Sequence[Level] = LEVELS,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Out-of-fold predictions and figures of each feature set on the folds of the evaluation.

    Context, length of the fit and threshold are chosen anew for each set in inner folds. One network a fold pair
    chooses (two in the evaluation), five are averaged (as there); all features together are taken from the evaluation
    as they are.

    Args:
        samples: what `draw_samples` returned.
        stack: the stack they were drawn from.
        sets: band names by the name of the set, without `both`.
        evaluated: table of `evaluate` on the same samples.
        model: what learns, `network` or `trees`.
        levels: context levels to choose among.

    Returns:
        Table with one row a sample: `x`, `y`, `label`, `block`, `fold`, and for each set and for `both`
        `probability_<set>` and `predicted_<set>` (0 or 1), from which all figures can be recomputed. And a document:
        `n`, `prevalence`, `blocks`, and `sets`: for each, and for `both`, `features`, the scores, `intervals` of every
        figure, `minus_both` (paired intervals of the difference to both) and the context `levels` of the folds.
    """
    label, block = evaluated["label"].to_numpy(), evaluated["block"].to_numpy()
    fold = evaluated["fold"].to_numpy()
    table = evaluated[["x", "y", "label", "block", "fold"]].copy()
    resamples = Resamples.of(block)
    blocks = resamples.groups
    both = evaluated["predicted"].to_numpy(bool), evaluated["probability"].to_numpy()
    document, figures_of_both = scored(label, *both, resamples)
    every = [name for names in sets.values() for name in names]
    entries: dict[str, Any] = {BOTH: {"features": every, **document, "intervals": intervals(figures_of_both, blocks)}}
    _add(table, BOTH, *both)
    for name, features in sets.items():
        fewer = {"inner_seeds": INNER_SEEDS[:1]} if model == NETWORK else {}
        out = NESTED[model](Channels.of_region(samples, stack, features), levels, **fewer)
        answer = out.predicted(fold).astype(bool), out.probability
        _add(table, name, *answer)
        document, figures = scored(label, *answer, resamples)
        entries[name] = {
            "features": list(features),
            **document,
            "levels": [setting.level.name for setting in out.settings],
            "minus_both": intervals(differences(figures, figures_of_both), blocks),
            "intervals": intervals(figures, blocks),
        }
    return table, {"n": len(label), "prevalence": float(label.mean()), "blocks": blocks, "sets": entries}


def _add(table: pd.DataFrame, name: str, predicted: np.ndarray, probability: np.ndarray) -> None:
    table[f"probability_{name}"] = probability
    table[f"predicted_{name}"] = predicted.astype(np.uint8)


def ablation_rows(ablation: Mapping[str, Any]) -> list[dict[str, str | float]]:
    """A row for each set: MCC and average precision with intervals, and the difference to both."""
    rows = []
    for name, entry in ablation["sets"].items():
        row: dict[str, str | float] = {"features": name}
        for figure in ("mcc", "average_precision"):
            value, low, high = entry["intervals"][figure].values()
            row |= {figure: round(value, 4), f"{figure}_95": f"{low:.3f} to {high:.3f}"}
        less = entry.get("minus_both", {}).get("mcc")
        row["mcc_minus_both"] = (
            f"{less['value']:+.3f} ({less['low']:+.3f} to {less['high']:+.3f})" if less else "reference"
        )
        rows.append(row)
    return rows
