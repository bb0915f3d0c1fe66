"""Gaps made where the truth is known: what estimators learn when to trust what from, and how wrong they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.ndvi.gap_filling.series import Series, day_numbers

LEAST_SCENES = 3
FOLDS = 10
LONGEST = 150  # days, either side
APART = 30  # days between what is learned from and what is judged: beyond it a scene says little about another
_LEAST_SEEN = 1 / 3  # share of the gaps that is learned from all the same, nearer ones if need be
_USUAL = 25  # days, mean length of a side that is hidden
_EDGE = 0.2  # share of gaps that reach to the series' first or last date: how it goes on beyond the clear ones
_ALONE = 0.05  # share of gaps that swallow the whole year: what radar alone is worth
_ALL = 10_000  # days: to the end of the series
_ENOUGH = 0.3  # share of clear pixels below which a scene is drawn from less: what is clear there is often cloud edge


@dataclass(frozen=True)
class Gaps:
    """q clear values, each with a gap of its own around it.

    Attributes:
        series: a column for every gap: its pixel's series, NDVI NaN within the gap.
        day: (q,) int64, the day asked for, days since 1970.
        truth: (q,) float32, the NDVI that was clear there.
        scene: (q,) int64, the scene it is from.
        hidden: (q, 2) int64, first and last of the hidden scenes, by index, the last exclusive.
        fold: (q,) int64, which run of neighbouring scenes that is; errors are measured on folds not learned from.
    """

    series: Series
    day: np.ndarray
    truth: np.ndarray
    scene: np.ndarray
    hidden: np.ndarray
    fold: np.ndarray

    @property
    def folds(self) -> int:
        """Number of folds."""
        return int(self.fold.max()) + 1

    def seen(self, apart: int = 0) -> np.ndarray:
        """What may be learned from for each fold: nothing of it, and nothing within `apart` days of it.

        Within a gap nothing near its middle is known when it is filled. A learner that knew the scenes next to a fold
        would find its gaps easier than real ones (D. R. Roberts et al., "Cross-validation strategies for data with
        temporal, spatial, hierarchical, or phylogenetic structure", Ecography 40 (2017)).

        Args:
            apart: days; halved until a third of the gaps is left.

        Returns:
            (folds, q) bool.
        """
        return np.array([self._outside(fold, apart) for fold in range(self.folds)])

    def _outside(self, fold: int, apart: int) -> np.ndarray:
        inside = self.fold == fold
        first, last = self.day[inside].min(), self.day[inside].max()
        far = ~inside & ((self.day < first - apart) | (self.day > last + apart))
        return far if apart == 0 or far.mean() >= _LEAST_SEEN else self._outside(fold, apart // 2)


def draw_gaps(series: Series, count: int, seed: int = 0) -> Gaps:
    """Draw clear values, more from clearer scenes, and hide what lies around each of them.

    Either side of a value is hidden for a length drawn at random: a quarter of the time not at all, else
    exponentially distributed with mean 25 days, at most 150; three gaps in ten are symmetric, and two in ten reach
    to the first or the last date of the series.

    Args:
        series: the place, or a sample of its pixels.
        count: values to draw, about; fewer where there are fewer clear values.
        seed: of the random numbers.

    Raises:
        FusionError: fewer than three scenes with clear pixels.
    """
    clear = np.isfinite(series.ndvi)
    share = clear.mean(axis=1) if series.pixels else np.zeros(len(series.time))
    scenes = np.flatnonzero(share > 0)
    if len(scenes) < LEAST_SCENES:
        raise FusionError(
            f"{len(scenes)} of {len(series.time)} Sentinel-2 scenes have clear pixels",
            f"at least {LEAST_SCENES}: what NDVI is between clear scenes is learned from clear scenes",
            "admit cloudier scenes or more SCL classes under `ndvi` in the study, or choose another year or region",
        )
    random = np.random.default_rng(seed)
    weight = share[scenes] * np.minimum(share[scenes], _ENOUGH)
    wanted = np.ceil(count * weight / weight.sum()).astype(int)
    drawn = [random.choice(np.flatnonzero(clear[s]), size=k) for s, k in zip(scenes, wanted, strict=True)]
    pixel, scene = np.concatenate(drawn), np.repeat(scenes, wanted)
    before, after = _lengths(len(pixel), random)
    days = day_numbers(series.time)
    day = days[scene]
    away = days[:, None] - day
    fold = np.empty(len(series.time), np.int64)
    folds = min(FOLDS, len(scenes))
    fold[scenes] = np.arange(len(scenes)) * folds // len(scenes)
    return Gaps(
        series.take(pixel).without((away >= -before) & (away <= after)),
        day,
        series.ndvi[scene, pixel],
        scene,
        np.stack([np.searchsorted(days, day - before), np.searchsorted(days, day + after, side="right")], axis=1),
        fold[scene],
    )


def _lengths(count: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Days hidden before and after."""
    sides = np.minimum(random.exponential(_USUAL, (2, count)), LONGEST) * (random.random((2, count)) > 0.25)
    sides[1] = np.where(random.random(count) < 0.3, sides[0], sides[1])
    sides[:, random.random(count) < _ALONE] = _ALL
    edge = random.random(count)
    sides[0, edge < _EDGE / 2] = _ALL
    sides[1, (edge >= _EDGE / 2) & (edge < _EDGE)] = _ALL
    return sides[0], sides[1]
