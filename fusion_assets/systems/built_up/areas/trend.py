"""Built-up area by year and its change, on the pixels that are valid in every year, and what may be said of it.

The estimand is the area of cells whose truth is built-up. Maps of single years miss it by more than it changes, so with
a reference sample the area is the error-adjusted one, with 95 % intervals. Without one it is the mapped area, relative
to the labels: with a sensitivity range, and no confidence interval, because labels whose errors are unknown cannot give
one. Years are always compared on the same pixels and as areas.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from shapely.geometry.base import BaseGeometry

from fusion_assets.evaluation.area_estimation import Estimate, estimated_change, estimated_ratio, estimated_total
from fusion_assets.evaluation.scores import equal_thresholds
from fusion_assets.systems.built_up.areas.measuring import Measured, measure
from fusion_assets.systems.built_up.areas.trend_words import CANNOT_TELL, GREW, SHRANK, of_change, of_one_year, relative
from fusion_assets.systems.built_up.versions import TREND as VERSION

if TYPE_CHECKING:
    import pandas as pd

ESTIMATOR = (
    "stratified expansion of the interpreted labels, corrected by regression on the map's probability, averaged over "
    "years, and on the area valid in every year"
)
ADJUSTED, MAPPED = "error-adjusted", "mapped, relative to labels"
ESTIMANDS = {
    ADJUSTED: "area of cells whose truth is built-up, on the pixels valid in every prediction year, km²",
    MAPPED: "area mapped as built-up, relative to the labels, on the pixels valid in every prediction year, km²",
}


def built_up_trend(
    predictions: Mapping[int, xr.Dataset],
    evaluation: pd.DataFrame,
    area: BaseGeometry,
    labels: str,
    reference: pd.DataFrame | None = None,
    source: Mapping[str, str] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Area of each year, change, and what the data tell.

    Args:
        predictions: maps by year, lazy.
        evaluation: out-of-fold table of the model (label, probability, block), for the sensitivity range.
        area: the region, degrees.
        labels: title of the labels that the maps were learnt from.
        reference: what `checked_reference` returned; None where there is no sample.
        source: what `reference_source` returned.

    Returns:
        Table with one row a year: `year`, `area_km2`, `low`, `high`, `standard_error` (km2; NaN without a sample),
        `share` (of the region's area that is valid in every year), `n_valid` (pixels), `mapped_km2`, `kind`. And a
        document: `version`, `statement`, `estimand`, `kind`, `changes` (those of the statement), `pairs` (of any two
        years, tested one by one; empty without a sample), `sensitivity`, and with a sample `agreement` and `reference`:
        `source`, `digest`, `estimator`, `points`, `points_inside` (the region), `strata` and `built_up_points` (inside)
        by year, `places_in_every_year`, and `direct`, the estimates that the sample alone gives, without the maps.
    """
    import pandas as pd

    years = sorted(predictions)
    ends = [(years[0], years[-1]), *((year, years[-1]) for year in years[1:2])]
    label, probability, block = (evaluation[name].to_numpy() for name in ("label", "probability", "block"))
    equal = equal_thresholds(label, probability, block)
    thresholds = (float(equal.min()), float(equal.max()))
    points = () if reference is None else (reference["row"].to_numpy(), reference["col"].to_numpy())
    found = measure(predictions, area, thresholds, *points)
    kind = MAPPED if reference is None else ADJUSTED
    document: dict[str, Any] = {
        "version": VERSION,
        "estimand": ESTIMANDS[kind],
        "kind": kind,
        "region_km2": found.region_km2,
        "valid_km2": found.valid_km2,
        "sensitivity": {
            "thresholds": list(thresholds),
            "why": "thresholds whose agreement with the labels does not differ from the best beyond chance",
            "mapped_km2": {str(year): list(found.range_km2[year]) for year in years},
        },
    }
    errors = dict.fromkeys(years, float("nan"))
    if reference is None:
        areas = {year: (found.mapped_km2[year], *found.range_km2[year]) for year in years}
        document |= {"changes": [], "pairs": []}
        document["statement"] = relative(labels, found, years)
    else:
        totals = _totals(found, reference, years)
        areas = {year: _within(total.estimate, found.valid_km2) for year, total in totals.items()}
        errors = {year: total.estimate.error for year, total in totals.items()}
        tested = {(a, b): estimated_change(totals[a], totals[b]) for a, b in combinations(years, 2)}
        document["changes"] = [
            _change(a, b, tested[a, b], found) | {"statement": of_change(a, b, _verdict(tested[a, b]), tested[a, b])}
            for a, b in ends
            if a < b
        ]
        document["pairs"] = [_change(a, b, change, found) for (a, b), change in tested.items()]
        document["statement"] = (
            " ".join(change["statement"] for change in document["changes"])
            if document["changes"]
            else of_one_year(years[0], *areas[years[0]])
        )
        document["reference"] = dict(source or {}) | _design(reference, years) | {"direct": _direct(found, reference)}
        document["agreement"] = {str(year): _agreement(found, reference, year) for year in years}
    table = pd.DataFrame(
        {
            "year": years,
            **{name: [areas[year][i] for year in years] for i, name in enumerate(("area_km2", "low", "high"))},
            "standard_error": [errors[year] for year in years],
            "share": found.valid_km2 / found.region_km2,
            "n_valid": found.n_valid,
            "mapped_km2": [found.mapped_km2[year] for year in years],
            "kind": document["kind"],
        }
    )
    return table, document


