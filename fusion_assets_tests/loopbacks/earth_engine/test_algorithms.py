"""Every algorithm that the service knows, against its row of the table; see `algorithm_rows`."""

from __future__ import annotations

import json
from typing import Any

import ee
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.loopbacks.earth_engine.algorithms import algorithms_for
from fusion_assets_tests.loopbacks.earth_engine.algorithm_rows import ROWS
from fusion_assets_tests.loopbacks.earth_engine.requests_in_short import grid

MASKED = -9999


@pytest.mark.parametrize(("name", "expression", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_an_algorithm_does_what_is_documented(running, name, expression, expected):
    asked = ee.call(name, *expression) if isinstance(expression, tuple) else expression()
    assert f'"functionName": "{name}"' in json.dumps(json.loads(asked.serialize()))
    answer = first_pixel(asked) if isinstance(asked, ee.Image) else asked.getInfo()
    assert_same(answer, expected)


def test_every_algorithm_has_a_row(running):
    assert set(algorithms_for(running.catalog)) == {name for name, _, _ in ROWS}


def first_pixel(image: ee.Image) -> Any:
    """Number of a band, None where masked, at the upper left pixel of the scenes; by name where there are several."""
    request = {"expression": image.unmask(MASKED, False), "fileFormat": "NUMPY_NDARRAY", "grid": grid(size=1)}
    pixels = ee.data.computePixels(request)[0, 0]
    values = {name: pixels[name].item() for name in pixels.dtype.names}
    values = {name: None if value == MASKED else value for name, value in values.items()}
    return values if len(values) > 1 else next(iter(values.values()))


def assert_same(answer: Any, expected: Any) -> None:
    """Equal, numbers to a millionth, shapes as sets of points."""
    if isinstance(expected, BaseGeometry):
        shape = shapely.geometry.shape(answer)
        assert shape.geom_type == expected.geom_type and shape.hausdorff_distance(expected) < 1e-6, shape
        assert shape.area == pytest.approx(expected.area)
    elif isinstance(expected, dict):
        assert isinstance(answer, dict) and answer.keys() == expected.keys(), answer
        for key, value in expected.items():
            assert_same(answer[key], value)
    elif isinstance(expected, list):
        assert isinstance(answer, list) and len(answer) == len(expected), answer
        for one, other in zip(answer, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, int | float) and not isinstance(expected, bool):
        assert answer == pytest.approx(expected, rel=1e-6, abs=1e-9)
    else:
        assert answer == expected
