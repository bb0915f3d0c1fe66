"""Shares of classes in patches, from any raster of codes.

A raster is met at the centres of the 10 m pixels of a patch: the share of a class is the share of them that fall into
it, whatever the pixels and the CRS of the raster are. Pixels without data are left out of shares and counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pystac
import shapely
from affine import Affine
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.compositing.headers import Header, read_header, settled
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.recipe import Product
from fusion_assets.imagery.scenes import SceneFile, scene_from_item
from fusion_assets.systems.embeddings.sensors import FINEST

Codes = npt.NDArray[np.integer]
Decoder = Callable[[Codes], tuple[Codes, npt.NDArray[np.bool_]]]
"""Stored numbers -> codes of a legend, and where there are any; raises FusionError for numbers of something else."""


class Class(NamedTuple):
    """A class of a legend: its name and its colour, hexadecimal, as published."""

    title: str
    colour: str


@dataclass(frozen=True)
class Legend:
    """What the numbers of a raster mean.

    Attributes:
        title: of the map.
        classes: by code.
        nothing: stored numbers that mean no data, beside what the file declares.
        source: page that lists them.
    """

    title: str
    classes: Mapping[int, Class]
    nothing: tuple[int, ...]
    source: str

    def decode(self, stored: Codes) -> tuple[Codes, npt.NDArray[np.bool_]]:
        """The numbers themselves, and which are classes.

        Raises:
            FusionError: one is neither a class nor no data.
        """
        known = np.isin(stored, list(self.classes))
        refuse_others(stored[~known], self.nothing, self.title)
        return stored, known


def refuse_others(stored: Codes, nothing: Sequence[int], title: str) -> None:
    """Raise FusionError for numbers that are no class unless all mean no data."""
    others = sorted({int(number) for number in np.unique(stored)} - set(nothing))
    if others:
        shown = ", ".join(map(str, others[:8])) + (", ..." if len(others) > 8 else "")
        raise FusionError(
            f"a raster of {title} holds {shown}", f"codes of {title}", "name the product and layer that it really is"
        )


def patch_grid(epsg: int, x: float, y: float, size: int) -> Grid:
    """The 10 m pixels of a patch.

    Args:
        epsg: code of its UTM zone.
        x: of the upper left corner, metres.
        y: likewise.
        size: pixels along an edge.
    """
    return Grid(f"EPSG:{epsg}", Affine(FINEST, 0, x, 0, -FINEST, y), size, size)


def files_of(items: Iterable[pystac.Item], product: Product) -> list[SceneFile]:
    """The rasters of a product of labels, the newest first.

    Raises:
        UnusableScene: an item without the product's band.
    """
    scenes = [scene_from_item(item, product, product.default_bands, product.mask) for item in items]
    newest = sorted(scenes, key=lambda scene: (scene.start, scene.id), reverse=True)
    return [scene.bands[product.default_bands[0]] for scene in newest]


class Rasters:
    """Rasters of codes, of which only those near a patch are opened, and each is looked at once.

    Args:
        files: where they overlap, earlier ones are believed.
    """

    def __init__(self, files: Sequence[SceneFile]) -> None:
        """Remember where they lie, as far as their items say."""
        self._files = files
        self._boxes = shapely.STRtree([_box(file) for file in files])
        self._headers: dict[int, tuple[SceneFile, Header]] = {}

    def codes(self, grid: Grid, decode: Decoder) -> tuple[Codes, npt.NDArray[np.bool_]]:
        """Code of every pixel of a grid, int32, and where there is one.

        Raises:
            FusionError: a file of fractions, or one with numbers that are no codes.
            UnreadableFile: after retries.
        """
        codes, found = np.zeros(grid.shape, np.int32), np.zeros(grid.shape, bool)
        for index in sorted(self._boxes.query(degrees_box(grid))):
            if found.all():
                break
            file, header = self._header(int(index), grid)
            read = read_nearest(file, grid, header=header)
            if read is not None:
                stored, there = read
                decoded, known = decode(np.where(there, _whole(stored, there), 0).astype(np.int64))
                new = there & known & ~found
                codes[new], found = decoded[new], found | new
        return codes, found

    def _header(self, index: int, grid: Grid) -> tuple[SceneFile, Header]:
        if index not in self._headers:
            # At full resolution: what most of a class raster's pixels are is not what its overviews say.
            header = read_header(self._files[index], grid, overviews=False)
            self._headers[index] = settled(self._files[index], header), header
        return self._headers[index]


def degrees_box(grid: Grid) -> BaseGeometry:
    """A box of longitude and latitude around a grid, whose edges bow between its corners."""
    edges = shapely.get_coordinates(shapely.segmentize(shapely.box(*grid.bounds), grid.resolution * grid.width / 16))
    lon, lat = transformer(grid.crs, "EPSG:4326").transform(*edges.T)
    return shapely.box(min(lon), min(lat), max(lon), max(lat))


@cache
def transformer(source: str, target: str) -> Transformer:
    """From one CRS to another, x before y."""
    return Transformer.from_crs(source, target, always_xy=True)


def _box(file: SceneFile) -> BaseGeometry:
    """Of a file's item; the world where the item does not say, or crosses the date line."""
    box = file.place.box
    return shapely.box(*(box if box is not None and box[0] <= box[2] else (-180, -90, 180, 90)))


