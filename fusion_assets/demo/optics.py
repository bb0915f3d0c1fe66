"""Daylight over the simulated land: what each pixel reflects on a day, as a mixture of the materials in it.

Spectra follow published libraries and the class means of real Sentinel-2 level 2A scenes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fusion_assets.demo.frame import Frame
from fusion_assets.demo.land import Field, Land, noise, ramp, stream
from fusion_assets.demo.settlement import Settlements


class BandInfo(NamedTuple):
    """Asset key in Earth Search spelling, ESA name, STAC common name, centre wavelength (micrometres)."""

    asset: str
    name: str
    common: str
    wavelength: float


BANDS = (
    BandInfo("blue", "B02", "blue", 0.493),
    BandInfo("green", "B03", "green", 0.560),
    BandInfo("red", "B04", "red", 0.665),
    BandInfo("rededge1", "B05", "rededge", 0.704),
    BandInfo("rededge2", "B06", "rededge", 0.741),
    BandInfo("rededge3", "B07", "rededge", 0.783),
    BandInfo("nir", "B08", "nir", 0.833),
    BandInfo("nir08", "B8A", "nir08", 0.865),
    BandInfo("swir16", "B11", "swir16", 1.614),
)

# Surface reflectance in the order of BANDS.
SPECTRA = {
    "forest": (0.020, 0.037, 0.025, 0.069, 0.185, 0.225, 0.240, 0.252, 0.125),
    "crop": (0.030, 0.062, 0.042, 0.105, 0.270, 0.335, 0.355, 0.370, 0.195),
    "stubble": (0.070, 0.100, 0.125, 0.155, 0.195, 0.212, 0.228, 0.242, 0.300),
    "soil": (0.088, 0.120, 0.155, 0.182, 0.200, 0.214, 0.230, 0.243, 0.320),
    "grass": (0.038, 0.064, 0.058, 0.105, 0.195, 0.230, 0.245, 0.260, 0.225),
    "straw": (0.062, 0.090, 0.110, 0.140, 0.178, 0.195, 0.208, 0.220, 0.285),
    "rock": (0.085, 0.105, 0.125, 0.138, 0.148, 0.155, 0.162, 0.168, 0.210),
    "gravel": (0.125, 0.152, 0.175, 0.190, 0.200, 0.210, 0.218, 0.224, 0.265),
    "water": (0.060, 0.075, 0.068, 0.058, 0.040, 0.038, 0.032, 0.027, 0.010),
    "snow": (0.820, 0.830, 0.820, 0.810, 0.790, 0.770, 0.750, 0.730, 0.110),
    "roof": (0.108, 0.128, 0.146, 0.160, 0.174, 0.184, 0.192, 0.198, 0.215),
    "metal": (0.210, 0.235, 0.250, 0.258, 0.265, 0.272, 0.275, 0.278, 0.265),
}


@dataclass(frozen=True)
class Sun:
    """Where the sun stands: elevation and azimuth in degrees."""

    elevation: float
    azimuth: float


def sun_at(day: dt.date, lat: float) -> Sun:
    """Sun at half past ten, local solar time, when Sentinel-2 passes."""
    declination = np.radians(-23.44 * np.cos(2 * np.pi * (day.timetuple().tm_yday + 10) / 365.25))
    hour, latitude = np.radians(-22.5), np.radians(lat)
    up = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    east = -np.cos(declination) * np.sin(hour)
    north = np.cos(latitude) * np.sin(declination) - np.sin(latitude) * np.cos(declination) * np.cos(hour)
    return Sun(float(np.degrees(np.arcsin(up))), float(np.degrees(np.arctan2(east, north)) % 360))


def season_day(day: dt.date, lat: float) -> float:
    """Day of the year as plants see it: half a year later in the southern hemisphere."""
    number = float(day.timetuple().tm_yday)
    return number if lat >= 0 else (number + 182.5) % 365.25


def monsoon(day: float) -> float:
    """0 in the dry months to 1 in the wet ones."""
    return float(ramp(day, 150, 180) * (1 - ramp(day, 245, 285)))


class Scenery:
    """The land and its settlements, ready to be seen on any day.

    Args:
        seed: of the archive.
        frame: where.
        land: its cover.
        settlements: its history.
    """

    def __init__(self, seed: int, frame: Frame, land: Land, settlements: Settlements) -> None:
        """Evaluate what does not change from day to day."""
        self.seed, self.frame, self.land = seed, frame, land
        self.built = {year: settlements.built(year) for year in settlements.years}
        rng = stream(seed, "materials")
        shape = frame.shape
        self._metal = ramp(noise(rng, shape, 2.0) + 1.0 * noise(rng, shape, 0.5), 0.0, 2.8).astype(np.float32)
        self._roof = np.exp(0.16 * noise(rng, shape, 4) + 0.38 * noise(rng, shape, 0.8)).astype(np.float32)
        # Some settlements stand under trees, others in bare yards.
        self._garden = ramp(noise(rng, shape, 3) + 0.9 * noise(rng, shape, 0.6), -1.4, 1.4).astype(np.float32)
        self._winter_crop = ramp(noise(rng, shape, 3) + noise(rng, shape, 0.4), -0.6, 1.6).astype(np.float32)

    def materials(self, day: dt.date) -> dict[str, Field]:
        """Share of each material in each pixel on a day; they add up to 1."""
        land, when = self.land, season_day(day, self.frame.lat)
        late = land.calendar + 5 * float(stream(self.seed, "weather", day.year).standard_normal())
        wet = monsoon(when)
        green = ramp(when - late, 195, 240) * (1 - ramp(when - late, 292, 326))
        winter = self._winter_crop * max(float(ramp(when, 325, 372)), 1 - float(ramp(when, 90, 118)))
        cover = np.clip(np.maximum(0.92 * green, 0.55 * winter), 0, 0.95)
        flooded = 0.7 * land.paddy * float(ramp(when, 172, 186)) * (1 - ramp(when - late, 200, 235))
        water = (
            np.clip(1 - ramp(land.river, 0.02 + 0.12 * wet, 0.16 + 0.30 * wet), 0, 1) * (1 - land.lake) * 0.9
            + land.lake
        )
        snowline = 4300 - 900 * float(ramp(when, 285, 365)) - 900 * (1 - float(ramp(when, 60, 150)))
        snow = ramp(land.elevation, snowline - 250, snowline + 350)
        built = self.built[day.year] * (1 - water) * (1 - snow)
        yard = np.minimum(0.9 * built * (1 - 0.6 * self._garden), 0.9 * (1 - water - built).clip(0))
        open_land = (1 - water) * (1 - snow) * np.clip(1 - (built + yard), 0, 1)
        bed, rock, bare, forest, crop = (
            np.clip(v, 0, 1) * open_land for v in (land.bed, land.rock, land.bare, land.forest, land.crop)
        )
        trees = 0.3 * self._garden * np.clip(built * 3, 0, 1) * crop
        grass = np.clip(open_land - bed - rock - bare - forest - crop, 0, 1)
        lush = 0.25 + 0.75 * float(ramp(when, 150, 185) * (1 - ramp(when, 280, 335)))
        crop = crop - trees
        bare_field = np.clip(crop * (1 - cover - flooded * (1 - cover)), 0, 1)
        return {
            "forest": forest + trees,
            "crop": crop * cover,
            "stubble": bare_field * 0.6,
            "soil": bare_field * 0.4 + bare + 0.5 * yard,
            "grass": grass * lush,
            "straw": grass * (1 - lush),
            "rock": rock,
            "gravel": bed,
            "water": water * (1 - snow) + crop * flooded * (1 - cover),
            "snow": snow * (1 - 0.9 * water),
            "roof": built * (1 - self._metal) + 0.5 * yard,
            "metal": built * self._metal,
        }

    def surface(
        self, day: dt.date, window: tuple[slice, slice], spectra: Mapping[str, Sequence[float]] = SPECTRA
    ) -> tuple[Field, dict[str, Field]]:
        """Reflectance (band, row, col) on a day as the ground sends it up, lit by the sun, and the materials.

        Args:
            day: of the year and its season.
            window: rows and columns, with margin.
            spectra: reflectance of each material, a number a band.
        """
        land = self.land
        shares = {name: share[window].astype(np.float32) for name, share in self.materials(day).items()}
        bright = {
            "forest": land.trees,
            "crop": land.trees,
            "stubble": land.soil,
            "soil": land.soil,
            "gravel": land.soil,
            "rock": land.soil,
            "roof": self._roof,
            "metal": self._roof,
        }
        bands = len(next(iter(spectra.values())))
        values = np.zeros((bands, *next(iter(shares.values())).shape), np.float32)
        for name, share in shares.items():
            lit = share * bright[name][window] if name in bright else share
            values += np.array(spectra[name], np.float32)[:, None, None] * lit
        values *= self.illumination(day)[window]
        return values, shares

    def illumination(self, day: dt.date) -> Field:
        """Light on slopes relative to level ground, as topographic correction leaves it."""
        sun, land = sun_at(day, self.frame.lat), self.land
        zenith, slope = np.radians(90 - sun.elevation), np.radians(land.slope)
        facing = np.cos(zenith) * np.cos(slope)
        facing = facing + np.sin(zenith) * np.sin(slope) * np.cos(np.radians(sun.azimuth) - land.aspect)
        relative = np.clip(facing + 0.25, 0.1, None) / (np.cos(zenith) + 0.25)
        return (relative**0.7).astype(np.float32)
