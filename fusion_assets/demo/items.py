"""The scenes of the demo archive: which items its collections hold, and how each is made and written."""

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

from fusion_assets.demo.catalog import Layer, interval, timestamp, write_item
from fusion_assets.demo.collections import Level
from fusion_assets.demo.frame import Frame
from fusion_assets.demo.land import Land
from fusion_assets.demo.lights import NO_LABEL, Night, label_codes, label_window
from fusion_assets.demo.optics import BANDS, Scenery, sun_at
from fusion_assets.demo.radar import RadarPass, backscatter, radar_passes, radar_window
from fusion_assets.demo.settlement import EPOCH, Settlements, settlement_codes, to_cells
from fusion_assets.demo.sky import ORBITS, Acquisition, Picture, acquisitions, photograph, swath

# Codes of ghsl-smod-p2016 -> codes of ghsl-smod-v2.
_NEWER_CODES = {0: 11, 1: 13, 2: 21, 3: 30, NO_LABEL: -200}
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
        level: of the Sentinel-2 scenes; see `collections.collections`.
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
    level: Level = "l2a"


def tasks(world: World) -> list[Callable[[], list[Item]]]:
    """One callable per scene, each of which writes its items and returns them."""
    passes = list(acquisitions(world.seed, world.frame, world.years))
    # Level 1C: every second western pass of the first season, cloudy and clear ones, in the processor's old numbers.
    early = [p for p in passes if p.orbit == ORBITS[0] and p.moment.year == world.years[0]][::2]
    work = [partial(_daylight, world, p, p in early) for p in passes]
    work += [partial(_night, world, year, month) for year in world.years for month in range(1, 13)]
    work += [partial(_radar, world, seen) for seen in radar_passes(world.years)]
    work += [partial(_truth, world, year) for year in world.years]
    return [*work, partial(_labels, world)]


