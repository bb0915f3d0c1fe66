"""Which vectors are nearest by cosine: every one is compared, by numpy where they are few, else by usearch.

usearch (https://github.com/unum-cloud/usearch) compares many without copies of them. Its graph of neighbours is not
made: for the few questions of a command it takes far longer to build than all comparisons, and it misses neighbours.
"""

from __future__ import annotations

import numpy as np

from fusion_assets.errors import FusionError

MOST = 200_000
"""Vectors up to which numpy compares them."""
_BLOCK = 65_536
_EXTRA = "search"
_SPARE = 16
"""More than are asked for: roundings of two libraries change the order of what is all but as near."""


def nearest(vectors: np.ndarray, asked: np.ndarray, count: int, most: int = MOST) -> tuple[np.ndarray, np.ndarray]:
    """The nearest vectors of each that is asked for.

    Args:
        vectors: (n, dim) of any length but 0.
        asked: (m, dim) likewise.
        count: how many of each, at most n.
        most: vectors up to which numpy compares them; above, usearch does.

    Returns:
        Rows of `vectors`, int64 (m, k), and their cosines, float32 (m, k), the nearest first; k is `count`, or n where
        that is less. What is as near comes in the order of its rows.

    Raises:
        FusionError: vectors of another length, numbers that are none, or more than `most` without usearch.
    """
    if vectors.shape[1] != asked.shape[1] or count < 1:
        raise FusionError(
            f"{count} neighbours of vectors of {asked.shape[1]} numbers among such of {vectors.shape[1]}",
            "1 or more, and as many numbers in both",
            "ask with embeddings of the same encoder",
        )
    count = min(count, len(vectors))
    asked = _unit(asked)
    if len(vectors) > most:
        return _by_usearch(vectors, asked, count)
    rows = np.empty((len(asked), 0), np.int64)
    near = np.empty((len(asked), 0), np.float32)
    for first in range(0, len(vectors), _BLOCK):
        found = asked @ _unit(vectors[first : first + _BLOCK]).T
        here = np.broadcast_to(np.arange(first, first + found.shape[1]), found.shape)
        rows, near = _best(np.hstack([rows, here]), np.hstack([near, found]), count)
    return rows, near


def _best(rows: np.ndarray, near: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    # Rows are ascending among equals, and a stable order leaves them so.
    order = np.argsort(-near, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(near, order, axis=1)


def _by_usearch(vectors: np.ndarray, asked: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    try:
        from usearch.index import MetricKind, search
    except ImportError:
        raise FusionError(
            f"{len(vectors):,} vectors, and usearch is not installed",
            f"it, for more than {MOST:,}",
            f"pip install 'fusion-assets[{_EXTRA}]'",
        ) from None
    held, most = np.ascontiguousarray(vectors, np.float32), min(count + _SPARE, len(vectors))
    rows = np.empty((len(asked), count), np.int64)
    near = np.empty((len(asked), count), np.float32)
    for number, each in enumerate(asked):
        found = search(held, each, most, MetricKind.Cos, exact=True)
        keys = np.sort(np.asarray(found.keys, np.int64))
        # Cosines are computed anew, so that they and the order among equals are those of numpy.
        best = _best(keys[None], (_unit(held[keys]) @ each)[None], count)
        rows[number], near[number] = best[0][0], best[1][0]
    return rows, near


def _unit(vectors: np.ndarray) -> np.ndarray:
    vectors = np.asarray(vectors, np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not (np.isfinite(length) & (length > 0)).all():
        raise FusionError("a vector without a direction", "finite numbers, not all of them 0", "embed the patch anew")
    return vectors / length
