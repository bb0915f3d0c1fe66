"""How wrong estimators are, by the length of the gap: whole clear scenes withheld, singly and in runs.

Everything within a gap is withheld from the training and from the features of each estimate in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.bootstrap import Resamples, intervals
from fusion_assets.evaluation.scores import regression
from fusion_assets.systems.ndvi.gap_filling.estimators import ESTIMATORS, SAMPLE, Estimate, Estimator
from fusion_assets.systems.ndvi.gap_filling.series import Series, day_numbers

GAPS = (0, 15, 30, 60, 90, 150)  # days; 0: single scenes
EDGES = (30, 90)  # days, at either end of the series
POSITIONS = ("within", "first", "last")
MOST_FITS = 8  # trainings for every length of gap
CLEAR_SHARE = 0.8  # of a scene's pixels, for it to be withheld and judged
FIGURES = ("rmse", "bias", "r2", "coverage", "width")  # with an interval each


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
    masks = [run == k for k in np.unique(run[scenes])]
    fits = min(MOST_FITS, len(masks))
    return [Gap(scenes[mask[scenes]], mask, k % fits) for k, mask in enumerate(masks)]


def edge(series: Series, scenes: np.ndarray, length: int, first: bool) -> list[Gap]:
    """One gap at an end of the series: everything up to `length` days after the first scene to judge is hidden.

    Args:
        series: the place.
        scenes: the scenes to judge.
        length: days.
        first: at the start; at the end, everything from `length` days before the last scene on, without it.
    """
    days = day_numbers(series.time)
    mask = days <= days[scenes[0]] + length if first else days >= days[scenes[-1]] - length
    targets = scenes[mask[scenes]]
    return [Gap(targets, mask, 0)] if len(targets) < len(scenes) else []


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
        together = [gap for gap in gaps if gap.group == group]
        fitted = estimator.fit(series.without(np.any([gap.withheld for gap in together], axis=0)), sample, seed)
        for gap in together:
            left = series.without(gap.withheld)
            for target in gap.targets:
                yield int(target), fitted.fill(left, series.time[[target]])


def scores(series: Series, estimates: Iterable[tuple[int, Estimate]], gaps: Sequence[Gap] = ()) -> dict[str, float]:
    """Errors of estimates of withheld scenes.

    Args:
        series: the place.
        estimates: of scenes, by their index.
        gaps: that they were withheld in. What is estimated in one gap is wrong together, so intervals come from
            resampling whole gaps; a scene of none is a gap by itself.

    Returns:
        `n` values compared in `scenes` scenes, `rmse`, `bias` (estimate minus truth), `r2`, `coverage` (share of truths
        within the interval), `width` (mean width of the interval), `outside` (share clipped to [-1, 1]); and
        `<figure>_low`, `<figure>_high`, the ends of 95 % intervals of all but the last, NaN where there is one gap.
    """
    gap_of = {int(scene): -1 - number for number, gap in enumerate(gaps) for scene in gap.targets}
    compared, outside, scenes = [np.empty((5, 0))], 0, 0
    for scene, estimate in estimates:
        group = np.full(series.pixels, gap_of.get(scene, scene))
        layers = np.stack([group, series.ndvi[scene], estimate.ndvi[0], estimate.low[0], estimate.high[0]])
        both = np.isfinite(layers[1:3]).all(axis=0)
        compared.append(layers[:, both].astype(np.float64))
        outside += estimate.outside
        scenes += bool(both.any())
    group, true, value, lower, upper = np.concatenate(compared, axis=1)
    if not len(true):
        ends = {name: dict.fromkeys(("value", "low", "high"), np.nan) for name in FIGURES}
    else:
        resamples = Resamples.of(group)
        inside = ((true >= lower) & (true <= upper)).astype(np.float64)
        figures = regression(true, value, resamples)
        figures |= {"coverage": resamples.mean(inside), "width": resamples.mean(upper - lower)}
        ends = intervals({name: figures[name] for name in FIGURES}, resamples.groups)
        if resamples.groups == 1:
            ends = {name: {**end, "low": np.nan, "high": np.nan} for name, end in ends.items()}
    return {
        "n": len(true),
        "scenes": scenes,
        **{name: end["value"] for name, end in ends.items()},
        "outside": outside / len(true) if len(true) else np.nan,
        **{f"{name}_{side}": end[side] for name, end in ends.items() for side in ("low", "high")},
    }


def evaluate(
    series: Series,
    estimators: Mapping[str, Estimator] = ESTIMATORS,
    lengths: Iterable[int] = GAPS,
    edges: Iterable[int] = EDGES,
    scenes: np.ndarray | None = None,
    sample: int = SAMPLE,
    seed: int = 0,
) -> pd.DataFrame:
    """Error as a function of gap length, estimators side by side.

    Args:
        series: the place, or a sample of its pixels.
        estimators: by name.
        lengths: of the gaps in days that the series is cut into; 0 withholds single scenes.
        edges: of the gaps in days at either end.
        scenes: to judge by, indices; `clear_scenes` without it.
        sample: gaps simulated for each training.
        seed: of the random numbers.

    Returns:
        A row for every estimator, position and length: `estimator`, `position` (of `POSITIONS`: within the series, at
        its start, at its end), `gap_days`, and those of `scores`; `note` says why a row has no figures (no radar, too
        few clear scenes left outside the gaps).
    """
    chosen = clear_scenes(series) if scenes is None else scenes
    rows = []
    cases = [("within", length) for length in lengths]
    cases += [(position, length) for position in POSITIONS[1:] for length in edges]
    for position, length in cases:
        if position == "within":
            gaps = runs(series, chosen, length) if len(chosen) else []
        else:
            gaps = edge(series, chosen, length, position == "first") if len(chosen) else []
        for name, estimator in estimators.items():
            note = "" if gaps else "no clear scene" + (" is left outside the gap" if len(chosen) else "")
            try:
                figures = scores(series, withheld_estimates(series, estimator, gaps, sample, seed), gaps)
            except FusionError as problem:
                figures, note = scores(series, []), problem.found
            rows.append({"estimator": name, "position": position, "gap_days": length, **figures, "note": note})
    return pd.DataFrame(rows)
