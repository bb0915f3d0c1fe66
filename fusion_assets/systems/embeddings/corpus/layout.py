"""What a patch holds: arrays on the grids that the sensors measure on, and their sizes.

A patch is a square of whole 60 m pixels, so that no band needs to be resampled: at 10 m it has `size` pixels along an
edge, at 20 m half, at 60 m a sixth.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.systems.embeddings.sensors import FINEST, GRIDS, OPTICS, POLARISATIONS, SNAP, UNITS

NO_ECHO = -32768
"""Stored number of radar that stands for no data."""
DECIBELS = 0.01
"""Of one stored step of radar."""
REFLECTANCE = 1e-4
"""Of one stored step of optics."""
_MOST_SIZE = 2048
_CLASSES = "sentinel2_l2a"


@dataclass(frozen=True)
class Part:
    """One array of a patch.

    Attributes:
        name: of the array.
        bands: in their order; empty for an array of one layer, (y, x).
        metres: edge of a pixel.
        shape: of one patch.
        dtype: of the stored numbers.
        empty: the stored number where there is nothing.
    """

    name: str
    bands: tuple[str, ...]
    metres: int
    shape: tuple[int, ...]
    dtype: np.dtype
    empty: int

    @property
    def bytes(self) -> int:
        """Of one patch."""
        return int(np.prod(self.shape)) * self.dtype.itemsize


@dataclass(frozen=True)
class Layout:
    """What every patch of a corpus holds.

    Attributes:
        size: pixels of 10 m along an edge; a multiple of 6.
        optics: product, `sentinel2_l2a` or `sentinel2_l1c`.
        radar: product, `sentinel1_grd` or `sentinel1_rtc`.
        bands: of optics; empty means all that the product has.

    Raises:
        FusionError: a size that 60 m pixels do not tile, an unknown product, or a band that the product has not.
    """

    size: int
    optics: str = "sentinel2_l2a"
    radar: str = "sentinel1_rtc"
    bands: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be, and put the bands into their order."""
        if not 0 < self.size <= _MOST_SIZE or self.size % (SNAP // FINEST):
            raise FusionError(
                f"patches of {self.size} pixels",
                f"a multiple of 6 up to {_MOST_SIZE}: pixels of 60 m must tile them",
                f"choose {max(self.size // 6, 1) * 6} or {min(self.size // 6 + 1, 341) * 6}",
            )
        for product, known in ((self.optics, OPTICS), (self.radar, UNITS)):
            if product not in known:
                raise FusionError(f"the product {product!r}", " or ".join(known), "choose one of them")
        unknown = sorted(set(self.bands) - set(OPTICS[self.optics]))
        if unknown:
            raise FusionError(
                f"{self.optics} is asked for {', '.join(unknown)}",
                f"bands that it has: {', '.join(OPTICS[self.optics])}",
                "leave them out, or use sentinel2_l1c for B10",
            )
        chosen = tuple(name for name in OPTICS[self.optics] if not self.bands or name in self.bands)
        object.__setattr__(self, "bands", chosen)

    @property
    def metres(self) -> int:
        """Edge of a patch."""
        return self.size * FINEST

    @property
    def unit(self) -> str:
        """What the radar measures: `sigma0` or `gamma0`."""
        return UNITS[self.radar]

    @property
    def parts(self) -> tuple[Part, ...]:
        """The arrays of a patch, in the order in which they are kept."""
        parts = []
        for metres, of_grid in GRIDS.items():
            bands = tuple(band for band in of_grid if band in self.bands)
            edge = self.metres // metres
            if bands:
                parts.append(Part(f"b{metres}", bands, metres, (len(bands), edge, edge), np.dtype(np.uint16), 0))
        if self.optics == _CLASSES:
            parts.append(Part("scl", (), 20, (self.size // 2, self.size // 2), np.dtype(np.uint8), 0))
        radar = Part(
            "radar", POLARISATIONS, FINEST, (len(POLARISATIONS), self.size, self.size), np.dtype(np.int16), NO_ECHO
        )
        return (*parts, radar)

    @property
    def bytes(self) -> int:
        """Of one patch, uncompressed."""
        return sum(part.bytes for part in self.parts)

    def grid(self, patch: Mapping[str, Any], metres: int) -> Grid:
        """The pixels of a patch at one pixel size.

        Args:
            patch: row of the plan: `epsg`, `x`, `y`.
            metres: of a pixel.
        """
        from affine import Affine

        edge = self.metres // metres
        transform = Affine(metres, 0, float(patch["x"]), 0, -metres, float(patch["y"]))
        return Grid(f"EPSG:{int(patch['epsg'])}", transform, edge, edge)

    def to_dict(self) -> dict[str, Any]:
        """What is written beside the arrays; `Layout.of` reads it."""
        return {"size": self.size, "optics": self.optics, "radar": self.radar, "bands": list(self.bands)}

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Layout:
        """The layout that `to_dict` wrote."""
        return cls(int(said["size"]), str(said["optics"]), str(said["radar"]), tuple(said["bands"]))

    @property
    def digest(self) -> str:
        """Twelve hex digits."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:12]
