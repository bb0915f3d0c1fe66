"""Reading a file onto a grid: exact placement, no-data, overviews, retries, damage."""

import math
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from scipy.ndimage import map_coordinates

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery import retries
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.headers import read_header
from fusion_assets.imagery.compositing.scene_reading import read_bilinear, read_nearest, read_part
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.imagery.unreadable import UnreadableFile, UnusableScene
from fusion_assets.storage import raster_files
from fusion_assets_tests.imagery.archives import CRS, NORTH, STEP, WEST, damage, lattice, noise, truncate, write_tif


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)


def make_grid(height=40, width=50, west=WEST, north=NORTH, step=STEP, crs=CRS):
    return Grid(crs, Affine(step, 0, west, 0, -step, north), height, width)


def brute_force(values, transform, crs, grid):
    """Pixel by pixel: project the centre, take the source pixel it falls in. Values and where there is one."""
    project = pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True).transform
    out, inside = np.zeros(grid.shape, values.dtype), np.zeros(grid.shape, bool)
    for row in range(grid.height):
        for col in range(grid.width):
            x, y = grid.transform @ (col + 0.5, row + 0.5)
            source_col, source_row = ~transform @ project(x, y)
            r, c = math.floor(source_row + 1e-8), math.floor(source_col + 1e-8)
            if 0 <= r < values.shape[0] and 0 <= c < values.shape[1]:
                out[row, col], inside[row, col] = values[r, c], True
    return out, inside


# A grid near the border of two UTM zones, and the same place's northern corner in zone 32.
BORDER = {"west": 712_000, "north": 5_600_000}
ZONE_32 = (286_400, 5_600_400)
CASES = {
    "same lattice": ({}, lattice(), CRS),
    "half a pixel off": ({}, lattice(WEST - 5, NORTH + 5), CRS),
    "20 m under 10 m": ({}, lattice(WEST - 40, NORTH + 20, 20), CRS),
    "2.5 m over 10 m": ({}, lattice(WEST, NORTH, 2.5), CRS),
    "partly outside": ({}, lattice(WEST + 200, NORTH + 130), CRS),
    "partly outside, other side": ({}, lattice(WEST - 400, NORTH + 390), CRS),
    "another UTM zone": (BORDER, lattice(*ZONE_32), "EPSG:32632"),
    "another UTM zone, partly outside": (BORDER, lattice(ZONE_32[0] + 250, ZONE_32[1] - 150), "EPSG:32632"),
    "degrees": ({}, Affine(2e-4, 0, 3.0, 0, -2e-4, 50.552), "EPSG:4326"),
    "south up": ({}, Affine(10, 0, WEST, 0, 10, NORTH - 600), CRS),
    "sheared": ({}, Affine(9, 2, WEST - 50, -2, -9, NORTH + 50), CRS),
}


@pytest.mark.parametrize("case", CASES)
def test_nearest_agrees_with_projecting_every_pixel(tmp_path, case):
    place, transform, crs = CASES[case]
    grid, values = make_grid(**place), noise((60, 70), 1)
    path = write_tif(tmp_path / "a.tif", values, transform, crs, block=16)
    expected, inside = brute_force(values, transform, crs, grid)
    assert inside.any() and not ("outside" in case and inside.all())
    found, valid = read_nearest(SceneFile(path), grid)
    np.testing.assert_array_equal(valid, inside)
    np.testing.assert_array_equal(found[inside], expected[inside])


@pytest.mark.parametrize(("west", "crs"), [(WEST + 10_000, CRS), (WEST, "EPSG:32633")])
def test_a_file_outside_the_grid_reads_as_nothing(tmp_path, west, crs):
    path = write_tif(tmp_path / "a.tif", noise((60, 70), 1), lattice(west), crs)
    header = read_header(SceneFile(path), make_grid())
    Path(path).unlink()  # with its header known, it is not even opened
    assert read_nearest(SceneFile(path), make_grid(), header=header) is None
    assert read_bilinear(SceneFile(path), make_grid(), header=header) is None


