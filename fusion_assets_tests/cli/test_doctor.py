"""What `fusion doctor` finds, on the archive and on Earth Engine, and what it says about what is wrong."""

import re
import shutil
import time
from pathlib import Path

import pytest
import shapely
import yaml

from fusion_assets.cli.doctor import diagnose
from fusion_assets.cli.main import main
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.settings import Settings
from fusion_assets_tests.demo_study import demo_regions, demo_study


@pytest.fixture
def service(catalog, buckets, monkeypatch):
    for name in ("EE_PROJECT", "EE_URL", "FUSION_EE_BUCKET", "GOOGLE_APPLICATION_CREDENTIALS"):
        monkeypatch.delenv(name, raising=False)
    with EarthEngineService(catalog, buckets, Clock(manual=True)) as running:
        yield running


@pytest.fixture
def look(catalog, service, tmp_path):
    """Findings by subject, with settings and parts of the study changed; those of Earth Engine by default."""

    def looking(study=None, **changes):
        (tmp_path / "study.yaml").write_text(yaml.safe_dump(demo_study(catalog, **(study or {}))))
        wanted = {
            "study": tmp_path / "study.yaml", "engine": "earth_engine", "archive": str(catalog),
            "storage": str(tmp_path / "data"), "ee_project": "demo", "ee_url": service.url,
        }  # fmt: skip
        return {found.subject: found for found in diagnose(Settings.from_environment(wanted | changes))}

    return looking


def failing(found):
    return [finding.subject for finding in found.values() if finding.state == "FAIL"]


def test_nothing_is_wrong(look, service):
    found = look()
    assert all(finding.fine for finding in found.values())
    assert found["earthengine-api"].text[0].isdigit() and found["project"].text == "demo may be used"
    assert found["scenes of sentinel2"].text.startswith("here: ") and " in 2016" in found["scenes of sentinel2"].text
    assert "its successor is JRC/GHSL/P2023A/GHS_SMOD_V2-0" in found["collection of labels"].text
    assert found["bucket"].text == "not configured; pixels are fetched directly"
    assert service.operations.all() == [], "nothing is started"


def test_the_archive_is_asked_where_it_is_the_engine(look, service):
    found = look(engine="archive")
    assert all(finding.fine for finding in found.values()) and "project" not in found
    assert not service.counters.to_json()["requests"]
    found = look(engine="archive", archive="gone/catalog.json")
    (archive,) = failing(found)
    assert archive.endswith("gone/catalog.json") and "there is no STAC catalog" in found[archive].text, "one error once"
    assert found["scenes of labels"].text == f"not tried: first see to {archive}"


def test_labels_are_read_as_a_run_reads_them_and_nothing_is_written(look, tmp_path):
    found = look(engine="archive")
    assert re.fullmatch(r"here: (\d+) of 144 labelled pixels are built-up \(.*%\) in 2015", found["labels"].text)
    assert not any(path.is_file() for path in (tmp_path / "data").rglob("*"))


def test_labels_of_one_class_are_refused_as_by_a_run(look, catalog):
    west, south, _, _ = shapely.geometry.shape(demo_regions(catalog)[0]["geometry"]).bounds
    corner = {"name": "corner", "bbox": [west + 0.005, south + 0.005, west + 0.025, south + 0.025]}
    found = look({"regions": [*demo_regions(catalog), corner]}, engine="archive")
    assert failing(found) == ["labels"]
    assert re.search(r"; corner: all \d+ labelled pixels are not built-up", found["labels"].text)
    assert "choose a region that holds both" in found["labels"].text and "here: " in found["labels"].text


def test_labels_of_very_large_regions_are_left_to_the_run(look, monkeypatch):
    monkeypatch.setattr("fusion_assets.systems.built_up.defs.label_counts.MOST_PIXELS", 100)
    found = look(engine="archive")["labels"]
    assert found.fine and found.text == "here: not read, for its grid has 144 pixels (at most 100 are read here)"


def test_labels_that_cannot_be_read_are_named(look, catalog, tmp_path):
    shutil.copytree(Path(catalog).parent, tmp_path / "copy")
    for path in (tmp_path / "copy").rglob("*.tif"):
        if "ghs" in str(path).lower():
            path.write_bytes(b"damaged")
    found = look(engine="archive", archive=str(tmp_path / "copy" / "catalog.json"))
    assert failing(found) == ["labels"] and "cannot be read" in found["labels"].text


def test_a_reference_sample_is_read_and_checked(look, tmp_path, catalog):
    found = look({"reference_sample": "archive"}, engine="archive")
    assert found["reference sample"].text == "points here: 144 in 2016"
    (tmp_path / "points.csv").write_text("x,y,year,stratum,label\n1,2,2016,all,1\n")
    found = look({"reference_sample": "points.csv"}, engine="archive")
    assert failing(found) == ["reference sample"] and "inclusion_probability" in found["reference sample"].text


def test_an_endpoint_that_is_down_is_said_once_and_soon(look, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail(f"waits {seconds} s to ask again"))
    found = look(ee_url="http://127.0.0.1:9")
    assert failing(found) == ["endpoint"] and "EE_URL" in found["endpoint"].text
    assert found["scenes of labels"].state == "--" and "not tried" in found["scenes of labels"].text
    assert not found["scenes of labels"].fine


def test_an_address_that_is_not_earth_engine(look, buckets):
    found = look(ee_url=buckets.address)
    assert failing(found) == ["endpoint"] and "not as Earth Engine" in found["endpoint"].text


