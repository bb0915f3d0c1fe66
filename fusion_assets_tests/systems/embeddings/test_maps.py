"""Maps of embeddings: what a cell is the embedding of, that blocks do not show, and what has none."""

import numpy as np
import pytest
import xarray as xr
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_writing import open_raster, write_raster
from fusion_assets.systems.embeddings import maps
from fusion_assets.systems.embeddings.encoder.pairs import Pairs
from fusion_assets.systems.embeddings.encoder.trained import untrained
from fusion_assets_tests.systems.embeddings.world import BANDS, DESIGN, world

GRID, SIZE = Grid("EPSG:32633", Affine(60, 0, 500_000, 0, -60, 5_800_000), 7, 5), 12
PIXELS = maps.imagery_grid(GRID, SIZE)


@pytest.fixture(scope="module")
def encoder():
    pairs, _ = world(16, SIZE)
    return untrained(DESIGN, pairs, np.arange(16), seed=1)


@pytest.fixture(scope="module")
def pixels():
    """Optics (y, x, band) and radar (y, x, 2)."""
    random = np.random.default_rng(0)
    slope = np.linspace(0, 0.3, PIXELS.width)[None, :, None]
    optics = 0.1 + slope + random.normal(0, 0.03, (*PIXELS.shape, 3))
    return optics.astype("f4"), random.normal((-12, -18), 2, (*PIXELS.shape, 2)).astype("f4")


def rasters(pixels):
    """As composites are stored."""
    return tuple(
        PIXELS.dataset({name: values[..., number] for number, name in enumerate(names)})
        for values, names in zip(pixels, (BANDS, ("VV", "VH")), strict=True)
    )


def mapped(pixels, encoder, wanted=None, **options):
    wanted = np.ones(GRID.shape, bool) if wanted is None else wanted
    bands = maps.embedding_map(*rasters(pixels), GRID, wanted, encoder, SIZE, **options)
    assert list(bands) == list(maps.band_names(DESIGN.dim))
    return xr.Dataset({name: (("y", "x"), values) for name, values in bands.items()}).compute().to_array().values


def test_a_cell_is_the_embedding_of_the_patch_around_its_middle(pixels, encoder):
    found = mapped(pixels, encoder)
    row, column = 4, 3
    x, y = (axis[at] for axis, at in zip(GRID.centres(), (column, row), strict=True))
    inside = [np.abs(axis - at) < SIZE * 10 / 2 for axis, at in zip(PIXELS.centres(), (x, y), strict=True)]
    optics, radar = (values[inside[1]][:, inside[0]][None] for values in pixels)
    (expected,) = encoder.embedded(Pairs(optics, radar, np.zeros(1, int), BANDS), np.arange(1))
    assert np.abs(found[:, row, column] - 127 * expected).max() <= 1
    length = np.linalg.norm(found / 127, axis=0)
    assert found.shape == (DESIGN.dim, *GRID.shape) and np.abs(length - 1).max() < 0.03


@pytest.mark.parametrize("block", [12, 20, 30])
def test_blocks_do_not_show(pixels, encoder, block):
    assert np.abs(mapped(pixels, encoder, block=block) - mapped(pixels, encoder)).max() <= 1


def test_what_is_not_known_or_not_asked_for_has_no_embedding(pixels, encoder):
    optics, radar = (values.copy() for values in pixels)
    optics[:6, :6, 1] = np.nan  # a quarter of the first window, a sixteenth or less of none
    radar[0, -1] = np.nan
    wanted = np.ones(GRID.shape, bool)
    wanted[6] = False
    found = mapped((optics, radar), encoder, wanted)
    known = np.isfinite(found).all(axis=0)
    assert not known[0, 0] and not known[6].any() and known[0, -1] and known.sum() == 29
    assert np.array_equal(found[:, 1:6, 1:], mapped(pixels, encoder)[:, 1:6, 1:])


def test_linear_power_is_read_as_decibels(pixels, encoder):
    optics, radar = pixels
    linear = np.where(np.arange(PIXELS.height)[:, None, None] == 1, 0, 10 ** (radar / 10)).astype("f4")
    decibels = np.where(linear > 0, radar, np.nan)
    assert np.nanmax(np.abs(mapped((optics, linear), encoder, linear=True) - mapped((optics, decibels), encoder))) <= 1


def test_imagery_on_another_grid_or_without_a_band_is_refused(pixels, encoder):
    optics, radar = rasters(pixels)
    wanted = np.ones(GRID.shape, bool)
    with pytest.raises(FusionError, match="on the grid"):
        maps.embedding_map(optics.isel(y=slice(1, None)), radar, GRID, wanted, encoder, SIZE)
    with pytest.raises(FusionError, match="embedding_sentinel2 without B04"):
        maps.embedding_map(optics.drop_vars("B04"), radar, GRID, wanted, encoder, SIZE)


def test_the_file_holds_bytes_and_the_picture_three_components(pixels, encoder, tmp_path):
    bands = maps.embedding_map(*rasters(pixels), GRID, np.ones(GRID.shape, bool), encoder, SIZE, block=30)
    written = write_raster(GRID.dataset(bands), nodata=maps.NO_DATA, dtype="int8", tags={}, directory=tmp_path)
    import rasterio

    with rasterio.open(written.path) as file:
        assert set(file.dtypes) == {"int8"} and file.nodata == -128 and file.count == DESIGN.dim
        assert file.descriptions == maps.band_names(DESIGN.dim)
    stored = open_raster(written.path).compute().to_array().values
    assert np.array_equal(stored, mapped(pixels, encoder, block=30))
    colours = np.stack(list(maps.components(written.preview).values()))
    cells = stored.reshape(DESIGN.dim, -1)
    spread = np.linalg.svd(cells - cells.mean(axis=1, keepdims=True), compute_uv=False)[:3]
    assert np.linalg.norm(colours.reshape(3, -1), axis=1) == pytest.approx(spread, rel=1e-3)