def _whole(stored: npt.NDArray, there: npt.NDArray[np.bool_]) -> npt.NDArray:
    if stored.dtype.kind in "iu":
        return stored
    whole = np.rint(np.where(there, stored, 0))
    if (whole[there] != stored[there]).any():
        raise FusionError("a raster of classes holds fractions", "codes", "name the layer that has the classes")
    return whole


def class_shares(
    plan: pd.DataFrame,
    size: int,
    files: Sequence[SceneFile],
    classes: Sequence[int],
    decode: Decoder,
    least: float,
    word: str,
) -> pd.DataFrame:
    """Shares of classes of every patch of a plan, and which classes it has.

    Args:
        plan: `patch`, `epsg`, `x`, `y`; see the plan table. Rows keep their order.
        size: pixels along the edge of a patch.
        files: rasters of codes; where they overlap, earlier ones are believed.
        classes: codes, a column each.
        decode: of stored numbers.
        least: share from which a class belongs to the set of a patch; 0 takes every class that occurs.
        word: that columns begin with.

    Returns:
        `patch`; `<word>_valid`, the share of its pixels with data; `<word>_<code>`, float32, of these pixels, which add
        up to 1, NaN where there are none; `<word>_set`, codes in ascending order with spaces between, empty where
        nothing is known.

    Raises:
        FusionError: see `Rasters.codes`; or `least` is no share.
    """
    if not 0 <= least <= 1:
        raise FusionError(f"least share of a class = {least}", "0 to 1", "choose another")
    shares = np.full((len(plan), len(classes)), np.nan, np.float32)
    valid = np.zeros(len(plan), np.float32)
    rasters = Rasters(files)
    places = zip(plan["epsg"], plan["x"], plan["y"], strict=True)
    for row, (epsg, x, y) in enumerate(places):
        codes, there = rasters.codes(patch_grid(int(epsg), float(x), float(y), size), decode)
        valid[row] = there.mean()
        if there.any():
            found, counts = np.unique(codes[there], return_counts=True)
            have = dict(zip(found.tolist(), counts.tolist(), strict=True))
            shares[row] = [have.get(code, 0) / int(there.sum()) for code in classes]
    table = pd.DataFrame({"patch": plan["patch"].to_numpy(), f"{word}_valid": valid})
    columns = pd.DataFrame(shares, columns=[f"{word}_{code}" for code in classes])
    sets = [_set(row, classes, least) for row in shares]
    return pd.concat([table, columns, pd.Series(sets, name=f"{word}_set", dtype=object)], axis=1)


def _set(shares: npt.NDArray[np.float32], classes: Sequence[int], least: float) -> str:
    # Shares are of single precision: one of exactly the least counts.
    return " ".join(
        str(code) for code, share in zip(classes, shares, strict=True) if share > 0 and share > least - 1e-6
    )
