"""One patch of an archive's scenes, bit for bit as the source holds it: windows of files, nothing resampled.

The numbers of Sentinel-2 stay those of the source, also where it has shifted them (processing baseline 04.00 and
later): what is to be added to reflectance travels with the patch as `offset`. Radar becomes decibels in steps of 0.01,
which is finer than its speckle by two orders of magnitude.
"""

from __future__ import annotations

import dataclasses
import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyproj
import pystac

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid, rows_and_columns
from fusion_assets.grids.placement import Lattice
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.headers import Header, read_header, settled
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Band, Mask, Product
from fusion_assets.imagery.scenes import Scene, SceneFile, scene_from_item
from fusion_assets.systems.embeddings.corpus.layout import DECIBELS, NO_ECHO, REFLECTANCE, Layout, Part
from fusion_assets.systems.embeddings.sensors import POLARISATIONS, SNAP

_ALIGNED = 1e-6  # of a pixel
_SAME = 1e-9
_NO_MASK = Mask("none")
_CIRRUS = Band("B10", ("cirrus", "B10", "B10_60m", "cirrus-jp2"), "B10", (-0.05, 1.5))
_KEPT_SCENES = 64
_FARTHEST_DB = -NO_ECHO * DECIBELS - 1
# Of gamma nought in linear power: no surface sends back more, and numbers below zero are decibels.
_LINEAR = (0.0, 100.0)
_DECIBELS = (-60.0, 30.0)


class UnfitPatch(FusionError):
    """A scene that cannot be cut into this patch without resampling, or that does not reach it."""


@dataclass(frozen=True)
class Pixels:
    """A patch as it was read.

    Attributes:
        arrays: by name of the layout's part, each of the part's shape and type.
        offset: to be added to stored optics x 1e-4, so that it becomes reflectance.
    """

    arrays: Mapping[str, np.ndarray]
    offset: float


Read = Callable[[Mapping[str, Any]], Pixels]
"""Reads the patch of one row of the plan; every engine has one. Its errors are UnreadableFile and FusionError."""


