"""Where the pixel centres of a grid fall in a source raster, exactly.

GDAL's warper approximates the transform by default, which moves 0.4 % of nearest-neighbour pixels; here every
centre is projected.
"""

from __future__ import annotations

import functools
import math
import threading
from dataclasses import dataclass

import numpy as np
import pyproj
from affine import Affine

from fusion_assets.grids.grid import Grid

_HALF_TURN = 180 + 1e-3
_SLACK_DEGREES, _SAME_PIXEL = 0.01, 0.01
EDGE = 1e-8
"""A centre that falls on a pixel edge belongs to the pixel right of and below it, whatever rounding says."""
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Place:
    """Where an item says that one of its files lies.

    Attributes:
        crs: `proj:code` or `proj:epsg`; empty where the item is silent.
        corner: (x, y) of the outer corner of the first pixel, from the asset's own `proj:transform`, with the pixel's
            width; None where the item is silent.
        box: west, south, east, north of the item's footprint in degrees.
    """

    crs: str = ""
    corner: tuple[float, float, float] | None = None
    box: Box | None = None


@dataclass(frozen=True)
class Lattice:
    """The pixel lattice of a source raster.

    Attributes:
        crs: anything pyproj reads.
        transform: (column, row) from the outer corner of the upper left pixel to CRS coordinates.
        height: rows.
        width: columns.
    """

    crs: str
    transform: Affine
    height: int
    width: int


@dataclass(frozen=True)
class Nearest:
    """The source pixel under each pixel centre of a grid.

    Attributes:
        window: (row, column, height, width) of the part of the source that is needed.
        rows: row inside the window, (h,) where rows depend on y alone, else (h, w) flat positions in the window.
        cols: column inside the window, (w,); None where `rows` holds flat positions.
        inside: where there is a source pixel, (h, w) bool; None when that is everywhere.
        whole: the window is the grid, pixel for pixel.
    """

    window: tuple[int, int, int, int]
    rows: np.ndarray
    cols: np.ndarray | None
    inside: np.ndarray | None
    whole: bool

    def take(self, data: np.ndarray) -> np.ndarray:
        """The window's numbers at the grid's pixels; arbitrary outside the source."""
        if self.whole:
            return data
        if self.cols is None:
            return data.reshape(-1).take(self.rows)
        return data.take(self.rows, axis=0).take(self.cols, axis=1)


@dataclass(frozen=True)
class Bilinear:
    """The four source pixels around each pixel centre of a grid, and their weights.

    Attributes:
        window: (row, column, height, width) of the part of the source that is needed.
        corners: four flat positions in the window with their weights, each (h, w). A corner without weight repeats
            one that has some, so that what is unknown there does not spread.
        inside: where the centre lies in the source, (h, w) bool.
    """

    window: tuple[int, int, int, int]
    corners: tuple[tuple[np.ndarray, np.ndarray], ...]
    inside: np.ndarray


