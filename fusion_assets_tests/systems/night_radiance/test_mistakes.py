"""What the text that this system comes from gets wrong, each put to the test."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.settings import Settings
from fusion_assets.study.imagery_requests import full_recipe
from fusion_assets.systems.night_radiance import evaluation, scores
from fusion_assets.systems.night_radiance.imagery_requests import cells_request, optics_request, window_of
from fusion_assets.systems.night_radiance.methods import trees
from fusion_assets.systems.night_radiance.section import places_of, use_of
from fusion_assets_tests.systems.night_radiance.towns import place
from fusion_assets_tests.whole_studies import study_of

BOX = [86.4, 27.8, 86.5, 27.9]
STUDY = {
    "name": "nights",
    "regions": [{"name": name, "bbox": [BOX[0] + shift, BOX[1], BOX[2] + shift, BOX[3]]}
                for name, shift in (("a", 0), ("b", 1), ("c", 2), ("kept", 3))],
    "resolution": 60, "prediction_years": [2022], "features": "optics",
    "products": {"sentinel2": "landsat_c2_l2"},
    "night_radiance": {"resolution": 60, "reserved": ["kept"]},
}  # fmt: skip


def test_a_perfect_map_has_no_error_in_the_unit_it_is_made_in():
    here = place()
    found = scores.Predictions("here", here.radiance, here.block, {"perfect": here.radiance, "zero": here.radiance * 0})
    figures = scores.figures(
        scores.table_of({"wald": [found]}).replace({"perfect": "bicubic", "zero": "bicubic_conserved"})
    )
    assert figures["methods"]["bicubic"]["rmse"]["value"] == 0.0
    # The map of zeros is judged in nW/cm2/sr, too.
    assert figures["methods"]["bicubic_conserved"]["rmse"]["value"] == pytest.approx(np.sqrt(np.mean(here.radiance**2)))


def test_day_and_night_are_of_the_same_days_and_the_last_one_counts():
    study, settings = study_of(STUDY), Settings(archive="catalog.json")
    optics, cells = (ask(study, settings, "a", 2022) for ask in (optics_request, cells_request))
    assert optics.window == cells.window == window_of(2022) == (dt.date(2022, 1, 1), dt.date(2022, 12, 31))


def test_landsat_is_collection_2_with_its_scales_bits_and_one_thermal_band():
    product = PRODUCTS["landsat_c2_l2"]
    recipe = full_recipe(use_of(study_of(STUDY)).optics, 60)
    assert "/C02/" in product.earth_engine and product.platforms == ("landsat-8", "landsat-9")
    assert recipe.bands == (*(f"SR_B{number}" for number in range(1, 8)), "ST_B10")
    assert (product.scale, product.offset) == (2.75e-5, -0.2)
    assert product.numbers("ST_B10")[:2] == (0.00341802, 149.0)
    assert recipe.mask.values == (0, 1, 2, 3, 4) and [mask.assets[0] for mask in recipe.more_masks] == ["qa_radsat"]


def test_lights_are_read_on_their_own_cells_with_what_they_rest_on():
    request = cells_request(study_of(STUDY), Settings(archive="catalog.json"), "a", 2022)
    assert request.recipe.bands == ("avg_rad", "cf_cvg") and request.recipe.resampling == "nearest"
    assert request.grid.crs == "EPSG:4326" and request.grid.resolution * 3600 == 15
    assert request.recipe.mask.kind == "positive"


def test_places_that_judge_are_none_that_taught(monkeypatch):
    monkeypatch.setattr(trees, "TREES", 10)
    study = study_of(STUDY)
    assert places_of(study) == ("a", "b", "c")
    here = dataclasses.replace(place(), name="kept")
    table = evaluation.reserved_table([place(1, "a"), place(2, "b")], [here], 5, ["bicubic", "trees"])
    assert set(table["place"]) == {"kept"}
