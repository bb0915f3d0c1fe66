"""The check of STAC documents finds what is wrong in the core and in extensions."""

import datetime as dt

import pystac
import pytest
from pystac.errors import STACValidationError

from fusion_assets_tests.stac_documents import check_stac

_PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
_PROCESSING = "https://stac-extensions.github.io/processing/v1.2.0/schema.json"


def _item(**changes):
    properties = {"proj:code": "EPSG:32631", "processing:level": "L4"}
    item = pystac.Item(
        "x", {"type": "Point", "coordinates": [0, 0]}, [0, 0, 0, 0], dt.datetime(2020, 1, 1, tzinfo=dt.UTC),
        properties | changes, stac_extensions=[_PROJECTION, _PROCESSING],
    )  # fmt: skip
    return item.to_dict()


def test_what_extensions_say_is_checked():
    check_stac(_item())
    for wrong in ({"proj:code": 32631}, {"proj:epsg": 32631}, {"processing:software": "x"}, {"gsd": 0}):
        with pytest.raises(STACValidationError):
            check_stac(_item(**wrong))


def test_schemas_that_are_not_here_are_missed():
    named = [_PROJECTION.replace("2.0.0", "9.0.0")]
    with pytest.raises(AssertionError, match=r"projection/v9\.0\.0"):
        check_stac({**_item(), "stac_extensions": named})
