"""A square's annual night lights, as VIIRS measures and the product states them.

Source of the product: https://eogdata.mines.edu/products/vnl/
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from affine import Affine
from pyproj import Transformer

from fusion_assets.demo.land import Field, noise, stream
from fusion_assets.demo.lights import ARC_SECONDS_15, Window
from fusion_assets.demo.squares.place import STEP, Square

FOOTPRINT = 742.0
"""Width of the sensor's footprint at half of its height, metres."""
SIGMA = FOOTPRINT / (2 * np.sqrt(2 * np.log(2)))
"""Standard deviation of the same Gaussian, metres: 315."""
CELLS = 10
"""Of the product beyond each edge of the square."""
_TRUNCATE, _PARTS = 4.0, 12


def cells_over(square: Square) -> Window:
    """The product's own cells over the square and `CELLS` beyond; longitude and latitude, 15 arc-seconds."""
    west, south, east, north = square.bounds
    x, y = np.meshgrid(np.linspace(west, east, 21), np.linspace(south, north, 21))
    lon, lat = Transformer.from_crs(square.crs, "EPSG:4326", always_xy=True).transform(x, y)
    left, right = np.floor(lon.min() / ARC_SECONDS_15 - 0.5) - CELLS, np.ceil(lon.max() / ARC_SECONDS_15 - 0.5) + CELLS
    low, high = np.floor(lat.min() / ARC_SECONDS_15 - 0.5) - CELLS, np.ceil(lat.max() / ARC_SECONDS_15 - 0.5) + CELLS
    # Cell centres lie on whole multiples.
    corner = (left + 0.5) * ARC_SECONDS_15, (high + 0.5) * ARC_SECONDS_15
    transform = Affine(ARC_SECONDS_15, 0, corner[0], 0, -ARC_SECONDS_15, corner[1])
    return Window("EPSG:4326", transform, (int(high - low), int(right - left)))


def measured(radiance: Field, square: Square, cells: Window) -> Field:
    """Mean of each cell after the point spread function: what a sensor without noise measures, nW/cm2/sr.

    Args:
        radiance: of the square with margin.
        square: where.
        cells: of the product.
    """
    from scipy import ndimage

    spread = ndimage.gaussian_filter(radiance.astype(np.float64), SIGMA / STEP, mode="nearest", truncate=_TRUNCATE)
    rows, cols = cells.shape
    fine = Window(cells.crs, cells.transform @ Affine.scale(1 / _PARTS), (rows * _PARTS, cols * _PARTS))
    values = ndimage.map_coordinates(spread, square.rows_cols(*fine.centres()), order=1, mode="nearest")
    return values.reshape(rows, _PARTS, cols, _PARTS).mean(axis=(1, 3)).astype(np.float32)


def annual(seed: int, square: Square, radiance: Field) -> tuple[Window, Field, npt.NDArray[np.uint16]]:
    """Cells, mean radiance (nW/cm2/sr) and number of cloud-free nights of the year; 0 in both where nothing was seen.

    Errors are those of published annual composites: a gain that is wrong by a few percent, airglow that was taken off
    too much or too little, and noise that falls with the number of nights.
    """
    rng, cells = stream(seed, "square", square.name, "night"), cells_over(square)
    shape = cells.shape
    nights = np.clip(np.rint(rng.uniform(70, 110) + 8 * noise(rng, shape, 1.0)), 20, 200).astype(np.uint16)
    row, col = (int(rng.integers(CELLS, side - CELLS)) for side in shape)
    nights[row : row + 2, col : col + 3] = 0
    root = np.sqrt(np.maximum(nights, 1))
    gain = np.exp(0.03 * rng.standard_normal() + 0.15 * rng.standard_normal(shape) / root)
    airglow = rng.uniform(-0.15, 0.2) + 0.04 * noise(rng, shape, 3.0, 2.0)
    grains = 0.8 * rng.standard_normal(shape) / root
    values = measured(radiance, square, cells) * gain + airglow + grains
    return cells, np.where(nights > 0, np.round(values, 2), 0).astype(np.float32), nights
