"""Pictures of gap-free NDVI: before and after, the series of sampled places, error by length of gap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from fusion_assets.imagery.engines.protocol import NoScenes
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.reports.figures import new_figure, svg
from fusion_assets.reports.map_layers import NO_DATA, UNSEEN, coloured, hexadecimal, true_colour
from fusion_assets.reports.pictures import picture_uri, thinned

if TYPE_CHECKING:
    import pandas as pd

FIELDS = 6
_PICTURE_BYTES = 250_000
# The colours of the script that this system's idea comes from: red below 0, yellow at 0.5, green above.
_STOPS = (
    (0.0, "#a50026"), (0.1, "#d73027"), (0.2, "#f46d43"), (0.3, "#fdae61"), (0.4, "#fee08b"), (0.5, "#ffffbf"),
    (0.6, "#d9ef8b"), (0.7, "#a6d96a"), (0.8, "#66bd63"), (0.9, "#1a9850"), (1.0, "#006837"),
)  # fmt: skip
LEGEND = (
    *((colour, f"{value:g}") for value, colour in _STOPS),
    (hexadecimal(NO_DATA), "no data; in true colour cloud, snow or very bright ground"),
    (hexadecimal(UNSEEN), "no data in true colour"),
)
# (code, name, colour, marker): told apart in black and white, too.
_SOURCES = ((1, "observed", "#1b1b1b", "."), (2, "radar", "#2a6fbb", "x"), (3, "interpolated", "#c77700", "+"))
_STYLES = (("#777777", "--", "s"), ("#c77700", ":", "^"), ("#2a6fbb", "-.", "D"), ("#7a0c16", "--", "v"),
           ("#4a7a1e", ":", "o"), ("#6a4a9c", "-.", "P"))  # fmt: skip

TrueColour = Callable[[dt.date], xr.Dataset]


@dataclass(frozen=True)
class Pictures:
    """One date, before and after: data URIs.

    Attributes:
        day: of the pictures.
        clear: share of the pixels that were clear.
        colour: as seen, clouds and all; None where no scene is found.
        before: clear NDVI with gaps.
        after: NDVI without gaps.
    """

    day: dt.date
    clear: float
    colour: str | None
    before: str
    after: str


def before_and_after(clear: xr.Dataset, filled: xr.Dataset, true_colour: TrueColour) -> list[Pictures]:
    """Filled dates with gaps of different size: about a third, two thirds and almost all of the pixels."""
    shares = clear["ndvi"].notnull().mean(("y", "x")).compute()
    share_of = {day: float(share) for day, share in zip(clear["time"].values, shares.values, strict=True)}
    days = [day for day in filled["time"].values if day in share_of]
    if not days:
        return []
    wanted = (0.65, 0.35, 0.02)
    chosen: list[Any] = []
    for share in wanted:
        rest = [day for day in days if day not in chosen]
        if rest:
            chosen.append(min(rest, key=lambda day: abs(share_of[day] - share)))
    made = []
    for day in sorted(chosen):
        date = day.astype("datetime64[D]").item()
        made.append(
            Pictures(
                date,
                share_of[day],
                _colour_picture(date, true_colour),
                _ndvi_picture(clear["ndvi"].sel(time=day)),
                _ndvi_picture(filled["ndvi"].sel(time=day)),
            )
        )
    return made


def _colour_picture(day: dt.date, scene_of: TrueColour) -> str | None:
    try:
        scene = scene_of(day).isel(time=0)
        bands = np.stack([thinned(scene[name]) for name in scene.data_vars], -1)
    except (NoScenes, UnreadableFile):
        return None  # NDVI needs neither blue nor green: a page without this picture is better than none
    # Brightened 2.5 times, as reflectance is usually shown.
    return picture_uri(true_colour(bands * 2.5), _PICTURE_BYTES, "JPEG")


def _ndvi_picture(ndvi: xr.DataArray) -> str:
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("ndvi", list(_STOPS))
    return picture_uri(coloured(thinned(ndvi), colours), _PICTURE_BYTES)


def sampled_places(clear: xr.Dataset, count: int = FIELDS) -> list[tuple[int, int]]:
    """Rows and columns of pixels that differ in how green they are, from the middle block of the region."""
    edge = 256
    top, left = (size // 2 - min(size, edge) // 2 for size in (clear.sizes["y"], clear.sizes["x"]))
    values = clear["ndvi"].isel(y=slice(top, top + edge), x=slice(left, left + edge)).values
    dates = np.isfinite(values).sum(axis=0)
    level = np.where(dates > 0, np.where(np.isfinite(values), values, 0).sum(axis=0) / np.maximum(dates, 1), np.nan)
    usable = dates >= max(1, np.percentile(dates, 25))
    if not usable.any():
        return []
    limits = np.nanquantile(level[usable], np.linspace(0.1, 0.9, count))
    places = []
    for limit in limits:
        row, col = np.unravel_index(np.nanargmin(np.where(usable, np.abs(level - limit), np.nan)), level.shape)
        places.append((int(row) + top, int(col) + left))
    return list(dict.fromkeys(places))


def draw_fields(clear: xr.Dataset, filled: xr.Dataset) -> str:
    """Series of sampled pixels as one SVG: values by source, their interval, and what was clear."""
    places = sampled_places(clear)
    if not places:
        return ""
    figure = new_figure(9, 1.7 * len(places))
    axes = figure.subplots(len(places), 1, sharex=True, sharey=True, squeeze=False)[:, 0]
    for axis, (row, col) in zip(axes, places, strict=True):
        pixel = filled.isel(y=row, x=col).compute()
        days = pixel["time"].values
        axis.fill_between(days, pixel["low"], pixel["high"], color="#d9d4c6", linewidth=0, label="90 % interval")
        axis.plot(days, pixel["ndvi"], color="#8a8577", linewidth=0.8)
        for code, name, colour, marker in _SOURCES:
            here = pixel["source"].values == code
            axis.plot(days[here], pixel["ndvi"].values[here], marker, color=colour, markersize=4, label=name)
        axis.set_ylim(-0.2, 1.02)
        axis.set_title(f"x {float(pixel['x']):.0f}, y {float(pixel['y']):.0f}", fontsize=8, loc="left")
        axis.tick_params(labelsize=8)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=8, ncols=4, loc="outside upper right")
    return svg(figure, "NDVI by date of sampled places, with its interval and what each value rests on", "ndvi")


def draw_errors(evaluation: pd.DataFrame, method: str) -> str:
    """RMSE and coverage by length of gap as one SVG, the chosen method in bold.

    Args:
        evaluation: of `evaluation.evaluate`.
        method: name of the chosen estimator.
    """
    measured = evaluation[(evaluation["n"] > 0) & (evaluation["position"] == "within")]
    if measured.empty:
        return ""
    figure = new_figure(9, 3.4)
    panels = (("rmse", "RMSE (NDVI)"), ("coverage", "share inside the 90 % interval"))
    axes = figure.subplots(1, len(panels))
    styles = iter(_STYLES)
    looks = {name: ("#000000", "-", "o") if name == method else next(styles) for name in measured["estimator"].unique()}
    for axis, (figure_name, title) in zip(axes, panels, strict=True):
        for name, (colour, line, marker) in looks.items():
            errors, look = measured[measured["estimator"] == name], {"color": colour, "marker": marker, "markersize": 4}
            width = 2.4 if name == method else 1.1
            axis.plot(errors["gap_days"], errors[figure_name], line, linewidth=width, label=name, **look)
        axis.set_title(title, fontsize=9, loc="left")
        axis.set_xlabel("length of the gap, days (0: single scenes)", fontsize=8)
        axis.tick_params(labelsize=8)
    axes[0].set_ylim(bottom=0)
    axes[1].axhspan(0.85, 0.95, color="#e8e4d8", zorder=0)
    figure.legend(*axes[0].get_legend_handles_labels(), fontsize=8, ncols=4, loc="outside lower center")
    return svg(figure, "Error and coverage of every method by length of gap; the figures are in the tables", "ndvi")
