"""The simulated sensor of the night, and the errors of its annual product."""

import numpy as np
import pytest

from fusion_assets.demo.squares.night import CELLS, annual, cells_over, measured
from fusion_assets.demo.squares.place import MARGIN, STEP
from fusion_assets_tests.demo.squares.square_archive import RESERVED


def test_cells_are_the_products_own_and_reach_ten_beyond_the_square():
    cells = cells_over(RESERVED)
    # Edges lie half a cell from whole multiples of 15 arc-seconds.
    assert np.allclose(np.array([cells.transform.c, cells.transform.f]) * 240 % 1, 0.5, atol=1e-6)
    rows, cols = RESERVED.rows_cols(*cells.centres())
    inside = (rows > MARGIN) & (rows < rows.max() - MARGIN)
    assert inside.any()
    west, south, east, north = RESERVED.bounds
    edge = STEP * MARGIN
    x, y = RESERVED.west - edge + (cols + 0.5) * STEP, RESERVED.north + edge - (rows + 0.5) * STEP
    assert x[:, CELLS - 1].max() < west and x[:, -CELLS].min() > east
    assert y[CELLS - 1].min() > north and y[-CELLS].max() < south
    # Nothing that shines into a cell lies beyond what is simulated.
    assert min(x.min() - west + edge, east + edge - x.max(), y.min() - south + edge, north + edge - y.max()) > 1260


def test_the_sensor_keeps_light_and_spreads_it_742_m_wide():
    cells = cells_over(RESERVED)
    assert measured(np.ones(RESERVED.shape, np.float32), RESERVED, cells) == pytest.approx(1, abs=1e-6)
    lamp = np.zeros(RESERVED.shape, np.float32)
    middle = RESERVED.shape[0] // 2
    lamp[middle, middle] = 1000
    seen = measured(lamp, RESERVED, cells)
    rows, cols = RESERVED.rows_cols(*cells.centres())
    share = seen / seen.sum()
    # Variance of the Gaussian, and of a cell's own width (463 m, 415 m at this latitude).
    for away, edge in ((rows, 463), (cols, 416)):
        width = np.sqrt((share * ((away - middle) * STEP) ** 2).sum())
        assert width == pytest.approx(np.hypot(315, edge / np.sqrt(12)), rel=0.02)


def test_the_annual_product_errs_as_published_ones():
    cells, values, nights = annual(0, RESERVED, np.zeros(RESERVED.shape, np.float32))
    seen = nights > 0
    assert values.shape == cells.shape and np.isfinite(values).all()
    assert 0 < (~seen).sum() < 20 and (values[~seen] == 0).all()
    assert (values < 0).any() and np.abs(values).max() < 1
    bright = np.full(RESERVED.shape, 100, np.float32)
    gain = annual(0, RESERVED, bright)[1][seen] / 100
    assert 0.9 < gain.mean() < 1.1 and 0.005 < gain.std() < 0.05
