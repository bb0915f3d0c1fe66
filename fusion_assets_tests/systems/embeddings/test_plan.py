"""The plan of patches: every place in it, from the catalog to the stored table."""

import dagster as dg
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.settings import Settings
from fusion_assets.systems.embeddings.defs.partitions import shards
from fusion_assets.systems.embeddings.pairing import LEAVES, NO_RADAR, PLANNED
from fusion_assets.systems.embeddings.plan import COLUMNS, plan_of, warnings_of
from fusion_assets.systems.embeddings.plan_notes import NOTES, Notes
from fusion_assets.systems.embeddings.scene_search import SceneSearch
from fusion_assets.systems.embeddings.summary import summary
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.imagery.archives import write_catalog
from fusion_assets_tests.systems.embeddings.pair_scenes import CLOUD, classes, optics_item, place, radar_item
from fusion_assets_tests.whole_studies import load_study, study_of

BOX = [*place(60, 540), *place(540, 60)]


def study(regions=({"name": "here", "bbox": BOX},), **changes):
    section = {
        "count": 40,
        "patch_size": 12,
        "shard_size": 16,
        "period": ["2019-07-01", "2019-07-31"],
        "sampling": {"by": "regions"},
        "sentinel2": {"product": "sentinel2_l2a", "bands": ["B04"]},
        "split": {"cell_km": 1, "test": 0.5, "buffer_km": 0},
    }
    content = {
        "name": "pairs",
        "regions": list(regions),
        "resolution": 10,
        "prediction_years": [2019],
        "products": {"sentinel2": "sentinel2_l2a"},
        "features": "optics",
        "embeddings": {**section, **changes},
    }
    return study_of(content)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    root = tmp_path_factory.mktemp("pairs")
    seen = [
        optics_item(root, "s0", 0),
        optics_item(root, "s1", 120, classes(west=CLOUD)),
        optics_item(root, "bare", 121),
    ]
    del seen[-1].assets["SCL"]
    over = [radar_item(root, "r0", 2, direction="ascending"), radar_item(root, "r1", 127)]
    over.append(radar_item(root, "single", 120, polarisations=("vv",)))
    return write_catalog(root / "catalog", {"sentinel-2-l2a": seen, "sentinel-1-grd": over})


def planned(archive, **changes):
    return plan_of(study(**changes), Settings(archive=archive))


def test_every_place_is_in_the_plan(archive):
    table, document = planned(archive)
    assert table["patch"].tolist() == list(range(40)) and table["shard"].tolist() == [n // 16 for n in range(40)]
    assert set(COLUMNS) | {"geometry"} == set(table.columns) and document["asked"] == 40
    of = table[table["state"] == PLANNED]
    assert 0 < len(of) == document["planned"]
    assert set(of["optics"]) == {"s0"} and set(of["radar"]) == {"r0"} and (of["gap_hours"] - 2).abs().max() < 1e-9
    assert set(of["unit"]) == {"sigma0"} and set(of["orbit"]) == {37} and set(of["incidence"]) == {38.5}
    assert not (of[["x", "y"]] % 60).to_numpy().any()
    # The item without scene classes is said to be of no use, not taken for a clear one.
    assert document["unusable"]["count"] == 1 and "bare" in document["unusable"]["first"][0]
    # Where there is no pair, nothing is said of one; the place itself is known.
    without = table[table["state"] != PLANNED]
    assert without[["optics", "optics_time", "radar", "radar_product", "unit", "gap_hours"]].isna().all(axis=None)
    assert without[["lon", "lat", "epsg", "x", "y", "cell", "split"]].notna().all(axis=None)


def test_the_plan_is_the_same_each_time_and_grows_by_its_end(archive):
    table, document = planned(archive)
    again, said = planned(archive)
    assert table.equals(again) and document == said
    few, _ = planned(archive, count=10)
    assert few.equals(table[:10])


def test_only_passes_of_the_direction_are_taken(archive):
    table, _ = planned(archive, sentinel1={"product": "sentinel1_grd", "direction": "descending"})
    of = table[table["state"] == PLANNED]
    # The pass of 127 h; under the cloud of 120 h there is nothing within three days.
    assert set(of["radar"]) == {"r1"} and set(of["optics"]) == {"s1"} and set(of["direction"]) == {"descending"}
    assert (table["state"] == "no clear optical scene within 72 h of a radar pass").any()
    assert (table["clear_share"].dropna() <= 1).all()


def test_cloudy_scenes_are_taken_for_a_share(archive):
    table, document = planned(archive, cloudy_share=0.5, max_gap_hours=10)
    cloudy = table[table["cloudy"]]
    assert document["cloudy"] == len(cloudy) > 0
    assert set(cloudy["optics"]) == {"s1"} and (cloudy["clear_share"] < 0.9).all()
    clear = table[(table["state"] == PLANNED) & ~table["cloudy"]]
    assert (clear["clear_share"] >= 0.9).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"period": ["2018-07-01", "2018-07-31"]}, "no scene of Sentinel-2 level 2A"),
        ({"sampling": {"by": "area"}}, "no scene of Sentinel-2 level 2A"),
        ({"sentinel1": {"product": "sentinel1_rtc"}}, "no collection for this product"),
        ({"sentinel2": {"product": "sentinel2_l2a", "bands": ["B03"]}}, "STAC item bare: has no mask asset"),
        ({"max_gap_hours": 0.01, "min_clear": 1}, "none of 40 places .* within 0.01 h .*; of scenes .* bare"),
        ({"count": 2000}, "lower `count`"),
    ],
)
def test_what_is_refused(archive, changes, words):
    with pytest.raises(FusionError, match=words):
        planned(archive, **changes)


