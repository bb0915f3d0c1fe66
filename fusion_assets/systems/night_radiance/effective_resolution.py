"""The finest detail that a map still has in common with the truth, in metres: measured, and not the size of its pixels.

It is half the period at which the Fourier ring correlation of map and truth falls to 0.5 (Saxton and Baumeister 1982;
van Heel and Schatz 2005, doi:10.1016/j.jsb.2005.05.009; Banterle et al. 2013, doi:10.1016/j.jsb.2013.05.004). Half a
period, for pixels of so many metres show no less: a perfect map has the size of its pixels. The threshold is the one
against a truth, where 1/7 is that between two halves of noisy data (Rosenthal and Henderson 2003).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from fusion_assets.evaluation.bootstrap import DRAWS, Resamples, interval
from fusion_assets.systems.night_radiance.scores import Predictions

THRESHOLD = 0.5
FAINT = 0.5
"""nW/cm2/sr, added before the logarithm: below it a light is not told from none, and without a logarithm the few
brightest places alone would be compared."""
WINDOW = 6
"""Edge of the windows that are compared, in cells that maps were made from; windows overlap by half."""
FEWEST_PIXELS = 8
"""Along the edge of a window: with fewer, no ring is told from another."""


def effective_resolutions(
    places: Sequence[Predictions],
    methods: Sequence[str],
    pixel: tuple[float, float],
    ratio: float,
    draws: int = DRAWS,
) -> dict[str, dict[str, float]]:
    """Effective resolution of maps of places, by method, with 95 % intervals over windows.

    Args:
        places: truths and answers on pixels of the same size.
        methods: names.
        pixel: height and width, metres.
        ratio: pixels along the edge of the cells that maps were made from.
        draws: resamples.

    Returns:
        `value`, `low` and `high`, metres, and what can be told: `finest`, the pixel's edge, and `coarsest`, half a
        window; figures that are equal to these are beyond them. No method where no window is known all over.
    """
    sides = [side for each in places for side in each.truth.shape]
    edge = min(round(WINDOW * ratio), *sides) // 2 * 2
    if edge < FEWEST_PIXELS:
        return {}
    ring, taper = _rings(edge, pixel), np.outer(np.hanning(edge), np.hanning(edge))
    metres = math.sqrt(math.prod(pixel))
    found = {}
    for method in methods:
        windows = [
            _powers(_spectrum(truth, taper), _spectrum(answer, taper), ring, edge)
            for truth, answer in _windows(places, method, edge)
        ]
        if not windows:
            return {}
        resamples = Resamples.of(np.arange(len(windows)), draws)
        shared, first, second = (resamples.weights @ np.array([each[part] for each in windows]) for part in range(3))
        correlation = shared / np.sqrt(np.maximum(first * second, 1e-300))
        values = np.array([_half_period(row, edge) for row in correlation]) * metres
        found[method] = interval(values, resamples.groups) | {"finest": metres, "coarsest": metres * edge / 2}
    return found


def text_of(entry: Mapping[str, float]) -> str:
    """An effective resolution for people."""
    value, ends = entry["value"], f" ({entry['low']:.0f} to {entry['high']:.0f} m)"
    if value >= entry["coarsest"]:
        return f"{value:.0f} m or more{ends}"
    return f"{value:.0f} m{' or less' if value <= entry['finest'] else ''}{ends}"


def _windows(places: Sequence[Predictions], method: str, edge: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Truth and map in every window that is wholly known."""
    for each in places:
        for row in range(0, each.truth.shape[0] - edge + 1, edge // 2):
            for column in range(0, each.truth.shape[1] - edge + 1, edge // 2):
                cut = slice(row, row + edge), slice(column, column + edge)
                truth, answer = each.truth[cut], each.answers[method][cut]
                if np.isfinite(truth).all() and np.isfinite(answer).all():
                    yield truth, answer


def _spectrum(values: np.ndarray, taper: np.ndarray) -> np.ndarray:
    light = np.log(np.maximum(values, 0.0) + FAINT)
    return np.fft.fft2((light - (light * taper).sum() / taper.sum()) * taper)


def _rings(edge: int, pixel: tuple[float, float]) -> np.ndarray:
    """Number of the ring that each frequency lies in, by periods in a window of square pixels of the same area."""
    frequency, metres = np.fft.fftfreq(edge) * edge, math.sqrt(math.prod(pixel))
    down, right = frequency[:, None] * metres / pixel[0], frequency[None, :] * metres / pixel[1]
    return np.rint(np.hypot(down, right)).astype(int)


def _powers(truth: np.ndarray, answer: np.ndarray, ring: np.ndarray, edge: int) -> np.ndarray:
    """What two spectra share in each ring from the first to the last whole one, and the power of either; (3, rings)."""
    parts = (truth * answer.conj()).real, np.abs(truth) ** 2, np.abs(answer) ** 2
    return np.array([np.bincount(ring.ravel(), part.ravel())[1 : edge // 2 + 1] for part in parts])


def _half_period(correlation: np.ndarray, edge: int) -> float:
    """Half the period, in pixels, at which correlations by ring first fall below the threshold."""
    below = np.flatnonzero(correlation < THRESHOLD)
    if not below.size:
        return 1.0
    first = int(below[0])
    if first == 0:
        return edge / 2
    above = correlation[first - 1]
    ring = first + (above - THRESHOLD) / (above - correlation[first])
    return edge / (2 * ring)
