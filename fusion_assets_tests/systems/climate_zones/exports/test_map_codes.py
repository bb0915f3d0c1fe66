import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import from_lonlat
from fusion_assets.systems.climate_zones.exports.map_codes import codes_of, in_degrees
from fusion_assets_tests.systems.climate_zones.exports.maps import CODES, GRID, small_map


def test_no_data_in_every_spelling():
    for none in (0, 255, np.nan):
        given = CODES.astype("float32")
        given[3:5] = none
        codes = codes_of(small_map(given))
        assert codes.codes.dtype == "uint8" and (codes.codes[3:5] == 0).all()
        assert (codes.codes[5:] == CODES[5:]).all()
    assert codes.bounds == GRID.bounds


@pytest.mark.parametrize("wrong", [18, 101, -1, 2.5])
def test_other_codes_are_refused(wrong):
    given = CODES.astype("float32")
    given[0, 0] = wrong
    with pytest.raises(FusionError, match=f"holds {wrong}"):
        codes_of(small_map(given))


def test_maps_without_zones_or_band_are_refused():
    with pytest.raises(FusionError, match="no zone at all"):
        codes_of(small_map(np.zeros_like(CODES)))
    with pytest.raises(FusionError, match="bands other"):
        codes_of(small_map().rename(lcz="other"))


@pytest.mark.parametrize("most", [None, 20])
def test_a_pixel_in_degrees_is_the_cell_its_centre_lies_in(most):
    codes = in_degrees(codes_of(small_map()), most)
    rows, columns = codes.codes.shape
    assert most is None or max(rows, columns) == most
    lon, lat = codes.transform @ (np.arange(columns) + 0.5, np.full(columns, 0.5))
    lon, lat = np.meshgrid(lon, codes.transform.f + codes.transform.e * (np.arange(rows) + 0.5))
    x, y = from_lonlat(GRID.crs).transform(lon, lat)
    col, row = (np.floor(each).astype(int) for each in ~GRID.transform @ (x, y))
    there = (row >= 0) & (row < GRID.height) & (col >= 0) & (col < GRID.width)
    assert (codes.codes[there] == CODES[row[there], col[there]]).all()
    assert not codes.codes[~there].any()
    assert there.mean() > 0.9
