"""What the page on night radiance prints: a study that is one, columns and assets that there are."""

import re
from pathlib import Path

import numpy as np
import yaml
from affine import Affine

from fusion_assets.systems.night_radiance.evaluation import STRESS
from fusion_assets.systems.night_radiance.light_table import COLUMNS
from fusion_assets.systems.night_radiance.methods.table import METHODS
from fusion_assets.systems.night_radiance.reference_files import UNITS
from fusion_assets.systems.night_radiance.section import FOOTPRINT, places_of, regions_of, use_of
from fusion_assets.systems.night_radiance.system import NIGHT_RADIANCE
from fusion_assets_tests.systems.night_radiance.finer_sensors import write
from fusion_assets_tests.whole_studies import study_of

PAGE = (Path(__file__).parents[3] / "docs" / "night-radiance.md").read_text(encoding="utf-8")

STUDY, MORE = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_references_of_the_page_are_some(tmp_path):
    whole, named = yaml.safe_load(STUDY), yaml.safe_load(MORE)["references"]
    for each, (west, north) in zip(named, ((36.6, -1.0), (35.9, -0.1)), strict=True):
        each["path"] = write(
            tmp_path / each["path"], np.ones((450, 450)), "EPSG:4326", Affine(1e-3, 0, west, 0, -1e-3, north)
        )
    whole["night_radiance"]["references"] = named
    made = study_of(whole)
    assert [regions_of(made, each) for each in use_of(made).references] == [["nairobi"], ["nakuru"]]
    assert {each.unit for each in use_of(made).references} & set(UNITS) == {"luojia_dn"}


def test_the_study_of_the_page_is_one():
    made = study_of(yaml.safe_load(STUDY))
    assert places_of(made) == ("nairobi", "mombasa", "kisumu") and use_of(made).reserved == ("nakuru",)
    assert use_of(made).optics.product == made.products.sentinel2.product == "landsat_c2_l2"


def test_names_on_the_page_are_names():
    for name in re.findall(r"`(\w+)`", PAGE):
        if name.startswith(("radiance_", "landsat_export", "landsat_composite")):
            assert name in NIGHT_RADIANCE.asset_names
        if name.startswith(("sum_", "mean_")):
            assert name in COLUMNS
    assert {"mapped_share", "radiance_map"} < set(re.findall(r"`(\w+)`", PAGE))


def test_numbers_on_the_page_are_those_of_the_code():
    assert f"({FOOTPRINT:.0f} m wide" in PAGE
    chosen, others = [sum(method.eligible == which for method in METHODS.values()) for which in (True, False)]
    assert (chosen, others) == (4, 7) and "best of four" in PAGE and "Seven others" in PAGE
    assert STRESS["narrow"][0] == 0.6 and STRESS["wide"][0] == 1.4
