"""The sensor over the real engine, the loopback service and a real instance: whatever order things happen in."""

import dataclasses
import datetime as dt
import json
import sys
import time

import dagster as dg
import fsspec
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines import operations
from fusion_assets.imagery.engines.earth_engine import connection, shards
from fusion_assets.imagery.engines.earth_engine import polling as watching
from fusion_assets.imagery.engines.earth_engine.records import Registry
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService, tiny_archive
from fusion_assets.orchestration.ticks import MAX_ATTEMPTS
from fusion_assets.storage.root import Storage
from fusion_assets_tests.orchestration.sensor_cases import Project, Time

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def catalog(tmp_path_factory):
    return tiny_archive.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def clock(monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    return Time(monkeypatch)


@pytest.fixture
def service(catalog, buckets, clock):
    with EarthEngineService(catalog, buckets, Clock(manual=True)) as service:
        service.operations.pending_seconds = service.operations.running_seconds = 10
        yield service


@pytest.fixture
def project(tmp_path, service):
    """A project of one region; call it for another one over the same service."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield lambda **options: Project(tmp_path, service, instance, **options)


def keys(requests):
    return sorted(request.run_key for request in requests)


@pytest.mark.slow
def test_a_burst_is_requested_in_one_tick_with_one_listing(project, service):
    made = project(regions=60)
    exports = [made.submit(partition) for partition in made.partitions]
    assert made.tick() == []
    service.advance(60)
    service.counters.reset()
    requests = made.tick()
    assert keys(requests) == sorted(f"{export.id}-0" for export in exports)
    assert service.counters.requests["operations.list"] == 1
    assert sorted(request.partition_key for request in requests) == made.partitions
    assert made.tick() == []


def test_finishes_out_of_order_and_late_are_all_seen(project, service, clock):
    made = project(regions=3)
    first, second, third = (made.submit(partition) for partition in made.partitions)
    service.faults.add("never_ends")
    operation = {o.description.split(":")[-2]: o for o in service.operations.all()}
    operation[first.id].fault = {"kind": "never_ends"}
    service.advance(60)
    assert keys(made.tick()) == sorted([f"{second.id}-0", f"{third.id}-0"])
    for export, partition in ((second, made.partitions[1]), (third, made.partitions[2])):
        made.collected(partition, export.id)
    clock.advance(days=1)
    assert made.tick() == []
    operation[first.id].fault = None
    service.advance(60)
    assert keys(made.tick()) == [f"{first.id}-0"]


def test_what_is_not_ours_or_listed_twice_changes_nothing(project, service, monkeypatch):
    made = project()
    export = made.submit(made.partitions[0])
    service.control({"action": "add_operations", "count": 3, "description": "foreign", "state": "FAILED"})
    service.control({"action": "add_operations", "count": 3, "bare": True})
    # Of another project's storage: the same description, another task.
    twin = f"sentinel2_composite:r000:2018:{export.id}:1"
    service.control({"action": "add_operations", "count": 1, "description": twin, "state": "FAILED"})
    page = service.operations.page
    monkeypatch.setattr(service.operations, "page", lambda *a: (page(*a)[0] * 2, page(*a)[1]))
    service.advance(60)
    assert keys(made.tick()) == [f"{export.id}-0"]
    assert made.told() == []


def test_what_expired_between_ticks_is_known_by_its_files(project, service, buckets, tmp_path):
    made = project(regions=2)
    kept, lost = (made.submit(partition) for partition in made.partitions)
    service.advance(60)
    for operation in service.operations.all():
        service.operations.forget(operation.name)
    buckets.delete("exports", f"{tmp_path.name}/fusion/sentinel2_composite/{lost.id}-1.tif")
    assert keys(made.tick()) == [f"{kept.id}-0"]
    assert made.engine().states([lost])[0].message.startswith("Earth Engine no longer knows the task")


def test_the_listing_goes_over_pages(project, service):
    made = project(regions=2)
    first = made.submit(made.partitions[0])
    service.control({"action": "add_operations", "count": 1200, "state": "SUCCEEDED", "description": "foreign"})
    second = made.submit(made.partitions[1])
    service.advance(60)
    service.counters.reset()
    assert keys(made.tick()) == sorted([f"{first.id}-0", f"{second.id}-0"])
    assert service.counters.requests["operations.list"] == 3


@pytest.mark.parametrize("hours", [-1, 1])
def test_earth_engines_clock_does_not_matter(hours, project, service, clock):
    service.clock.advance(hours * 3600)
    made = project(regions=2)
    first = made.submit(made.partitions[0])
    service.advance(60)
    assert keys(made.tick()) == [f"{first.id}-0"]
    made.collected(made.partitions[0], first.id)
    clock.advance(minutes=10)
    second = made.submit(made.partitions[1])
    service.advance(60)
    assert keys(made.tick()) == [f"{second.id}-0"]


@pytest.mark.parametrize(
    "cursor", [None, "", "nonsense", "2018", "0001-01-01T00:00:00+00:00", "9999-01-01T00:00:00+00:00"]
)
def test_a_cursor_that_is_lost_or_makes_no_sense_loses_nothing(cursor, project, service, clock):
    made = project(regions=2)
    exports = [made.submit(partition) for partition in made.partitions]
    service.advance(60)
    made.tick()
    made.collected(made.partitions[0], exports[0].id)
    clock.advance(hours=2)
    made.cursor, made.requested = cursor, []
    assert keys(made.tick()) == [f"{exports[1].id}-0"]
    assert made.cursor < operations.now()


def test_a_clock_that_was_ahead_and_was_set_right_hides_nothing(project, service, clock):
    made = project(regions=2)
    clock.advance(hours=1)
    first = made.submit(made.partitions[0])
    service.advance(60)
    made.tick()
    made.collected(made.partitions[0], first.id)
    clock.advance(hours=-1, minutes=5)
    second = made.submit(made.partitions[1])
    service.advance(60)
    assert keys(made.tick()) == [f"{second.id}-0"]


def test_a_process_that_dies_before_the_cursor_is_noted_repeats_the_same_keys(project, service):
    made = project(regions=2)
    exports = [made.submit(partition) for partition in made.partitions]
    service.advance(60)
    died = made.evaluate()
    assert keys(died.run_requests) == keys(made.tick()) == sorted(f"{export.id}-0" for export in exports)


def test_a_process_that_dies_after_a_resubmission_starts_nothing_twice(project, service, clock, monkeypatch):
    made = project()
    service.faults.add("fail")
    export = made.submit(made.partitions[0])
    service.advance(60)
    made.tick()
    clock.advance(minutes=5)
    with monkeypatch.context() as patched:
        # The task is started, but the process dies before it can note that.
        patched.setattr(Registry, "write", lambda self, record: sys.exit())
        with pytest.raises(SystemExit):
            made.evaluate()
    assert len(service.operations.all()) == 2
    made.tick()
    service.advance(60)
    assert keys(made.tick()) == [f"{export.id}-0"]
    assert len(service.operations.all()) == 2


def test_an_export_that_cannot_be_tried_anew_does_not_stop_the_others(project, service, clock):
    made = project(regions=4, most_tasks=4)
    service.faults.add("fail", times=3)
    exports = [made.submit(partition) for partition in made.partitions]
    service.advance(60)
    assert keys(made.tick()) == [f"{exports[3].id}-0"]
    made.collected(made.partitions[3], exports[3].id)
    clock.advance(minutes=5)
    service.faults.add("forbidden", endpoint="image.export", times=1)
    service.counters.reset()
    made.tick()
    assert service.counters.requests["operations.list"] == 1, "one listing for all that is tried anew"
    refused = [line for line in made.said if "could not be tried anew" in line]
    assert len(refused) == 1 and "r00" in refused[0] and "required permission" in refused[0]
    assert len([line for line in made.said if line.endswith("tried anew")]) == 2
    made.tick()
    service.advance(60)
    assert keys(made.tick()) == sorted(f"{export.id}-0" for export in exports[:3])


def test_resubmissions_of_one_tick_keep_to_the_limit_of_tasks(project, service, clock):
    made = project(regions=3, most_tasks=3)
    service.faults.add("fail", times=3)
    for partition in made.partitions:
        made.submit(partition)
    service.advance(60)
    made.tick()
    clock.advance(minutes=5)
    small = Project(made.folder, service, made.instance, regions=3, most_tasks=2)
    small.tick()
    waiting = [operation for operation in service.operations.all() if operation.state == "PENDING"]
    assert len(waiting) == 2
    assert len([line for line in small.said if "2 tasks of this project's studies waiting or running" in line]) == 1


def test_attempts_rest_ever_longer_and_end_with_what_to_do(project, service, clock):
    made = project()
    service.faults.add("task_memory", times=None)
    made.submit(made.partitions[0])
    rests = []
    for _ in range(40):
        service.advance(60)
        before = len(service.operations.all())
        made.tick()
        rests.append(len(service.operations.all()) - before)
        clock.advance(minutes=1)
    assert sum(rests) == MAX_ATTEMPTS - 1
    first, second, third = (number for number, started in enumerate(rests) if started)
    assert (first, second - first, third - second) == (1, 3, 5)
    ((partition, kind, message),) = made.told()
    assert (partition, kind) == (made.partitions[0], "memory") and "out of memory" in message
    (record,) = made.instance.fetch_observations(dg.AssetKey("sentinel2_export"), limit=5).records
    shown = record.event_log_entry.asset_observation.metadata
    assert shown["attempt"].value == 4 and shown["tile_scale"].value == 8 and "coarsen" in shown["to_do"].value
    assert isinstance(shown["eecu_seconds"], dg.FloatMetadataValue)
    assert shown["started"].value < shown["ended"].value


@pytest.mark.parametrize(
    ("fault", "kind"), [("task_quota", "quota"), ("no_pixels", "no_pixels"), ("permission", "permission")]
)
def test_failures_that_stay_are_shown_at_once(fault, kind, project, service):
    made = project(regions=2)
    service.faults.add(fault)
    for partition in made.partitions:
        made.submit(partition)
    service.advance(60)
    assert len(made.tick()) == 1
    assert [row[:2] for row in made.told()] == [(made.partitions[0], kind)]
    made.cursor = None
    assert made.tick() == [] and len(made.told()) == 1


def test_a_tick_without_earth_engine_fails_in_words_and_keeps_its_cursor(project, service):
    made = project(regions=2)
    exports = [made.submit(partition) for partition in made.partitions]
    made.cursor = cursor = operations.now()
    service.faults.add("503", times=None)
    service.counters.reset()
    with pytest.raises(FusionError, match="listing the tasks: Earth Engine says: The service is currently unavailable"):
        made.tick()
    assert service.counters.requests["operations.list"] == connection.RETRIES.hasty_attempts
    assert made.cursor == cursor
    service.faults.clear()
    service.advance(60)
    assert keys(made.tick()) == sorted(f"{export.id}-0" for export in exports)


def test_a_tick_ends_in_time_when_nothing_answers(project, service, monkeypatch):
    made = project()
    export = made.submit(made.partitions[0])
    monkeypatch.setattr("fusion_assets.orchestration.sensors.TICK_SECONDS", 0.5)
    service.faults.add("slow", endpoint="operations.list", seconds=20)
    started = time.monotonic()
    with pytest.raises(FusionError, match="nothing in the time there was"):
        made.tick()
    assert time.monotonic() - started < 15
    monkeypatch.undo()
    service.advance(60)
    assert keys(made.tick()) == [f"{export.id}-0"]


def test_what_a_tick_has_no_time_for_is_left_to_the_next(project, service, monkeypatch):
    made = project(regions=6)
    exports = [made.submit(partition) for partition in made.partitions]
    service.advance(60)
    look, looks = shards.find_shards, []

    def slow(*arguments):
        looks.append(arguments)
        if len(looks) == 3:
            monkeypatch.setattr(retries.time, "monotonic", lambda: time.perf_counter() + 10**6)
        return look(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(shards, "find_shards", slow)
        before = made.tick()
    monkeypatch.undo()
    assert 0 < len(before) < 6
    assert keys([*before, *made.tick()]) == sorted(f"{export.id}-0" for export in exports)


def test_a_bucket_that_cannot_be_reached_is_named(project, service, clock, monkeypatch):
    made = project()
    export = made.submit(made.partitions[0])
    service.advance(60)

    def refuse(*arguments):
        raise shards.BucketUnreachable("no access")

    with monkeypatch.context() as patched:
        patched.setattr(shards, "find_shards", refuse)
        made.tick()
        assert made.said == []
        clock.advance(minutes=11)
        assert made.tick() == []
    assert made.said == ["sentinel2_composite r000|2018: unreachable; files not ready: no access"]
    assert keys(made.tick()) == [f"{export.id}-0"]


def test_a_run_that_somebody_stopped_is_not_asked_for_again(project, service, clock):
    made = project()
    made.submit(made.partitions[0])
    service.advance(60)
    (request,) = made.tick()
    made.instance.create_run_for_job(made.job, status=dg.DagsterRunStatus.CANCELED, tags=request.tags)
    assert made.tick() == []
    clock.advance(minutes=10)
    made.tick()
    assert made.evaluate().skip_message == "No export to collect: none known."


def test_settled_records_are_read_once(project, service, clock, monkeypatch):
    made = project(regions=5)
    exports = [made.submit(partition) for partition in made.partitions]
    service.advance(60)
    made.tick()
    for partition, export in zip(made.partitions, exports, strict=True):
        made.collected(partition, export.id)
    made.tick()
    clock.advance(minutes=10)
    made.tick()
    reads, read = [], Storage.read_bytes
    monkeypatch.setattr(Storage, "read_bytes", lambda self, path: reads.append(path) or read(self, path))
    service.counters.reset()
    made.tick()
    assert reads == [] and service.counters.requests == {}
    # Another process opens one of them again.
    registry = Registry(Storage(made.settings.storage))
    known = registry.read(exports[0].id)
    registry.write(dataclasses.replace(known, export=dataclasses.replace(known.export, state="RUNNING", finished=None)))
    reads.clear()
    made.tick()
    assert len(reads) == 1 and service.counters.requests["operations.list"] == 1
    made.cursor = None
    reads.clear()
    made.tick()
    assert len(reads) == 5


@pytest.mark.slow
def test_ten_thousand_operations_are_one_listing_and_few_reads(project, service, clock, monkeypatch):
    made = project(regions=4)
    service.control({"action": "add_operations", "count": 10_000, "state": "FAILED", "description": "foreign"})
    service.faults.add("fail", times=2)
    exports = [made.submit(partition) for partition in made.partitions]
    service.advance(60)
    service.counters.reset()
    assert keys(made.tick()) == sorted(f"{export.id}-0" for export in exports[2:])
    assert made.listings() == 1
    # Two are tried anew in the next one, which lists once for both.
    clock.advance(minutes=2)
    service.counters.reset()
    made.tick()
    assert made.listings() == 1 and service.counters.requests["image.export"] == 2


def _record(name, state="SUCCEEDED"):
    return json.dumps({"id": name, "engine": "earth_engine", "state": state}).encode()


def test_records_in_a_bucket_are_seen_although_another_process_wrote_them(buckets):
    storage = Storage("gs://exports/records")
    storage.write_bytes(_record("one"), operations.file_of(storage, "one"))
    before = storage.stamps("_operations")
    other = fsspec.filesystem("gs", skip_instance_cache=True)
    other.pipe_file("exports/records/_operations/two.json", _record("two"))
    assert storage.names("_operations") == ["one", "two"]
    assert storage.read_bytes(operations.file_of(storage, "two")) == _record("two")
    other.pipe_file("exports/records/_operations/one.json", _record("one", "FAILED"))
    after = storage.stamps("_operations")
    assert after["one"] != before["one"] and storage.stamps("_operations") == after
    assert storage.read_bytes(operations.file_of(storage, "one")) == _record("one", "FAILED")


def test_a_damaged_record_is_named(project, service):
    made = project()
    export = made.submit(made.partitions[0])
    storage = Storage(made.settings.storage)
    storage.write_bytes(b"{", operations.file_of(storage, export.id))
    assert made.tick() == []
    assert any(f"{export.id}.json" in text for text in made.said), made.said
    operations.forget()


def test_grace_for_files_is_counted_on_the_projects_clock(project, service, buckets, tmp_path, clock):
    made = project()
    service.faults.add("missing_shard")
    made.submit(made.partitions[0])
    service.advance(60)
    assert made.tick() == [] and len(service.operations.all()) == 1
    clock.advance(seconds=watching.FILES_GRACE.total_seconds() + dt.timedelta(minutes=1).total_seconds())
    made.tick()
    clock.advance(minutes=2)
    made.tick()
    assert "files: the task succeeded, but there is no file" in made.said[0]
    service.advance(60)
    assert len(made.tick()) == 1
