"""The files that a raster is made of: one of quantities, and one for each band of named classes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.shutil
import xarray as xr
from rasterio.enums import Resampling

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_classes import NO_CLASS, Class, Palettes, beside, is_class, named_classes
from fusion_assets.storage.raster_contents import TILE


@dataclass(frozen=True)
class Part:
    """One file of a raster.

    Attributes:
        cog: the file, when it is finished.
        bands: of it.
        dtype: of its numbers.
        nodata: its no-data number.
        resampling: that makes its overviews.
        classes: names and colours by code; empty where its bands have none.
    """

    cog: Path
    bands: tuple[str, ...]
    dtype: np.dtype
    nodata: float
    resampling: Resampling
    classes: Mapping[int, Class]

    @property
    def pixel_bytes(self) -> int:
        """Of one pixel of all bands."""
        return len(self.bands) * self.dtype.itemsize

    @property
    def plain(self) -> Path:
        """What the file is made of: the same pixels, uncompressed."""
        return self.cog.with_name(f"plain-{self.cog.name}")

    def created(self, grid: Grid) -> rasterio.io.DatasetWriter:
        """The plain file, open and empty."""
        target = rasterio.open(
            self.plain, "w", driver="GTiff", dtype=self.dtype, nodata=self.nodata, count=len(self.bands), crs=grid.crs,
            transform=grid.transform, height=grid.height, width=grid.width,
            tiled=True, blockxsize=TILE, blockysize=TILE, interleave="band", bigtiff="IF_SAFER",
        )  # fmt: skip
        if self.classes:
            target.write_colormap(1, {code: (*each.colour, 255) for code, each in self.classes.items()})
        return target

    def stored(self, block: Mapping[str, Any]) -> np.ndarray:
        """A block of pixels by band, as the file holds them: (band, y, x)."""
        return np.stack([_stored(block[name], name, self.dtype, self.nodata) for name in self.bands])

    def finish(self) -> None:
        """Make the COG, overviews first: built by the COG driver they take memory in proportion to the width."""
        with rasterio.open(self.plain, "r+") as target:
            levels = max(0, math.ceil(math.log2(max(target.shape) / TILE)))
            if levels:
                target.build_overviews([2**level for level in range(1, levels + 1)], self.resampling)
        options = {
            "COMPRESS": "DEFLATE", "LEVEL": 3, "PREDICTOR": "YES", "BLOCKSIZE": TILE, "BIGTIFF": "IF_SAFER",
            "OVERVIEWS": "FORCE_USE_EXISTING", "NUM_THREADS": threads(),
        }  # fmt: skip
        rasterio.shutil.copy(self.plain, self.cog, driver="COG", **options)
        self.plain.unlink()


def parts_of(
    work: Path, dataset: xr.Dataset, palettes: Palettes, nodata: float, dtype: str | np.dtype | None
) -> list[Part]:
    """The files of a raster, the one that it is known by first.

    Args:
        work: folder that they are made in.
        dataset: bands.
        palettes: colours of bands.
        nodata: of the bands without named classes.
        dtype: of these; by default the smallest that holds all of them.

    Raises:
        FusionError: the no-data number does not fit the type.
    """
    names, main = [str(name) for name in dataset.data_vars], work / "raster.tif"
    classes = [name for name in names if named_classes(name, palettes)]
    others = tuple(name for name in names if name not in classes)
    parts = []
    if others:
        kind = np.dtype(dtype or np.result_type(*(dataset[name].dtype for name in others)))
        _check_nodata(nodata, kind)
        parts.append(Part(main, others, kind, nodata, _resampling(others, palettes), {}))
    for name in classes:
        cog = Path(beside(str(main), name)) if parts else main
        parts.append(Part(cog, (name,), np.dtype("uint8"), NO_CLASS, Resampling.mode, named_classes(name, palettes)))
    return parts


def threads() -> int:
    """Processors of this process."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _check_nodata(nodata: float, dtype: np.dtype) -> None:
    fits = np.issubdtype(dtype, np.floating) or (
        not math.isnan(nodata) and np.iinfo(dtype).min <= nodata <= np.iinfo(dtype).max
    )
    if not fits:
        raise FusionError(f"no-data {nodata} does not fit a {dtype} file", "a number of that type", "choose another")


def _stored(values: np.ndarray, name: str, dtype: np.dtype, nodata: float) -> np.ndarray:
    """One band's pixels as the file holds them."""
    values = np.asarray(values)
    if np.issubdtype(values.dtype, np.floating) and not math.isnan(nodata):
        values = np.where(np.isnan(values), values.dtype.type(nodata), values)
    if np.issubdtype(dtype, np.integer) and values.dtype != dtype:
        limits = np.iinfo(dtype)
        values = np.rint(values) if np.issubdtype(values.dtype, np.floating) else values
        if values.size and not (values.min() >= limits.min and values.max() <= limits.max):
            raise FusionError(
                f"band {name} reaches from {values.min()} to {values.max()}",
                f"{limits.min} to {limits.max}, the range of a {dtype} file",
                "write it with a wider dtype",
            )
    return values.astype(dtype, copy=False)


def _resampling(names: tuple[str, ...], palettes: Palettes) -> Resampling:
    """Overviews have one rule per file: average, the most frequent class, or the nearest pixel when both kinds meet."""
    kinds = {is_class(name, palettes) for name in names}
    return Resampling.nearest if len(kinds) == 2 else Resampling.mode if kinds == {True} else Resampling.average
