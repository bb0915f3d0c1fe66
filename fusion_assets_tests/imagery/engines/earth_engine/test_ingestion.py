"""Uploads: from an export to a map to an asset with the same pixels, started once, and failures with their reasons."""

import dataclasses
import datetime as dt
import json

import numpy as np
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions, tasks
from fusion_assets.imagery.engines.earth_engine.ingested import asset_pixels, check_asset
from fusion_assets.imagery.engines.earth_engine.ingestion import INGESTIONS, Ingestion, Ingestions
from fusion_assets.imagery.engines.earth_engine.manifests import IDENTITY, MISSING, Upload, staged
from fusion_assets.imagery.engines.failures import kind_of
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.engines.earth_engine.cases import demo_request

GRID = Grid("EPSG:32631", Affine(30, 0, 500000, 0, -30, 5600000), 7, 9)
TARGET = "projects/demo-maps/assets/radiance/demo_2015"


@pytest.fixture
def service(catalog, buckets, monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    with EarthEngineService(catalog, buckets, Clock(manual=True)) as running:
        running.operations.pending_seconds = running.operations.running_seconds = 10
        yield running


def radiance():
    values = np.random.default_rng(3).gamma(0.5, 40, (3, *GRID.shape)).astype("float32")
    values[0, 2:4, 3] = np.nan
    return GRID.dataset({"radiance": values[0], "low": values[1], "imagery_effect": -values[2]})


def upload_of(raster, folder, **changes):
    url, digest = staged(raster, f"gs://exports/{folder.name}", "radiance_map/demo/2015")
    facts = {
        "asset": "radiance_upload", "region": "demo", "year": 2015, "target": TARGET, "source": url,
        "bands": tuple(map(str, raster.data_vars)), "window": (dt.date(2015, 1, 1), dt.date(2015, 12, 31)),
        "content": digest, "properties": {"unit": "nW/cm2/sr", "sensor": "VIIRS DNB", "psf": 742.5},
    }  # fmt: skip
    return Upload(**{**facts, **changes})


def ingestions(service, folder):
    return Ingestions(Storage(folder / "storage"), Connection("demo", service.url))


def test_an_export_becomes_a_map_becomes_an_asset_with_its_pixels(catalog, service, tmp_path):
    connection = Connection("demo", service.url)
    engine = EarthEngine(Storage(tmp_path), connection, ExportOptions(bucket=f"exports/{tmp_path.name}", way="batch"))
    request = demo_request(catalog, "viirs_monthly", 4)
    export = engine.submit(request)
    service.advance(30)
    engine.states([export])
    composite = engine.collect(export)
    sent = composite.assign(low=composite["avg_rad"] / 2)[["avg_rad", "low"]]
    made, upload = ingestions(service, tmp_path), upload_of(sent, tmp_path)
    started = made.submit(upload)
    assert (started.state, made.finished_since(None)[0]) == ("PENDING", [])
    service.advance(15)
    assert made.states([started])[0].state == "RUNNING"
    service.advance(15)
    (done,), cursor = made.finished_since(None)
    assert (done.id, done.state, done.facts["ended"] > done.facts["started"]) == (upload.id, "SUCCEEDED", True)
    assert made.finished_since(cursor)[0] == [done], "told again within minutes"
    assert engine.finished_since(None)[0][0].id == export.id, "exports know nothing of uploads"
    told = check_asset(upload.target, sent, request.grid, connection, edge=7)
    assert told["pixels"] == 2 * request.grid.height * request.grid.width
    found = asset_pixels(upload.target, ["low"], request.grid, connection)
    np.testing.assert_array_equal(found["low"].values, sent["low"].values)


def test_no_data_times_and_properties_arrive(service, tmp_path):
    import ee

    made, upload = ingestions(service, tmp_path), upload_of(radiance(), tmp_path)
    made.submit(upload)
    service.advance(30)
    (operation,) = service.operations.all()
    assert operation.type == "INGEST_IMAGE" and operation.request["imageManifest"] == upload.manifest()
    assert operation.request["imageManifest"]["missingData"]["values"] == [MISSING] == [float(np.float32(MISSING))]
    assert {band["pyramidingPolicy"] for band in operation.request["imageManifest"]["bands"]} == {"MEAN"}
    told = check_asset(TARGET, radiance(), GRID, made.connection)
    assert told == {"pixels": 189, "valid": 187}
    asset = ee.data.getAsset(TARGET)
    assert (asset["startTime"][:19], asset["endTime"][:19]) == ("2015-01-01T00:00:00", "2016-01-01T00:00:00")
    wanted = {**upload.properties, "digest": upload.content, IDENTITY: upload.id}
    assert asset["properties"] == wanted


@pytest.mark.parametrize("kind", [None, "lost_answer", "drop", "500", "429", "cut"])
def test_the_same_manifest_twice_is_one_operation(kind, service, tmp_path):
    made, upload = ingestions(service, tmp_path), upload_of(radiance(), tmp_path)
    if kind:
        service.faults.add(kind, endpoint="image.import")
    first = made.submit(upload)
    assert made.submit(upload_of(radiance(), tmp_path)).operation == first.operation
    # Another process with an empty storage, while it runs and afterwards.
    other = ingestions(service, tmp_path / "other")
    assert other.submit(upload).operation == first.operation
    service.advance(30)
    assert made.submit(upload).state == "SUCCEEDED"
    assert ingestions(service, tmp_path / "third").submit(upload).state == "SUCCEEDED"
    assert len(service.operations.all()) == 1


@pytest.mark.parametrize(
    ("changes", "fault", "message", "kind"),
    [
        ({"source": "gs://exports/nowhere.tif"}, None, "'gs://exports/nowhere.tif' not found", "other"),
        ({"bands": ("a", "b", "c", "d")}, None, "the file has 3", "other"),
        ({}, "task_quota", "Quota exceeded", "quota"),
        ({}, "permission", "does not have storage", "permission"),
        ({}, "fail", "an internal error", "transient"),
    ],
)  # fmt: skip
def test_a_failure_is_reported_with_its_reason(changes, fault, message, kind, service, tmp_path):
    made, upload = ingestions(service, tmp_path), upload_of(radiance(), tmp_path, **changes)
    if fault:
        service.faults.add(fault, description="radiance_upload:demo:2015")
    started = made.submit(upload)
    assert "wait until it has ended" in str(started.failure())
    service.advance(30)
    (failed,), _ = made.finished_since(None)
    assert failed.state == "FAILED" and message in failed.message and message in str(failed.failure())
    assert kind_of(failed.message).name == kind
    again = made.resubmit(failed)
    assert (again.id, again.attempt, again.state) == (failed.id, 2, "PENDING")
    assert made.resubmit(failed) == again, "one attempt at a time"
    service.advance(30)
    assert made.states([again])[0].state == ("SUCCEEDED" if fault else "FAILED")


def test_another_asset_is_replaced_only_where_that_is_allowed(service, tmp_path):
    made, first = ingestions(service, tmp_path), upload_of(radiance(), tmp_path)
    second = upload_of(radiance() * 2, tmp_path)
    started = made.submit(first)
    service.advance(30)
    assert made.states([started])[0].state == "SUCCEEDED"
    with pytest.raises(FusionError, match=r"(?s)there is an asset .*made by another upload.*allow to overwrite"):
        made.submit(second)
    first, second = (dataclasses.replace(upload, overwrite=True) for upload in (first, second))
    made.submit(second)
    service.advance(30)
    check_asset(TARGET, radiance() * 2, GRID, made.connection)
    with pytest.raises(FusionError, match=r"differs from what was sent in 61 pixels of radiance.*radiance at row 0"):
        check_asset(TARGET, radiance(), GRID, made.connection)
    with pytest.raises(FusionError, match=r"did not match any bands"):
        asset_pixels(TARGET, ["nothing"], GRID, made.connection)
    # What was replaced since is not what was uploaded: it is sent once more.
    assert made.submit(first).attempt == 2
    service.advance(30)
    check_asset(TARGET, radiance(), GRID, made.connection)


def test_an_asset_that_came_in_between_is_the_reason(service, tmp_path):
    made = ingestions(service, tmp_path)
    one, other = (made.submit(upload_of(radiance() * factor, tmp_path)) for factor in (1, 2))
    service.advance(30)
    assert [known.state for known in made.states([one, other])] == ["SUCCEEDED", "FAILED"]
    failure = made.states([other])[0].failure()
    assert "Cannot overwrite asset" in failure.found and "delete the asset" in failure.remedy


def test_what_earth_engine_has_forgotten_is_known_by_its_asset(service, tmp_path):
    made = ingestions(service, tmp_path)
    kept = made.submit(upload_of(radiance(), tmp_path))
    lost = made.submit(upload_of(radiance(), tmp_path, target=f"{TARGET}_lost", source="gs://exports/none.tif"))
    service.advance(30)
    for operation in service.operations.all():
        service.operations.forget(operation.name)
    kept, lost = made.states([kept, lost])
    assert (kept.state, lost.state) == ("SUCCEEDED", "FAILED")
    assert "no longer knows the task" in lost.message and kind_of(lost.message).retried


def test_an_asset_may_take_a_moment_to_appear(service, tmp_path, monkeypatch):
    made = ingestions(service, tmp_path)
    started = made.submit(upload_of(radiance(), tmp_path))
    service.advance(30)
    facts = dict(service.ingested._facts)
    service.ingested._facts.clear()
    waiting = made.states([started])[0]
    assert waiting.state == "RUNNING" and "asset not ready: there is no asset" in waiting.message
    later = operations.utc_now() + dt.timedelta(minutes=11)
    with monkeypatch.context() as patched:
        patched.setattr(operations, "utc_now", lambda: later)
        failed = ingestions(service, tmp_path).states([waiting])[0]
    assert failed.state == "FAILED" and kind_of(failed.message).name == "files"
    service.ingested._facts.update(facts)
    assert made.submit(started.upload).state == "SUCCEEDED", "it is there after all"
    assert len(service.operations.all()) == 1


def test_a_record_that_is_damaged_keeps_no_other_waiting(service, tmp_path):
    made = ingestions(service, tmp_path)
    started = made.submit(upload_of(radiance(), tmp_path))
    facts = started.to_dict()
    assert Ingestion.from_dict(json.loads(json.dumps(facts))) == started
    for changes in ({"id": "another"}, {"state": "NO"}, {"submitted": "today"}, {"upload": {}}):
        with pytest.raises(FusionError, match="cannot be used"):
            Ingestion.from_dict({**facts, **changes})
    (tmp_path / "storage" / INGESTIONS / "odd.json").write_text("{}")
    service.advance(30)
    (done,), _ = made.finished_since(None)
    assert done.id == started.id and len(made.odd()) == 1


def test_uploads_are_tasks_of_ours(service, tmp_path):
    started = ingestions(service, tmp_path).submit(upload_of(radiance(), tmp_path))
    (task,) = tasks.ours(tasks.listed(Connection("demo", service.url)))
    assert (task.name, task.export_id, task.state) == (started.operation, started.id, "PENDING")


def test_a_raster_is_staged_once_and_a_bucket_that_is_away_is_named(service, tmp_path, monkeypatch):
    url, digest = staged(radiance(), f"gs://exports/{tmp_path.name}", "map")
    assert url == f"gs://exports/{tmp_path.name}/map-{digest[:12]}.tif"
    assert staged(radiance().chunk({"y": 3}), f"gs://exports/{tmp_path.name}/", "map") == (url, digest)
    assert service.buckets.names("exports", tmp_path.name) == [url.removeprefix("gs://exports/")]

    def refuse(*arguments, **options):
        raise PermissionError("https://storage.example/o?token=SECRET")

    monkeypatch.setattr("fsspec.core.url_to_fs", refuse)
    with pytest.raises(FusionError) as caught:
        staged(radiance(), "gs://elsewhere", "map")
    assert "gs://elsewhere" in str(caught.value) and "SECRET" not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "users/somebody/map"},
        {"target": "projects/p/assets/too-short-a-project"},
        {"source": "/data/map.tif"},
        {"source": "gs://bucket/map.tif?token=SECRET"},
        {"bands": ()},
        {"bands": ("a", "a")},
        {"properties": {"system:index": "x"}},
        {"properties": {"digest": "x"}},
        {"properties": {"noise": float("nan")}},
        {"window": (dt.date(2016, 1, 1), dt.date(2015, 1, 1))},
    ],
)  # fmt: skip
def test_what_earth_engine_would_refuse_is_refused_before(changes):
    good = Upload("a", "r", 2015, TARGET, "gs://b/m.tif", ("a",), (dt.date(2015, 1, 1), dt.date(2015, 1, 1)), "d")
    with pytest.raises(FusionError) as caught:
        dataclasses.replace(good, **changes)
    assert "SECRET" not in str(caught.value)
