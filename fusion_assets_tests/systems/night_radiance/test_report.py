"""The report on night radiance: what it shows of small arrays, and what it puts on top."""

import copy
import dataclasses
import re
from unittest.mock import ANY

import numpy as np
import pytest
import xarray as xr

from fusion_assets.systems.night_radiance import judgement, tables
from fusion_assets.systems.night_radiance.evaluation import STRESS
from fusion_assets.systems.night_radiance.methods.table import METHODS as ALL
from fusion_assets.systems.night_radiance.pictures import draw, start_of
from fusion_assets.systems.night_radiance.report import HEADINGS, build_report
from fusion_assets_tests.chromium import reading
from fusion_assets_tests.systems.night_radiance.report_cases import (
    METHODS,
    SCENES,
    SUBJECT,
    YEAR,
    evaluated,
    findings,
    night,
    rasters,
)


@pytest.fixture(scope="module")
def text():
    return build_report(SUBJECT, findings())


def figures_of(**changes):
    """The document of the evaluation with RMSE ratios of the chosen method replaced, by sensor and baseline."""
    document = copy.deepcopy(evaluated()[1])
    for key, value in changes.items():
        sensor, _, other = key.partition("_to_")
        figures = document["wald"] if sensor == "wald" else document["sensors"][sensor]
        figures["methods"]["dasymetric"][f"to_{other}"]["value"] = value
    return document


def test_one_file_with_everything_on_it(text):
    assert not re.search(r'(src|href)="(?!data:)', text) and "<script" not in text
    assert len(re.findall('<img src="data:image/png', text)) == 6
    assert all(f">{heading}</h2>" in text for heading in HEADINGS.values())
    assert all(f"<td>{ALL[name].text}" in text for name in METHODS)
    assert f"{ALL['dasymetric'].text} – chosen" in text and "it errs least" in text
    assert all(f"<td>{judgement.sensor_text(name)}</td>" in text for name in STRESS)
    assert all(scene in text for scene in SCENES)
    assert "courtesy of the U.S. Geological Survey" in text and "doi:10.3390/rs13050922" in text
    assert "Cite as: Nights of four regions: west. Made 2024-05-06" in text
    assert "What did not pass" not in text and "Synthetic." not in text


def test_it_says_how_fine_maps_are_and_what_the_sensor_sees(text):
    assert f"{ALL['bicubic'].text} 1900 m (800 to 1000 m); {ALL['dasymetric'].text} 900 m (800 to 1000 m)" in text
    assert "against the truth of the synthetic archive" not in text
    assert "The sensor sees about 742 m at once (the default)" in text
    told = dataclasses.replace(SUBJECT, footprint=801.4, footprint_from="estimated")
    assert "about 801 m at once (told from its cells" in build_report(told, findings())


def test_what_it_says_of_where_it_stands(text):
    assert "west is among the places learnt from" in text
    held = build_report(dataclasses.replace(SUBJECT, reserved=True, synthetic=True), findings())
    assert "west was held back" in held and "<strong>Synthetic.</strong>" in held


def test_what_cannot_be_told_names_the_sizes(text):
    assert "it says nothing of pixels of 250 m" in text and "sees about 742 m at once" in text
    assert re.search(r"The test is from 1\.7\d km to 4\d\d m", text)


def test_a_map_that_loses_light_is_named_on_top():
    found = findings()
    found.maps[YEAR]["radiance"] = found.maps[YEAR]["radiance"] * 0.5
    top = build_report(SUBJECT, found).split("<main>")[0]
    assert "What did not pass" in top and "product&#39;s by -50.0000%" in top and "The map has -50.00% light" in top
    assert "should hold its pixel, but some do not" in top


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({}, set()),
        ({"wald_to_bicubic": 1.1}, {"no_worse_than_bicubic"}),
        ({"wald_to_bicubic_conserved": 1.005}, set()),
        ({"wald_to_bicubic_conserved": 1.02}, {"no_worse_than_bicubic_conserved"}),
        ({"narrow_to_bicubic": 1.4}, {"bears_another_sensor"}),
    ],
)
def test_what_speaks_against_a_method(changed, failed):
    calm = {f"{name}_to_bicubic": 0.9 for name in ("wald", *STRESS)} | {"wald_to_bicubic_conserved": 0.9}
    document = figures_of(**(calm | changed))
    document["wald"]["groups"] = judgement.FEWEST_GROUPS
    assert {each.name for each in judgement.of_methods(document) if not each.passed} == failed
    document["wald"]["groups"] -= 1
    assert "enough_blocks" in {each.name for each in judgement.of_methods(document) if not each.passed}


def test_deblurred_lights_come_back_from_a_stored_map():
    mapped = rasters()["radiance_map"]
    np.testing.assert_allclose(start_of(mapped), night().start, rtol=1e-4, atol=1e-4)


def test_equal_radiance_has_equal_colours_in_all_pictures():
    light = np.geomspace(0.1, 100, 144, dtype="f4").reshape(12, 12)
    bands = dict.fromkeys(("radiance", "low", "high"), (("y", "x"), light))
    mapped = xr.Dataset({**bands, "imagery_effect": (("y", "x"), np.zeros((12, 12), "f4"))})
    (same,), legend, _ = draw({YEAR: mapped}, {YEAR: light})
    assert len({picture.address for picture in (*same.lights, *same.ends)}) == 1
    assert [text for _, text in legend] == ["0.1 nW/cm2/sr", ANY, ANY, ANY, "unknown"]
    (other,), *_ = draw({YEAR: mapped}, {YEAR: light * 2})
    cells, start, *_ = other.lights
    assert cells.address != start.address


