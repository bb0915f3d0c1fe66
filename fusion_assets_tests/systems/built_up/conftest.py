"""A small place of known make: a town that is bright at night, bare soil that looks like it by day, labels in cells."""

import numpy as np
import pytest
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.built_up.features.samples import draw_samples

CRS = "EPSG:32631"
FEATURES = ("B04", "B08", "avg_rad")
CELL = 200.0


def place(height=64, width=60, seed=0):
    """Stack, labels and label source of a place with 100 m pixels and labels in 200 m cells."""
    rng = np.random.default_rng(seed)
    grid = Grid(CRS, Affine(100, 0, 600_000, 0, -100, 5_000_000), height, width)
    y, x = np.mgrid[:height, :width] // 2 * 2
    built = (np.sin(x / 7.0) + np.cos(y / 9.0) + 0.2 * np.sin(x * y / 50.0)) > 0.6
    soil = np.sin(x / 5.0 + 2) > 0.5
    red = 0.08 + 0.05 * built + 0.04 * soil + rng.normal(0, 0.02, built.shape)
    infrared = 0.30 - 0.08 * built - 0.08 * soil + rng.normal(0, 0.03, built.shape)
    lights = np.exp(rng.normal(0.3, 0.5, built.shape) + 2 * built)
    stack = grid.dataset({n: v.astype("float32") for n, v in zip(FEATURES, (red, infrared, lights), strict=True)})
    labels = grid.dataset({"built_up": built.astype("int16")})
    return stack, labels, (CRS, Affine(CELL, 0, 600_000, 0, -CELL, 5_000_000))


@pytest.fixture(scope="session")
def town():
    """Stack and samples of the place; one pixel has no lights."""
    stack, labels, source = place()
    stack["avg_rad"][10, 11] = np.nan
    samples, _ = draw_samples(stack, labels, FEATURES, source=source)
    return stack, samples
