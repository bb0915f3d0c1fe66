"""Pictures of an evaluation: reliability, precision and recall, where it errs, feature sets compared.

All are told apart in black and white, too.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion_assets.evaluation.scores import precision_recall
from fusion_assets.reports.previews import data_uri

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from fusion_assets.grids.grid import Grid

MODEL, FOREST = "#1b3a57", "#b8621b"
LONGEST_EDGE = 500
KINDS = (
    ("rightly not built-up", "#f2efe6"),
    ("rightly built-up", "#c4c4c4"),
    ("false alarm", "#e06a2b"),
    ("missed", "#0b2a55"),
)


def reliability_png(metrics: Mapping[str, Any]) -> bytes:
    """Observed share of built-up land against predicted probability, in equal-count bins, out of fold.

    Args:
        metrics: what `evaluation.measured` returned.
    """
    figure, axis = _figure()
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", label="perfect")
    for name, key, colour, style in _TWO:
        found = metrics["calibration" if key == "model" else "baseline_calibration"]
        x, y, low, high = (np.array([b[k] for b in found["bins"]]) for k in ("probability", "observed", "low", "high"))
        bars = np.maximum([y - low, high - y], 0)
        axis.errorbar(x, y, yerr=bars, color=colour, capsize=2, label=f"{name}, error {found['ece']:.3f}", **style)
    axis.set(xlabel="predicted probability", ylabel="share labelled built-up", xlim=(0, 1), ylim=(0, 1))
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    return _png(figure)


def precision_recall_png(table: pd.DataFrame, metrics: Mapping[str, Any]) -> bytes:
    """Precision against recall over all thresholds, out of fold, with the prevalence as the floor.

    Args:
        table: label, probability, baseline_probability.
        metrics: what `evaluation.measured` returned of it.
    """
    figure, axis = _figure()
    label = table["label"].to_numpy()
    for name, key, colour, style in _TWO:
        column = "probability" if key == "model" else "baseline_probability"
        precision, recall = precision_recall(label, table[column].to_numpy())
        title = f"{name}, average precision {metrics[key]['average_precision']:.3f}"
        axis.step(recall, precision, where="post", color=colour, linestyle=style["linestyle"], label=title)
        # Filled: at the chosen threshold.
        axis.plot(metrics[key]["recall"], metrics[key]["precision"], color=colour, marker=style["marker"])
    floor = metrics["prevalence"]
    axis.axhline(floor, color="0.6", linewidth=1, linestyle=":", label=f"prevalence {floor:.3f}")
    axis.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    axis.legend(frameon=False, fontsize=8, loc="lower left")
    return _png(figure)


def error_kinds(table: pd.DataFrame, grid: Grid) -> np.ndarray:
    """What was right and wrong, out of fold, on the grid.

    Args:
        table: x, y, label, predicted.
        grid: of the region.

    Returns:
        uint8 (y, x): 0 rightly not built-up, 1 rightly built-up, 2 false alarm, 3 missed, 255 no sample; thinned to at
        most 500 cells along an edge, where a cell shows the kind that most of its samples are.
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


def error_map_png(table: pd.DataFrame, grid: Grid) -> bytes:
    """Map of false alarms and missed built-up land, out of fold.

    Args:
        table: x, y, label, predicted.
        grid: of the region.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    figure, axis = _figure()
    kinds = error_kinds(table, grid)
    shown = np.where(kinds == 255, np.nan, kinds)
    axis.imshow(shown, cmap=ListedColormap([c for _, c in KINDS]), vmin=-0.5, vmax=3.5, interpolation="nearest")
    axis.set_axis_off()
    handles = [Patch(facecolor=colour, edgecolor="0.3", label=name) for name, colour in KINDS]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return _png(figure)


def ablation_png(ablation: Mapping[str, Any]) -> bytes:
    """MCC and average precision of each feature set with 95 % intervals.

    Args:
        ablation: what `ablation.ablate_features` returned.
    """
    figure, axis = _figure(height=2.2)
    names = list(ablation["sets"])[::-1]
    rows = ((0.1, "mcc", "MCC", MODEL, "o"), (-0.1, "average_precision", "average precision", FOREST, "s"))
    for offset, key, title, colour, marker in rows:
        known = [ablation["sets"][name]["intervals"][key] for name in names]
        value, low, high = (np.array([k[end] for k in known]) for end in ("value", "low", "high"))
        bars = np.maximum([value - low, high - value], 0)
        at = np.arange(len(names)) + offset
        axis.errorbar(value, at, xerr=bars, color=colour, marker=marker, linestyle="", capsize=2, label=title)
    axis.set_yticks(range(len(names)), names)
    axis.set(xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    return _png(figure)


def as_markdown(pictures: Mapping[str, bytes]) -> str:
    """Pictures by their alternative text, as Markdown with the PNGs inside."""
    return "\n\n".join(f"{text}\n\n![{text}]({data_uri(png)})" for text, png in pictures.items())


_TWO: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    ("model", "model", MODEL, {"linestyle": "-", "marker": "o"}),
    ("random forest", "baseline", FOREST, {"linestyle": "--", "marker": "s"}),
)


def _figure(height: float = 3.6) -> tuple[Any, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2, height), layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    return figure, figure.subplots()


def _png(figure: Any) -> bytes:
    """PNG of 64 colours: Dagster keeps metadata in its database, so pictures stay small."""
    from PIL import Image

    drawn = BytesIO()
    figure.savefig(drawn, format="png")
    out = BytesIO()
    Image.open(drawn).convert("RGB").quantize(64).save(out, "PNG", optimize=True)
    return out.getvalue()
