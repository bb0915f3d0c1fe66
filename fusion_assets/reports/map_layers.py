"""Layers of maps for a page: colours, scales and legends, the same for all years."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from fusion_assets.reports.pictures import picture_uri, thinned

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""
Legend = tuple[tuple[str, str], ...]
"""(colour as `#rrggbb`, what it means)."""
Drawn = tuple[dict[int, np.ndarray], Legend]
"""Pictures (y, x, 3) by year, and their legend."""
NO_DATA: Colour = (255, 255, 255)
UNSEEN: Colour = (188, 172, 214)
"""No data in true colour, where white is snow or cloud."""
_GAMMA = 0.65
"""Brightens dark land, as screens and eyes expect."""


@dataclass(frozen=True)
class Layer:
    """One kind of map, the same scale in all years.

    Attributes:
        name: for people.
        legend: what the colours mean.
        pictures: data URI by year.
    """

    name: str
    legend: Legend
    pictures: dict[int, str]


def layer_of(name: str, drawn: Drawn, budget: int, kind: str = "PNG") -> Layer:
    """A layer whose pictures have at most `budget` bytes each."""
    pictures, legend = drawn
    return Layer(name, legend, {year: picture_uri(rgb, budget, kind) for year, rgb in sorted(pictures.items())})


def classes(codes: Mapping[int, xr.DataArray], meanings: Mapping[int, tuple[str, Colour]]) -> Drawn:
    """Maps of classes.

    Args:
        codes: class of each pixel by year, lazy; codes without a meaning are no data.
        meanings: code to text and colour, in the order of the legend.
    """
    pictures = {}
    for year, band in codes.items():
        values = thinned(band)
        pictures[year] = np.full((*values.shape, 3), NO_DATA, np.uint8)
        for code, (_, colour) in meanings.items():
            pictures[year][values == code] = colour
    return pictures, tuple((hexadecimal(colour), text) for text, colour in meanings.values())


def scaled(bands: Mapping[int, xr.DataArray], colours: str, low: float, high: float, unit: str) -> Drawn:
    """Maps of a quantity in the colours of a matplotlib map from `low` to `high`."""
    pictures = {year: coloured((thinned(band) - low) / (high - low), colours) for year, band in bands.items()}
    ticks = np.linspace(low, high, 5)
    legend = tuple((_at(colours, (t - low) / (high - low)), f"{t:.2g}") for t in ticks)
    return pictures, ((legend[0][0], f"{unit} {legend[0][1]}"), *legend[1:])


def logarithmic(
    bands: Mapping[int, xr.DataArray], colours: str, unit: str, least: float, percentiles: tuple[float, float]
) -> Drawn:
    """Maps of a quantity in colours by its logarithm, between two percentiles of all years; `least` is the lowest."""
    values = {year: np.log10(np.maximum(thinned(band), least)) for year, band in bands.items()}
    low, high = limits(values.values(), *percentiles)
    pictures = {year: coloured((each - low) / (high - low), colours) for year, each in values.items()}
    ticks = enumerate(np.linspace(low, high, 4))
    return pictures, tuple((_at(colours, i / 3), f"{float(f'{10**t:.2g}'):g} {unit}") for i, t in ticks)


def true_colours(rasters: Mapping[int, xr.Dataset], bands: Sequence[str]) -> Drawn:
    """Maps as the eye would see them, from the 2nd to the 98th percentile of all years.

    Args:
        rasters: by year, lazy.
        bands: red, green and blue.
    """
    values = {year: np.stack([thinned(raster[band]) for band in bands], -1) for year, raster in rasters.items()}
    low, high = limits(values.values(), 2, 98)
    pictures = {year: true_colour((each - low) / (high - low)) for year, each in values.items()}
    return pictures, TRUE_COLOUR_LEGEND


def true_colour(share: np.ndarray) -> np.ndarray:
    """Red, green and blue from 0 to 1 as a picture (y, x, 3); `UNSEEN` where one is missing."""
    rgb = (np.clip(np.nan_to_num(share), 0, 1) ** _GAMMA * 255).astype(np.uint8)
    rgb[~np.isfinite(share).all(axis=-1)] = UNSEEN
    return rgb


def limits(arrays: Iterable[np.ndarray], low: float, high: float) -> tuple[float, float]:
    """Two percentiles of every seventh finite value of all arrays; the second is above the first."""
    values = np.concatenate([array[np.isfinite(array)].ravel()[::7] for array in arrays])
    if not values.size:
        return 0.0, 1.0
    bottom, top = (float(limit) for limit in np.percentile(values, (low, high)))
    return bottom, max(top, bottom + 1e-6)


def coloured(share: np.ndarray, colours: str | Colormap) -> np.ndarray:
    """Values from 0 to 1 as a picture (y, x, 3) in the colours of a matplotlib map; white where one is missing."""
    from matplotlib import colormaps

    rgb = colormaps.get_cmap(colours)(np.clip(np.nan_to_num(share), 0, 1), bytes=True)[..., :3]
    rgb[~np.isfinite(share)] = NO_DATA
    return rgb


def hexadecimal(colour: Sequence[int]) -> str:
    """A colour as `#rrggbb`."""
    return "#" + "".join(f"{part:02x}" for part in colour)


def _at(colours: str, share: float) -> str:
    from matplotlib import colormaps

    return hexadecimal([int(part) for part in colormaps[colours](share, bytes=True)[:3]])


TRUE_COLOUR_LEGEND: Legend = (
    (hexadecimal(NO_DATA), "snow, cloud or very bright ground"),
    (hexadecimal(UNSEEN), "no clear observation"),
)
