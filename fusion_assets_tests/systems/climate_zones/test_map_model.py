"""What a map's network is refused for, how long it is trained, and the calibration that its card holds."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.held_out_calibration import Calibration
from fusion_assets.systems.climate_zones import map_model
from fusion_assets.systems.climate_zones.channels import MAPPABLE, band_of
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
