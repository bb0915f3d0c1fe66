"""How wrong estimators are, by the length of the gap: whole clear scenes withheld, singly and in runs.

Everything within a gap is withheld from the training and from the features of each estimate in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusion_assets.errors import FusionError
from fusion_assets.systems.ndvi.gap_filling.estimators import ESTIMATORS, SAMPLE, Estimate, Estimator
from fusion_assets.systems.ndvi.gap_filling.series import Series, day_numbers

GAPS = (0, 15, 30, 60, 90)  # days; 0: single scenes
MOST_FITS = 8  # trainings for every length of gap
CLEAR_SHARE = 0.8  # of a scene's pixels, for it to be withheld and judged


@dataclass(frozen=True)
class Gap:
    """One gap.

    Attributes:
        targets: scenes to estimate, indices.
        withheld: (t,) bool, the scenes hidden for it, targets included.
        group: gaps of one group share a training, which sees nothing of any of them.
    """

    targets: np.ndarray
    withheld: np.ndarray
    group: int


def clear_scenes(series: Series, share: float = CLEAR_SHARE) -> np.ndarray:
    """Indices of the scenes clear enough to be judged by.

    Args:
        series: the place, or a sample of its pixels.
        share: of its pixels that must be clear; where fewer than five scenes reach it, the five clearest serve.
    """
    clear = np.isfinite(series.ndvi).mean(axis=1) if series.pixels else np.zeros(len(series.time))
    best = np.sort(np.argsort(-clear, kind="stable")[:5])
    enough = np.flatnonzero(clear >= share)
    return enough if len(enough) >= 5 else best[clear[best] > 0]


def runs(series: Series, scenes: np.ndarray, length: int) -> list[Gap]:
    """The year cut into runs of `length` days, each a gap; length 0: every scene by itself.

    Args:
        series: the place.
        scenes: the scenes to judge; runs without any are left out.
        length: days.
    """
    days = day_numbers(series.time)
    run = np.arange(len(days)) if length == 0 else (days - days[0]) // length
    found = [run == k for k in np.unique(run[scenes])]
    fits = min(MOST_FITS, len(found))
    return [Gap(scenes[mask[scenes]], mask, k % fits) for k, mask in enumerate(found)]


def either_side(series: Series, scenes: np.ndarray, reach: int) -> list[Gap]:
    """Each scene in the middle of a gap that hides everything within `reach` days on either side."""
    days = day_numbers(series.time)
    fits = min(MOST_FITS + 1, len(scenes))
    gaps = [Gap(np.array([s]), np.abs(days - days[s]) <= reach, k * fits // len(scenes)) for k, s in enumerate(scenes)]
    return gaps


def withheld_estimates(
    series: Series, estimator: Estimator, gaps: list[Gap], sample: int = SAMPLE, seed: int = 0
) -> Iterable[tuple[int, Estimate]]:
    """Estimate every target of the gaps without what is withheld for it.

    Yields:
        The scene's index, and its estimate for all pixels (1, n).

    Raises:
        FusionError: there is too little left to fit on.
    """
    for group in sorted({gap.group for gap in gaps}):
        own = [gap for gap in gaps if gap.group == group]
        fitted = estimator.fit(series.without(np.any([gap.withheld for gap in own], axis=0)), sample, seed)
        for gap in own:
            left = series.without(gap.withheld)
            for target in gap.targets:
                yield int(target), fitted.fill(left, series.time[[target]])


def scores(series: Series, estimates: Iterable[tuple[int, Estimate]]) -> dict[str, float]:
    """Errors of estimates of withheld scenes.

    Returns:
        `n` values compared in `scenes` scenes, `rmse`, `bias` (estimate minus truth), `r2`, `coverage` (share of truths
        within the interval), `width` (mean width of the interval), `outside` (share clipped to [-1, 1]).
    """
    compared, outside, scenes = [np.empty((4, 0))], 0, 0
    for scene, estimate in estimates:
        layers = np.stack([series.ndvi[scene], estimate.ndvi[0], estimate.low[0], estimate.high[0]])
        both = np.isfinite(layers[:2]).all(axis=0)
        compared.append(layers[:, both].astype(np.float64))
        outside += estimate.outside
        scenes += bool(both.any())
    true, found, lower, upper = np.concatenate(compared, axis=1)
    if not len(true):
        none = dict.fromkeys(("rmse", "bias", "r2", "coverage", "width", "outside"), np.nan)
        return {"n": 0, "scenes": 0, **none}
    error, spread = found - true, ((true - true.mean()) ** 2).sum()
    return {
        "n": len(true),
        "scenes": scenes,
        "rmse": float(np.sqrt((error**2).mean())),
        "bias": float(error.mean()),
        "r2": float(1 - (error**2).sum() / spread) if spread else np.nan,
        "coverage": float(((true >= lower) & (true <= upper)).mean()),
        "width": float((upper - lower).mean()),
        "outside": outside / len(true),
    }


def evaluate(
    series: Series,
    estimators: Mapping[str, Estimator] = ESTIMATORS,
    lengths: Iterable[int] = GAPS,
    scenes: np.ndarray | None = None,
    sample: int = SAMPLE,
    seed: int = 0,
) -> pd.DataFrame:
    """Error as a function of gap length, estimators side by side.

    Args:
        series: the place, or a sample of its pixels.
        estimators: by name.
        lengths: of the gaps in days; 0 withholds single scenes.
        scenes: to judge by, indices; `clear_scenes` without it.
        sample: gaps simulated for each training.
        seed: of the random numbers.

    Returns:
        A row for every estimator and length: `estimator`, `gap_days`, and those of `scores`; `note` says why a row has
        no figures (no radar, too few clear scenes left outside the gaps).
    """
    chosen = clear_scenes(series) if scenes is None else scenes
    rows = []
    for length in lengths:
        gaps = runs(series, chosen, length) if len(chosen) else []
        for name, estimator in estimators.items():
            note = "" if gaps else "no clear scene"
            try:
                found = scores(series, withheld_estimates(series, estimator, gaps, sample, seed))
            except FusionError as problem:
                found, note = scores(series, []), problem.found
            rows.append({"estimator": name, "gap_days": length, **found, "note": note})
    return pd.DataFrame(rows)