def test_no_data_from_tag_item_or_product(tmp_path):
    values = np.array([[0, 1, 2], [255, 4, 5]], np.uint16)
    tagged = write_tif(tmp_path / "tagged.tif", values, nodata=255)
    plain = write_tif(tmp_path / "plain.tif", values)
    grid = make_grid(2, 3)

    def known(path, **file):
        return read_nearest(SceneFile(path, **file), grid)[1]

    np.testing.assert_array_equal(known(tagged, usual_nodata=0), values != 255)
    np.testing.assert_array_equal(known(tagged, nodata=0), values != 0)
    np.testing.assert_array_equal(known(plain, nodata=4), values != 4)
    np.testing.assert_array_equal(known(plain, usual_nodata=0), values != 0)
    assert known(plain).all()
    for impossible in (-9999, 65536, 0.5, math.nan):
        with pytest.raises(UnusableScene, match="uint16 cannot hold"):
            known(plain, nodata=impossible)
    assert read_nearest(SceneFile(tagged), grid, any_number=True)[1].all()


@pytest.mark.parametrize(("dtype", "nodata"), [(np.float32, -3.4028234663852886e38), (np.float64, -1.7e308)])
def test_no_data_of_float_files(tmp_path, dtype, nodata):
    values = np.array([[1.5, nodata], [np.nan, np.inf]], dtype)
    path = write_tif(tmp_path / "a.tif", values, nodata=nodata)
    with np.errstate(over="ignore"):
        found, valid = read_nearest(SceneFile(path), make_grid(2, 2), np.dtype(np.float32))
    np.testing.assert_array_equal(valid, [[True, False], [False, False]])
    assert found[0, 0] == 1.5


def test_coarser_grids_read_the_overview_that_is_still_as_fine(tmp_path):
    path = write_tif(tmp_path / "a.tif", noise((256, 256), 1), block=64, overviews=(2, 4))
    file = SceneFile(path)
    levels = {step: read_header(file, make_grid(step=step)).level for step in (5, 10, 19, 20, 39, 40, 500)}
    assert levels == {5: None, 10: None, 19: None, 20: 0, 39: 0, 40: 1, 500: 1}
    grid = make_grid(32, 32, step=40)
    with rasterio.open(path, overview_level=1) as source:
        np.testing.assert_array_equal(read_nearest(file, grid)[0], source.read(1)[:32, :32])
    assert read_header(SceneFile(path), Grid("EPSG:4326", Affine(1, 0, 3, 0, -1, 50), 2, 2)).level is None


@pytest.mark.parametrize("crs", [CRS, "EPSG:32632"])
def test_bilinear_agrees_with_scipy(tmp_path, crs):
    values = noise((30, 30), 2).astype(np.float32)
    coarse = lattice(WEST - 1000, NORTH + 1000, 100) if crs == CRS else lattice(285_500, 5_601_000, 100)
    grid = make_grid(30, 40, step=23, **({} if crs == CRS else BORDER))
    path = write_tif(tmp_path / "a.tif", values, coarse, crs)
    x, y = np.meshgrid(*grid.centres())
    cols, rows = ~coarse @ pyproj.Transformer.from_crs(grid.crs, crs, always_xy=True).transform(x, y)
    expected = map_coordinates(values.astype(float), [rows - 0.5, cols - 0.5], order=1, mode="nearest") * 0.1 + 3
    found, valid = read_bilinear(SceneFile(path, 0.1, 3), grid)
    assert valid.all() and found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_bilinear_keeps_edges_and_does_not_spread_no_data_without_weight(tmp_path):
    values = np.arange(16, dtype=np.float32).reshape(4, 4)
    values[1, 2] = -1
    path = write_tif(tmp_path / "a.tif", values, nodata=-1)
    found, valid = read_bilinear(SceneFile(path), make_grid(4, 4))  # same lattice: all weight on one pixel
    np.testing.assert_array_equal(valid, values != -1)
    np.testing.assert_array_equal(found[valid], values[valid])
    assert np.isnan(found[1, 2])
    found, valid = read_bilinear(SceneFile(path), make_grid(5, 5, WEST - 5, NORTH + 5))  # between the centres
    assert not valid[1:3, 2:4].any() and valid.sum() == 21
    assert found[0, 0] == values[0, 0] and found[4, 4] == values[3, 3]
    found, valid = read_bilinear(SceneFile(path), make_grid(8, 8, WEST - 20, NORTH + 20, 10))
    assert not valid[:2].any() and np.isnan(found[:2]).all()


