import numpy as np
import xarray as xr

from fusion_assets.evaluation.blocks import group_folds, training_mask
from fusion_assets.learning.patches import lay_out

BLOCK = np.add.outer(np.arange(60) // 20 * 4, np.arange(80) // 20)


def raster():
    pixels = np.arange(60 * 80, dtype="float32").reshape(60, 80)
    return xr.Dataset({"one": (("y", "x"), pixels), "two": (("y", "x"), -pixels)})


def test_a_patch_is_its_window_in_every_band_read_lazily_or_not():
    patches = lay_out(BLOCK, 8, 4)
    found = patches.cut(raster().chunk({"y": 7, "x": 33}))
    assert found.shape == (len(patches), 8, 8, 2) and found.dtype == np.float32
    for k in range(len(patches)):
        row, col = patches.row[k], patches.col[k]
        assert np.array_equal(found[k, ..., 0], raster()["one"].values[row : row + 8, col : col + 8])
    assert np.array_equal(found[..., 1], -found[..., 0])
    chosen = np.array([5, 2])
    assert np.array_equal(patches.take(chosen).cut(raster()), found[chosen])


def test_every_patch_lies_wholly_in_its_block():
    patches = lay_out(BLOCK, 8, 4)
    assert len(patches) == 12 * 4 * 4  # from 0, 4, 8 and 12 in each block of 20
    for row, col, block in zip(patches.row, patches.col, patches.block, strict=True):
        assert (BLOCK[row : row + 8, col : col + 8] == block).all()


def test_patches_with_too_little_data_are_left_out():
    valid = np.ones(BLOCK.shape, bool)
    valid[:20, :4] = False
    whole, half = (lay_out(BLOCK, 8, 4, valid, least) for least in (1.0, 0.5))
    assert len(lay_out(BLOCK, 8, 4)) - len(whole) == 4 and len(half) == len(lay_out(BLOCK, 8, 4))


def test_a_raster_smaller_than_a_patch_has_none():
    assert len(lay_out(np.zeros((7, 30), int), 8, 4)) == 0


def test_a_split_by_blocks_with_a_buffer_keeps_patches_apart():
    patches = lay_out(np.zeros((60, 80), int), 8, 4)
    block = BLOCK[patches.row, patches.col]
    test = group_folds(block) == 0
    train = training_mask(test, patches.row // 8, patches.col // 8)
    assert train.any()
    down, across = (np.abs(at[train][:, None] - at[test]) for at in (patches.row, patches.col))
    assert (np.maximum(down, across) > 8).all()
