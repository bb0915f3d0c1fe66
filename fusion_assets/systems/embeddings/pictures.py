"""Pictures of an evaluation and of its corpus: methods on one axis, places on a map, gaps, and patches themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.reports.figures import new_figure, png, svg
from fusion_assets.reports.map_layers import NO_DATA, limits, true_colour
from fusion_assets.reports.pictures import picture_uri
from fusion_assets.reports.previews import data_uri
from fusion_assets.systems.embeddings.judgement import rows_of
from fusion_assets.systems.embeddings.land import CELLS_A_DEGREE, NORTH, ROWS, land_mask
from fusion_assets.systems.embeddings.wording import FIGURES, METHODS, PROBES, SPLITS, USES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_WIDTH = 9.0
# Told apart in black and white, too: (colour, marker) of what is looked at, and of each split.
_LOOKS = {"radar": ("#2a6fbb", "s"), "optics": ("#4a7a1e", "^"), "both": ("#7a0c16", "o")}
_SPLITS = {"train": ("#2a6fbb", "o"), "test": ("#c4571b", "s"), "buffer": ("#8a8578", "x")}
_SPREAD = 0.24
"""Methods that uses stand apart, so that their intervals do not hide each other."""
_MOST_PLACES = 20_000
_MOST_CELLS = 1200
_LAND, _SEA = "#e9e4d6", "#fffefb"
_NARROWEST = 1.0
"""Degrees of the map, at least."""
_BYTES = 1_500_000
"""Of all patches together."""
RGB: tuple[str, str, str] = ("B04", "B03", "B02")


@dataclass(frozen=True)
class Drawing:
    """One picture.

    Attributes:
        drawing: SVG.
        caption: below it.
    """

    drawing: str
    caption: str


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        address: data URI.
        caption: below it; what it shows for whoever does not see it.
    """

    address: str
    caption: str


@dataclass(frozen=True)
class Example:
    """A patch as it is shown.

    Attributes:
        optics: (y, x, 3) red, green and blue, reflectance; NaN unknown.
        radar: (y, x, 2) VV and VH, dB; NaN unknown.
        row: of the index.
    """

    optics: np.ndarray
    radar: np.ndarray
    row: Mapping[str, Any]


def draw_methods(document: Mapping[str, Any]) -> Drawing:
    """Every method on one axis, a panel a probe, all labels."""
    methods = [name for name in METHODS if any(row["method"] == name for row in document["probes"])]
    figure = new_figure(_WIDTH, 1.6 + 0.5 * len(methods))
    axes = figure.subplots(1, len(PROBES), sharey=True, squeeze=False)[0]
    for axis, (probe, title) in zip(axes, PROBES.items(), strict=True):
        shown = [_panel(axis, document, probe, method, -place) for place, method in enumerate(methods)]
        figures = {name for each in shown for name in each}
        axis.set_title(title, fontsize=9, loc="left")
        axis.set_xlabel(", ".join(FIGURES[name] for name in sorted(figures)), fontsize=8)
        axis.tick_params(labelsize=8)
        axis.grid(axis="x", color="0.9", linewidth=0.6)
    axes[0].set_yticks([-place for place in range(len(methods))], [METHODS[name] for name in methods])
    handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), fontsize=8, ncols=3, loc="outside lower center", frameon=False)
    text = "every method by what it looks at, a panel a probe; the figures are in the tables"
    return Drawing(svg(figure, text, "methods"), "Every method with all labels, 95 % intervals over cells held back")


def _panel(axis: Axes, document: Mapping[str, Any], probe: str, method: str, place: float) -> list[str]:
    """Draw a method's figures by one probe; returns what they are."""
    found = []
    for number, (use, (colour, marker)) in enumerate(_LOOKS.items()):
        rows = [row for row in rows_of(document, method, use) if row["probe"] == probe]
        if not rows:
            continue
        value, low, high = (rows[0][end] for end in ("value", "low", "high"))
        ends = [[max(value - low, 0)], [max(high - value, 0)]]
        axis.errorbar(value, place + _SPREAD * (1 - number), xerr=ends, marker=marker, markersize=4, capsize=2,
                      elinewidth=0.9, linestyle="none", color=colour, label=USES[use])  # fmt: skip
        found.append(rows[0]["figure"])
    return found


