import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.overlap import overlap
from fusion_assets.systems.climate_zones.splits import LEFT_OUT, SPLITS, block, city, published, random


def towns(count=10, side=33):
    """Patches of square cities on the lattice; the second overlaps the first, the last two were published as test."""
    rng, parts = np.random.default_rng(0), []
    for number in range(count):
        x, y = np.meshgrid(100.0 * np.arange(side), 100.0 * np.arange(side))
        here = {"x": x.ravel() + 20_000 * number - (number == 1) * 17_000, "y": y.ravel() + 5e6, "epsg": 32632}
        source = np.where(x.ravel() < 1600, "validation", "test") if number >= count - 2 else "train"
        label = rng.integers(0, 17, side**2)
        parts.append(pd.DataFrame(here).assign(city=f"town {number}", source=source, label=label))
    return pd.concat(parts, ignore_index=True)


TOWNS = towns()


def pairs(table, part, first, second):
    return overlap(table[part == first], table[part == second])["overlapping"]


@pytest.mark.parametrize("name", ["block", "city", "published"])
@pytest.mark.parametrize("seed", range(3))
def test_no_patch_overlaps_one_of_another_part(name, seed):
    part = SPLITS[name](TOWNS, seed)
    assert pairs(TOWNS, part, "test", "train") == 0
    assert pairs(TOWNS, part, "validation", "train") == 0
    assert pairs(TOWNS, part, "test", "validation") == 0
    assert (part == "train").mean() > 0.45


def test_the_random_split_overlaps_nearly_everywhere():
    part = random(TOWNS)
    assert pairs(TOWNS, part, "test", "train") >= 0.9 * (part == "test").sum()
    assert [round((part == name).mean(), 2) for name in ("train", "validation", "test")] == [0.8, 0.1, 0.1]


@pytest.mark.parametrize("name", SPLITS)
def test_a_split_is_that_of_its_seed(name):
    one, again, other = (SPLITS[name](TOWNS, seed) for seed in (1, 1, 2))
    assert (one == again).all() and (one != other).any()


def test_squares_test_a_tenth_and_the_belt_is_left_out():
    part = block(TOWNS)
    assert 0.06 < (part == "test").mean() < 0.14 and 0.05 < (part == "validation").mean() < 0.14
    assert 0.05 < (part == LEFT_OUT).mean() < 0.4
    assert set(TOWNS["label"][part == "test"]) == set(range(17))


def test_whole_cities_test_and_over_all_folds_every_city_does_once():
    tested = []
    for fold in range(5):
        part = city(TOWNS, 0, fold)
        names = {name: set(TOWNS["city"][part == name]) for name in ("train", "validation", "test")}
        assert not names["test"] & (names["train"] | names["validation"]) and not names["train"] & names["validation"]
        tested += names["test"]
    assert sorted(tested) == sorted(set(TOWNS["city"]))
    with pytest.raises(FusionError, match="fold 5"):
        city(TOWNS, 0, 5)


def test_published_stops_on_training_cities_and_not_on_those_of_its_test():
    part, test_cities = published(TOWNS), {"town 8", "town 9"}
    assert (part == "test").tolist() == (TOWNS["source"] == "test").tolist()
    assert not set(TOWNS["city"][part == "validation"]) & test_cities
    assert (part[TOWNS["source"] == "validation"] == LEFT_OUT).all()
    as_source = published(TOWNS.drop(columns=["city", "x", "y", "epsg"]), stop="source")
    assert (as_source == TOWNS["source"]).all()


@pytest.mark.parametrize(
    ("name", "table", "said"),
    [
        ("city", TOWNS.assign(city=None), "city of"),
        ("city", TOWNS[TOWNS["city"] == "town 0"], "1 cities"),
        ("city", TOWNS[TOWNS["city"].isin(["town 0", "town 2"])], "1 cities that do not test"),
        ("block", TOWNS.drop(columns="x"), "x of"),
        ("block", TOWNS[:4], "1 squares"),
        ("published", TOWNS[TOWNS["source"] == "train"], "no patches to test"),
        ("published", TOWNS.assign(source="training"), "training"),
        ("random", TOWNS[:1], "no patches to"),
        ("random", TOWNS[:0], "among 0"),
    ],
)
def test_what_cannot_be_split_is_refused(name, table, said):
    with pytest.raises(FusionError, match=said):
        SPLITS[name](table)
