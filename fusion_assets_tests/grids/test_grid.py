"""The grid: snapping, coordinates, areas, outlines, and the way through xarray and GeoTIFF."""

import numpy as np
import pyproj
import pytest
import rasterio
import rioxarray
import shapely
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid, rows_and_columns


@pytest.fixture
def grid():
    return Grid.from_bounds((655360, 5676040, 660480, 5686280), "EPSG:32631", 100)


def test_bounds_snap_outwards(grid):
    assert grid.bounds == (655300, 5676000, 660500, 5686300)
    assert grid.shape == (103, 52)
    assert grid.transform == Affine(100, 0, 655300, 0, -100, 5686300)


@pytest.mark.parametrize("noise", [0.0, 1e-9, -1e-9, 1e-4, -1e-4])
@pytest.mark.parametrize("resolution", [10, 0.1, 1000 / 3])
def test_multiples_of_the_resolution_are_kept(noise, resolution):
    west, south, columns, rows = 1234 * resolution, -567 * resolution, 30, 20
    bounds = (west, south, west + columns * resolution, south + rows * resolution)
    grid = Grid.from_bounds(tuple(edge + noise * resolution for edge in bounds), "EPSG:32631", resolution)
    assert grid.shape == (rows, columns)
    assert grid.bounds == pytest.approx(bounds)


def test_bounds_below_one_pixel_give_one_pixel():
    assert Grid.from_bounds((10, 10, 11, 11), "EPSG:32631", 100).shape == (1, 1)


@pytest.mark.parametrize(
    ("bounds", "resolution"),
    [((0, 0, 0, 10), 1), ((0, 5, 10, 2), 1), ((0, 0, float("inf"), 1), 1), ((0, 0, 1, 1), 0), ((0, 0, 1, 1), -5)],
)
def test_empty_bounds_and_bad_resolutions_are_refused(bounds, resolution):
    with pytest.raises(FusionError):
        Grid.from_bounds(bounds, "EPSG:32631", resolution)


@pytest.mark.parametrize(
    "transform", [Affine(10, 0, 0, 0, 10, 0), Affine(10, 1, 0, 0, -10, 0), Affine(10, 0, 0, 0, -20, 0)]
)
def test_grids_that_are_not_north_up_squares_are_refused(transform):
    with pytest.raises(FusionError, match="north-up"):
        Grid("EPSG:32631", transform, 5, 5)


def test_row_zero_is_north_and_column_zero_west(grid):
    x, y = grid.centres()
    assert (x[0], x[-1], y[0], y[-1]) == (655350, 660450, 5686250, 5676050)
    lon, lat = grid.lonlat()
    assert lon.shape == lat.shape == grid.shape
    assert lon[0, 0] < lon[0, -1]
    assert lat[0, 0] > lat[-1, 0]


def test_refine_and_window_stay_on_the_lattice(grid):
    fine = grid.refine(3)
    assert fine.shape == (309, 156)
    assert fine.bounds == pytest.approx(grid.bounds, abs=1e-6)
    part = grid.window(2, 3, 4, 5)
    x, y = grid.centres()
    np.testing.assert_array_equal(part.centres()[0], x[3:8])
    np.testing.assert_array_equal(part.centres()[1], y[2:6])


def test_a_parallel_bows_out_of_the_box_of_its_corners():
    box = shapely.box(10, 60, 20, 62)
    grid = Grid.from_geometry(box, "EPSG:32633", 1000)
    transformer = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:32633", always_xy=True)
    longitudes = np.linspace(10, 20, 50)
    for latitude in (60, 62):
        x, y = transformer.transform(longitudes, np.full(50, latitude))
        assert grid.bounds[1] <= y.min()
        assert grid.bounds[3] >= y.max()
        assert grid.bounds[0] <= x.min()
        assert grid.bounds[2] >= x.max()


def test_inside_is_the_pixel_centre_rule():
    grid = Grid.from_bounds((300000, 3000000, 340000, 3040000), "EPSG:32645", 1000)
    outline = shapely.Polygon([(84.95, 27.15), (85.35, 27.2), (85.3, 27.45), (85.1, 27.3)])
    lon, lat = grid.lonlat()
    # Edges are straight in degrees in both, so that only centres within metres of an edge could differ.
    expected = shapely.contains_xy(outline, lon, lat)
    inside = grid.inside(outline)
    assert inside.dtype == bool
    assert 100 < inside.sum() < inside.size
    assert (inside != expected).sum() == 0


