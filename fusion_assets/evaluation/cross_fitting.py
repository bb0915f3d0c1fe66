"""Totals helped by whichever of several auxiliaries narrows them most, chosen and fitted on points not judged by it.

Cross-fitted model-assisted estimation: the points of every stratum are dealt into folds; for each fold the set of
auxiliaries and its slopes come from the other folds, and the fold's own points correct what they predict. Errors are
therefore those of points that had no say in the choice, and intervals stay honest however many sets are tried.

Sources: Särndal, Swensson and Wretman 1992, Model Assisted Survey Sampling, chapter 6; Chernozhukov et al. 2018,
doi:10.1111/ectj.12097, for cross-fitting.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.area_estimation import Total, domain_ratio, least_spread

FOLDS = 5
_SEED = 20
Candidates = Mapping[str, tuple[np.ndarray, np.ndarray]]
"""By name: auxiliaries, (points, k), and their totals over all pixels of the domain, (k,)."""


def dealt(points: pd.DataFrame, folds: int = FOLDS) -> np.ndarray:
    """Fold of every point, 0 to `folds` - 1: strata are dealt evenly, and a place falls into one fold in every year.

    Args:
        points: `place` and `stratum`.
        folds: how many.
    """
    place = points["place"].astype(str)
    stratum = points["stratum"].astype(str)
    once = pd.DataFrame({"place": place, "stratum": stratum}).drop_duplicates("place").sort_values(["stratum", "place"])
    mixed = once.sample(frac=1.0, random_state=_SEED).sort_values("stratum", kind="stable")
    fold = pd.Series(np.arange(len(mixed)) % folds, index=mixed["place"].to_numpy())
    return place.map(fold).to_numpy()


def cross_fitted_total(
    points: pd.DataFrame, candidates: Candidates, fold: np.ndarray | None = None
) -> tuple[Total, tuple[str, ...]]:
    """Total of what points stand for, and which candidate each fold was helped by.

    Args:
        points: as for `area_estimation.estimated_total`.
        candidates: sets of auxiliaries to choose from, as for that function: the first of each is 1 in the domain.
        fold: from `dealt`, by default that of these points.

    Raises:
        FusionError: no candidates.
    """
    if not candidates:
        raise FusionError("no auxiliaries to choose from", "at least one set", "name a map")
    fold = dealt(points) if fold is None else fold
    auxiliary, known_totals = next(iter(candidates.values()))
    points = points.assign(weight=points["weight"] * domain_ratio(points, auxiliary[:, 0], float(known_totals[0])))
    weight, chance = points["weight"].to_numpy(), points["chance"].to_numpy()
    stratum = points["stratum"].astype(str).to_numpy()
    target = weight * points["value"].to_numpy()
    helpers = {name: weight[:, None] * auxiliary for name, (auxiliary, _) in candidates.items()}
    chosen, left, known = [], np.zeros(len(points)), 0.0
    for each in np.unique(fold):
        train, test = fold != each, fold == each
        fits = {
            name: least_spread(target[train], helper[train], stratum[train], chance[train])
            for name, helper in helpers.items()
        }
        name = min(fits, key=lambda one: _loss(*fits[one][1:], stratum[train], chance[train]))
        chosen.append(name)
        slope = fits[name][0]
        # Folds hold equal shares of every stratum, up to one point.
        known += float(slope @ candidates[name][1]) * test.sum() / len(points)
        left[test] = target[test] - helpers[name][test] @ slope
    mean = pd.Series(left).groupby(stratum).transform("mean").to_numpy()
    columns = points[["place", "stratum", "weight", "chance"]].assign(residual=left - mean)
    return Total(float(known + left.sum()), columns, 0), tuple(chosen)


def _loss(residual: np.ndarray, fitted: int, stratum: np.ndarray, chance: np.ndarray) -> float:
    """Variance of the total that the residuals leave, with what the fit took from them."""
    table = pd.DataFrame({"stratum": stratum, "square": residual**2, "chance": chance}).groupby("stratum")
    count = table.size().to_numpy()
    variance = (1 - table["chance"].mean().to_numpy()) * count / np.maximum(count - 1, 1)
    free = len(residual) - len(count)
    return float((variance * table["square"].sum().to_numpy()).sum()) * free / max(free - fitted, 1)
