"""Pairs of patches as arrays: what a sensor saw of a place, with the other sensor's patch of the same ground."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.sensors import POLARISATIONS

SENSORS = ("optics", "radar")
USES: dict[str, tuple[float, float]] = {"radar": (0.0, 1.0), "optics": (1.0, 0.0), "both": (1.0, 1.0)}
"""What is looked at, by name: whether optics and radar are."""


class Source(Protocol):
    """What pairs are read from.

    Attributes:
        place: (n,) number of the place that each pair shows; pairs of one place are never in one batch.
        bands: names of the optical bands, in order.
    """

    @property
    def place(self) -> np.ndarray:
        """See above."""
        ...

    @property
    def bands(self) -> tuple[str, ...]:
        """See above."""
        ...

    def batch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of these rows.

        Returns:
            Optics, float32 (rows, y, x, band), reflectance from 0 to 1, and radar, float32 (rows, y, x, 2), VV and VH
            in decibels; NaN where there is no data.
        """
        ...


@dataclass(frozen=True)
class Pairs:
    """Pairs in memory: a `Source`.

    Attributes:
        optics: (n, y, x, band) float32, reflectance.
        radar: (n, y, x, 2) float32, decibels.
        place: (n,) number of the place.
        bands: names of the optical bands.

    Raises:
        FusionError: the arrays do not belong together.
    """

    optics: np.ndarray
    radar: np.ndarray
    place: np.ndarray
    bands: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse what are no pairs."""
        edge = self.optics.shape[1:3]
        wanted = {
            "optics": ((len(self.place), *edge, len(self.bands)), self.optics.shape),
            "radar": ((len(self.place), *edge, len(POLARISATIONS)), self.radar.shape),
        }
        for sensor, (expected, found) in wanted.items():
            if expected != found:
                raise FusionError(
                    f"{sensor} of shape {found}",
                    f"{expected}: pairs, rows, columns, bands",
                    "give both sensors of the same places on the same pixels",
                )

    def batch(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of these rows; see `Source`."""
        return self.optics[rows], self.radar[rows]


@dataclass(frozen=True)
class Scale:
    """How numbers of a sensor become what a network sees: less the mean, by the deviation, cut off far out.

    Attributes:
        centre: (bands,) float32.
        spread: (bands,) float32, above 0.
    """

    centre: np.ndarray
    spread: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Scale:
        """That of patches (n, y, x, band), by their known pixels."""
        pixels = values.reshape(-1, values.shape[-1]).astype(np.float64)
        return cls(
            np.nanmean(pixels, axis=0).astype(np.float32),
            np.maximum(np.nanstd(pixels, axis=0), _NARROWEST).astype(np.float32),
        )

    def applied(self, values: np.ndarray) -> np.ndarray:
        """Patches as a network sees them; pixels without data are as the rest of their patch is on average.

        Raises:
            FusionError: a patch has a band without any data.
        """
        return np.clip((filled(values) - self.centre) / self.spread, -_STRANGEST, _STRANGEST)


_NARROWEST = 1e-6
_STRANGEST = 6.0
"""Standard deviations after which a pixel is as if it were no stranger: a bright roof must not blind the network."""


def filled(values: np.ndarray) -> np.ndarray:
    """Patches (n, y, x, band) whose unknown pixels hold the mean of what their patch knows of the band.

    Raises:
        FusionError: a patch knows nothing of a band.
    """
    unknown = ~np.isfinite(values)
    if not unknown.any():
        return values
    empty = unknown.all(axis=(1, 2))
    if empty.any():
        patch, band = np.argwhere(empty)[0]
        raise FusionError(
            f"{int(empty.any(axis=1).sum())} of {len(values)} patches have a band without data, "
            f"the first of them number {patch}, band {band}",
            "some known pixels in every band that is looked at",
            "leave such patches out, or look at the other sensor alone",
        )
    known = np.where(unknown, np.nan, values)
    return np.where(unknown, np.nanmean(known, axis=(1, 2), keepdims=True), values).astype(np.float32)
