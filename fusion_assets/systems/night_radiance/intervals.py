"""How far the truth lies from maps: intervals by level of radiance, wider the finer the pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from fusion_assets.systems.night_radiance.examples import FACTOR, Place, examples_of
from fusion_assets.systems.night_radiance.methods.table import fitted
from fusion_assets.systems.night_radiance.scores import Predictions
from fusion_assets.systems.night_radiance.task import FAINTEST

_QUANTILES = (0.05, 0.95)

_GAUSSIAN = 1.645
"""Standard deviations between the middle of a Gaussian and the ends of what holds 90 % of it."""

_LEVELS = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0)

_LEAST_IN_LEVEL = 60

_FEWEST_COARSE = 4

USUAL_GROWTH = 1.0
"""Exponent where places are too small to measure it."""


def spread_of(places: Sequence[Predictions], method: str) -> dict[str, list[float]]:
    """How far the truth lies from a method's answers: 5 % and 95 % quantiles of the log ratio, by level of the answer.

    Args:
        places: predictions out of fold.
        method: name.

    Returns:
        `level` (nW/cm2/sr, ascending), `low` and `high` (logarithms).
    """
    answer = np.concatenate([each.answers[method][np.isfinite(each.truth)] for each in places])
    truth = np.concatenate([each.truth[np.isfinite(each.truth)] for each in places])
    ratio = np.log((truth + 2 * FAINTEST) / (np.maximum(answer, 0) + 2 * FAINTEST))
    edges = [level for level in _LEVELS if (answer >= level).sum() >= _LEAST_IN_LEVEL] or [0.0]
    found: dict[str, list[float]] = {"level": [], "low": [], "high": []}
    for index, level in enumerate(edges):
        above = edges[index + 1] if index + 1 < len(edges) else np.inf
        here = ratio[(answer >= level) & (answer < above)]
        if len(here) < _LEAST_IN_LEVEL and found["level"]:
            continue
        low, high = np.quantile(here, _QUANTILES) if len(here) else (0.0, 0.0)
        for name, value in zip(found, (level, low, high), strict=True):
            found[name].append(float(value))
    return found


def bounds(
    radiance: np.ndarray, spread: Mapping[str, Sequence[float]], scale: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 90 % interval of every pixel.

    Args:
        radiance: of the map.
        spread: of `spread_of`.
        scale: how much wider than there.
    """
    ends = []
    # Levels are joined by lines, so that the interval has no steps.
    level = np.log(np.asarray(spread["level"], float) + 2 * FAINTEST)
    at = np.log(np.maximum(radiance, 0) + 2 * FAINTEST)
    for side in ("low", "high"):
        factor = np.exp(scale * np.interp(at, level, np.asarray(spread[side], float)))
        ends.append(np.maximum((np.maximum(radiance, 0) + 2 * FAINTEST) * factor - 2 * FAINTEST, 0.0))
    return np.minimum(ends[0], radiance), np.maximum(ends[1], radiance)


def widened(
    radiance: np.ndarray, low: np.ndarray, high: np.ndarray, disagreement: np.ndarray | float
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the interval where networks that disagree make it wider: the farther ends of the two count.

    Args:
        radiance: of the map.
        low: of `bounds`.
        high: likewise.
        disagreement: standard deviation of the logarithms that the networks say; 90 % of a Gaussian is taken.
    """
    factor = np.exp(_GAUSSIAN * disagreement)
    bright = np.maximum(radiance, 0) + 2 * FAINTEST
    least = np.maximum(bright / factor - 2 * FAINTEST, 0.0)
    return np.minimum(low, least), np.maximum(high, bright * factor - 2 * FAINTEST)


def growth_of(
    places: Sequence[Place],
    fold_of: Mapping[str, np.ndarray],
    method: str,
    rounds: int,
    spread: Mapping[str, Sequence[float]],
    seed: int = 0,
) -> float:
    """Exponent by which intervals widen with the step from cell to pixel, measured from 4 to 8 cells.

    The same method, fitted for steps of 4 on the other places, answers for steps of 8; the exponent is the one with
    which its intervals hold there as often as they should. Steps that are larger still follow it: an extrapolation.

    Args:
        places: as for `out_of_fold`.
        fold_of: likewise; a place lies in one fold.
        method: chosen.
        rounds: of conservation.
        spread: of `spread_of` for steps of 4.
        seed: of what is drawn.
    """
    truths, answers = [], []
    for place in places:
        if min(place.radiance.shape) < _FEWEST_COARSE * 2 * FACTOR:
            continue
        others = [each for each in places if fold_of[each.name].flat[0] != fold_of[place.name].flat[0]]
        example = examples_of(place, factor=2 * FACTOR, rounds=rounds, copies=0)[0]
        answer = fitted(others, method, rounds, seed)(example.task)
        truths.append(example.truth[example.known])
        answers.append(answer[example.known])
    if not truths:
        return USUAL_GROWTH
    truth, answer = np.concatenate(truths), np.concatenate(answers)

    def holds(scale: float) -> float:
        low, high = bounds(answer, spread, scale)
        return float(((low <= truth) & (truth <= high)).mean())

    scales = np.geomspace(1.0, 8.0, 61)
    enough = [scale for scale in scales if holds(scale) >= _QUANTILES[1] - _QUANTILES[0]]
    return float(np.log2(enough[0] if enough else scales[-1]))