class Flaky:
    """A file that cannot be opened a number of times."""

    def __init__(self, failures):
        self.failures, self.calls, self.real = failures, 0, rasterio.io.DatasetReader

    def __call__(self, *args, **kwargs):
        self.calls += 1
        if self.calls <= self.failures:
            raise rasterio.errors.RasterioIOError("the network stumbled")
        return self.real(*args, **kwargs)


def test_a_file_that_fails_twice_is_read_the_third_time(tmp_path, monkeypatch):
    values = noise((40, 50), 1)
    path = write_tif(tmp_path / "a.tif", values)
    header = read_header(SceneFile(path), make_grid())
    monkeypatch.setattr(raster_files, "DatasetReader", flaky := Flaky(2))
    np.testing.assert_array_equal(read_nearest(SceneFile(path), make_grid(), header=header)[0], values)
    assert flaky.calls == 3
    monkeypatch.setattr(raster_files, "DatasetReader", Flaky(3))
    with pytest.raises(UnreadableFile, match="the network stumbled"):
        read_nearest(SceneFile(path), make_grid(), header=header)


def test_a_truncated_file_is_unreadable_even_where_it_is_whole(tmp_path):
    path = write_tif(tmp_path / "a.tif", noise((256, 256), 1), block=64)
    truncate(path)
    for read in (read_header, read_nearest, read_bilinear, read_part):
        with pytest.raises(UnreadableFile, match="truncated") as caught:
            read(SceneFile(path), make_grid(20, 20))
        assert path in caught.value.found and caught.value.href == path


def test_a_damaged_block_is_found_where_it_is_needed(tmp_path):
    path = write_tif(tmp_path / "a.tif", noise((256, 256), 1), block=64)
    damage(path)
    for read in (read_nearest, read_part):
        with pytest.raises(UnreadableFile, match=r"a\.tif"):
            read(SceneFile(path), make_grid(256, 256))
        read(SceneFile(path), make_grid(20, 20))
        read(SceneFile(path), make_grid(20, 20, WEST + 50_000))


@pytest.mark.parametrize("content", [None, b"", b"not a tiff"])
def test_missing_and_foreign_files_are_unreadable(tmp_path, content):
    path = tmp_path / "a.tif"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UnreadableFile, match=r"a\.tif"):
        read_nearest(SceneFile(str(path)), make_grid())


def test_a_file_without_crs_is_unreadable(tmp_path):
    path = write_tif(tmp_path / "a.tif", noise((4, 4), 1), crs=None)
    with pytest.raises(UnreadableFile, match="coordinate reference system"):
        read_nearest(SceneFile(path), make_grid())


def test_signed_addresses_do_not_reach_the_message():
    error = UnreadableFile("https://host/a.tif?sig=secret", "no answer")
    assert "secret" not in str(error)


def test_gdal_keeps_room_for_the_blocks_of_a_window(tmp_path):
    # GDAL's cache is set in bytes; one too small decodes a block again for every line of a window.
    from rasterio._env import get_gdal_config

    with gdal_environment():
        assert get_gdal_config("GDAL_CACHEMAX") >= 16 << 20
