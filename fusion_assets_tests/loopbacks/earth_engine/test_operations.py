"""Exports: their states, their files, and what outlives the service."""

import io
import json

import ee
import numpy as np
import pytest
import rasterio
import requests

from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService
from fusion_assets.loopbacks.earth_engine.tiny_archive import NORTH, WEST, values
from fusion_assets_tests.loopbacks.command import command, wait_for
from fusion_assets_tests.loopbacks.earth_engine.requests_in_short import L2A, export


def test_an_export_moves_with_the_clock_and_writes_shards_that_gcsfs_reads(service):
    import gcsfs

    service.operations.pending_seconds, service.operations.running_seconds = 10, 20
    image = ee.Image(f"{L2A}/L2A_1").select("B2").toFloat()
    options = {"fileDimensions": 4, "shardSize": 4, "formatOptions": {"noData": -9999}, "priority": 7}
    task = export(image, "shards", fileNamePrefix="out/shards", **options)
    assert task.status()["state"] == "READY"
    service.advance(15)
    assert task.status()["state"] == "RUNNING"
    service.advance(15)
    metadata = ee.data.getOperation(task.name)["metadata"]
    assert metadata["state"] == "SUCCEEDED" and metadata["priority"] == 7 and metadata["batchEecuUsageSeconds"] > 0
    assert metadata["destinationUris"] == ["https://console.developers.google.com/storage/browser/exports/out/"]
    assert metadata["createTime"] < metadata["startTime"] < metadata["endTime"] == metadata["updateTime"]
    storage = gcsfs.GCSFileSystem(token="anon", endpoint_url=service.buckets.address, skip_instance_cache=True)
    names = [f"exports/out/shards{row:010d}-{col:010d}.tif" for row in (0, 4) for col in (0, 4)]
    assert sorted(storage.ls("exports/out")) == names
    with (
        rasterio.open(io.BytesIO(storage.cat(names[0]))) as first,
        rasterio.open(io.BytesIO(storage.cat(names[3]))) as last,
    ):
        assert first.nodata == -9999 and first.read(1)[0, 0] == -9999
        assert (last.transform.c, last.transform.f) == (WEST + 40, NORTH - 40)
        np.testing.assert_array_equal(last.read(1), values(1)[4:, 4:])


def test_one_request_id_starts_one_operation_even_when_the_answer_is_lost(service):
    image = ee.Image(f"{L2A}/L2A_0").select("B2")
    before = len(service.operations.all())
    destination = {"bucket": "exports", "filenamePrefix": "once"}
    options = {"fileFormat": "GEO_TIFF", "cloudStorageDestination": destination}
    request = {"expression": image, "description": "once", "fileExportOptions": options}
    service.faults.add("lost_answer", endpoint="image.export")
    first = ee.data.exportImage("once-1", request)
    assert service.counters.requests["image.export"] == 2, "the client asked again by itself"
    assert ee.data.exportImage("once-1", request)["name"] == first["name"]
    assert len(service.operations.all()) == before + 1
    assert ee.data.exportImage("once-2", request)["name"] != first["name"]


@pytest.mark.parametrize("description", ["with spaces", "x" * 101])
def test_descriptions_that_earth_engine_refuses(service, description):
    with pytest.raises(ee.EEException, match="description must"):
        export(ee.Image(1).toByte(), description)


def test_a_failed_task_says_why_and_a_cancelled_one_stays_so(service):
    wrong = export(ee.Image(f"{L2A}/L2A_0").select("B7"), "wrong")
    gone = export(ee.Image(f"{L2A}/L2A_0").select("B2"), "gone", fileNamePrefix="gone")
    gone.cancel()
    service.advance(1)
    assert "did not match any bands" in wrong.status()["error_message"]
    assert gone.status()["state"] == "CANCELLED" and service.buckets.names("exports", "gone") == []


def test_ten_thousand_operations_are_listed_by_pages_while_new_ones_arrive(archive):
    with EarthEngineService(archive, clock=Clock(manual=True)) as other:
        other.control({"action": "add_operations", "count": 9999, "state": "SUCCEEDED", "description": "foreign"})
        other.control({"action": "add_operations", "bare": True})
        page, token = other.operations.page("demo", 500, None)
        other.control({"action": "add_operations", "description": "late"})
        names = [operation.name for operation in page]
        while token:
            page, token = other.operations.page("demo", 500, token)
            names += [operation.name for operation in page]
        assert len(names) == len(set(names)) == 10000
        assert "description" not in other.operations.get(names[0]).to_json()["metadata"]


def test_operations_outlive_the_service(archive, tmp_path):
    body = {"expression": json.loads(ee.Image(1).serialize()), "requestId": "same", "description": "kept"}
    with EarthEngineService(archive, clock=Clock(manual=True), state=tmp_path) as first:
        name = first.operations.submit("demo", "EXPORT_IMAGE", body).name
    with EarthEngineService(archive, clock=Clock(manual=True), state=tmp_path) as second:
        assert second.operations.submit("demo", "EXPORT_IMAGE", body).name == name


def test_a_service_killed_in_mid_task_finishes_it_when_started_again(archive, tmp_path):
    body = {
        "expression": json.loads(ee.Image("COPERNICUS/S2/L1C_0").select("B2").serialize()),
        "requestId": "once",
        "fileExportOptions": {
            "fileFormat": "GEO_TIFF",
            "cloudStorageDestination": {"bucket": "exports", "filenamePrefix": "k"},
        },
    }
    names = []
    for seconds, state in (("1000", "RUNNING"), ("0", "SUCCEEDED")):
        with command("earth_engine", archive, "--state", tmp_path, "--running", seconds) as (variables, process):
            url, storage = variables["EE_URL"], variables["STORAGE_EMULATOR_HOST"]
            names.append(requests.post(f"{url}/v1/projects/demo/image:export", json=body).json()["name"])
            wait_for(state, _state, url, names[-1])
            objects = requests.get(f"{storage}/storage/v1/b/exports/o").json().get("items", [])
            process.kill()
    assert names[0] == names[1] and [item["name"] for item in objects] == ["k.tif"]


def _state(url, name):
    return requests.get(f"{url}/v1/{name}").json()["metadata"]["state"]
