"""Regions and the pixels along their edges: shares in 255ths, centres, and what is refused."""

from __future__ import annotations

import ee
import pytest

from fusion_assets_tests.loopbacks.earth_engine.algorithm_rows import rectangle

DEGREES = {"crs": "EPSG:4326", "crsTransform": [1, 0, 0, 0, -1, 0]}


def reduced(image: ee.Image, reducer: ee.Reducer, region: ee.Geometry, **options):
    return image.reduceRegion(reducer, region, **{**DEGREES, **options}).getInfo()


def columns() -> ee.Image:
    """0 west of 1 degree east, and 10 from there on."""
    return ee.Image.pixelLonLat().select("longitude").gte(1).multiply(10).rename("x")


def test_a_sum_weighs_pixels_by_the_share_that_a_region_covers(running):
    share = 127 / 255  # half a pixel, in whole 255ths
    assert reduced(ee.Image(1), ee.Reducer.sum(), rectangle(0, 0, 1.5, 1)) == {"constant": pytest.approx(1 + share)}
    found = reduced(columns(), ee.Reducer.mean(), rectangle(0, 0, 1.5, 1))
    assert found == {"x": pytest.approx(10 * share / (1 + share))}


def test_less_than_a_255th_of_a_pixel_is_nothing(running):
    assert reduced(ee.Image(7), ee.Reducer.mean(), rectangle(0.5, 0.5, 0.55, 0.55)) == {"constant": None}
    assert reduced(ee.Image(7), ee.Reducer.mean(), rectangle(0.5, 0.5, 0.6, 0.6)) == {"constant": 7}


def test_a_count_takes_pixels_whose_centre_lies_inside(running):
    assert reduced(ee.Image(7), ee.Reducer.count(), rectangle(0.6, 0.1, 2.4, 0.9)) == {"constant": 1}
    assert reduced(ee.Image(7), ee.Reducer.count(), rectangle(0.1, 0.1, 0.3, 0.3)) == {"constant": 0}


def test_reducers_whose_pixels_at_the_edge_are_not_known_answer_where_it_does_not_matter(running):
    assert reduced(columns(), ee.Reducer.max(), rectangle(0, 0, 2, 1)) == {"x": 10}
    with pytest.raises(ee.EEException, match="which pixels along the region's edge"):
        reduced(columns(), ee.Reducer.max(), rectangle(0, 0, 1.4, 1))
    with pytest.raises(ee.EEException, match=r"Reducer\.first takes, or in which order"):
        reduced(columns(), ee.Reducer.first(), rectangle(0, 0, 2, 1))


def test_best_effort_answers_what_no_coarser_scale_changes(running):
    square = rectangle(0, 0, 4, 4)
    options = {"bestEffort": True, "maxPixels": 4}
    assert reduced(ee.Image(7), ee.Reducer.mean(), square, **options) == {"constant": 7}
    assert reduced(ee.Image(7), ee.Reducer.count(), square, bestEffort=True, maxPixels=16) == {"constant": 16}
    for image, reducer in ((ee.Image(7), ee.Reducer.sum()), (columns(), ee.Reducer.mean())):
        with pytest.raises(ee.EEException, match="which coarser scale"):
            reduced(image, reducer, square, **options)


def test_a_clip_masks_by_the_share_that_is_covered(running):
    clipped = ee.Image(1).clip(rectangle(0, 0, 1.5, 1)).mask()
    assert reduced(clipped, ee.Reducer.sum(), rectangle(0, 0, 3, 1)) == {"constant": pytest.approx(1 + 127 / 255)}


def test_samples_say_what_their_columns_are(running):
    sample = ee.Image([1, 300]).rename(["a", "b"]).toUint16().sample(rectangle(0, 0, 1, 1), projection="EPSG:4326")
    answer = sample.getInfo()
    assert answer["columns"] == {"a": "Integer<0, 65535>", "b": "Integer<0, 65535>"}
    assert answer["properties"] == {"band_order": ["a", "b"]}


def test_a_collection_inside_another_value_comes_without_its_elements(running):
    points = ee.FeatureCollection([ee.Feature(ee.Geometry.Point([0, 0]), {"n": 1})])
    assert ee.Dictionary({"points": points}).getInfo() == {
        "points": {"type": "FeatureCollection", "columns": {"n": "Integer", "system:index": "String"}}
    }
    assert len(points.getInfo()["features"]) == 1
