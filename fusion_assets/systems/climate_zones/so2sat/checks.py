"""What the values of patches must be like, whether a sample of them is judged or every one as it is converted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.so2sat.files import Source
from fusion_assets.systems.climate_zones.so2sat.layout import (
    BACKSCATTER,
    CHANNELS,
    CLASSES,
    COMPLEX,
    HIGHEST_REFLECTANCE,
    INTENSITIES,
    LOWEST_REFLECTANCE,
    REFLECTANCE,
    SEN1,
    SEN2,
    TWICE_DIVIDED,
    WHOLE,
)

RUN = 8
"""Patches that are read in a row for a sample."""
MOST_RUNS = 64
SAMPLE_BYTES = 1 << 28
"""That sampling unpacks of one array at most, where it is compressed in large pieces."""
LEAST_WATER = 5
"""Patches of water in a sample that say something."""
_NOT_WHOLE = 1e-2
"""Of sen2 times 10,000: 32 bits hold it to 0.002, and 16 bits do not hold it."""
_OWN = "take So2Sat's own values"


@dataclass
class Ranges:
    """Lowest and highest of every channel, over all blocks of patches seen.

    Attributes:
        name: `sen1` or `sen2`.
        where: file and array, for people.
    """

    name: str
    where: str
    low: np.ndarray = field(init=False)
    high: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        channels = len(CHANNELS[self.name])
        self.low, self.high = np.full(channels, np.inf), np.full(channels, -np.inf)

    def add(self, values: np.ndarray, first: int) -> None:
        """Take in a block (patch, 32, 32, channel) whose first patch has the number `first`.

        Raises:
            FusionError: a value that is not finite, an optical patch without any, a negative intensity, or a
                reflectance that no sensor gives.
        """
        low, high = (_by_channel(values, extreme) for extreme in (np.minimum, np.maximum))
        if not (np.isfinite(low).all() and np.isfinite(high).all()):  # NaN passes through both
            self._not_finite(values, first)
        self.low, self.high = np.minimum(self.low, low), np.maximum(self.high, high)
        if self.name == "sen1":
            self._require_intensities(first)
        else:
            self._require_reflectance(values, first)

    def _not_finite(self, values: np.ndarray, first: int) -> None:
        at = np.argwhere(~np.isfinite(values))[0]
        raise FusionError(
            f"{self.where}: {values[tuple(at)]} in {CHANNELS[self.name][at[3]]} of patch {first + at[0]:,}",
            "numbers",
            "leave such patches out of all arrays of the file, geo file included, or download it again",
        )

    def _require_intensities(self, first: int) -> None:
        worst = min(INTENSITIES, key=lambda channel: self.low[channel])
        if self.low[worst] < 0:
            raise FusionError(
                f"{self.where}: {SEN1[worst]} falls to {self.low[worst]:.4g} at or after patch {first:,}",
                f"intensities, linear and never negative, in channels {INTENSITIES[0] + 1} and {INTENSITIES[1] + 1}",
                f"{_OWN}: neither decibels nor standardised, and channels in their order ({', '.join(SEN1)})",
            )

    def _require_reflectance(self, values: np.ndarray, first: int) -> None:
        darkest = int(self.low.argmin())
        if self.low[darkest] < LOWEST_REFLECTANCE:
            raise FusionError(
                f"{self.where}: {SEN2[darkest]} falls to {self.low[darkest]:.4g} at or after patch {first:,}",
                f"reflectance, {LOWEST_REFLECTANCE} and above",
                f"{_OWN}, not standardised; or sen1 and sen2 are swapped",
            )
        brightest = int(self.high.argmax())
        if self.high[brightest] > HIGHEST_REFLECTANCE:
            raise FusionError(
                f"{self.where}: {SEN2[brightest]} reaches {self.high[brightest]:,.6g} at or after patch {first:,}",
                f"reflectance, level 1C divided by 10,000: at most {HIGHEST_REFLECTANCE}",
                "divide it by 10,000, once; or store it as uint16, which is divided on reading",
            )
        blank = ~values.any(axis=(1, 2, 3)) if (values[:, 0, 0, 0] == 0).any() else np.zeros(1, bool)
        if blank.any():
            raise FusionError(
                f"{self.where}: patch {first + int(np.argmax(blank)):,} is 0 throughout",
                "light in every patch",
                "copying was broken off, or blocks were lost: download the file again",
            )


def _by_channel(values: np.ndarray, extreme: np.ufunc) -> np.ndarray:
    """Extreme of every channel, over rows of pixels first: long runs of memory, which processors compare at once."""
    channels = values.shape[-1]
    rows = extreme.reduce(values.reshape(-1, values.shape[2] * channels), axis=0)
    return extreme.reduce(rows.reshape(-1, channels), axis=0)


def sampled(source: Source) -> Iterator[tuple[int, np.ndarray]]:
    """Number of the first patch and values, of runs of patches spread evenly over an array, both ends among them.

    64 runs of 8 patches; fewer where they would unpack more than 256 MiB, for a compressed piece is unpacked whole.
    """
    count = len(source)
    bytes_per_run = max(RUN, source.chunk_rows) * source.dataset.nbytes / count
    runs = int(np.clip(SAMPLE_BYTES // bytes_per_run, 4, MOST_RUNS))
    starts = np.unique(np.linspace(0, max(count - RUN, 0), runs).astype(int))
    free = 0
    for start in map(int, starts):
        first, free = max(start, free), min(start + RUN, count)
        if first < free:
            yield first, source.read(first, free)


@dataclass(frozen=True)
class Sample:
    """What a sample of an array says.

    Attributes:
        numbers: (patch,) of the patches in the file.
        values: (patch, 32, 32, channel), float32.
        ranges: of them.
        whole: whether they are reflectance that is whole when multiplied by 10,000.
    """

    numbers: np.ndarray
    values: np.ndarray
    ranges: Ranges
    whole: bool

    @classmethod
    def of(cls, name: str, source: Source) -> Sample:
        """Read and judge a sample.

        Raises:
            FusionError: see `Ranges.add`; or values that are too dark, too bright, constant, or no backscatter.
        """
        ranges, whole = Ranges(name, source.where), name == "sen2"
        numbers, blocks = list[np.ndarray](), list[np.ndarray]()
        for first, values in sampled(source):
            ranges.add(values, first)
            numbers.append(np.arange(first, first + len(values)))
            blocks.append(values.astype(np.float32))
            whole = whole and whole_numbers(values) is not None
        values = np.concatenate(blocks)
        _require_variety(source.where, CHANNELS[name], ranges)
        (_require_backscatter if name == "sen1" else _require_brightness)(source.where, values)
        return cls(np.concatenate(numbers), values, ranges, whole)

    def rows(self) -> list[dict[str, float | str]]:
        """Lowest, median and highest of every channel."""
        middle = np.median(self.values, axis=(0, 1, 2))
        channels = CHANNELS[self.ranges.name]
        found = zip(channels, self.ranges.low, middle, self.ranges.high, strict=True)
        return [
            {"channel": name, "low": float(low), "median": float(median), "high": float(high)}
            for name, low, median, high in found
        ]

    def digest(self) -> str:
        """Of numbers and values: that of a copy is the same."""
        return hashlib.sha256(self.numbers.tobytes() + self.values.tobytes()).hexdigest()


def whole_numbers(values: np.ndarray) -> np.ndarray | None:
    """Reflectance times 10,000 as uint16; None where any of it is not whole, or has no place in 16 bits."""
    scaled = values * values.dtype.type(WHOLE)
    kept = np.rint(scaled)
    scaled -= kept
    np.abs(scaled, out=scaled)
    if not scaled.max() < _NOT_WHOLE or kept.min() < 0 or kept.max() > np.iinfo(np.uint16).max:
        return None
    return kept.astype(np.uint16)


def water_problem(where: str, sample: Sample, labels: np.ndarray) -> FusionError | None:
    """What speaks against the order of zones: water, the last, that is brighter than land in the infrared.

    Args:
        where: file and array of the labels, for people.
        sample: of sen2.
        labels: (patch,) indices of zones of the whole part.
    """
    is_water = labels[sample.numbers] == CLASSES - 1
    if is_water.sum() < LEAST_WATER or is_water.all():
        return None
    infrared = np.median(sample.values[..., SEN2.index("B12")], axis=(1, 2))
    water, land = float(np.median(infrared[is_water])), float(np.median(infrared[~is_water]))
    if water < land:
        return None
    return FusionError(
        f"{where}: in B12 patches of the last zone have {water:.3g}, all others {land:.3g}",
        "water last, which is darker than land",
        "zones are LCZ 1 to 10, then A to G: put the columns of label into this order; or labels are of other patches",
    )


def _require_brightness(where: str, values: np.ndarray) -> None:
    middle, brightest = float(np.median(values)), float(values.max())
    if brightest < TWICE_DIVIDED:
        raise FusionError(
            f"{where}: the brightest pixel of {len(values):,} patches is {brightest:.3g}",
            "reflectance, level 1C divided by 10,000",
            "it was divided twice: multiply it by 10,000",
        )
    if not REFLECTANCE[0] <= middle <= REFLECTANCE[1]:
        raise FusionError(
            f"{where}: the median of {len(values):,} patches is {middle:.3g}",
            f"reflectance, level 1C divided by 10,000: {REFLECTANCE[0]:g} to {REFLECTANCE[1]:g}",
            f"{_OWN}: they were scaled otherwise",
        )


def _require_variety(where: str, channels: tuple[str, ...], ranges: Ranges) -> None:
    flat = [name for name, low, high in zip(channels, ranges.low, ranges.high, strict=True) if low == high]
    if flat:
        value = ranges.low[channels.index(flat[0])]
        raise FusionError(
            f"{where}: {', '.join(flat)} is {value:.4g} in every patch that was looked at",
            "values that differ",
            f"{_OWN}; the channel was never filled",
        )


def _require_backscatter(where: str, values: np.ndarray) -> None:
    negative = (values[..., COMPLEX] < 0).mean(axis=(0, 1, 2))
    if not ((negative > 0.01) & (negative < 0.99)).all():
        worst = int(np.argmax(np.abs(negative - 0.5)))
        raise FusionError(
            f"{where}: {negative[worst]:.0%} of {SEN1[worst]} is negative",
            "parts of a complex signal, about half of them negative, in the first four channels",
            f"{_OWN}: channels are {', '.join(SEN1)}",
        )
    for channel in INTENSITIES:
        middle = float(np.median(values[..., channel]))
        if not BACKSCATTER[0] <= middle <= BACKSCATTER[1]:
            raise FusionError(
                f"{where}: the median of {SEN1[channel]} is {middle:.3g}",
                f"sigma nought, linear: {BACKSCATTER[0]:g} to {BACKSCATTER[1]:g}",
                _OWN,
            )


@dataclass(frozen=True)
class Order:
    """Which polarisation comes first in sen1, told by the data.

    Attributes:
        complex_first: `VH` or `VV`, of the complex signals: VV is the stronger one almost everywhere.
        lee_first: likewise of the filtered intensities.
        consistent: whether the powers of the signals differ as the intensities do, patch by patch, which physics has no
            part in: a filter keeps the mean.
        decibels: by which the second stands above the first, of the signals and of the intensities; medians.
    """

    complex_first: str
    lee_first: str
    consistent: bool
    decibels: tuple[float, float]

    @property
    def right(self) -> bool:
        """Whether it is So2Sat's own order."""
        return self.complex_first == self.lee_first == "VH" and self.consistent

    def problem(self, where: str) -> FusionError | None:
        """What is wrong with it, if anything is."""
        if self.right:
            return None
        found = f"{self.complex_first} first in the complex signals, {self.lee_first} in the filtered intensities"
        if not self.consistent:
            found += ", and the powers of the signals are not those of the intensities beside them"
        above = ", ".join(f"{value:+.1f} dB" for value in self.decibels)
        return FusionError(
            f"{where}: {found} (the second stands {above} above the first)",
            f"VH before VV in both: {', '.join(SEN1)}",
            "the channels were swapped: put them into this order",
        )


def order_of(values: np.ndarray) -> Order:
    """Tell the order of polarisations from a sample of sen1, (patch, 32, 32, 8)."""
    squares = (values[..., COMPLEX].astype(np.float64) ** 2).mean(axis=(1, 2))
    power = np.stack([squares[:, 0] + squares[:, 1], squares[:, 2] + squares[:, 3]], axis=1)
    lee = values[..., list(INTENSITIES)].astype(np.float64).mean(axis=(1, 2))
    power, lee = 10 * np.log10(np.maximum(power, 1e-10)), 10 * np.log10(np.maximum(lee, 1e-10))
    above = power[:, 1] - power[:, 0], lee[:, 1] - lee[:, 0]
    # Differences, for signals and intensities need not be scaled alike; a filter that reaches over the edge of a patch
    # keeps its mean roughly.
    straight, crossed = (float(np.median(np.abs(above[0] - held))) for held in (above[1], -above[1]))
    decibels = float(np.median(above[0])), float(np.median(above[1]))
    first = ["VH" if value >= 0 else "VV" for value in decibels]
    return Order(first[0], first[1], straight <= crossed, decibels)
