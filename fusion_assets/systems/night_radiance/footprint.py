"""How wide the sensor sees: its footprint, stated by a study or told from its cells and day imagery.

Where day imagery says which pixels are lit, cells say over how far their light was spread. The light of pixels is told
from imagery over a whole region; how wide the spread is, window by window, for among neighbours lamps are alike. What
imagery does not know of lamps looks like more spread, so that widths come out too large by `_EXCESS`, which was
measured with known widths on real lights.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fusion_assets.evaluation.bootstrap import Resamples, interval
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.mapping import psf_of
from fusion_assets.systems.night_radiance.section import ESTIMATE, FOOTPRINT, NARROWEST, WIDEST
from fusion_assets.systems.night_radiance.sensor import PointSpread, Sensor, pixel_metres
from fusion_assets.systems.night_radiance.task import coarser

_EXCESS = {"low": 1.2, "value": 0.75, "high": 0.0}
"""Width by which a footprint looks wider than it is, in quadrature and in cells, for each end of an interval.

On VIIRS over Belgium, made 4 and 6 times as coarse with footprints of 1 to 2 cells, as a whole and in quarters, it was
0.4 to 1.2; on squares of the demo archive, which it was not taken from, 0.56 to 1.22. It is none where imagery knows
all lamps.
"""
LEAST_TOLD = 0.73
"""Share of the variance in windows that imagery must tell: 0.77 to 0.98 in Belgium, where widths were found again, and
0.47 to 0.77 in Nairobi by NDVI alone, where they came out twice too wide."""
LEAST_SHARE, MOST_SHARE = 0.6, 1.4
"""Ends of an interval by the estimate: further off, it is of less use than the default. Maps bear as much."""
FEWEST_GROUPS = 5
"""Blocks of windows below which an interval says nothing."""
_DRAWS = 500

_TRIED = np.geomspace(0.4, 4.0, 15)
"""Widths that are tried, in cells; those at the ends are no answer."""
_FIRST, _PASSES = 1.6, 2
"""Width, in cells, that light is told with at first, and times that it is told."""
_PARTS = 7
"""Pixels along the edge of a cell, at least; day imagery finer than twice that is averaged first."""
_SPLIT = 2
_LEVELS = 3
"""Of each guide: light is a piecewise linear function of it."""
_AROUND = 3.0
"""Deviation of the Gaussian that surroundings are taken with, in cells."""
_WINDOW, _STEP, _BLOCK = 5, 2, 10
"""Cells along the edge of a window, between windows, and along the edge of the blocks of windows that are resampled."""
_WHOLE = 0.7
"""Pixels in a cell, by those of the median one: cells with fewer lie at the edge."""
_DARKEST, _LIT = 0.3, 3.0
"""nW/cm2/sr: added to what surroundings have, and that the brightest cell of a window has at least."""
_NOISE, _OF_MEAN, _OF_CELL = 0.02, 0.1, 0.05
"""What a cell may be off by: nW/cm2/sr, by its window's mean, and by itself."""
_OUTLIER, _REPEATS, _RIDGE = 1.5, 8, 1e-3


@dataclass(frozen=True)
class Estimate:
    """A width told from cells.

    Attributes:
        value: full width at half maximum, metres.
        low: end of its interval; of 95 % over blocks, and of what excess was seen.
        high: the other end.
        told: share of the variance among neighbouring cells that day imagery tells, the median over windows.
        groups: blocks that were resampled.
        refusal: why it is not to be used; empty where it is.
    """

    value: float
    low: float
    high: float
    told: float
    groups: int
    refusal: str


@dataclass(frozen=True)
class Footprint:
    """The width that maps are made with.

    Attributes:
        metres: full width at half maximum.
        source: `study`, `default` or `estimated`.
        why: in a sentence.
        estimate: what the cells tell, whatever is used; None where there is too little light.
    """

    metres: float
    source: Literal["study", "default", "estimated"]
    why: str
    estimate: Estimate | None

    @property
    def contradicted(self) -> bool:
        """Whether the cells tell, well enough, of another width."""
        told = self.estimate
        return told is not None and not told.refusal and not told.low <= self.metres <= told.high

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"unit": "m", **dataclasses.asdict(self)}


