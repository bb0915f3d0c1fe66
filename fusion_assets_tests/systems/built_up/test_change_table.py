"""Change between any two years: what the trend tested, what it is a year, and nothing where nothing is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fusion_assets.systems.built_up.area_table import COLUMNS
from fusion_assets.systems.built_up.change_table import CHANGE_COLUMNS, change_table


def areas(values, errors, kind="error-adjusted"):
    """Rows as `area_table` has them, of years from 2016 on."""
    values, errors = np.array(values, float), np.array(errors, float)
    table = pd.DataFrame({"year": range(2016, 2016 + len(values)), "area_km2": values, "standard_error_km2": errors})
    table = table.assign(low_km2=values - 2 * errors, high_km2=values + 2 * errors, mapped_km2=values + 1)
    table = table.assign(region="here", region_title="Here", region_km2=200.0, compared_share=0.5, kind=kind, note="")
    return table.reindex(columns=list(COLUMNS))


def pair(first, last, km2, error):
    low, high = km2 - 2 * error, km2 + 2 * error
    verdict = "grew" if low > 0 else "shrank" if high < 0 else "cannot tell"
    return {
        "from": first,
        "to": last,
        "km2": km2,
        "standard_error": error,
        "low": low,
        "high": high,
        "verdict": verdict,
    }


def test_every_pair_of_years_with_growth_a_year():
    pairs = [pair(2016, 2017, 2.0, 0.5), pair(2016, 2018, 21.0, 3.0), pair(2017, 2018, 19.0, 12.0)]
    table = change_table(areas([100, 102, 121], [4, 4, 5]), {"pairs": pairs})
    assert list(table) == list(CHANGE_COLUMNS)
    assert list(zip(table["from_year"], table["to_year"], strict=True)) == [(2016, 2017), (2016, 2018), (2017, 2018)]
    assert list(table["verdict"]) == ["grew", "grew", "cannot tell"]
    two = table.iloc[1]
    assert two["km2_a_year"] == 10.5 and (two["low_km2_a_year"], two["high_km2_a_year"]) == (7.5, 13.5)
    assert two["percent_a_year"] == pytest.approx(10.0) and two["change_share"] == 0.21
    assert two["change_standard_error_km2"] == 3.0 and two["mapped_change_km2"] == 21


def test_the_interval_of_growth_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    one, both, other = (rng.normal(0, deviation, 400) for deviation in (2, 3, 2.5))
    spread, error = ((4 + 9) ** 0.5, (6.25 + 9) ** 0.5), (4 + 6.25) ** 0.5
    inside = 0
    for before, after in zip(100 + one + both, 120 + other + both, strict=True):
        km2 = after - before
        change = pair(2016, 2017, km2, error) | {"low": km2 - 1.96 * error, "high": km2 + 1.96 * error}
        row = change_table(areas([before, after], spread), {"pairs": [change]}).iloc[0]
        inside += row["low_percent_a_year"] <= 20 <= row["high_percent_a_year"]
    assert 0.92 <= inside / 400 <= 0.98


def test_without_intervals_only_differences_are_told():
    table = change_table(areas([10, 12], [np.nan, np.nan], "mapped, relative to labels"), {"changes": [], "pairs": []})
    row = table.iloc[0]
    assert row["change_km2"] == 2 and row["percent_a_year"] == pytest.approx(20) and row["verdict"] == "cannot tell"
    empty = ["change_low_km2", "high_km2_a_year", "low_percent_a_year", "change_standard_error_km2"]
    assert row[empty].isna().all()


def test_an_area_that_may_be_nothing_has_no_growth_in_percent():
    table = change_table(areas([0, 3, 5], [1, 2, 1]), {"pairs": [pair(2017, 2018, 2.0, 1.0)]})
    assert table["percent_a_year"].isna().tolist() == [True, True, False]
    assert np.isnan(table.iloc[2]["low_percent_a_year"]) and table.iloc[2]["change_low_km2"] == 0


def test_a_trend_of_before_pairs_is_read_as_far_as_it_goes():
    change = {key: value for key, value in pair(2016, 2018, 4.0, 1.0).items() if key != "standard_error"}
    table = change_table(areas([10, 12, 14], [1, 1, 1]), {"changes": [change]})
    assert list(table["verdict"]) == ["cannot tell", "grew", "cannot tell"]
    assert np.isnan(table.iloc[1]["change_standard_error_km2"]) and table.iloc[1]["change_low_km2"] == 2


def test_one_year_has_no_change():
    table = change_table(areas([10], [1]), {"changes": [], "pairs": []})
    assert table.empty and list(table) == list(CHANGE_COLUMNS)


def test_every_column_of_the_export_stands_in_the_docs_with_its_meaning():
    page = (Path(__file__).parents[3] / "docs/outputs.md").read_text(encoding="utf-8")
    for name, meaning in (COLUMNS | CHANGE_COLUMNS).items():
        assert f"| `{name}` | {meaning} |" in page
