"""Random schedules of trouble: whatever strikes, every export arrives once and with the right pixels."""

import collections
import datetime as dt
import random

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery.archive import ArchiveEngine
from fusion_assets.imagery.earth_engine import Connection, EarthEngine, ExportOptions, connection, watching
from fusion_assets.imagery.storage import Storage
from fusion_assets_tests.earth_engine import Clock, EarthEngineService, storage_emulator
from fusion_assets_tests.imagery.earth_engine_cases import assert_same, demo_catalog, demo_request

REQUESTS = ("429", "500", "503", "drop", "lost_answer", "cut", "aggregations", "quota")
TASKS = ("fail", "task_memory", "missing_shard", "truncated_shard", "expired")
SPRING = (dt.date(2015, 1, 1), dt.date(2015, 6, 30))


@pytest.fixture(scope="module")
def buckets():
    with storage_emulator() as running:
        yield running


@pytest.fixture(scope="module")
def wanted(tmp_path_factory):
    """Requests and the pixels that the archive gives for them, by name of product and window."""
    catalog = demo_catalog(tmp_path_factory)
    requests = [demo_request(catalog, "sentinel2_l1c", 4), demo_request(catalog, "viirs_monthly", 4, window=SPRING)]
    archive = ArchiveEngine(Storage(tmp_path_factory.mktemp("archive")))
    return {request.product: (request, archive.collect(archive.submit(request)).compute()) for request in requests}


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_lost_and_nothing_done_twice(seed, wanted, buckets, tmp_path, monkeypatch, tmp_path_factory):
    monkeypatch.setattr(connection, "FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(watching, "FILES_GRACE", dt.timedelta(0))
    chance, missing = random.Random(seed), dict(wanted)
    with EarthEngineService(demo_catalog(tmp_path_factory), buckets, Clock(manual=True)) as service:
        service.faults.seed(seed)
        service.operations.pending_seconds = service.operations.running_seconds = 10
        for _ in range(chance.randint(1, 4)):
            options = {"probability": 0.4, "times": chance.randint(1, 4), "after": chance.randint(0, 6)}
            service.faults.add(chance.choice(REQUESTS), **options)
        for _ in range(chance.randint(0, 2)):
            service.faults.add(chance.choice(TASKS))
        for _ in range(12):
            # Another process every time: all that is known lies in the storage.
            options = ExportOptions(bucket=f"exports/{tmp_path.name}", way="batch")
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
