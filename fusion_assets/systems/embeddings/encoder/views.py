"""Views of a place: crops that are turned and mirrored, and batches in which a place stands once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CELLS = 4
"""Along an edge of a crop, of which pretexts are asked for the mean."""
LARGEST = 96
"""Edge of the largest crop, pixels: what is learnt from costs the same however large the patches are."""


def crop_edge(size: int) -> int:
    """Edge of the crops of patches: about three quarters of theirs, in whole cells."""
    return max(CELLS, min(LARGEST, size * 3 // (4 * CELLS) * CELLS))


def cropped(values: np.ndarray, edge: int, random: np.random.Generator) -> np.ndarray:
    """A window of each patch, turned by right angles and mirrored, each by chance.

    Args:
        values: (n, y, x, channel), square.
        edge: of a window, pixels.
        random: where, and how they are turned.

    Returns:
        (n, edge, edge, channel).
    """
    count, size = values.shape[:2]
    first = random.integers(0, size - edge + 1, (count, 2))
    # Of the eight positions of a square, the later four are mirrored.
    position = np.asarray(random.integers(0, 8, count))
    out = np.empty((count, edge, edge, values.shape[-1]), values.dtype)
    for number, (row, column) in enumerate(first.tolist()):
        window = values[number, row : row + edge, column : column + edge]
        out[number] = np.rot90(window[:, ::-1] if position[number] >= 4 else window, position[number] % 4)
    return out


def cell_means(values: np.ndarray) -> np.ndarray:
    """Mean of every cell of patches (n, y, x, channel), (n, CELLS * CELLS * channel)."""
    count, edge, _, channels = values.shape
    size = edge // CELLS
    return values.reshape(count, CELLS, size, CELLS, size, channels).mean(axis=(2, 4)).reshape(count, -1)


@dataclass(frozen=True)
class Places:
    """Rows of pairs by place.

    Attributes:
        rows: of all places, those of a place side by side.
        first: (places + 1,) where the rows of each begin.
    """

    rows: np.ndarray
    first: np.ndarray

    @classmethod
    def of(cls, place: np.ndarray, learnt: np.ndarray) -> Places:
        """Those of the rows that are learnt from.

        Args:
            place: (n,) place of every pair.
            learnt: (m,) rows.
        """
        order = learnt[np.argsort(place[learnt], kind="stable")]
        _, first = np.unique(place[order], return_index=True)
        return cls(order, np.append(first, len(order)))

    def __len__(self) -> int:
        return len(self.first) - 1

    def drawn(self, places: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """One row of each of these places, by chance."""
        first, count = self.first[places], np.diff(self.first)[places]
        return self.rows[first + random.integers(0, count)]
