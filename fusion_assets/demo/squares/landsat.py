"""Landsat 8 and 9 over a square: passes of a year, clouds, and numbers and masks as Collection 2 level 2 states them.

A mask here is what a processor would have written, not what is true: it misses thin cloud and calls bright roofs cloud.

Source: https://www.usgs.gov/landsat-missions/landsat-collection-2-level-2-science-products
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.land import Field, ramp, stream
from fusion_assets.demo.optics import SPECTRA, Sun, monsoon, season_day, sun_at
from fusion_assets.demo.squares.ground import Ground
from fusion_assets.demo.squares.place import YEAR, Square, grain


class LandsatBand(NamedTuple):
    """Asset key at the Planetary Computer and Earth Search, USGS's name, centre wavelength (micrometres)."""

    asset: str
    name: str
    wavelength: float


BANDS = (
    LandsatBand("coastal", "SR_B1", 0.443),
    LandsatBand("blue", "SR_B2", 0.482),
    LandsatBand("green", "SR_B3", 0.561),
    LandsatBand("red", "SR_B4", 0.655),
    LandsatBand("nir08", "SR_B5", 0.865),
    LandsatBand("swir16", "SR_B6", 1.609),
    LandsatBand("swir22", "SR_B7", 2.201),
)
SCALE, OFFSET = 2.75e-5, -0.2
KELVIN_SCALE, KELVIN_OFFSET = 0.00341802, 149.0
BEYOND = 24
"""Pixels of a scene beyond the square: all whose light reaches into it through the sensor's footprint."""
PASSES = 10
_PATHS = {
    "radiance_city": (140, 40),
    "radiance_towns": (139, 40),
    "radiance_river": (140, 42),
    "radiance_reserved": (139, 42),
}
# Of the bands of `optics.BANDS`, those that Landsat has; what it has besides is a multiple of its neighbour.
_SHARED = [0, 0, 1, 2, 7, 8, 8]
_COASTAL = 0.86
_SWIR22 = {"forest": 0.45, "crop": 0.52, "stubble": 0.75, "soil": 0.84, "grass": 0.68, "water": 0.7, "gravel": 0.93}
_DRY_SWIR22 = 0.95
# In the order of `BANDS`.
_MORE_SPECTRA = {
    "asphalt": (0.062, 0.070, 0.082, 0.092, 0.118, 0.140, 0.138),
    "glass": (0.180, 0.205, 0.235, 0.235, 0.340, 0.290, 0.190),
}
# Kelvin above the air at noon.
_WARMER = {
    "forest": 0,
    "crop": 2,
    "stubble": 7,
    "soil": 9,
    "water": -3,
    "gravel": 8,
    "roof": 10,
    "metal": 5,
    "glass": 4,
}
_WARM = 7
_CLOUD = np.array([1.0, 1.0, 1.0, 1.0, 1.02, 0.72, 0.55], np.float32)
_CIRRUS = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 0.8, 0.7], np.float32)
_NOISE = 0.0012
_STEPS = 16
"""Numbers are multiples of this (0.0004 in reflectance), which is below the noise and compresses."""
# Low confidence of cloud, shadow, snow and cirrus.
_BASE = 1 << 8 | 1 << 10 | 1 << 12 | 1 << 14
_FILL, _DILATED, _CIRRUS_BIT, _CLOUD_BIT, _SHADOW, _CLEAR, _WATER = (1 << bit for bit in (0, 1, 2, 3, 4, 6, 7))


@dataclass(frozen=True)
class Pass:
    """One scene of a square.

    Attributes:
        moment: UTC.
        satellite: 8 or 9.
        path: of the Worldwide Reference System 2.
        row: likewise.
        cut: whether the swath's edge crosses the square.
    """

    moment: dt.datetime
    satellite: int
    path: int
    row: int
    cut: bool


@dataclass(frozen=True)
class Shot:
    """What a pass delivers, on the square's pixels and `BEYOND` around it.

    Attributes:
        numbers: of `BANDS` (band, row, col), reflectance = number x `SCALE` + `OFFSET`; 0 outside the swath.
        temperature: kelvin = number x `KELVIN_SCALE` + `KELVIN_OFFSET`; 0 outside the swath.
        quality: bits of QA_PIXEL.
        saturated: bits of QA_RADSAT.
        cloud_cover: percent of the swath that the mask calls cloud.
        sun: where it stood.
    """

    numbers: npt.NDArray[np.uint16]
    temperature: npt.NDArray[np.uint16]
    quality: npt.NDArray[np.uint16]
    saturated: npt.NDArray[np.uint16]
    cloud_cover: float
    sun: Sun


