"""Sentinel-2 acquisitions over the simulated land: orbits, swaths, haze, clouds, shadows, and masks that err.

A mask here is what a processor would have written, not what is true: it misses thin cloud, cloud edges and shadow,
and calls bright roofs, gravel and snow cloud.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.frame import PIXEL, Frame
from fusion_assets.demo.land import Field, noise, ramp, stream
from fusion_assets.demo.optics import BANDS, SPECTRA, Scenery, monsoon, season_day, sun_at

ORBITS = (119, 19)


@dataclass(frozen=True)
class Sight:
    """What a camera sees: its bands, the first nine of which are `BANDS`.

    Attributes:
        spectra: reflectance of each material, a number a band.
        wavelengths: centres, micrometres.
        cloud: brightness of cloud in each band, relative to the blue.
    """

    spectra: Mapping[str, Sequence[float]]
    wavelengths: Sequence[float]
    cloud: Sequence[float]

    @property
    def blueness(self) -> Field:
        """Path radiance and haze, which fall with wavelength."""
        return np.array([(0.493 / each) ** 1.6 for each in self.wavelengths], np.float32)


NINE = Sight(SPECTRA, [band.wavelength for band in BANDS], (1.0, 1.0, 1.02, 1.02, 1.02, 1.02, 1.03, 1.03, 0.72))


@dataclass(frozen=True)
class Acquisition:
    """One pass of one satellite.

    Attributes:
        moment: UTC.
        platform: `sentinel-2a` or `sentinel-2b`.
        orbit: relative orbit; the first sees the west of the area, the second the east, both the middle.
        baseline: processing baseline of the delivered product.
        tiles: how the pass is cut: one tile, or a northern and a southern one that overlap.
    """

    moment: dt.datetime
    platform: str
    orbit: int
    baseline: str
    tiles: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    """What an acquisition delivers, on the area's 250 m pixels (no margin).

    Attributes:
        numbers: level 2A digital numbers (band, row, col), 1e-4 reflectance each, 0 outside the swath.
        classes: scene classification, 0 to 11.
        top: level 1C digital numbers, likewise.
        qa60: bit 10 opaque cloud, bit 11 cirrus.
        cloud_cover: percent of the swath that the mask calls cloud.
    """

    numbers: npt.NDArray[np.uint16]
    classes: npt.NDArray[np.uint8]
    top: npt.NDArray[np.uint16]
    qa60: npt.NDArray[np.uint16]
    cloud_cover: float


def acquisitions(seed: int, frame: Frame, years: Sequence[int]) -> Iterator[Acquisition]:
    """All passes of the seasons (1 July to 31 December), by date: 10 to 12 a season from each of two orbits."""
    for year in years:
        rng = stream(seed, "passes", year)
        passes = []
        for number, orbit in enumerate(ORBITS):
            first = dt.date(year, 7, 4) + dt.timedelta(days=3 * number)
            twin = year >= 2018
            days = [first + dt.timedelta(days=(5 if twin else 10) * k) for k in range(36 if twin else 18)]
            count = 11 if twin else 10
            chosen = np.linspace(0, len(days) - 1, count) + rng.uniform(-0.4, 0.4, count) * (len(days) / count - 1)
            for k in sorted({int(i) for i in np.clip(chosen.round(), 0, len(days) - 1)}):
                passes.append((days[k], orbit, "sentinel-2b" if twin and k % 2 else "sentinel-2a"))
        for number, (day, orbit, platform) in enumerate(sorted(passes)):
            minute = round((10.5 - frame.lon / 15) * 60 + 4 * ORBITS.index(orbit))
            moment = dt.datetime.combine(day, dt.time(), dt.UTC) + dt.timedelta(
                minutes=minute, seconds=int(rng.integers(60))
            )
            # Some products were delivered anew by a later processor, with Earth Search taking its offset out.
            baseline = "05.00" if number % 7 == 3 else "02.04" if year < 2018 else "02.07"
            tiles = ("N", "S") if number % 4 == 1 else ("",)
            yield Acquisition(moment, platform, orbit, baseline, tiles)


def swath(frame: Frame, orbit: int) -> npt.NDArray[np.bool_]:
    """Which pixels of the area an orbit sees: its side and the middle, cut by the slant of a descending pass."""
    rows, cols = frame.shape[0] - 2 * frame.inner[0].start, frame.shape[1] - 2 * frame.inner[1].start
    slant = 0.17 * (rows / 2 - np.arange(rows)[:, None])
    column = np.arange(cols)[None, :] - slant
    return column < 0.60 * cols if orbit == ORBITS[0] else column >= 0.40 * cols


def _clouds(rng: np.random.Generator, scenery: Scenery, cover: float) -> tuple[Field, Field]:
    """Opacity (0 to 1) of cloud and reflectance of cirrus."""
    shape = scenery.frame.shape
    heights = 0.25 * ramp(scenery.land.elevation, 600, 3000)
    field = noise(rng, shape, 9, 1.5) + 0.55 * noise(rng, shape, 1.2, 1.3) + heights
    depth = field - np.quantile(field, 1 - min(cover, 0.995))
    opacity = np.clip(1 - np.exp(-3.2 * np.clip(depth + 0.05, 0, None)), 0, 1)
    veil = noise(rng, shape, 14, 1.8) - rng.uniform(0.2, 2.2)
    return opacity.astype(np.float32), (0.03 * np.clip(veil, 0, 2)).astype(np.float32)


def _shifted(field: Field, rows: int, cols: int) -> Field:
    """Moved down and right; what comes in from outside repeats the edge."""
    r = np.clip(np.arange(field.shape[0]) - rows, 0, field.shape[0] - 1)
    c = np.clip(np.arange(field.shape[1]) - cols, 0, field.shape[1] - 1)
    return field[r][:, c]


def photograph(
    scenery: Scenery,
    acquisition: Acquisition,
    sight: Sight = NINE,
    cover: float | None = None,
    inside: npt.NDArray[np.bool_] | None = None,
) -> Picture:
    """Simulate one pass: ground, haze, cloud, cirrus and shadow, then what the processor makes of them.

    Args:
        scenery: what is seen.
        acquisition: when, and from which orbit.
        sight: the bands.
        cover: share of the sky with clouds; drawn by the season when left out.
        inside: pixels of the area that are seen; the orbit's swath when left out.
    """
    frame, day = scenery.frame, acquisition.moment.date()
    rng = stream(scenery.seed, "picture", day, acquisition.orbit)
    window, shape = frame.inner, frame.shape
    wet, sun = monsoon(season_day(day, frame.lat)), sun_at(day, frame.lat)
    usual = float(np.clip(rng.beta(2.2, 1.6) if wet > 0.5 else rng.beta(1.0, 2.2), 0.01, 0.97))
    cover = usual if cover is None else cover
    blueness, bright = sight.blueness[:, None, None], np.array(sight.cloud, np.float32)[:, None, None]
    opacity, cirrus = _clouds(rng, scenery, cover)
    reach = rng.uniform(1200, 2800) / max(0.3, np.tan(np.radians(sun.elevation))) / PIXEL
    away = np.radians(sun.azimuth + 180)
    shade = _shifted(opacity, round(-reach * np.cos(away)), round(reach * np.sin(away)))
    shade = shade[window] * (1 - opacity[window])
    surface, shares = scenery.surface(day, window, sight.spectra)
    # Each orbit looks from its own side, which brightens rough ground a little.
    surface *= (1.03 if acquisition.orbit == ORBITS[0] else 0.98) * float(np.exp(0.025 * rng.standard_normal()))
    surface *= 1 - 0.5 * shade
    low = 1 - ramp(scenery.land.elevation[window], 300, 1500)
    thick = rng.uniform(0, 0.022) * low * np.clip(1 + 0.7 * noise(rng, shape, 15, 2.0)[window], 0, None)
    residual = 0.006 * rng.standard_normal()
    opacity, cirrus = opacity[window], cirrus[window]
    cloud = (0.52 + 0.1 * noise(rng, shape, 2)[window])[None] * bright
    seen = surface + (thick + residual)[None] * blueness + cirrus[None]
    seen = seen * (1 - opacity) + cloud * opacity
    seen *= 1 + 0.005 * rng.standard_normal(seen.shape, dtype=np.float32)
    seen += 0.0006 * rng.standard_normal(seen.shape, dtype=np.float32)
    inside = swath(frame, acquisition.orbit) if inside is None else inside
    numbers = _stored(seen, inside)
    classes = _classify(rng, seen, shares, opacity, cirrus, shade, scenery.illumination(day)[window])
    classes = np.where(inside, classes, 0).astype(np.uint8)
    top = _stored(seen * 0.88 + 0.085 * blueness, inside)
    found = np.isin(classes, (8, 9, 10))
    qa60 = np.where(np.isin(classes, (8, 9)), 1 << 10, 0) | np.where(classes == 10, 1 << 11, 0)
    return Picture(numbers, classes, top, qa60.astype(np.uint16), round(float(100 * found[inside].mean()), 2))


def _stored(reflectance: Field, inside: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint16]:
    """Digital numbers, 0 outside the swath; in steps of 8 (0.0008), which is below the noise and compresses."""
    return np.where(inside, np.clip(8 * np.rint(reflectance * 1250), 8, 16000), 0).astype(np.uint16)


def _classify(
    rng: np.random.Generator,
    seen: Field,
    shares: dict[str, Field],
    opacity: Field,
    cirrus: Field,
    shade: Field,
    light: Field,
) -> npt.NDArray[np.uint8]:
    """Scene classification as a processor would write it, errors included."""
    shape = opacity.shape
    doubt = noise(rng, shape, 0.8, 1.2)
    chance = rng.random(shape, dtype=np.float32)
    ndvi = (seen[6] - seen[2]) / (seen[6] + seen[2] + 1e-6)
    classes = np.where(ndvi > 0.36 + 0.03 * doubt, 4, 5).astype(np.uint8)
    classes[(np.abs(ndvi - 0.3) < 0.08) & (chance < 0.25)] = 7
    classes[(light < 0.5) & (seen[6] < 0.12)] = 2
    classes[shares["water"] > 0.55] = 6
    classes[shares["snow"] > 0.4] = 11
    # Shadow is found where it is deep, and there only in part.
    classes[(shade > 0.45) & (doubt > -0.25)] = 3
    classes[cirrus > 0.022 + 0.006 * doubt] = 10
    found = opacity + 0.08 * doubt
    classes[found > 0.33] = 8
    classes[found > 0.65] = 9
    visible = seen[:3].mean(axis=0)
    bright = np.clip((visible - 0.125) / 0.12, 0, 0.65) * rng.uniform(0.1, 0.9)
    classes[(chance < bright) & (classes != 11) & (classes < 8)] = 8
    classes[(classes == 11) & (chance < 0.2)] = 9
    classes[chance > 0.9997] = 1
    return classes
