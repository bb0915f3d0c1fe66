"""How well a region is mapped by a model that has never seen it: leave one region out.

Choices (context, epochs, thresholds) are made among the other regions: each held out in turn where there are two or
more, by their spatial folds where there is one. Nothing of the region left out is used, not even to standardise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.bootstrap import Resamples, differences, intervals
from fusion_assets.evaluation.cross_validation import held_out
from fusion_assets.evaluation.scores import choose_threshold
from fusion_assets.learning.blockwise import require_features
from fusion_assets.systems.built_up.accuracy.evaluation import measured, scored
from fusion_assets.systems.built_up.accuracy.nested import choose_level, forest_answers, trees_of
from fusion_assets.systems.built_up.model import boosted
from fusion_assets.systems.built_up.model.channels import Channels
from fusion_assets.systems.built_up.model.classifier import INNER_SEEDS, NETWORK, SAME_STUDY, SEEDS
from fusion_assets.systems.built_up.model.classifier import TREES as BOOSTED
from fusion_assets.systems.built_up.model.ensemble import choose_setting, epoch_candidates
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS, Level

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    import xarray as xr

LIMIT = 100_000


def region_channels(
    tables: Sequence[gpd.GeoDataFrame], stacks: Sequence[xr.Dataset], features: Sequence[str]
) -> Channels:
    """Samples of several regions as one table of channels; its `samples` have the number of their `region` beside.

    Mini-batches are made of all regions but the first, which is left out: one that is larger than the others would else
    leave next to nothing in a mini-batch. Folds are those of the only other region, or the other regions.
    """
    import pandas as pd

    joined, rows, blocks = [], 0, 0
    for number, table in enumerate(tables):
        cells = {name: table[name] - table[name].min() for name in ("cell_row", "cell_col")}
        part = pd.DataFrame(table.drop(columns="geometry")).assign(region=number, **cells)
        part["cell_row"] += rows
        part["block"] += blocks - part["block"].min()
        part["fold"] = -1 if number == 0 else part["fold"] if len(tables) == 2 else number - 1
        rows, blocks = int(part["cell_row"].max()) + 100, int(part["block"].max()) + 1
        joined.append(part)
    samples = pd.concat(joined, ignore_index=True)
    return Channels(samples, list(zip(stacks, tables, strict=True)), features, samples["region"].to_numpy() > 0)


def transfer(
    region: str,
    samples: Mapping[str, gpd.GeoDataFrame],
    stacks: Mapping[str, xr.Dataset],
    features: Sequence[str],
    *,
    local: pd.DataFrame | None = None,
    model: str = NETWORK,
    levels: Sequence[Level] = LEVELS,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predict every sample of one region with a model and the two forests that learnt from all other regions.

    Args:
        region: the one left out.
        samples: what `draw_samples` returned, by region. Of the others, at most 100,000 are used, drawn at random.
        stacks: the stacks they were drawn from, by region.
        features: band names, in order.
        local: table of `evaluate` for this region, to say what being a stranger costs.
        model: what learns, `network` or `trees`.
        levels: context levels to choose among.

    Returns:
        Table (x, y, label, block, probability, predicted, and the same two of the forests, as
        baseline_ and neighbourhood_), and JSON-able
        metrics: all of `evaluation.measured`, the `threshold` of each, `level`, `epochs` or `trees`, `trained_on`,
        `trained_samples`, and `minus_local`: paired intervals of the model's figures less those of the model that
        learnt from other blocks of the region itself.

    Raises:
        FusionError: a stack lacks a feature.
    """
    import pandas as pd

    others = [name for name in samples if name != region]
    for name in (region, *others):
        require_features(stacks[name], features, SAME_STUDY, exact=False)
    most = LIMIT // len(others)
    drawn = [t if len(t) <= most else t.sample(most, random_state=0) for t in (samples[name] for name in others)]
    table = region_channels([samples[region], *drawn], [stacks[name] for name in (region, *others)], features)
    here, train = ~table.batched, table.batched
    tests = [table.fold == k for k in np.unique(table.fold[train])]
    label, block = table.label[train], table.block[train]

    answers: Mapping[Any, list[np.ndarray]]
    if model == BOOSTED:
        answers = boosted.candidates(table, levels, tests)
    else:
        answers = table.candidates(levels, tests, INNER_SEEDS, epoch_candidates(int(train.sum())))
    inner = {s: held_out(tests, each)[train] for s, each in answers.items()}
    setting = choose_setting(label, inner, block)
    threshold = choose_threshold(label, inner[setting], block)
    if model == BOOSTED:
        grown = boosted.fitted(table, setting.level, train, setting.rounds)
        probability = boosted.answers(table, setting.level, grown)[here]
    else:
        probability = table.fit(setting.level, [train], SEEDS, [setting.epochs])[setting.epochs][0][here]

    forests: dict[str, np.ndarray] = {}
    thresholds: dict[str, float] = {}
    for name, among in (("baseline", (None,)), ("neighbourhood", tuple(levels))):
        most, few = trees_of(among)
        of_level = {level: held_out(tests, forest_answers(table, tests, few, level))[train] for level in among}
        level = choose_level(label, of_level, block)
        thresholds[name] = choose_threshold(label, of_level[level], block)
        answer = forest_answers(table, [here], most, level)[0][here]
        forests[f"{name}_probability"] = answer.astype("float32")
        forests[f"{name}_predicted"] = (answer >= thresholds[name]).astype("int8")

    result = pd.DataFrame(
        {
            **{name: samples[region][name].to_numpy() for name in ("x", "y", "label", "block")},
            "probability": probability.astype("float32"),
            "predicted": (probability >= threshold).astype("int8"),
            **forests,
        }
    )
    metrics = measured(result) | {
        "threshold": threshold,
        **{f"{name}_threshold": value for name, value in thresholds.items()},
        "level": setting.level.name,
        **setting.length,
        "trained_on": others,
        "trained_samples": int(train.sum()),
        "held_out_by": "region" if len(others) > 1 else "block",
    }
    if local is not None and np.array_equal(local[["x", "y"]], result[["x", "y"]]):
        metrics["minus_local"] = _cost(result, local)
    return result, metrics


def _cost(stranger: pd.DataFrame, local: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Paired intervals of the figures of the one less those of the other."""
    label, resamples = local["label"].to_numpy(), Resamples.of(local["block"].to_numpy())
    first, second = (
        scored(label, t["predicted"].to_numpy(bool), t["probability"].to_numpy(), resamples)[1]
        for t in (stranger, local)
    )
    return intervals(differences(first, second), resamples.groups)
