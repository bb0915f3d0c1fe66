"""What a map's network is refused for, how long it is trained, and the calibration that its card holds."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.held_out_calibration import Calibration
from fusion_assets.systems.climate_zones import map_model
from fusion_assets.systems.climate_zones.channels import MAPPABLE, band_of
from fusion_assets.systems.climate_zones.comparison import Run
from fusion_assets.systems.climate_zones.training import PRESETS


class Patches:
    """Some without pixels: what is refused is refused before any is read."""

    def __init__(self, cities):
        self.cities, self.labels = cities, np.arange(len(cities)) % 17

    def __len__(self):
        return len(self.labels)

    def table(self):
        return pd.DataFrame({"label": self.labels, "city": self.cities, "x": 0.0, "y": 0.0, "epsg": 32633})


@pytest.mark.parametrize("cities", [[""] * 8, ["a", "b", "c", ""] * 4])
def test_patches_of_too_few_cities_are_refused(cities):
    with pytest.raises(FusionError, match=r"of [03] cities known"):
        map_model.learn(Patches(cities), PRESETS["quick"])
    with pytest.raises(FusionError, match="draw more areas"):
        map_model.learn(Patches(cities), PRESETS["quick"], unit=map_model.POLYGON)


def test_few_patches_are_seen_more_often():
    quick = PRESETS["quick"]
    assert map_model.long_enough(quick, 352_366) == quick
    longer = map_model.long_enough(quick, 640)
    assert longer.epochs * (640 // quick.batch) == pytest.approx(400, abs=5)
    assert longer.patience / longer.epochs == pytest.approx(quick.patience / quick.epochs, abs=0.01)
    assert map_model.long_enough(quick, 20).epochs == 400


def test_a_card_gives_its_calibration_back():
    calibration = Calibration(1.5, 0.04, 0.9, 12)
    card = {"features": [], "width": 1, **dataclasses.asdict(calibration)}
    assert map_model.calibration_of(card) == calibration


def test_the_network_reads_what_exists_over_whole_cities():
    network = map_model.network(PRESETS["quick"])
    assert network.branches == (MAPPABLE,) and network.stage == 0
    bands = ["VH", "VV", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12"]
    assert [band_of(name) for name in MAPPABLE] == bands


def answers(right, places=12, seed=0):
    """Answers of which about this share is right, in places of 5 to 40 patches."""
    chance = np.random.default_rng(seed)
    place = np.repeat(np.arange(places), chance.integers(5, 40, places))
    label = place % 5
    shown = np.where(chance.random(len(place)) < right, label, 16)
    return Run(np.arange(len(place)), label, np.char.add("area ", place.astype(str)), np.eye(17)[shown])


def test_answers_no_better_than_the_commonest_zone_make_no_map():
    good, poor = answers(0.8), answers(0.15)
    map_model.check_worth(good, np.zeros(len(good.row), int), map_model.CITY)
    with pytest.raises(FusionError, match="may be chance") as refused:
        map_model.check_worth(poor, np.zeros(len(poor.row), int), map_model.POLYGON)
    assert "12 areas" in str(refused.value) and "more places" in str(refused.value)
    # Four places show nothing, however right the answers are in the two that are not of the commonest zone.
    few = answers(1.0, places=4)
    with pytest.raises(FusionError, match="may be chance"):
        map_model.check_worth(few, np.where(few.label < 2, few.label, 9), map_model.POLYGON)


def test_cautions_are_said_of_large_sets_and_of_a_forest_that_knows_more():
    ahead = {"value": -0.1, "low": -0.18, "high": -0.02}
    card = {"held_out": {"calibration": {"set_size": 12.3}}, "compared": {"ahead_of_forest": ahead}}
    large, forest = map_model.cautions(card)
    assert "12.3 of 17" in large and "0.100 (0.020 to 0.180) more" in forest
    assert not list(map_model.cautions({"held_out": {"calibration": {"set_size": 3.0}}}))
    assert not list(map_model.cautions({**card, "held_out": {"calibration": None}, "compared": {}}))
