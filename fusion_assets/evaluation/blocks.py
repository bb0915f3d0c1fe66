"""Spatial blocks and folds: which labelled pixels may be compared with which.

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
SMALLEST_PIXELS = 5


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
    col, row = _apply(~label_transform, x, y)
    # A centre on a cell's edge must not fall to either side by rounding: edges belong to the cell east and south.
    return np.floor(row + 1e-6).astype("int32"), np.floor(col + 1e-6).astype("int32")


def pixels_per_cell(rows: np.ndarray, cols: np.ndarray) -> int:
    """Edge of a label cell in pixels, at least 1, from the cells of all pixels.

    Counted, not divided out of two transforms: the CRSs may have different units. Cells cut by the border have fewer
    pixels, so a high quantile speaks for the whole ones.
    """
    span = int(cols.max()) - int(cols.min()) + 1
    names = rows.astype("int64") * span + (cols.astype("int64") - int(cols.min()))
    return max(1, round(float(np.sqrt(np.quantile(np.unique(names, return_counts=True)[1], 0.9)))))


def assign_blocks(
    raster: xr.Dataset,
    label_crs: str,
    label_transform: Affine,
    cells: tuple[np.ndarray, np.ndarray],
    edge: float,
) -> np.ndarray:
    """Square blocks of whole label cells over the grid, from its north-west corner on.

    A cell belongs to the block its centre lies in, so block borders follow cell borders. What remains at the south
    and east joins the neighbour when it is less than half an edge.

    Args:
        raster: dataset on the grid.
        label_crs: CRS of the label raster.
        label_transform: its affine transform.
        cells: row and column of each pixel's label cell.
        edge: of a block, in pixels.

    Returns:
        Block number, int32 of shape (y, x).
    """
    height, width = cells[0].shape
    x, y = raster.x.values.astype(float), raster.y.values.astype(float)
    step = abs(x[1] - x[0]) if width > 1 else abs(y[1] - y[0]) if height > 1 else abs(label_transform.a)
    centre_x, centre_y = _apply(label_transform, cells[1] + 0.5, cells[0] + 0.5)
    if CRS.from_user_input(raster.rio.crs) != CRS.from_user_input(label_crs):
        to_grid = Transformer.from_crs(label_crs, raster.rio.crs, always_xy=True)
        centre_x, centre_y = to_grid.transform(centre_x, centre_y)
    down, across = (max(1, int(np.floor(length / edge + 0.5))) for length in (height, width))
    row = np.clip(np.floor((y[0] + step / 2 - centre_y) / step / edge), 0, down - 1)
    col = np.clip(np.floor((centre_x - x[0] + step / 2) / step / edge), 0, across - 1)
    return (row * across + col).astype("int32")


def lay_out(
    raster: xr.Dataset,
    label_crs: str,
    label_transform: Affine,
    where: tuple[np.ndarray, np.ndarray],
    label: np.ndarray,
    folds: int = FOLDS,
    seed: int = 0,
) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray, dict[str, object]]:
    """Blocks of a place and folds of its samples.

    The edge of a block is the larger of 20 pixels and 5 label cells. Where such blocks make no test (fewer blocks than
    folds, or a fold with less than a tenth of its even share of either class) the edge shrinks cell by cell, down to
    two label cells; the report says so, because neighbouring blocks resemble each other more when they are small.

    Args:
        raster: dataset on the grid.
        label_crs: CRS of the label raster.
        label_transform: its affine transform.
        where: pixel row and column of each sample.
        label: class per sample.
        folds: folds wanted.
        seed: another number gives another grouping of blocks.

    Returns:
        Block number of every pixel (y, x), the (row, column) of every pixel's label cell, fold per sample, and a
        report: `edge` in pixels, `cell` (pixels per label cell), `blocks`, `folds`, `reduced`.

    Raises:
        FusionError: fewer than two blocks.
    """
    cells = label_cells(raster, label_crs, label_transform)
    cell = pixels_per_cell(*cells)
    full = edge = max(BLOCK_PIXELS, BLOCK_CELLS * cell)
    smallest = min(full, max(2 * cell, SMALLEST_PIXELS))
    while True:
        block = assign_blocks(raster, label_crs, label_transform, cells, edge)
        if edge <= smallest or _testable(block[where], label, folds, seed):
            break
        edge = max(edge - cell, smallest)
    fold = group_folds(block[where], label, folds, seed)
    report: dict[str, object] = {
        "edge": edge,
        "cell": cell,
        "blocks": len(np.unique(block[where])),
        "folds": int(fold.max()) + 1,
        "reduced": edge < full,
    }
    return block, cells, fold, report


def group_folds(block: np.ndarray, label: np.ndarray | None = None, folds: int = FOLDS, seed: int = 0) -> np.ndarray:
    """Fold of every sample: whole blocks, spread so that folds hold about as many samples, and as many of each class.

    Args:
        block: block number per sample.
        label: class per sample, any numbers; None to spread samples alone.
        folds: folds wanted; a place with fewer blocks gets as many folds as it has blocks.
        seed: another number gives another grouping.

    Returns:
        Fold number per sample, int32 from 0.

    Raises:
        FusionError: fewer than two blocks.
    """
    names, inverse = np.unique(block, return_inverse=True)
    if len(names) < 2:
        raise FusionError(
            f"the labelled pixels lie in {len(names)} spatial block(s)",
            "at least 2 blocks, so that a model can be tested where it was not trained",
            "enlarge the region, or use labels with smaller cells",
        )
    shares = [np.bincount(inverse) / len(block)]
    for value in [] if label is None else np.unique(label)[1:]:
        shares.append(np.bincount(inverse, label == value) / (label == value).sum())
    share = np.stack(shares, axis=1)
    count = min(folds, len(names))
    jitter = 1.0 if seed == 0 else np.random.default_rng(seed).uniform(0.5, 1.5, len(names))
    load = np.zeros((count, share.shape[1]))
    fold_of = np.zeros(len(names), "int32")
    for i in np.argsort(-share.sum(axis=1) * jitter, kind="stable"):  # the largest first, each where it fits best
        cost = ((load + share[i]) ** 2 - load**2).sum(axis=1)
        fold_of[i] = np.argmin(cost)
        load[fold_of[i]] += share[i]
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


def _testable(block: np.ndarray, label: np.ndarray, folds: int, seed: int) -> bool:
    """Whether there is a block for every fold, and a tenth of the even share of both classes in each fold."""
    if len(np.unique(block)) < folds or len(np.unique(label)) < 2:
        return False
    fold = group_folds(block, label, folds, seed)
    size, positive = np.bincount(fold), np.bincount(fold, label)
    shares = np.concatenate([positive / positive.mean(), (size - positive) / (size - positive).mean()])
    return bool(shares.min() >= 0.1)


def _apply(transform: Affine, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f
