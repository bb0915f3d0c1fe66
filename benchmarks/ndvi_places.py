"""Gap-free NDVI on every real place at hand: errors within a series and at its ends, by length of gap.

Places lie in `../shared`; without them there are no rows. Gaps share two trainings, each of which sees nothing of
half of them, so that errors are somewhat above those that `ndvi` finds with eight. docs/ndvi.md takes its figures
from the table that this writes:

    python -m benchmarks.ndvi_places benchmarks/ndvi_places.csv
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from benchmarks.ndvi import FIELD, REAL, real_place, workshop
from fusion_assets.systems.ndvi.evaluation import Gap, clear_scenes, edge, runs, scores, withheld_estimates
from fusion_assets.systems.ndvi.gap_filling.estimators import ESTIMATORS
from fusion_assets.systems.ndvi.gap_filling.series import Series

LENGTHS, SAMPLE = (30, 90, 150), 5000
METHODS = ("interpolation", "random_forest", "fused")
DIGITS = {"rmse": 3, "coverage": 2}


def run() -> list[dict]:
    """A row for every place, position, length and method: `n`, `scenes`, `rmse`, `coverage`."""
    rows = []
    for place, series, judged in places():
        for position, length, gaps in cases(series, judged):
            for name in METHODS:
                found = scores(series, withheld_estimates(series, ESTIMATORS[name], gaps, SAMPLE), gaps)
                figures = {figure: round(found[figure], digits) for figure, digits in DIGITS.items()}
                row = {"place": place, "position": position, "gap_days": length, "estimator": name}
                rows.append({**row, "scenes": found["scenes"], **figures})
    return rows


def places() -> Iterator[tuple[str, Series, np.ndarray]]:
    """Name, series, and the indices of the scenes to judge by."""
    if FIELD.is_dir():
        pixels = workshop()
        mean = np.nanmean(pixels.ndvi, axis=1, keepdims=True)
        field = replace(pixels.take(slice(0, 1)), ndvi=mean)
        yield "field", field, clear_scenes(field)
    if REAL.is_file():
        for name in ("dender", "leie"):
            series, _, judged = real_place(name)
            yield name, series, judged


def cases(series: Series, judged: np.ndarray) -> Iterator[tuple[str, int, list[Gap]]]:
    """Gaps that leave scenes to judge by on both sides, and gaps at either end."""
    ends = {int(judged[0]), int(judged[-1])}
    for length in LENGTHS:
        every = runs(series, judged, length)
        two = [replace(gap, group=k % 2) for k, gap in enumerate(every)]
        yield "inside", length, [gap for gap in two if not ends & set(gap.targets.tolist())]
        yield "first", length, edge(series, judged, length, first=True)
        yield "last", length, edge(series, judged, length, first=False)


if __name__ == "__main__":
    pd.DataFrame(run()).to_csv(sys.argv[1], index=False)
