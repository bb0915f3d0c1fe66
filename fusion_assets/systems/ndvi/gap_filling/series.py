"""Time series of a block of pixels: what estimators learn from and fill."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fusion_assets.errors import FusionError


@dataclass(frozen=True)
class Series:
    """NDVI and backscatter of n pixels of a block, flattened.

    Attributes:
        time: (t,) datetime64[D], the dates of Sentinel-2, ascending, each once.
        ndvi: (t, n) float32 in [-1, 1], NaN where not clear.
        radar_time: (s,) datetime64[D], the dates of Sentinel-1, ascending; passes of several orbits may share a date.
        vv: (s, n) float32, backscatter in dB, NaN where missing.
        vh: (s, n) float32, likewise.
        orbit: (s,) int, the relative orbit of each pass; only equality counts.

    Raises:
        FusionError: shapes that do not belong together, or dates out of order or twice.
    """

    time: np.ndarray
    ndvi: np.ndarray
    radar_time: np.ndarray
    vv: np.ndarray
    vh: np.ndarray
    orbit: np.ndarray

    def __post_init__(self) -> None:
        scenes, passes, pixels = len(self.time), len(self.radar_time), self.ndvi.shape[-1]
        expected = {
            "ndvi": (scenes, pixels),
            "vv": (passes, pixels),
            "vh": (passes, pixels),
            "orbit": (passes,),
        }
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise FusionError(
                    f"{name} of the series has shape {getattr(self, name).shape}",
                    f"{shape}: {scenes} dates of Sentinel-2, {passes} passes of Sentinel-1, {pixels} pixels",
                    "give all arrays of one block, dates first",
                )
        for name, strict in (("time", True), ("radar_time", False)):
            steps = np.diff(day_numbers(getattr(self, name)))
            if (steps < strict).any():
                at = int(np.flatnonzero(steps < strict)[0])
                raise FusionError(
                    f"{name} of the series has {getattr(self, name)[at + 1]} after {getattr(self, name)[at]}",
                    "ascending dates" + (", each once" if strict else ""),
                    "sort by date" + (", and merge scenes of one date with `merge_dates`" if strict else ""),
                )

    @property
    def pixels(self) -> int:
        """Number of pixels, n."""
        return self.ndvi.shape[1]

    def take(self, pixels: np.ndarray | slice) -> Series:
        """The series of some pixels, by index or mask; the same pixel may be taken many times."""
        return replace(self, ndvi=self.ndvi[:, pixels], vv=self.vv[:, pixels], vh=self.vh[:, pixels])

    def without(self, withheld: np.ndarray) -> Series:
        """The series as if the withheld NDVI had been cloudy: mask of dates (t,), or of single values (t, n)."""
        mask = withheld if withheld.ndim == 2 else withheld[:, None]
        return replace(self, ndvi=np.where(mask, np.float32("nan"), self.ndvi))

    def without_radar(self) -> Series:
        """The series without Sentinel-1."""
        none = np.empty((0, self.pixels), np.float32)
        return replace(self, radar_time=self.radar_time[:0], vv=none, vh=none, orbit=self.orbit[:0])


def day_numbers(time: np.ndarray) -> np.ndarray:
    """Dates as int64 days since 1970-01-01."""
    return np.asarray(time).astype("datetime64[D]").astype(np.int64)


def merge_dates(time: np.ndarray, ndvi: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One scene a date: sorted, values of the same date averaged where clear (neighbouring tiles, reprocessed scenes).

    Args:
        time: (t,) datetime64, in any order, dates more than once.
        ndvi: (t, n) float32, NaN where not clear.

    Returns:
        Dates as datetime64[D], ascending, each once; NDVI (dates, n) float32, NaN where clear in no scene.
    """
    dates, group = np.unique(np.asarray(time).astype("datetime64[D]"), return_inverse=True)
    total = np.zeros((len(dates), ndvi.shape[1]), np.float32)
    count = np.zeros(total.shape, np.uint8)
    for scene, values in zip(group, ndvi, strict=True):
        clear = np.isfinite(values)
        total[scene, clear] += values[clear]
        count[scene] += clear
    return dates, np.where(count > 0, total / np.maximum(count, 1), np.float32("nan")).astype(np.float32)
