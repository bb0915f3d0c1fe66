"""The index: rows never vanish; what it says of shards is compared with what lies there; other software reads it."""

import json

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.storage.documents import read_table as read_parquet
from fusion_assets.storage.documents import write_table
from fusion_assets.storage.root import Storage
from fusion_assets.systems.embeddings.corpus.croissant import croissant
from fusion_assets.systems.embeddings.corpus.index import ShardEntry, footprints, index_table, summary
from fusion_assets.systems.embeddings.corpus.layout import Layout
from fusion_assets.systems.embeddings.corpus.shards import make_shard, read_table
from fusion_assets.systems.embeddings.corpus.stac import corpus_collection, patch_items
from fusion_assets.systems.embeddings.corpus.verification import changed_shards, check_index
from fusion_assets_tests.stac_documents import check_stac
from fusion_assets_tests.systems.embeddings.corpus.small_archive import LAYOUT, WEST, archive_reader, plan_row

HREFS = {"0000": "./patches/0000.files", "0001": "./patches/0001.files"}


def planned():
    """Twelve places in two shards of six; of the first, one has no pair, and one leaves its scene."""
    rows = [plan_row(patch) for patch in range(12)]
    rows[1]["x"] = float(WEST - 60)
    plan = pd.DataFrame(rows)
    time = pd.Timestamp("2019-07-01T10:40:00Z")
    plan = plan.assign(
        lon=3.0, lat=50.5, cell="a1", split=["train"] * 8 + ["test"] * 4, shard=plan["patch"] // 6, state="planned",
        optics_time=time, radar_time=time - pd.Timedelta(hours=31), gap_hours=-31.0, clear_share=0.97, cloudy=False,
        optics_product="sentinel2_l2a", radar_product="sentinel1_rtc", unit="gamma0", direction="ascending",
        orbit=pd.array([88] * 11 + [None], dtype="Int64"),
    )  # fmt: skip
    plan.loc[5, "state"] = "no clear optical scene within 72 h of a radar pass"
    return plan


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """The plan, both shards, and where they lie."""
    root = tmp_path_factory.mktemp("corpus")
    read, plan, storage, entries, places = archive_reader(root / "archive"), planned(), Storage(root / "store"), [], {}
    for key in ("0000", "0001"):
        path = storage.path("patches", None, key, "json")
        rows = plan[(plan["shard"] == int(key)) & (plan["state"] == "planned")].to_dict("records")
        made = make_shard(storage, path, rows, read, LAYOUT, root / "work", facts={"study": "s"})
        entries.append(ShardEntry(key, made.to_dict(), read_table(f"{root}/store/patches/{made.name}")))
        places[key] = path, made.to_dict()
    return plan, entries, storage, places


def test_a_row_for_every_place_of_the_plan(corpus, tmp_path):
    plan, entries, *_ = corpus
    index = index_table(plan, entries, LAYOUT)
    assert index["patch"].tolist() == list(range(12))
    assert index["state"][5] == plan["state"][5] and "leaves optics" in index["state"][1]
    assert (index["state"].drop([1, 5]) == "got").all()
    assert index["position"].tolist() == [0, -1, 1, 2, 3, -1, 0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(index.geometry[0].bounds[0], 2.9997, atol=1e-3)
    write_table(index, tmp_path / "index.parquet", {})
    back, _ = read_parquet(tmp_path / "index.parquet", "index", "make")
    assert back.crs == "EPSG:4326" and back["flag"].tolist() == index["flag"].tolist()


def test_a_shard_that_has_not_been_made_stays_planned(corpus):
    plan, entries, *_ = corpus
    index = index_table(plan, entries[:1], LAYOUT)
    assert (index["state"][6:] == "planned").all() and index["position"][6:].eq(-1).all()
    assert (index_table(plan, [], LAYOUT)["state"] == plan["state"]).all()


def test_the_summary_counts_what_was_asked_got_and_missing(corpus):
    plan, entries, *_ = corpus
    said = summary(index_table(plan, entries, LAYOUT), entries)
    assert (said["asked"], said["got"], sum(said["missing"].values())) == (12, 10, 2)
    assert said["splits"] == {"test": 4, "train": 6} and set(said["shards"]) == {"0000", "0001"}
    json.dumps(said)


def test_foreign_shards_are_refused_by_name(corpus):
    plan, entries, *_ = corpus
    with pytest.raises(FusionError, match="shard 0000 has patches of"):
        index_table(plan, entries, Layout(30))
    with pytest.raises(FusionError, match="shard 0001 has patch 6, which the plan does not give it"):
        index_table(plan.assign(shard=0), entries[1:], LAYOUT)


def test_shards_are_verified_by_their_digests(corpus):
    plan, entries, storage, places = corpus
    said = summary(index_table(plan, entries, LAYOUT), entries)
    records = {key: record for key, (_, record) in places.items()}
    check_index(said, records, records)
    assert changed_shards(storage, places) == {}
    with pytest.raises(FusionError, match="0001 first"):
        check_index(said, {"0000": records["0000"]}, records)
    with pytest.raises(FusionError, match="made after the index, 0000 first"):
        check_index(said, {**records, "0000": {**records["0000"], "digest": "other"}}, records)


def test_stac_is_valid(corpus):
    plan, entries, *_ = corpus
    index = index_table(plan, entries, LAYOUT)
    items = list(patch_items(index, LAYOUT, "corpus", HREFS))
    assert len(items) == 10 and items[0]["properties"]["sat:relative_orbit"] == 88
    assert items[0]["properties"]["start_datetime"] < items[0]["properties"]["end_datetime"]
    for item in (items[0], items[-1]):
        check_stac(item)
    collection = corpus_collection(index, LAYOUT, "corpus", "A corpus", HREFS)
    check_stac(collection)
    assert collection["assets"]["shard-0000"]["fusion:patches"] == 4
    assert "Copernicus Sentinel data 2019" in collection["description"]


def test_croissant_names_every_column_and_file(corpus):
    plan, entries, *_ = corpus
    index = index_table(plan, entries, LAYOUT)
    file = {"href": "./index.parquet", "sha256": "a" * 64, "size": 1234}
    said = croissant(index, LAYOUT, name="corpus", title="A corpus", file=file, shards="patches/*/**")
    for key in (
        "@context",
        "@type",
        "conformsTo",
        "name",
        "description",
        "license",
        "url",
        "distribution",
        "recordSet",
    ):
        assert said[key], key
    (records,) = said["recordSet"]
    assert {field["name"] for field in records["field"]} == set(index.columns) - {"geometry"}
    known = {each["@id"] for each in said["distribution"]}
    assert {field["source"]["fileObject"]["@id"] for field in records["field"]} <= known
    types = {field["name"]: field["dataType"] for field in records["field"]}
    assert (types["patch"], types["shift_x"], types["optics_time"]) == ("sc:Integer", "sc:Float", "sc:DateTime")
    assert json.loads(json.dumps(said)) == said


def test_a_footprint_across_the_antimeridian_is_cut_in_two():
    at = pd.DataFrame(
        {"epsg": [32601, 32631], "x": [165_960.0, 500_040.0], "y": [60_000.0, 60_000.0], "lon": 0, "lat": 0}
    )
    cut, plain = footprints(at, 2520)
    assert cut.geom_type == "MultiPolygon" and plain.geom_type == "Polygon"
    assert cut.area == pytest.approx(plain.area, rel=0.01) and cut.bounds[0] >= -180 and cut.bounds[2] <= 180
