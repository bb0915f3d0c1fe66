"""Several items under one id."""

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.archive.doubles import one_each
from fusion_assets_tests.imagery.archives import bare_item

OLD, NEW = {"updated": "2020-01-01T00:00:00Z"}, {"updated": "2021-01-01T02:00:00+02:00"}


def version(properties, assets=("B02",), bbox=None):
    item = bare_item("pass", assets, properties=properties)
    item.bbox = bbox or item.bbox
    return item


def test_the_same_again_counts_once_whatever_it_links_to():
    scene, again = bare_item("pass", ["B02"]), bare_item("pass", ["B02"])
    scene.set_self_href("http://127.0.0.1/items/pass")
    again.set_self_href("http://127.0.0.1/search/pass")
    assert [item.id for item in one_each([bare_item("b"), scene, again])] == ["b", "pass"]


def test_the_newest_version_is_taken_wherever_it_comes():
    old, new = version(OLD), version(NEW, ("B02", "B03"))
    assert one_each([new, old]) == [new] == one_each([old, new]) == one_each([version({}), new, old])


@pytest.mark.parametrize(
    "other",
    [
        version(OLD, ("B03",)),  # as old
        version({}, ("B03",)),  # neither says when
        version(NEW, bbox=[3, 50, 3.1, 50.6]),  # another part of the pass
        version({**NEW, "start_datetime": "2019-07-01T00:00:00Z", "end_datetime": "2019-07-02T00:00:00Z"}),
    ],
)
def test_two_scenes_under_one_id_are_refused(other):
    first = version(OLD if other.properties.get("updated") else {})
    with pytest.raises(FusionError, match=r"2 different STAC items have the id pass: /archive/B0.\.tif and /archive"):
        one_each([first, other])
