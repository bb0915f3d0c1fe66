"""Regions whose outline Earth Engine keeps: asked for when needed, once, and never again."""

import json

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import retries
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.loopbacks.earth_engine.tiny_archive import write
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.settings import Settings
from fusion_assets.study.stored_outlines import configured_study
from fusion_assets.systems.registry import SYSTEMS


@pytest.fixture
def service(tmp_path, monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    with EarthEngineService(write(tmp_path / "archive"), clock=Clock(manual=True)) as running:
        yield running


def settings_of(service, tmp_path, study="bagmati"):
    return Settings(
        study=study, engine="earth_engine", storage=str(tmp_path / "data"), ee_project="demo", ee_url=service.url
    )


def test_an_outline_is_fetched_once_and_then_read_from_the_storage(service, tmp_path):
    study = configured_study(settings_of(service, tmp_path))
    assert sum(service.counters.requests.values()) == 0, "loading a study asks nobody"
    west, south, east, north = study.polygon("bagmati").bounds
    assert (west, south, east, north) == pytest.approx((84.95, 27.35, 86.05, 28.3), abs=0.01)
    asked = sum(service.counters.requests.values())
    assert asked > 0
    again = configured_study(settings_of(service, tmp_path))
    assert again.grid("bagmati") == study.grid("bagmati") and again.polygon("bagmati").equals(study.polygon("bagmati"))
    assert sum(service.counters.requests.values()) == asked


def test_the_code_location_loads_while_earth_engine_is_away(tmp_path):
    away = {"study": "bagmati", "engine": "earth_engine", "ee_url": "http://127.0.0.1:9", "storage": str(tmp_path)}
    assert build_definitions(SYSTEMS, away).resolve_asset_graph().get_all_asset_keys()


def test_a_region_without_crs_takes_the_utm_zone_of_its_outline(service, tmp_path):
    study = configured_study(settings_of(service, tmp_path))
    named = study.model_copy(update={"regions": (study.regions[0].model_copy(update={"crs": None}),)})
    assert named.grid("bagmati") == study.grid("bagmati")


def test_features_that_do_not_exist_are_named(service, tmp_path):
    text = (tmp_path / "s.yaml").open("w")
    text.write(
        "name: s\nregions:\n- name: r\n  ee_features: {collection: FAO/GAUL/2015/level2, property: ADM2_NAME, "
        "value: Bagmatty}\nresolution: 1000\nprediction_years: [2016]\nlabel_year: 2015\n"
        "products: {night_lights: viirs_monthly, labels: ghsl_smod_v2}\nfeatures: lights\n"
    )
    text.close()
    study = configured_study(settings_of(service, tmp_path, str(tmp_path / "s.yaml")))
    with pytest.raises(FusionError, match="no feature where ADM2_NAME = Bagmatty"):
        study.grid("r")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: f"[{text}]",
        lambda text: "[" * 100_000,
        lambda text: text.replace("Polygon", "Point"),
        lambda text: text.replace("coordinates", "corners"),
        lambda text: text.replace("84.95", "NaN"),
        lambda text: text.replace("84.95", "8e99"),
        lambda text: text.replace("84.95", "[1]"),
        lambda text: text.replace("Bagmati", "Bagmatty"),
        lambda text: text.replace('"properties"', '"facts"'),
        lambda text: json.dumps(json.loads(text) | {"geometry": None}),
        lambda text: json.dumps(
            json.loads(text) | {"geometry": {"type": "LineString", "coordinates": [[0, 0], [1, 1]]}}
        ),
        lambda text: json.dumps(json.loads(text) | {"geometry": {"type": "Polygon", "coordinates": []}}),
    ],
)
def test_a_damaged_outline_is_named_with_what_to_do(spoil, service, tmp_path):
    settings = settings_of(service, tmp_path)
    configured_study(settings).polygon("bagmati")
    (file,) = (tmp_path / "data" / "_outlines").glob("*.geojson")
    file.write_text(spoil(file.read_text()))
    with pytest.raises(FusionError, match=file.name) as caught:
        configured_study(settings).grid("bagmati")
    assert caught.value.remedy == "remove it: the outline is then fetched anew"
    assert len(str(caught.value)) < 1000
