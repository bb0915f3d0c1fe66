"""The Whittaker smoother, for all pixels at once, on dates at any distance.

P. H. C. Eilers, "A perfect smoother", Analytical Chemistry 75 (2003).

The curve z minimises the weighted squares of y - z plus the smoothness (days cubed) times the integral of z'' squared,
and of (z' / 100 days) squared, which levels the curve out where there is nothing for months. The equations have five
bands; they are solved as L D L', a strip of neighbouring pixels at a time, so that each step is vector arithmetic.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fusion_assets.systems.ndvi.gap_filling.kernels import compiled

LEVELLING = 100.0  # days
STRIP = 512  # pixels at most
_WORTH_A_THREAD = 16 * STRIP  # pixels


def penalty(days: np.ndarray, smoothness: float) -> np.ndarray:
    """(3, m): main, first and second diagonal of the penalty matrix for ascending dates, each once."""
    bands = np.zeros((3, len(days)))
    step = np.diff(days).astype(np.float64)
    for k, h in enumerate(step):  # slopes
        w = smoothness / LEVELLING**2 / h
        bands[0, k : k + 2] += w
        bands[1, k] -= w
    for k in range(1, len(days) - 1):  # curvatures
        a, c = 1 / step[k - 1], 1 / step[k]
        row = np.array([a, -(a + c), c])
        w = smoothness / ((step[k - 1] + step[k]) / 2)
        bands[0, k - 1 : k + 2] += w * row**2
        bands[1, k - 1 : k + 1] += w * row[:2] * row[1:]
        bands[2, k - 1] += w * a * c
    return bands


def whittaker(days: np.ndarray, values: np.ndarray, smoothness: float, threads: int = 0) -> np.ndarray:
    """Smooth every pixel's series.

    Args:
        days: (m,) ascending, each once.
        values: (m, n), NaN where there is nothing: such dates get the curve's value.
        smoothness: days cubed; 0 is interpolation between neighbouring dates by the smoothest curve.
        threads: at most; all cores when 0. Small blocks take one.

    Returns:
        (m, n) float32; NaN for pixels without any value.
    """
    strip = max(64, min(STRIP, 40_000 // len(days)))  # its rows stay in cache
    bands, values = penalty(days, max(smoothness, 1e-3)), np.ascontiguousarray(values, np.float32)
    smooth = np.empty(values.shape, np.float32)
    threads = threads or len(os.sched_getaffinity(0))
    step = max(_WORTH_A_THREAD, -(-values.shape[1] // threads))
    blocks = [(first, min(first + step, values.shape[1])) for first in range(0, values.shape[1], step)]
    if len(blocks) == 1:
        _solve(bands, values, smooth, *blocks[0], strip)
    else:
        with ThreadPoolExecutor(len(blocks)) as pool:
            list(pool.map(lambda block: _solve(bands, values, smooth, *block, strip), blocks))
    return smooth


@compiled
def _solve(bands: np.ndarray, values: np.ndarray, smooth: np.ndarray, begin: int, end: int, strip: int) -> None:
    """Solve for the pixels from `begin` to before `end`, into `smooth`."""
    steps = len(values)
    # D and its inverse, the two bands of L, and the curve; two rows of zeros stand before the first date and after the
    # last. Every inner loop writes one row: the compiler turns those into vector instructions, longer ones it does not.
    d, inverse = np.zeros((steps + 4, strip)), np.zeros((steps + 4, strip))
    near, far, curve = np.zeros((steps + 4, strip)), np.zeros((steps + 4, strip)), np.zeros((steps + 4, strip))
    carried = np.empty(strip)
    for start in range(begin, end, strip):
        width = min(strip, end - start)
        for i in range(steps):
            y, main, first, second = values[i, start : start + width], bands[0, i], bands[1, i], bands[2, i]
            d2, d1, d0, r0 = d[i], d[i + 1], d[i + 2], inverse[i + 2]
            c1, c0, e2, e1, e0 = near[i + 1], near[i + 2], far[i], far[i + 1], far[i + 2]
            z2, z1, z0 = curve[i], curve[i + 1], curve[i + 2]
            for p in range(width):
                carried[p] = d1[p] * c1[p]
            for p in range(width):
                d0[p] = main + (1.0 if y[p] == y[p] else 0.0) - carried[p] * c1[p] - d2[p] * e2[p] * e2[p]
            for p in range(width):
                r0[p] = 1.0 / d0[p]
            for p in range(width):
                z0[p] = (y[p] if y[p] == y[p] else 0.0) - c1[p] * z1[p] - e2[p] * z2[p]
            for p in range(width):
                c0[p] = (first - carried[p] * e1[p]) * r0[p]
            for p in range(width):
                e0[p] = second * r0[p]
        curve[steps + 2 :] = 0
        for i in range(steps - 1, -1, -1):
            z0, z1, z2, out = curve[i + 2], curve[i + 3], curve[i + 4], smooth[i, start : start + width]
            r0, c0, e0 = inverse[i + 2], near[i + 2], far[i + 2]
            for p in range(width):
                z0[p] = z0[p] * r0[p] - c0[p] * z1[p] - e0[p] * z2[p]
            for p in range(width):
                out[p] = z0[p]
    for p in range(begin, end):  # without any value the curve is 0 throughout
        if smooth[0, p] == 0 and not np.isfinite(values[:, p]).any():
            smooth[:, p] = np.nan
