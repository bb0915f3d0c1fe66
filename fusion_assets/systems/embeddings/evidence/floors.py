"""What an embedding has to beat: features of a patch that nobody has trained, by name.

Random convolutions follow Rolf et al. (2021, doi:10.1038/s41467-021-24638-z): means of rectified responses to kernels
that are pieces of patches themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.systems.embeddings.encoder.pairs import USES, Scale, filled
from fusion_assets.systems.embeddings.encoder.trained import scales_of

if TYPE_CHECKING:
    from fusion_assets.systems.embeddings.encoder.pairs import Source

KERNELS = 128
"""Random convolutions; each gives two features."""
COMPONENTS = 64
"""Principal components, at most."""
_CELLS = 8
"""Along an edge of a patch, whose means the components are of."""
_EDGE = 3
_BLOCK = 256
_FITTED = 2000


def statistics(source: Source, learnt: np.ndarray, use: str = "both", seed: int = 0) -> np.ndarray:
    """Seven statistics a band: mean, deviation, least, quartiles and greatest, of what is known.

    Args:
        source: of the pairs.
        learnt: (m,) rows that a floor may learn from; this one does not.
        use: `radar`, `optics` or `both`.
        seed: of what is drawn by chance; nothing here.

    Returns:
        (n, features) float32, of all pairs of the source; so every floor.
    """

    def of(values: np.ndarray) -> np.ndarray:
        pixels = values.reshape(len(values), -1, values.shape[-1])
        quantiles = np.quantile(pixels, [0, 0.25, 0.5, 0.75, 1], axis=1)
        return np.concatenate([pixels.mean(axis=1), pixels.std(axis=1), *quantiles], axis=1)

    return np.concatenate([of(filled(values)) for values in _blocks(source, use)]).astype(np.float32)


def random_convolutions(source: Source, learnt: np.ndarray, use: str = "both", seed: int = 0) -> np.ndarray:
    """Means over the patch of what `KERNELS` pieces of patches learnt from respond with, above and below 0."""
    scale = _scale(source, learnt, use, seed)
    random = np.random.default_rng([seed, 2])
    rows = np.sort(random.choice(learnt, min(KERNELS, len(learnt)), replace=False))
    patches = scale.applied(_looked(source, rows, use))
    size, channels = patches.shape[1], patches.shape[-1]
    first = random.integers(0, size - _EDGE + 1, (KERNELS, 2))
    pieces = np.stack(
        [
            patches[number % len(patches), row : row + _EDGE, column : column + _EDGE].ravel()
            for number, (row, column) in enumerate(first)
        ]
    )
    pieces = pieces - pieces.mean(axis=1, keepdims=True)
    kernels = pieces / np.maximum(np.linalg.norm(pieces, axis=1, keepdims=True), 1e-6)

    def of(values: np.ndarray) -> np.ndarray:
        windows = np.lib.stride_tricks.sliding_window_view(values, (_EDGE, _EDGE), axis=(1, 2))
        windows = np.moveaxis(windows, 3, 5).reshape(len(values), -1, _EDGE * _EDGE * channels)
        answers = windows @ kernels.T
        return np.concatenate([np.maximum(answers, 0).mean(axis=1), np.maximum(-answers, 0).mean(axis=1)], axis=1)

    # A patch at a time: its windows are nine times as large as it is.
    found = [of(patch[None]) for values in _blocks(source, use) for patch in scale.applied(values)]
    return np.concatenate(found).astype(np.float32)


def components(source: Source, learnt: np.ndarray, use: str = "both", seed: int = 0) -> np.ndarray:
    """Principal components of the means of 8 x 8 cells of every band, found on pairs learnt from."""
    from sklearn.decomposition import PCA

    scale = _scale(source, learnt, use, seed)
    means = np.concatenate([_cell_means(scale.applied(values)) for values in _blocks(source, use)])
    rows = np.random.default_rng([seed, 3]).permutation(learnt)[:_FITTED]
    count = min(COMPONENTS, len(rows) - 1, means.shape[1])
    return PCA(count, random_state=seed).fit(means[rows]).transform(means).astype(np.float32)


FLOORS: dict[str, Callable[..., np.ndarray]] = {
    "statistics": statistics,
    "random_convolutions": random_convolutions,
    "components": components,
}
"""By name. One more, the encoder as training begins with it, is an encoder: see `evaluation.features_of`."""


def _looked(source: Source, rows: np.ndarray, use: str) -> np.ndarray:
    """Patches of what is looked at, (rows, y, x, channels)."""
    pair = source.batch(rows)
    return np.concatenate([values for values, looked in zip(pair, USES[use], strict=True) if looked], axis=-1)


def _blocks(source: Source, use: str) -> Iterator[np.ndarray]:
    count = len(source.place)
    for first in range(0, count, _BLOCK):
        yield _looked(source, np.arange(first, min(first + _BLOCK, count)), use)


def _scale(source: Source, learnt: np.ndarray, use: str, seed: int) -> Scale:
    looked = [scale for scale, used in zip(scales_of(source, learnt, seed), USES[use], strict=True) if used]
    return Scale(np.concatenate([each.centre for each in looked]), np.concatenate([each.spread for each in looked]))


def _cell_means(values: np.ndarray) -> np.ndarray:
    """(n, cells * channels): means of `_CELLS` x `_CELLS` nearly equal parts."""
    edges = np.linspace(0, values.shape[1], min(_CELLS, values.shape[1]) + 1).astype(int)[:-1]
    counts = np.diff(np.append(edges, values.shape[1]))
    sums = np.add.reduceat(np.add.reduceat(values, edges, axis=1), edges, axis=2)
    return (sums / np.multiply.outer(counts, counts)[None, :, :, None]).reshape(len(values), -1)
