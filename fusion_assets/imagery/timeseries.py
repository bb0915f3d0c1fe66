"""From scenes to a stack of dates on the grid: what a date is and what a series looks like, for all engines.

Scenes of one day become one date: granules of a pass, and for optics also two passes of one day; radar keeps orbits
apart, because backscatter depends on where it is looked at from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import dask
import dask.array as da
import numpy as np
import xarray as xr

from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.acquisitions import acquisitions
from fusion_assets.imagery.recipe import Product
from fusion_assets.imagery.scenes import Scene

SAME_TRACK_MINUTES = 3
"""Neighbouring tracks of one satellite pass over a place minutes apart, the same track within seconds."""
_DAY_MINUTES = 24 * 60
UNNUMBERED = 1000
"""Tracks whose items give no relative orbit (1 to 175) are numbered from here: this and the minute of the day."""


@dataclass(frozen=True)
class Date:
    """What was seen on one day (and, for radar, from one orbit).

    Attributes:
        scenes: in the order in which they fill a pixel: the first that is clear there counts.
        orbit: relative orbit, or `UNNUMBERED` + minute of the day, or 0 where orbits are not kept apart.
    """

    scenes: tuple[Scene, ...]
    orbit: int

    @property
    def day(self) -> np.datetime64:
        """Of the first scene, UTC; a pass over midnight belongs to the day on which it began."""
        return np.datetime64(self.scenes[0].start.replace(tzinfo=None), "D")


def dates_of(scenes: Sequence[Scene], product: Product) -> list[Date]:
    """Scenes by date, ascending; of one day, orbits in the order in which they passed.

    Args:
        scenes: of one product.
        product: radar keeps orbits apart.
    """
    apart = product.role == "sentinel1"
    tracks = _tracks(scenes) if apart else {}
    groups: dict[tuple[np.datetime64, int], list[Scene]] = {}
    for group in acquisitions(scenes):
        orbit = tracks[group[0].id] if apart else 0
        groups.setdefault((Date(tuple(group), orbit).day, orbit), []).extend(group)
    dates = [Date(tuple(group), orbit) for (_, orbit), group in groups.items()]
    return sorted(dates, key=lambda date: (date.day, date.scenes[0].start, date.orbit))


def _tracks(scenes: Sequence[Scene]) -> dict[str, int]:
    """Orbit of every scene by id: its own, or one made up from direction and time of day."""
    tracks = {scene.id: scene.orbit for scene in scenes if scene.orbit is not None}
    for direction in {scene.direction for scene in scenes}:
        nameless = [scene for scene in scenes if scene.orbit is None and scene.direction == direction]
        minutes = sorted({scene.start.hour * 60 + scene.start.minute for scene in nameless})
        firsts: dict[int, int] = {}
        for before, minute in zip([-_DAY_MINUTES, *minutes], minutes, strict=False):
            firsts[minute] = firsts[before] if minute - before <= SAME_TRACK_MINUTES else minute
        if minutes and minutes[0] + _DAY_MINUTES - minutes[-1] <= SAME_TRACK_MINUTES:  # a track over midnight
            last = firsts[minutes[-1]]
            firsts = {minute: last if first == minutes[0] else first for minute, first in firsts.items()}
        for scene in nameless:
            tracks[scene.id] = UNNUMBERED + firsts[scene.start.hour * 60 + scene.start.minute]
    return tracks


def first_clear(passes: Iterable[tuple[np.ndarray, np.ndarray]], bands: int, grid: Grid) -> np.ndarray:
    """Pixels of one date, (band, y, x): each from one pass, the first that is clear there; NaN where none is.

    Args:
        passes: values (band, y, x) and where all of them are clear (y, x); no more are drawn than needed.
        bands: number of them.
        grid: of the pixels.
    """
    out, empty = np.full((bands, *grid.shape), np.nan, np.float32), np.ones(grid.shape, bool)
    for values, clear in passes:
        np.copyto(out, values, where=clear & empty)
        empty &= ~clear
        if not empty.any():
            break
    return out


def pieces(length: int, step: int) -> tuple[int, ...]:
    """Chunks of an axis: all of `step` but the last."""
    return tuple(min(step, length - start) for start in range(0, length, step))


def dataset_of(stack: Any, bands: Sequence[str], dates: Sequence[Date], grid: Grid) -> xr.Dataset:
    """The series as a Dataset.

    Args:
        stack: (time, band, y, x).
        bands: names.
        dates: of the first axis.
        grid: of the last two.

    Returns:
        Dataset (time, y, x) float32 with NaN for what is not there or not clear. Coordinates of `time`: the day,
        `acquired` (start of the first scene, UTC), `orbit` (see `Date`) and `scenes` (ids, comma-separated).
    """
    x, y = grid.centres()
    coordinates = {
        "time": ("time", np.array([date.day for date in dates], "datetime64[ns]")),
        "acquired": (
            "time",
            np.array([np.datetime64(date.scenes[0].start.replace(tzinfo=None), "ns") for date in dates]),
        ),
        "orbit": ("time", np.array([date.orbit for date in dates], np.int32)),
        "scenes": ("time", np.array([",".join(scene.id for scene in date.scenes) for date in dates], object)),
        "y": y,
        "x": x,
    }
    import rioxarray  # noqa: F401 (registers the .rio accessor)

    series = xr.Dataset({name: (("time", "y", "x"), stack[:, i]) for i, name in enumerate(bands)}, coordinates)
    return series.rio.write_crs(grid.crs).rio.write_transform(grid.transform)


@dataclass(frozen=True)
class Treatment:
    """What is done to all dates of a piece together before anyone sees it, such as reducing speckle.

    Attributes:
        apply: (values (time, band, y, x), orbit of each date) to values of the same shape.
        reach: pixels beyond a piece's edges that it looks at; they are read as well, so that pieces leave no seams.
    """

    apply: Callable[[np.ndarray, np.ndarray], np.ndarray]
    reach: int = 0


@dataclass(frozen=True)
class PieceSizes:
    """How large the pieces of a series are.

    Attributes:
        edge: of what is read of one date at once, pixels: that of the usual files' blocks, which are decoded whole.
        least_edge: that is not halved any more.
        read_bytes: at most about so much of all dates is read before it is treated; it is held some three times (what
            is being read, waits, and is treated).
        treated_bytes: at most about so much is treated at once; it is held three times by every thread.
    """

    edge: int = 1024
    least_edge: int = 128
    read_bytes: int = 640 << 20
    treated_bytes: int = 128 << 20

    def edge_within(self, pixel_bytes: int, most: int) -> int:
        """Edge of a piece that takes at most so many bytes: the usual one, or what halving leaves of it."""
        edge = self.edge
        while pixel_bytes * edge**2 > most and edge > self.least_edge:
            edge //= 2
        return edge


PIECE_SIZES = PieceSizes()
Read = Callable[[int, int, Grid], Any]
"""(first date, number of dates, window) to something delayed: their pixels, (time, band, y, x)."""


def assembled(
    read: Read,
    step: int,
    dates: Sequence[Date],
    bands: Sequence[str],
    grid: Grid,
    treatment: Treatment | None,
    sizes: PieceSizes,
) -> xr.Dataset:
    """The lazy Dataset of a series, see `dataset_of`, from what reads its pieces.

    Args:
        read: see `Read`.
        step: dates that are read together.
        dates: of the series.
        bands: names.
        grid: of the result.
        treatment: of every piece; None leaves chunks of `step` dates, else a chunk has all dates.
        sizes: of the pieces.
    """
    count, kind = len(bands), np.dtype(np.float32)
    pixel_bytes = 0 if treatment is None else len(dates) * count * kind.itemsize
    edge = sizes.edge_within(pixel_bytes, sizes.read_bytes)
    inner = sizes.edge_within(pixel_bytes, sizes.treated_bytes)
    rows, cols = pieces(grid.height, edge), pieces(grid.width, edge)
    groups = [(i * step, number) for i, number in enumerate(pieces(len(dates), step))]
    orbits = np.array([date.orbit for date in dates], np.int32)
    treat = dask.delayed(_treated, pure=False)

    def piece(row: int, col: int) -> da.Array:
        shape, reach = (rows[row], cols[col]), treatment.reach if treatment else 0
        window = grid.window(row * edge - reach, col * edge - reach, shape[0] + 2 * reach, shape[1] + 2 * reach)
        read_dates = [read(first, number, window) for first, number in groups]
        if treatment is not None:
            # Read in large windows, for files' blocks are decoded whole; treated in small ones, which takes memory.
            tops, lefts = (range(0, length, inner) for length in shape)
            return da.block([[treated(read_dates, top, left, shape) for left in lefts] for top in tops])
        layers = zip(read_dates, groups, strict=True)
        return da.concatenate([da.from_delayed(layer, (number, count, *shape), kind) for layer, (_, number) in layers])

    def treated(read_dates: list[Any], top: int, left: int, shape: tuple[int, int]) -> da.Array:
        size = min(inner, shape[0] - top), min(inner, shape[1] - left)
        made = treat(read_dates, orbits, treatment, (top, left, *size))
        return da.from_delayed(made, (len(dates), count, *size), kind)

    stack = da.block([[[[piece(row, col) for col in range(len(cols))] for row in range(len(rows))]]])
    return dataset_of(stack, bands, dates, grid)


def _treated(
    dates: list[np.ndarray], orbits: np.ndarray, treatment: Treatment, part: tuple[int, int, int, int]
) -> np.ndarray:
    """A part (row, column, height, width) of what was read, all dates."""
    top, left, height, width = part
    around = slice(top, top + height + 2 * treatment.reach), slice(left, left + width + 2 * treatment.reach)
    values = treatment.apply(np.concatenate([each[..., *around] for each in dates]), orbits)
    inner = slice(treatment.reach, -treatment.reach or None)
    return np.ascontiguousarray(values[..., inner, inner])
