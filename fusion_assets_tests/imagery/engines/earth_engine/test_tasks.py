"""Exports by tasks: started once, followed, verified and read back from a bucket, whatever goes wrong on the way."""

import dataclasses
import datetime as dt

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions, tasks
from fusion_assets.imagery.engines.waiting import wait_for
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.engines.earth_engine.cases import assert_same, demo_request


@pytest.fixture
def demo(catalog, buckets, monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    with EarthEngineService(catalog, buckets, Clock(manual=True)) as service:
        service.operations.pending_seconds = service.operations.running_seconds = 10
        yield catalog, service


def engine_for(service, folder, **options):
    # A folder of its own for every test: the bucket is shared.
    bucket = f"exports/{folder.name}"
    options = {"bucket": bucket, "way": "batch", **options}
    return EarthEngine(Storage(folder / "storage"), Connection("demo", service.url), ExportOptions(**options))


def test_a_task_goes_from_waiting_to_the_pixels_of_the_archive(demo, tmp_path, monkeypatch):
    catalog, service = demo
    made, request = engine_for(service, tmp_path), demo_request(catalog, "sentinel2_l2a", 4)
    export = made.submit(request)
    assert export.state == "PENDING" and export.finished is None
    with pytest.raises(FusionError, match="is not ready: PENDING"):
        made.collect(export)
    assert made.finished_since(None)[0] == []
    service.advance(15)
    assert made.states([export])[0].state == "RUNNING"
    service.advance(15)
    (finished,), cursor = made.finished_since(None)
    assert (finished.id, finished.state) == (export.id, "SUCCEEDED")
    facts = made.facts(export)
    assert facts["eecu_seconds"] > 0 and facts["ended"] and facts["destination"].startswith("gs://exports/")
    archive = ArchiveEngine(Storage(tmp_path / "archive"))
    assert_same(archive.collect(archive.submit(request)).compute(), made.collect(finished).compute())
    assert made.finished_since(cursor)[0] == [finished], "told again within minutes"
    later = dt.datetime.fromisoformat(cursor) + dt.timedelta(minutes=6)
    monkeypatch.setattr(operations, "utc_now", lambda: later)
    assert made.finished_since(later.isoformat())[0] == []


def test_several_shards_make_one_raster(demo, tmp_path, monkeypatch):
    import ee

    right = ee.batch.Export.image.toCloudStorage
    monkeypatch.setattr(
        ee.batch.Export.image, "toCloudStorage", lambda *a, **b: right(*a, **b, fileDimensions=5, shardSize=5)
    )
    catalog, service = demo
    made, request = engine_for(service, tmp_path), demo_request(catalog, "viirs_monthly", 4)
    export = made.submit(request)
    service.advance(60)
    archive = ArchiveEngine(Storage(tmp_path / "archive"))
    assert_same(archive.collect(archive.submit(request)).compute(), made.collect(export).compute())
    names = service.buckets.names("exports", tmp_path.name)
    assert len(names) == 9
    service.buckets.delete("exports", names[4])
    with pytest.raises(FusionError, match=r"17.4% of the grid is left uncovered by 8 files"):
        made.collect(export)


@pytest.mark.parametrize("kind", ["lost_answer", "drop", "500", "429", "cut"])
def test_one_task_is_started_even_when_the_answer_is_lost(kind, demo, tmp_path):
    catalog, service = demo
    made, request = engine_for(service, tmp_path), demo_request(catalog, "viirs_monthly", 4)
    service.faults.add(kind, endpoint="image.export")
    first = made.submit(request)
    assert made.submit(request).id == first.id
    # Another process that never saw the answer, with an empty list of operations of its own.
    assert (
        engine_for(service, tmp_path / tmp_path.name, bucket=f"exports/{tmp_path.name}").submit(request).id == first.id
    )
    assert len(service.operations.all()) == 1


def test_a_failed_task_is_reported_and_asked_for_again_when_told(demo, tmp_path):
    catalog, service = demo
    made, request = engine_for(service, tmp_path), demo_request(catalog, "viirs_monthly", 4)
    service.faults.add("task_memory")
    export = made.submit(request)
    service.advance(60)
    (failed,), _ = made.finished_since(None)
    assert failed.state == "FAILED" and "out of memory" in failed.message
    with pytest.raises(FusionError, match="FAILED, Execution failed; out of memory"):
        made.collect(export)
    again = made.resubmit(failed)
    assert again.id == export.id and again.state == "PENDING"
    assert made.facts(again)["tile_scale"] == 2 and made.facts(again)["attempt"] == 2
    assert made.resubmit(failed) == again, "one attempt at a time"
    service.advance(60)
    assert made.states([again])[0].state == "SUCCEEDED"
    assert [operation.state for operation in service.operations.all()] == ["FAILED", "SUCCEEDED"]


@pytest.mark.parametrize(("kind", "text"), [("missing_shard", "there is no file"), ("truncated_shard", "")])
def test_files_that_are_missing_or_cut_are_waited_for_then_named(kind, text, demo, tmp_path):
    catalog, service = demo
    made, request = engine_for(service, tmp_path), demo_request(catalog, "viirs_monthly", 4)
    service.faults.add(kind)
    export = made.submit(request)
    service.advance(60)
    assert made.finished_since(None)[0] == []
    with pytest.raises(FusionError, match="not ready: RUNNING, files not ready"):
        made.collect(export)
    (failed,), _ = engine_for(service, tmp_path, files_grace=dt.timedelta(0)).finished_since(None)
    assert failed.state == "FAILED" and text in failed.message and export.id in failed.message
    made.submit(request)
    service.advance(60)
    assert made.finished_since(None)[0][0].state == "SUCCEEDED"


def test_what_earth_engine_has_forgotten_is_known_by_its_files(demo, tmp_path):
    catalog, service = demo
    made = engine_for(service, tmp_path)
    kept = made.submit(demo_request(catalog, "viirs_monthly", 4))
    lost = made.submit(demo_request(catalog, "sentinel2_l1c", 4))
    service.advance(60)
    for operation in service.operations.all():
        service.operations.forget(operation.name)
    service.buckets.delete("exports", f"{tmp_path.name}/fusion/a_composite/{lost.id}-1.tif")
    found = {export.id: export for export in made.finished_since(None)[0]}
    assert found[kept.id].state == "SUCCEEDED"
    assert found[lost.id].state == "FAILED" and "no longer knows" in found[lost.id].message


def test_a_bucket_that_cannot_be_reached_costs_no_task(demo, tmp_path, monkeypatch):
    catalog, service = demo
    made, hasty = engine_for(service, tmp_path), engine_for(service, tmp_path, files_grace=dt.timedelta(0))
    export = made.submit(demo_request(catalog, "viirs_monthly", 4))
    service.advance(60)

    def refuse(*arguments, **options):
        raise PermissionError("https://storage.example/o?token=SECRET")

    hasty = engine_for(service, tmp_path, files_grace=dt.timedelta(0))
    with monkeypatch.context() as patched:
        patched.setattr("fsspec.core.url_to_fs", refuse)
        seen = hasty.states([export])[0]
    assert seen.state == "RUNNING" and "SECRET" not in seen.message
    assert made.states([export])[0].state == "SUCCEEDED"


def test_waiting_is_polite_and_ends(demo, tmp_path):
    catalog, service = demo
    made = engine_for(service, tmp_path)
    export = made.submit(demo_request(catalog, "viirs_monthly", 4))
    pauses, seen = [], []
    with pytest.raises(FusionError, match=r"1 export not finished after 10 s: a_composite demo\|2015"):
        wait_for(made, [export], 10, lambda exports, waited: seen.append(exports[0].state), pauses.append)
    assert sum(pauses) == 10 and set(seen) == {"PENDING"}
    (done,) = wait_for(made, [export], 100, sleep=service.advance)
    assert done.state == "SUCCEEDED"


def test_the_queue_is_looked_at_before_another_task_is_started(demo, tmp_path):
    catalog, service = demo
    made = engine_for(service, tmp_path, most_tasks=1)
    made.submit(demo_request(catalog, "viirs_monthly", 4))
    with pytest.raises(FusionError, match=r"(?s)1 task of this project's studies waiting or running.*fewer than 1"):
        made.submit(demo_request(catalog, "sentinel2_l1c", 4))
    service.control({"action": "add_operations", "count": tasks.QUEUE_LIMIT - 1, "description": "foreign"})
    with pytest.raises(FusionError, match="3000 tasks wait in this project's queue"):
        engine_for(service, tmp_path).submit(demo_request(catalog, "sentinel2_l1c", 4))


def test_a_tick_over_ten_thousand_operations_is_one_listing(demo, tmp_path):
    catalog, service = demo
    made = engine_for(service, tmp_path)
    export = made.submit(demo_request(catalog, "viirs_monthly", 4))
    service.control({"action": "add_operations", "count": 9990, "state": "SUCCEEDED", "description": "foreign"})
    service.control({"action": "add_operations", "count": 9, "bare": True})
    service.advance(60)
    service.counters.reset()
    (finished,), cursor = made.finished_since("nonsense")
    assert finished.id == export.id and service.counters.requests["operations.list"] == 20
    made.finished_since(cursor)
    assert service.counters.requests["operations.list"] == 20, "nothing is open, nothing is asked"


def test_descriptions_are_what_earth_engine_allows(demo):
    catalog, _ = demo
    request = dataclasses.replace(demo_request(catalog, "viirs_monthly"), region="Žitný ostrov " * 12)
    name = tasks.description(request, "0123456789ab", 12)
    assert len(name) == 100 and name.isascii() and " " not in name and name.endswith(":2015:0123456789ab:12")
    (known,) = tasks.ours([{"name": "n", "metadata": {"description": name, "state": "CANCELLED"}}, {"name": "bare"}])
    assert (known.export_id, known.attempt, known.state, known.message) == ("0123456789ab", 12, "FAILED", "Cancelled.")


def test_small_requests_need_no_task_and_tasks_need_a_bucket(demo, tmp_path):
    catalog, service = demo
    request = demo_request(catalog, "viirs_monthly", 4)
    assert engine_for(service, tmp_path, way="auto").submit(request).state == "SUCCEEDED"
    assert service.operations.all() == []
    with pytest.raises(FusionError, match="no bucket"):
        engine_for(service, tmp_path / "none", bucket="").submit(request)
