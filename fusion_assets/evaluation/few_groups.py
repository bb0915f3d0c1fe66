"""Intervals and comparisons where groups (cities) are few and models were trained several times (seeds).

Groups and seeds are crossed: every model meets every city. What would differ with other cities and other trainings is
the sum of both variances; what both share is counted twice, which errs on the wide side (as the pigeonhole bootstrap
of Owen 2007, doi:10.1214/07-AOAS122, does).

Figures of all cities together are no means of cities: average accuracy and F1 lean to one side when cities are few.
Their intervals come from the jackknife over whole cities: Student's t about the figure, and about the figure less its
estimated bias; the interval spans both. On 700 simulated studies of ten cities and three to five seeds, 95 % intervals
hold the true value in 91 to 97 of 100 studies, whatever the figure. On 300 of these, percentile intervals widened for
ten groups hold it in 75 (F1) to 97, plain ones in 64 to 92.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.errors import FusionError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MARGIN = 0.02
"""Difference of two shares that is taken for none."""


def interval(figures: np.ndarray) -> dict[str, float | None]:
    """A figure and the ends of its 95 % interval, for other groups and other trainings.

    Args:
        figures: (seeds, groups + 1) of one figure, on `Resamples.without_each`: column 0 on all groups.

    Returns:
        `value`, the mean over seeds, `low` and `high`; None where there is none (NaN), the ends also where there is
        one group, or where without one group there is no such figure: a class of one city alone.
    """
    from scipy.stats import t

    figures = np.atleast_2d(figures)
    value, without = float(figures[:, 0].mean()), figures[:, 1:].mean(axis=0)
    count = len(without)
    if count < 2 or not np.isfinite(figures).all():
        return {"value": value if np.isfinite(value) else None, "low": None, "high": None}
    of_groups = (count - 1) / count * float(((without - without.mean()) ** 2).sum())
    variance, freedom = _together(of_groups, count, *_of_seeds(figures[:, 0]))
    half = float(t.ppf(0.975, freedom) * np.sqrt(variance))
    unbiased = count * value - (count - 1) * float(without.mean())
    return {"value": value, "low": min(value, unbiased) - half, "high": max(value, unbiased) + half}


def intervals(
    seeds: Sequence[Mapping[str, np.ndarray]], limits: Mapping[str, tuple[float, float]] | None = None
) -> dict[str, dict[str, float | None]]:
    """`interval` of every figure.

    Args:
        seeds: figures by name of each training, (groups + 1,) on `Resamples.without_each`; or differences of two.
        limits: of figures that cannot lie outside, by name; their ends are cut there.
    """
    out = {name: interval(np.stack([each[name] for each in seeds])) for name in seeds[0]}
    for name, (least, most) in (limits or {}).items():
        if name in out:
            for end in ("low", "high"):
                value = out[name][end]
                out[name][end] = None if value is None else min(max(value, least), most)
    return out


def difference(first: np.ndarray, second: np.ndarray, margin: float = MARGIN) -> dict[str, Any]:
    """How much one method differs from another, paired by group, and whether that is less than matters.

    Every group counts the same. Two one-sided t-tests at 5 % (Schuirmann 1987, doi:10.1007/BF01068419) say whether the
    mean difference over groups lies within the margin: equivalence is claimed where it is shown, not where a
    difference was not found.

    Args:
        first: (seeds, groups) a figure of each group alone, NaN where a group has none.
        second: likewise of the other method, with the same groups; seeds may be fewer or more.
        margin: in the unit of the figure.

    Returns:
        `value` (mean of first minus second), `low`, `high` (95 %), `groups`, `margin`, `p` (of the tests that the
        difference is not within the margin), `p_none` (of a t-test that there is none), and `verdict`: `equivalent`,
        else `better` or `worse` (where a larger figure is better), else `cannot tell`.

    Raises:
        FusionError: fewer than two groups have both figures.
    """
    from scipy.stats import t

    first, second = np.atleast_2d(first), np.atleast_2d(second)
    both = np.isfinite(first).all(axis=0) & np.isfinite(second).all(axis=0)
    if both.sum() < 2:
        raise FusionError(
            f"two methods can be compared on {both.sum()} group(s)",
            "at least 2 cities with figures of both",
            "predict more cities with both methods",
        )
    first, second = first[:, both], second[:, both]
    by_group = first.mean(axis=0) - second.mean(axis=0)
    count, value = len(by_group), float(by_group.mean())
    parts = _of_seeds(first.mean(axis=1)), _of_seeds(second.mean(axis=1))
    seeds = [number for part in parts for number in part]
    variance, freedom = _together(float(by_group.var(ddof=1)) / count, count, *seeds)
    error = max(float(np.sqrt(variance)), 1e-12)
    half = float(t.ppf(0.975, freedom) * error)
    chance = float(t.sf((margin - abs(value)) / error, freedom))
    found = "better" if value > half else "worse" if value < -half else "cannot tell"
    return {
        "value": value,
        "low": value - half,
        "high": value + half,
        "groups": count,
        "margin": margin,
        "p": chance,
        "p_none": float(2 * t.sf(abs(value) / error, freedom)),
        "verdict": "equivalent" if chance <= 0.05 else found,
    }


def _of_seeds(values: np.ndarray) -> tuple[float, int]:
    """Variance of a mean over trainings, and their number; 0 where there is one, which says nothing of others."""
    return (float(values.var(ddof=1)) / len(values), len(values)) if len(values) > 1 else (0.0, 2)


def _together(of_groups: float, count: int, *seeds: float) -> tuple[float, float]:
    """Sum of variances of means, and its degrees of freedom (Welch and Satterthwaite), at most those of the groups.

    Args:
        of_groups: variance of the mean over groups.
        count: groups.
        seeds: variance of a mean over trainings and their number, in turn.
    """
    variances, counts = np.array([of_groups, *seeds[::2]]), np.array([count, *seeds[1::2]])
    total = float(variances.sum())
    if total == 0:
        return 0.0, count - 1.0
    return total, min(count - 1.0, total**2 / float((variances**2 / (counts - 1)).sum()))
