"""Fixtures: the tiny archive and a running service with the real client connected to it."""

import ee
import pytest

from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService, connect, storage_emulator, tiny_archive


@pytest.fixture(scope="package")
def archive(tmp_path_factory):
    return tiny_archive.write(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="package")
def running(archive):
    with storage_emulator() as buckets, EarthEngineService(archive, buckets, Clock(manual=True)) as service:
        connect(service.url)
        ee.data.setMaxRetries(1)
        yield service
    ee.Reset()


@pytest.fixture
def service(running):
    """The service, free of faults and with its defaults; what a test changes is put back."""
    running.counters.reset()
    yield running
    running.faults.clear()
    running.operations.pending_seconds = running.operations.running_seconds = 0
    running.control({"action": "options", "refuse_pyramid": False, "whole_masks": False, "concurrency_limit": 40})
