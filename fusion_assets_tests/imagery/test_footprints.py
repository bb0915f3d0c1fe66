"""Where items lie, however they spell it."""

import math

import pytest
from shapely.geometry import MultiPolygon, Point, box, mapping

from fusion_assets.errors import FusionError
from fusion_assets.imagery.footprints import footprint, touches
from fusion_assets_tests.imagery.archives import bare_item

FIJI_WEST, FIJI_EAST = box(179.2, -17, 179.4, -16.8), box(-179.4, -17, -179.2, -16.8)
LISBON, KATHMANDU = box(-9.2, 38.7, -9.1, 38.8), box(85.2, 27.6, 85.4, 27.8)


def placed(geometry, bbox):
    item = bare_item("placed")
    item.geometry, item.bbox = geometry if isinstance(geometry, dict | None) else mapping(geometry), bbox
    return item


def found(geometry, bbox, *areas):
    return [touches(footprint(placed(geometry, bbox)), area) for area in areas]


@pytest.mark.parametrize(
    ("geometry", "bbox"),
    [
        (box(179, -18, 181, -16), [179, -18, 181, -16]),
        (box(-181, -18, -179, -16), [-181, -18, -179, -16]),
        (MultiPolygon([box(179, -18, 180, -16), box(-180, -18, -179, -16)]), [179, -18, -179, -16]),
        (None, [179, -18, -179, -16]),
        (None, [179, -18, 0, -179, -16, 1000]),
        (None, [179, -18, 181, -16]),
        # Not cut at the antimeridian, against GeoJSON's rule.
        ({"type": "Polygon", "coordinates": [[[179, -18], [-179, -18], [-179, -16], [179, -16], [179, -18]]]},
         [179, -18, -179, -16]),
    ],
)  # fmt: skip
def test_both_sides_of_the_antimeridian_are_found_and_nothing_else(geometry, bbox):
    assert found(geometry, bbox, FIJI_WEST, FIJI_EAST, box(0, -17, 1, -16), LISBON) == [True, True, False, False]


def test_an_uncut_polygon_is_found_even_where_no_box_says_that_it_crosses():
    uncut = {"type": "Polygon", "coordinates": [[[179, -18], [-179, -18], [-179, -16], [179, -16], [179, -18]]]}
    assert found(uncut, None, FIJI_WEST, FIJI_EAST) == [True, True]


def test_longitudes_from_0_to_360_are_found():
    assert found(box(350, 38, 352, 39), [350, 38, 352, 39], LISBON, KATHMANDU) == [True, False]
    assert found(None, [0, -90, 360, 90], LISBON, KATHMANDU, FIJI_EAST) == [True, True, True]
    assert found(box(0, -90, 360, 90), None, LISBON, KATHMANDU, FIJI_WEST) == [True, True, True]
    assert found(box(-180, -90, 180, 90), None, LISBON, KATHMANDU, FIJI_WEST) == [True, True, True]
    assert found(box(-180, -60, 180, 60), [-180, -60, 180, 60], box(0, 70, 1, 71)) == [False]


def test_an_area_may_cross_the_antimeridian_too():
    assert found(box(-180, -18, -179, -16), None, box(179.5, -17, 180.5, -16.5)) == [True]


def test_polygons_that_cross_themselves_are_mended():
    bow = {"type": "Polygon", "coordinates": [[[-10, 38], [-8, 40], [-8, 38], [-10, 40], [-10, 38]]]}
    assert found(bow, None, box(-8.3, 38.9, -8.2, 39), box(-9.1, 39.6, -8.9, 39.7)) == [True, False]


def test_geometries_of_every_type_are_read():
    both = {"type": "GeometryCollection", "geometries": [mapping(box(-10, 38, -9, 39)), mapping(Point(85.3, 27.7))]}
    assert found(both, None, LISBON, KATHMANDU, FIJI_WEST) == [True, True, False]
    high = {"type": "Polygon", "coordinates": [[[-10, 38, 5], [-9, 38, 5], [-9, 39, 5], [-10, 39, 5], [-10, 38, 5]]]}
    assert found(high, None, LISBON, KATHMANDU) == [True, False]
    assert found(None, None, LISBON) == [True]
    assert found({"type": "Polygon", "coordinates": []}, [85, 27, 86, 28], LISBON, KATHMANDU) == [False, True]


@pytest.mark.parametrize(
    ("geometry", "bbox"),
    [
        ({"type": "Polygon"}, None),
        ({"coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}, None),
        ({"type": "Square", "coordinates": []}, None),
        ({"type": "Polygon", "coordinates": [[["a", 0], [1, 0], [1, 1], ["a", 0]]]}, None),
        ({"type": "Polygon", "coordinates": [[[0, 0], [1, 0]]]}, None),
        (mapping(box(500_000, 5_500_000, 510_000, 5_600_000)), None),
        (None, [500_000, 5_500_000, 510_000, 5_600_000]),
        (None, [0, 10, 1]),
        (None, [0, 10, 1, 5]),
        (None, [0, 10, "1", 11]),
        (None, [0, 10, math.nan, 11]),
    ],
)
def test_what_is_no_place_is_refused_by_name(geometry, bbox):
    with pytest.raises(FusionError, match="STAC item placed has "):
        footprint(placed(geometry, bbox))