class Places:
    """Placements on one grid, each computed once: the scenes of a season share a few lattices.

    Made for one tile and dropped with it, for a placement across CRSs is as large as the tile.
    """

    def __init__(self, grid: Grid) -> None:
        """Nothing is computed yet."""
        self.grid = grid
        self._lock = threading.Lock()
        self._placements: dict[tuple, Nearest | Bilinear | None] = {}
        self._projected: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def nearest(self, source: Lattice) -> Nearest | None:
        """Nearest source pixels; None when the source lies outside the grid."""
        with self._lock:
            if (key := ("nearest", source)) not in self._placements:
                self._placements[key] = self._nearest(source)
            placement = self._placements[key]
        assert placement is None or isinstance(placement, Nearest)
        return placement

    def bilinear(self, source: Lattice) -> Bilinear | None:
        """Surrounding source pixels; None when the source lies outside the grid."""
        with self._lock:
            if (key := ("bilinear", source)) not in self._placements:
                self._placements[key] = self._bilinear(source)
            placement = self._placements[key]
        assert placement is None or isinstance(placement, Bilinear)
        return placement

    def fractional(self, source: Lattice) -> tuple[np.ndarray, np.ndarray] | None:
        """Source row and column of every pixel centre, in pixels from the outer corner.

        (h,) and (w,) where they are separable (same CRS, both north-up), else (h, w) each; -1 where a point has no
        image in the source's CRS. None when the source is clearly outside the grid.
        """
        x, y = self.grid.centres()
        upright = source.transform.b == 0 and source.transform.d == 0
        if upright and same_crs(source.crs, self.grid.crs):
            transform = source.transform
            return (y - transform.f) / transform.e, (x - transform.c) / transform.a
        if clearly_outside(source, self.grid):
            return None
        if source.crs not in self._projected:
            xs, ys = np.meshgrid(x, y)
            self._projected[source.crs] = project_points(xs, ys, self.grid.crs, source.crs)
        xs, ys = self._projected[source.crs]
        return to_pixels(on_sheet(xs, source), ys, source.transform)

    def _nearest(self, source: Lattice) -> Nearest | None:
        places = self.fractional(source)
        if places is None:
            return None
        rows, cols = (np.floor(axis + EDGE).astype(np.intp) for axis in places)
        in_rows, in_cols = (rows >= 0) & (rows < source.height), (cols >= 0) & (cols < source.width)
        if rows.ndim == 1:
            if not (in_rows.any() and in_cols.any()):
                return None
            window = _window(rows[in_rows], cols[in_cols])
            all_in = bool(in_rows.all() and in_cols.all())
            inside = None if all_in else in_rows[:, None] & in_cols[None, :]
            whole = all_in and _consecutive(rows) and _consecutive(cols)
            rows, cols = (rows - window[0]).clip(0, window[2] - 1), (cols - window[1]).clip(0, window[3] - 1)
            return Nearest(window, rows, cols, inside, whole)
        inside = in_rows & in_cols
        if not inside.any():
            return None
        window = _window(rows[inside], cols[inside])
        flat = np.where(inside, (rows - window[0]) * window[3] + cols - window[1], 0)
        return Nearest(window, flat, None, None if inside.all() else inside, False)

    def _bilinear(self, source: Lattice) -> Bilinear | None:
        places = self.fractional(source)
        if places is None:
            return None
        rows, cols = places if places[0].ndim == 2 else np.meshgrid(*places, indexing="ij")
        inside = (rows >= -EDGE) & (rows <= source.height + EDGE) & (cols >= -EDGE) & (cols <= source.width + EDGE)
        if not inside.any():
            return None
        # Pixel i has its centre at i + 0.5; beyond the outermost centres the outermost value is kept.
        rows, cols = (rows - 0.5).clip(0, source.height - 1), (cols - 0.5).clip(0, source.width - 1)
        top, left = np.floor(rows + EDGE).astype(np.intp), np.floor(cols + EDGE).astype(np.intp)
        down, right = (rows - top).clip(0, 1), (cols - left).clip(0, 1)
        below, beside = top + (down > EDGE), left + (right > EDGE)
        window = _window(np.r_[top[inside], below[inside]], np.r_[left[inside], beside[inside]])

        def position(row: np.ndarray, col: np.ndarray) -> np.ndarray:
            return np.where(inside, (row - window[0]) * window[3] + col - window[1], 0)

        corners = (
            (position(top, left), (1 - down) * (1 - right)),
            (position(top, beside), (1 - down) * right),
            (position(below, left), down * (1 - right)),
            (position(below, beside), down * right),
        )
        return Bilinear(window, corners, inside)


def to_pixels(xs: np.ndarray, ys: np.ndarray, transform: Affine) -> tuple[np.ndarray, np.ndarray]:
    """Fractional rows and columns of points in a raster's CRS; -1 for points at infinity."""
    inverse = ~transform
    with np.errstate(invalid="ignore"):
        cols = inverse.a * xs + inverse.c if inverse.b == 0 else inverse.a * xs + inverse.b * ys + inverse.c
        rows = inverse.e * ys + inverse.f if inverse.d == 0 else inverse.d * xs + inverse.e * ys + inverse.f
    finite = np.isfinite(rows) & np.isfinite(cols)
    return np.where(finite, rows, -1.0), np.where(finite, cols, -1.0)


def clearly_outside(source: Lattice, grid: Grid) -> bool:
    """Whether the outline of `grid`, projected, stays away from the source; cheap, and False where in doubt."""
    window = outline_window(source, grid)
    return window is not None and (window[2] <= 0 or window[3] <= 0)


def outline_window(source: Lattice, grid: Grid) -> tuple[int, int, int, int] | None:
    """(row, column, height, width) of a source part that holds the grid, from its outline; None where in doubt."""
    west, south, east, north = grid.bounds
    along = np.linspace(0, 1, 33)
    x, y = west + (east - west) * along, south + (north - south) * along
    xs = np.concatenate([x, x, np.full(33, west), np.full(33, east)])
    ys = np.concatenate([np.full(33, south), np.full(33, north), y, y])
    xs, ys = project_points(xs, ys, grid.crs, source.crs)
    xs = on_sheet(xs, source)
    if not (np.isfinite(xs).all() and np.isfinite(ys).all()):
        return None
    rows, cols = to_pixels(xs, ys, source.transform)
    # Between the points of the outline an edge may bulge.
    slack_rows, slack_cols = 2 + 0.05 * np.ptp(rows), 2 + 0.05 * np.ptp(cols)
    row0, row1 = max(0, math.floor(rows.min() - slack_rows)), min(source.height, math.ceil(rows.max() + slack_rows))
    col0, col1 = max(0, math.floor(cols.min() - slack_cols)), min(source.width, math.ceil(cols.max() + slack_cols))
    return row0, col0, row1 - row0, col1 - col0


