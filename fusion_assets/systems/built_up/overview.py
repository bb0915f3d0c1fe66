"""One picture of a region's maps: optics, lights, and built-up land of every predicted year."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

import numpy as np
import xarray as xr

from fusion_assets.reports.pictures import thinned

LONGEST_EDGE = 700
_TRUE_COLOUR = ("B04", "B03", "B02")


def draw_maps(title: str, stack: xr.Dataset, predictions: Mapping[int, xr.Dataset]) -> bytes:
    """PNG with the newest year's optics and lights (as far as the stack has them) and a map for each year.

    Args:
        title: shown above.
        stack: features of the newest year.
        predictions: `probability` and `built_up` by year.

    Returns:
        The PNG file's bytes.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    newest = max(predictions)
    optics = all(band in stack for band in _TRUE_COLOUR)
    panels = len(predictions) + optics + ("avg_rad" in stack)
    columns = min(panels, 3)
    rows = -(-panels // columns)
    figure = Figure(figsize=(3.4 * columns, 3.5 * rows + 0.5), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    axes = iter(figure.subplots(rows, columns, squeeze=False).ravel())
    figure.suptitle(title)
    if optics:
        axis = next(axes)
        axis.imshow(_true_colour(stack))
        axis.set_title(f"Sentinel-2, {newest}")
    if "avg_rad" in stack:
        axis = next(axes)
        lights = axis.imshow(np.log10(np.maximum(_small(stack["avg_rad"]), 0.1)), cmap="magma")
        axis.set_title(f"night lights, {newest}")
        figure.colorbar(lights, ax=axis, shrink=0.75, label="log10 nW/cm2/sr")
    for year, mapped in sorted(predictions.items()):
        axis = next(axes)
        image = axis.imshow(_small(mapped["probability"]), vmin=0, vmax=1, cmap="YlOrRd", interpolation="nearest")
        built = _small(mapped["built_up"])
        if 0 < np.nansum(built == 1) < np.isfinite(built).sum():
            axis.contour(np.nan_to_num(built), levels=[0.5], colors="black", linewidths=0.5)
        axis.set_title(f"built-up, {year}")
        figure.colorbar(image, ax=axis, shrink=0.75, label="probability; outline: mapped built-up")
    for axis in figure.axes:
        if axis.get_label() != "<colorbar>":
            axis.set_axis_off()
    out = BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _small(band: xr.DataArray) -> np.ndarray:
    return thinned(band, LONGEST_EDGE)


def _true_colour(stack: xr.Dataset) -> np.ndarray:
    bands = np.stack([_small(stack[band]) for band in _TRUE_COLOUR], axis=-1)
    known = np.isfinite(bands).all(axis=-1)
    low, high = np.percentile(bands[known], (2, 98)) if known.any() else (0.0, 1.0)
    picture = np.clip((bands - low) / max(high - low, 1e-6), 0, 1)
    return np.where(known[..., None], picture, 1.0)
