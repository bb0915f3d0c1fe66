"""The section `ndvi` of a study: defaults, mistakes, and that other studies do not change."""

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.settings import Settings
from fusion_assets.storage.documents import to_json
from fusion_assets.storage.root import Storage
from fusion_assets.storage.simulation import MARK, is_marked
from fusion_assets.systems.ndvi.gap_filling.estimators import ESTIMATORS
from fusion_assets.systems.ndvi.imagery_requests import facts_of
from fusion_assets.systems.ndvi.section import METHODS, grid_of, years_of
from fusion_assets_tests.whole_studies import study_of

CONTENT = {
    "name": "small",
    "regions": [{"name": "here", "bbox": [84.4, 27.6, 84.5, 27.7]}],
    "resolution": 1000,
    "prediction_years": [2016, 2017],
    "products": {"sentinel2": "sentinel2_l2a"},
    "features": "optics",
}


def study(**ndvi):
    return study_of({**CONTENT, "ndvi": ndvi})


def test_defaults():
    made = study()
    assert years_of(made) == (2016, 2017) and made.ndvi.method == "fused" and made.ndvi.speckle.window == 5
    assert grid_of(made, "here") == made.grid("here")
    assert grid_of(study(resolution=10), "here").resolution == 10


def test_a_study_without_the_section_has_none_of_it_and_the_same_digests():
    plain = study_of(CONTENT)
    assert plain.ndvi is None and years_of(plain) == ()
    assert plain.digest() == study(resolution=10).digest()
    assert study().digest("ndvi") != study(resolution=10).digest("ndvi")


def test_what_is_learnt_from_a_simulated_series_says_so_whatever_service_gave_it(tmp_path):
    made, settings = study(), Settings(study="small", storage=str(tmp_path), engine="sentinel_hub")
    storage, path = Storage(str(tmp_path)), f"{tmp_path}/ndvi_clear/here/2016.json"
    for content, simulated in ((None, False), (b"{", False), (to_json({}, {}), False), (to_json({}, MARK), True)):
        if content is not None:
            storage.write_bytes(content, path)
        for asset in ("ndvi_model", "ndvi_evaluation"):
            assert is_marked(facts_of(made, settings, asset, "here", 2016)) is simulated
        # What is made of it now is not told by what lies there from before.
        assert not is_marked(facts_of(made, settings, "ndvi_clear", "here", 2016))


def test_studies_with_the_same_sections_have_one_model():
    assert type(study()) is type(study(resolution=10))


def test_every_method_is_known_to_both():
    assert set(METHODS) == set(ESTIMATORS) and METHODS[0] == "fused"


@pytest.mark.parametrize(
    ("ndvi", "key", "remedy"),
    [
        ({"method": "fuzed"}, "ndvi.method", "did you mean fused"),
        ({"years": [2020]}, "ndvi.years", "prediction_years"),
        ({"years": []}, "ndvi.years", "write for example"),
        ({"resolution": 0}, "ndvi.resolution", "resolution: 10"),
        ({"speckle": {"window": 4}}, "ndvi.speckle.window", "write for example 5"),
        ({"speckle": {"filter": "lee"}}, "ndvi.speckle.filter", "spatial"),
        ({"every_days": 0}, "ndvi.every_days", "every_days: 10"),
        ({"margin_days": 400}, "ndvi.margin_days", "margin_days: 60"),
        ({"sample": True}, "ndvi.sample", "sample: 20000"),
        ({"sample": "many"}, "ndvi.sample", "a whole number; pixels to fit"),
        ({"sentinel2": "viirs_monthly"}, "ndvi.sentinel2.product", "change it"),
        ({"sentinel2": "landsat_c2_l2"}, "has no band B04, B08", "sentinel2_l2a, sentinel2_l1c, sentinel2_nbart"),
        ({"sentinel1": "sentinel2_l2a"}, "ndvi.sentinel1.product", "change it"),
        ({"sentinel2": {"product": "sentinel2_l2a", "bands": ["B04"]}}, "ndvi.sentinel2.bands", "remove it"),
        ({"sentinel1": {"product": "sentinel1_grd", "mask": {"classes": [4]}}}, "ndvi.sentinel1.mask", "mask"),
        ({"radar": "sentinel1_grd"}, "ndvi.radar", "remove it"),
        ({"resolution": 0.001}, "regions[0]", "raise ndvi.resolution"),
    ],
)
def test_mistakes(ndvi, key, remedy):
    with pytest.raises(FusionError) as error:
        study(**ndvi)
    assert key in error.value.found and remedy in str(error.value)
