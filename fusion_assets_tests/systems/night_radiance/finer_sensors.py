"""A square of the demo by night, as the product sees it and as finer sensors see it that are out of place."""

import functools

import numpy as np
import rasterio
from affine import Affine
from rasterio.warp import Resampling, reproject

from fusion_assets.demo.squares.ground import build_ground
from fusion_assets.demo.squares.lamps import emitted
from fusion_assets.demo.squares.night import cells_over, measured
from fusion_assets.demo.squares.place import MARGIN, SIDE, STEP
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance import mapping
from fusion_assets_tests.demo.squares.square_archive import RESERVED

EAST, NORTH = 137.0, -205.0
"""Where finer sensors see everything, metres from where it is."""
GAIN, OFFSET = 0.5, 3.0
"""From their numbers to nW/cm2/sr."""
FINE = Grid(RESERVED.crs, Affine(STEP, 0, RESERVED.bounds[0], 0, -STEP, RESERVED.bounds[3]), SIDE, SIDE)


@functools.cache
def lit():
    """(truth with margin, truth on `FINE`, the product's cells with noise, their grid)."""
    whole = emitted(0, build_ground(0, RESERVED)).astype(float)
    window = cells_over(RESERVED)
    cells = measured(whole, RESERVED, window)
    chance = np.random.default_rng(0)
    cells = cells * np.exp(0.02 * chance.standard_normal(cells.shape)) + 0.1 * chance.standard_normal(cells.shape)
    inner = slice(MARGIN, MARGIN + SIDE)
    return whole, whole[inner, inner], cells, Grid(window.crs, window.transform, *window.shape)


def task(rounds=5):
    """The task of the square's map, without day imagery."""
    _, _, cells, grid = lit()
    return mapping.task_of(FINE, grid, cells, {}, 742.0, rounds)


def write(path, values, crs, transform, nodata=np.nan):
    bands = np.atleast_3d(values.T).T
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2], crs=crs,
        transform=transform, dtype="float32", nodata=nodata,
    ) as file:  # fmt: skip
        file.write(bands.astype("float32"))
    return str(path)


def out_of_place(path, noise=0.1, step=STEP, crs=None, convert=lambda radiance: (radiance - OFFSET) / GAIN):
    """A finer sensor's raster of the square, in its own unit, moved by (`EAST`, `NORTH`).

    Args:
        path: to write.
        noise: of its pixels, as a share.
        step: edge of its pixels; of degrees if `crs` is geographic.
        crs: its own; None: the map's.
        convert: nW/cm2/sr to its numbers.
    """
    whole = lit()[0]
    numbers = convert(whole * np.exp(noise * np.random.default_rng(1).standard_normal(whole.shape)))
    west, north = FINE.transform.c - MARGIN * STEP + EAST, FINE.transform.f + MARGIN * STEP + NORTH
    transform = Affine(STEP, 0, west, 0, -STEP, north)
    if crs is None:
        return write(path, numbers, RESERVED.crs, transform)
    box = rasterio.warp.transform_bounds(FINE.crs, crs, *FINE.bounds)
    shape = tuple(int((high - low) / step) for low, high in ((box[1], box[3]), (box[0], box[2])))
    target, own = np.full(shape, np.nan), Affine(step, 0, box[0], 0, -step, box[3])
    reproject(
        numbers, target, src_transform=transform, src_crs=RESERVED.crs, dst_transform=own, dst_crs=crs,
        resampling=Resampling.average, src_nodata=np.nan, dst_nodata=np.nan,
    )  # fmt: skip
    return write(path, target, crs, own)
