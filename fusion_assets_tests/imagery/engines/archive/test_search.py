"""Finding items in catalogs on disk; searches of an API are tested beside `stac_api.py`."""

import datetime as dt
import json
import os
from pathlib import Path

import pytest
from shapely.geometry import box

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.archive import search
from fusion_assets.imagery.engines.archive.limits import Limits
from fusion_assets.imagery.engines.archive.search import find_items
from fusion_assets_tests.imagery.archives import FIRST_DAY, bare_item, write_catalog

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


def test_items_carry_absolute_addresses(archive):
    item = bare_item("late", ["B02"], moment=FIRST_DAY)
    item.assets["B02"].href = "./B02.tif"
    root = write_catalog(Path(archive).parent / "other", {"a": [item]})
    (found,) = find_items(root, ["a"], AREA, WINDOW)
    assert found.assets["B02"].get_absolute_href() == str(Path(root).parent / "a" / "late" / "B02.tif")


def test_years_and_months_that_end_where_the_next_begin_are_in_their_own_alone(tmp_path):
    year = bare_item("year", properties=between("2019-01-01T00:00:00Z", "2020-01-01T00:00:00Z"))
    june = bare_item("june", properties=between("2019-06-01T00:00:00Z", "2019-07-01T00:00:00Z"))
    inclusive = bare_item("inclusive", properties=between("2019-01-01T00:00:00Z", "2019-12-31T23:59:59Z"))
    elsewhere_in_time = bare_item(
        "offset", properties=between("2019-12-31T22:00:00-02:00", "2020-01-01T04:00:00+02:00")
    )
    for item in (year, june, inclusive):
        item.datetime = None
    root = write_catalog(tmp_path / "archive", {"a": [year, june, inclusive, elsewhere_in_time]})
    assert ids(root, window=year_of(2019)) == ["inclusive", "june", "year"]
    assert ids(root, window=year_of(2020)) == ["offset"]
    assert ids(root, window=year_of(2018)) == []
    assert ids(root, window=(dt.date(2019, 7, 1), dt.date(2019, 7, 31))) == ["inclusive", "year"]


@pytest.mark.parametrize(
    ("times", "words"),
    [
        (("2019-07-02T00:00:00Z", "2019-07-01T00:00:00Z"), "before its start"),
        (("2019-07-02T00:00:00Z", None), "end_datetime None"),
        ((None, "2019-07-02T00:00:00Z"), "start_datetime None"),
        (("summer", "2019-07-02T00:00:00Z"), "summer"),
        ((20190701, "2019-07-02T00:00:00Z"), "20190701"),
    ],
)
def test_an_item_without_proper_times_is_named(tmp_path, times, words):
    root = write_catalog(tmp_path / "archive", {"a": [bare_item("odd", properties=between(*times))]})
    with pytest.raises(FusionError, match=f"odd.*{words}"):
        ids(root)
    assert ids(root, area=box(80, 0, 81, 1)) == []


def test_an_item_that_is_linked_twice_counts_once(archive):
    change(Path(archive).parent / "a" / "collection.json", lambda facts: facts["links"].extend(facts["links"][-1:] * 2))
    assert ids(archive) == ["epoch", "first moment", "july", "last moment"]


def test_links_in_circles_are_followed_once(archive):
    folder = Path(archive).parent
    back = [{"rel": "child", "href": "./catalog.json"}, {"rel": "child", "href": "./a/collection.json"}]
    change(archive, lambda facts: facts["links"].extend(back))
    upwards = [{"rel": "child", "href": "../catalog.json"}, {"rel": "child", "href": "./collection.json"}]
    change(folder / "b" / "collection.json", lambda facts: facts["links"].extend(upwards))
    assert ids(archive) == ["epoch", "first moment", "july", "last moment"]
    change(folder / "a" / "collection.json", lambda facts: facts["links"].extend(upwards[1:]))
    assert ids(archive) == ["epoch", "first moment", "july", "last moment"]


def test_two_collections_of_one_id_are_refused_where_it_is_the_one_asked_for(archive):
    change(Path(archive).parent / "b" / "collection.json", lambda facts: facts.update(id="a"))
    with pytest.raises(FusionError, match=r"2 collections a: .*a/collection\.json.*b/collection\.json"):
        ids(archive)


def test_two_scenes_of_one_id_are_refused_with_both_named(tmp_path):
    root = write_catalog(tmp_path / "archive", {"a": [bare_item("pass", ["B02"]), bare_item("other", ["B03"])]})
    change(tmp_path / "archive/a/other/other.json", lambda facts: facts.update(id="pass"))
    with pytest.raises(FusionError, match=r"have the id pass: .*other/other\.json and .*pass/pass\.json"):
        ids(root)