def on_sheet(longitudes: np.ndarray, source: Lattice) -> np.ndarray:
    """Longitudes as a raster in degrees counts them: from its west edge on, where it reaches beyond -180 to 180.

    Global rasters that run from 0 to 360 do, and some that cross the antimeridian.
    """
    transform = source.transform
    edges = transform.c, transform.c + transform.a * source.width
    if not is_geographic(source.crs) or (min(edges) >= -_HALF_TURN and max(edges) <= _HALF_TURN):
        return longitudes
    return min(edges) + (longitudes - min(edges)) % 360


def misplaced(source: Lattice, said: Place) -> str:
    """How a file lies elsewhere than its item says, in words; empty where it does not.

    Args:
        source: the file at full resolution.
        said: by the item.
    """
    if said.crs:
        try:
            same = same_crs(source.crs, said.crs)
        except pyproj.exceptions.CRSError:
            return f"its item says CRS {said.crs}, which PROJ does not know"
        if not same and not _agree(source, said.crs):
            return f"its CRS is {source.crs[:60]}, and the item says {said.crs}"
    if said.corner is not None:
        x, y, pixel = said.corner
        transform = source.transform
        # Some catalogs give the centre of the first pixel for its corner.
        if max(abs(transform.c - x), abs(transform.f - y)) > max(pixel, abs(transform.a)) * (1 + 1e-6):
            return f"its corner is {transform.c:.10g}, {transform.f:.10g}, and the item says {x:.10g}, {y:.10g}"
        if abs(math.hypot(transform.a, transform.d) - pixel) > _SAME_PIXEL * pixel:
            return f"its pixels are {math.hypot(transform.a, transform.d):.10g} wide, and the item says {pixel:.10g}"
    if said.box is not None and not _touches(source, said.box):
        west, south, east, north = said.box
        return f"it lies outside its item's footprint, {west:.4g} to {east:.4g} E and {south:.4g} to {north:.4g} N"
    return ""


def _spread(source: Lattice, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates of count x count points from corner to corner of a raster."""
    along = np.linspace(0, 1, count)
    cols, rows = (axis.ravel() for axis in np.meshgrid(along * source.width, along * source.height))
    transform = source.transform
    xs = transform.a * cols + transform.b * rows + transform.c
    return xs, transform.d * cols + transform.e * rows + transform.f


@functools.lru_cache(maxsize=1024)
def _agree(source: Lattice, crs: str) -> bool:
    """Whether two CRSs put a raster at the same place, to a tenth of a pixel: names and datums of one map differ."""
    xs, ys = _spread(source, 2)
    moved_x, moved_y = project_points(xs, ys, source.crs, crs)
    near = 0.1 * math.hypot(source.transform.a, source.transform.d)
    return bool(np.isfinite(moved_x).all() and max(abs(moved_x - xs).max(), abs(moved_y - ys).max()) <= near)


@functools.lru_cache(maxsize=1024)
def _touches(source: Lattice, box: Box) -> bool:
    """Whether a raster comes near a box in degrees; True where in doubt."""
    lons, lats = project_points(*_spread(source, 9), source.crs, "EPSG:4326")
    finite = np.isfinite(lons) & np.isfinite(lats)
    if not finite.all():
        return bool(finite.any())
    if not is_geographic(source.crs) and np.ptp(lons) > 180:
        return True  # over the antimeridian or around a pole
    west, south, east, north = box
    if east < west:
        east += 360
    slack = _SLACK_DEGREES + 0.05 * max(np.ptp(lons), np.ptp(lats))
    if lats.max() + slack < south or lats.min() - slack > north:
        return False
    return any(lons.max() + turn + slack >= west and lons.min() + turn - slack <= east for turn in (-360.0, 0.0, 360.0))


def project_points(xs: np.ndarray, ys: np.ndarray, source: str, target: str) -> tuple[np.ndarray, np.ndarray]:
    """Points from one CRS to another, (x, y) order; infinite where there is no image."""
    if same_crs(source, target):
        return xs, ys
    return _transformer(source, target).transform(xs, ys)


@functools.lru_cache(maxsize=64)
def same_crs(one: str, other: str) -> bool:
    """Whether two spellings mean the same CRS."""
    return pyproj.CRS(one).equals(pyproj.CRS(other), ignore_axis_order=True)


@functools.lru_cache(maxsize=256)
def is_geographic(crs: str) -> bool:
    """Whether a CRS counts in degrees."""
    return pyproj.CRS(crs).is_geographic


@functools.lru_cache(maxsize=64)
def _transformer(source: str, target: str) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(source, target, always_xy=True)


def _window(rows: np.ndarray, cols: np.ndarray) -> tuple[int, int, int, int]:
    row, col = int(rows.min()), int(cols.min())
    return row, col, int(rows.max()) + 1 - row, int(cols.max()) + 1 - col


def _consecutive(axis: np.ndarray) -> bool:
    return bool((np.diff(axis) == 1).all())
