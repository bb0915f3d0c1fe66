"""Our maps and other people's, read side by side: one table of areas and accuracies, and one document of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.built_up.features.labels import BUILT_UP, NO_DATA
from fusion_assets.systems.built_up.model.prediction import PROBABILITY
from fusion_assets.systems.built_up.rivals import comparison
from fusion_assets.systems.built_up.rivals.comparison import OURS
from fusion_assets.systems.built_up.rivals.maps import class_name, share_name

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def compared(
    ours: Mapping[int, xr.Dataset],
    theirs: Mapping[int, xr.Dataset],
    titles: Mapping[str, str],
    area: BaseGeometry,
    reference: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Everything that is said of the maps of a region.

    Args:
        ours: `probability` and `built_up` by year.
        theirs: share and class of every rival by year, on the same grid.
        titles: of the rivals, by name.
        area: the region, degrees.
        reference: what `checked_reference` returned; None where there is no sample.

    Returns:
        Table, one row a map and year: `map`, `year`, `known_km2`, `mapped_km2` and, with a sample, accuracies with
        `_low` and `_high`; NaN where a map is silent. And a document: `titles`, `agreement` (by year and pair),
        `statement` and, with a sample, `judged`, `areas` (km2, by year and what helped), `changes`, `preferred`,
        `differences` (of the last year in which any rival speaks).
    """
    grid = Grid.of(ours[min(ours)])
    km2, inside = grid.pixel_areas_km2(), grid.inside(area)
    called = {OURS: "our map", **titles}
    rows: list[dict[str, Any]] = []
    document: dict[str, Any] = {"titles": called, "agreement": {}, "judged": {}, "areas": {}, "changes": {}}
    areas: dict[int, comparison.Areas] = {}
    winner: str | None = None
    differences: dict[str, dict[str, float]] = {}
    last: int | None = None
    for year in sorted(ours):
        classes, shares = _of_year(ours[year], theirs[year], titles, inside)
        document["agreement"][str(year)] = comparison.agreements(classes, km2)
        judged: dict[str, dict[str, Any]] = {}
        points = None if reference is None else reference[reference["year"] == year].reset_index(drop=True)
        if points is not None and len(points):
            at = points["row"].to_numpy(), points["col"].to_numpy()
            seen = {name: values[at] for name, values in classes.items()}
            judged = document["judged"][str(year)] = comparison.judged(points, seen)
            areas[year], document["areas"][str(year)] = _areas(points, shares, km2, inside)
            if len(classes) > 1:
                (winner, differences), last = comparison.preferred(points, seen), year
        for name, values in classes.items():
            known = values != NO_DATA
            row = {"map": name, "year": year, "known_km2": km2[known].sum(), "mapped_km2": km2[values == 1].sum()}
            for figure, found in judged.get(name, {}).items():
                row |= {figure: found["value"], f"{figure}_low": found["low"], f"{figure}_high": found["high"]}
            rows.append(row)
    years = sorted(areas)
    if len(years) > 1:
        first, final = years[0], years[-1]
        document["changes"] = {f"{first}-{final}": comparison.change(areas[first], areas[final])}
    document |= {"preferred": winner, "differences": differences}
    document["statement"] = _statement(winner, differences, called, last, reference is not None)
    return pd.DataFrame(rows), document


def _statement(
    winner: str | None,
    differences: Mapping[str, Mapping[str, float]],
    called: Mapping[str, str],
    year: int | None,
    sampled: bool,
) -> str:
    if not sampled:
        return "Without a reference sample nothing says which map is right where they differ."
    if year is None:
        return "No other map speaks of a year that the reference sample does."
    named = {name: called[name] for pair in differences for name in pair.split("/")}
    return f"{year}: {comparison.sentence(winner, differences, named)}"


def _of_year(
    ours: xr.Dataset, theirs: xr.Dataset, titles: Mapping[str, str], inside: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Classes (1, 0, 255) and shares (NaN for no data) of the maps that speak of a year; ours first."""
    probability, built = (np.asarray(ours[name].values, np.float32) for name in (PROBABILITY, BUILT_UP))
    shares = {OURS: np.where(inside, probability, np.nan)}
    classes = {OURS: np.where(np.isfinite(shares[OURS]), built == 1, NO_DATA).astype(np.uint8)}
    for name in titles:
        share, found = (np.asarray(theirs[band].values, np.float32) for band in (share_name(name), class_name(name)))
        if np.isfinite(share[inside]).any():
            shares[name] = np.where(inside, share, np.nan)
            classes[name] = np.where(np.isfinite(shares[name]), found == 1, NO_DATA).astype(np.uint8)
    return classes, shares


def _areas(
    points: pd.DataFrame, shares: Mapping[str, np.ndarray], km2: np.ndarray, inside: np.ndarray
) -> tuple[comparison.Areas, dict[str, Any]]:
    """Areas of the region in a year; where a map is silent about a pixel, its mean stands there."""
    at = points["row"].to_numpy(), points["col"].to_numpy()
    filled = {name: np.where(np.isfinite(share), share, np.nanmean(share)) for name, share in shares.items()}
    totals = {name: float((share * km2)[inside].sum()) for name, share in filled.items()}
    whole = float(km2[inside].sum())
    found = comparison.areas(points, {name: share[at] for name, share in filled.items()}, totals, whole)
    return found, found.document(whole)
