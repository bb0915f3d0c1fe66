"""Uploads in Dagster: a ticket, a sensor that follows it to its end, and pixels that are compared once."""

import datetime as dt
import io

import dagster as dg
import numpy as np
import pytest
import rasterio

from fusion_assets.imagery import retries
from fusion_assets.imagery.engines.earth_engine.manifests import Upload
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService, tiny_archive
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.orchestration.system import System
from fusion_assets.orchestration.ticks import MAX_ATTEMPTS
from fusion_assets.orchestration.uploads import upload_asset
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.study import study_of
from fusion_assets.study.provenance import study_tags
from fusion_assets_tests.orchestration.sensor_cases import BOX, PRODUCTS, Time

PARTITION = "here|2018"
STUDY = {
    "name": "tiny", "regions": [{"name": "here", "bbox": BOX}], "resolution": 20, "working_resolution": 10,
    "prediction_years": [2018], "season": {"start": "07-01", "end": "07-31"}, "features": "optics",
    "products": {"sentinel2": PRODUCTS["sentinel2"]},
}  # fmt: skip
YEAR = (dt.date(2018, 1, 1), dt.date(2018, 12, 31))


def assets(site):
    @site.asset("rasters", site.partitions.every_year, ["1"])
    def glow(region, year):
        """Numbers that are everywhere different, and one that is missing."""
        grid = site.study.grid(region)
        values = np.arange(grid.height * grid.width, dtype="float32").reshape(grid.shape)
        values[1, 2] = np.nan
        tags = study_tags(site.study, region=region, year=year, scene_count=1) | site.facts("glow", region, str(year))
        raster = write_raster(grid.dataset({"glow": values}), nodata=float("nan"), tags=tags)
        return dg.Output(raster, data_version=dg.DataVersion(raster.digest))

    def upload(raster, url, digest, region, year):
        target = f"projects/demo-maps/assets/{region}_{year}"
        return Upload("glow_upload", region, year, target, url, ("glow",), YEAR, digest, {"unit": "nW"})

    sent = upload_asset(site, "glow_upload", "glow", upload=upload, partitions=site.partitions.every_year, code="1")
    return [glow, sent]


SYSTEM = System(name="glowing", stages={"glow": (("glow", "glow_upload"), "Glow.")}, assets=assets)


class Project:
    """A study of one region whose map goes to the loopback service, with a real instance."""

    def __init__(self, folder, service, instance):
        chosen = {"engine": "archive", "storage": str(folder / "storage"), "archive": "unused", "ee_project": "demo"}
        chosen |= {"ee_url": service.url, "ee_bucket": f"exports/{folder.name}", "study": study_of(STUDY)}
        self.definitions, self.instance, self.cursor = build_definitions((SYSTEM,), chosen), instance, None
        self.job = self.definitions.resolve_implicit_global_asset_job_def()
        self.keys = set()

    def materialize(self, asset):
        run = self.job.execute_in_process(
            asset_selection=[dg.AssetKey(asset)], partition_key=PARTITION, instance=self.instance,
            resources=self.definitions.resources, raise_on_error=False,
        )  # fmt: skip
        self.why = [
            event.step_failure_data.user_failure_data.description for event in run.all_events if event.is_step_failure
        ]
        return run.success

    def tick(self):
        """Assets that are asked for and have not been for this reason before."""
        sensor = self.definitions.resolve_sensor_def("finished_uploads")
        with dg.build_sensor_context(
            self.instance, self.cursor, definitions=self.definitions, resources=self.definitions.resources
        ) as context:
            result = sensor.evaluate_tick(context)
        self.cursor = result.cursor
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)
        new = [request for request in result.run_requests if request.run_key not in self.keys]
        self.keys |= {request.run_key for request in new}
        return [(request.asset_selection[0].to_user_string(), request.partition_key) for request in new]

    def ticket(self):
        records = self.instance.fetch_materializations(dg.AssetKey("glow_upload"), limit=1).records
        return {key: value.value for key, value in records[0].asset_materialization.metadata.items()}

    def told(self):
        records = self.instance.fetch_observations(dg.AssetKey("glow_upload"), limit=100).records
        return [record.event_log_entry.asset_observation for record in records]


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return tiny_archive.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    return Time(monkeypatch)


@pytest.fixture
def service(archive, buckets, clock):
    with EarthEngineService(archive, buckets, Clock(manual=True)) as running:
        running.operations.pending_seconds = running.operations.running_seconds = 10
        yield running


@pytest.fixture
def project(tmp_path, service):
    with dg.DagsterInstance.ephemeral() as instance:
        made = Project(tmp_path, service, instance)
        assert made.materialize("glow")
        yield made


def test_an_upload_is_followed_to_its_end_and_compared_once(project, service):
    assert project.materialize("glow_upload")
    assert project.ticket()["state"] == "PENDING" and project.tick() == []
    service.advance(30)
    assert project.tick() == [("glow_upload", PARTITION)]
    assert project.materialize("glow_upload")
    ticket = project.ticket()
    assert ticket["state"] == "SUCCEEDED" and ticket["pixels"] == ticket["valid"] + 1
    assert ticket["eecu_seconds"] > 0 and ticket["target"] == "projects/demo-maps/assets/here_2018"
    assert project.tick() == [] and project.told() == []
    assert len(service.operations.all()) == 1


def test_a_passing_failure_is_tried_anew_and_a_lasting_one_told_once(project, service, clock):
    service.faults.add("fail", times=None)
    assert project.materialize("glow_upload")
    for _ in range(20):
        service.advance(30)
        clock.advance(minutes=10)
        assert project.tick() == []
    assert len(service.operations.all()) == MAX_ATTEMPTS
    (told,) = project.told()
    assert told.partition == PARTITION and told.metadata["kind"].value == "transient"
    assert "an internal error has occurred" in told.description
    service.faults.clear()
    assert project.materialize("glow_upload")
    service.advance(30)
    assert project.tick() == [("glow_upload", PARTITION)]


def test_what_asking_again_cannot_mend_is_told_at_once(project, service):
    service.faults.add("task_quota")
    assert project.materialize("glow_upload")
    service.advance(30)
    assert project.tick() == [] and len(service.operations.all()) == 1
    (told,) = project.told()
    assert told.metadata["kind"].value == "quota" and "quota" in told.metadata["to_do"].value


def test_an_asset_with_other_pixels_fails_the_run(project, service, buckets):
    assert project.materialize("glow_upload")
    name = project.ticket()["source"].removeprefix("gs://exports/")
    with rasterio.open(io.BytesIO(buckets.read("exports", name))) as file, rasterio.MemoryFile() as memory:
        profile, values = {**file.profile, "driver": "GTiff"}, file.read()
        with memory.open(**profile) as other:
            other.write(values + 1)
        buckets.write("exports", name, memory.read())
    service.advance(30)
    assert project.tick() == [("glow_upload", PARTITION)]
    assert not project.materialize("glow_upload")
    assert "differs from what was sent" in project.why[0]


def test_without_uploads_there_is_no_such_sensor(tmp_path, service):
    quiet = System(name="glowing", stages={"glow": (("glow",), "Glow.")}, assets=lambda site: assets(site)[:1])
    made = build_definitions((quiet,), {"study": study_of(STUDY), "storage": str(tmp_path)})
    names = [sensor.name for sensor in made.sensors]
    assert "finished_uploads" not in names and "finished_exports" in names
