"""What a study may say of patches, and what is refused."""

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.section import plan_digest, use_of
from fusion_assets_tests.whole_studies import study_of

STUDY = {
    "name": "small",
    "regions": [{"name": "here", "bbox": [84.4, 27.6, 84.5, 27.7]}],
    "resolution": 1000,
    "prediction_years": [2019],
    "products": {"sentinel2": "sentinel2_l2a"},
    "features": "optics",
}
SECTION = {"count": 300, "shard_size": 128, "period": ["2019-01-01", "2019-12-31"]}


def study(**changes):
    return study_of({**STUDY, "embeddings": {**SECTION, **changes}})


def test_shards_hold_every_place():
    use = use_of(study())
    assert use.shards == ("0000", "0001", "0002")
    assert use.edge_m == 2520 and use.unit == "sigma0"
    assert len(use.bands) == 12 and "B10" not in use.bands


def test_level_1c_has_a_thirteenth_band():
    assert use_of(study(sentinel2="sentinel2_l1c")).bands[-3:] == ("B01", "B09", "B10")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patch_size": 256}, "write 258 or 252"),
        ({"period": ["2019-12-31", "2019-01-01"]}, "ends before it begins"),
        ({"period": ["1999-12-31", "2000-01-01"]}, "launched"),
        ({"period": ["2222-01-01", "2223-01-01"]}, "begins on 2222-01-01"),
        ({"sentinel2": {"product": "sentinel2_l2a", "bands": ["B04", "B10"]}}, "B10, which level 2A does not hold"),
        ({"sentinel2": {"product": "sentinel2_l2a", "bands": ["B04", "B04"]}}, "each named once"),
        ({"sentinel2": "sentinel9"}, "an unknown product"),
        ({"sentinel2": "landsat_c2_l2"}, "is landsat_c2_l2"),
        ({"sentinel1": "sentinel2_l2a"}, "one of sentinel1_grd, sentinel1_rtc"),
        ({"sentinel1": {"product": "sentinel1_grd", "direction": "north"}}, "ascending"),
        ({"sentinel1": {"product": "sentinel1_grd", "season": "any"}}, "means nothing here"),
        ({"sentinel1": {"product": "sentinel1_grd", "collection": "sentinel-1-rtc"}}, "which holds gamma0"),
        ({"unseen_classes": [50]}, "no labels say where such classes are"),
        ({"maps": ["elsewhere"]}, "a region of the study: here"),
        ({"count": 5_000_000, "shard_size": 100}, "write 500 or more"),
        ({"labels": {"osm": "no.osm.pbf"}}, "there is no such file"),
        ({"labels": {"land_cover": "sentinel2_l2a"}}, "has no classes"),
    ],
)
def test_what_is_refused(changes, words):
    with pytest.raises(FusionError, match=words):
        study(**changes)


def test_the_plan_does_not_depend_on_what_is_learnt():
    before = plan_digest(study())
    assert before == plan_digest(study(encoder={"dim": 64}, labels={"land_cover": "land_cover"}))
    assert before != plan_digest(study(sampling={"seed": 1}))
    assert before != plan_digest(study(sentinel1="sentinel1_rtc"))