def passes(seed: int, square: Square) -> Iterator[Pass]:
    """Ten scenes of the year, by date, of either satellite in turn; each comes every 16 days, 8 days apart."""
    rng = stream(seed, "square", square.name, "passes")
    path, row = _PATHS[square.name]
    days = np.sort(rng.choice(45, PASSES, replace=False))
    half_past_ten = dt.timedelta(hours=10.5 - square.lonlat()[0] / 15)
    for number, day in enumerate(days):
        date = dt.date(YEAR, 1, 2 + 5 * (path % 2)) + dt.timedelta(days=8 * int(day))
        moment = dt.datetime.combine(date, dt.time(0, 0, row), dt.UTC) + half_past_ten
        yield Pass(moment.replace(microsecond=0), 8 + int(day) % 2, path, row, number == 3)


def materials(ground: Ground, day: dt.date, lat: float) -> dict[str, Field]:
    """Share of each material in each pixel on a day."""
    when = season_day(day, lat)
    green = float(np.clip(ramp(when, 195, 240) * (1 - ramp(when, 292, 326)) + 0.6 * (1 - ramp(when, 75, 110)), 0, 1))
    leaves = np.float32(0.08 + 0.84 * green)
    grass = np.clip(1 - sum((ground.built, ground.water, ground.bed, ground.forest, ground.crop)), 0, 1)
    grass = np.clip(grass - sum(ground.materials.values()), 0, 1)
    shares = {
        "forest": ground.forest,
        "crop": ground.crop * leaves,
        "stubble": ground.crop * (1 - leaves) * 0.6,
        "soil": ground.crop * (1 - leaves) * 0.4 + 0.5 * grass,
        "grass": 0.5 * grass,
        "water": ground.water,
        "gravel": ground.bed,
        "roof": 0.85 * ground.built,
        "metal": 0.15 * ground.built,
    }
    for name, share in ground.materials.items():
        shares[name] = shares.get(name, 0) + share
    return shares


def spectrum(material: str) -> Field:
    """Surface reflectance of a material in `BANDS`."""
    if material in _MORE_SPECTRA:
        return np.array(_MORE_SPECTRA[material], np.float32)
    values = np.array(SPECTRA[material], np.float32)[_SHARED]
    values[0] *= _COASTAL
    values[-1] *= _SWIR22.get(material, _DRY_SWIR22)
    return values


def photograph(seed: int, ground: Ground, seen: Pass) -> Shot:
    """Simulate one pass: ground, haze, cloud, cirrus and shadow, then what the processor makes of them."""
    square, day, window = ground.square, seen.moment.date(), ground.square.inner(BEYOND)
    _, lat = square.lonlat()
    lasting = stream(seed, "square", square.name, "materials")
    rng = stream(seed, "square", square.name, "picture", day)
    shares = {name: share[window] for name, share in materials(ground, day, lat).items()}
    shape, sun, wet = shares["water"].shape, sun_at(day, lat), monsoon(season_day(day, lat))
    bright = np.exp(0.12 * grain(lasting, shape, 1.5) + 0.2 * grain(lasting, shape, 0.12)).astype(np.float32)
    surface = sum(spectrum(name)[:, None, None] * share * bright for name, share in shares.items())
    opacity, cirrus, shade = _clouds(rng, shape, wet, sun)
    haze = (0.004 * rng.standard_normal() + 0.004 * grain(rng, shape, 5, 2.0)) * np.array(
        [(0.482 / band.wavelength) ** 1.6 for band in BANDS]
    )[:, None, None]
    seen_from_above = (surface * (1 - 0.5 * shade) + haze + cirrus * _CIRRUS[:, None, None]) * (1 - opacity)
    seen_from_above += (0.55 + 0.09 * grain(rng, shape, 0.5)) * _CLOUD[:, None, None] * opacity
    seen_from_above += _NOISE * rng.standard_normal(seen_from_above.shape, dtype=np.float32)
    inside = _swath(shape) if seen.cut else np.ones(shape, bool)
    quality = _quality(rng, seen_from_above, shares, opacity, cirrus, shade)
    cloud = inside & ((quality & (_CLOUD_BIT | _CIRRUS_BIT)) > 0)
    return Shot(
        numbers=_stored((seen_from_above - OFFSET) / SCALE, inside),
        temperature=_stored((_kelvin(rng, shares, opacity, shade, day, lat) - KELVIN_OFFSET) / KELVIN_SCALE, inside, 4),
        quality=np.where(inside, quality, _FILL).astype(np.uint16),
        saturated=np.where(inside, _saturated(seen_from_above), 0).astype(np.uint16),
        cloud_cover=round(float(100 * cloud.sum() / inside.sum()), 2),
        sun=sun,
    )


