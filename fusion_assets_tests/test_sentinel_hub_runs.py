"""Sentinel Hub as the chosen engine, through Dagster and the command line: NDVI as from the archive, and no maps."""

import dagster as dg
import numpy as np
import pytest
import yaml

from fusion_assets.loopbacks.sentinel_hub import SentinelHubService
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.settings import Settings
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.loopbacks.sentinel_hub.client import signed_up
from fusion_assets_tests.test_secrets import MARK, Place
from fusion_assets_tests.whole_studies import load_study

pytestmark = pytest.mark.slow

NDVI = ("run", "--select", "group:ndvi")


class Person(Place):
    """Someone who runs the NDVI of a small study with credentials of Sentinel Hub."""

    def write(self, **changes):
        told = yaml.safe_load((self.folder / "study.yaml").read_text())
        ndvi = {"resolution": 250, "years": [2016], "method": "interpolation", "sample": 200}
        (self.folder / "study.yaml").write_text(yaml.safe_dump(told | {"ndvi": ndvi} | changes))

    def stored(self, folder="data"):
        """(asset, kind) to what is stored of it."""
        study = load_study(self.folder / "study.yaml")
        root = str(self.folder / folder)
        kept = managers(root, site_of(SYSTEMS, study, Settings(study=study, archive="", storage=root)).facts)
        return lambda asset, kind="cubes": kept[kind].load(Artifact(asset, "here", "2016"))

    def definitions(self):
        return build_definitions(SYSTEMS, {"study": load_study(self.folder / "study.yaml")})


@pytest.fixture
def person(tmp_path, catalog, capfd, monkeypatch):
    for name in ("EE_PROJECT", "EE_URL", "FUSION_EE_BUCKET"):
        monkeypatch.delenv(name, raising=False)
    with SentinelHubService(catalog, (f"{MARK}-id", f"{MARK}-secret")) as service:
        service.token_mark = f"{MARK}-token"
        signed_up(service, monkeypatch)
        made = Person(tmp_path, catalog, capfd, monkeypatch)
        made.write()
        made.set(FUSION_ENGINE="sentinel_hub", FUSION_ARCHIVE="unused/catalog.json")
        made.service = service
        yield made


def test_ndvi_is_that_of_the_archive_and_no_secret_is_left_behind(person, catalog):
    code, printed = person.fusion("doctor")
    assert code == 0, printed
    assert "ndvi: passes of sentinel1: here: 39 in 2016" in printed
    for fault, endpoint in (("expire", "process"), ("429", "process"), ("truncated", "process"), ("500", "search")):
        person.service.faults.add(fault, endpoint, after=3 if endpoint == "process" else 0)
    code, printed = person.fusion(*NDVI)
    assert code == 0 and "6 made" in printed, printed
    person.assert_clean()
    assert person.fusion(*NDVI)[1].startswith("study small: 6 fresh\n")
    person.set(FUSION_ENGINE="archive", FUSION_ARCHIVE=catalog, FUSION_STORAGE=person.folder / "other")
    person.set(DAGSTER_HOME=person.folder / "other-home")
    assert person.fusion("run", "--select", "ndvi_clear,backscatter")[0] == 0
    found, expected = person.stored(), person.stored("other")
    for asset, step in (("ndvi_clear", 1e-4), ("backscatter", 5e-3)):
        ours, theirs = found(asset).compute(), expected(asset).compute()
        assert list(ours.data_vars) == list(theirs.data_vars) and ours.attrs == theirs.attrs
        np.testing.assert_array_equal(ours["time"].values, theirs["time"].values)
        for layer in ours.data_vars:
            np.testing.assert_array_equal(np.isnan(ours[layer]), np.isnan(theirs[layer]), err_msg=layer)
            # At most one step of the stored numbers.
            np.testing.assert_allclose(ours[layer], theirs[layer], rtol=0, atol=1.1 * step, err_msg=layer)
            assert ours[layer].attrs == theirs[layer].attrs
    assert found("ndvi_report", "documents").count("data:image/jpeg") == 3, "pictures in true colour"


def test_maps_are_refused_before_anything_is_asked_or_written(person):
    code, printed = person.fusion("run")
    assert code == 1 and "sentinel2_export, night_lights_export, ghsl_export: not made by the engine" in printed
    assert "group:ndvi" in printed and not person.service.requests
    assert not (person.folder / "home").exists() and not list((person.folder / "data").rglob("*.json"))
    assert person.fusion("run", "--select", "ndvi_clear")[0] == 0


def test_an_export_from_the_ui_or_the_schedule_fails_at_once_and_says_why(person):
    job = person.definitions().resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        keys = [dg.AssetKey("sentinel2_export")]
        done = job.execute_in_process(
            asset_selection=keys, partition_key="here|2016", instance=instance, raise_on_error=False
        )
    (failure,) = [event.event_specific_data for event in done.all_events if event.is_step_failure]
    assert "sentinel2_composite here|2016: not made by the engine" in failure.user_failure_data.description
    assert not any(event.is_step_up_for_retry for event in done.all_events) and not person.service.requests


def test_the_sensor_has_nothing_to_collect(person):
    definitions = person.definitions()
    sensor = definitions.resolve_sensor_def("finished_exports")
    engine = definitions.resources["engine"]
    with dg.DagsterInstance.ephemeral() as instance:
        for cursor in (None, "2020-01-01T00:00:00+00:00"):
            with dg.build_sensor_context(
                instance=instance, definitions=definitions, resources={"engine": engine}, cursor=cursor
            ) as context:
                told = sensor.evaluate_tick(context)
            assert told.skip_message == "No export to collect: the engine makes none." and not told.run_requests
            assert told.cursor == cursor


def test_doctor_says_what_is_missing(person):
    def failing():
        code, printed = person.fusion("doctor")
        assert code == 1
        return [line for line in printed.splitlines() if line.startswith(("FAIL", "--"))]

    person.write(ndvi=None)
    (line,) = failing()
    assert line.startswith("FAIL systems: the study small lacks a section `ndvi`")
    person.write()
    person.set(SH_CLIENT_SECRET=f"{MARK}-wrong")
    refused, *untried = failing()
    assert refused.startswith("FAIL Sentinel Hub: ") and "refuses the credentials" in refused
    assert [line.split(":")[0] for line in untried] == ["--   ndvi", "--   ndvi"]
    person.monkeypatch.delenv("SH_CLIENT_SECRET")
    assert "SH_CLIENT_SECRET not set" in failing()[0]


def test_a_failing_service_is_named_and_no_secret_shown(person):
    person.service.faults.add("careless", "process", times=None)
    code, printed = person.fusion("run", "--select", "ndvi_clear")
    assert code == 1 and "ndvi_clear here|2016 failed" in printed and "to do:" in printed
    person.assert_clean()
