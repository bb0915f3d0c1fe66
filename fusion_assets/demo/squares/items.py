"""The scenes and the truth of the squares: which items their collections hold, and how each is written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np

from fusion_assets.demo.catalog import Layer, interval, timestamp, write_item
from fusion_assets.demo.frame import Frame
from fusion_assets.demo.land import Field
from fusion_assets.demo.squares.ground import Ground, build_ground
from fusion_assets.demo.squares.lamps import emitted
from fusion_assets.demo.squares.landsat import (
    BANDS,
    BEYOND,
    KELVIN_OFFSET,
    KELVIN_SCALE,
    OFFSET,
    SCALE,
    Pass,
    passes,
    photograph,
)
from fusion_assets.demo.squares.night import annual
from fusion_assets.demo.squares.place import STEP, YEAR, Square, squares_beside

Item = dict[str, Any]
COLLECTIONS = {
    "landsat-c2-l2": (
        "Landsat-like level 2 surface reflectance and temperature",
        "60 m pixels of four squares, asset names as at the Planetary Computer, QA_PIXEL with errors. All of 2022.",
    ),
    "viirs-dnb-annual": (
        "VIIRS-like annual night lights",
        "15 arc-seconds, mean radiance in nW/cm2/sr and number of cloud-free nights; 0 in both where nothing was seen.",
    ),
    "synthetic-radiance-truth": (
        "truth of the night",
        "Radiance (nW/cm2/sr) and built share of four squares on 60 m pixels. For evaluation only.",
    ),
}
"""Title and text by id of what the squares add to an archive."""


class Place:
    """A square of an archive, whose ground is drawn when it is first asked for.

    Args:
        root: where the archive is being written.
        prefix: of every item id.
        seed: of the archive.
        square: where.
    """

    def __init__(self, root: Path, prefix: str, seed: int, square: Square) -> None:
        """Remember what decides everything."""
        self.root, self.prefix, self.seed, self.square = root, prefix, seed, square

    @cached_property
    def ground(self) -> Ground:
        """What stands there."""
        return build_ground(self.seed, self.square)

    @cached_property
    def radiance(self) -> Field:
        """What shines there, with margin."""
        return emitted(self.seed, self.ground)


def square_tasks(root: Path, prefix: str, seed: int, frame: Frame) -> list[Callable[[], list[Item]]]:
    """One callable per square, which writes its items and returns them."""
    return [partial(_items, Place(root, prefix, seed, square)) for square in squares_beside(frame)]


def _items(place: Place) -> list[Item]:
    return [*(_daylight(place, seen) for seen in passes(place.seed, place.square)), _night(place), _truth(place)]


def _daylight(place: Place, seen: Pass) -> Item:
    shot = photograph(place.seed, place.ground, seen)
    layers = []
    for band, numbers in zip(BANDS, shot.numbers, strict=True):
        about = {"eo:bands": [{"name": band.name, "common_name": band.asset, "center_wavelength": band.wavelength}]}
        layers.append(Layer(band.asset, numbers, 0, "1", SCALE, offset=OFFSET, extra=about))
    layers += [
        Layer("lwir11", shot.temperature, 0, "kelvin", KELVIN_SCALE, offset=KELVIN_OFFSET),
        Layer("qa_pixel", shot.quality, 1, role="data-mask"),
        Layer("qa_radsat", shot.saturated, None, role="data-mask"),
    ]
    properties = {
        "datetime": timestamp(seen.moment),
        "platform": f"landsat-{seen.satellite}",
        "instruments": ["oli", "tirs"],
        "gsd": STEP,
        "eo:cloud_cover": shot.cloud_cover,
        "view:sun_elevation": round(shot.sun.elevation, 3),
        "view:sun_azimuth": round(shot.sun.azimuth, 3),
        "landsat:collection_number": "02",
        "landsat:collection_category": "T1",
        "landsat:correction": "L2SP",
        "landsat:wrs_path": f"{seen.path:03d}",
        "landsat:wrs_row": f"{seen.row:03d}",
    }
    identifier = f"{place.prefix}_LC{seen.satellite:02d}_L2SP_{seen.path:03d}{seen.row:03d}_{seen.moment:%Y%m%d}_02_T1"
    return _write(place, "landsat-c2-l2", identifier, properties, layers, BEYOND)


def _night(place: Place) -> Item:
    cells, radiance, nights = annual(place.seed, place.square, place.radiance)
    layers = (
        Layer("avg_rad", radiance, float("nan"), "nW/cm2/sr", 1.0),
        Layer("cf_cvg", nights, None, "nights", role="data-mask"),
    )
    properties = {**_year(), "platform": "suomi-npp"}
    identifier = f"{place.prefix}_VIIRS_{YEAR}_{place.square.name}"
    rasters = [(cells.transform, layer) for layer in layers]
    return write_item(place.root, "viirs-dnb-annual", identifier, properties, cells.crs, rasters)


def _truth(place: Place) -> Item:
    window = place.square.inner()
    built = np.round(place.ground.built[window], 3)
    layers = [
        Layer("radiance", np.ascontiguousarray(place.radiance[window]), float("nan"), "nW/cm2/sr", 1.0),
        Layer("built_fraction", built, float("nan"), "1", 1.0),
    ]
    identifier = f"{place.prefix}_RADIANCE_{YEAR}_{place.square.name}"
    return _write(place, "synthetic-radiance-truth", identifier, _year(), layers, 0)


def _year() -> dict[str, str]:
    return interval(dt.date(YEAR, 1, 1), dt.date(YEAR, 12, 31))


def _write(place: Place, collection: str, identifier: str, properties: Item, layers: list[Layer], more: int) -> Item:
    transform = place.square.transform(more)
    rasters = [(transform, layer) for layer in layers]
    return write_item(place.root, collection, identifier, properties, place.square.crs, rasters)