def _daylight(world: World, acquisition: Acquisition, with_top: bool) -> list[Item]:
    picture = photograph(world.scenery, acquisition)
    cuts = [(tile, _tile(world, acquisition, tile)) for tile in acquisition.tiles]
    if world.level == "l1c":
        return [_level1(world, acquisition, picture, tile, cut) for tile, cut in cuts]
    items = [_level2(world, acquisition, picture, tile, cut) for tile, cut in cuts]
    if with_top:
        height, width = picture.classes.shape
        quarter = Cut(slice(height // 8 * 4, height), slice(0, width // 8 * 4))
        items.append(_level1(world, acquisition, picture, "SW", quarter))
    return items


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


def _window(world: World, cut: Cut) -> Affine:
    return world.frame.transform @ Affine.translation(cut.cols.start, cut.rows.start)


@dataclass(frozen=True)
class Cut:
    """Part of a pass: rows and columns, and corners of the footprint (none: those of the rectangle)."""

    rows: slice
    cols: slice
    corners: list[tuple[float, float]] | None = None


def _tile(world: World, acquisition: Acquisition, tile: str) -> Cut:
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
    return Cut(rows, cols, corners)


def _level2(world: World, acquisition: Acquisition, picture: Picture, tile: str, cut: Cut) -> Item:
    classes = picture.classes[cut.rows, cut.cols]
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
    layers = [*_reflectance(picture.numbers[:, cut.rows, cut.cols]), Layer("scl", classes, 0, role="data-mask")]
    identifier = _name(world, acquisition, tile, "L2A")
    transform = _window(world, cut)
    rasters = [(transform, layer) for layer in layers]
    return write_item(world.root, "sentinel-2-l2a", identifier, properties, world.frame.crs, rasters, cut.corners)


def _level1(world: World, acquisition: Acquisition, picture: Picture, tile: str, cut: Cut) -> Item:
    qa60 = picture.qa60[cut.rows, cut.cols]
    valid = max(1, int(np.count_nonzero(picture.classes[cut.rows, cut.cols])))
    properties = {
        **_properties(world, acquisition, "S2MSI1C"),
        "eo:cloud_cover": round(100 * float((qa60 > 0).sum()) / valid, 2),
        "s2:processing_baseline": "02.04",
        "grid:code": f"SYNTHETIC-R{acquisition.orbit:03d}{tile}",
    }
    layers = [*_reflectance(picture.top[:, cut.rows, cut.cols]), Layer("qa60", qa60, None, role="data-mask")]
    transform = _window(world, cut)
    identifier = _name(world, acquisition, tile, "L1C")
    rasters = [(transform, layer) for layer in layers]
    return write_item(world.root, "sentinel-2-l1c", identifier, properties, world.frame.crs, rasters, cut.corners)


def _night(world: World, year: int, month: int) -> list[Item]:
    radiance, nights = world.night.month(year, month)
    days = calendar.monthrange(year, month)[1]
    properties = {**interval(dt.date(year, month, 1), dt.date(year, month, days)), "platform": "suomi-npp"}
    layers = (
        Layer("avg_rad", radiance, float("nan"), "nW/cm2/sr", 1.0),
        Layer("cf_cvg", nights, None, "nights", role="data-mask"),
    )
    window, identifier = world.night.window, f"{world.prefix}_VIIRS_{year}{month:02d}"
    rasters = [(window.transform, layer) for layer in layers]
    return [write_item(world.root, "viirs-dnb-monthly", identifier, properties, window.crs, rasters)]


def _radar(world: World, seen: RadarPass) -> list[Item]:
    track = seen.track
    properties = {
        "datetime": timestamp(seen.moment),
        "platform": "sentinel-1a",
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "gsd": 250,
        "sat:relative_orbit": track.orbit,
        "sat:orbit_state": track.direction,
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:product_type": "GRD",
        "sar:polarizations": ["VV", "VH"],
    }
    layers = [Layer(name, values, float("nan"), "dB", 1.0) for name, values in backscatter(world.scenery, seen).items()]
    rows, cols = radar_window(world.frame)
    transform = _window(world, Cut(rows, cols))
    identifier = f"{world.prefix}_S1A_R{track.orbit:03d}_{seen.moment:%Y%m%d}"
    rasters = [(transform, layer) for layer in layers]
    return [write_item(world.root, "sentinel-1-grd", identifier, properties, world.frame.crs, rasters)]


def _labels(world: World) -> list[Item]:
    codes, window = label_codes(world.seed, world.frame, world.land, world.settlements), label_window(world.frame)
    properties = interval(dt.date(EPOCH, 1, 1), dt.date(EPOCH, 12, 31))
    layers = {"ghsl-smod-p2016": Layer("smod_code", codes, NO_LABEL)}
    if world.level == "l1c":
        newer = np.vectorize(_NEWER_CODES.get, otypes=[np.int16])(codes)
        layers["ghsl-smod-v2"] = Layer("smod_code", newer, -200)
    identifier = f"{world.prefix}_GHSL_SMOD_{EPOCH}"
    return [
        write_item(world.root, collection, identifier, properties, window.crs, [(window.transform, layer)])
        for collection, layer in layers.items()
    ]


def _truth(world: World, year: int) -> list[Item]:
    frame, built = world.frame, world.settlements.built(year)
    area = tuple(slice(s.start // 4, s.stop // 4) for s in frame.inner)
    codes = settlement_codes(to_cells(built))[area]
    rasters = [
        (frame.transform, Layer("built_fraction", np.ascontiguousarray(built[frame.inner]), float("nan"), "1", 1.0)),
        (frame.transform @ Affine.scale(4), Layer("built_up", (codes >= 2).astype(np.uint8))),
    ]
    properties = interval(dt.date(year, 1, 1), dt.date(year, 12, 31))
    identifier = f"{world.prefix}_TRUTH_{year}"
    return [write_item(world.root, "synthetic-truth", identifier, properties, frame.crs, rasters)]
