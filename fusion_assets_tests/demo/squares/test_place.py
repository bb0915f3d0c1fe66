"""Where the squares lie, and the study of them."""

import itertools

import pytest
from shapely.geometry import box, shape

from fusion_assets.demo.frame import Frame
from fusion_assets.demo.squares.place import CHARACTERS, SIDE, STEP, YEAR, squares_beside
from fusion_assets.grids.grid import Grid
from fusion_assets_tests.demo.squares.square_archive import FRAME
from fusion_assets_tests.whole_studies import load_study


@pytest.mark.parametrize(("place", "size_km"), [((87.0, 27.0), 100), ((-178.0, 60.0), 10), ((178.0, -60.0), 200)])
def test_squares_lie_apart_from_the_region_and_each_other(place, size_km):
    frame = Frame.at(place, size_km)
    squares = squares_beside(frame)
    outlines = [box(*frame.bounds), *(box(*square.bounds) for square in squares)]
    assert min(one.distance(other) for one, other in itertools.combinations(outlines, 2)) >= 40_000
    for square in squares:
        assert all(edge % STEP == 0 for edge in square.bounds)
        assert -180 < square.lonlat()[0] < 180
        west, _, east, _ = shape(square.region()["geometry"]).bounds
        assert east - west < 1


def test_a_region_as_stated_has_the_grid_of_the_truth():
    for square in squares_beside(FRAME):
        stated = square.region()
        grid = Grid.from_geometry(shape(stated["geometry"]), stated["crs"], STEP)
        assert (grid.transform, grid.shape) == (square.transform(), (SIDE, SIDE))
        assert grid.inside(shape(stated["geometry"])).all()


def test_the_study_of_the_squares_maps_their_pixels():
    study = load_study("demo_radiance")
    assert study.years == (YEAR,)
    assert [region.name for region in study.regions] == list(CHARACTERS)
    for square in squares_beside(FRAME):
        grid = study.grid(square.name)
        assert (grid.crs, grid.transform, grid.shape) == (square.crs, square.transform(), (SIDE, SIDE))
        assert grid.inside(study.polygon(square.name)).all()