def test_two_files_of_one_relative_address_are_two_scenes(tmp_path):
    halves = [bare_item("pass", ["B02"]), bare_item("other", ["B02"])]
    for half in halves:
        half.assets["B02"].href = "./B02.tif"
    root = write_catalog(tmp_path / "archive", {"a": halves})
    change(tmp_path / "archive/a/other/other.json", lambda facts: facts.update(id="pass"))
    with pytest.raises(FusionError, match="have the id pass"):
        ids(root)


def test_footprints_beyond_the_antimeridian_are_found(tmp_path):
    fiji, turned = bare_item("fiji"), bare_item("turned")
    turned.geometry, turned.bbox = box(-183, -20, -179, -15).__geo_interface__, [-183, -20, -179, -15]
    root = write_catalog(tmp_path / "archive", {"a": [fiji, turned]})
    boxed = {"geometry": None, "bbox": [177, -20, 0, -179, -15, 1000]}
    change(tmp_path / "archive/a/fiji/fiji.json", lambda facts: facts.update(boxed))
    assert ids(root, area=box(178, -18, 178.5, -17)) == ["fiji", "turned"]
    assert ids(root, area=box(-179.8, -18, -179.5, -17)) == ["fiji", "turned"]
    assert ids(root, area=box(0, -18, 1, -17)) == []


def between(start, end):
    return {"start_datetime": start, "end_datetime": end}


def year_of(number):
    return dt.date(number, 1, 1), dt.date(number, 12, 31)


def change(path, edit):
    facts = json.loads(Path(path).read_text())
    edit(facts)
    Path(path).write_text(json.dumps(facts))


def test_a_collection_whose_items_are_served_elsewhere_is_refused(archive, tmp_path):
    path = next(tmp_path.rglob("collection.json"), None) or next(Path(archive).parent.rglob("collection.json"))
    told = json.loads(path.read_text())
    told["links"] = [link for link in told["links"] if link["rel"] not in ("item", "child")]
    told["links"].append({"rel": "items", "href": "https://host.invalid/items"})
    path.write_text(json.dumps(told))
    with pytest.raises(FusionError, match="links to where they are served"):
        find_items(archive, [told["id"]], box(-180, -90, 180, 90), (dt.date(1990, 1, 1), dt.date(2030, 1, 1)))


@pytest.mark.parametrize("name", [5, None, [], {"a": 1}, float("nan"), ""])
@pytest.mark.parametrize("file", ["a/s0/s0.json", "a/collection.json"])
def test_ids_that_are_no_texts_are_refused(tmp_path, name, file):
    root = write_catalog(tmp_path, {"a": [bare_item("s0"), bare_item("s1")]})
    path = tmp_path / file
    path.write_text(json.dumps(json.loads(path.read_text()) | {"id": name}))
    with pytest.raises(FusionError, match=r"the id of|cannot be read"):
        find_items(root, ("a",), AREA, WINDOW)


@pytest.mark.parametrize("target", ["/dev/zero", "pipe", ".", "huge", "../../catalog.json", "../collection.json"])
def test_links_that_lead_to_no_item_are_named(tmp_path, target):
    root = write_catalog(tmp_path, {"a": [bare_item("s0")]})
    folder = tmp_path / "a"
    os.mkfifo(folder / "pipe")
    with (folder / "huge").open("w") as huge:
        huge.truncate(10**12)
    path = folder / "collection.json"
    path.write_text(path.read_text().replace("./s0/s0.json", target))
    with pytest.raises(FusionError) as caught:
        find_items(root, ("a",), AREA, WINDOW)
    assert target.rsplit("/")[-1].strip(".") in caught.value.found and "link" in str(caught.value)


def test_json_that_says_one_thing_twice_is_refused(tmp_path):
    root = write_catalog(tmp_path, {"a": [bare_item("s0")]})
    path = tmp_path / "a/s0/s0.json"
    path.write_text(path.read_text().replace('"id":', '"id": "other", "id":', 1))
    with pytest.raises(FusionError, match="'id' is there twice"):
        find_items(root, ("a",), AREA, WINDOW)


def test_a_catalog_without_end_is_given_up(tmp_path):
    root = write_catalog(tmp_path, {"a": [bare_item(f"s{n}") for n in range(5)], "b": [bare_item("t")]})
    with pytest.raises(FusionError, match="more than 4 items"):
        find_items(root, ("a",), AREA, WINDOW, limits=Limits(most_items=4))
    search._CACHE.clear()
    with pytest.raises(FusionError, match="more than 2 catalogs"):
        find_items(root, ("a",), AREA, WINDOW, limits=Limits(most_catalogs=2))
