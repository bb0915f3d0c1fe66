"""What `fusion doctor` says of trainings that are still to come."""

import json

import pytest

from fusion_assets.settings import Settings
from fusion_assets.systems.climate_zones.costs import Rate, Training, seconds_of
from fusion_assets.systems.climate_zones.grid import configurations_of
from fusion_assets.systems.climate_zones.map_model import network
from fusion_assets.systems.climate_zones.section import use_of
from fusion_assets.systems.climate_zones.to_train import hours_told
from fusion_assets.systems.climate_zones.training import PRESETS
from fusion_assets_tests.systems.climate_zones.test_end_to_end import STUDY
from fusion_assets_tests.whole_studies import study_of

RATE = Rate(0.1, 0.2, 3.0)
COUNTS = {"train": 300_000, "validation": 3000, "test": 3000, "left out": 0}


@pytest.fixture
def study():
    return study_of({**STUDY, "climate_zones": {**STUDY["climate_zones"], "source": "demo"}})


@pytest.fixture
def settings(tmp_path):
    (tmp_path / "lcz_splits.json").write_text(json.dumps({name: {"counts": COUNTS} for name in ("random", "city")}))
    return Settings.from_environment({"storage": str(tmp_path)})


def test_hours_of_what_is_missing(study, settings):
    networks = configurations_of(use_of(study)).values()
    hours = seconds_of([Training(each, 300_000, 3000, 12) for each in networks], RATE) / 3600
    told = hours_told(study, settings, RATE)
    assert f"8 trainings of 8 missing: about {hours:.1f} h on this machine" in told
    assert "12 epochs each (the most that preset quick allows)" in told


def test_trainings_of_the_network_of_maps_are_told_of_too(study, settings, tmp_path):
    mapped = study_of({**STUDY, "climate_zones": {**STUDY["climate_zones"], "source": "demo", "map": {}}})
    alone, both = hours_told(study, settings, RATE), hours_told(mapped, settings, RATE)
    assert "8 trainings of 8 missing" in alone and "14 trainings of 14 missing" in both
    patches = sum(COUNTS.values())
    stopping = patches * 4 // 5 // 8
    folds = [Training(network(PRESETS["quick"]), patches * 4 // 5 - stopping, stopping, 12)] * 5
    more = seconds_of([*folds, Training(network(PRESETS["quick"]), patches, 0, 12)], RATE) / 3600
    networks = configurations_of(use_of(study)).values()
    hours = seconds_of([Training(each, 300_000, 3000, 12) for each in networks], RATE) / 3600
    assert f"about {hours + more:.1f} h" in both
    (tmp_path / "lcz_model.keras").write_bytes(b"")
    assert hours_told(mapped, settings, RATE) == alone


def test_trainings_that_are_there_say_how_long_others_take(study, settings, tmp_path):
    for name in list(configurations_of(use_of(study)))[:2]:
        folder = tmp_path / "fusion_model" / name
        folder.mkdir(parents=True)
        (folder / "0.keras").write_bytes(b"")
        (folder / "0.json").write_text(json.dumps({"history": [{}] * 8}))
    told = hours_told(study, settings, RATE)
    assert "6 trainings of 8 missing" in told and "8 epochs each (as 2 trainings so far took)" in told


def test_what_cannot_be_told_yet_and_what_is_done(study, settings, tmp_path):
    (tmp_path / "lcz_splits.json").unlink()
    assert "can be told once patches are split: fusion run --select '+lcz_splits'" in hours_told(study, settings)
    for name in configurations_of(use_of(study)):
        folder = tmp_path / "fusion_model" / name
        folder.mkdir(parents=True)
        (folder / "0.keras").write_bytes(b"")
    assert hours_told(study, settings) == "all 8 trainings are there"
