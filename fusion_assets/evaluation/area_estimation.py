"""Areas from a probability sample, with the map as auxiliary: totals, their variance, and change between years.

Estimator: stratified expansion of the interpreted labels, corrected by the map. The sample says how much of the map's
own total it misses, and the labels go along with the map as far as they did within strata: the optimal regression
(calibration) estimator of model-assisted sampling (Särndal, Swensson and Wretman 1992, section 6.8; Stehman 2009,
doi:10.1080/01431160903131000). It is nearly unbiased whatever the map is worth; a worthless map changes nothing. Strata
may come from any older map (Stehman 2014, doi:10.1080/01431161.2014.930207). Where they are the classes of the map
itself, the map adds nothing within them, and the estimate is the error-adjusted area of Olofsson et al. (2014,
doi:10.1016/j.rse.2014.02.015), to the digit. Where the domain is whole strata, points do not tell its area by
regression; weights are then put right by ratio, so that those in the domain stand for the domain's area.

Variance: of the regression's residuals, stratum by stratum, with finite population correction. A stratum in which the
sample found no error has not been shown to have none, so each counts at least the variance that one point unlike all
others would have given. Intervals use Student's t with Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

_NEGLIGIBLE = 1e-6


@dataclass(frozen=True)
class Estimate:
    """An estimated total with its 95 % interval.

    Attributes:
        value: the total.
        error: its standard error.
        low: end of the interval.
        high: the other end.
    """

    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Total:
    """A total of one year, and what change needs of it.

    Attributes:
        value: the total.
        points: one row a point: `place` (same place, same value), `stratum`, `weight` (what the point stands for),
            `chance` (inclusion probability) and `residual` (weighted, relative to its stratum's mean).
        lost: degrees of freedom that the regression took, over all strata.
    """

    value: float
    points: pd.DataFrame
    lost: int

    @property
    def estimate(self) -> Estimate:
        """The total with its interval."""
        return _interval(self.value, [_variance(part, self._scale) for _, part in self.points.groupby("stratum")])

    @property
    def _scale(self) -> float:
        """Correction of squared residuals for what the regression fitted."""
        free = len(self.points) - self.points["stratum"].nunique()
        return free / max(free - self.lost, 1)


def estimated_total(points: pd.DataFrame, auxiliary: np.ndarray, totals: np.ndarray) -> Total:
    """Total of what points stand for, corrected by auxiliaries whose totals are known.

    Args:
        points: one row a point: `place`, `stratum`, `weight` (area of the sampling unit by its inclusion probability),
            `chance` and `value` (0 or 1; 0 outside the domain).
        auxiliary: (points, k) known for every pixel, 0 outside the domain; the first is 1 within it.
        totals: (k,) over all pixels of the domain, in the unit of `weight`.
    """
    points = points.assign(weight=points["weight"] * domain_ratio(points, auxiliary[:, 0], float(totals[0])))
    weight, chance = points["weight"].to_numpy(), points["chance"].to_numpy()
    target, helper = weight * points["value"].to_numpy(), weight[:, None] * auxiliary
    slope, residual, fitted = least_spread(target, helper, points["stratum"].to_numpy(), chance)
    value = target.sum() + float(slope @ (totals - helper.sum(axis=0)))
    columns = points[["place", "stratum", "weight", "chance"]].assign(residual=residual)
    return Total(float(value), columns, fitted)


def least_spread(
    target: np.ndarray, helper: np.ndarray, stratum: np.ndarray, chance: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Slopes on the auxiliaries that leave a stratified total the least variance.

    Args:
        target: (points,) weighted values.
        helper: (points, k) weighted auxiliaries.
        stratum: (points,) names.
        chance: (points,) inclusion probabilities.

    Returns:
        Slopes (k,), residuals relative to their stratum's mean (points,), and how many slopes were fitted.
    """
    _, stratum = np.unique(stratum.astype(str), return_inverse=True)
    count = np.bincount(stratum)
    centred = [values - _means(values, stratum, count)[stratum] for values in (target, helper)]
    spread = (count / np.maximum(count - 1, 1) * (1 - np.bincount(stratum, chance) / count))[stratum][:, None]
    normal, moment = (spread * centred[1]).T @ centred[1], (spread * centred[1]).T @ centred[0]
    scale = np.sqrt((helper**2).sum(axis=0))
    scale[scale == 0] = 1.0
    # What hardly varies within strata (a map that is the strata; the area of pixels) is left out.
    roots, vectors = np.linalg.eigh(normal / np.outer(scale, scale))
    kept = vectors[:, roots > _NEGLIGIBLE]
    slope = kept / roots[roots > _NEGLIGIBLE] @ kept.T @ (moment / scale) / scale
    return slope, centred[0] - centred[1] @ slope, kept.shape[1]


def estimated_change(before: Total, after: Total) -> Estimate:
    """Change between two years, with what points at the same place tell about both.

    Args:
        before: total of the earlier year.
        after: total of the later year.
    """
    parts = []
    first, second = ({str(name): part for name, part in total.points.groupby("stratum")} for total in (before, after))
    nothing = before.points.iloc[:0]
    for stratum in sorted({*first, *second}):
        one, other = first.get(stratum, nothing), second.get(stratum, nothing)
        floor = max((_floor(part) for part in (one, other) if len(part)), default=0.0)
        alone = [_variance(part, total._scale, 0.0) for part, total in ((one, before), (other, after)) if len(part)]
        both = one.merge(other, on="place", suffixes=("", "_after"))
        shared = 0.0
        if len(both) > 1:
            # n1 n2 / N points would be in common by chance: drawing without replacement makes those no help.
            common = len(both) - len(one) * other["chance"].mean()
            product = float((both["residual"] * both["residual_after"]).sum())
            shared = common * product / (len(both) - 1) * max(before._scale, after._scale)
        variance = max(sum(v for v, _ in alone) - 2 * shared, floor)
        parts.append((variance, min(free for _, free in alone)))
    return _interval(after.value - before.value, parts)


def estimated_ratio(points: pd.DataFrame, part: np.ndarray, whole: np.ndarray) -> Estimate:
    """Ratio of two totals, such as an accuracy, without auxiliaries; the interval is linearised.

    Args:
        points: as for `estimated_total`, without `value`.
        part: (points,) of the total above.
        whole: (points,) of the total below, which is not 0.
    """
    weight = points["weight"].to_numpy()
    below = float(weight @ whole)
    ratio = float(weight @ part) / below
    around = points.assign(value=part - ratio * whole, weight=weight / below)
    error = estimated_total(around, np.zeros((len(points), 1)), np.zeros(1)).estimate
    return Estimate(ratio, error.error, ratio + error.low - error.value, ratio + error.high - error.value)


def domain_ratio(points: pd.DataFrame, domain: np.ndarray, total: float) -> float:
    """What weights are multiplied by: 1 where the domain varies within strata, and regression sees to it.

    Args:
        points: as for `estimated_total`.
        domain: (points,) 1 within the domain.
        total: of the domain, in the unit of `weight`.
    """
    varies = (pd.Series(domain).groupby(points["stratum"].astype(str).to_numpy()).nunique() > 1).any()
    stands_for = float(points["weight"].to_numpy() @ domain)
    return 1.0 if varies or stands_for <= 0 else total / stands_for


def _means(values: np.ndarray, stratum: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Mean of each stratum, (strata, ...)."""
    sums = np.zeros((len(count), *values.shape[1:]))
    np.add.at(sums, stratum, values)
    return sums / count.reshape(-1, *[1] * (values.ndim - 1))


def _variance(part: pd.DataFrame, scale: float, least: float = 1.0) -> tuple[float, int]:
    """Variance that one stratum adds, and its degrees of freedom."""
    count = len(part)
    free = max(count - 1, 1)  # a stratum of one pixel, drawn with certainty, adds nothing
    variance = scale * (1 - part["chance"].mean()) * count / free * float((part["residual"] ** 2).sum())
    return max(variance, least * _floor(part)), free


def _floor(part: pd.DataFrame) -> float:
    """Variance of a stratum's total if one of its points, and no other, were wrong."""
    return float((1 - part["chance"].mean()) * part["weight"].mean() ** 2)


def _interval(value: float, parts: list[tuple[float, int]]) -> Estimate:
    from scipy.stats import t

    variance = sum(v for v, _ in parts)
    free = variance**2 / max(sum(v**2 / f for v, f in parts), 1e-300)
    half = float(t.ppf(0.975, max(free, 1.0))) * variance**0.5
    return Estimate(float(value), float(variance**0.5), float(value - half), float(value + half))
