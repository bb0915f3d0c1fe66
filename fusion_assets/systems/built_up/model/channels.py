"""Samples as tables of channels, one a context level, and networks fitted on them.

Context and leakage: a window around a training pixel may overlap pixels of a test block. Only their *features* are
seen there, and features are known wherever a map is made; labels come from training samples alone, which lie at
least one label cell beyond the test block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.evaluation.blocks import training_mask
from fusion_assets.systems.built_up.model.ensemble import Setting, fit_members, member_probabilities
from fusion_assets.systems.built_up.model.neighbourhood import Level, pixel_channels, sample_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import pandas as pd
    import xarray as xr


class Channels:
    """Samples of one region or several as tables of channels, one per context level, and fits on them.

    Attributes:
        samples: label, fold, block, cell_row, cell_col and features; blocks and cells of regions are kept apart.
        label: (n,) int8.
        fold: (n,) fold numbers from 0.
        block: (n,) block numbers.
        values: (n, feature) float32.
        batched: (n,) bool, samples that mini-batches are made of; others are only ever predicted.
        scaling: (centre, scale) of the pixel channels over `batched`. Features only: labels have no part in it.
    """

    def __init__(
        self,
        samples: pd.DataFrame,
        parts: Sequence[tuple[xr.Dataset, gpd.GeoDataFrame]],
        features: Sequence[str],
        batched: np.ndarray,
    ) -> None:
        """Samples of all regions together, and each region's stack with its own, in the same order."""
        self.samples, self.parts, self.features, self.batched = samples, parts, list(features), batched
        self.label, self.fold, self.block = (samples[c].to_numpy() for c in ("label", "fold", "block"))
        self.values = np.stack([samples[name].to_numpy(dtype="float32") for name in features], axis=1)
        pixel = pixel_channels(self.values[batched], self.features)
        self.scaling = (pixel.mean(axis=0).astype("float32"), pixel.std(axis=0).astype("float32") + 1e-6)
        self._tables: dict[Level, np.ndarray] = {}

    @classmethod
    def of_region(cls, samples: gpd.GeoDataFrame, stack: xr.Dataset, features: Sequence[str]) -> Channels:
        """Samples of one region, drawn from its stack."""
        return cls(samples, [(stack, samples)], features, np.ones(len(samples), bool))

    def of(self, level: Level) -> np.ndarray:
        """Channels of a level, (n, channel) float32, computed once."""
        if level not in self._tables:
            parts = [sample_context(stack, table, self.features, level, self.scaling) for stack, table in self.parts]
            self._tables[level] = np.concatenate(parts)
        return self._tables[level]

    def trains(self, test: np.ndarray) -> np.ndarray:
        """Samples that may train for these test samples, the buffer left out."""
        rows, cols = self.samples["cell_row"].to_numpy(), self.samples["cell_col"].to_numpy()
        return training_mask(test, rows, cols) & self.batched

    def fit(
        self, level: Level, masks: Sequence[np.ndarray], seeds: Sequence[int], keep: Sequence[int]
    ) -> dict[int, np.ndarray]:
        """Mean probability over the seeds, (mask, n), after each epoch of `keep`."""
        channels, stacked = self.of(level), np.repeat(np.stack(masks)[:, self.batched], len(seeds), axis=0)
        label = self.label[self.batched]
        fitted = fit_members(channels[self.batched], label, stacked, list(seeds) * len(masks), keep)
        return {
            epochs: member_probabilities(members, channels).reshape(len(masks), len(seeds), -1).mean(axis=1)
            for epochs, members in fitted.items()
        }

    def candidates(
        self, levels: Sequence[Level], tests: Sequence[np.ndarray], seeds: Sequence[int], keep: Sequence[int]
    ) -> dict[Setting, list[np.ndarray]]:
        """By setting, for each test: the probability (n,) by networks that may train for it."""
        masks = [self.trains(test) for test in tests]
        return {
            Setting(level, epochs): list(answers)
            for level in levels
            for epochs, answers in self.fit(level, masks, seeds, keep).items()
        }
