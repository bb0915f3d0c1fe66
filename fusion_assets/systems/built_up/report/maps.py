"""The maps of the report as pictures small enough to travel inside one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from fusion_assets.reports.pictures import picture_uri, thinned
from fusion_assets.systems.built_up.features.labels import BUILT_UP
from fusion_assets.systems.built_up.model.prediction import PROBABILITY

TRUE_COLOUR = ("B04", "B03", "B02")
_NO_DATA = (255, 255, 255)
_BRIGHTEST = 235
"""Of true colour: snow and cloud stay apart from no data."""
_OPTICS, _LIGHTS = "True colour", "Night lights"


@dataclass(frozen=True)
class Layer:
    """One kind of map, the same scale in all years.

    Attributes:
        name: for people.
        legend: (colour as `#rrggbb`, what it means).
        pictures: data URI by year.
    """

    name: str
    legend: tuple[tuple[str, str], ...]
    pictures: dict[int, str]


def layers(predictions: Mapping[int, xr.Dataset], stacks: Mapping[int, xr.Dataset], budget: int) -> list[Layer]:
    """All layers that the data allow: map, probability, true colour, lights.

    Args:
        predictions: maps by year, lazy.
        stacks: fused stacks by year, lazy.
        budget: bytes for all pictures together; they are made smaller until they fit.
    """
    first = next(iter(stacks.values()))
    drawn: list[tuple[str, Callable[[], tuple[dict[int, np.ndarray], tuple[tuple[str, str], ...]]]]] = [
        ("Built-up land", lambda: _built_up(predictions)),
        ("Probability", lambda: _scaled(predictions, PROBABILITY, "magma_r", 0.0, 1.0, "probability")),
    ]
    if set(TRUE_COLOUR) <= set(first.data_vars):
        drawn.append((_OPTICS, lambda: _true_colour(stacks)))
    if "avg_rad" in first.data_vars:
        drawn.append((_LIGHTS, lambda: _lights(stacks)))
    share = budget // (len(drawn) * max(len(predictions), 1))
    made = []
    for name, draw in drawn:
        pictures, legend = draw()
        kind = "JPEG" if name == _OPTICS else "PNG"
        made.append(
            Layer(name, legend, {year: picture_uri(rgb, share, kind) for year, rgb in sorted(pictures.items())})
        )
    return made


def categories(codes: xr.DataArray, meanings: Mapping[int, tuple[str, tuple[int, int, int]]], budget: int) -> Layer:
    """A map of classes, such as the change map.

    Args:
        codes: class of each pixel, lazy; other values are no data.
        meanings: code to text and colour, red, green, blue.
        budget: bytes.
    """
    values = thinned(codes)
    rgb = np.full((*values.shape, 3), _NO_DATA, np.uint8)
    for code, (_, colour) in meanings.items():
        rgb[values == code] = colour
    legend = tuple((_hex(colour), text) for text, colour in meanings.values())
    return Layer("Change", legend, {0: picture_uri(rgb, budget)})


def _built_up(predictions: Mapping[int, xr.Dataset]) -> tuple[dict[int, np.ndarray], tuple[tuple[str, str], ...]]:
    # Far apart in lightness, so that black and white print tells them apart.
    no, yes = (226, 222, 211), (122, 12, 22)
    pictures = {}
    for year, mapped in predictions.items():
        values = thinned(mapped[BUILT_UP])
        rgb = np.full((*values.shape, 3), _NO_DATA, np.uint8)
        rgb[values == 0], rgb[values == 1] = no, yes
        pictures[year] = rgb
    return pictures, ((_hex(yes), "built-up"), (_hex(no), "not built-up"), (_hex(_NO_DATA), "no data"))


def _true_colour(stacks: Mapping[int, xr.Dataset]) -> tuple[dict[int, np.ndarray], tuple[tuple[str, str], ...]]:
    bands = {year: np.stack([thinned(stack[band]) for band in TRUE_COLOUR], -1) for year, stack in stacks.items()}
    low, high = _limits(bands.values(), 2, 98)
    pictures = {year: _rgb((values - low) / (high - low)) for year, values in bands.items()}
    return pictures, ((_hex(_NO_DATA), "no clear observation"),)


def _lights(stacks: Mapping[int, xr.Dataset]) -> tuple[dict[int, np.ndarray], tuple[tuple[str, str], ...]]:
    found = {year: np.log10(np.maximum(thinned(stack["avg_rad"]), 0.1)) for year, stack in stacks.items()}
    low, high = _limits(found.values(), 1, 99.5)
    pictures = {year: _coloured((values - low) / (high - low), "inferno") for year, values in found.items()}
    ticks = np.linspace(low, high, 4)
    return pictures, tuple(
        (_hex(_colour("inferno", i / 3)), f"{float(f'{10**t:.2g}'):g} nW/cm2/sr") for i, t in enumerate(ticks)
    )


def _scaled(
    rasters: Mapping[int, xr.Dataset], band: str, colours: str, low: float, high: float, unit: str
) -> tuple[dict[int, np.ndarray], tuple[tuple[str, str], ...]]:
    pictures = {
        year: _coloured((thinned(raster[band]) - low) / (high - low), colours) for year, raster in rasters.items()
    }
    ticks = np.linspace(low, high, 5)
    legend = tuple((_hex(_colour(colours, (t - low) / (high - low))), f"{t:.2g}") for t in ticks)
    return pictures, ((legend[0][0], f"{unit} {legend[0][1]}"), *legend[1:])


def _limits(arrays: object, low: float, high: float) -> tuple[float, float]:
    values = np.concatenate([array[np.isfinite(array)].ravel()[::7] for array in arrays])  # type: ignore[attr-defined]
    if not values.size:
        return 0.0, 1.0
    bottom, top = (float(limit) for limit in np.percentile(values, (low, high)))
    return bottom, max(top, bottom + 1e-6)


def _coloured(share: np.ndarray, colours: str) -> np.ndarray:
    from matplotlib import colormaps

    rgb = colormaps[colours](np.clip(np.nan_to_num(share), 0, 1), bytes=True)[..., :3]
    rgb[~np.isfinite(share)] = _NO_DATA
    return rgb


def _rgb(share: np.ndarray) -> np.ndarray:
    rgb = (np.clip(np.nan_to_num(share), 0, 1) * _BRIGHTEST).astype(np.uint8)
    rgb[~np.isfinite(share).all(axis=-1)] = _NO_DATA
    return rgb


def _colour(colours: str, share: float) -> Sequence[int]:
    from matplotlib import colormaps

    return [int(part) for part in colormaps[colours](share, bytes=True)[:3]]


def _hex(colour: Sequence[int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)
