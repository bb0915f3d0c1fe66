"""Imports of images: a file of a bucket is served as an asset, to the pixel, and what is wrong with it is said."""

import ee
import numpy as np
import pytest
import rasterio
from affine import Affine

from fusion_assets.loopbacks.earth_engine import Clock, EarthEngineService, connect
from fusion_assets_tests.loopbacks.earth_engine.requests_in_short import L2A

MISSING = -9999.0
NAME = "projects/demo-maps/assets/maps/radiance"
GRID = {"dimensions": {"width": 5, "height": 4}, "crsCode": "EPSG:32631",
        "affineTransform": {"scaleX": 30, "scaleY": -30, "translateX": 500000, "translateY": 5600000}}  # fmt: skip


def geotiff(crs="EPSG:32631", count=2):
    values = np.arange(20 * count, dtype="float32").reshape(count, 4, 5)
    values[0, 0, 0] = MISSING
    with rasterio.MemoryFile() as memory:
        shape = {"width": 5, "height": 4, "count": count, "dtype": "float32"}
        with memory.open(driver="GTiff", crs=crs, transform=Affine(30, 0, 500000, 0, -30, 5600000), **shape) as file:
            file.write(values)
        return values, memory.read()


def manifest(name=NAME, source="maps/radiance.tif", bands=("radiance", "low"), **changes):
    told = [{"id": band, "tilesetBandIndex": index, "pyramidingPolicy": "MEAN"} for index, band in enumerate(bands)]
    return {
        "name": name,
        "tilesets": [{"sources": [{"uris": [f"gs://exports/{source}"]}]}],
        "bands": told,
        "missingData": {"values": [MISSING]},
        "startTime": "2019-01-01T00:00:00Z",
        "endTime": "2020-01-01T00:00:00Z",
        "properties": {"unit": "nW", "digest": "abc"},
    } | changes  # fmt: skip


def pixels(name, band):
    request = {"expression": ee.Image(name).select(band).unmask(-1, False), "fileFormat": "NUMPY_NDARRAY", "grid": GRID}
    return ee.data.computePixels(request)[band]


def test_a_file_becomes_an_asset_with_its_pixels_and_properties(service):
    values, content = geotiff()
    service.buckets.write("exports", "maps/radiance.tif", content)
    service.operations.pending_seconds, service.operations.running_seconds = 10, 20
    started = ee.data.startIngestion("unused", manifest())
    service.advance(15)
    operation = ee.data.getOperation(started["name"])["metadata"]
    assert (operation["type"], operation["state"]) == ("INGEST_IMAGE", "RUNNING")
    assert operation["description"] == f'Ingest image: "{NAME}"'
    service.advance(15)
    assert ee.data.getOperation(started["name"])["metadata"]["state"] == "SUCCEEDED"
    np.testing.assert_array_equal(pixels(NAME, "low"), values[1])
    np.testing.assert_array_equal(pixels(NAME, "radiance"), np.where(values[0] == MISSING, -1, values[0]))
    asset = ee.data.getAsset(NAME)
    assert (asset["name"], asset["properties"]) == (NAME, {"unit": "nW", "digest": "abc"})
    assert (asset["startTime"][:10], asset["endTime"][:10]) == ("2019-01-01", "2020-01-01")
    assert ee.Image(NAME).bandNames().getInfo() == ["radiance", "low"]
    assert [found["name"] for found in ee.data.listAssets("projects/demo-maps/assets")["assets"]] == [NAME]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"source": "maps/nowhere.tif"}, "'gs://exports/maps/nowhere.tif' not found"),
        ({"bands": ("one", "two", "three")}, "Band 'three' has the tileset band index 2; the file has 2"),
        ({"source": "maps/nonsense.tif"}, "not a valid GeoTIFF"),
        ({"source": "maps/nowhere_on_earth.tif"}, "Unable to determine the CRS"),
        ({"name": "projects/demo-maps/assets/there"}, "Cannot overwrite asset"),
    ],
)  # fmt: skip
def test_an_operation_fails_with_its_reason(changes, message, service):
    for name, content in {"radiance": geotiff()[1], "nonsense": b"x", "nowhere_on_earth": geotiff(None)[1]}.items():
        service.buckets.write("exports", f"maps/{name}.tif", content)
    if "projects/demo-maps/assets/there" not in service.ingested.names:
        ee.data.startIngestion("there", manifest("projects/demo-maps/assets/there"))
        service.advance(1)
    started = ee.data.startIngestion("x", manifest(**{"name": "projects/demo-maps/assets/wrong", **changes}))
    service.advance(1)
    operation = ee.data.getOperation(started["name"])
    assert operation["metadata"]["state"] == "FAILED" and message in operation["error"]["message"]
    assert "projects/demo-maps/assets/wrong" not in service.ingested.names


def test_what_may_be_overwritten_is_and_quotas_count(service, monkeypatch):
    name = "projects/demo-maps/assets/again"
    for number in (1, 2):
        service.buckets.write("exports", "maps/radiance.tif", geotiff(count=number)[1])
        ee.data.startIngestion("", manifest(name, bands=("a", "b")[:number]), allow_overwrite=True)
        service.advance(1)
    assert ee.Image(name).bandNames().getInfo() == ["a", "b"]
    monkeypatch.setattr(service.ingested, "quota_bytes", 10)
    assert ee.data.getAssetRootQuota("projects/demo-maps/assets")["asset_size"]["limit"] == 10
    started = ee.data.startIngestion("", manifest("projects/demo-maps/assets/much"))
    service.advance(1)
    assert "quota exceeded" in ee.data.getOperation(started["name"])["error"]["message"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "users/me/map"}, "Invalid asset name"),
        ({"tilesets": []}, "must name its sources"),
        ({"tilesets": [{"sources": [{"uris": ["/etc/passwd"]}]}]}, "must name its sources"),
        ({"tilesets": [{"sources": [{"uris": ["gs://a/b", "gs://a/c"]}]}]}, "one file alone"),
        ({"bands": [{"id": "a"}, {"id": "a"}]}, "unique ids"),
        ({"bands": [{"id": "a", "pyramidingPolicy": "SAMPLE"}]}, "does not know SAMPLE"),
        ({"maskBands": []}, "does not know maskBands"),
        ({"missingData": {"values": [1, 2]}}, "one number of missing data"),
        ({"properties": {"system:time_start": 1}}, "Invalid property"),
        ({"startTime": "2021-01-01T00:00:00Z"}, "must not be before"),
        ({"startTime": "yesterday"}, "RFC 3339"),
    ],
)  # fmt: skip
def test_a_manifest_that_cannot_be_is_refused_at_once(changes, message, service):
    before = len(service.operations.all())
    with pytest.raises(ee.EEException, match=message):
        ee.data.startIngestion("x", manifest() | changes)
    assert len(service.operations.all()) == before


def test_assets_outlive_the_service(archive, service, tmp_path):
    service.buckets.write("exports", "maps/radiance.tif", geotiff()[1])
    body = {"imageManifest": manifest("projects/demo-maps/assets/kept"), "requestId": "kept"}
    with EarthEngineService(archive, service.buckets, Clock(manual=True), tmp_path) as first:
        first.operations.submit("demo", "INGEST_IMAGE", body)
        first.advance(1)
    with EarthEngineService(archive, service.buckets, Clock(manual=True), tmp_path) as second:
        connect(second.url)
        try:
            np.testing.assert_array_equal(pixels("projects/demo-maps/assets/kept", "low"), geotiff()[0][1])
            assert ee.Image(f"{L2A}/L2A_0").bandNames().getInfo(), "the archive's own are there too"
        finally:
            connect(service.url)
