"""The scenes of a place as STAC items, with what real ones say of themselves: which days, and how each is written.

Sentinel-2 level 2A is delivered with the shift of its numbers from baseline 04.00 on, as at the Planetary Computer.
Sentinel-1 is sigma nought in decibels (`sentinel-1-grd`), and one pass also gamma nought, linear (`sentinel-1-rtc`).
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.catalog import Layer, interval, timestamp, write_item
from fusion_assets.demo.optics import Scenery, sun_at
from fusion_assets.demo.pairs.cover import corine, land_cover
from fusion_assets.demo.pairs.echo import uneven
from fusion_assets.demo.pairs.ground import YEARS, scenery_of
from fusion_assets.demo.pairs.place import SIDE, STEP, Place, coarser
from fusion_assets.demo.pairs.sight import BANDS, COARSE, TWELVE
from fusion_assets.demo.radar import TRACKS, RadarPass, Track, backscatter
from fusion_assets.demo.sky import Acquisition, photograph

COLLECTIONS = {
    "sentinel-2-l2a": (
        "Sentinel-2-like surface reflectance",
        "Twelve bands with pixels of 10, 20 and 60 m and a scene classification with errors. December to February.",
    ),
    "sentinel-1-grd": (
        "Sentinel-1-like backscatter",
        "10 m pixels, sigma nought, VV and VH in dB with speckle, of two tracks. December to January.",
    ),
    "sentinel-1-rtc": (
        "Sentinel-1-like terrain-corrected backscatter",
        "10 m pixels, gamma nought, VV and VH as linear power with speckle. One pass.",
    ),
    "esa-worldcover": ("land cover", "20 m pixels, codes of ESA WorldCover. Without errors."),
    "corine-land-cover": ("CORINE land cover", "100 m cells, codes 111 to 523, smallest unit 25 hectares."),
}
"""Title and text by id."""
Item = dict[str, Any]


class Shot(NamedTuple):
    """A pass of Sentinel-2: day, satellite, processing baseline, share of clouds, and of the columns that are seen."""

    day: dt.date
    satellite: str
    baseline: str
    cover: float
    seen: float


class Echo(NamedTuple):
    """A pass of Sentinel-1: day and track, and whether it is also delivered terrain-corrected."""

    day: dt.date
    track: Track
    corrected: bool


SHOTS = (
    Shot(dt.date(2021, 12, 6), "2a", "03.01", 0.12, 1.0),
    Shot(dt.date(2021, 12, 16), "2a", "03.01", 0.05, 0.7),
    Shot(dt.date(2022, 1, 20), "2b", "03.01", 0.25, 1.0),
    Shot(dt.date(2022, 1, 30), "2b", "04.00", 0.08, 1.0),
)
"""Each is within three days of a pass of radar."""
LONE = Shot(dt.date(2022, 2, 14), "2a", "04.00", 0.05, 1.0)
"""Has no pass of radar within three days; the first place has it."""
ECHOES = (
    Echo(dt.date(2021, 12, 5), TRACKS[0], False),
    Echo(dt.date(2021, 12, 14), TRACKS[1], False),
    Echo(dt.date(2022, 1, 22), TRACKS[0], True),
    Echo(dt.date(2022, 1, 31), TRACKS[1], False),
)
"""Every twelve days of a track, some left out."""
INCIDENCE = {"ascending": 39.2, "descending": 35.6}
"""Degrees, by direction."""
_ORBIT = 119
_SHIFT = 1000
_STEP = 8
# Of the digital numbers; below the noise, and compresses.
_STEP_DB = 0.25
# Far below speckle, a multiple of 0.01 dB, and exact in binary, so that it compresses.
_BITS = 6
# Of the fraction of linear power: to 0.8 %, far below speckle.


def write_place(root: Path, prefix: str, place: Place, first: bool) -> list[Item]:
    """Write every item of a place, and return them.

    Args:
        root: of the archive.
        prefix: of every item id.
        place: where.
        first: whether it is the first of its world, which has one scene more.
    """
    scenery = scenery_of(place)
    items = [_daylight(root, prefix, place, scenery, shot) for shot in (*SHOTS, LONE)[: None if first else -1]]
    for echo in ECHOES:
        items += _radar(root, prefix, place, scenery, echo)
    return [*items, *_maps(root, prefix, place, scenery)]


def _daylight(root: Path, prefix: str, place: Place, scenery: Scenery, shot: Shot) -> Item:
    frame = place.frame
    moment = _moment(place, shot.day, 10.5)
    acquisition = Acquisition(moment, f"sentinel-{shot.satellite}", _ORBIT, shot.baseline, ("",))
    # The western part of the swath's edge, slanted as a descending pass is.
    column = np.arange(SIDE)[None, :] - 0.17 * (SIDE / 2 - np.arange(SIDE)[:, None])
    inside = column < (shot.seen * SIDE if shot.seen < 1 else np.inf)
    picture = photograph(scenery, acquisition, TWELVE, shot.cover, inside)
    shifted = shot.baseline >= "04.00"
    layers = []
    for band, values in zip(BANDS, picture.numbers, strict=True):
        held = _delivered(values, COARSE.get(band.name, 1), shifted)
        about = {"name": band.name, "common_name": band.common, "center_wavelength": band.wavelength}
        extra = {"eo:bands": [about], "gsd": STEP * SIDE / held.shape[0]}
        layers.append(Layer(band.asset, held, 0, "1", 1e-4, extra=extra, offset=-0.1 if shifted else 0))
    classes = np.ascontiguousarray(picture.classes[::2, ::2])
    layers.append(Layer("scl", classes, 0, role="data-mask"))
    sun, seen = sun_at(shot.day, frame.lat), max(1, int(np.count_nonzero(classes)))
    shares = {
        "eo:cloud_cover": (8, 9, 10),
        "s2:high_proba_clouds_percentage": (9,),
        "s2:thin_cirrus_percentage": (10,),
        "s2:cloud_shadow_percentage": (3,),
        "s2:snow_ice_percentage": (11,),
    }
    properties = {
        "datetime": timestamp(moment),
        "platform": acquisition.platform,
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": STEP,
        "sat:relative_orbit": _ORBIT,
        "sat:orbit_state": "descending",
        "view:sun_elevation": round(sun.elevation, 3),
        "view:sun_azimuth": round(sun.azimuth, 3),
        **{key: round(100 * float(np.isin(classes, codes).sum()) / seen, 2) for key, codes in shares.items()},
        "s2:nodata_pixel_percentage": round(100 * float((classes == 0).mean()), 2),
        "s2:product_type": "S2MSI2A",
        "s2:processing_baseline": shot.baseline,
        "grid:code": f"SYNTHETIC-{place.name}",
    }
    identifier = f"{prefix}_S{shot.satellite.upper()}_{place.name}_{shot.day:%Y%m%d}_L2A"
    return _write(root, "sentinel-2-l2a", identifier, properties, place, layers)


def _delivered(values: npt.NDArray[np.uint16], times: int, shifted: bool) -> npt.NDArray[np.uint16]:
    """Numbers of a band on its own pixels, 0 where any part was not seen."""
    mean = np.maximum(_STEP * np.rint(coarser(values, times) / _STEP), _STEP) + _SHIFT * shifted
    rows, cols = (n // times for n in values.shape)
    whole = (values.reshape(rows, times, cols, times) > 0).all(axis=(1, 3))
    return np.where(whole, mean, 0).astype(np.uint16)


def _radar(root: Path, prefix: str, place: Place, scenery: Scenery, echo: Echo) -> list[Item]:
    track, moment = echo.track, _moment(place, echo.day, 18.0 if echo.track.direction == "ascending" else 6.0)
    whole = slice(0, SIDE), slice(0, SIDE)
    flattened = backscatter(scenery, RadarPass(moment, track), whole)
    rough, facing = uneven(place.seed, scenery, track, echo.day)
    decibels = {name: _stepped(values + rough + facing) for name, values in flattened.items()}
    incidence = INCIDENCE[track.direction]
    properties = {
        "datetime": timestamp(moment),
        "platform": "sentinel-1a",
        "constellation": "sentinel-1",
        "instruments": ["c-sar"],
        "gsd": STEP,
        "sat:relative_orbit": track.orbit,
        "sat:orbit_state": track.direction,
        "sar:instrument_mode": "IW",
        "sar:frequency_band": "C",
        "sar:polarizations": ["VV", "VH"],
        "sar:observation_direction": "right",
        "view:incidence_angle": incidence,
    }
    identifier = f"{prefix}_S1A_{place.name}_R{track.orbit:03d}_{echo.day:%Y%m%d}"
    layers = [Layer(name, values, float("nan"), "dB", 1.0) for name, values in decibels.items()]
    about = properties | {"sar:product_type": "GRD"}
    items = [_write(root, "sentinel-1-grd", identifier, about, place, layers)]
    if echo.corrected:
        flat = np.cos(np.radians(incidence))
        power = {name: _shortened(10 ** ((values + rough) / 10) / flat) for name, values in flattened.items()}
        layers = [Layer(name, values, -32768, "1", 1.0) for name, values in power.items()]
        about = properties | {"sar:product_type": "RTC"}
        items.append(_write(root, "sentinel-1-rtc", f"{identifier}_rtc", about, place, layers))
    return items


def _stepped(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Decibels as stored."""
    return (_STEP_DB * np.rint(values / _STEP_DB)).astype(np.float32)


def _shortened(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Numbers without the last bits of their fraction."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.rint(mantissa * 2**_BITS) / 2**_BITS, exponent).astype(np.float32)


def _maps(root: Path, prefix: str, place: Place, scenery: Scenery) -> list[Item]:
    properties = interval(dt.date(YEARS[0], 1, 1), dt.date(YEARS[-1], 12, 31))
    return [
        _write(root, collection, f"{prefix}_{word}_{place.name}", properties, place, [layer])
        for collection, word, layer in (
            ("esa-worldcover", "COVER", Layer("map", land_cover(scenery), 0)),
            ("corine-land-cover", "CORINE", Layer("corine", corine(scenery), 0)),
        )
    ]


def _moment(place: Place, day: dt.date, hour: float) -> dt.datetime:
    """UTC of a local solar time on a local day."""
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    return (midnight + dt.timedelta(hours=hour - place.frame.lon / 15)).replace(microsecond=0)


def _write(root: Path, collection: str, identifier: str, properties: Item, place: Place, layers: list[Layer]) -> Item:
    rasters = [(place.transform(layer.values.shape[0]), layer) for layer in layers]
    return write_item(root, collection, identifier, properties, place.crs, rasters)