def footprint_of(stated: float | str, estimate: Estimate | None) -> Footprint:
    """The width to use, and why.

    Args:
        stated: by the study, metres, or `estimate`.
        estimate: of `estimated`.
    """
    if stated != ESTIMATE:
        metres = float(stated)
        is_default = metres == FOOTPRINT
        why = "Elvidge et al. 2013" if is_default else "the study says so"
        return Footprint(metres, "default" if is_default else "study", why, estimate)
    if estimate is None:
        return Footprint(FOOTPRINT, "default", "no part of the region has lights enough to tell it from", None)
    if estimate.refusal:
        return Footprint(FOOTPRINT, "default", estimate.refusal, estimate)
    why = f"told from {estimate.groups} blocks of cells, {estimate.told:.0%} of whose variance day imagery tells"
    return Footprint(estimate.value, "estimated", why, estimate)


def estimated(fine: Grid, cells: Grid, radiance: np.ndarray, guides: Mapping[str, np.ndarray]) -> Estimate | None:
    """Width of the footprint, as cells and day imagery tell it; None where no window of cells is lit.

    Args:
        fine: grid of the guides.
        cells: the product's.
        radiance: on the cells, nW/cm2/sr; NaN where unknown.
        guides: day imagery by name, without gaps.
    """
    fine, guides = _averaged(fine, cells, guides)
    view = _View(fine, cells, radiance)
    windows = view.windows()
    levels = [level for guide in guides.values() for level in _levels(np.asarray(guide, np.float64))]
    if not len(windows) or not levels:
        return None
    width = _FIRST
    for _ in range(_PASSES):
        light = view.light(levels, width)
        tried = [view.left(light, each, windows) for each in _TRIED]
        losses = np.stack([np.log(left + 1e-3) for left, _ in tried], axis=1)
        width = _least(losses.sum(axis=0))
    blocks = windows // _BLOCK
    resamples = Resamples.of(blocks[:, 0] * 100_000 + blocks[:, 1], _DRAWS)
    drawn = np.stack([resamples.sums(column)[:, 0] for column in losses.T], axis=1)
    found = interval(np.array([_least(row) for row in drawn]), resamples.groups)
    left, before = view.left(light, width, windows)
    told = float(np.median(1 - left / np.maximum(before, 1e-12)))
    ends = {name: view.edge * math.sqrt(max(0.0, found[name] ** 2 - _EXCESS[name] ** 2)) for name in _EXCESS}
    refusal = _refusal(ends, told, resamples.groups, found)
    return Estimate(**ends, told=told, groups=resamples.groups, refusal=refusal)


def _refusal(ends: Mapping[str, float], told: float, groups: int, found: Mapping[str, float]) -> str:
    value, low, high = ends["value"], ends["low"], ends["high"]
    text = f"the estimate, {value:.0f} m ({low:.0f} to {high:.0f}),"
    if groups < FEWEST_GROUPS:
        return f"{text} rests on {groups} blocks of cells, fewer than {FEWEST_GROUPS}"
    if told < LEAST_TOLD:
        return f"{text} rests on day imagery that tells {told:.0%} of neighbouring cells apart, not {LEAST_TOLD:.0%}"
    if found["low"] <= _TRIED[1] or found["high"] >= _TRIED[-2] or not NARROWEST <= low <= high <= WIDEST:
        return f"{text} is not within {NARROWEST:.0f} to {WIDEST:.0f} m"
    if low < LEAST_SHARE * value or high > MOST_SHARE * value:
        return f"{text} is too rough"
    return ""


