import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.blocks import group_folds, label_cells, lay_out, pixels_per_cell, training_mask
from fusion_assets.grids.grid import Grid


def grid(height=120, width=90):
    return Grid("EPSG:32631", Affine(100, 0, 655_360, 0, -100, 5_686_280), height, width).dataset({})


MOLLWEIDE = ("ESRI:54009", Affine(1000, 0, 187_000, 0, -1000, 6_035_000))


def test_a_cell_is_the_one_the_pixel_centre_lies_in():
    source = Affine(200, 0, 655_360 - 100, 0, -200, 5_686_280)
    rows, cols = label_cells(grid(4, 4), "EPSG:32631", source)
    assert rows.tolist() == [[0] * 4, [0] * 4, [1] * 4, [1] * 4]
    assert cols[0].tolist() == [0, 1, 1, 2]


def blocks_of(raster, source, share=0.3):
    """Blocks of a place whose label cells are built-up at random."""
    rows, cols = label_cells(raster, *source)
    draws = np.random.default_rng(0).random((rows.max() - rows.min() + 1, cols.max() - cols.min() + 1))
    label = (draws[rows - rows.min(), cols - cols.min()] < share).astype(int).ravel()
    where = tuple(v.ravel() for v in np.indices(rows.shape))
    block, cells, fold, report = lay_out(raster, *source, where, label)
    return block, cells, fold, report


def test_blocks_are_made_of_whole_cells_of_another_crs():
    block, (rows, cols), fold, report = blocks_of(grid(230, 210), MOLLWEIDE)
    pairs = rows.astype(int) * 10_000 + cols
    assert all(len(np.unique(block[pairs == cell])) == 1 for cell in np.unique(pairs))
    assert report["cell"] == 10 and report["edge"] == 50
    assert report["blocks"] == len(np.unique(block)) == 20
    assert set(fold) == set(range(5))


def test_edge_is_the_larger_of_twenty_pixels_and_five_cells():
    fine = ("EPSG:32631", Affine(100, 0, 655_360, 0, -100, 5_686_280))
    block, _, _, report = blocks_of(grid(120, 90), fine)
    assert report["edge"] == 20 and not report["reduced"]
    assert len(np.unique(block[:20, :20])) == 1 and block[0, 0] != block[0, 20] != block[20, 20]
    coarse = ("EPSG:32631", Affine(1000, 0, 655_360, 0, -1000, 5_686_280))
    block, _, _, report = blocks_of(grid(300, 200), coarse)
    assert report["edge"] == 50 and block[49, 49] == block[0, 0] != block[0, 50]


def test_where_full_blocks_make_no_test_they_shrink_and_the_report_says_so():
    block, (rows, cols), fold, report = blocks_of(grid(103, 52), MOLLWEIDE)
    pairs = rows.astype(int) * 10_000 + cols
    assert report["reduced"] and 2 * report["cell"] <= report["edge"] < 50
    assert all(len(np.unique(block[pairs == cell])) == 1 for cell in np.unique(pairs))
    assert set(fold) == set(range(5))


def test_a_pixel_wider_than_a_cell_is_a_cell_of_its_own():
    rows, cols = label_cells(grid(5, 5), "EPSG:32631", Affine(10, 0, 655_360, 0, -10, 5_686_280))
    assert pixels_per_cell(rows, cols) == 1


def test_folds_keep_blocks_whole_and_balance_size_and_positives():
    rng = np.random.default_rng(0)
    block = np.repeat(np.arange(60), 50)
    label = (rng.random(len(block)) < (block % 6 == 0) * 0.8).astype(int)
    fold = group_folds(block, label)
    assert all(len(np.unique(fold[block == b])) == 1 for b in range(60))
    assert np.bincount(fold).min() > 0.8 * np.bincount(fold).max()
    assert np.bincount(fold, label).min() > 0.6 * np.bincount(fold, label).max()
    assert np.array_equal(fold, group_folds(block, label))
    assert not np.array_equal(fold, group_folds(block, label, seed=1))


def test_fewer_blocks_than_folds_give_fewer_folds():
    assert set(group_folds(np.array([0, 0, 1, 1, 2, 2]), np.array([0, 1, 0, 1, 0, 1]))) == {0, 1, 2}


def test_one_block_is_an_error():
    with pytest.raises(FusionError, match="1 spatial block"):
        group_folds(np.zeros(4, int), np.array([0, 1, 0, 1]))


def test_every_class_is_spread_over_the_folds_and_none_is_needed():
    block = np.arange(3000) // 30
    label = np.random.default_rng(0).choice(3, 100, p=[0.6, 0.3, 0.1])[block]
    fold = group_folds(block, label)
    for value in range(3):
        share = np.bincount(fold[label == value], minlength=5) / (label == value).sum()
        assert share.min() > 0.1 and share.max() < 0.3
    assert np.bincount(group_folds(block)).tolist() == [600] * 5


def test_no_training_sample_lies_within_one_cell_of_a_test_sample():
    row, col = (v.ravel() for v in np.mgrid[:12, :12])
    test = (row < 4) & (col < 4)
    train = training_mask(test, row, col)
    gap = np.maximum(np.abs(row[train][:, None] - row[test]), np.abs(col[train][:, None] - col[test]))
    assert gap.min() == 2
    assert train.sum() == 144 - 25
