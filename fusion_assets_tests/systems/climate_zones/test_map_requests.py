"""What a study asks for to map zones, what it is refused for, and what stored maps must say."""

import datetime as dt
import os

import pytest
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.settings import Settings
from fusion_assets.storage.simulation import RECORD
from fusion_assets.systems.climate_zones import imagery_requests as requests
from fusion_assets.systems.climate_zones.section import map_grid
from fusion_assets.systems.climate_zones.system import CLIMATE_ZONES
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.systems.climate_zones.zone_maps import content, study
from fusion_assets_tests.whole_studies import study_of

SETTINGS = Settings(study="zones", storage="nowhere")
MAPS = {"lcz_sentinel2_export", "lcz_sentinel1_export", "lcz_sentinel2", "lcz_sentinel1", "lcz_model", "lcz_map"}
MAPS |= {"lcz_export", "lcz_areas", "lcz_catalog"}


def assets_of(made):
    definitions = build_definitions(SYSTEMS, {"study": made})
    return {key.to_user_string() for asset in definitions.assets for key in asset.keys}


def test_optics_are_level_1c_and_radar_sigma_nought_at_10_m_beyond_the_map():
    made = study()
    optics, radar = (of(made, SETTINGS, "north", 2021) for of in (requests.optics_request, requests.radar_request))
    assert (optics.product, radar.product) == ("sentinel2_l1c", "sentinel1_grd")
    assert optics.recipe.bands == ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
    assert radar.recipe.bands == ("VH", "VV")
    assert optics.recipe.mask.kind == "bits" and radar.recipe.mask.kind == "none"
    grid = map_grid(made, "north")
    for request in (optics, radar):
        assert request.grid.resolution == 10 and request.recipe.subdivision == 1
        assert request.grid.bounds == tuple(
            edge + by for edge, by in zip(grid.bounds, (-110, -110, 110, 110), strict=True)
        )
        assert shapely.geometry.shape(request.geometry).covers(made.polygon("north"))
        assert request.window == (dt.date(2021, 5, 1), dt.date(2021, 9, 30))


def test_a_window_of_a_product_wins_over_the_season():
    window = ["2020-07-01", "2020-07-31"]
    made = study(sentinel1={"product": "sentinel1_grd", "windows": {2021: window}})
    assert requests.radar_request(made, SETTINGS, "north", 2021).window == tuple(map(dt.date.fromisoformat, window))
    assert requests.optics_request(made, SETTINGS, "north", 2021).window[0] == dt.date(2021, 5, 1)


def test_assets_of_maps_are_there_where_a_study_maps_zones_alone():
    assert assets_of(study()) >= MAPS
    without = study(map=None)
    assert not assets_of(without) & MAPS
    assert set(CLIMATE_ZONES.lacking(without)) >= MAPS and not set(CLIMATE_ZONES.lacking(study())) & MAPS


def test_trainings_stay_what_they_are_wherever_zones_are_mapped():
    def said(asset, region=None, year=None, **section):
        return CLIMATE_ZONES.facts(study(**section), SETTINGS, asset, region, year)

    other = {"sentinel2": {"product": "sentinel2_l1c", "mask": {"cloud_score": 0.6}}}
    for changed in ({"map": None}, {"map": {"resolution": 60}}, other):
        assert said("fusion_model", **changed) == said("fusion_model")
    assert said("lcz_map", "north", 2021, **other) != said("lcz_map", "north", 2021)
    assert said("lcz_areas", "north", **other) != said("lcz_areas", "north")
    assert said("lcz_sentinel1", "north", 2021, **other) == said("lcz_sentinel1", "north", 2021)
    assert said("lcz_map", "north", 2021, preset="published") != said("lcz_map", "north", 2021)
    assert said("lcz_sentinel2", "north", 2021, preset="published") == said("lcz_sentinel2", "north", 2021)