@dataclass(frozen=True)
class ArchiveReader:
    """Reads patches of scenes in an archive. It is asked from several threads at once.

    Attributes:
        item: STAC item by id, as the plan names it; KeyError where there is none.
        layout: of the patches.
        requester_pays: whether the bucket has readers pay.
        assets: keys of assets by band, by product, where the study gives them.
    """

    item: Callable[[str], pystac.Item]
    layout: Layout
    requester_pays: bool = False
    assets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    _scenes: dict[str, Scene] = field(default_factory=dict, repr=False, compare=False)
    _headers: dict[tuple[str, str], tuple[Header, SceneFile]] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __call__(self, patch: Mapping[str, Any]) -> Pixels:
        """The pixels of one patch.

        Args:
            patch: row of the plan.

        Raises:
            UnfitPatch: the scene lies on another grid, or does not hold the whole patch.
            UnreadableFile: a file that cannot be read, after retries; or whose numbers mean nothing known.
        """
        check_corner(patch)
        optics = self._scene(str(patch["optics"]), self.layout.optics)
        radar = self._scene(str(patch["radar"]), self.layout.radar)
        with gdal_environment(self.requester_pays):
            arrays, offsets = {}, set[float]()
            for part in self.layout.parts:
                grid = self.layout.grid(patch, part.metres)
                if part.name == "radar":
                    layers = [self._echo(radar.bands[name], grid, f"{radar.id} ({name})") for name in part.bands]
                elif part.name == "scl":
                    layers = [self._classes(optics, grid, part)]
                else:
                    found = [
                        self._reflectance(optics.bands[name], grid, f"{optics.id} ({name})", part)
                        for name in part.bands
                    ]
                    layers = [values for values, _ in found]
                    offsets |= {round(offset, 9) for _, offset in found}
                arrays[part.name] = np.stack(layers) if part.bands else layers[0]
        if len(offsets) > 1:
            raise UnfitPatch(
                f"bands of {optics.id} have the offsets {', '.join(f'{each:g}' for each in sorted(offsets))}",
                "one offset for the bands of a scene",
                "correct the item",
            )
        return Pixels(arrays, offsets.pop() if offsets else 0.0)

    def _scene(self, name: str, product: str) -> Scene:
        with self._lock:
            known = self._scenes.get(name)
        if known is None:
            try:
                item = self.item(name)
            except KeyError:
                raise UnfitPatch(f"the archive has no item {name}", "the scene of the plan", "plan anew") from None
            known = _scene(item, product, self.layout, self.assets.get(product, {}))
            with self._lock:
                while len(self._scenes) >= _KEPT_SCENES:
                    self._scenes.pop(next(iter(self._scenes)))
                self._scenes[name] = known
        return known

    def _header(self, file: SceneFile, grid: Grid, place: str, mask: bool = False) -> tuple[Header, SceneFile]:
        """A file's header and what its numbers mean, asked once a file; the patch must lie on its pixels."""
        key = file.href, "/".join(file.names)
        with self._lock:
            known = self._headers.get(key)
        if known is None:
            header = read_header(file, grid, overviews=False)
            known = header, file if mask else settled(file, header)
            with self._lock:
                while len(self._headers) >= _KEPT_SCENES * 16:
                    self._headers.pop(next(iter(self._headers)))
                self._headers[key] = known
        _check_inside(known[0].lattice, grid, *check_lattice(known[0].lattice, grid, place), place)
        return known

    def _reflectance(self, file: SceneFile, grid: Grid, place: str, part: Part) -> tuple[np.ndarray, float]:
        """Stored numbers of a band, and the offset of their reflectance."""
        header, meant = self._header(file, grid, place)
        if header.dtype != part.dtype:
            raise _unfit_numbers(place, f"numbers of the type {header.dtype}", f"{part.dtype}, as ESA has them")
        if abs(meant.scale - REFLECTANCE) > _SAME:
            raise _unfit_numbers(place, f"a scale of {meant.scale:g}", f"{REFLECTANCE:g}, as ESA has it")
        values, valid = _whole(read_nearest(meant, grid, header=header))
        if not valid.all() and values[~valid].any():
            # Another number than 0 says no data: it would be taken for a measurement.
            raise _unfit_numbers(place, f"no data stored as {values[~valid].max()}", "0, as ESA has it")
        return values, meant.offset

    def _classes(self, scene: Scene, grid: Grid, part: Part) -> np.ndarray:
        """The scene classification."""
        assert scene.mask is not None
        place = f"{scene.id} (scene classification)"
        header, file = self._header(scene.mask, grid, place, mask=True)
        if header.dtype != part.dtype:
            raise _unfit_numbers(place, f"classes of the type {header.dtype}", f"{part.dtype}")
        return _whole(read_nearest(file, grid, header=header, any_number=True))[0]

    def _echo(self, file: SceneFile, grid: Grid, place: str) -> np.ndarray:
        """Radar in steps of 0.01 dB, from decibels or linear power as the product has them."""
        header, meant = self._header(file, grid, place)
        values, valid = _whole(read_nearest(meant, grid, header=header))
        physical = values.astype(np.float64) * meant.scale + meant.offset
        unit = PRODUCTS[self.layout.radar].unit
        return decibel_steps(physical, valid, unit, place)


def check_corner(patch: Mapping[str, Any]) -> None:
    """Refuse a corner that is no corner of a 60 m pixel.

    Raises:
        UnfitPatch: which patch, and where it lies.
    """
    off = [name for name in ("x", "y") if float(patch[name]) % SNAP]
    if off:
        raise UnfitPatch(
            f"patch {patch['patch']} begins at {' and '.join(f'{name} = {float(patch[name]):g} m' for name in off)}",
            f"multiples of {SNAP} m",
            "plan anew: bands of 60 m would have to be resampled",
        )


def decibel_steps(values: np.ndarray, valid: np.ndarray, unit: str, place: str) -> np.ndarray:
    """Backscatter as it is kept: int16 in steps of 0.01 dB, -32768 where there is none.

    Args:
        values: (y, x), in `unit`.
        valid: (y, x) bool.
        unit: `dB`, or `1` for linear power, of which 0 and less is no data.
        place: which scene and band, for messages.

    Raises:
        UnfitPatch: numbers that cannot be of the unit.
    """
    lowest, highest = _DECIBELS if unit == "dB" else _LINEAR
    if valid.any():
        middle = float(np.median(values[valid]))
        if not lowest <= middle <= highest:
            raise UnfitPatch(
                f"{place}: half of the backscatter is beyond {middle:g}",
                f"{'decibels' if unit == 'dB' else 'linear power'}, {lowest:g} to {highest:g}",
                "choose the product that the archive really holds: `sentinel1_grd` is in dB, `sentinel1_rtc` linear",
            )
    if unit != "dB":
        valid = valid & (values > 0)
        values = 10 * np.log10(np.where(valid, values, 1.0))
    # What is stronger or weaker than int16 holds is no measurement of any ground.
    valid = valid & (np.abs(values) < _FARTHEST_DB)
    steps = np.rint(np.where(valid, values, 0.0) / DECIBELS).astype(np.int16)
    return np.where(valid, steps, np.int16(NO_ECHO))