@pytest.mark.parametrize(
    ("crs", "bounds", "resolution"),
    [
        ("EPSG:32631", (655360, 5676040, 660480, 5686280), 10),
        ("EPSG:32631", (166000, 0, 834000, 9_300_000), 2000),
        ("ESRI:54009", (187000, 5816000, 490000, 6035000), 1000),
        ("EPSG:3035", (3e6, 2e6, 6e6, 5e6), 2000),
        ("EPSG:3857", (0, 4e6, 2e6, 8e6), 2000),
        ("EPSG:32660", (700000, 7_000_000, 900000, 7_000_900), 1000),
        ("EPSG:32631", (300000, 5_000_000, 500000, 5_001_000), 1000),
    ],
)
def test_pixel_areas_equal_geodesic_polygons(crs, bounds, resolution):
    grid = Grid.from_bounds(bounds, crs, resolution)
    areas = grid.pixel_areas_km2()
    assert areas.shape == grid.shape
    geod, rng = pyproj.Geod(ellps="WGS84"), np.random.default_rng(0)
    to_lonlat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    corners = [(0, 0), (grid.height - 1, grid.width - 1)]
    for row, column in corners + [(rng.integers(grid.height), rng.integers(grid.width)) for _ in range(30)]:
        west, north = grid.transform @ (column, row)
        east, south = grid.transform @ (column + 1, row + 1)
        lon, lat = to_lonlat.transform([west, west, east, east], [north, south, south, north])
        expected = abs(geod.polygon_area_perimeter(lon, lat)[0]) / 1e6
        assert areas[row, column] == pytest.approx(expected, rel=1e-5)


def test_pixels_off_the_globe_have_no_area():
    areas = Grid.from_bounds((-18.1e6, -9.1e6, 18.1e6, 9.1e6), "ESRI:54009", 100_000).pixel_areas_km2()
    assert areas[0, 0] == 0
    assert areas.sum() == pytest.approx(510.07e6, rel=0.02)


@pytest.mark.parametrize(
    "crs", ["EPSG:32631", "ESRI:54009", "+proj=laea +lat_0=10 +lon_0=20 +datum=WGS84 +units=m", 32631]
)
def test_grid_comes_back_from_xarray_and_geotiff(tmp_path, crs):
    grid = Grid.from_bounds((500010, 1000020, 500060, 1000100), crs, 10)
    raster = grid.dataset({"a": np.ones(grid.shape, "float32")})
    assert Grid.of(raster) == grid
    raster.rio.to_raster(tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as file:
        assert Grid.of(file) == grid
    assert Grid.of(rioxarray.open_rasterio(tmp_path / "a.tif")).digest == grid.digest


def test_grid_of_a_cut_out_follows_the_coordinates(grid):
    raster = grid.dataset({"a": np.zeros(grid.shape)})
    assert Grid.of(raster.isel(y=slice(2, 6), x=slice(3, 8))) == grid.window(2, 3, 4, 5)
    assert Grid.of(raster.isel(y=[7], x=[9])) == grid.window(7, 9, 1, 1)


def test_dataset_refuses_another_shape(grid):
    with pytest.raises(FusionError, match=r"band a has shape \(3, 4\)"):
        grid.dataset({"a": np.zeros((3, 4))})


def test_raster_without_crs_is_refused(grid):
    raster = grid.dataset({"a": np.zeros(grid.shape)}).drop_vars("spatial_ref")
    with pytest.raises(FusionError, match="no CRS"):
        Grid.of(raster)


def test_unknown_crs_is_refused():
    with pytest.raises(FusionError, match="EPSG:99"):
        Grid.from_bounds((0, 0, 1, 1), "EPSG:99", 1)


def test_digest_tells_grids_apart_and_stays(grid):
    assert grid.digest == "be87fd6e6625"  # stored in rasters: a change makes every existing file foreign
    others = [
        grid.refine(2),
        grid.window(0, 1, *grid.shape),
        grid.window(0, 0, 103, 51),
        Grid("EPSG:32632", grid.transform, *grid.shape),
    ]
    assert len({grid.digest, *(other.digest for other in others)}) == 5


def test_sizes_say_which_number_is_which():
    assert rows_and_columns(*Grid.from_bounds((0, 0, 400, 100), "EPSG:32631", 100).shape) == "1 row x 4 columns"
