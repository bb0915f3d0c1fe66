"""Cells that are held back: no seam, no favour, and nothing learnt too near them."""

import numpy as np
import pyproj
import pytest

from fusion_assets.systems.embeddings.places import places
from fusion_assets.systems.embeddings.split_cells import BUFFER, TEST, TRAIN, Cells, splits

CELLS = Cells(50)
EDGE = 2520
GEOD = pyproj.Geod(ellps="WGS84")


def around(lon, lat, n, spread, seed=0):
    random = np.random.default_rng(seed)
    turned = lon + (random.random(n) - 0.5) * spread / np.cos(np.radians(lat))
    return (turned + 180) % 360 - 180, lat + (random.random(n) - 0.5) * spread


def test_cells_are_equally_large_wherever_they_lie():
    random = np.random.default_rng(0)
    lon, lat = random.random(200_000) * 360 - 180, np.degrees(np.arcsin(random.random(200_000) * 1.9 - 0.95))
    row, column = CELLS.of(lon, lat)
    width = 2 * np.pi * 6371 * np.cos(np.radians(-90 + (row + 0.5) * CELLS.height)) / CELLS.columns(row)
    assert np.abs(width / 50 - 1).max() < 0.02
    assert (column < CELLS.columns(row)).all() and column.min() == 0


def test_no_cell_crosses_the_antimeridian_and_none_ends_in_another_place():
    lat = np.full(4, -17.0)
    row, column = CELLS.of(np.array([-180.0, 180.0, 179.9999, -179.9999]), lat)
    last = CELLS.columns(row)[0] - 1
    assert column.tolist() == [0, 0, last, 0]
    assert CELLS.distance_km(np.array([179.9]), np.array([-17.0]), row[:1], np.array([0]))[0] == pytest.approx(
        0.1 * 111.19 * np.cos(np.radians(17)), rel=0.02
    )


@pytest.mark.parametrize(("lon", "lat"), [(3.0, 50.8), (180.0, -17.0), (-179.9, 66.0), (25.0, 82.5), (10.0, 0.0)])
def test_nothing_is_learnt_near_a_test_cell(lon, lat):
    lons, lats = around(lon, lat, 1500, 2.0)
    split = splits(lons, lats, CELLS, 0.3, 0, 5, EDGE)
    test, train = np.flatnonzero(split == TEST), np.flatnonzero(split == TRAIN)
    assert {TRAIN, TEST, BUFFER} == set(split)
    pairs = np.repeat(train[:300], len(test)), np.tile(test, len(train[:300]))
    metres = GEOD.inv(*(axis[of] for of in pairs for axis in (lons, lats)))[2]
    # Centres are further apart than the buffer and what both patches reach beyond them, and not by much.
    assert 5000 + EDGE * np.sqrt(2) <= metres.min() < 12_000


def test_the_buffer_is_no_wider_than_it_need_be():
    # On a fine mesh of the test cells themselves, distances to them are what they are said to be.
    lon, lat = around(25.0, 70.0, 400, 3.0)
    split = splits(lon, lat, CELLS, 0.3, 0, 5, EDGE)
    reach = 5 + EDGE / 1000 * np.sqrt(2)
    mesh_lon, mesh_lat = (axis.ravel() for axis in np.meshgrid(np.arange(18, 32, 0.02), np.arange(67.5, 72.5, 0.008)))
    row, column = CELLS.of(mesh_lon, mesh_lat)
    held = CELLS.tests(row, column, 0.3, 0)
    mesh = mesh_lon[held], mesh_lat[held]
    for at in np.flatnonzero(split != TEST)[:60]:
        near = (np.abs(mesh[1] - lat[at]) < 0.2) & (np.abs(mesh[0] - lon[at]) < 0.6)
        count = int(near.sum())
        far = 1e9
        if count:
            far = GEOD.inv(np.full(count, lon[at]), np.full(count, lat[at]), mesh[0][near], mesh[1][near])[2].min()
        assert (split[at] == BUFFER) == (far / 1000 < reach) or abs(far / 1000 - reach) < 0.9


def test_what_is_held_back_does_not_depend_on_the_places():
    few, many = places(300, 0, EDGE), places(600, 0, EDGE)

    def of(table):
        return splits(table.lon.to_numpy(), table.lat.to_numpy(), CELLS, 0.3, 4, 5, EDGE)

    assert (of(few) == of(many)[:300]).all()
    assert (of(many) == TEST).mean() == pytest.approx(0.3, abs=0.06)
    other = splits(many.lon.to_numpy(), many.lat.to_numpy(), CELLS, 0.3, 5, 5, EDGE)
    assert ((of(many) == TEST) != (other == TEST)).mean() > 0.3


def test_cells_beside_each_other_are_held_back_independently():
    rows, columns = np.mgrid[200:300, 0:400]
    held = CELLS.tests(rows, columns, 0.3, 0).astype(float)
    assert held.mean() == pytest.approx(0.3, abs=0.01)
    for pair in ((held[1:], held[:-1]), (held[:, 1:], held[:, :-1])):
        assert abs(np.corrcoef(pair[0].ravel(), pair[1].ravel())[0, 1]) < 0.02
