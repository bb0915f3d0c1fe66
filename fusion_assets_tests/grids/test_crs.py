"""Systems of coordinates: their spelling, and what is projected."""

import numpy as np
import pytest
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import EDGE_STEP_DEGREES, _dense, comes_back, is_of_earth, normal_crs


def polygon(random, corners, size):
    turn = np.sort(random.uniform(0, 2 * np.pi, corners))
    radius = size * random.uniform(0.2, 1, corners)
    return shapely.Polygon(np.c_[85 + radius * np.cos(turn), 27 + radius * np.sin(turn)]).buffer(0)


def test_edges_are_cut_as_geos_cuts_them_to_the_bit():
    random = np.random.default_rng(0)
    for number in range(200):
        shape = polygon(random, random.integers(3, 40), random.choice([0.02, 0.5, 3]))
        if number % 3 == 0:
            shape = shape.difference(shape.buffer(-0.05))
        if number % 5 == 0:
            shape = shapely.union_all([shape, shapely.transform(shape, lambda points: points + 7)])
        found, expected = _dense(shape), shapely.segmentize(shape, EDGE_STEP_DEGREES)
        assert found.geom_type == expected.geom_type
        assert (shapely.get_coordinates(found) == shapely.get_coordinates(expected)).all()


@pytest.mark.parametrize(
    "crs",
    ["+proj=utm +zone=45 +nadgrids=/dev/zero", "+init=/etc/passwd:root", "+proj=utm +geoidgrids=a,~/b", "x" * 30_000],
)
def test_a_system_that_names_files_or_is_endless_is_refused(crs):
    with pytest.raises(FusionError):
        normal_crs(crs)


def test_a_code_stands_for_the_same_meridian_and_direction():
    assert normal_crs("+proj=utm +zone=45 +datum=WGS84") == "EPSG:32645"
    assert "32645" not in normal_crs("+proj=utm +zone=45 +pm=paris")
    assert "32645" not in normal_crs("+proj=utm +zone=45 +axis=wsu")
    assert normal_crs("EPSG:2048") == "EPSG:2048"


@pytest.mark.parametrize(
    "crs", ["IAU_2015:30110", "+proj=tmerc +R=1", "+proj=tmerc +R=7000000", "+proj=tmerc +k=1e-300"]
)
def test_other_bodies_and_numbers_are_not_of_this_earth(crs):
    assert not is_of_earth(normal_crs(crs))


@pytest.mark.parametrize("crs", ["EPSG:32645", "EPSG:27700", "ESRI:54009", "EPSG:3857", "EPSG:31370", "EPSG:5514"])
def test_systems_of_this_earth(crs):
    assert is_of_earth(crs)


def test_a_place_is_found_again_or_it_is_not():
    assert comes_back("EPSG:32645", 85, 27)
    assert comes_back("ESRI:54009", 179.99, 60)
    assert not comes_back("+proj=ortho +lat_0=-20 +lon_0=-90 +type=crs", 85, 27)
