"""What expressions are made of: images, features, collections, geometries, dates, reducers, filters, joins.

Images hold no pixels: a band is a function that is asked for the pixels of a grid.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from fusion_assets.loopbacks.earth_engine.lattice import UNPROJECTED, WORLD, PixelGrid, Projection, project
from fusion_assets.loopbacks.earth_engine.pixel_types import PixelType


class Pixels(NamedTuple):
    """Values and mask of one band on a grid, each (height, width).

    The mask is boolean, or a weight from 0 to 1 as float32; above 0 is valid. Values where it is 0 mean nothing.
    """

    values: np.ndarray
    mask: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Where there is data."""
        return self.mask if self.mask.dtype == bool else self.mask > 0


@dataclass(frozen=True, eq=False)
class Band:
    """One band: `pixels(grid)` computes it anywhere.

    Attributes:
        name: band name.
        type: of its values.
        projection: its default projection.
        pixels: the computation.
        size: (width, height) of its own lattice, where it has one.
    """

    name: str
    type: PixelType
    projection: Projection
    pixels: Callable[[PixelGrid], Pixels]
    size: tuple[int, int] | None = None

    def renamed(self, name: str) -> Band:
        """The same band under another name."""
        return dataclasses.replace(self, name=name)


@dataclass(frozen=True)
class Geometry:
    """A shape in the coordinates of a CRS. Edges are straight in that CRS; great circles are not drawn.

    `shape` None is the whole world (unbounded).
    """

    shape: BaseGeometry | None
    crs: str = WORLD
    geodesic: bool = True

    def in_crs(self, crs: str) -> BaseGeometry:
        """The shape in another CRS, its edges densified to a hundredth of its extent first."""
        assert self.shape is not None
        if crs == self.crs or self.shape.is_empty:
            return self.shape
        west, south, east, north = self.shape.bounds
        step = max(east - west, north - south) / 100
        dense = self.shape.segmentize(step) if step > 0 else self.shape
        return shapely.transform(dense, lambda xy: np.column_stack(project(xy[:, 0], xy[:, 1], self.crs, crs)))

    @property
    def lonlat(self) -> BaseGeometry:
        """The shape in longitude and latitude."""
        return self.in_crs(WORLD)


@dataclass(frozen=True, eq=False)
class Element:
    """What features and images share: properties and, perhaps, a geometry and an id."""

    properties: dict[str, Any] = field(default_factory=dict)
    geometry: Geometry | None = None
    id: str | None = None

    def with_properties(self, properties: dict[str, Any]) -> Any:
        """A copy with other properties."""
        return dataclasses.replace(self, properties=properties)


@dataclass(frozen=True, eq=False)
class Feature(Element):
    """A geometry with properties."""


@dataclass(frozen=True, eq=False)
class Image(Element):
    """Bands with properties; `geometry` is the footprint, None where it is unbounded.

    Attributes:
        bands: in order.
        grid: the exact grid that `clipToBoundsAndScale` asked for.
    """

    bands: tuple[Band, ...] = ()
    grid: PixelGrid | None = None

    def with_bands(self, bands: Any) -> Image:
        """A copy with other bands."""
        return dataclasses.replace(self, bands=tuple(bands))

    @property
    def projection(self) -> Projection:
        """Default projection of the first band."""
        return self.bands[0].projection if self.bands else UNPROJECTED


@dataclass(frozen=True, eq=False)
class Collection:
    """Elements in order; `kind` is ImageCollection or FeatureCollection.

    Attributes:
        columns: names of types by property, where the service tells them.
    """

    elements: tuple[Any, ...]
    kind: str = "FeatureCollection"
    properties: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    columns: dict[str, str] | None = None

    def of(self, elements: Any) -> Collection:
        """The same collection with other elements."""
        return dataclasses.replace(self, elements=tuple(elements))

    def with_properties(self, properties: dict[str, Any]) -> Any:
        """A copy with other properties."""
        return dataclasses.replace(self, properties=properties)


class CastInteger(int):
    """An integer that was cast; `kind` is the name of its type."""

    kind: str


class CastFloat(float):
    """A number with a fraction that was cast; `kind` is the name of its type."""

    kind: str


@dataclass(frozen=True, eq=False)
class Array:
    """Numbers along any number of axes."""

    values: np.ndarray


@dataclass(frozen=True)
class Date:
    """Milliseconds since 1970, UTC."""

    millis: int

    @property
    def moment(self) -> dt.datetime:
        """As a datetime."""
        return dt.datetime.fromtimestamp(self.millis / 1000, dt.UTC)


@dataclass(frozen=True)
class DateRange:
    """From `start` up to, not including, `end`; milliseconds."""

    start: int
    end: int


@dataclass(frozen=True)
class Reducer:
    """A named reducer with its parameters; see `reducing.py`."""

    name: str
    parameters: dict[str, Any] = field(default_factory=dict)
    parts: tuple[Reducer, ...] = ()


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights around a pixel, (rows, columns), both odd."""

    weights: np.ndarray


@dataclass(frozen=True)
class Filter:
    """A test of one element (`right` None) or of a pair of them."""

    test: Callable[[Any, Any], bool]


@dataclass(frozen=True)
class Join:
    """A named join with its parameters."""

    kind: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Function:
    """A function of the expression graph, called with positional arguments."""

    names: tuple[str, ...]
    call: Callable[..., Any]
