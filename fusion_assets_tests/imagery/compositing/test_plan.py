"""Tiles: whole cover, edges on the sources' blocks, and a size that does not grow with the season."""

import math
from itertools import pairwise

import numpy as np
import pytest
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Lattice
from fusion_assets.imagery.compositing.headers import Header
from fusion_assets.imagery.compositing.plan import TILING, Tiling, tile_sizes
from fusion_assets_tests.imagery.archives import CRS, NORTH, WEST


def make_header(block, step=10.0, crs=CRS, west=WEST, size=10_980):
    lattice = Lattice(crs, Affine(step, 0, west, 0, -step, NORTH), size, size)
    return Header(lattice, np.dtype(np.uint16), 0, (block, block), None, "GTiff")


def make_grid(side, step=10, west=WEST):
    return Grid(CRS, Affine(step, 0, west, 0, -step, NORTH), side, side)


def test_tiles_end_where_blocks_end():
    rows, cols = tile_sizes(make_grid(1500, west=WEST + 1230), 1, 24, 2, [make_header(512)])
    assert (rows, cols) == ([512, 512, 476], [389, 512, 512, 87])
    # Of several lattices, the one that most files have.
    headers = [make_header(512, west=WEST + 70), *[make_header(512)] * 2]
    assert tile_sizes(make_grid(1500), 1, 24, 2, headers)[1] == [512, 512, 476]


def test_many_scenes_make_slices_of_a_block_and_small_blocks_are_put_together():
    rows, cols = tile_sizes(make_grid(1500), 1, 96, 2, [make_header(512)])
    assert rows[:4] == [128] * 4 and cols == [512, 512, 476]
    assert tile_sizes(make_grid(1500), 1, 5, 2, [make_header(128)])[0] == [512, 512, 476]


@pytest.mark.parametrize("block", [1, 16, 256, 512, 1024])
@pytest.mark.parametrize("acquisitions", [1, 24, 96, 700])
@pytest.mark.parametrize(("side", "subdivision"), [(64, 1), (3000, 1), (300, 10), (123, 25), (13, 255)])
def test_tiles_cover_the_grid_and_stay_small(block, acquisitions, side, subdivision):
    headers = [make_header(block), make_header(block, 20)]
    rows, cols = tile_sizes(make_grid(side, 10 * subdivision), subdivision, acquisitions, 2, headers)
    assert sum(rows) == sum(cols) == side and min(rows + cols) > 0
    working = max(rows) * max(cols) * subdivision**2
    assert working * acquisitions * 3.125 <= 1.1 * TILING.stack_bytes or max(rows) * subdivision <= max(subdivision, 64)


@pytest.mark.parametrize("header", [make_header(512, 1.0), make_header(512, 1e-5, "EPSG:4326")])
def test_sources_finer_than_the_grid_count_as_they_are(header):
    rows, cols = tile_sizes(make_grid(2000, 100), 1, 1, 2, [header])
    finer = 100 if header.lattice.crs == CRS else 90
    assert max(rows) * max(cols) * finer**2 * 2 <= 1.1 * TILING.stack_bytes


def decodes(grid, header, rows, cols):
    """How often a block of a file is decoded, at most: tiles that it reaches into."""
    step, most = header.lattice.transform.a / grid.resolution, 1
    for lengths, first in ((rows, 0), (cols, round((WEST - grid.transform.c) / grid.resolution))):
        edges = np.cumsum([0, *lengths])
        block = [
            set(((np.array([a, b - 1]) - first) // (header.block[0] * step)).astype(int)) for a, b in pairwise(edges)
        ]
        spans = [range(min(found), max(found) + 1) for found in block]
        most *= max(sum(n in span for span in spans) for span in spans for n in span)
    return most


@pytest.mark.parametrize("acquisitions", [24, 96, 240])
@pytest.mark.parametrize("mask", [(512, 10), (512, 20), (1024, 10), (64, 60)])
def test_within_the_memory_no_block_is_decoded_twice(acquisitions, mask):
    # 6 GB for two threads, a quarter of 24: a whole tile of Sentinel-2, from an edge that is no block's.
    headers = [make_header(512), make_header(*mask)]
    grid, tiling = make_grid(10_000, west=WEST + 1230), Tiling(stack_bytes=int(3e9 * 0.7))
    rows, cols = tile_sizes(grid, 1, acquisitions, 2, headers, tiling)
    assert max(rows) * max(cols) * acquisitions * 3.125 <= tiling.stack_bytes
    fits = math.lcm(512, int(mask[0] * mask[1] / 10)) ** 2 * acquisitions * 3.125 <= tiling.stack_bytes
    assert decodes(grid, headers[0], rows, cols) == 1
    assert decodes(grid, headers[1], rows, cols) == 1 or not fits


def test_blocks_that_never_end_together_leave_the_commonest_whole():
    rows, cols = tile_sizes(
        make_grid(5000), 1, 24, 2, [make_header(512), make_header(512), make_header(512, west=WEST + 70)]
    )
    assert set(rows[:-1]) == set(cols[:-1]) == {512}