def test_an_engine_without_scenes_is_refused(archive):
    with pytest.raises(FusionError, match="FUSION_ENGINE is earth_engine"):
        plan_of(study(), Settings(archive=archive, engine="earth_engine"))


def test_what_is_missing_is_said(archive):
    _, document = planned(archive, sampling={"by": "regions", "seed": 1})
    document |= {"states": {PLANNED: 30, LEAVES: 8, NO_RADAR: 2}, "planned": 30, "cells": {"train": 3, "test": 0}}
    said = list(warnings_of(document))
    assert "10 of 40 places have no pair of scenes" in said[0] and "8 no pair of scenes that holds" in said[0]
    assert "no patch is held back" in said[1] and "1 scene could not be used" in said[2]


def test_the_asset_stores_the_plan(archive, tmp_path):
    settings = Settings(archive=archive, storage=str(tmp_path))
    chosen = study()
    definitions = build_definitions(SYSTEMS, {"study": chosen, "archive": archive, "storage": str(tmp_path)})
    with dg.DagsterInstance.ephemeral() as instance:
        assert definitions.resolve_job_def("plan_patches").execute_in_process(instance=instance).success
    site = site_of(SYSTEMS, chosen, settings)
    table, document = site.managers["tables"].load(Artifact("patch_plan", None, None))
    expected, said = plan_of(chosen, settings)
    assert document["states"] == said["states"]
    assert table.crs.to_epsg() == 4326
    assert not list((tmp_path / NOTES).glob("*"))
    columns = ["patch", "optics", "optics_time", "orbit", "clear_share", "cloudy", "split", "state", "x"]
    assert table[columns].astype(object).equals(expected[columns].astype(object))
    assert f"{document['planned']} of 40 places have a pair of scenes" in summary(settings)
    # Another plan is not taken for this one.
    with pytest.raises(FusionError, match="recipe_digest"):
        site_of(SYSTEMS, study(min_clear=0.5), settings).managers["tables"].load(Artifact("patch_plan", None, None))
    assert shards(site).get_partition_keys() == ["0000", "0001", "0002"]


def test_an_interrupted_plan_goes_on_and_ends_the_same(archive, tmp_path, monkeypatch):
    # Two places 70 km apart are searched for one after the other.
    far = [*place(60, 540, west=570_000), *place(540, 60, west=570_000)]
    regions = [{"name": "here", "bbox": BOX}, {"name": "far", "bbox": far}]
    chosen, settings = study(regions=regions), Settings(archive=archive, storage=str(tmp_path))
    whole = plan_of(chosen, settings)
    around, asked = SceneSearch.around, []

    def counted(self, places):
        asked.append(len(places))
        if len(asked) == 2:
            raise KeyboardInterrupt
        return around(self, places)

    monkeypatch.setattr(SceneSearch, "around", counted)
    notes = Notes(chosen, settings)
    with pytest.raises(KeyboardInterrupt):
        plan_of(chosen, settings, notes=notes)
    again = plan_of(chosen, settings, notes=notes)
    # Only the part that was interrupted is looked for again.
    assert len(asked) == 3 and asked[1] == asked[2] and sum(asked[:2]) == 40
    assert again[0].equals(whole[0]) and again[1] == whole[1]
    # Of another plan nothing has been found yet.
    other = study(regions=regions, min_clear=0.5)
    assert plan_of(other, settings, notes=Notes(other, settings))[1]["asked"] == 40 and len(asked) == 5
    notes.clear()
    assert plan_of(chosen, settings, notes=notes)[1]["asked"] == 40 and len(asked) == 7
    # What led to a refusal is looked for again.
    hopeless = study(regions=regions, max_gap_hours=0.01)
    with pytest.raises(FusionError, match="none of 40 places"):
        plan_of(hopeless, settings, notes=(kept := Notes(hopeless, settings)))
    assert len(asked) == 9
    assert not [path for path in (tmp_path / NOTES).rglob("*.json") if kept._key in str(path)]


def test_a_study_without_the_section_lacks_the_plan():
    chosen = load_study("demo")
    names = {
        key.to_user_string() for asset in build_definitions(SYSTEMS, {"study": chosen}).assets for key in asset.keys
    }
    assert "patch_plan" not in names
    bundled = load_study("demo_embeddings")
    assert bundled.embeddings.shards == ("0000", "0001", "0002", "0003")


def test_scenes_of_which_none_can_be_used_are_refused_by_name(tmp_path):
    bare = optics_item(tmp_path, "b0", 0)
    del bare.assets["SCL"]
    catalog = write_catalog(
        tmp_path / "catalog", {"sentinel-2-l2a": [bare], "sentinel-1-grd": [radar_item(tmp_path, "r", 1)]}
    )
    with pytest.raises(FusionError, match="no mask asset"):
        planned(catalog)
