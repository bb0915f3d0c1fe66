"""How well the two sensors of a patch lie on each other: found and told, never corrected.

Edges of fields, roads and shores are seen by both sensors, whatever their brightness. So the magnitudes of gradients
are compared, by normalised correlation over shifts of up to 8 pixels, and the peak is refined below a pixel. One patch
scatters, by land that has few edges and by layover, and a small one tells nothing: some shift of 24 pixels always fits.
So the correlations of all patches of a shard are averaged too, and the peak of the mean tells of the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fusion_assets.grids.crs import to_lonlat
from fusion_assets.grids.placement import Lattice

REACH = 8
"""Pixels of 10 m in each direction."""
RELATED = 0.15
"""Correlation below which nothing is said of a shift, however much land is compared."""
MOST_SHIFT = 1.5
"""Pixels; a pair that correlates and lies farther apart is flagged."""
_SMOOTHING = 1.5, 2.0
"""Standard deviations, pixels, of the Gaussians under the gradients of optics and radar, which has speckle."""
_PATCH_OF_NOISE = 4 * math.pi * (_SMOOTHING[0] ** 2 + _SMOOTHING[1] ** 2) / 2
"""Pixels over which smoothed noise is alike: so many tell as much as one would by itself."""
_DEVIATIONS = 3.5
"""Of chance, by which a correlation must stand out: the highest of some hundred shifts is looked at."""
_MOST_BY_CHANCE = 0.6
_LEAST_SEEN = 0.5
_STRONGEST = 98
SHIFTED, UNRELATED, UNSEEN, AT_EDGE, SMALL = (
    "shifted",
    "no common edges",
    "too little seen",
    "shift beyond reach",
    "too small to tell",
)


@dataclass(frozen=True)
class Alignment:
    """How the radar of a patch lies on its optics.

    Attributes:
        shift_x: pixels of 10 m by which what radar sees lies to the right of (east of) what optics sees; NaN unknown.
        shift_y: the same downwards (southwards).
        correlation: at the peak, -1 to 1; NaN unknown.
        flag: empty where the sensors agree, else what is doubtful.
    """

    shift_x: float
    shift_y: float
    correlation: float
    flag: str


def alignment(optics: np.ndarray, radar: np.ndarray, reach: int = REACH) -> Alignment:
    """Compare the two sensors of one patch.

    Args:
        optics: (band, y, x) of one pixel size; NaN where nothing was observed.
        radar: (polarisation, y, x) dB on the same pixels, NaN where there is none.
        reach: largest shift that is looked for, pixels; smaller for small patches.
    """
    height, width = optics.shape[1:]
    surface = patch_correlations(optics, radar, reach)
    if surface is None:
        return Alignment(math.nan, math.nan, math.nan, UNSEEN)
    return told_by(surface, height * width)


def patch_correlations(optics: np.ndarray, radar: np.ndarray, reach: int = REACH) -> np.ndarray | None:
    """Correlations of the edges of one patch by shift, see `correlations`; None where too little was seen.

    Arguments as of `alignment`.
    """
    # Of a small patch, enough must remain that lies in both at every shift.
    reach = min(reach, min(optics.shape[1:]) // 4)
    if reach < 1 or min(_seen(optics), _seen(radar)) < _LEAST_SEEN:
        return None
    surface = correlations(_edges(optics, _SMOOTHING[0]), _edges(radar, _SMOOTHING[1]), reach)
    return surface if np.isfinite(surface).all() else None


def told_by(surface: np.ndarray, pixels: int) -> Alignment:
    """What correlations by shift tell: their peak, and whether it is one.

    Args:
        surface: of one patch, or the mean of those of many.
        pixels: of 10 m that were compared, of all patches together.
    """
    reach = surface.shape[0] // 2
    least = _DEVIATIONS * math.sqrt(_PATCH_OF_NOISE / max(pixels, 1))
    if least > _MOST_BY_CHANCE:
        return Alignment(math.nan, math.nan, math.nan, SMALL)
    row, column = np.unravel_index(int(np.argmax(surface)), surface.shape)
    peak = float(surface[row, column])
    down, right = _refined(surface, int(row), int(column))
    shift_x, shift_y = right - reach, down - reach
    return Alignment(shift_x, shift_y, peak, _flag(shift_x, shift_y, peak, reach, max(least, RELATED)))


def footprint_distance(one: Lattice, other: Lattice) -> float:
    """Metres between the corners of two rasters, at that of the four where it is largest.

    Patches that are read here lie on one grid, and are refused where they do not. Collections of others are not always
    so: of a pair whose rasters have as many pixels and other footprints, pixels do not lie on each other either.

    Raises:
        pyproj.exceptions.ProjError: a CRS that cannot be read.
    """
    import pyproj

    (west, south), (other_west, other_south) = _corners(one), _corners(other)
    return float(max(pyproj.Geod(ellps="WGS84").inv(west, south, other_west, other_south)[2]))


def _corners(raster: Lattice) -> tuple[list[float], list[float]]:
    """Longitudes and latitudes."""
    ends = [(0, 0), (raster.width, 0), (0, raster.height), (raster.width, raster.height)]
    x, y = zip(*(raster.transform @ end for end in ends), strict=True)
    lon, lat = to_lonlat(raster.crs).transform(x, y)
    return list(lon), list(lat)


def correlations(fixed: np.ndarray, moving: np.ndarray, reach: int) -> np.ndarray:
    """Normalised correlation for every whole shift of `moving` against `fixed`, each on the pixels of one inner part.

    Args:
        fixed: (y, x), its inner part is compared.
        moving: (y, x) of the same shape.
        reach: largest shift, pixels.

    Returns:
        (2 reach + 1, 2 reach + 1) by shift downwards and to the right, -reach first; NaN where an image is flat.
    """
    from scipy.fft import irfft2, next_fast_len, rfft2

    inner = fixed[reach:-reach, reach:-reach].astype(np.float64)
    inner = inner - inner.mean()
    moving = moving.astype(np.float64) - moving.mean()
    shape = [next_fast_len(length, real=True) for length in moving.shape]
    product = irfft2(rfft2(moving, shape) * np.conj(rfft2(inner, shape)), shape)
    # Shifts do not wrap around: the inner part, moved by up to twice the reach, stays within the image.
    shifts = 2 * reach + 1
    numerator = product[:shifts, :shifts]
    count = inner.size
    total = _window_sums(moving, inner.shape)
    spread = _window_sums(moving**2, inner.shape) - total**2 / count
    scale = np.sqrt(np.maximum(spread, 0) * (inner**2).sum())
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(scale > 1e-12, numerator / scale, np.nan)


def _window_sums(image: np.ndarray, window: tuple[int, ...]) -> np.ndarray:
    """Sum in every window of a size, by its upper left corner."""
    total = np.pad(image, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    height, width = window
    return total[height:, width:] - total[:-height, width:] - total[height:, :-width] + total[:-height, :-width]


def _seen(bands: np.ndarray) -> float:
    return float(np.isfinite(bands).all(axis=0).mean())


def _edges(bands: np.ndarray, smoothing: float) -> np.ndarray:
    """Magnitude of the gradient, (y, x): that of each band in units of its own spread, all together."""
    from scipy.ndimage import gaussian_gradient_magnitude

    total = np.zeros(bands.shape[1:], np.float64)
    for band in bands.astype(np.float64):
        seen = np.isfinite(band)
        low, middle, high = np.percentile(band[seen], (2, 50, 98))
        # A few roofs, cars and corners would outshine all other edges.
        filled = np.clip(np.where(seen, band, middle), low, high)
        steep = gaussian_gradient_magnitude(filled, smoothing, mode="nearest") / max(high - low, 1e-9)
        steep[~seen] = 0.0
        total += np.minimum(steep, np.percentile(steep, _STRONGEST))
    return np.sqrt(total)


def _refined(surface: np.ndarray, row: int, column: int) -> tuple[float, float]:
    """The peak below a pixel: parabolas through it and its neighbours."""
    return row + _vertex(surface[:, column], row), column + _vertex(surface[row], column)


def _vertex(line: np.ndarray, at: int) -> float:
    if not 0 < at < len(line) - 1:
        return 0.0
    before, here, after = (float(each) for each in line[at - 1 : at + 2])
    bend = before - 2 * here + after
    return 0.5 * (before - after) / bend if bend < 0 else 0.0


def _flag(shift_x: float, shift_y: float, correlation: float, reach: int, least: float) -> str:
    if correlation < least:
        return UNRELATED
    if max(abs(shift_x), abs(shift_y)) > reach - 0.5:
        return AT_EDGE
    return SHIFTED if math.hypot(shift_x, shift_y) > MOST_SHIFT else ""
