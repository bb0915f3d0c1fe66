import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones import overlap as module
from fusion_assets.systems.climate_zones.overlap import largest_shares, overlap


def patches(x, y, epsg=32632):
    return pd.DataFrame({"x": np.asarray(x, float), "y": np.asarray(y, float), "epsg": epsg})


def lattice(side=40):
    x, y = np.meshgrid(500_000 + 100 * np.arange(side), 5_000_000 + 100 * np.arange(side))
    return patches(x.ravel(), y.ravel())


@pytest.mark.parametrize(
    ("apart", "share"),
    [((0, 0), 1), ((100, 0), 0.6875), ((-100, 100), 0.6875**2), ((310, 310), 1 / 1024), ((320, 0), 0), ((0, -500), 0)],
)
def test_the_area_of_two_patches_in_common(apart, share):
    one = patches([5e5], [5e6])
    assert largest_shares(one, patches([5e5 + apart[0]], [5e6 + apart[1]])) == pytest.approx(share)


def test_every_pair_is_found(monkeypatch):
    """Against all pairs, on positions of any kind and with so little memory that they are met in parts."""
    monkeypatch.setattr(module, "_PAIRS", 500)
    rng = np.random.default_rng(0)
    for spread in (300, 3_000, 300_000):
        first, second = (patches(*rng.normal(0, spread, (2, 200)).round(1), rng.choice([1, 2], 200)) for _ in range(2))
        sides = 320 - np.abs(first[["x", "y"]].to_numpy()[:, None] - second[["x", "y"]].to_numpy()[None])
        area = np.where((sides > 0.01).all(axis=2), sides.prod(axis=2) / 320**2, 0)
        area *= first["epsg"].to_numpy()[:, None] == second["epsg"].to_numpy()[None]
        assert largest_shares(first, second) == pytest.approx(area.max(axis=1))


def test_a_random_split_of_a_lattice_tests_what_was_seen():
    table, part = lattice(), np.random.default_rng(1).random(1600)
    found = overlap(table[part < 0.1], table[part >= 0.2])
    assert found["share"] == 1 and found["median_area"] == pytest.approx(0.6875)
    assert found["median_union"] == pytest.approx(0.6875 / 1.3125)


def test_zones_are_not_compared_and_empty_tables_overlap_nothing():
    table = lattice(3)
    assert overlap(table, table.assign(epsg=32633))["share"] == 0
    assert overlap(table, table[:0])["overlapping"] == 0 and overlap(table[:0], table)["tested"] == 0


def test_patches_without_a_place_are_refused():
    with pytest.raises(FusionError, match="1 of 9 patches have no position"):
        overlap(lattice(3).assign(x=[np.nan] + [5e5] * 8), lattice(3))
