"""What each sensor and an embedding contribute: the same protocol on all features, and on each smaller choice."""

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


def ablate_features(
    samples: gpd.GeoDataFrame,
    stack: xr.Dataset,
    whole: str,
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
        whole: name of all features together.
        sets: band names by the name of the set; `whole` among them.
        evaluated: table of `evaluate` on the same samples.
        model: what learns, `network` or `trees`.
        levels: context levels to choose among.

    Returns:
        Table with one row a sample: `x`, `y`, `label`, `block`, `fold`, and for each set `probability_<set>` and
        `predicted_<set>` (0 or 1), from which all figures can be recomputed. And a document: `n`, `prevalence`,
        `blocks`, `whole`, and `sets`: for each, the whole first, `features`, the scores, `intervals` of every figure,
        and for all but the whole `minus_whole` (paired intervals of the difference to it) and the context `levels` of
        the folds.
    """
    label, block = evaluated["label"].to_numpy(), evaluated["block"].to_numpy()
    fold = evaluated["fold"].to_numpy()
    table = evaluated[["x", "y", "label", "block", "fold"]].copy()
    resamples = Resamples.of(block)
    blocks = resamples.groups
    together = evaluated["predicted"].to_numpy(bool), evaluated["probability"].to_numpy()
    document, of_whole = scored(label, *together, resamples)
    every = {"features": list(sets[whole]), **document, "intervals": intervals(of_whole, blocks)}
    entries: dict[str, Any] = {whole: every}
    _add(table, whole, *together)
    for name, features in sets.items():
        if name == whole:
            continue
        fewer = {"inner_seeds": INNER_SEEDS[:1]} if model == NETWORK else {}
        out = NESTED[model](Channels.of_region(samples, stack, features), levels, **fewer)
        answer = out.predicted(fold).astype(bool), out.probability
        _add(table, name, *answer)
        document, figures = scored(label, *answer, resamples)
        entries[name] = {
            "features": list(features),
            **document,
            "levels": [setting.level.name for setting in out.settings],
            "minus_whole": intervals(differences(figures, of_whole), blocks),
            "intervals": intervals(figures, blocks),
        }
    about = {"n": len(label), "prevalence": float(label.mean()), "blocks": blocks, "whole": whole}
    return table, about | {"sets": entries}


def _add(table: pd.DataFrame, name: str, predicted: np.ndarray, probability: np.ndarray) -> None:
    table[f"probability_{name}"] = probability
    table[f"predicted_{name}"] = predicted.astype(np.uint8)


def ablation_rows(ablation: Mapping[str, Any]) -> list[dict[str, str | float]]:
    """A row for each set: MCC and average precision with intervals, and the difference to all features."""
    rows = []
    for name, entry in ablation["sets"].items():
        row: dict[str, str | float] = {"features": name}
        for figure in ("mcc", "average_precision"):
            value, low, high = entry["intervals"][figure].values()
            row |= {figure: round(value, 4), f"{figure}_95": f"{low:.3f} to {high:.3f}"}
        less = entry.get("minus_whole", {}).get("mcc")
        row["mcc_minus_whole"] = (
            f"{less['value']:+.3f} ({less['low']:+.3f} to {less['high']:+.3f})" if less else "reference"
        )
        rows.append(row)
    return rows
