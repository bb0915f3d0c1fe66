"""Pixels on requested grids, worked out by hand."""

import ee
import numpy as np
import pytest

from fusion_assets.loopbacks.earth_engine.tiny_archive import CRS, NORTH, WEST, lights, values
from fusion_assets_tests.loopbacks.earth_engine.requests_in_short import L1C, L2A, VIIRS, pixels


def clear(image):
    return image.updateMask(image.select("SCL").remap([4, 5, 6], [1, 1, 1], 0))


def test_harmonised_numbers_have_no_offset_and_raw_ones_do(service):
    for collection, shift in ((L2A, 0), ("COPERNICUS/S2_SR", 1000)):
        found = pixels(ee.Image(f"{collection}/L2A_1").select("B2"))["B2"]
        assert found[0, 0] == -1, "0 is no data, whatever is subtracted"
        np.testing.assert_array_equal(found[1:], values(1)[1:] + shift)


def test_the_median_takes_clear_scenes_only_and_averages_the_middle_two(service):
    images = ee.ImageCollection(L2A).map(clear).select("B2")
    found, count = pixels(images.median())["B2"], pixels(images.count())["B2"]
    left, right = np.s_[1:, :4], np.s_[1:, 4:]
    np.testing.assert_array_equal(count[left], 2)
    np.testing.assert_allclose(found[left], (values(0)[left].astype(float) + values(1)[left]) / 2)
    np.testing.assert_array_equal(found[right], values(1)[right])
    assert found[0, 0] == values(0)[0, 0] and count[0, 0] == 1


def test_both_cloud_bits_can_be_tested_and_python_and_tests_one(service):
    image = ee.Image(f"{L1C}/L1C_0")
    bits = image.select("QA60")
    cloud, cirrus = bits.bitwiseAnd(1 << 10).eq(0), bits.bitwiseAnd(1 << 11).eq(0)
    found = pixels(image.select("B2").updateMask(cloud.And(cirrus)))["B2"]
    assert (found[:2] == -1).all() and (found[2:] > 0).all()
    wrong = pixels(image.select("B2").updateMask(cloud and cirrus))["B2"]
    assert (wrong[0] > 0).all() and (wrong[1] == -1).all()


def test_nearest_neighbour_follows_pixel_centres(service):
    image = ee.Image(f"{L2A}/L2A_0").select("B2")
    np.testing.assert_array_equal(pixels(image, size=8, edge=5)["B2"], values(0)[:4, :4].repeat(2, 0).repeat(2, 1))
    # Centres 4.9 m east of the scene's own edges stay in their pixels; at 5 m they belong to the next one.
    np.testing.assert_array_equal(pixels(image, size=4, west=WEST + 4.9)["B2"], values(0)[:4, :4])
    np.testing.assert_array_equal(pixels(image, size=4, west=WEST + 5)["B2"], values(0)[:4, 1:5])
    outside = pixels(image, size=4, west=WEST - 20)["B2"]
    assert (outside[:, :2] == -1).all() and (outside[:, 2] == values(0)[:4, 0]).all()


def test_block_means_skip_masked_pixels_and_keep_their_share_as_mask(service):
    image = ee.Image(f"{L2A}/L2A_1").select("B2").setDefaultProjection(CRS, [10, 0, WEST, 0, -10, NORTH])
    mean = image.reduceResolution(ee.Reducer.mean(), maxPixels=16)
    found = pixels(mean, size=2, edge=40)["B2"]
    blocks = values(1).astype(float).reshape(2, 4, 2, 4)
    assert found[1, 1] == blocks[1, :, 1].mean()
    assert found[0, 0] == pytest.approx(blocks[0, :, 0].sum() / 15)
    assert pixels(mean.mask(), size=2, edge=40)["B2"][0, 0] == pytest.approx(15 / 16)
    service.control({"action": "options", "whole_masks": True})
    assert pixels(mean.mask(), size=2, edge=40)["B2"][0, 0] == 1
    with pytest.raises(ee.EEException, match="Too many input pixels per output pixel: 16 > 4"):
        pixels(image.reduceResolution(ee.Reducer.mean(), maxPixels=4), size=2, edge=40)
    # Blocks that cut through pixels weigh them by the share that is covered.
    odd = ee.Image(f"{L2A}/L2A_0").select("B2").reduceResolution(ee.Reducer.mean(), maxPixels=16)
    row = values(0)[0].astype(float)
    assert pixels(odd, size=1, edge=15)["B2"][0, 0] == pytest.approx(
        (row[0] + row[1] / 2 + (row[0] + 8) / 2 + (row[1] + 8) / 4) / 2.25
    )


def test_coarse_requests_read_a_pyramid_or_are_refused(service):
    image = ee.Image(f"{L2A}/L2A_0")
    found = pixels(image, size=4, edge=20)
    np.testing.assert_array_equal(found["B2"], np.rint(values(0).reshape(4, 2, 4, 2).mean((1, 3))))
    cloudy = ee.Image(f"{L2A}/L2A_2").select("SCL")
    assert pixels(cloudy, size=1, edge=80)["SCL"][0, 0] == 4, "the mode; the smaller class wins a tie"
    service.control({"action": "options", "refuse_pyramid": True})
    with pytest.raises(ee.EEException, match="refuse pyramids"):
        pixels(image, size=4, edge=20)


def test_bilinear_needs_every_neighbour(service):
    image = ee.Image(f"{VIIRS}/VIIRS_1").select("avg_rad").resample("bilinear")
    found = pixels(image, size=8, edge=20, west=WEST - 40, north=NORTH + 40)["avg_rad"]
    # 20 m pixels in a 40 m lattice: centres lie a quarter of a pixel from the lattice's centres.
    corners = lights(1)[:2, :2].astype(float)
    expected = (corners * np.outer([0.75, 0.25], [0.75, 0.25])).sum()
    assert found[1, 1] == pytest.approx(expected)
    assert (found[0] == -1).all() and (found[:, 0] == -1).all(), "half a pixel along the edge has no outer neighbours"
    assert (found[1:3, 5:] == -1).all() and found[3, 6] > 0, "the masked pixel spreads to all it contributes to"
    with pytest.raises(ee.EEException, match="no projection of its own"):
        pixels(ee.ImageCollection(VIIRS).median().resample("bilinear"))


def test_cloud_score_plus_links_to_both_levels(service):
    scores = ee.ImageCollection("GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED")
    image = ee.Image(f"{L2A}/L2A_2").linkCollection(scores, ["cs_cdf"])
    found = pixels(image.updateMask(image.select("cs_cdf").gte(0.6)).select("B2"))["B2"]
    assert (found[:, :4] == -1).all() and (found[:, 4:] == values(2)[:, 4:]).all()
    assert scores.size().getInfo() == 5


def test_regions_and_samples(service):
    image = ee.Image(f"{L2A}/L2A_0").select("B2")
    corner = ee.Geometry.Rectangle([WEST, NORTH - 20, WEST + 20, NORTH], CRS, False)
    region = image.reduceRegion(ee.Reducer.mean().combine(ee.Reducer.count(), sharedInputs=True), corner)
    assert region.getInfo() == {"B2_mean": values(0)[:2, :2].mean(), "B2_count": 4}
    rows = image.sample(corner, geometries=True).getInfo()["features"]
    assert [row["properties"]["B2"] for row in rows] == values(0)[:2, :2].ravel().tolist()
    assert rows[0]["geometry"]["coordinates"] == pytest.approx([3.0000706, 50.5518874], abs=1e-7)
    clipped = pixels(image.clip(corner))["B2"]
    assert (clipped > 0).sum() == 4
