"""Finding items in catalogs on disk and behind a STAC API."""

import contextlib
import datetime as dt
import json
import urllib.parse
from pathlib import Path

import pytest
from shapely.geometry import box

from fusion_assets.errors import FusionError
from fusion_assets.imagery.catalog import find_items
from fusion_assets_tests.imagery.archives import FIRST_DAY, bare_item, write_catalog
from fusion_assets_tests.loopback import LoopbackHandler, LoopbackServer

AREA = box(3.05, 50.1, 3.1, 50.2)
WINDOW = (dt.date(2019, 7, 1), dt.date(2019, 12, 31))


def day(text):
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def month(name, first, last):
    return bare_item(name, properties={"start_datetime": f"{first}T00:00:00Z", "end_datetime": f"{last}T23:59:59Z"})


def elsewhere(name):
    item = bare_item(name)
    item.bbox, item.geometry = [80, 0, 81, 1], box(80, 0, 81, 1).__geo_interface__
    return item


@pytest.fixture
def archive(tmp_path):
    items = [
        bare_item("last moment", moment=day("2019-12-31T23:59:59")),
        bare_item("first moment", moment=day("2019-07-01T00:00:00")),
        bare_item("before", moment=day("2019-06-30T23:59:59")),
        bare_item("after", moment=day("2020-01-01T00:00:00")),
        month("june", "2019-06-01", "2019-06-30"),
        month("july", "2019-07-01", "2019-07-31"),
        month("epoch", "2015-01-01", "2024-12-31"),
        elsewhere("elsewhere"),
    ]
    return write_catalog(tmp_path / "archive", {"a": items, "b": [bare_item("of b")]})


def ids(root, collections=("a",), window=WINDOW, area=AREA):
    return [item.id for item in find_items(str(root), collections, area, window)]


def test_items_match_by_overlap_of_their_interval_and_footprint(archive):
    assert ids(archive) == ["epoch", "first moment", "july", "last moment"]
    assert ids(archive, window=(dt.date(2019, 6, 30), dt.date(2019, 6, 30))) == ["before", "epoch", "june"]
    assert ids(archive, window=(dt.date(2010, 1, 1), dt.date(2010, 12, 31))) == []
    assert ids(archive, area=box(-60, -10, -59, -9)) == []


def test_the_first_collection_that_is_there_is_taken(archive):
    assert ids(archive, ("other", "b", "a")) == ["of b"]
    with pytest.raises(FusionError, match=r"only a, b") as caught:
        ids(archive, ("c", "d"))
    assert "c, d" in caught.value.expected


def test_a_catalog_that_grows_is_read_again(archive, tmp_path):
    assert "late" not in ids(archive)
    # An item added in place: only collection.json and the new file change.
    collection = Path(archive).parent / "a" / "collection.json"
    facts = json.loads(collection.read_text())
    facts["links"].append({"rel": "item", "href": "./late.json", "type": "application/geo+json"})
    collection.write_text(json.dumps(facts))
    (collection.parent / "late.json").write_text(json.dumps(bare_item("late").to_dict()))
    assert "late" in ids(archive)


def test_a_listed_item_that_is_missing_is_named(archive):
    (Path(archive).parent / "a" / "july" / "july.json").unlink()
    with pytest.raises(FusionError, match=r"july\.json"):
        ids(archive)


def test_a_truncated_item_is_named(archive):
    item = Path(archive).parent / "a" / "july" / "july.json"
    item.write_text(item.read_text()[:100])
    with pytest.raises(FusionError, match=r"july\.json"):
        ids(archive)


@pytest.mark.parametrize("content", [None, "", "{", '{"hello": 1}', "[]"])
def test_what_is_not_a_catalog_is_refused(tmp_path, content):
    path = tmp_path / "catalog.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(FusionError) as caught:
        ids(path)
    assert str(path) in caught.value.found and "FUSION_ARCHIVE" in caught.value.remedy


def test_a_directory_is_refused(tmp_path):
    with pytest.raises(FusionError, match="no STAC catalog"):
        ids(tmp_path)


@contextlib.contextmanager
def stac_api(items, fail_search=False, page=2):
    """A STAC API on this machine: landing page, collections and a paged item search, in the standard library."""
    searches = []

    class Handler(LoopbackHandler):
        def respond(self):
            if self.command == "POST":
                self.search()
                return
            path = urllib.parse.urlparse(self.path).path.rstrip("/")
            collection = {
                "type": "Collection", "stac_version": "1.0.0", "id": "a", "description": "x", "license": "other",
                "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
                "links": [{"rel": "self", "href": f"{root}/collections/a"}, {"rel": "root", "href": root}],
            }  # fmt: skip
            if path == "":
                self.send(
                    200,
                    {
                        "type": "Catalog", "stac_version": "1.0.0", "id": "api", "description": "x",
                        "conformsTo": [
                            "https://api.stacspec.org/v1.0.0/core",
                            "https://api.stacspec.org/v1.0.0/collections",
                            "https://api.stacspec.org/v1.0.0/item-search",
                        ],
                        "links": [
                            {"rel": "self", "href": root},
                            {"rel": "root", "href": root},
                            {"rel": "data", "href": f"{root}/collections"},
                            {
                                "rel": "search",
                                "href": f"{root}/search",
                                "method": "POST",
                                "type": "application/geo+json",
                            },
                        ],
                    },
                )  # fmt: skip
            elif path == "/collections":
                self.send(200, {"collections": [collection], "links": []})
            else:
                self.send(404, {"code": "NotFound"})

        def search(self):
            body = json.loads(self.received())
            searches.append(body)
            if fail_search:
                self.send(500, {"code": "broken"})
                return
            start = int(body.get("token", 0))
            links = []
            if start + page < len(items):
                following = {"rel": "next", "href": f"{root}/search", "method": "POST", "merge": True}
                links = [following | {"body": {"token": str(start + page)}}]
            features = [item.to_dict(include_self_link=False) for item in items[start : start + page]]
            self.send(200, {"type": "FeatureCollection", "features": features, "links": links})

    with LoopbackServer(Handler) as server:
        root = server.url
        yield root, searches


def test_an_api_is_searched_page_by_page():
    items = [bare_item(f"item {i}") for i in range(4)] + [
        bare_item("item 0"),
        bare_item("too early", moment=day("2019-01-01")),
    ]
    with stac_api(items) as (root, searches):
        assert ids(root) == ["item 0", "item 1", "item 2", "item 3"]
        with pytest.raises(FusionError, match="only a"):
            ids(root, ("other",))
    assert len(searches) == 3
    assert searches[0]["collections"] == ["a"]
    assert searches[0]["datetime"].startswith("2019-07-01T00:00:00Z/2019-12-31T23:59:59")
    assert searches[0]["intersects"]["type"] == "Polygon"


def test_an_api_that_fails_or_is_not_there_is_an_error_without_credentials():
    with stac_api([], fail_search=True) as (root, _), pytest.raises(FusionError, match="failed while searching a"):
        ids(root)
    with pytest.raises(FusionError) as caught:
        ids("http://user:secret@127.0.0.1:9/stac")
    assert "secret" not in str(caught.value) and "127.0.0.1" in str(caught.value)


def test_items_carry_absolute_addresses(archive):
    item = bare_item("late", ["B02"], moment=FIRST_DAY)
    item.assets["B02"].href = "./B02.tif"
    root = write_catalog(Path(archive).parent / "other", {"a": [item]})
    (found,) = find_items(root, ["a"], AREA, WINDOW)
    assert found.assets["B02"].get_absolute_href() == str(Path(root).parent / "a" / "late" / "B02.tif")