def _totals(found: Measured, reference: pd.DataFrame, years: Sequence[int]) -> dict[int, Any]:
    """Estimated area of each year; the same auxiliaries in all, so that changes are differences of areas.

    The domain's area and the probability averaged over years: single years' maps change where nothing has, and
    following each one's ups and downs would carry them into the trend.
    """
    domain = found.valid & reference["inside"].to_numpy()
    auxiliary = np.column_stack([domain, np.where(domain, found.mean, 0.0)]).astype(float)
    points = reference.assign(value=reference["label"].to_numpy() * domain)
    known = np.array([found.valid_km2, found.mean_km2])
    return {
        year: estimated_total(points[of_year], auxiliary[of_year.to_numpy()], known)
        for year in years
        for of_year in [points["year"] == year]
    }


def _within(estimate: Estimate, most: float) -> tuple[float, float, float]:
    """Area and interval; no area is negative or larger than what was looked at."""
    value, low, high = np.clip([estimate.value, estimate.low, estimate.high], 0.0, most)
    return float(value), float(low), float(high)


def _direct(found: Measured, reference: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Area of each year from the sample alone: the stratified estimate of Olofsson et al. (2014), without the maps."""
    domain = found.valid & reference["inside"].to_numpy()
    points = reference.assign(value=reference["label"].to_numpy() * domain)
    nothing = np.zeros((len(points), 1))
    return {
        str(year): dict(
            zip(
                ("km2", "low", "high"),
                _within(estimated_total(rows, nothing[: len(rows)], np.zeros(1)).estimate, found.valid_km2),
                strict=True,
            )
        )
        for year, rows in points.groupby("year")
    }


def _change(first: int, last: int, change: Estimate, found: Measured) -> dict[str, Any]:
    """One tested change."""
    return {
        "from": first,
        "to": last,
        "km2": change.value,
        "standard_error": change.error,
        "low": change.low,
        "high": change.high,
        "mapped_km2": found.mapped_km2[last] - found.mapped_km2[first],
        "verdict": _verdict(change),
    }


def _verdict(change: Estimate) -> str:
    return GREW if change.low > 0 else SHRANK if change.high < 0 else CANNOT_TELL


def _design(reference: pd.DataFrame, years: Sequence[int]) -> dict[str, Any]:
    """What the sample is. Points outside the region are there where the sample was drawn from a larger area."""
    by_place = reference.groupby("place")["year"].nunique()
    of_year = {str(year): reference[reference["year"] == year] for year in years}
    return {
        "estimator": ESTIMATOR,
        "points": {year: len(rows) for year, rows in of_year.items()},
        "points_inside": {year: int(rows["inside"].sum()) for year, rows in of_year.items()},
        "places_in_every_year": int((by_place == len(years)).sum()),
        "strata": {
            year: {str(name): int(n) for name, n in sorted(rows["stratum"].value_counts().items())}
            for year, rows in of_year.items()
        },
        "built_up_points": {year: int((rows["label"] * rows["inside"]).sum()) for year, rows in of_year.items()},
    }


def _agreement(found: Measured, reference: pd.DataFrame, year: int) -> dict[str, dict[str, float]]:
    """Accuracy of one year's map against the sample, weighted by what points stand for, with 95 % intervals."""
    of_year = (reference["year"] == year).to_numpy()
    rows = reference[of_year]
    domain = found.valid[of_year] & rows["inside"].to_numpy()
    mapped, truth = found.built[year][of_year] & domain, (rows["label"].to_numpy() == 1) & domain
    ratios = {
        "users_accuracy": (mapped & truth, mapped),
        "producers_accuracy": (mapped & truth, truth),
        "overall_accuracy": ((mapped == truth) & domain, domain),
    }
    out = {}
    for name, (part, whole) in ratios.items():
        if whole.any():
            ratio = estimated_ratio(rows, part.astype(float), whole.astype(float))
            low, high = np.clip([ratio.low, ratio.high], 0.0, 1.0)
            out[name] = {"value": ratio.value, "low": float(low), "high": float(high)}
    return out
