"""Tables of the report about area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from fusion_assets.reports.numbers import square_kilometres
from fusion_assets.reports.tables import UNKNOWN, table_of, with_interval
from fusion_assets.systems.built_up.areas import trend

if TYPE_CHECKING:
    import pandas as pd


def trend_tables(table: pd.DataFrame, document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Area of each year, change, and what the intervals rest on, as far as there is any."""
    yield _area_table(table, document)
    if document["changes"]:
        rows = []
        for change in document["changes"]:
            value, low, high, mapped = square_kilometres(
                *(change[name] for name in ("km2", "low", "high", "mapped_km2")), signed=True
            )
            rows.append((f"{change['from']} to {change['to']}", change["verdict"], value, f"{low} to {high}", mapped))
        # The verdict stands early: a phone shows the first columns without scrolling.
        columns = ("from, to", "verdict", "change", "95 % interval", "as mapped")
        yield table_of("Change of built-up area, km²", columns, rows, (2, 3, 4), (0,))
    if "reference" in document:
        yield _sample_table(document["reference"])
    yield from _agreement_table(document.get("agreement", {}))


def _area_table(table: pd.DataFrame, document: Mapping[str, Any]) -> dict[str, Any]:
    adjusted = table["kind"].iloc[0] == trend.ADJUSTED
    direct = {str(year): estimate for year, estimate in document.get("reference", {}).get("direct", {}).items()}
    columns = ["year", "area", "95 % interval" if adjusted else "range of thresholds", "as mapped"]
    rows = []
    for row in table.to_dict("records"):
        area, low, high, mapped = square_kilometres(*(row[name] for name in ("area_km2", "low", "high", "mapped_km2")))
        estimate = direct.get(str(row["year"]))
        beside = UNKNOWN
        if estimate:
            value, least, most = square_kilometres(*(estimate[name] for name in ("km2", "low", "high")))
            beside = f"{value} ({least} to {most})"
        rows.append((str(row["year"]), area, f"{low} to {high}", mapped, beside))
    if direct:
        columns.append("direct stratified estimate (95 % interval)")
    return table_of("Built-up area, km²", columns, [row[: len(columns)] for row in rows], range(len(columns)))


def _sample_table(design: Mapping[str, Any]) -> dict[str, Any]:
    """Points of the reference sample by year."""
    rows = [
        (
            year,
            f"{points:,}",
            f"{design['built_up_points'][year]:,}",
            str(len(design["strata"][year])),
            ", ".join(f"{name} {count:,}" for name, count in design["strata"][year].items()),
        )
        for year, points in design["points"].items()
    ]
    columns = ("year", "points", "of which built-up", "strata", "points by stratum")
    return table_of("The reference sample", columns, rows, (0, 1, 2, 3))


def _agreement_table(agreement: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each year's map against the reference sample."""
    names = {
        "overall_accuracy": "overall accuracy",
        "users_accuracy": "user's accuracy of built-up",
        "producers_accuracy": "producer's accuracy of built-up",
    }
    rows = [(year, *(with_interval(figures.get(name)) for name in names)) for year, figures in agreement.items()]
    if rows:
        caption = "Maps against the reference sample, with 95 % intervals"
        yield table_of(caption, ("year", *names.values()), rows, (0, 1, 2, 3))
