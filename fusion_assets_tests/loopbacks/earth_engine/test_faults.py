"""Faults on demand, as the client meets them."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import ee
import pytest
import requests

from fusion_assets_tests.loopbacks.earth_engine.requests_in_short import L2A, export


def test_faults_of_requests_strike_as_often_as_asked(service):
    service.faults.add("500", endpoint="value.compute")
    assert ee.Number(1).add(1).getInfo() == 2, "the client retries"
    assert service.counters.statuses == {"value.compute 500": 1, "value.compute 200": 1}
    for kind, message in (("memory", "User memory limit exceeded."), ("timeout", "Computation timed out.")):
        service.faults.add(kind)
        with pytest.raises(ee.EEException, match=message):
            ee.Number(1).getInfo()
    url = f"{service.url}/v1/projects/demo/operations"
    service.faults.add("aggregations", endpoint="operations.list")
    assert requests.get(url).json()["error"] == {
        "code": 429, "message": "Too many concurrent aggregations.", "status": "RESOURCE_EXHAUSTED"}  # fmt: skip
    for kind in ("drop", "cut"):
        service.faults.add(kind, endpoint="operations.list")
        with pytest.raises(requests.RequestException):
            requests.get(url)
    assert requests.get(url).ok
    service.faults.add("slow", seconds=0.3)
    with pytest.raises(requests.Timeout):
        requests.get(url, timeout=0.1)


def test_faults_of_tasks_reach_the_bucket_and_the_list(service):
    image = ee.Image(f"{L2A}/L2A_0").select("B2")
    split = {"fileDimensions": 4, "shardSize": 4}
    kinds = ("never_ends", "missing_shard", "truncated_shard", "expired", "task_memory")
    for kind in kinds:
        service.faults.add(kind, description=kind)
    tasks = {kind: export(image, f"a-{kind}", fileNamePrefix=f"{kind}/x", **split) for kind in kinds}
    service.advance(1)
    assert tasks["never_ends"].status()["state"] == "RUNNING"
    assert tasks["missing_shard"].status()["state"] == "COMPLETED"
    assert len(service.buckets.names("exports", "missing_shard/")) == 3
    sizes = [
        len(service.buckets.read("exports", name)) for name in service.buckets.names("exports", "truncated_shard/")
    ]
    assert sizes[-1] * 2 < sizes[0] + 2
    assert tasks["expired"].name not in {operation["name"] for operation in ee.data.listOperations()}
    with pytest.raises(ee.EEException, match="not found"):
        ee.data.getOperation(tasks["expired"].name)
    assert "out of memory" in tasks["task_memory"].status()["error_message"]


def test_too_many_computations_at_once_are_turned_away(service):
    service.control({"action": "options", "concurrency_limit": 3})
    service.faults.add("slow", endpoint="value.compute", seconds=3, times=None)
    body = {"expression": json.loads(ee.Number(1).serialize())}
    start = threading.Barrier(6)

    def ask(_):
        start.wait()
        return requests.post(f"{service.url}/v1/projects/demo/value:compute", json=body).status_code

    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(ask, range(6)))
    service.control({"action": "options", "concurrency_limit": 40})
    assert sorted(statuses) == [200, 200, 200, 429, 429, 429]
    assert service.counters.most_at_once["value.compute"] == 6


def test_the_control_endpoint_does_what_the_objects_do(service):
    def control(**body):
        return requests.post(f"{service.url}/control", json=body).json()

    assert control(action="add_fault", kind="429", endpoint="assets.get")["kind"] == "429"
    assert requests.get(f"{service.url}/v1/projects/earthengine-public/assets/{L2A}").status_code == 429
    assert control(action="counters")["faults"] == {"429": 1}
    assert "no_such" in control(action="no_such")["error"]