def draw_places(index: pd.DataFrame) -> Picture:
    """Places by split on the mask that they were drawn on.

    Args:
        index: rows that have a patch.
    """
    shown = index.iloc[:: max(1, -(-len(index) // _MOST_PLACES))]
    west, south, east, north = _extent(shown)
    figure = new_figure(_WIDTH, min(6.0, max(2.6, _WIDTH * (north - south) / (east - west) + 0.8)))
    axis = figure.subplots()
    _draw_land(axis, west, south, east, north)
    for split, (colour, marker) in _SPLITS.items():
        here = shown[shown["split"] == split]
        label = f"{SPLITS[split]}: {int((index['split'] == split).sum()):,}"
        axis.scatter(here["lon"], here["lat"], s=9, marker=marker, color=colour, linewidths=0.8, label=label)
    axis.set(xlim=(west, east), ylim=(south, north))
    axis.set_xlabel("longitude, degrees", fontsize=8)
    axis.set_ylabel("latitude, degrees", fontsize=8)
    axis.tick_params(labelsize=8)
    figure.legend(fontsize=8, ncols=3, loc="outside lower center", frameon=False)
    caption = "Places that have a patch, by split, over the land that they are drawn on"
    if len(shown) < len(index):
        caption = f"{caption}; {len(shown):,} of {len(index):,}, evenly taken"
    return Picture(data_uri(png(figure, 64)), caption)


def _extent(places: pd.DataFrame) -> tuple[float, float, float, float]:
    """West, south, east and north of a map of places, with a margin."""
    if not len(places):
        return -180, -60, 180, 84
    ends = []
    for name in ("lon", "lat"):
        low, high = float(places[name].min()), float(places[name].max())
        margin = max(0.08 * (high - low), (_NARROWEST - (high - low)) / 2)
        ends.append((low - margin, high + margin))
    (west, east), (south, north) = ends
    return max(west, -180), max(south, -90), min(east, 180), min(north, 90)


def _draw_land(axis: Axes, west: float, south: float, east: float, north: float) -> None:
    """The mask of land within these degrees."""
    from matplotlib.colors import ListedColormap

    left, right = (int((lon + 180) * CELLS_A_DEGREE) for lon in (west, east))
    top, bottom = (min(max(int((NORTH - lat) * CELLS_A_DEGREE), 0), ROWS - 1) for lat in (north, south))
    step = max(1, (right - left) // _MOST_CELLS)
    cells = land_mask()[top : bottom + 1, left : right + 1]
    ends = (
        left / CELLS_A_DEGREE - 180,
        (left + cells.shape[1]) / CELLS_A_DEGREE - 180,
        NORTH - (top + cells.shape[0]) / CELLS_A_DEGREE,
        NORTH - top / CELLS_A_DEGREE,
    )
    colours = ListedColormap([_SEA, _LAND])
    axis.imshow(
        cells[::step, ::step], extent=ends, cmap=colours, vmin=0, vmax=1, interpolation="nearest", aspect="auto"
    )


def draw_gaps(index: pd.DataFrame) -> Drawing | None:
    """Hours between the two scenes of pairs; None where there is none.

    Args:
        index: rows that have a patch.
    """
    hours = index["gap_hours"].to_numpy(float)
    hours = hours[np.isfinite(hours)]
    if not len(hours):
        return None
    figure = new_figure(_WIDTH / 2, 2.8)
    axis = figure.subplots()
    most = max(float(np.abs(hours).max()), 1.0)
    axis.hist(hours, bins=np.linspace(-most, most, 25).tolist(), color="#2a6fbb", edgecolor="#fffefb", linewidth=0.5)
    axis.axvline(0, color="0.4", linewidth=0.8)
    axis.set_xlabel("hours from optics to radar; left of 0 radar came first", fontsize=8)
    axis.set_ylabel("patches", fontsize=8)
    axis.tick_params(labelsize=8)
    return Drawing(svg(figure, "hours from optics to radar of all patches", "gaps"), "How far apart in time pairs are")


def draw_losses(document: Mapping[str, Any]) -> Drawing | None:
    """The loss of every pass over the places; None where there is but one."""
    losses = [each["loss"] for each in document["encoder"].get("history") or ()]
    if len(losses) < 2:
        return None
    figure = new_figure(_WIDTH / 2, 2.8)
    axis = figure.subplots()
    axis.plot(range(1, len(losses) + 1), losses, color="#7a0c16", linewidth=1.3)
    axis.set_xlabel("pass over the places", fontsize=8)
    axis.set_ylabel("loss", fontsize=8)
    axis.tick_params(labelsize=8)
    return Drawing(svg(figure, "loss of the encoder by pass", "losses"), "Loss of the encoder while it was trained")


def draw_patches(examples: Sequence[Example]) -> list[tuple[Picture, Picture]]:
    """Patches by both sensors, side by side; each sensor in one scale for all."""
    if not examples:
        return []
    low, high = limits((each.optics for each in examples), 1, 99)
    lights = [limits((each.radar[..., band] for each in examples), 2, 98) for band in (0, 1)]
    budget = _BYTES // (2 * len(examples))
    return [
        (
            Picture(picture_uri(true_colour((each.optics - low) / (high - low)), budget), _optics_caption(each.row)),
            Picture(picture_uri(_radar_colours(each.radar, lights), budget), _radar_caption(each.row)),
        )
        for each in examples
    ]


def _radar_colours(radar: np.ndarray, ends: Sequence[tuple[float, float]]) -> np.ndarray:
    """VV as red, VH as green, their mean as blue; white where one is missing."""
    shares = np.stack([(radar[..., band] - low) / (high - low) for band, (low, high) in enumerate(ends)], -1)
    shares = np.concatenate([shares, shares.mean(axis=-1, keepdims=True)], axis=-1)
    rgb = (np.clip(np.nan_to_num(shares), 0, 1) * 255).astype(np.uint8)
    rgb[~np.isfinite(shares).all(axis=-1)] = NO_DATA
    return rgb


def _optics_caption(row: Mapping[str, Any]) -> str:
    lat = f"{abs(row['lat']):.3f} {'N' if row['lat'] >= 0 else 'S'}"
    lon = f"{abs(row['lon']):.3f} {'E' if row['lon'] >= 0 else 'W'}"
    seen = f"optics of {row['optics_time']:%Y-%m-%d %H:%M}, {row['clear_share']:.0%} clear"
    return f"Patch {row['patch']}, {lat}, {lon}: {seen}"


def _radar_caption(row: Mapping[str, Any]) -> str:
    # What is unknown is NaN in a row of a table.
    known = isinstance(row["direction"], str)
    words = [f"radar {row['gap_hours']:+.1f} h from it", row["direction"] if known else ""]
    if np.isfinite(row["shift_x"]):
        words.append(f"shift {row['shift_x']:+.1f}, {row['shift_y']:+.1f} px")
    words.append(f"doubt: {row['flag']}" if row["flag"] else "")
    return ", ".join(filter(None, words))
