"""One picture of a region's maps: optics, lights, built-up land of every year, and the truth where it is known."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import xarray as xr

from fusion_assets.imagery.products import TRUE_COLOUR
from fusion_assets.reports.figures import drawn, new_figure, png
from fusion_assets.reports.map_layers import true_colour
from fusion_assets.reports.pictures import thinned

LONGEST_EDGE = 700


def draw_maps(
    title: str,
    stack: xr.Dataset,
    predictions: Mapping[int, xr.Dataset],
    truth: np.ndarray | None = None,
    synthetic: bool = False,
) -> bytes:
    """PNG with the newest year's optics and lights (as far as the stack has them) and a map for each year.

    Args:
        title: shown above.
        stack: features of the newest year.
        predictions: `probability` and `built_up` by year.
        truth: class of every pixel in the newest year (1 built-up, 0 not, 255 unknown), where it is known.
        synthetic: whether the imagery is simulated; the picture says so then.

    Returns:
        The PNG file's bytes.
    """
    newest = max(predictions)
    optics = all(band in stack for band in TRUE_COLOUR)
    panels = len(predictions) + optics + ("avg_rad" in stack) + (truth is not None)
    columns = min(panels, 4)
    rows = -(-panels // columns)
    figure = new_figure(3.2 * columns, 3.2 * rows + 0.8)
    axes = iter(figure.subplots(rows, columns, squeeze=False).ravel())
    title = drawn(title, "Built-up land")
    figure.suptitle(title if not synthetic else f"{title}\nSYNTHETIC imagery of a place that does not exist")
    if optics:
        axis = next(axes)
        axis.imshow(_true_colour(stack))
        axis.set_title(f"Sentinel-2, {newest}")
    if "avg_rad" in stack:
        axis = next(axes)
        lights = axis.imshow(np.log10(np.maximum(_small(stack["avg_rad"]), 0.1)), cmap="magma")
        axis.set_title(f"night lights, {newest}")
        figure.colorbar(lights, ax=axis, shrink=0.75, label="log10 nW/cm2/sr")
    maps = []
    for year, mapped in sorted(predictions.items()):
        axis = next(axes)
        image = axis.imshow(_small(mapped["probability"]), vmin=0, vmax=1, cmap="YlOrRd", interpolation="nearest")
        built = _small(mapped["built_up"])
        if 0 < np.nansum(built == 1) < np.isfinite(built).sum():
            axis.contour(np.nan_to_num(built), levels=[0.5], colors="black", linewidths=0.5)
        axis.set_title(f"built-up, {year}")
        maps.append((axis, image))
    if truth is not None:
        axis = next(axes)
        axis.imshow(_shrunk(truth), vmin=0, vmax=1, cmap="YlOrRd", interpolation="nearest")
        axis.set_title(f"synthetic truth, {newest}")
    # One scale for all maps.
    figure.colorbar(
        maps[-1][1], ax=[axis for axis, _ in maps], shrink=0.6, label="probability; outline: mapped built-up"
    )
    for axis in figure.axes:
        if axis.get_label() != "<colorbar>":
            axis.set_axis_off()
    return png(figure)


def _small(band: xr.DataArray) -> np.ndarray:
    return thinned(band, LONGEST_EDGE)


def _shrunk(codes: np.ndarray) -> np.ndarray:
    step = -(-max(codes.shape) // LONGEST_EDGE)
    small = codes[::step, ::step].astype("float32")
    return np.where(small > 1, np.nan, small)


def _true_colour(stack: xr.Dataset) -> np.ndarray:
    bands = np.stack([_small(stack[band]) for band in TRUE_COLOUR], axis=-1)
    valid = bands[np.isfinite(bands).all(axis=-1)]
    low, high = np.percentile(valid, (2, 98)) if valid.size else (0.0, 1.0)
    return true_colour((bands - low) / max(high - low, 1e-6))