def decibels(steps: np.ndarray) -> np.ndarray:
    """Backscatter in dB, float32, NaN where there is none."""
    return np.where(steps == NO_ECHO, np.float32(np.nan), steps.astype(np.float32) * np.float32(DECIBELS))


def reflectance(stored: np.ndarray, offset: float | np.ndarray) -> np.ndarray:
    """Reflectance, float32, 0 to 1 and more over bright ground; NaN where nothing was observed (stored 0).

    Args:
        stored: numbers of the source.
        offset: of the scene; broadcast against `stored`.
    """
    values = stored.astype(np.float32) * np.float32(REFLECTANCE) + np.asarray(offset, np.float32)
    return np.where(stored == 0, np.float32(np.nan), values)


def _scene(item: pystac.Item, product: str, layout: Layout, assets: Mapping[str, str]) -> Scene:
    if product == layout.radar:
        return scene_from_item(item, PRODUCTS[product], POLARISATIONS, _NO_MASK, assets)
    known = PRODUCTS[product]
    mask = known.mask if any(part.name == "scl" for part in layout.parts) else _NO_MASK
    return scene_from_item(item, with_cirrus(known), layout.bands, mask, assets)


def with_cirrus(product: Product) -> Product:
    """Level 1C with its band of cirrus, which no composite needs."""
    return dataclasses.replace(product, bands=(*product.bands, _CIRRUS))


def _whole(found: tuple[np.ndarray, np.ndarray] | None) -> tuple[np.ndarray, np.ndarray]:
    assert found is not None  # the patch lies inside, see _check_inside
    return found


def check_lattice(lattice: Lattice, grid: Grid, place: str) -> tuple[int, int]:
    """Refuse a raster whose pixels are not the patch's, wherever it ends.

    Args:
        lattice: of the raster.
        grid: of the patch at the raster's pixel size.
        place: which scene and band, for messages.

    Returns:
        Row and column of the raster at which the patch begins.

    Raises:
        UnfitPatch: another CRS, pixel size or snap.
    """
    a, b, c, d, e, f = lattice.transform[:6]
    if not _same_crs(lattice.crs, grid.crs):
        raise UnfitPatch(
            f"{place} lies in {lattice.crs}",
            f"{grid.crs}, the zone of the patch: nothing is resampled",
            "pair the patch with a scene in its own zone",
        )
    step = grid.resolution
    if b or d or abs(a - step) > _ALIGNED * step or abs(e + step) > _ALIGNED * step:
        raise UnfitPatch(
            f"{place} has pixels of {a:g} x {-e:g} m",
            f"{step:g} m, on which the sensor measures",
            "use an archive that keeps every band at its own pixel size",
        )
    column, row = (grid.transform.c - c) / a, (grid.transform.f - f) / e
    if max(abs(column - round(column)), abs(row - round(row))) > _ALIGNED:
        raise UnfitPatch(
            f"{place} has pixel corners at {c:.3f}, {f:.3f} m, off those of the patch by "
            f"{(column - round(column)) * a:.3f}, {(row - round(row)) * e:.3f} m",
            f"corners that differ by whole pixels of {step:g} m",
            "use scenes on the grid of the UTM tile: others would have to be resampled",
        )
    return round(row), round(column)


def _check_inside(lattice: Lattice, grid: Grid, top: int, left: int, place: str) -> None:
    if min(left, top) < 0 or left + grid.width > lattice.width or top + grid.height > lattice.height:
        raise UnfitPatch(
            f"the patch leaves {place}: it begins at row {top}, column {left} and is {grid.height} pixels long, of "
            f"{rows_and_columns(lattice.height, lattice.width)}",
            "a patch that lies in its scenes",
            "pair it with another scene",
        )


@functools.lru_cache(maxsize=1024)
def _same_crs(one: str, other: str) -> bool:
    return one == other or pyproj.CRS(one).equals(pyproj.CRS(other), ignore_axis_order=True)


def _unfit_numbers(place: str, found: str, expected: str) -> FusionError:
    return UnfitPatch(f"{place} has {found}", expected, "use an archive of ESA's own numbers")
