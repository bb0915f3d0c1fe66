"""Spatial blocks and folds: which labelled pixels may be compared with which.

Belongs here: label cells, blocks made of whole cells, folds made of whole blocks, the buffer between training and
test. Not here: drawing samples (`samples.py`), fitting (`network.py`), scores (`scores.py`).

Neighbouring pixels look alike, and every pixel of one label cell carries the same label: a random split therefore
tests a model on what it has seen (Roberts et al. 2017, doi:10.1111/ecog.02881). Here nothing smaller than a block
changes sides, and no label cell is ever split.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS, Transformer

from fusion_assets.errors import FusionError

if TYPE_CHECKING:
    import xarray as xr
    from affine import Affine

FOLDS = 5
BLOCK_PIXELS = 20
BLOCK_CELLS = 5
BUFFER_CELLS = 1


def label_cells(raster: xr.Dataset, label_crs: str, label_transform: Affine) -> tuple[np.ndarray, np.ndarray]:
    """Source label cell of every pixel, by nearest neighbour of the pixel centre.

    Args:
        raster: dataset on the grid (dims y, x; coordinates are pixel centres; CRS in `spatial_ref`).
        label_crs: CRS of the label raster the labels were read from.
        label_transform: its affine transform, row 0 north.

    Returns:
        Row and column of the cell in the label raster, each int32 of shape (y, x).
    """
    x, y = np.meshgrid(raster.x.values.astype(float), raster.y.values.astype(float))
    if CRS.from_user_input(raster.rio.crs) != CRS.from_user_input(label_crs):
        x, y = Transformer.from_crs(raster.rio.crs, label_crs, always_xy=True).transform(x, y)
    col, row = ~label_transform * (x, y)
    # A centre on a cell's edge must not fall to either side by rounding: edges belong to the cell east and south.
    return np.floor(row + 1e-6).astype("int32"), np.floor(col + 1e-6).astype("int32")


def assign_blocks(
    raster: xr.Dataset, label_crs: str, label_transform: Affine, folds: int = FOLDS
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], dict[str, object]]:
    """Square blocks of whole label cells over the grid.

    Blocks start at the grid's north-west corner; their edge is the larger of 20 pixels and 5 label cells. A cell
    belongs to the block its centre lies in, so block borders follow cell borders. What remains at the south and east
    joins the neighbour when it is less than half an edge. A place too small for two blocks per fold gets smaller
    blocks, down to two label cells; the report says so, because a score over such blocks is the more optimistic one.

    Args:
        raster: dataset on the grid.
        label_crs: CRS of the label raster.
        label_transform: its affine transform.
        folds: number of folds the blocks must serve.

    Returns:
        Block number (int32, shape (y, x)), the (row, column) of each pixel's label cell, and a report with `edge` in
        pixels, `cell` (pixels per label cell), `blocks` and `reduced`.
    """
    rows, cols = label_cells(raster, label_crs, label_transform)
    height, width = rows.shape
    x, y = raster.x.values.astype(float), raster.y.values.astype(float)
    step = abs(x[1] - x[0]) if width > 1 else abs(y[1] - y[0]) if height > 1 else abs(label_transform.a)
    # Pixels per cell are counted, not divided out of the two transforms: the CRSs may have different units. Cells cut
    # by the border have fewer, so a high quantile speaks for the whole ones.
    per_cell = max(1, round(np.sqrt(np.quantile(np.unique(_pairs(rows, cols), return_counts=True)[1], 0.9))))
    centre_x, centre_y = label_transform * (cols + 0.5, rows + 0.5)
    if CRS.from_user_input(raster.rio.crs) != CRS.from_user_input(label_crs):
        to_grid = Transformer.from_crs(label_crs, raster.rio.crs, always_xy=True)
        centre_x, centre_y = to_grid.transform(centre_x, centre_y)
    pixel_col = (centre_x - (x[0] - step / 2)) / step
    pixel_row = ((y[0] + step / 2) - centre_y) / step

    full = edge = max(float(BLOCK_PIXELS), BLOCK_CELLS * float(per_cell))
    smallest = min(full, 2.0 * per_cell)
    while (block := _tile(pixel_row, pixel_col, height, width, edge)).max() + 1 < 2 * folds and edge > smallest:
        edge = max(edge - per_cell, smallest)
    report = {"edge": edge, "cell": per_cell, "blocks": len(np.unique(block)), "reduced": edge < full}
    return block, (rows, cols), report


def group_folds(block: np.ndarray, label: np.ndarray, folds: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Fold of every sample: whole blocks, spread so that folds hold about as many samples and as many positives.

    Args:
        block: block number per sample.
        label: 0 or 1 per sample.
        folds: folds wanted; a place with fewer blocks gets as many folds as it has blocks.
        seed: another number gives another grouping.

    Returns:
        Fold number per sample, int32 from 0.

    Raises:
        FusionError: fewer than two blocks, or labels of one class only.
    """
    names, inverse = np.unique(block, return_inverse=True)
    if len(names) < 2:
        raise FusionError(
            f"the labelled pixels lie in {len(names)} spatial block(s)",
            "at least 2 blocks, so that a model can be tested where it was not trained",
            "enlarge the region, or use labels with smaller cells",
        )
    if len(np.unique(label)) < 2:
        kind = "built-up" if label.all() else "not built-up"
        raise FusionError(
            f"all {len(label)} labelled pixels are {kind}",
            "both classes among the labels",
            "choose a region that holds both, or another built_up_threshold or built_codes in the study",
        )
    size = np.bincount(inverse) / len(label)
    positive = np.bincount(inverse, weights=label) / label.sum()
    count = min(folds, len(names))
    jitter = 1.0 if seed == 0 else np.random.default_rng(seed).uniform(0.5, 1.5, len(names))
    load = np.zeros((count, 2))
    fold_of = np.zeros(len(names), "int32")
    for i in np.argsort(-(size + positive) * jitter, kind="stable"):  # the largest first, each where it fits best
        added = np.array([size[i], positive[i]])
        cost = ((load + added) ** 2 - load**2).sum(axis=1)
        fold_of[i] = np.argmin(cost)
        load[fold_of[i]] += added
    return fold_of[inverse]


def training_mask(
    test: np.ndarray, cell_row: np.ndarray, cell_col: np.ndarray, buffer: int = BUFFER_CELLS
) -> np.ndarray:
    """Samples that may train a model which is tested on `test`.

    A sample may train when its label cell is more than `buffer` cells (eight neighbours) from every test cell.

    Args:
        test: True for test samples.
        cell_row: label cell row per sample.
        cell_col: label cell column per sample.
        buffer: width of the belt left out, in label cells.

    Returns:
        Boolean array, True where a sample may train.
    """
    from scipy.ndimage import binary_dilation

    row, col = cell_row - cell_row.min() + buffer, cell_col - cell_col.min() + buffer
    taken = np.zeros((row.max() + buffer + 1, col.max() + buffer + 1), bool)
    taken[row[test], col[test]] = True
    if buffer:
        taken = binary_dilation(taken, np.ones((3, 3)), iterations=buffer)
    return ~taken[row, col]


def _tile(row: np.ndarray, col: np.ndarray, height: int, width: int, edge: float) -> np.ndarray:
    down, across = (max(1, int(np.floor(length / edge + 0.5))) for length in (height, width))
    block_row = np.clip(np.floor(row / edge), 0, down - 1).astype("int32")
    return block_row * across + np.clip(np.floor(col / edge), 0, across - 1).astype("int32")


def _pairs(rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    return rows.astype("int64") * (int(cols.max()) - int(cols.min()) + 1) + (cols.astype("int64") - int(cols.min()))