def _swath(shape: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """Pixels west of the edge of a swath that slants across the square."""
    rows, cols = np.indices(shape)
    return cols < 0.7 * shape[1] - 0.17 * (rows - shape[0] / 2)


def _clouds(rng: np.random.Generator, shape: tuple[int, int], wet: float, sun: Sun) -> tuple[Field, Field, Field]:
    """Opacity (0 to 1) of cloud, reflectance of cirrus, and depth of shadow (0 to 1)."""
    cover = float(np.clip(rng.beta(1.6, 2.0) if wet > 0.5 else rng.beta(0.7, 3.5), 0.002, 0.97))
    field = grain(rng, shape, 2.5, 1.5) + 0.5 * grain(rng, shape, 0.4, 1.3)
    depth = field - np.quantile(field, 1 - cover)
    opacity = np.clip(1 - np.exp(-3.2 * np.clip(depth + 0.05, 0, None)), 0, 1)
    cirrus = 0.03 * np.clip(grain(rng, shape, 4, 1.8) - rng.uniform(0.6, 3.0), 0, 2)
    # Shadows of clouds at 1500 m, away from the sun.
    reach, away = 1500 / 60 / np.tan(np.radians(sun.elevation)), np.radians(sun.azimuth + 180)
    shade = np.roll(opacity, (round(-reach * np.cos(away)), round(reach * np.sin(away))), (0, 1))
    return opacity.astype(np.float32), cirrus.astype(np.float32), (shade * (1 - opacity)).astype(np.float32)


def _quality(
    rng: np.random.Generator, seen: Field, shares: dict[str, Field], opacity: Field, cirrus: Field, shade: Field
) -> npt.NDArray[np.int64]:
    """QA_PIXEL as a processor would write it, errors included."""
    from scipy import ndimage

    shape = opacity.shape
    doubt = grain(rng, shape, 0.3, 1.2)
    roofs = ramp(seen[1:4].mean(axis=0), 0.13, 0.22) * rng.uniform(0.1, 0.5)
    # Some of the clouds are overlooked as a whole.
    found = opacity * (1 - 0.75 * ramp(grain(rng, shape, 0.7), 1.2, 1.8))
    cloud = (found + 0.08 * doubt > 0.3) | (rng.random(shape) < 0.6 * roofs)
    dilated = ndimage.binary_dilation(ndimage.binary_opening(cloud), iterations=3) & ~cloud
    veil = cirrus > 0.022 + 0.006 * doubt
    shadow = (shade > 0.45) & (doubt > -0.25) & ~cloud
    quality = np.full(shape, _BASE)
    # Bits 8 and 9, 10 and 11, 14 and 15 hold confidence: 3 where it is high.
    for where, bits in ((cloud, _CLOUD_BIT | 1 << 9), (shadow, _SHADOW | 1 << 11), (veil, _CIRRUS_BIT | 1 << 15)):
        quality[where] |= bits
    quality[dilated] |= _DILATED
    quality[~cloud & ~dilated] |= _CLEAR
    quality[(shares["water"] > 0.5) & ~cloud] |= _WATER
    return quality


def _saturated(seen: Field) -> npt.NDArray[np.int64]:
    """QA_RADSAT: a bit for each band that is brighter than its detector can tell."""
    return sum((band > 0.78).astype(np.int64) << number for number, band in enumerate(seen))


def _kelvin(
    rng: np.random.Generator, shares: dict[str, Field], opacity: Field, shade: Field, day: dt.date, lat: float
) -> Field:
    """Temperature of the surface, kelvin; the thermal band's own pixels are coarser."""
    from scipy import ndimage

    warmth = float(np.cos(2 * np.pi * (season_day(day, lat) - 160) / 365.25))
    ground = sum(share * _WARMER.get(name, _WARM) for name, share in shares.items())
    heat = 295 + 9 * warmth + rng.normal(0, 2) + (0.7 + 0.3 * warmth) * ground
    heat = (heat - 4 * shade) * (1 - opacity) + 265 * opacity
    return ndimage.gaussian_filter(heat, 0.8) + 0.15 * rng.standard_normal(heat.shape)


def _stored(numbers: Field, inside: npt.NDArray[np.bool_], times: int = 1) -> npt.NDArray[np.uint16]:
    """Numbers in whole steps, 0 outside the swath."""
    step = _STEPS * times
    return np.where(inside, np.clip(step * np.rint(numbers / step), step, 65_520), 0).astype(np.uint16)
