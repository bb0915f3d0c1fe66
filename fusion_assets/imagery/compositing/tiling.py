"""How a composite is cut into tiles: small enough for memory, along the edges of the files' own blocks.

A compressed block is decoded whole, so a tile that straddles blocks pays for all of them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection

import numpy as np

from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import is_geographic, same_crs
from fusion_assets.imagery.compositing.headers import Header

TILE_BYTES = 20 << 20
"""One tile's stack of observations; a tile in every thread then stays within a few hundred MB."""
_MASK_BYTES = 1.125
"""Of an observation: where it counts, one byte in the stack and one bit beside it for the other bands."""
# Edges in working pixels. Below _WORTHWHILE, opening the files costs more than decoding them.
_LARGEST, _WORTHWHILE, _SMALLEST = 1024, 512, 64
_DEGREE = 111_320  # metres, along a meridian


def tile_sizes(
    grid: Grid, subdivision: int, acquisitions: int, itemsize: int, headers: Collection[Header]
) -> tuple[list[int], list[int]]:
    """Heights of the rows of tiles and widths of their columns, in pixels of `grid`.

    Args:
        grid: of the composite.
        subdivision: k; each pixel is k x k working pixels.
        acquisitions: observations of a pixel, at most.
        itemsize: bytes of one observation; its masks are added here.
        headers: of the season's files.
    """
    observations = TILE_BYTES / (itemsize + _MASK_BYTES)
    area = max(observations / max(acquisitions, 1), _SMALLEST**2)
    # Sources that are much finer than the working grid: what is read of one file counts.
    area = min(area, max(1, TILE_BYTES / (itemsize * _finer(grid, subdivision, headers) ** 2))) / subdivision**2
    largest, worthwhile, smallest = (max(1, edge // subdivision) for edge in (_LARGEST, _WORTHWHILE, _SMALLEST))
    lines = _block_lines(grid, headers)
    if lines is None:
        side = max(1, min(math.isqrt(int(area)), largest))
        return _equal(grid.height, side), _equal(grid.width, side)
    (first_row, height), (first_col, width) = lines
    # Of blocks as wide as a whole source, a grid needs only its own columns.
    used = height * min(width, grid.width)
    while used * 2 <= area and (height if height <= width else width) * 2 <= worthwhile:
        height, width = (height * 2, width) if height <= width else (height, width * 2)
        used = min(height, grid.height) * min(width, grid.width)
    # Too large: equal slices of a block, wide and low first, for each slice decodes the whole block.
    height /= min(math.ceil(used / area), max(1, math.ceil(height / smallest)))
    width /= min(math.ceil(height * min(width, grid.width) / area), max(1, math.ceil(width / smallest)))
    return _pieces(grid.height, first_row, height), _pieces(grid.width, first_col, width)


def _finer(grid: Grid, subdivision: int, headers: Collection[Header]) -> float:
    """Pixels of the finest source along the edge of a working pixel, roughly."""
    metres = (
        abs(header.lattice.transform.a) * (_DEGREE if is_geographic(header.lattice.crs) else 1) for header in headers
    )
    return grid.resolution / subdivision / min(metres)


def _block_lines(grid: Grid, headers: Collection[Header]) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """First inner edge and distance of block edges in grid rows and columns, for the files that most scenes have.

    None where no file's blocks end on the edges of grid pixels.
    """
    for header, _ in Counter(headers).most_common():
        transform, step = header.lattice.transform, grid.resolution
        if transform.b or transform.d or transform.e >= 0 or not same_crs(header.lattice.crs, grid.crs):
            continue
        height, width = header.block[0] * -transform.e / step, header.block[1] * transform.a / step
        row, col = (grid.transform.f - transform.f) / step, (transform.c - grid.transform.c) / step
        if all(math.isclose(term, round(term), abs_tol=1e-6) for term in (height, width, row, col)):
            return (round(row) % round(height), round(height)), (round(col) % round(width), round(width))
    return None


def _pieces(length: int, first: float, step: float) -> list[int]:
    """Pieces of 0..length between the edges first + n x step, rounded to whole pixels."""
    start = first - math.ceil(first / step) * step
    edges = np.round(np.arange(start, length + step, step)).astype(int).clip(0, length)
    return [piece for piece in np.diff(np.unique([0, *edges, length])).tolist() if piece]


def _equal(length: int, side: int) -> list[int]:
    """Near-equal pieces of at most `side`."""
    edges = np.linspace(0, length, math.ceil(length / side) + 1).round().astype(int)
    return np.diff(edges).tolist()
