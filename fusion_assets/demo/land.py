"""The simulated land of the demo archive, before people: its relief, rivers, lakes and plant cover.

Nothing here is measured; every field is drawn from the seed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fusion_assets.demo.frame import PIXEL, Frame

Field = npt.NDArray[np.float32]


def stream(seed: int, *names: object) -> np.random.Generator:
    """A random stream of its own for each named thing, so that the order of work changes nothing."""
    return np.random.default_rng([seed, zlib.crc32("|".join(map(str, names)).encode())])


def noise(rng: np.random.Generator, shape: tuple[int, int], length_km: float, smooth: float = 1.5) -> Field:
    """A correlated Gaussian field with mean 0 and deviation 1.

    Args:
        rng: its random stream.
        shape: rows and columns of 250 m pixels.
        length_km: distance over which values stay alike.
        smooth: fall-off of the amplitude spectrum; 1 is rough, 2 is smooth.
    """
    from scipy import fft

    length = length_km * 1000 / PIXEL
    # Padding keeps opposite edges, which the transform joins, from looking alike.
    full = tuple(fft.next_fast_len(n + min(n, int(2 * length)), real=True) for n in shape)
    frequency = np.hypot(fft.fftfreq(full[0])[:, None], fft.rfftfreq(full[1])[None, :]).astype(np.float32)
    spectrum = fft.rfft2(rng.standard_normal(full, dtype=np.float32))
    spectrum *= (1 + (2 * np.pi * length * frequency) ** 2) ** (-smooth / 2)
    field = fft.irfft2(spectrum, s=full)[: shape[0], : shape[1]]
    return ((field - field.mean()) / field.std()).astype(np.float32)


def ramp(value: npt.NDArray | float, low: float, high: float) -> npt.NDArray:
    """0 below `low`, 1 above `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


@dataclass(frozen=True)
class Land:
    """Fields on the 250 m pixels with margin; shares are of the pixel's land and add up to at most 1.

    Attributes:
        elevation: metres.
        slope: degrees.
        aspect: direction the slope faces, radians clockwise from north.
        river: distance to the nearest water line of a river, km.
        bed: share of gravel and sand of a river bed.
        lake: share of standing water.
        forest: share of trees.
        crop: share of fields.
        rock: share of rock.
        bare: share of soil that stays bare all year (fallow, quarries, kilns).
        paddy: 0 for dry-field crops to 1 for flooded rice.
        calendar: days by which fields are sown later than usual.
        soil: brightness factor of soil.
        trees: brightness factor of trees.
    """

    elevation: Field
    slope: Field
    aspect: Field
    river: Field
    bed: Field
    lake: Field
    forest: Field
    crop: Field
    rock: Field
    bare: Field
    paddy: Field
    calendar: Field
    soil: Field
    trees: Field


def _relief(seed: int, frame: Frame) -> tuple[Field, Field, Field]:
    """Elevation (m), slope (degrees), aspect (radians): a plain in the south, hills, mountains in the north."""
    shape = frame.shape
    rng = stream(seed, "relief")
    northward = np.linspace(1, 0, shape[0], dtype=np.float32)[:, None] + 0.09 * noise(rng, shape, 20)
    # Small areas get low mountains: real slopes rather than real summits.
    height = 4600 * min(1.0, frame.size_km / 70)
    rise = ramp(northward, 0.48, 1.12)
    ridges = 1 - np.abs(noise(rng, shape, 5, 1.6))
    elevation = 90 + 70 * northward + height * rise**1.5 * (1 + 0.22 * ridges) + 12 * noise(rng, shape, 6)
    elevation = np.maximum(elevation + 260 * ramp(northward, 0.5, 0.65) * noise(rng, shape, 2.5), 40)
    down, right = np.gradient(elevation, PIXEL)
    aspect = np.arctan2(-right, down)
    return elevation.astype(np.float32), np.degrees(np.arctan(np.hypot(down, right))), aspect.astype(np.float32)


def _rivers(seed: int, frame: Frame) -> tuple[Field, Field]:
    """Distance to the water line (km) and share of gravel bed, of the rivers that cross from north to south."""
    shape = frame.shape
    rows = np.arange(shape[0])
    columns = np.arange(shape[1], dtype=np.float32)[None, :]
    distance = np.full(shape, 99, np.float32)
    bed = np.zeros(shape, np.float32)
    for number in range(max(1, round(frame.size_km / 32))):
        rng = stream(seed, "river", number)
        bend = noise(rng, (shape[0], 8), 9, 2.0)[:, 4] * 4.0 + noise(rng, (shape[0], 8), 1.5, 2.0)[:, 4] * 0.35
        axis = rng.uniform(0.08, 0.92) * shape[1] + bend * 4
        thread = axis + noise(rng, (shape[0], 8), 1.2, 1.5)[:, 4] * 1.2
        # Rivers braid where they leave the hills.
        half_width = (0.12 + 0.55 * ramp(rows / shape[0], 0.35, 0.7)) * rng.uniform(0.4, 1.3)
        away = np.abs(columns - axis[:, None]) * PIXEL / 1000
        bed = np.maximum(bed, 1 - ramp(away - half_width[:, None], -0.2, 0.2))
        distance = np.minimum(distance, np.abs(columns - thread[:, None]) * PIXEL / 1000)
    return distance.astype(np.float32), bed.astype(np.float32)


def build_land(seed: int, frame: Frame) -> Land:
    """Draw the land of a seed."""
    shape = frame.shape
    elevation, slope, aspect = _relief(seed, frame)
    river, bed = _rivers(seed, frame)
    rng = stream(seed, "cover")
    flat = 1 - ramp(slope, 4, 16)
    lake = ramp(noise(rng, shape, 2.5, 2.0), 3.0, 3.2) * flat
    hilly = ramp(slope, 5, 14) * (1 - ramp(elevation, 2900, 3700))
    forest = ramp(noise(rng, shape, 3.0) + 2.4 * hilly - 0.9, -0.3, 1.0) * (1 - ramp(elevation, 3300, 4000))
    bare = ramp(noise(rng, shape, 0.7, 1.3), 1.3, 2.3) * (0.85 * flat + 0.15) * rng.uniform(0.75, 0.95)
    rock = ramp(elevation + 250 * noise(rng, shape, 1.5), 3300, 4200)
    fields = (0.25 + 0.75 * flat) * (1 - ramp(elevation, 1500, 2600)) * (0.8 + 0.12 * noise(rng, shape, 0.6))
    left = (1 - bed) * (1 - lake)
    rock, bare = rock * left, bare * left * (1 - rock) * (1 - 0.7 * forest)
    forest = forest * np.clip(left - rock - bare, 0, 1) * np.clip(0.88 + 0.1 * noise(rng, shape, 0.5), 0.3, 1)
    crop = np.clip(fields, 0, 1) * np.clip(left - rock - bare - forest, 0, 1)
    return Land(
        elevation=elevation,
        slope=slope.astype(np.float32),
        aspect=aspect,
        river=river,
        bed=bed,
        lake=lake.astype(np.float32),
        forest=forest.astype(np.float32),
        crop=crop.astype(np.float32),
        rock=rock.astype(np.float32),
        bare=bare.astype(np.float32),
        paddy=ramp(noise(rng, shape, 4) + 0.5 * noise(rng, shape, 0.4), -0.8, 0.8).astype(np.float32),
        calendar=(9 * noise(rng, shape, 5) + 9 * noise(rng, shape, 0.8)).astype(np.float32),
        soil=np.exp(0.14 * noise(rng, shape, 6) + 0.22 * noise(rng, shape, 0.8)).astype(np.float32),
        trees=np.exp(0.1 * noise(rng, shape, 3) + 0.05 * noise(rng, shape, 0.4)).astype(np.float32),
    )
