"""How well a region is mapped by a model that has never seen it: leave one region out.

Choices (context, epochs, thresholds) are made among the other regions: each held out in turn where there are two or
more, by their spatial folds where there is one. Nothing of the region left out is used, not even to standardise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.bootstrap import Resamples, differences, intervals, resampled_figures
from fusion_assets.evaluation.scores import choose_threshold
from fusion_assets.systems.built_up.accuracy.evaluation import measured
from fusion_assets.systems.built_up.accuracy.nested import INNER_TREES, TREES, fit_forest
from fusion_assets.systems.built_up.model.classifier import INNER_SEEDS, SEEDS, Channels, require_features
from fusion_assets.systems.built_up.model.ensemble import (
    Setting,
    choose_setting,
    epoch_candidates,
    fit_members,
    member_probabilities,
)
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS, Level, pixel_channels, sample_context

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import pandas as pd
    import xarray as xr

LIMIT = 100_000


class RegionChannels(Channels):
    """Samples of several regions as one table of channels; blocks and label cells of regions are kept apart.

    Attributes:
        region: (n,) number of each sample's region, the one left out first, as 0.
    """

    def __init__(
        self, tables: Sequence[gpd.GeoDataFrame], stacks: Sequence[xr.Dataset], features: Sequence[str]
    ) -> None:
        import pandas as pd

        # The base class reads one stack; here every region has its own.
        self.parts, self.features = list(zip(stacks, tables, strict=True)), list(features)
        joined, rows, blocks = [], 0, 0
        for number, table in enumerate(tables):
            cells = {name: table[name] - table[name].min() for name in ("cell_row", "cell_col")}
            part = pd.DataFrame(table.drop(columns="geometry")).assign(region=number, **cells)
            part["cell_row"] += rows
            part["block"] += blocks - part["block"].min()
            rows, blocks = int(part["cell_row"].max()) + 100, int(part["block"].max()) + 1
            joined.append(part)
        self.samples = pd.concat(joined, ignore_index=True)
        self.label, self.block, self.region = (self.samples[c].to_numpy() for c in ("label", "block", "region"))
        others = self.region > 0
        fold = self.samples["fold"].to_numpy() if len(tables) == 2 else self.region - 1
        self.fold = np.where(others, fold, -1)
        self.values = self.samples[self.features].to_numpy("float32")
        pixel = pixel_channels(self.values[others], self.features)
        self.scaling = (pixel.mean(axis=0).astype("float32"), pixel.std(axis=0).astype("float32") + 1e-6)
        self._tables: dict[Level, np.ndarray] = {}

    def of(self, level: Level) -> np.ndarray:
        """Channels of a level, (n, channel), computed once."""
        if level not in self._tables:
            read = [sample_context(stack, table, self.features, level, self.scaling) for stack, table in self.parts]
            self._tables[level] = np.concatenate(read)
        return self._tables[level]

    def fit(
        self, level: Level, masks: Sequence[np.ndarray], seeds: Sequence[int], keep: Sequence[int]
    ) -> dict[int, np.ndarray]:
        """As in the base class, with mini-batches of the other regions alone.

        A region left out that is larger than the others would else leave next to nothing in a mini-batch.
        """
        channels, others = self.of(level), self.region > 0
        stacked = np.repeat(np.stack(masks)[:, others], len(seeds), axis=0)
        fitted = fit_members(channels[others], self.label[others], stacked, list(seeds) * len(masks), keep)
        return {
            epochs: member_probabilities(found, channels).reshape(len(masks), len(seeds), -1).mean(axis=1)
            for epochs, found in fitted.items()
        }


def transfer(
    region: str,
    samples: Mapping[str, gpd.GeoDataFrame],
    stacks: Mapping[str, xr.Dataset],
    features: Sequence[str],
    *,
    local: pd.DataFrame | None = None,
    levels: Sequence[Level] = LEVELS,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Predict every sample of one region with a model and a forest that learnt from all other regions.

    Args:
        region: the one left out.
        samples: what `draw_samples` returned, by region. Of the others, at most 100,000 are used, drawn at random.
        stacks: the stacks they were drawn from, by region.
        features: band names, in order.
        local: table of `evaluate` for this region, to say what being a stranger costs.
        levels: context levels to choose among.

    Returns:
        Table (x, y, label, block, probability, predicted, baseline_probability, baseline_predicted), and JSON-able
        metrics: all of `evaluation.measured`, the `threshold` of both, `level`, `epochs`, `trained_on`,
        `trained_samples`, and `minus_local`: paired intervals of the model's figures less those of the model that
        learnt from other blocks of the region itself.

    Raises:
        FusionError: a stack lacks a feature.
    """
    import pandas as pd

    others = [name for name in samples if name != region]
    for name in (region, *others):
        require_features(stacks[name], features, exact=False)
    most = LIMIT // len(others)
    drawn = [t if len(t) <= most else t.sample(most, random_state=0) for t in (samples[name] for name in others)]
    table = RegionChannels([samples[region], *drawn], [stacks[name] for name in (region, *others)], features)
    here, train = table.region == 0, table.region > 0
    label, block = table.label, table.block
    tests = [table.fold == k for k in np.unique(table.fold[train])]
    masks = [table.trains(test) & train for test in tests]

    held_out: dict[Setting, np.ndarray] = {}
    for level in levels:
        for epochs, found in table.fit(level, masks, INNER_SEEDS, epoch_candidates(int(train.sum()))).items():
            held_out[Setting(level, epochs)] = sum(p * test for p, test in zip(found, tests, strict=True))[train]
    setting = choose_setting(label[train], held_out, block[train])
    threshold = choose_threshold(label[train], held_out[setting], block[train])
    probability = table.fit(setting.level, [train], SEEDS, [setting.epochs])[setting.epochs][0][here]

    forest = np.zeros(len(label))
    for mask, test in zip(masks, tests, strict=True):
        forest[test] = fit_forest(table.values, label, mask, test, INNER_TREES)
    forest_threshold = choose_threshold(label[train], forest[train], block[train])
    baseline = fit_forest(table.values, label, train, here, TREES)

    result = pd.DataFrame(
        {
            **{name: samples[region][name].to_numpy() for name in ("x", "y", "label", "block")},
            "probability": probability.astype("float32"),
            "predicted": (probability >= threshold).astype("int8"),
            "baseline_probability": baseline.astype("float32"),
            "baseline_predicted": (baseline >= forest_threshold).astype("int8"),
        }
    )
    metrics = measured(result) | {
        "threshold": threshold,
        "baseline_threshold": forest_threshold,
        "level": setting.level.name,
        "epochs": setting.epochs,
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
        resampled_figures(label, t["predicted"].to_numpy(bool), t["probability"].to_numpy(), resamples)
        for t in (stranger, local)
    )
    return intervals(differences(first, second), resamples.weights.shape[1])
