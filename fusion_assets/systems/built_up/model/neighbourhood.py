"""What a model sees of a pixel: its features, spectral ratios, and means and spreads of its neighbourhood.

Neighbourhoods are boxes of 3, 9 and 27 pixels. Each is three shifted sums of the box before it, so that a wide box
costs no more than a narrow one. A pixel with any feature missing counts in no box; a box divides by the pixels it
has. The border of a raster is treated as missing pixels, hence a raster cut into blocks with a halo gives the same
values as the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.learning.backend import keras
from fusion_assets.learning.saved_model import WITH_HALO

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import geopandas as gpd
    import xarray as xr

TILE = 512
LIGHTS = "avg_rad"
RATIOS = (("B08", "B04"), ("B03", "B08"), ("B11", "B08"), ("B04", "B02"))
"""Normalised differences (a - b) / (a + b): vegetation, water, built-up (Zha et al. 2003), redness."""


@dataclass(frozen=True)
class Level:
    """How much of its surroundings a model sees; candidates are tried from the simplest on.

    Attributes:
        name: as written on the card.
        boxes: number of nested boxes (3, 9, 27 pixels).
        spread: whether the standard deviation within each box is seen beside the mean.
    """

    name: str
    boxes: int
    spread: bool

    @property
    def halo(self) -> int:
        """Pixels on each side that a prediction depends on: 0, 1, 4, 13 for none to three boxes."""
        return (3**self.boxes - 1) // 2


LEVELS = (Level("pixel", 0, False), Level("near", 1, True), Level("wide", 3, True))


def context_graph(inputs: Any, features: Sequence[str], level: Level, centre: np.ndarray, scale: np.ndarray) -> Any:
    """Build the fixed part of the graph on a Keras input.

    Args:
        inputs: Keras tensor (batch, y, x, feature), NaN where there is no data.
        features: band names in input order; names decide about the logarithm of lights and the ratios.
        level: how much neighbourhood to see.
        centre: one value per channel of `pixel_channels`, subtracted.
        scale: one value per channel, divided by.

    Returns:
        Pair (channels, valid): (batch, channel, y, x) finite float32, and (batch, 1, y, x) bool, False where any
        feature is missing and the channels mean nothing.
    """
    layers, ops = keras().layers, keras().ops

    # Padded once by the whole halo: sums centred just outside the raster still hold pixels inside it.
    margin, width = level.halo, len(centre)
    around = [[0, 0], [margin, margin], [margin, margin], [0, 0]]
    padded = ops.pad(inputs, around, constant_values=float("nan")) if margin else inputs
    # Channel by channel, not pixel by pixel: sums and roots then run along whole rows of pixels.
    planes = ops.transpose(layers.Identity(name=WITH_HALO)(padded), (0, 3, 1, 2))
    valid = ops.all(ops.isfinite(planes), axis=1, keepdims=True)
    present = ops.cast(valid, "float32")
    clean = ops.where(valid, planes, ops.zeros_like(planes))
    bands = {name: clean[:, i : i + 1] for i, name in enumerate(features)}
    # Radiance spans four decades; asinh is a logarithm that lets zero and negative noise pass.
    channels = [ops.arcsinh(band) if name == LIGHTS else band for name, band in bands.items()]
    for a, b in _ratios(features):
        total = ops.absolute(bands[a]) + ops.absolute(bands[b]) + 1e-3
        channels.append((bands[a] - bands[b]) / total)
    pixel = ops.concatenate(channels, axis=1) if len(channels) > 1 else channels[0]
    pixel = layers.Normalization(axis=1, mean=centre, variance=scale**2)(pixel)
    pixel = ops.clip(pixel, -8.0, 8.0) * present
    terms = [pixel, ops.square(pixel), present] if level.spread else [pixel, present]
    moments, seen = ops.concatenate(terms, axis=1), [_inner(pixel, margin)]
    valid = _inner(valid, margin)
    for step in (3**i for i in range(level.boxes)):
        moments, margin = _box(moments, step), margin - step
        inner = _inner(moments, margin)
        count = ops.maximum(inner[:, -1:], 1.0)
        mean = inner[:, :width] / count
        seen.append(mean)
        if level.spread:
            variance = inner[:, width : 2 * width] / count - ops.square(mean)
            seen.append(ops.sqrt(ops.maximum(variance, 0.0) + 1e-4))
    return (ops.concatenate(seen, axis=1) if len(seen) > 1 else seen[0]), valid


def pixel_channels(values: np.ndarray, features: Sequence[str]) -> np.ndarray:
    """The channels of single pixels before normalisation, for fitting `centre` and `scale`.

    Args:
        values: (n, feature) finite values.
        features: band names.

    Returns:
        (n, channel): features, lights as asinh, then the ratios whose bands are there.
    """
    bands = dict(zip(features, values.T.astype("float64"), strict=True))
    channels = [np.arcsinh(band) if name == LIGHTS else band for name, band in bands.items()]
    channels += [(bands[a] - bands[b]) / (np.abs(bands[a]) + np.abs(bands[b]) + 1e-3) for a, b in _ratios(features)]
    return np.stack(channels, axis=1)


def sample_context(
    stack: xr.Dataset, samples: gpd.GeoDataFrame, features: Sequence[str], level: Level, scaling: tuple
) -> np.ndarray:
    """Channels at the samples' pixels, read from the stack tile by tile with a halo.

    Args:
        stack: one band per feature.
        samples: table with x and y.
        features: band names, in order.
        level: how much neighbourhood to see.
        scaling: (centre, scale) per channel.

    Returns:
        (n, channel) float32.
    """
    inputs = keras().Input((None, None, len(features)))
    model = keras().Model(inputs, context_graph(inputs, features, level, *scaling)[0])
    row, col = pixel_positions(stack, samples)
    out = np.empty((len(samples), model.output_shape[1]), "float32")
    for top, left in _tiles(stack):
        inside = (row >= top) & (row < top + TILE) & (col >= left) & (col < left + TILE)
        if not inside.any():
            continue
        north, west = max(top - level.halo, 0), max(left - level.halo, 0)
        cut = stack.isel(y=slice(north, top + TILE + level.halo), x=slice(west, left + TILE + level.halo))
        block = np.stack([np.asarray(cut[name].values, "float32") for name in features], axis=-1)
        seen = np.asarray(model(block[None], training=False))[0]
        out[inside] = seen[:, row[inside] - north, col[inside] - west].T
    return out


def pixel_positions(stack: xr.Dataset, samples: gpd.GeoDataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each sample in the stack, by its pixel centre."""
    row = stack.indexes["y"].get_indexer(samples["y"], method="nearest")
    return row, stack.indexes["x"].get_indexer(samples["x"], method="nearest")


def _ratios(features: Sequence[str]) -> list[tuple[str, str]]:
    return [(a, b) for a, b in RATIOS if a in features and b in features]


def _box(moments: Any, step: int) -> Any:
    """Sums of three by three positions `step` apart; the result is `step` smaller on every side."""
    down = moments[:, :, : -2 * step] + moments[:, :, step:-step] + moments[:, :, 2 * step :]
    return down[..., : -2 * step] + down[..., step:-step] + down[..., 2 * step :]


def _inner(planes: Any, margin: int) -> Any:
    """The planes without `margin` pixels on every side."""
    return planes[:, :, margin:-margin, margin:-margin] if margin else planes


def _tiles(stack: xr.Dataset) -> Iterator[tuple[int, int]]:
    return ((y, x) for y in range(0, stack.sizes["y"], TILE) for x in range(0, stack.sizes["x"], TILE))
