"""Training of the built-up classifier: context and length are chosen, then all samples are learnt from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.cross_validation import held_out
from fusion_assets.grids.grid import Grid
from fusion_assets.learning import backend
from fusion_assets.learning.blockwise import require_features
from fusion_assets.learning.saved_model import TrainedModel
from fusion_assets.systems.built_up.features.samples import samples_digest
from fusion_assets.systems.built_up.model import boosted
from fusion_assets.systems.built_up.model.channels import Channels
from fusion_assets.systems.built_up.model.ensemble import (
    choose_setting,
    epoch_candidates,
    fit_members,
)
from fusion_assets.systems.built_up.model.keras_graph import assemble
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS, Level
from fusion_assets.systems.built_up.versions import CLASSIFIER as VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    import xarray as xr

NETWORK, TREES = "network", "trees"
SEEDS = (0, 1, 2, 3, 4)
INNER_SEEDS = (0, 1)
SAME_STUDY = "materialize fused_stack and built_up_model with the same study"


def train(
    samples: gpd.GeoDataFrame,
    stack: xr.Dataset,
    features: Sequence[str],
    *,
    model: str = NETWORK,
    levels: Sequence[Level] = LEVELS,
    seeds: Sequence[int] = SEEDS,
) -> TrainedModel:
    """Choose context and length of the fit by block folds, then fit five networks, or trees, on all samples.

    Args:
        samples: what `draw_samples` returned.
        stack: the stack the samples were drawn from (the neighbourhood of each sample is read from it).
        features: band names, in order.
        model: what learns, `network` or `trees`.
        levels: context levels to choose among.
        seeds: of the networks.

    Returns:
        Model and card. The same samples and stack give the same model bit for bit on one machine.

    Raises:
        FusionError: the stack lacks a feature.
    """
    require_features(stack, features, SAME_STUDY, exact=False)
    table = Channels.of_region(samples, stack, features)
    label, fold, block = table.label, table.fold, table.block
    tests = [fold == k for k in np.unique(fold)]
    answers: Mapping[Any, list[np.ndarray]]
    if model == TREES:
        answers = boosted.candidates(table, levels, tests)
    else:
        answers = table.candidates(levels, tests, INNER_SEEDS, epoch_candidates(len(label)))
    setting = choose_setting(label, {s: held_out(tests, each) for s, each in answers.items()}, block)
    level, everything = setting.level, np.ones((len(seeds), len(label)), bool)
    if model == TREES:
        grown = boosted.fitted(table, level, everything[0], setting.rounds)
        graph = boosted.assemble(list(features), level, table.scaling, grown)
    else:
        members = fit_members(table.of(level), label, everything, seeds, [setting.epochs])[setting.epochs]
        graph = assemble(list(features), level, table.scaling, members)
    card = {
        "features": list(features),
        "context": setting.level.halo,
        "level": setting.level.name,
        **setting.length,
        **({} if model == TREES else {"seeds": list(map(int, seeds))}),
        "samples": len(label),
        "positive_share": float(label.mean()),
        "samples_digest": samples_digest(samples),
        "grid_digest": Grid.of(stack).digest,
        "version": VERSION,
        "tensorflow": backend.tensorflow().__version__,
        "keras": backend.keras().__version__,
    }
    return TrainedModel(graph, card)
