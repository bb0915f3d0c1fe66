"""Built-up surface on grids coarser than its cells, and surface that no cell can hold."""

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Lattice
from fusion_assets.imagery.acquisitions import acquisitions
from fusion_assets.imagery.compositing.composite import CompositeRecipe, composite
from fusion_assets.imagery.compositing.label_cells import averaged, check_equal_cells, most_surface
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Mask
from fusion_assets.systems.built_up.features.labels import built_up_labels, source_cell_m2
from fusion_assets_tests.imagery.archives import CRS, NORTH, WEST, lattice, make_scene, write_tif

RECIPE = CompositeRecipe(("built_surface",), Mask("none"), reducer="latest")


def share(root, cells, step=100, grid_step=1000, size=(2, 2), crs=CRS, transform=None, nodata=None, cell=None):
    """Built-up share on a coarse grid, from square metres a cell."""
    path = write_tif(root / "a.tif", cells, transform or lattice(step=step), crs, nodata)
    grid = Grid(CRS, Affine(grid_step, 0, WEST, 0, -grid_step, NORTH), *size)
    scene = make_scene("a", {"built_surface": path}, scale=1.0)
    made = composite(acquisitions([scene]), RECIPE, grid, surface=True).compute()
    return made.built_surface.values / (cell or step * step)


def test_a_pixel_that_is_almost_wholly_built_is_not_empty(tmp_path):
    cells = np.full((20, 20), 10_000, np.uint16)
    cells[5, 5] = 0  # the one under the first pixel's centre
    np.testing.assert_allclose(share(tmp_path, cells), [[0.99, 1], [1, 1]])


