"""Pictures of how a map of one class agrees with labels, beside a baseline: told apart in black and white, too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.scores import precision_recall
from fusion_assets.reports.figures import new_figure, png

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from fusion_assets.grids.grid import Grid

WIDTH, HEIGHT, COLOURS = 4.2, 3.6, 64
MODEL, FOREST = "#1b3a57", "#b8621b"
LONGEST_EDGE = 500
KINDS = (
    ("rightly not {}", "#f2efe6"),
    ("rightly {}", "#c4c4c4"),
    ("false alarm", "#e06a2b"),
    ("missed", "#0b2a55"),
)
_TWO: tuple[tuple[str, str, str, dict[str, Any]], ...] = (
    ("model", "", MODEL, {"linestyle": "-", "marker": "o"}),
    ("random forest", "baseline_", FOREST, {"linestyle": "--", "marker": "s"}),
)


def reliability_png(metrics: Mapping[str, Any], name: str) -> bytes:
    """Observed share of a class against its predicted probability, in equal-count bins, out of fold.

    Args:
        metrics: `calibration` and `baseline_calibration`: `bins` and `ece` of each.
        name: of the class, for people.
    """
    figure = new_figure(WIDTH, HEIGHT)
    axis = figure.subplots()
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="perfect")
    for title, prefix, colour, style in _TWO:
        curve = metrics[f"{prefix}calibration"]
        x, y, low, high = (np.array([b[k] for b in curve["bins"]]) for k in ("probability", "observed", "low", "high"))
        bars = np.maximum([y - low, high - y], 0)
        axis.errorbar(x, y, yerr=bars, color=colour, capsize=2, label=f"{title}, error {curve['ece']:.3f}", **style)
    axis.set(xlabel="predicted probability", ylabel=f"share labelled {name}", xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    return png(figure, COLOURS)


def precision_recall_png(table: pd.DataFrame, metrics: Mapping[str, Any]) -> bytes:
    """Precision against recall over all thresholds, out of fold, with the prevalence as the floor.

    Args:
        table: label, probability, baseline_probability.
        metrics: `prevalence`; of `model` and `baseline` `average_precision`, `precision` and `recall`.
    """
    figure = new_figure(WIDTH, HEIGHT)
    axis = figure.subplots()
    label = table["label"].to_numpy()
    for title, prefix, colour, style in _TWO:
        scores = metrics[prefix.removesuffix("_") or "model"]
        precision, recall = precision_recall(label, table[f"{prefix}probability"].to_numpy())
        text = f"{title}, average precision {scores['average_precision']:.3f}"
        axis.step(recall, precision, where="post", color=colour, linestyle=style["linestyle"], label=text)
        # Filled: at the chosen threshold.
        axis.plot(scores["recall"], scores["precision"], color=colour, marker=style["marker"])
    floor = metrics["prevalence"]
    axis.axhline(floor, color="0.6", linewidth=1, linestyle=":", label=f"prevalence {floor:.3f}")
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axis.legend(frameon=False, fontsize=8, loc="lower left")
    return png(figure, COLOURS)


def error_kinds(table: pd.DataFrame, grid: Grid) -> np.ndarray:
    """What was right and wrong, out of fold, on the grid.

    Args:
        table: x, y, label, predicted.
        grid: of the region.

    Returns:
        uint8 (y, x): 0 rightly not the class, 1 rightly the class, 2 false alarm, 3 missed, 255 no sample; thinned to
        at most 500 cells along an edge, where a cell shows the kind that most of its samples are.
    """
    step = max(1, -(-max(grid.shape) // LONGEST_EDGE))
    shape = tuple(-(-length // step) for length in grid.shape)
    inverse = ~grid.transform
    col, row = (inverse.a * table["x"] + inverse.c) // step, (inverse.e * table["y"] + inverse.f) // step
    cell = (row * shape[1] + col).to_numpy().astype(int)
    label, predicted = table["label"].to_numpy(bool), table["predicted"].to_numpy(bool)
    kind = np.select([label & predicted, ~label & predicted, label & ~predicted], [1, 2, 3], 0)
    counts = np.bincount(cell * 4 + kind, minlength=shape[0] * shape[1] * 4).reshape(*shape, 4)
    return np.where(counts.any(axis=2), counts.argmax(axis=2), 255).astype(np.uint8)


def error_map_png(table: pd.DataFrame, grid: Grid, name: str) -> bytes:
    """Map of false alarms and of what was missed, out of fold.

    Args:
        table: x, y, label, predicted.
        grid: of the region.
        name: of the class, for people.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    figure = new_figure(WIDTH, HEIGHT)
    axis = figure.subplots()
    kinds = error_kinds(table, grid)
    shown = np.where(kinds == 255, np.nan, kinds)
    axis.imshow(shown, cmap=ListedColormap([c for _, c in KINDS]), vmin=-0.5, vmax=3.5, interpolation="nearest")
    axis.set_axis_off()
    handles = [Patch(facecolor=colour, edgecolor="0.3", label=kind.format(name)) for kind, colour in KINDS]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return png(figure, COLOURS)