def test_years_stand_below_each_other_in_the_same_colours():
    one, year = findings(), YEAR + 1
    later = {name: {**getattr(one, name), year: getattr(one, name)[YEAR]} for name in ("maps", "cells", "optics")}
    both = dataclasses.replace(one, **later, evaluations={YEAR: evaluated(), year: evaluated()})
    page = build_report(SUBJECT, both)
    assert f"{YEAR} to {year}" in page and page.count("<li><i") == 5 + 5
    addresses = re.findall('<img src="([^"]+)"', page)
    assert len(addresses) == 12 and addresses[:6] == addresses[6:]


def test_errors_by_place_are_those_of_the_place():
    table = evaluated()[0]
    rows = tables.places_table(YEAR, table, "dasymetric")["rows"]
    own = table[(table["sensor"] == "wald") & (table["place"] == "west") & (table["method"] == "dasymetric")]
    expected = (own["squared_error"].sum() / own["cells"].sum()) ** 0.5
    assert [row[0] for row in rows] == ["west", "middle", "east"]
    assert (rows[0][1], rows[0][-1]) == (f"{own['cells'].sum():,.0f}", f"{expected:.2f}")


@pytest.mark.slow
@pytest.mark.parametrize("width", [1400, 390])
def test_in_a_browser_offline(text, tmp_path, width):
    with reading(tmp_path) as opened:
        driver = opened(text, width)
        assert driver.execute_script("return document.documentElement.scrollWidth") <= width, "scrolls sideways"
        cut = (
            "return [...document.querySelectorAll('body *')].filter(e => !e.closest('table') &&"
            " e.getBoundingClientRect().right > innerWidth).map(e => e.textContent.slice(0, 80))"
        )
        assert driver.execute_script(cut) == []
        tops = driver.execute_script(
            "return [...document.querySelectorAll('.three')][0].querySelectorAll('img').values()"
            ".map(i => i.getBoundingClientRect().top).toArray()"
        )
        assert (len(set(tops)) == 1) is (width == 1400), "side by side where there is room"


def with_reference(date):
    """The document of the evaluation with a finer sensor."""
    document = copy.deepcopy(evaluated()[1])
    errors = copy.deepcopy(document["wald"])
    for row in errors["methods"].values():
        row["spearman"] = {"value": 0.8125, "low": 0.75, "high": 0.875}
    entry = {
        "name": "finer.tif", "region": "west", "unit": "DN, taken as proportional to radiance", "date": date,
        "metres": 60.0, "shift": {"east": -137.2, "north": 204.6, "metres": 246.3}, "gain": 0.4987, "offset": -2.99,
        "correlation": 0.9991, "fitted_on": 1404, "errors": errors,
    }  # fmt: skip
    return document | {"reference": [entry]}


@pytest.mark.parametrize("date", [f"{YEAR}-11-05", f"{YEAR - 1}-11-05"])
def test_a_finer_sensor_is_shown_with_its_place_unit_and_date(date):
    found = findings()
    document = with_reference(date)
    page = build_report(SUBJECT, dataclasses.replace(found, evaluations={YEAR: (found.evaluations[YEAR][0], document)}))
    for text in ("finer.tif", "-137, +205", ">0.4987<", ">-2.99<", ">0.999<", ">1,404<", "taken as proportional"):
        assert text in page
    assert "rank correlation" in page and "0.81 (0.75 to 0.88)" in page
    assert ("ANOTHER YEAR than the maps" in page) == (str(YEAR) not in date)


def test_without_a_finer_sensor_nothing_is_said_of_one(text):
    assert "finer sensors" not in text and "rank correlation" not in text
    assert tables.references_table(YEAR, evaluated()[1]) is None


def test_light_of_one_year_alone_is_counted_whether_it_was_kept_or_taken_out():
    lights = rasters()["radiance_cells"]
    lit = np.argwhere(np.isfinite(lights["avg_rad"].values))[0]
    dark = lights.assign(avg_rad=lights["avg_rad"] * 0 + 0.2)
    fire = dark["avg_rad"].values.copy()
    fire[tuple(lit)] = 60
    burning = dark.assign(avg_rad=(("y", "x"), fire))
    years = {2019: dark, 2020: burning}
    found = tables.fires_table(years, lambda year: [other for other in years if other != year])
    assert [row[0] for row in found["rows"]] == ["2019", "2020"]
    assert [row[2] for row in found["rows"]] == ["0", "1"] and {row[-1] for row in found["rows"]} == {"kept"}
    taken = burning.assign_attrs(fires_cells="3.0", fires_light="12.5", fires_share="0.25")
    (row,) = tables.fires_table({2020: taken}, lambda year: [2019])["rows"]
    assert row == ("2020", "2019", "3", "12.5", "25.00%", "taken out")
    assert tables.fires_table({2020: dark}, lambda year: []) is None