class _View:
    """What a product's cells show of lit pixels, by footprints of any width."""

    def __init__(self, fine: Grid, cells: Grid, radiance: np.ndarray) -> None:
        self.edge = math.sqrt(math.prod(pixel_metres(cells)))
        self.still = Sensor(fine, cells, PointSpread((0.0,)), _SPLIT)
        pixels = self.still.pixels
        self.known = np.isfinite(radiance) & (pixels >= _WHOLE * np.median(pixels[pixels > 0]))
        self.radiance = np.maximum(np.where(self.known, radiance, 0.0), 0.0)
        self._near = np.maximum(self._sum_around(np.ones(cells.shape)), 1e-6)
        self._level = self._sum_around(self.radiance) / self._near + _DARKEST

    def windows(self) -> np.ndarray:
        """First row and column of the windows that are known and lit, (n, 2)."""
        corners = [np.arange(0, size - _WINDOW + 1, _STEP) for size in self.known.shape]
        first = np.stack(np.meshgrid(*corners, indexing="ij"), axis=-1).reshape(-1, 2)
        known = self._cut(self.known, first).all(axis=1)
        return first[known & (self._cut(self.radiance, first).max(axis=1, initial=0.0) >= _LIT)]

    def light(self, levels: Sequence[np.ndarray], width: float) -> np.ndarray:
        """Light of the pixels up to a constant, (height, width): what explains where cells exceed their surroundings.

        Args:
            levels: parts of guides that it is a sum of.
            width: of the footprint, in cells.
        """
        features = np.stack([self._excess(self._seen(level, width)) for level in levels], axis=1)
        scale = features.std(axis=0) + 1e-9
        features, wanted = features / scale, self._excess(self.radiance)
        weights, ridge = np.ones(len(wanted)), _RIDGE * len(wanted) * np.eye(len(levels))
        for _ in range(_REPEATS):  # Huber's loss: flares are lit by nothing that imagery shows
            weighted = features * weights[:, None]
            shares = np.linalg.solve(weighted.T @ features + ridge, weighted.T @ wanted)
            error = np.abs(wanted - features @ shares)
            weights = 1 / np.maximum(1.0, error / (_OUTLIER * 1.4826 * np.median(error) + 1e-9))
        light = np.zeros(levels[0].shape)
        for level, share in zip(levels, shares / scale, strict=True):
            light += share * level
        return light

    def left(self, light: np.ndarray, width: float, windows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean square by noise that light does not explain in each window, and that without it; (n,) both.

        Args:
            light: of the pixels; each window has its own level and its own factor, 0 or more.
            width: of the footprint, in cells.
            windows: of `windows`.
        """
        wanted, seen = self._cut(self.radiance, windows), self._cut(self._seen(light, width), windows)
        noise = np.hypot(_NOISE, _OF_MEAN * wanted.mean(axis=1, keepdims=True)) + _OF_CELL * wanted
        weight = noise**-2 / (noise**-2).sum(axis=1, keepdims=True)
        wanted = wanted - (weight * wanted).sum(axis=1, keepdims=True)
        seen = seen - (weight * seen).sum(axis=1, keepdims=True)
        factor = (weight * wanted * seen).sum(axis=1) / np.maximum((weight * seen**2).sum(axis=1), 1e-12)
        error = wanted - np.maximum(factor, 0.0)[:, None] * seen
        return ((error / noise) ** 2).mean(axis=1), ((wanted / noise) ** 2).mean(axis=1)

    def _seen(self, light: np.ndarray, width: float) -> np.ndarray:
        return self.still.block_mean(dataclasses.replace(self.still, psf=psf_of(width * self.edge)).spread(light))

    def _excess(self, values: np.ndarray) -> np.ndarray:
        return ((values - self._sum_around(values) / self._near) / self._level)[self.known]

    def _sum_around(self, values: np.ndarray) -> np.ndarray:
        from scipy.ndimage import gaussian_filter

        return gaussian_filter(np.where(self.known, values, 0.0), _AROUND)

    @staticmethod
    def _cut(values: np.ndarray, first: np.ndarray) -> np.ndarray:
        down, right = np.indices((_WINDOW, _WINDOW)).reshape(2, -1)
        return values[first[:, :1] + down, first[:, 1:] + right]


def _averaged(fine: Grid, cells: Grid, guides: Mapping[str, np.ndarray]) -> tuple[Grid, Mapping[str, np.ndarray]]:
    """Guides on pixels no finer than is needed."""
    factor = int(math.sqrt(math.prod(pixel_metres(cells)) / math.prod(pixel_metres(fine))) / _PARTS)
    if factor < 2:
        return fine, guides
    grid = coarser(fine, factor)
    rows, columns = grid.height * factor, grid.width * factor
    shape = grid.height, factor, grid.width, factor
    return grid, {
        name: np.asarray(guide)[:rows, :columns].reshape(shape).mean(axis=(1, 3)) for name, guide in guides.items()
    }


def _levels(guide: np.ndarray) -> list[np.ndarray]:
    """Parts of a guide whose sums are its piecewise linear functions, up to a constant; none of an even one."""
    low, high = np.quantile(guide, [0.02, 0.995])
    if high <= low:
        return []
    place = (np.clip(guide, low, high) - low) / (high - low) * _LEVELS
    return [np.maximum(0.0, 1.0 - np.abs(place - knot)).astype(np.float32) for knot in range(1, _LEVELS + 1)]


def _least(losses: np.ndarray) -> float:
    """The width tried with the least loss, by a parabola through its neighbours."""
    index = int(losses.argmin())
    if index in (0, len(_TRIED) - 1):
        return float(_TRIED[index])
    before, here, after = losses[index - 1 : index + 2]
    offset = 0.5 * (before - after) / max(before - 2 * here + after, 1e-12)
    return float(_TRIED[index] * (_TRIED[1] / _TRIED[0]) ** offset)
