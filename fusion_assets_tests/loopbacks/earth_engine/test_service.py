"""Expressions, collections, limits and assets, asked by the real client."""

import json

import ee
import numpy as np
import pytest
import rasterio
import requests

from fusion_assets.loopbacks.earth_engine.tiny_archive import CRS, NORTH, WEST, values
from fusion_assets_tests.loopbacks.earth_engine.requests_in_short import L1C, L2A, VIIRS, export, grid


def test_wrong_names_and_arguments_are_refused_before_anything_is_computed(service):
    right = json.loads(ee.Image(1).add(2).serialize())
    text = json.dumps(right)
    for wrong, message in (
        (text.replace("Image.add", "Image.plus"), "Unrecognized function name"),
        (text.replace('"image2"', '"second"'), "Unrecognized argument name: 'second'"),
        (text.replace('"image2":', '"image1":', 1), "'image2' is required"),
        (text.replace("Image.add", "Image.hypot").replace("Image.constant", "Image.matrixIdentity"), "argument name"),
    ):
        answer = requests.post(f"{service.url}/v1/projects/demo/value:compute", json={"expression": json.loads(wrong)})
        assert answer.status_code == 400 and answer.json()["error"]["status"] == "INVALID_ARGUMENT"
        assert message in answer.json()["error"]["message"]


def test_an_algorithm_that_the_service_does_not_know_is_an_error_not_a_guess(service):
    with pytest.raises(ee.EEException, match=r"Image\.gradient: this loopback service does not know"):
        ee.Image(1).gradient().getInfo()
    with pytest.raises(ee.EEException, match="does not know"):
        export(ee.Image(1).toByte().gradient())


def test_wrong_types_and_bands_are_named(service):
    with pytest.raises(ee.EEException, match=r"did not match any bands. Available bands: \[B2, SCL\]"):
        ee.ImageCollection(L2A).first().select("B9").getInfo()
    with pytest.raises(ee.EEException, match="not found"):
        ee.ImageCollection("COPERNICUS/S9").size().getInfo()


def test_collections_have_earth_engines_names_properties_and_order(service):
    found = ee.ImageCollection(L2A).getInfo()["features"]
    assert [image["properties"]["system:index"] for image in found] == ["L2A_0", "L2A_1", "L2A_2"]
    assert found[0]["id"] == f"{L2A}/L2A_0" and [band["id"] for band in found[0]["bands"]] == ["B2", "SCL"]
    assert found[1]["properties"]["CLOUDY_PIXEL_PERCENTAGE"] == 10
    assert found[1]["properties"]["SPACECRAFT_NAME"] == "Sentinel-2A"
    assert found[0]["bands"][0]["crs_transform"] == [10, 0, WEST, 0, -10, NORTH]
    smod = ee.Image("JRC/GHSL/P2016/SMOD_POP_GLOBE_V1/2015")
    assert smod.bandNames().getInfo() == ["smod_code"]


def test_filters_work_on_dates_bounds_and_properties(service):
    images = ee.ImageCollection(L2A)
    assert images.filterDate("2018-07-02", "2018-07-03").aggregate_array("system:index").getInfo() == ["L2A_1"]
    assert images.filterBounds(ee.Geometry.Point([WEST + 40, NORTH - 40], CRS)).size().getInfo() == 3
    assert images.filterBounds(ee.Geometry.Point([10, 10])).size().getInfo() == 0
    assert images.filter(ee.Filter.lt("CLOUDY_PIXEL_PERCENTAGE", 15)).size().getInfo() == 2
    latest = images.sort("system:time_start", False).first()
    assert latest.get("system:index").getInfo() == "L2A_2"
    # A month's end is the start of the next, as on Earth Engine; STAC writes 23:59:59.
    assert (
        ee.Date(ee.ImageCollection(VIIRS).first().get("system:time_end")).format("YYYY-MM-dd").getInfo() == "2018-01-29"
    )


def test_several_properties_of_all_images_in_one_request(service):
    rows = ee.ImageCollection(L2A).reduceColumns(ee.Reducer.toList(2), ["system:index", "CLOUDY_PIXEL_PERCENTAGE"])
    assert rows.get("list").getInfo() == [["L2A_0", 0], ["L2A_1", 10], ["L2A_2", 20]]


def test_granules_of_one_pass_share_their_datatake(service):
    takes = ee.ImageCollection(L1C).aggregate_array("DATATAKE_IDENTIFIER").getInfo()
    assert len(takes) == 2 and len(set(takes)) == 1
    joined = ee.Join.saveAll("same").apply(
        ee.ImageCollection(L1C).limit(1),
        ee.ImageCollection(L1C),
        ee.Filter.equals(leftField="DATATAKE_IDENTIFIER", rightField="DATATAKE_IDENTIFIER"),
    )
    assert ee.List(ee.Image(joined.first()).get("same")).size().getInfo() == 2


def test_administrative_units_are_feature_collections(service):
    unit = ee.FeatureCollection("FAO/GAUL/2015/level2").filter(ee.Filter.eq("ADM2_NAME", "Bagmati"))
    assert unit.first().get("ADM0_NAME").getInfo() == "Nepal"
    assert unit.geometry().contains(ee.Geometry.Point([85.3, 27.7])).getInfo()


def test_requests_that_are_too_large_are_refused_as_by_the_real_service(service):
    image = ee.Image.constant([1, 2]).toFloat()
    for size, message in (((40000, 1), "Pixel grid dimensions"), ((3000, 3000), "Total request size")):
        asked = {**grid(), "dimensions": {"width": size[0], "height": size[1]}}
        with pytest.raises(ee.EEException, match=message):
            ee.data.computePixels({"expression": image, "fileFormat": "NPY", "grid": asked})


def test_a_geotiff_needs_one_type_and_has_named_bands(service):
    image = ee.Image(f"{L2A}/L2A_0")
    with pytest.raises(ee.EEException, match="inconsistent types: UInt16 and Byte"):
        ee.data.computePixels({"expression": image, "fileFormat": "GEO_TIFF", "grid": grid()})
    content = ee.data.computePixels({"expression": image.toFloat(), "fileFormat": "GEO_TIFF", "grid": grid()})
    with rasterio.MemoryFile(content) as memory, memory.open() as file:
        assert file.descriptions == ("B2", "SCL") and file.crs == CRS and file.transform.a == 10
        np.testing.assert_array_equal(file.read(1), values(0))


def test_assets_can_be_looked_up_and_listed(service):
    assert ee.data.getAsset(L2A)["type"] == "IMAGE_COLLECTION"
    assert ee.data.getInfo("COPERNICUS/S9") is None
    listed = ee.data.listImages({"parent": L2A, "startTime": "2018-07-02T00:00:00Z", "view": "BASIC"})["images"]
    assert [image["id"] for image in listed] == [f"{L2A}/L2A_1", f"{L2A}/L2A_2"]
    assert ee.deprecation.deprecated_assets["COPERNICUS/S2"].replacement_id == L1C
