"""Whether what one sensor saw of a place finds what the other saw of it, among other places."""

from __future__ import annotations

import numpy as np

from fusion_assets.errors import FusionError

GALLERY = 169
"""Places among which the partner is looked for."""
DRAWS = 20
_WHOLE = 0.9999
"""Share of the variance that components before a canonical correlation keep: what is left would be noise, enlarged."""
_DIRECTIONS = 32


def ranks(asked: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Rank of the partner of each, 1 where nothing is nearer by cosine; what is as near counts as nearer.

    Args:
        asked: (n, d) by one sensor.
        found: (n, d) by the other, of the same places in the same order.
    """
    one, other = _unit(asked), _unit(found)
    near = one @ other.T
    return (near >= np.diagonal(near)[:, None]).sum(axis=1)


def retrieval(
    asked: np.ndarray,
    found: np.ndarray,
    place: np.ndarray,
    gallery: int = GALLERY,
    draws: int = DRAWS,
    seed: int = 0,
) -> dict[str, float]:
    """Figures of a search in galleries of places drawn by chance.

    Args:
        asked: (n, d) by one sensor.
        found: (n, d) by the other, row by row.
        place: (n,) of each; a gallery holds a place once.
        gallery: places in one, at most all.
        draws: of galleries.
        seed: of the draws.

    Returns:
        `gallery` (its size), `r1` and `r5` (share whose partner is the nearest, or among the five nearest),
        `median_rank`, and `chance` (`r1` of answers by chance).

    Raises:
        FusionError: fewer than two places.
    """
    _, first = np.unique(place, return_index=True)
    if len(first) < 2:
        raise FusionError(f"partners among {len(first)} place(s)", "at least 2", "test on more places")
    size = min(gallery, len(first))
    random = np.random.default_rng([seed, 4])
    drawn = [random.permutation(first)[:size] for _ in range(draws if size < len(first) else 1)]
    found_at = np.stack([ranks(asked[rows], found[rows]) for rows in drawn])
    return {
        "gallery": float(size),
        "r1": float((found_at == 1).mean()),
        "r5": float((found_at <= 5).mean()),
        "median_rank": float(np.median(found_at, axis=1).mean()),
        "chance": 1 / size,
    }


def correlated(one: np.ndarray, other: np.ndarray, learnt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Features of two sensors in the directions that agree most (canonical correlation, Hotelling 1936).

    Args:
        one: (n, d) by a sensor.
        other: (n, e) by the other.
        learnt: rows by which the directions are found.

    Returns:
        (n, directions) of each, weighted by their correlation.
    """
    from sklearn.decomposition import PCA

    def whitened(values: np.ndarray) -> np.ndarray:
        spread = values[learnt].std(axis=0)
        values = (values - values[learnt].mean(axis=0)) / np.where(spread > 1e-8, spread, 1.0)
        return PCA(_WHOLE, whiten=True, svd_solver="full").fit(values[learnt]).transform(values)

    # Of whitened features, the singular vectors of their covariance are the canonical directions.
    first, second = whitened(one), whitened(other)
    left, strength, right = np.linalg.svd(first[learnt].T @ second[learnt] / len(learnt), full_matrices=False)
    weight = strength[:_DIRECTIONS]
    return first @ left[:, :_DIRECTIONS] * weight, second @ right[:_DIRECTIONS].T * weight


def _unit(values: np.ndarray) -> np.ndarray:
    return values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
