"""The named estimators behind one interface: fit on a place's clear pixels, then fill its blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.ndvi.gap_filling.fused import Fused
from fusion_assets.systems.ndvi.gap_filling.intervals import Intervals, calibrate
from fusion_assets.systems.ndvi.gap_filling.methods import (
    FixedFormula,
    Interpolation,
    LinearFit,
    Method,
    RadarForest,
    State,
    Whittaker,
    published_formula,
    seed_as_printed,
)
from fusion_assets.systems.ndvi.gap_filling.series import Series, day_numbers
from fusion_assets.systems.ndvi.gap_filling.simulated_gaps import draw_gaps

NO_DATA, OBSERVED, RADAR, INTERPOLATED = range(4)
SAMPLE = 20_000
_QUERIES = 200_000  # answered at once; bounds memory to some 100 MB

METHODS: dict[str, Method] = {
    "seed_as_printed": FixedFormula(lambda vv, vh, sign: seed_as_printed(vv, vh)),
    "published_formula": FixedFormula(published_formula, signs=(1.0, -1.0)),
    "linear": LinearFit(),
    "random_forest": RadarForest(),
    "interpolation": Interpolation(),
    "whittaker": Whittaker(),
    "fused": Fused(),
}


@dataclass(frozen=True)
class Estimate:
    """Filled NDVI of n pixels on t dates.

    Attributes:
        ndvi: (t, n) float32 in [-1, 1]; NaN where there is nothing to go by.
        low: (t, n) float32, lower end of the 90 % interval for what a clear scene would have shown; `ndvi` itself
            where that was observed.
        high: (t, n) float32, upper end.
        source: (t, n) uint8: 0 no data, 1 observed, 2 radar (alone or with clear neighbours), 3 interpolated.
        outside: estimates that left [-1, 1] and were clipped.
    """

    ndvi: np.ndarray
    low: np.ndarray
    high: np.ndarray
    source: np.ndarray
    outside: int = 0


class FittedEstimator(Protocol):
    """An estimator that knows a place."""

    @property
    def name(self) -> str:
        """Its key in `ESTIMATORS`."""

    def fill(self, series: Series, times: np.ndarray) -> Estimate:
        """Estimate any dates of any block of the place; observed values are kept at their dates."""

    def to_dict(self) -> dict[str, np.ndarray]:
        """Everything it knows, as arrays that `numpy.savez` stores without pickle."""


class Estimator(Protocol):
    """A way to fill gaps."""

    @property
    def name(self) -> str:
        """Its key in `ESTIMATORS`."""

    def fit(self, series: Series, sample: int = SAMPLE, seed: int = 0) -> FittedEstimator:
        """Learn a place from its clear pixels."""


@dataclass(frozen=True)
class Fitted:
    """A method, what it learned, and how wrong it was on dates it had not learned from."""

    name: str
    state: State
    intervals: Intervals

    def fill(self, series: Series, times: np.ndarray) -> Estimate:
        """Estimate `times` for every pixel.

        Args:
            series: a block of the place; all its dates are looked at.
            times: (m,) datetime64, any dates, in any order.

        Returns:
            The estimate, dates in the order given.
        """
        days, shape = day_numbers(times), (len(times), series.pixels)
        ndvi, source = _observed(series, days)
        low, high, outside = ndvi.copy(), ndvi.copy(), 0
        if not shape[0]:
            return Estimate(ndvi, low, high, source)
        width = max(1, _QUERIES // shape[0])
        for start in range(0, series.pixels, width):
            block = slice(start, start + width)
            pixel, at = np.nonzero(source[:, block].T == NO_DATA)
            if not len(pixel):
                continue
            answer = METHODS[self.name].ready(self.state, series.take(block))(pixel, days[at])
            finite = np.isfinite(answer.value)
            outside += int((np.abs(answer.value[finite]) > 1).sum())
            value = np.clip(answer.value, -1, 1)
            ends = self.intervals.around(value, answer.spread, answer.situation)
            for layer, end in zip((ndvi, low, high), (value, *ends), strict=True):
                layer[at, start + pixel] = end
            source[at, start + pixel] = np.where(finite, np.where(answer.radar, RADAR, INTERPOLATED), NO_DATA)
        return Estimate(ndvi, low, high, source, outside)

    def to_dict(self) -> dict[str, np.ndarray]:
        """Everything as arrays: `numpy.savez` stores them, `fitted_from_dict` reads them back."""
        arrays = {"name": np.array(self.name), "interval_low": self.intervals.low, "interval_high": self.intervals.high}
        return arrays | {f"state_{name}": np.asarray(value) for name, value in self.state.items()}


def fitted_from_dict(arrays: dict[str, np.ndarray]) -> Fitted:
    """A fitted estimator from what its `to_dict` gave.

    Raises:
        FusionError: the arrays are not of a fitted estimator, or of one that this version does not know.
    """
    name = str(arrays["name"]) if "name" in arrays else "none"
    if name not in METHODS or "interval_low" not in arrays:
        raise FusionError(f"a stored estimator named {name}", f"one of {', '.join(METHODS)}", "fit the model again")
    state = {key.removeprefix("state_"): np.asarray(arrays[key]) for key in arrays if key.startswith("state_")}
    return Fitted(name, state, Intervals(np.asarray(arrays["interval_low"]), np.asarray(arrays["interval_high"])))


@dataclass(frozen=True)
class NamedEstimator:
    """One of `METHODS`, by name."""

    name: str

    def fit(self, series: Series, sample: int = SAMPLE, seed: int = 0) -> Fitted:
        """Learn a place.

        Args:
            series: the place, or better a sample of its pixels over the whole area, all dates.
            sample: gaps to simulate.
            seed: of the random numbers; the same seed gives the same estimator.

        Raises:
            FusionError: fewer than three clear scenes, or no radar where the estimator rests on it alone.
        """
        gaps = draw_gaps(series, sample, seed)
        state, answer = METHODS[self.name].train(gaps, seed)
        error = gaps.truth - np.clip(answer.value, -1, 1)
        return Fitted(self.name, state, calibrate(error, answer.spread, answer.situation, gaps.fold))


ESTIMATORS: dict[str, Estimator] = {name: NamedEstimator(name) for name in METHODS}


def _observed(series: Series, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clear values at the dates asked for, and their source."""
    dates = day_numbers(series.time)
    ndvi = np.full((len(days), series.pixels), np.nan, np.float32)
    if len(dates):
        at = np.minimum(np.searchsorted(dates, days), len(dates) - 1)
        same = dates[at] == days
        ndvi[same] = series.ndvi[at[same]]
    return ndvi, np.where(np.isfinite(ndvi), OBSERVED, NO_DATA).astype(np.uint8)
