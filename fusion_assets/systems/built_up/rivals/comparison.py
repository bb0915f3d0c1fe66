"""How maps of built-up land agree with each other, and what a reference sample says of each of them.

Everything that is said of one map is said of all, on the pixels that every one of them knows in a year. A sample
prefers a map where the share of the region that it maps rightly is larger than every other's, in paired differences
whose intervals leave out 0 after Bonferroni's correction for the maps compared; else it cannot tell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from fusion_assets.evaluation.area_estimation import (
    Estimate,
    Total,
    estimated_change,
    estimated_ratio,
    estimated_total,
)
from fusion_assets.evaluation.cross_fitting import Candidates, cross_fitted_total, dealt

OURS = "ours"
ALL = "all maps"
Maps = Mapping[str, np.ndarray]


def agreement(one: np.ndarray, other: np.ndarray, km2: np.ndarray) -> dict[str, float]:
    """How two maps agree where both are known, by area: the same whichever comes first.

    Args:
        one: classes, 1 or 0, 255 for no data.
        other: likewise.
        km2: area of every pixel.

    Returns:
        `compared_km2`; `one_km2` and `other_km2` built-up there; `both_km2`; `differs_km2`; `mcc` and `kappa`, NaN
        where a map has one class only.
    """
    known = (one != 255) & (other != 255)
    area, a, b = km2[known], one[known] == 1, other[known] == 1
    whole = float(area.sum())
    both, first, second = (float(area[chosen].sum()) for chosen in (a & b, a, b))
    pa, pb, pab = (part / max(whole, 1e-300) for part in (first, second, both))
    spread = (pa * (1 - pa) * pb * (1 - pb)) ** 0.5
    chance = pa * pb + (1 - pa) * (1 - pb)
    same = 1 - pa - pb + 2 * pab
    return {
        "compared_km2": whole,
        "one_km2": first,
        "other_km2": second,
        "both_km2": both,
        "differs_km2": first + second - 2 * both,
        "mcc": (pab - pa * pb) / spread if spread > 0 else float("nan"),
        "kappa": (same - chance) / (1 - chance) if chance < 1 else float("nan"),
    }


def agreements(maps: Maps, km2: np.ndarray) -> dict[str, dict[str, float]]:
    """Every pair of maps of one year, by `one/other`.

    Args:
        maps: classes by name.
        km2: area of every pixel.
    """
    return {f"{a}/{b}": agreement(maps[a], maps[b], km2) for a, b in combinations(maps, 2)}


def disagreement(maps: Maps) -> np.ndarray:
    """Share of the maps that are not with the majority, 0 (all agree) to 0.5; NaN where fewer than two are known.

    Args:
        maps: classes by name, (y, x) each.
    """
    stacked = np.stack(list(maps.values()))
    known = (stacked != 255).sum(axis=0)
    built = (stacked == 1).sum(axis=0) / np.maximum(known, 1)
    return np.where(known > 1, np.minimum(built, 1 - built), np.nan).astype(np.float32)


def judged(points: pd.DataFrame, maps: Maps) -> dict[str, dict[str, Any]]:
    """What the sample says of the maps of one year.

    Args:
        points: of the year: `place`, `stratum`, `weight`, `chance`, `label` (1 or 0), `inside`.
        maps: classes at the points by name, 255 for no data; ours under `ours`.

    Returns:
        By map: `users_accuracy`, `producers_accuracy`, `overall_accuracy` with `low` and `high`, and, of rivals,
        `minus_ours`, the paired difference of overall accuracy.
    """
    domain = _common(points, maps)
    truth = (points["label"].to_numpy() == 1) & domain
    right = {name: ((values == 1) == truth) & domain for name, values in maps.items()}
    out: dict[str, dict[str, Any]] = {}
    for name, values in maps.items():
        built = (values == 1) & domain
        parts = {
            "users_accuracy": (built & truth, built),
            "producers_accuracy": (built & truth, truth),
            "overall_accuracy": (right[name], domain),
        }
        out[name] = {key: _bounded(_ratio(points, part, whole)) for key, (part, whole) in parts.items() if whole.any()}
        if name != OURS and OURS in maps and domain.any():
            difference = _ratio(points, right[name].astype(float) - right[OURS], domain)
            out[name]["minus_ours"] = _shown(difference)
    return out


def preferred(points: pd.DataFrame, maps: Maps) -> tuple[str | None, dict[str, dict[str, float]]]:
    """The map that is right in more of the region than every other beyond chance, None where the sample cannot tell.

    Args:
        points: of one or more years, as for `judged`; where several, with `year`, and points at one place count once.
        maps: classes at the points by name.

    Returns:
        Its name, and the paired differences of overall accuracy by `one/other`, with intervals that hold together.
    """
    domain = _common(points, maps)
    truth = points["label"].to_numpy() == 1
    right = {name: (((values == 1) == truth) & domain).astype(float) for name, values in maps.items()}
    pairs = list(combinations(maps, 2))
    found = {
        f"{a}/{b}": _shown(_widened(_ratio(*_once(points, right[a] - right[b], domain)), len(pairs))) for a, b in pairs
    }
    best = [
        name
        for name in maps
        if all(
            found[f"{a}/{b}"]["low"] > 0 if a == name else found[f"{a}/{b}"]["high"] < 0
            for a, b in pairs
            if name in (a, b)
        )
    ]
    return (best[0] if best and len(maps) > 1 else None), found


def areas(points: pd.DataFrame, shares: Mapping[str, np.ndarray], totals: Mapping[str, float], km2: float) -> Areas:
    """Built-up area of one year as the sample gives it, helped by each map, and by whichever helps most.

    Args:
        points: of the year; those outside the domain with `inside` False.
        shares: by map, its share at each point, 0 to 1; where it is not known, the mean of what is.
        totals: by map, sum over the domain of area times share (filled likewise), km2.
        km2: area of the domain.
    """
    domain = points["inside"].to_numpy(float)
    rows = points.assign(value=points["label"].to_numpy() * domain)
    alone = np.column_stack([domain])
    with_maps: Candidates = {
        name: (np.column_stack([domain, share * domain]), np.array([km2, totals[name]]))
        for name, share in shares.items()
    }
    nothing = estimated_total(rows, alone, np.array([km2]))
    each = {name: estimated_total(rows, auxiliary, known) for name, (auxiliary, known) in with_maps.items()}
    tried: Candidates = dict(with_maps)
    if len(shares) > 1:
        every = np.column_stack([domain, *(share * domain for share in shares.values())])
        tried = {**with_maps, ALL: (every, np.array([km2, *(totals[name] for name in shares)]))}
    best, chosen = cross_fitted_total(rows, tried, dealt(rows))
    return Areas(nothing, each, best, chosen)


class Areas:
    """Area of one year by what helped the sample.

    Attributes:
        direct: from the sample alone.
        helped: by map.
        best: by whichever narrows it most, chosen by cross-fitting.
        chosen: what each fold chose.
    """

    def __init__(self, direct: Total, helped: dict[str, Total], best: Total, chosen: tuple[str, ...]) -> None:
        self.direct, self.helped, self.best, self.chosen = direct, helped, best, chosen

    def document(self, most: float) -> dict[str, Any]:
        """JSON-able: estimates in km2, and `design_effect`: variance with help by that without, lower is better.

        Args:
            most: area of the domain; no estimate lies beyond 0 and that.
        """
        plain = self.direct.estimate.error**2
        named = {"direct": self.direct, **self.helped, "cross-fitted": self.best}
        return {
            name: {key: float(np.clip(value, 0, most)) for key, value in _shown(total.estimate).items()}
            | {"design_effect": total.estimate.error**2 / plain if plain > 0 else float("nan")}
            for name, total in named.items()
        } | {"chosen": list(self.chosen)}


def change(before: Areas, after: Areas) -> dict[str, dict[str, float]]:
    """Change of built-up area between two years by what helped, km2, with intervals.

    Args:
        before: of the earlier year.
        after: of the later.
    """
    both = [name for name in before.helped if name in after.helped]
    named = {name: (before.helped[name], after.helped[name]) for name in both}
    named = {"direct": (before.direct, after.direct), **named, "cross-fitted": (before.best, after.best)}
    return {name: _shown(estimated_change(*pair)) for name, pair in named.items()}


def sentence(winner: str | None, differences: Mapping[str, Mapping[str, float]], titles: Mapping[str, str]) -> str:
    """Which map the sample prefers here, or that it cannot tell; it says so when that is not ours.

    Args:
        winner: from `preferred`.
        differences: likewise.
        titles: of the maps, for people.
    """
    if winner is None:
        if not differences:
            return "There is one map only, and nothing to prefer it to."
        return f"The sample cannot tell which of {_listed(list(titles.values()))} is right in most of the region."
    closest = min(abs(figures["value"]) for pair, figures in differences.items() if winner in pair.split("/"))
    of_us = "" if winner == OURS else ", which is not ours"
    return (
        f"The sample prefers {titles[winner]}{of_us}: it is right in {100 * closest:.1f} percent of the region more "
        "than the next best map."
    )


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _common(points: pd.DataFrame, maps: Maps) -> np.ndarray:
    """Points in the region that every map knows."""
    known = np.ones(len(points), bool)
    for values in maps.values():
        known &= values != 255
    return known & points["inside"].to_numpy(bool)


def _once(points: pd.DataFrame, part: np.ndarray, whole: np.ndarray) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Points of several years so that one place is looked at once where years share their places."""
    if "year" not in points or points["year"].nunique() == 1:
        return points, part, whole
    table = points.assign(part=part, whole=whole.astype(float))
    alike = table.groupby("place").agg(years=("year", "nunique"), weights=("weight", "nunique"))
    if (alike["years"] == table["year"].nunique()).all() and (alike["weights"] == 1).all():
        columns = dict.fromkeys(("stratum", "weight", "chance"), "first") | {"part": "mean", "whole": "mean"}
        rows = table.groupby("place", as_index=False).agg(columns)
        return rows, rows["part"].to_numpy(), rows["whole"].to_numpy()
    strata = table["year"].astype(str) + " " + table["stratum"].astype(str)
    return points.assign(stratum=strata), part, whole


def _ratio(points: pd.DataFrame, part: np.ndarray, whole: np.ndarray) -> Estimate:
    return estimated_ratio(points, np.asarray(part, float), np.asarray(whole, float))


def _widened(estimate: Estimate, tests: int) -> Estimate:
    """The interval that holds together with those of so many tests (Bonferroni)."""
    from scipy.stats import norm

    by = float(norm.ppf(1 - 0.025 / tests) / norm.ppf(0.975))
    middle = estimate.value
    return Estimate(
        middle, estimate.error, middle + by * (estimate.low - middle), middle + by * (estimate.high - middle)
    )


def _shown(estimate: Estimate) -> dict[str, float]:
    return {"value": float(estimate.value), "low": float(estimate.low), "high": float(estimate.high)}


def _bounded(estimate: Estimate) -> dict[str, float]:
    return {key: float(np.clip(value, 0, 1)) for key, value in _shown(estimate).items()}
