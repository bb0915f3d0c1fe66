"""Sentinel-1 passes over a part of the simulated land: what each material sends back, and speckle.

Mean backscatter follows published class means at C band, incidence about 39 degrees.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.frame import Frame
from fusion_assets.demo.land import Field, noise, stream
from fusion_assets.demo.optics import Scenery

RADAR_KM = 36
"""Edge of the part that radar sees: enough to try radar on, little to store."""
RADAR_YEARS = 2
"""Radar sees the last years only."""
_LOOKS = 5
_STEP = 0.1  # dB; below the noise, and compresses
MEANS = {
    "forest": (-9.5, -14.5),
    "crop": (-11.0, -16.0),
    "stubble": (-12.5, -21.0),
    "soil": (-13.5, -23.0),
    "grass": (-12.0, -18.5),
    "straw": (-12.5, -20.5),
    "rock": (-10.5, -18.5),
    "gravel": (-12.0, -20.0),
    "water": (-20.0, -28.0),
    "snow": (-14.0, -22.0),
    "roof": (-4.5, -12.5),
    "metal": (-3.5, -12.0),
}
"""VV and VH in dB."""


@dataclass(frozen=True)
class Track:
    """A relative orbit: its direction, first day in July, UTC hour, and how much brighter it sees the land (dB)."""

    orbit: int
    direction: str
    first: int
    hour: int
    brighter: float


TRACKS = (Track(85, "ascending", 3, 12, 0.4), Track(19, "descending", 8, 0, -0.3))


@dataclass(frozen=True)
class RadarPass:
    """One pass: its moment (UTC) and track."""

    moment: dt.datetime
    track: Track


def radar_passes(years: Sequence[int]) -> Iterator[RadarPass]:
    """Every twelfth day of each track, July to December, in the last years."""
    for year in sorted(years)[-RADAR_YEARS:]:
        for track in TRACKS:
            first = dt.datetime(year, 7, track.first, track.hour, 12, 30, tzinfo=dt.UTC)
            for number in range(15):
                yield RadarPass(first + dt.timedelta(days=12 * number), track)


def radar_window(frame: Frame) -> tuple[slice, slice]:
    """Rows and columns of the area (without margin) that radar sees: its middle."""
    rows = (frame.size_km - min(RADAR_KM, frame.size_km)) // 2 * 4
    side = min(RADAR_KM, frame.size_km) * 4
    return slice(rows, rows + side), slice(rows, rows + side)


def backscatter(
    scenery: Scenery, seen: RadarPass, part: tuple[slice, slice] | None = None
) -> dict[str, npt.NDArray[np.float32]]:
    """VV and VH of a pass in dB, sigma nought.

    Args:
        scenery: what is seen.
        seen: when, and from which track.
        part: rows and columns of the area, without margin; `radar_window` when left out.
    """
    frame, day = scenery.frame, seen.moment.date()
    part = part or radar_window(frame)
    window = tuple(
        slice(inner.start + own.start, inner.start + own.stop) for inner, own in zip(frame.inner, part, strict=True)
    )
    shares = {name: share[window] for name, share in scenery.materials(day).items()}
    # Wet soil sends back more; it dries between rains.
    wet = 0.8 * float(stream(scenery.seed, "rain", day).standard_normal())
    rough: Field = 0.5 * noise(stream(scenery.seed, "roughness"), frame.shape, 1.0)[window]
    found = {}
    for number, polarisation in enumerate(("vv", "vh")):
        power = np.zeros_like(rough)
        for name, share in shares.items():
            power += share * np.float32(10 ** (MEANS[name][number] / 10))
        open_soil = shares["soil"] + shares["stubble"]
        rng = stream(scenery.seed, "speckle", day, seen.track.orbit, polarisation)
        speckle = rng.standard_gamma(_LOOKS, power.shape).astype(np.float32) / _LOOKS
        level = 10 * np.log10(power * speckle) + rough + seen.track.brighter + wet * open_soil
        found[polarisation] = (np.rint(level / _STEP) * _STEP).astype(np.float32)
    return found
