"""Picture of the feature sets compared, told apart in black and white, too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from fusion_assets.reports.agreement_figures import COLOURS, FOREST, MODEL, WIDTH
from fusion_assets.reports.figures import new_figure, png


def ablation_png(ablation: Mapping[str, Any]) -> bytes:
    """MCC and average precision of each feature set with 95 % intervals.

    Args:
        ablation: what `ablation.ablate_features` returned.
    """
    figure = new_figure(WIDTH, 2.2)
    axis = figure.subplots()
    names = list(ablation["sets"])[::-1]
    rows = ((0.1, "mcc", "MCC", MODEL, "o"), (-0.1, "average_precision", "average precision", FOREST, "s"))
    for offset, key, title, colour, marker in rows:
        figures = [ablation["sets"][name]["intervals"][key] for name in names]
        value, low, high = (np.array([each[end] for each in figures]) for end in ("value", "low", "high"))
        bars = np.maximum([value - low, high - value], 0)
        at = np.arange(len(names)) + offset
        axis.errorbar(value, at, xerr=bars, color=colour, marker=marker, linestyle="", capsize=2, label=title)
    axis.set_yticks(range(len(names)), names)
    axis.set(xlim=(0, 1), ylim=(-0.6, len(names) - 0.4))
    axis.legend(frameon=False, fontsize=8, loc="upper left")
    return png(figure, COLOURS)
