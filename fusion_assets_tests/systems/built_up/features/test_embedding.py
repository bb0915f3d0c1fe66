"""A map of vectors on the region's grid: means of cells, of unit length again."""

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.study.vectors import VectorMap
from fusion_assets.systems.built_up.features.embedding import vectors_on

GRID = Grid("EPSG:32633", Affine(300, 0, 300_000, 0, -300, 5_800_200), 3, 4)
BANDS = ("e000", "e001", "e002")
VECTORS = VectorMap("embedding_map", BANDS, ("here",), (2019,), 100, 127, (), lambda year: None, lambda *of: "")


def cells(top=0, left=0, height=9, width=12, step=100.0):
    """Whole numbers on cells whose corner lies so many cells inside the grid's, as a stored map has them."""
    corner = Affine(step, 0, 300_000 + left * step, 0, -step, 5_800_200 - top * step)
    vectors = np.random.default_rng(0).normal(size=(3, height, width))
    numbers = np.rint(127 * vectors / np.linalg.norm(vectors, axis=0)).astype(np.float32)
    return Grid("EPSG:32633", corner, height, width).dataset(dict(zip(BANDS, numbers, strict=True)))


def stacked(raster):
    return np.stack([raster[name].values for name in BANDS])


def test_a_pixel_is_the_direction_of_the_mean_of_its_cells():
    mapped = cells()
    found = vectors_on(mapped, VECTORS, GRID, 0.25)
    assert Grid.of(found).digest == GRID.digest and found["e000"].dtype == np.float32
    mean = stacked(mapped)[:, 3:6, 6:9].mean(axis=(1, 2))
    np.testing.assert_allclose(stacked(found)[:, 1, 2], mean / np.linalg.norm(mean), rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(stacked(found), axis=0), 1, rtol=1e-5)


@pytest.mark.parametrize(("top", "left", "height", "width"), [(-2, -1, 15, 14), (1, 2, 6, 7), (0, 0, 9, 12)])
def test_maps_that_reach_beyond_the_grid_or_end_before_it_lie_where_they_belong(top, left, height, width):
    mapped = cells(top, left, height, width)
    found = stacked(vectors_on(mapped, VECTORS, GRID, 0.25))
    whole = np.full((3, 9 + 40, 12 + 40), np.nan)
    whole[:, 20 + top : 20 + top + height, 20 + left : 20 + left + width] = stacked(mapped)
    squares = whole[:, 20:29, 20:32].reshape(3, 3, 3, 4, 3)
    enough = np.isfinite(squares).sum(axis=(2, 4)) >= 0.25 * 9
    np.testing.assert_array_equal(np.isfinite(found), enough)
    mean = np.nansum(squares, axis=(2, 4))  # its direction is that of the mean
    with np.errstate(invalid="ignore"):
        expected = (mean / np.linalg.norm(mean, axis=0))[enough]
    np.testing.assert_allclose(found[enough], expected, rtol=1e-5)


def test_too_few_known_cells_and_vectors_that_cancel_out_are_no_data():
    mapped = cells()
    for name in BANDS:
        mapped[name].values[:3, :3] = np.nan
        mapped[name].values[0, 0] = mapped[name].values[5, 5]  # one of nine
        mapped[name].values[3:6, 3:6] = 0
    found = stacked(vectors_on(mapped, VECTORS, GRID, 0.25))
    assert np.isnan(found[:, 0, 0]).all() and np.isnan(found[:, 1, 1]).all() and np.isfinite(found[:, 2:]).all()
    assert np.isfinite(stacked(vectors_on(mapped, VECTORS, GRID, 0.1))[:, 0, 0]).all()


@pytest.mark.parametrize(
    ("mapped", "said"),
    [
        (cells(step=200), "cells of 200 m"),
        (cells(step=400), "cells of 400 m"),
        (cells(left=0.5), "from \\(300050"),
        (cells().drop_vars("e001"), "without e001"),
        (cells().rio.write_crs("EPSG:32634"), "EPSG:32634"),
    ],
)
def test_cells_that_pixels_are_not_made_of_are_refused(mapped, said):
    with pytest.raises(FusionError, match=said):
        vectors_on(mapped, VECTORS, GRID, 0.25)
