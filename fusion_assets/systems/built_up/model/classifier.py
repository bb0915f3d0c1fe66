"""The built-up classifier: training on samples in their stack, the model with its card, prediction of rasters.

Context and leakage: a window around a training pixel may overlap pixels of a test block. Only their *features* are
seen there, and features are known wherever a map is made; labels come from training samples alone, which lie at
least one label cell beyond the test block.
"""

from __future__ import annotations

import hashlib
import json
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.blocks import training_mask
from fusion_assets.grids.grid import Grid
from fusion_assets.learning import backend
from fusion_assets.systems.built_up.features.samples import samples_digest
from fusion_assets.systems.built_up.model.ensemble import (
    Setting,
    choose_setting,
    epoch_candidates,
    fit_members,
    member_probabilities,
)
from fusion_assets.systems.built_up.model.keras_graph import assemble, side_by_side
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS, Level, pixel_channels, sample_context
from fusion_assets.systems.built_up.versions import CLASSIFIER as VERSION

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import xarray as xr

SEEDS = (0, 1, 2, 3, 4)
INNER_SEEDS = (0, 1)
BLOCK = 512
# Pixels along the edge of the smallest raster worth compiling for.
COMPILED_FROM = 256
_STARTING = threading.Lock()


@dataclass
class TrainedModel:
    """A Keras model (batch, y, x, feature) -> (batch, y, x) probability, and the card that says what it is.

    Attributes:
        keras_model: five networks and all normalisation in one graph; NaN in any feature gives NaN.
        card: features in order, context (halo in pixels), level, epochs, seeds, digests of samples and grid, versions.
    """

    keras_model: Any
    card: dict[str, Any]
    _calls: dict[bool, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def digest(self) -> str:
        """Twelve hex digits over the card and every weight."""
        found = hashlib.sha256(json.dumps(self.card, sort_keys=True, default=str).encode())
        for weight in self.keras_model.get_weights():
            found.update(np.ascontiguousarray(weight).tobytes())
        return found.hexdigest()[:12]

    def probabilities(self, values: np.ndarray) -> np.ndarray:
        """Probability (y, x) of a block of features.

        Args:
            values: (y + 2 halo, x + 2 halo, feature) float32, the block and the pixels around it that the card's
                `context` asks for; NaN where there is no data, and beyond the raster.
        """
        height, width = values.shape[:2]
        halo = int(self.card["context"])
        edge = BLOCK + 2 * halo
        # Compiling takes about a second per shape: blocks are filled up to one shape, small rasters run uncompiled.
        # A model of another version runs as it was saved.
        compiled = (
            max(height, width) <= edge and height * width >= COMPILED_FROM**2 and self.card.get("version") == VERSION
        )
        if compiled:
            missing = ((0, edge - height), (0, edge - width), (0, 0))
            values = np.pad(values, missing, constant_values=np.nan) if (height, width) != (edge, edge) else values
        with _STARTING:  # of the threads that come with a first block, one traces
            if compiled not in self._calls:
                tf = backend.tensorflow()
                shape = (1, edge, edge) if compiled else (1, None, None)
                call = tf.function(
                    side_by_side(self.keras_model, len(self.card["seeds"])) if compiled else self.keras_model,
                    input_signature=[tf.TensorSpec((*shape, len(self.card["features"])), tf.float32)],
                    jit_compile=compiled,
                )
                self._calls[compiled] = call.get_concrete_function()
        block = backend.tensorflow().constant(np.ascontiguousarray(values[None], "float32"))
        found = self._calls[compiled](block).numpy()[0]
        first = 0 if compiled else halo  # the compiled graph leaves the halo out, the saved one answers there too
        return found[first : first + height - 2 * halo, first : first + width - 2 * halo]

    def __getstate__(self) -> dict[str, Any]:
        """Leave the traced functions behind: another process traces its own."""
        return {**self.__dict__, "_calls": {}}


def train(
    samples: gpd.GeoDataFrame,
    stack: xr.Dataset,
    features: Sequence[str],
    *,
    levels: Sequence[Level] = LEVELS,
    seeds: Sequence[int] = SEEDS,
) -> TrainedModel:
    """Choose context and epochs by block folds, then fit five seeds on all samples.

    Args:
        samples: what `draw_samples` returned.
        stack: the stack the samples were drawn from (the neighbourhood of each sample is read from it).
        features: band names, in order.
        levels: context levels to choose among.
        seeds: of the members of the ensemble.

    Returns:
        Model and card. The same samples and stack give the same model bit for bit on one machine.

    Raises:
        FusionError: the stack lacks a feature.
    """
    require_features(stack, features, exact=False)
    table = Channels(samples, stack, features)
    label, fold, block = table.label, table.fold, table.block
    tests = [fold == k for k in np.unique(fold)]
    held_out: dict[Setting, np.ndarray] = {}
    for level in levels:
        found = table.fit(level, [table.trains(test) for test in tests], INNER_SEEDS, epoch_candidates(len(label)))
        for epochs, probability in found.items():
            held_out[Setting(level, epochs)] = np.choose(fold, probability)
    setting = choose_setting(label, held_out, block)
    everything = np.ones((len(seeds), len(label)), bool)
    members = fit_members(table.of(setting.level), label, everything, seeds, [setting.epochs])[setting.epochs]
    card = {
        "features": list(features),
        "context": setting.level.halo,
        "level": setting.level.name,
        "epochs": setting.epochs,
        "seeds": list(map(int, seeds)),
        "samples": len(label),
        "positive_share": float(label.mean()),
        "samples_digest": samples_digest(samples),
        "grid_digest": Grid.of(stack).digest,
        "version": VERSION,
        "tensorflow": backend.tensorflow().__version__,
        "keras": backend.keras().__version__,
    }
    return TrainedModel(assemble(list(features), setting.level, table.scaling, members), card)


def predict_dataset(model: TrainedModel, stack: xr.Dataset) -> xr.DataArray:
    """Lazy probability of built-up for a stack of any size, block by block with the halo the model needs.

    Args:
        model: trained on the stack's features.
        stack: one band per feature in the card's order (an `observation_count` beside them is ignored).

    Returns:
        `probability`, float32 (y, x), backed by dask; NaN where any feature is missing.

    Raises:
        FusionError: the stack's features are not the card's, or stand in another order.
    """
    import dask.array as da
    import xarray as xr

    features = list(model.card["features"])
    require_features(stack, features)
    # Chunks no smaller than the halo, and near 512 pixels: larger ones only cost memory.
    bands = [da.asarray(stack[name].astype("float32").data) for name in features]
    cube = da.stack(bands, axis=-1).rechunk((BLOCK, BLOCK, -1))
    halo = int(model.card["context"])
    depth = {0: halo, 1: halo, 2: 0}
    cube = da.overlap.overlap(cube, depth=depth, boundary={0: np.nan, 1: np.nan, 2: "none"}) if halo else cube
    chunks = tuple(tuple(size - 2 * halo for size in sizes) for sizes in cube.chunks[:2])
    probability = cube.map_blocks(
        _predict_block, model, drop_axis=2, chunks=chunks, dtype="float32", meta=np.empty((0, 0), "f4")
    )
    coords = {name: stack.coords[name] for name in ("y", "x", "spatial_ref") if name in stack.coords}
    return xr.DataArray(probability, dims=("y", "x"), coords=coords, name="probability")


def require_features(stack: xr.Dataset, features: Sequence[str], *, exact: bool = True) -> None:
    """Raise a FusionError unless the stack has these features, with `exact` no others and in this order."""
    found = [str(name) for name in stack.data_vars if name != "observation_count"]
    if found == list(features) or (not exact and set(features) <= set(found)):
        return
    missing = [name for name in features if name not in found]
    other = [name for name in found if name not in features]
    what = [f"lacks {', '.join(missing)}"] if missing else []
    what += [f"has {', '.join(other)} besides"] if other else []
    raise FusionError(
        f"the stack {' and '.join(what) or 'has its features in another order'}: {', '.join(found)}",
        f"the features of the model, in order: {', '.join(features)}",
        "materialize fused_stack and built_up_model with the same study",
    )


class Channels:
    """Samples as tables of channels, one per context level, and fits on them.

    Attributes:
        label: (n,) int8.
        fold: (n,) fold numbers from 0.
        block: (n,) block numbers.
        scaling: (centre, scale) of the pixel channels over all samples. Features only: labels have no part in it.
    """

    def __init__(self, samples: gpd.GeoDataFrame, stack: xr.Dataset, features: Sequence[str]) -> None:
        self.samples, self.stack, self.features = samples, stack, list(features)
        self.label, self.fold, self.block = (samples[c].to_numpy() for c in ("label", "fold", "block"))
        self.values = np.stack([samples[name].to_numpy(dtype="float32") for name in features], axis=1)
        pixel = pixel_channels(self.values, self.features)
        self.scaling = (pixel.mean(axis=0).astype("float32"), pixel.std(axis=0).astype("float32") + 1e-6)
        self._tables: dict[Level, np.ndarray] = {}

    def of(self, level: Level) -> np.ndarray:
        """Channels of a level, (n, channel) float32, computed once."""
        if level not in self._tables:
            self._tables[level] = sample_context(self.stack, self.samples, self.features, level, self.scaling)
        return self._tables[level]

    def trains(self, test: np.ndarray) -> np.ndarray:
        """Samples that may train for these test samples, the buffer left out."""
        return training_mask(test, self.samples["cell_row"].to_numpy(), self.samples["cell_col"].to_numpy())

    def fit(
        self, level: Level, masks: Sequence[np.ndarray], seeds: Sequence[int], keep: Sequence[int]
    ) -> dict[int, np.ndarray]:
        """Mean probability over the seeds, (mask, n), after each epoch of `keep`."""
        stacked = np.repeat(np.stack(masks), len(seeds), axis=0)
        fitted = fit_members(self.of(level), self.label, stacked, list(seeds) * len(masks), keep)
        return {
            epochs: member_probabilities(m, self.of(level)).reshape(len(masks), len(seeds), -1).mean(axis=1)
            for epochs, m in fitted.items()
        }


def _predict_block(block: np.ndarray, model: TrainedModel) -> np.ndarray:
    return model.probabilities(block)