def test_without_credentials_nothing_is_asked(look, monkeypatch, tmp_path):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    found = look(ee_url="https://127.0.0.2:9")
    assert failing(found) == ["endpoint", "credentials"]
    assert "GOOGLE_APPLICATION_CREDENTIALS" in found["credentials"].text


@pytest.mark.parametrize(
    ("fault", "remedy"), [("forbidden", "Earth Engine Resource Writer"), ("disabled", "enable the Earth Engine API")]
)
def test_a_project_that_may_not_be_used(look, service, fault, remedy):
    import ee

    ee.Reset()  # which has the project's algorithms otherwise
    service.faults.add(fault, endpoint="algorithms", times=None)
    found = look()
    assert failing(found) == ["project"] and remedy in found["project"].text


@pytest.mark.parametrize("fault", ["500", "drop", "429"])
def test_a_diagnosis_asks_once(look, service, fault):
    look()  # signs in
    rule = service.faults.add(fault, endpoint="value.compute", times=None)
    found = look()
    assert failing(found) == ["Earth Engine"] and rule.hits == 1


def test_a_bucket_is_written_read_and_left_as_it_was(look, buckets):
    found = look(ee_bucket="exports/folder")
    assert found["bucket"].fine and "in the name of the credentials" in found["bucket"].text
    assert buckets.names("exports") == []
    found = look(ee_bucket="no-such-bucket")
    assert failing(found) == ["bucket"] and "Storage Object Admin" in found["bucket"].text


def test_a_study_that_needs_a_bucket_and_has_none(look):
    assert failing(look({"earth_engine": {"way": "batch"}})) == ["bucket"]


def test_a_queue_without_room(look, service):
    service.operations.add("demo", state="RUNNING", description=f"a:b:2016:{'0' * 12}:1")
    use = {"most_tasks": 1, "when_full": "wait"}
    found = look({"earth_engine": use})
    assert found["tasks"].fine and "1 of this package's (at most 1 by the study)" in found["tasks"].text
    found = look({"earth_engine": use | {"when_full": "stop"}})
    assert failing(found) == ["tasks"] and "code.earthengine.google.com/tasks" in found["tasks"].text


def test_a_collection_that_is_deprecated_or_absent(look):
    products = {"sentinel2": "sentinel2_l2a", "night_lights": "viirs_monthly", "labels": "ghsl_smod_p2016"}
    found = look({"products": products})
    assert failing(found) == ["collection of labels"] and "GHS_SMOD_V2-0" in found["collection of labels"].text
    assert found["scenes of labels"].state == "--"
    lights = {"product": "viirs_monthly", "collection": "NOAA/NO/SUCH"}
    found = look({"products": {**products, "night_lights": lights}})
    assert "not found" in found["collection of night_lights"].text


def test_outlines_on_earth_engine_are_looked_up_first(look):
    features = {"collection": "FAO/GAUL/2015/level2", "property": "ADM2_NAME", "value": "Bagmati"}
    found = look({"regions": [{"name": "there", "ee_features": features}]})
    assert found["outlines"].fine and found["scenes of labels"].text.startswith("there: 0 in 2015; no scenes of")
    features["value"] = "Nowhere"
    found = look({"regions": [{"name": "there", "ee_features": features}]})
    assert failing(found) == ["outlines"] and "Nowhere" in found["outlines"].text


def test_years_without_scenes_are_named_beside_those_with_some(look):
    found = look({"prediction_years": [2014, 2016]})
    text = found["scenes of sentinel2"].text
    assert "0 in 2014" in text and "0 in 2016" not in text and "no scenes of" in text


def test_cloud_score_plus_is_looked_at_where_the_mask_uses_it(look):
    labels = {"product": "ghsl_smod_p2016", "allow_deprecated": True}
    optics = {"product": "sentinel2_l2a", "mask": {"cloud_score": 0.6}}
    found = look({"products": {"sentinel2": optics, "night_lights": "viirs_monthly", "labels": labels}})
    assert found["Cloud Score+"].fine
    # Level 1C has scores too.
    assert found["scores of sentinel2"].text == "here: 30 in 2015, 25 in 2016"


@pytest.mark.parametrize("engine", ["archive", "earth_engine"])
def test_passes_for_ndvi_are_counted(look, engine):
    found = look({"ndvi": {"resolution": 250, "years": [2016]}}, engine=engine)
    assert found["ndvi: passes of sentinel2"].text == "here: 34 in 2016"
    assert found["ndvi: passes of sentinel1"].text == "here: 39 in 2016"
    early = {"prediction_years": [2000, 2016], "ndvi": {"resolution": 250, "years": [2000]}}
    found = look(early, engine=engine)
    assert "no scenes of Sentinel-2" in found["ndvi: passes of sentinel2"].text
    assert found["ndvi: passes of sentinel1"].fine, "gaps are filled without radar"


def test_the_exit_code_says_whether_all_is_well(capsys, catalog, service, tmp_path, monkeypatch):
    for name, value in {"STUDY": "demo", "ENGINE": "earth_engine", "STORAGE": str(tmp_path)}.items():
        monkeypatch.setenv(f"FUSION_{name}", value)
    monkeypatch.setenv("EE_URL", "http://127.0.0.1:9")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("FAIL endpoint: ") for line in lines)
    assert any(line.startswith("--   tasks: not tried") for line in lines)