@pytest.mark.parametrize("step", [50, 100, 250, 300])
def test_cells_that_straddle_pixels_count_by_area(tmp_path, step):
    count = 6000 // step
    cells = np.random.default_rng(2).integers(0, step * step, (count, count)).astype(np.uint32)
    fine = np.kron(cells / step**2, np.ones((step // 10, step // 10)))[:600, :600]
    truth = fine.reshape(6, 100, 6, 100).mean(axis=(1, 3))
    found = share(tmp_path, cells, step, size=(6, 6))
    assert abs(found - truth).max() < (1e-6 if 1000 % step == 0 else 0.02)


def test_cells_as_coarse_as_the_grid_are_taken_as_they_are(tmp_path):
    cells = np.arange(4, dtype=np.uint32).reshape(2, 2) * 100_000
    np.testing.assert_array_equal(share(tmp_path, cells, 1000, cell=1), cells)
    grid = Grid(CRS, Affine(1000, 0, WEST, 0, -1000, NORTH), 2, 2)
    for step in (1000, 2000):
        assert averaged(RECIPE, grid, CRS, lattice(step=step)) is RECIPE
    assert averaged(RECIPE, grid, "EPSG:4326", Affine(1 / 120, 0, 0, 0, -1 / 120, 0)).subdivision == 20
    assert averaged(RECIPE, grid, CRS, lattice(step=1)).subdivision == 255


def test_the_share_is_that_of_what_is_known(tmp_path):
    cells = np.full((20, 20), 10_000, np.uint16)
    cells[:, :10] = 65_535
    cells[:, 10:15] = 0
    found = share(tmp_path, cells, nodata=65_535)
    assert np.isnan(found[:, 0]).all() and (found[:, 1] == 0.5).all()


@pytest.mark.parametrize(
    ("cells", "step", "size"),
    [
        (np.full((20, 20), 65_535, np.uint16), 100, (2, 2)),
        (np.full((2, 2), 4_294_967_295, np.uint32), 1000, (2, 2)),
        (np.pad(np.full((1, 1), 65_535, np.uint16), ((0, 19), (0, 19))), 100, (2, 2)),  # one cell of a hundred
    ],
)
def test_fill_that_nothing_declares_is_refused(tmp_path, cells, step, size):
    with pytest.raises(FusionError, match="m2 of built-up surface: no-data fill") as caught:
        share(tmp_path, cells, step, size=size)
    assert "65535" in caught.value.remedy


def test_how_much_a_cell_can_hold():
    assert most_surface(CRS, lattice(step=100)) == pytest.approx(1.05 * 10_000)
    three_seconds = Affine(1 / 1200, 0, 0, 0, -1 / 1200, 0)
    assert most_surface("EPSG:4326", three_seconds) == pytest.approx(1.05 * 92.77**2, rel=1e-3)


def test_tiles_of_different_cells_are_refused(tmp_path):
    cells = np.ones((20, 20), np.uint16)
    scenes = [
        make_scene(name, {"built_surface": write_tif(tmp_path / f"{name}.tif", cells, lattice(step=step))}, scale=1.0)
        for name, step in (("a", 100), ("b", 25))
    ]
    grid = Grid(CRS, Affine(1000, 0, WEST, 0, -1000, NORTH), 2, 2)
    with pytest.raises(FusionError, match="100 x 100 in EPSG:32631, 25 x 25"):
        composite(acquisitions(scenes), RECIPE, grid, surface=True)


def test_fill_below_0_is_refused(tmp_path):
    with pytest.raises(FusionError, match="has -200 m2 of built-up surface"):
        share(tmp_path, np.full((20, 20), -200, np.int16))


def test_the_area_of_cells():
    grid = Grid(CRS, Affine(1000, 0, WEST, 0, -1000, NORTH), 2, 2)
    turned = Affine.rotation(30) @ Affine.scale(100, -100)
    for crs, transform, area in (
        (CRS, lattice(step=100), 10_000),
        (CRS, turned, 10_000),
        ("EPSG:32631", Affine(100, 0, 0, 0, -50, 0), 5_000),
        ("EPSG:2263", Affine(100, 0, 0, 0, -100, 0), None),  # US feet, far from here
        ("EPSG:3857", Affine(100, 0, 0, 0, -100, 0), None),
    ):
        if area is None:
            with pytest.raises(FusionError, match="m2 on the ground"):
                source_cell_m2(grid, crs, transform)
        else:
            np.testing.assert_allclose(source_cell_m2(grid, crs, transform), area)
    assert most_surface("EPSG:2263", Affine(100, 0, 0, 0, -100, 0)) == pytest.approx(1.05 * 30.48**2, rel=1e-4)


def test_codes_that_a_product_does_not_have_are_refused(tmp_path):
    product = PRODUCTS["ghsl_smod_v2"]
    grid = Grid(CRS, Affine(1000, 0, WEST, 0, -1000, NORTH), 2, 2)
    codes = grid.dataset({"smod_code": np.array([[10, 21], [30, 255]], np.float32)})
    with pytest.raises(FusionError, match="holds 255 inside the region") as caught:
        built_up_labels(codes, product, np.ones((2, 2), bool))
    assert "declare the no-data number" in caught.value.remedy
    outside = np.array([[True, True], [True, False]])
    assert built_up_labels(codes, product, outside)["built_up"].values.tolist() == [[0, 1], [1, 255]]


def test_cells_of_degrees_are_narrower_in_the_north():
    three_seconds = Affine(1 / 1200, 0, 0, 0, -1 / 1200, 0)
    for north, averaging in ((6_650_000, True), (0, False)):  # 60 degrees north: 46 m wide, 93 m high
        grid = Grid(CRS, Affine(90, 0, WEST, 0, -90, north), 2, 2)
        assert (averaged(RECIPE, grid, "EPSG:4326", three_seconds) is not RECIPE) == averaging


def test_cells_that_are_the_same_but_for_rounding_are_the_same():
    cell = 1 / 1200
    one = Lattice("EPSG:4326", Affine(0.000833333333333, 0, 3, 0, -0.000833333333333, 50), 10, 10)
    check_equal_cells([one, Lattice("EPSG:4326", Affine(cell, 0, 6, 0, -cell, 50), 20, 10)])
    mollweide = "+proj=moll +lon_0=0 +x_0=0 +y_0=0 +datum=WGS84 +units=m +no_defs"
    check_equal_cells([Lattice(crs, lattice(step=100), 10, 10) for crs in ("ESRI:54009", mollweide)])
    with pytest.raises(FusionError, match="different sizes"):
        check_equal_cells([one, Lattice("EPSG:4326", Affine(cell / 2, 0, 6, 0, -cell / 2, 50), 20, 10)])
