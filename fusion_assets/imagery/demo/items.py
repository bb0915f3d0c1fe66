"""The scenes of the demo archive: which items its collections hold, and how each is made and written.

What does not belong here: simulation (`land.py` to `lights.py`), the form of files (`catalog.py`),
the archive as a whole (`__init__.py`).
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine

from fusion_assets.imagery.demo.catalog import Layer, timestamp, write_item
from fusion_assets.imagery.demo.frame import Frame
from fusion_assets.imagery.demo.land import Land
from fusion_assets.imagery.demo.lights import NO_LABEL, Night, label_codes, label_window
from fusion_assets.imagery.demo.optics import BANDS, Scenery, sun_at
from fusion_assets.imagery.demo.settlement import EPOCH, Settlements, settlement_codes, to_cells
from fusion_assets.imagery.demo.sky import ORBITS, Acquisition, Picture, acquisitions, photograph, swath

COLLECTIONS = {
    "sentinel-2-l2a": (
        "Sentinel-2-like surface reflectance",
        "250 m pixels, asset names as in Earth Search, scene classification with errors. July to December.",
    ),
    "sentinel-2-l1c": (
        "Sentinel-2-like top-of-atmosphere reflectance",
        "250 m pixels of the south-western quarter, with QA60 (bit 10 opaque cloud, bit 11 cirrus). A few dates.",
    ),
    "viirs-dnb-monthly": (
        "VIIRS-like monthly night lights",
        "15 arc-seconds, mean radiance in nW/cm2/sr and number of cloud-free nights; 0 in both where nothing was seen.",
    ),
    "ghsl-smod-p2016": (
        "GHSL-like settlement codes",
        "1 km Mollweide cells, 0 none, 1 rural, 2 town, 3 city, 255 no data; with the errors of such labels.",
    ),
    "synthetic-truth": (
        "truth",
        "Built share (250 m) and built-up cells (1 km, settlement code 2 or 3) of each year. For evaluation only.",
    ),
}
Item = dict[str, Any]


@dataclass(frozen=True)
class World:
    """Everything simulated that items are made from.

    Attributes:
        root: where the archive is being written.
        prefix: of every item id.
        seed: of the archive.
        frame: where it lies.
        land: relief and plants.
        settlements: history.
        years: with imagery and truth.
        scenery: the land by day.
        night: the land by night.
    """

    root: Path
    prefix: str
    seed: int
    frame: Frame
    land: Land
    settlements: Settlements
    years: tuple[int, ...]
    scenery: Scenery
    night: Night


def tasks(world: World) -> list[Callable[[], list[Item]]]:
    """One callable per scene, each of which writes its items and returns them."""
    passes = list(acquisitions(world.seed, world.frame, world.years))
    # Level 1C: every second western pass of the first season, cloudy and clear ones, in the processor's old numbers.
    early = [p for p in passes if p.orbit == ORBITS[0] and p.moment.year == world.years[0]][::2]
    work = [partial(_daylight, world, p, p in early) for p in passes]
    work += [partial(_night, world, year, month) for year in world.years for month in range(1, 13)]
    work += [partial(_truth, world, year) for year in world.years]
    return [*work, partial(_labels, world)]


def _daylight(world: World, acquisition: Acquisition, with_top: bool) -> list[Item]:
    picture = photograph(world.scenery, acquisition)
    items = [_level2(world, acquisition, picture, tile) for tile in acquisition.tiles]
    return [*items, _level1(world, acquisition, picture)] if with_top else items


def _properties(world: World, acquisition: Acquisition, level: str) -> Item:
    sun = sun_at(acquisition.moment.date(), world.frame.lat)
    return {
        "datetime": timestamp(acquisition.moment),
        "platform": acquisition.platform,
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": 250,
        "view:sun_elevation": round(sun.elevation, 3),
        "view:sun_azimuth": round(sun.azimuth, 3),
        "s2:product_type": level,
    }


def _reflectance(values: np.ndarray) -> list[Layer]:
    layers = []
    for band, numbers in zip(BANDS, values, strict=True):
        about = {"name": band.name, "common_name": band.common, "center_wavelength": band.wavelength}
        layers.append(Layer(band.asset, numbers, 0, "1", 1e-4, extra={"eo:bands": [about]}))
    return layers


def _name(world: World, acquisition: Acquisition, tile: str, level: str) -> str:
    satellite = acquisition.platform[-2:].upper()
    return f"{world.prefix}_S{satellite}_R{acquisition.orbit:03d}{tile}_{acquisition.moment:%Y%m%d}_{level}"


def _window(world: World, rows: slice, cols: slice) -> Affine:
    return world.frame.transform @ Affine.translation(cols.start, rows.start)


def _level2(world: World, acquisition: Acquisition, picture: Picture, tile: str) -> Item:
    """One tile: the swath's bounding window, or its northern or southern part, a tenth of the height in common."""
    inside = swath(world.frame, acquisition.orbit)
    height = inside.shape[0]
    overlap = max(4, height // 20 // 4 * 4)
    middle = height // 2 // 4 * 4
    rows = {"": slice(0, height), "N": slice(0, middle + overlap), "S": slice(middle - overlap, height)}[tile]
    seen = np.flatnonzero(inside[rows].any(axis=0))
    cols = slice(int(seen[0]) // 4 * 4, min(inside.shape[1], -(-int(seen[-1] + 1) // 4) * 4))
    first, last = (np.flatnonzero(inside[row]) for row in (rows.start, rows.stop - 1))
    to_xy = world.frame.transform
    corners = [
        to_xy @ corner
        for corner in (
            (last[0], rows.stop),
            (last[-1] + 1, rows.stop),
            (first[-1] + 1, rows.start),
            (first[0], rows.start),
        )
    ]
    classes = picture.classes[rows, cols]
    valid = max(1, np.count_nonzero(classes))
    shares = {
        "eo:cloud_cover": (8, 9, 10),
        "s2:high_proba_clouds_percentage": (9,),
        "s2:thin_cirrus_percentage": (10,),
        "s2:cloud_shadow_percentage": (3,),
        "s2:snow_ice_percentage": (11,),
    }
    properties = {
        **_properties(world, acquisition, "S2MSI2A"),
        **{key: round(100 * np.isin(classes, codes).sum() / valid, 2) for key, codes in shares.items()},
        "s2:nodata_pixel_percentage": round(100 * float((classes == 0).mean()), 2),
        "s2:processing_baseline": acquisition.baseline,
        "earthsearch:boa_offset_applied": acquisition.baseline >= "04.00",
        "grid:code": f"SYNTHETIC-R{acquisition.orbit:03d}{tile}",
    }
    layers = [*_reflectance(picture.numbers[:, rows, cols]), Layer("scl", classes, 0, role="data-mask")]
    identifier = _name(world, acquisition, tile, "L2A")
    transform = _window(world, rows, cols)
    rasters = [(transform, layer) for layer in layers]
    return write_item(world.root, "sentinel-2-l2a", identifier, properties, world.frame.crs, rasters, corners)


def _level1(world: World, acquisition: Acquisition, picture: Picture) -> Item:
    """Level 1C of the south-western quarter."""
    height, width = picture.classes.shape
    rows, cols = slice(height // 8 * 4, height), slice(0, width // 8 * 4)
    qa60 = picture.qa60[rows, cols]
    properties = {
        **_properties(world, acquisition, "S2MSI1C"),
        "eo:cloud_cover": round(100 * float((qa60 > 0).mean()), 2),
        "s2:processing_baseline": "02.04",
        "grid:code": f"SYNTHETIC-R{acquisition.orbit:03d}SW",
    }
    layers = [*_reflectance(picture.top[:, rows, cols]), Layer("qa60", qa60, None, role="data-mask")]
    transform = _window(world, rows, cols)
    identifier = _name(world, acquisition, "SW", "L1C")
    rasters = [(transform, layer) for layer in layers]
    return write_item(world.root, "sentinel-2-l1c", identifier, properties, world.frame.crs, rasters)


def _interval(start: dt.date, end: dt.date) -> dict[str, str]:
    """Date fields of something that covers whole days, both ends included."""
    midnight = dt.time(tzinfo=dt.UTC)
    first = timestamp(dt.datetime.combine(start, midnight))
    last = timestamp(dt.datetime.combine(end, dt.time(23, 59, 59, tzinfo=dt.UTC)))
    return {"datetime": first, "start_datetime": first, "end_datetime": last}


def _night(world: World, year: int, month: int) -> list[Item]:
    radiance, nights = world.night.month(year, month)
    days = calendar.monthrange(year, month)[1]
    properties = {**_interval(dt.date(year, month, 1), dt.date(year, month, days)), "platform": "suomi-npp"}
    layers = (
        Layer("avg_rad", radiance, float("nan"), "nW/cm2/sr", 1.0),
        Layer("cf_cvg", nights, None, "nights", role="data-mask"),
    )
    window, identifier = world.night.window, f"{world.prefix}_VIIRS_{year}{month:02d}"
    rasters = [(window.transform, layer) for layer in layers]
    return [write_item(world.root, "viirs-dnb-monthly", identifier, properties, window.crs, rasters)]


def _labels(world: World) -> list[Item]:
    codes, window = label_codes(world.seed, world.frame, world.land, world.settlements), label_window(world.frame)
    properties = _interval(dt.date(EPOCH, 1, 1), dt.date(EPOCH, 12, 31))
    rasters = [(window.transform, Layer("smod_code", codes, NO_LABEL))]
    identifier = f"{world.prefix}_GHSL_SMOD_{EPOCH}"
    return [write_item(world.root, "ghsl-smod-p2016", identifier, properties, window.crs, rasters)]


def _truth(world: World, year: int) -> list[Item]:
    frame, built = world.frame, world.settlements.built(year)
    area = tuple(slice(s.start // 4, s.stop // 4) for s in frame.inner)
    codes = settlement_codes(to_cells(built))[area]
    rasters = [
        (frame.transform, Layer("built_fraction", np.ascontiguousarray(built[frame.inner]), float("nan"), "1", 1.0)),
        (frame.transform @ Affine.scale(4), Layer("built_up", (codes >= 2).astype(np.uint8))),
    ]
    properties = _interval(dt.date(year, 1, 1), dt.date(year, 12, 31))
    identifier = f"{world.prefix}_TRUTH_{year}"
    return [write_item(world.root, "synthetic-truth", identifier, properties, frame.crs, rasters)]
