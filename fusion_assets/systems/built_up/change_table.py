"""Change of built-up area between any two years of a region, and what it is a year, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import exp, log, nan, sqrt
from typing import TYPE_CHECKING, Any

from fusion_assets.systems.built_up.areas.trend_words import CANNOT_TELL

if TYPE_CHECKING:
    import pandas as pd

CHANGE_COLUMNS = {
    "study": "name of the study",
    "region": "name of the region",
    "region_title": "what people call it",
    "from_year": "earlier year",
    "to_year": "later year",
    "change_km2": "area of the later year less that of the earlier; see kind",
    "change_low_km2": "lower end of its 95 % confidence interval; empty where there is none",
    "change_high_km2": "upper end",
    "change_standard_error_km2": "its standard error; empty where there is none",
    "verdict": "grew or shrank where the interval leaves out 0, else cannot tell; pairs are tested one by one",
    "km2_a_year": "change_km2 by the years between",
    "low_km2_a_year": "lower end of its 95 % confidence interval; empty where there is none",
    "high_km2_a_year": "upper end",
    "percent_a_year": "constant yearly growth, percent, that leads from the earlier area to the later; empty from 0",
    "low_percent_a_year": "lower end of its 95 % confidence interval; empty where an area may be 0",
    "high_percent_a_year": "upper end",
    "change_share": "change_km2 as share of what is compared of the region, -1 to 1",
    "mapped_change_km2": "change of the map itself, not adjusted",
    "kind": "error-adjusted by a reference sample, or mapped, relative to the labels",
    "note": "what to know about this row",
}
"""Columns of the table, and what they mean."""
_UNKNOWN = {"km2": nan, "standard_error": nan, "low": nan, "high": nan, "verdict": CANNOT_TELL}


def change_table(areas: pd.DataFrame, document: Mapping[str, Any]) -> pd.DataFrame:
    """All pairs of years of one region, in order.

    Args:
        areas: its rows of `area_table`.
        document: of its trend. Pairs that it does not hold are differences of areas, without an interval.
    """
    import pandas as pd

    tested = {(pair["from"], pair["to"]): pair for pair in (*document.get("changes", ()), *document.get("pairs", ()))}
    records: list[dict[str, Any]] = [dict(row) for _, row in areas.iterrows()]
    by_year = {int(row["year"]): row for row in records}
    rows = [
        _row(by_year[first], by_year[last], last - first, _UNKNOWN | tested.get((first, last), {}))
        for first, last in combinations(sorted(by_year), 2)
    ]
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def _row(before: Mapping[str, Any], after: Mapping[str, Any], years: int, pair: Mapping[str, Any]) -> dict[str, Any]:
    km2 = pair["km2"] if pair["km2"] == pair["km2"] else after["area_km2"] - before["area_km2"]
    percent, low, high = _percent_a_year(before, after, years, pair)
    compared = before["region_km2"] * before["compared_share"]
    return {
        **{name: before[name] for name in ("study", "region", "region_title", "kind", "note")},
        "from_year": before["year"],
        "to_year": after["year"],
        "change_km2": km2,
        "change_low_km2": pair["low"],
        "change_high_km2": pair["high"],
        "change_standard_error_km2": pair["standard_error"],
        "verdict": pair["verdict"],
        "km2_a_year": km2 / years,
        "low_km2_a_year": pair["low"] / years,
        "high_km2_a_year": pair["high"] / years,
        "percent_a_year": percent,
        "low_percent_a_year": low,
        "high_percent_a_year": high,
        "change_share": km2 / compared if compared else nan,
        "mapped_change_km2": after["mapped_km2"] - before["mapped_km2"],
    }


def _percent_a_year(
    before: Mapping[str, Any], after: Mapping[str, Any], years: int, pair: Mapping[str, Any]
) -> tuple[float, float, float]:
    """Yearly growth in percent, and its interval: that of the logarithm of the areas' ratio, linearised.

    The errors of both years go together as far as the error of their change says: 2 cov = var + var - var of change.
    """
    one, other = before["area_km2"], after["area_km2"]
    if not (one > 0 and other > 0):
        return nan, nan, nan
    ratio = log(other / one)
    percent = 100 * (exp(ratio / years) - 1)
    error = pair["standard_error"]
    known = before["low_km2"] > 0 and after["low_km2"] > 0 and error >= 0  # false where anything is not a number
    if not known:
        return percent, nan, nan
    first, second = before["standard_error_km2"], after["standard_error_km2"]
    shared = (first**2 + second**2 - error**2) / 2
    variance = (first / one) ** 2 + (second / other) ** 2 - 2 * shared / (one * other)
    reach = (pair["high"] - pair["km2"]) / error if error else 0.0
    half = reach * sqrt(max(variance, 0.0))
    low, high = (100 * (exp((ratio + side) / years) - 1) for side in (-half, half))
    return percent, low, high
