"""One answer to whether imagery is simulated, whichever engine hands it on and whichever system asks."""

import dataclasses
import json

import pytest

from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.settings import Settings
from fusion_assets.storage.root import Storage
from fusion_assets.study import study_of
from fusion_assets.study.imagery_requests import request_for
from fusion_assets.study.provenance import export_tags, is_simulated, rests_on_simulation
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests import whole_studies
from fusion_assets_tests.small_maps import STUDY


@pytest.fixture
def archives(tmp_path):
    """Catalogs of a simulated and of another archive."""
    for name, record in (("simulated", {"synthetic": True}), ("other", {})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "demo.json").write_text(json.dumps(record))
    return {name: str(tmp_path / name / "catalog.json") for name in ("simulated", "other")}


def settings(tmp_path, archive, **more):
    return Settings(study="two", archive=archive, storage=str(tmp_path / "data"), **more)


def test_an_archive_of_any_product_tells(tmp_path, archives):
    study = study_of(STUDY)
    assert rests_on_simulation(study, settings(tmp_path, archives["simulated"]))
    assert not rests_on_simulation(study, settings(tmp_path, archives["other"]))
    lights = {"product": "viirs_annual", "archive": archives["simulated"]}
    study = study_of(STUDY | {"products": STUDY["products"] | {"night_lights": lights}})
    assert rests_on_simulation(study, settings(tmp_path, archives["other"]))


def test_products_of_a_systems_own_section_tell(tmp_path, archives):
    optics = {"product": "sentinel2_l2a", "archive": archives["simulated"]}
    study = whole_studies.study_of(STUDY | {"ndvi": {"years": [2016], "method": "interpolation", "sentinel2": optics}})
    assert rests_on_simulation(study, settings(tmp_path, archives["other"]))


def ticket(study, where, year, *scenes):
    request = request_for(study, where, "sentinel2", "west", year)
    return Export("0" * 12, request, scenes, "SUCCEEDED", "earth_engine", "2026-01-01T00:00:00+00:00")


@pytest.mark.parametrize("engine", ["earth_engine", "sentinel_hub"])
def test_scenes_tell_where_an_engine_does_not_name_its_archive(tmp_path, archives, engine):
    study, where = study_of(STUDY), settings(tmp_path, archives["simulated"], engine=engine)
    storage, facts = Storage(where.storage), site_of(SYSTEMS, study, where).facts
    assert not rests_on_simulation(study, where) and "synthetic" not in facts("built_up_trend", "west", None)
    made = ticket(study, where, 2016, "COPERNICUS/S2/SYNTHETIC_1")
    storage.write_bytes(json.dumps(made.to_dict()).encode(), storage.path("sentinel2_export", "west", 2016, "json"))
    assert rests_on_simulation(study, where, "west") and not rests_on_simulation(study, where, "east")
    assert facts("built_up_trend", "west", None)["synthetic"] == "yes"


def test_a_composite_says_so_by_its_scenes(tmp_path, archives):
    study, where = study_of(STUDY), settings(tmp_path, archives["other"])
    real, simulated = (ticket(study, where, 2016, scene) for scene in ("S2A_1", "SYNTHETIC_1"))
    assert (is_simulated(real), is_simulated(simulated)) == (False, True)
    assert export_tags(study, simulated, [])["synthetic"] == "yes" and "synthetic" not in export_tags(study, real, [])
    there = dataclasses.replace(real, request=dataclasses.replace(real.request, archive=archives["simulated"]))
    assert is_simulated(there)


def test_what_was_made_before_there_was_the_mark_stays_good(tmp_path, archives):
    study, where = study_of(STUDY), settings(tmp_path, archives["simulated"])
    site = site_of(SYSTEMS, study, where)
    artifact = Artifact("built_up_trend", "west", None)
    manager = site.managers["tables"]
    said = manager.facts(artifact)
    assert said.pop("synthetic") == "yes"
    manager.compare(artifact, "path", said)