def test_what_is_learnt_from_synthetic_cities_says_so(tmp_path):
    for asset, region, year in (("lcz_model", None, None), ("lcz_map", "north", 2021), ("lcz_areas", "north", None)):
        assert CLIMATE_ZONES.facts(study(), SETTINGS, asset, region, year)["synthetic"] == "yes"
        files = study(source=str(tmp_path))
        assert "synthetic" not in CLIMATE_ZONES.facts(files, SETTINGS, asset, region, year)
        (tmp_path / RECORD).write_text('{"synthetic": true}')
        assert CLIMATE_ZONES.facts(files, SETTINGS, asset, region, year)["synthetic"] == "yes"
        (tmp_path / RECORD).unlink()
    assert "synthetic" not in CLIMATE_ZONES.facts(study(), SETTINGS, "lcz_sentinel2", "north", 2021)


def test_published_weights_need_neither_radar_nor_patches(tmp_path):
    file = tmp_path / "weights.hdf5"
    file.write_bytes(b"one")
    made = study(map={"weights": str(file)})
    radar = {"lcz_sentinel1", "lcz_sentinel1_export"}
    assert MAPS - radar <= assets_of(made) and not radar & assets_of(made) and radar <= set(CLIMATE_ZONES.lacking(made))
    (model,) = [
        each for each in build_definitions(SYSTEMS, {"study": made}).assets if each.key.to_user_string() == "lcz_model"
    ]
    assert not list(model.dependency_keys)
    before = {
        place: CLIMATE_ZONES.facts(made, SETTINGS, *place)
        for place in (("lcz_model", None, None), ("lcz_map", "north", 2021))
    }
    # Cities of the comparison are no source of these maps.
    assert not any("synthetic" in each for each in before.values())
    file.write_bytes(b"another")
    os.utime(file, (1, 1))
    for place, facts in before.items():
        assert CLIMATE_ZONES.facts(made, SETTINGS, *place)["recipe_digest"] != facts["recipe_digest"]
    alone = content(map={"weights": str(file)})
    del alone["climate_zones"]["source"]
    assert assets_of(study_of(alone)) & {*MAPS, "fusion_model", "lcz_patches", "fusion_report"} == MAPS - radar
    assert "fusion_model" in CLIMATE_ZONES.lacking(study_of(alone))
    alone["climate_zones"]["map"] = {}
    with pytest.raises(FusionError, match="only maps with"):
        study_of(alone)
    with pytest.raises(FusionError, match="one network for maps"):
        study_of(content(map={"weights": str(file)}, areas=str(file)))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"map": {"domain": "geo_em.d09.nc"}}, "a geo_em file of geogrid"),
        ({"map": {"domain": [13.4, 52.4, 13.3]}}, "climate_zones.map.domain"),
        ({"map": {"weights": "nothing.hdf5"}}, "the HDF5 file of published weights"),
        ({"source": None}, "climate_zones.source"),
        ({"sentinel2": "sentinel2_l2a"}, "which networks have not learnt from"),
        ({"sentinel1": "sentinel1_rtc"}, "sigma nought in decibels"),
        ({"sentinel2": {"product": "sentinel2_l1c", "bands": ["B02"]}}, "climate_zones.sentinel2.bands"),
        ({"map": {"resolution": 30}}, "a multiple of 20 up to 320"),
        ({"map": {"resolution": 340}}, "a multiple of 20 up to 320"),
        ({"map": {"years": [1999]}}, "which the study does not cover"),
        ({"map": {"years": []}}, "a list of years of the study"),
        ({"map": {"domain": [13.4, 52.4, 13.3, 52.5]}}, "west < east"),
        ({"settings": ["random", "city"], "seeds": 7}, "write seeds: 5 or seeds: 10"),
    ],
)
def test_maps_that_cannot_be_right_are_refused(section, said):
    with pytest.raises(FusionError) as error:
        study_of(content(**section))
    assert said in str(error.value)


def test_years_are_those_of_the_map():
    definitions = build_definitions(SYSTEMS, {"study": study(map={"years": [2021]})})
    (made,) = [each for each in definitions.assets if each.key.to_user_string() == "lcz_map"]
    assert set(made.partitions_def.get_partition_keys()) == {"north|2021", "south|2021"}
