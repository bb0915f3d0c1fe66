"""Random schedules of trouble: whatever strikes, every export arrives once and with the right pixels."""

import collections
import contextlib
import datetime as dt
import os
import random

import dagster as dg
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.engines.earth_engine import Connection, EarthEngine, ExportOptions
from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService, tiny_archive
from fusion_assets.storage.root import Storage
from fusion_assets.study.imagery_requests import PIXEL_ASSETS
from fusion_assets.study.provenance import EXPORT_ASSETS
from fusion_assets_tests.imagery.engines.earth_engine.cases import assert_same, demo_request
from fusion_assets_tests.orchestration.sensor_cases import Project, Time

pytestmark = pytest.mark.slow

REQUESTS = ("429", "500", "503", "drop", "lost_answer", "cut", "aggregations", "quota")
TASKS = ("fail", "task_memory", "missing_shard", "truncated_shard", "expired")
LASTING = ("task_quota", "no_pixels", "permission")
SPRING = (dt.date(2015, 1, 1), dt.date(2015, 6, 30))


@pytest.fixture(scope="module")
def wanted(catalog, tmp_path_factory):
    """Requests and the pixels that the archive gives for them, by name of product and window."""
    requests = [demo_request(catalog, "sentinel2_l1c", 4), demo_request(catalog, "viirs_monthly", 4, window=SPRING)]
    archive = ArchiveEngine(Storage(tmp_path_factory.mktemp("archive")))
    return {request.product: (request, archive.collect(archive.submit(request)).compute()) for request in requests}


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_and_nothing_done_twice(seed, wanted, buckets, tmp_path, monkeypatch, catalog):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    chance, missing = random.Random(seed), dict(wanted)
    with EarthEngineService(catalog, buckets, Clock(manual=True)) as service:
        service.faults.seed(seed)
        service.operations.pending_seconds = service.operations.running_seconds = 10
        for _ in range(chance.randint(1, 4)):
            options = {"probability": 0.4, "times": chance.randint(1, 4), "after": chance.randint(0, 6)}
            service.faults.add(chance.choice(REQUESTS), **options)
        for _ in range(chance.randint(0, 2)):
            service.faults.add(chance.choice(TASKS))
        for _ in range(12):
            # Another process every time: all that is known lies in the storage.
            grace = dt.timedelta(0)
            options = ExportOptions(bucket=f"exports/{tmp_path.name}", way="batch", files_grace=grace)
            made = EarthEngine(Storage(tmp_path), Connection("demo", service.url), options)
            try:
                for request, _ in missing.values():
                    made.submit(request)
                service.advance(15)
                finished, _ = made.finished_since(None)
            except FusionError:
                continue
            for export in finished:
                if export.state == "SUCCEEDED" and export.request.product in missing:
                    _, expected = missing.pop(export.request.product)
                    assert_same(expected, made.collect(export).compute())
                assert export.state == "SUCCEEDED" or export.message
            if not missing:
                break
        assert not missing, service.faults.to_json()
        started = [operation.request["requestId"] for operation in service.operations.all()]
        assert len(started) == len(set(started))
        good = [o.description.rsplit(":", 1)[0] for o in service.operations.all() if not o.fault]
        assert set(collections.Counter(good).values()) <= {1}


@pytest.mark.parametrize("seed", range(int(os.environ.get("FUSION_SCHEDULES", 8))))
def test_from_exports_to_pixels_with_the_sensor(seed, buckets, tmp_path, monkeypatch, tmp_path_factory):
    """Exports in runs, ticks whose cursor gets lost, processes that die, failures that stay: all is accounted for.

    `FUSION_SCHEDULES=200` tries as many schedules.
    """
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    archive = tmp_path_factory.getbasetemp() / "tiny-archive"
    catalog = str(archive / "catalog.json") if archive.exists() else tiny_archive.write(archive)
    chance, clock = random.Random(seed), Time(monkeypatch)
    with (
        EarthEngineService(catalog, buckets, Clock(manual=True)) as service,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        # Earth Engine's clock is not ours.
        service.clock.advance(chance.choice([-3600, 0, 3600]))
        service.operations.pending_seconds = service.operations.running_seconds = 10
        service.faults.seed(seed)
        for _ in range(chance.randint(1, 4)):
            options = {"probability": 0.4, "times": chance.randint(1, 6), "after": chance.randint(0, 12)}
            service.faults.add(chance.choice(REQUESTS), **options)
        for _ in range(chance.randint(0, 4)):
            service.faults.add(chance.choice(TASKS + LASTING), times=chance.choice([1, 1, 2, 5]))
        project = Project(tmp_path, service, instance, regions=2, features="both")
        places = [(role, partition) for role in project.roles for partition in project.partitions]
        for _ in range(60):
            for role, partition in places:
                if not ticketed(project, role, partition):
                    project.materialize(EXPORT_ASSETS[role], partition)
            seconds = chance.randint(20, 240)
            clock.advance(seconds=seconds)
            service.advance(seconds)
            with contextlib.suppress(FusionError):
                if chance.random() < 0.15:
                    project.evaluate()  # and the daemon dies before it has noted the result
                for request in project.tick():
                    project.run(request)
            if chance.random() < 0.1:
                project.cursor = chance.choice([None, "", "nonsense"])
            if all(outcome(project, *place) for place in places):
                break
        check_outcome(project, places)
        check_tasks(service, project)


def ticketed(project, role, partition):
    return bool(project.materialized(EXPORT_ASSETS[role]).get(partition))


def outcome(project, role, partition):
    """How an export has ended: by pixels, or by a failure that is shown; None before."""
    made = project.materialized(PIXEL_ASSETS[role]).get(partition, [])
    shown = [(kind, message) for place, kind, message in project.told(EXPORT_ASSETS[role]) if place == partition]
    return made or shown


def check_outcome(project, places):
    for role, partition in places:
        made = project.materialized(PIXEL_ASSETS[role]).get(partition, [])
        shown = [kind for place, kind, _ in project.told(EXPORT_ASSETS[role]) if place == partition]
        assert (len(made), len(shown)) in ((1, 0), (0, 1)), (role, partition, project.said, project.ran)
        assert len([run for run in project.ran if run[:2] == (PIXEL_ASSETS[role], partition) and run[3]]) == len(made)
    # Nothing more happens, whatever becomes of the cursor.
    for cursor in (project.cursor, None):
        project.cursor = cursor
        project.service.faults.clear()
        assert project.tick() == []


def check_tasks(service, project):
    started = [operation.request["requestId"] for operation in service.operations.all()]
    assert len(started) == len(set(started))
    good = [o.description.rsplit(":", 1)[0] for o in service.operations.all() if not o.fault]
    assert set(collections.Counter(good).values()) <= {1}
    told = " ".join(project.said + [row[2] for asset in EXPORT_ASSETS.values() for row in project.told(asset)])
    for operation in service.operations.all():
        if operation.state == "FAILED":
            assert operation.error["message"] in told
        if operation.fault and operation.fault["kind"] in ("missing_shard", "truncated_shard"):
            assert operation.description.split(":")[-2] in told
