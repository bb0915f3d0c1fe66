"""Errors of methods as sums by place and block, figures with intervals of them, and the choice that follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fusion_assets.evaluation.bootstrap import Resamples, interval
from fusion_assets.systems.night_radiance.methods.table import METHODS, NO_IMAGERY

BASELINE = "bicubic"


@dataclass(frozen=True)
class Predictions:
    """Out-of-fold answers of one place.

    Attributes:
        place: name.
        truth: cells, NaN where unknown.
        block: number of the block of each cell.
        answers: by method, (height, width).
    """

    place: str
    truth: np.ndarray
    block: np.ndarray
    answers: dict[str, np.ndarray]


def table_of(found: Mapping[str, Sequence[Predictions]]) -> pd.DataFrame:
    """Sums of errors by sensor, place, block and method, from which every figure follows."""
    rows = [row for sensor, places in found.items() for each in places for row in _sums(each)]
    sensors = [sensor for sensor, places in found.items() for each in places for _ in _sums(each)]
    return pd.DataFrame(rows).assign(sensor=sensors) if rows else pd.DataFrame(columns=["sensor", "method"])


def _sums(predictions: Predictions) -> list[dict[str, Any]]:
    known = np.isfinite(predictions.truth)
    truth = predictions.truth[known]
    names, group = np.unique(predictions.block[known], return_inverse=True)
    rows = []
    for method, answer in predictions.answers.items():
        error = answer[known] - truth
        parts = {
            "cells": np.ones_like(truth),
            "squared_error": error**2,
            "absolute_error": np.abs(error),
            "radiance": truth,
            "squared_radiance": truth**2,
        }
        sums = {name: np.bincount(group, values) for name, values in parts.items()}
        for index, block in enumerate(names):
            row = {"place": predictions.place, "block": int(block), "method": method}
            rows.append(row | {name: float(values[index]) for name, values in sums.items()})
    return rows


def figures(table: pd.DataFrame, draws: int = 2000) -> dict[str, Any]:
    """RMSE, MAE and R2 of every method, and its RMSE against the baseline, with 95 % intervals over blocks.

    Args:
        table: of `table_of`, of one sensor.
        draws: resamples.
    """
    methods = list(dict.fromkeys(table["method"]))
    first = table[table["method"] == methods[0]]
    group = pd.factorize(first["place"] + "|" + first["block"].astype(str))[0]
    resamples = Resamples.of(group, draws)
    cells = resamples.sums(first["cells"].to_numpy(float))[:, 0]
    mean = resamples.sums(first["radiance"].to_numpy())[:, 0] / cells
    variance = resamples.sums(first["squared_radiance"].to_numpy())[:, 0] / cells - mean**2
    squared = {
        method: resamples.sums(part["squared_error"].to_numpy())[:, 0] / cells
        for method, part in table.groupby("method", sort=False)
    }
    rows = {}
    for method, part in table.groupby("method", sort=False):
        absolute = resamples.sums(part["absolute_error"].to_numpy())[:, 0] / cells
        rmse = np.sqrt(squared[method])
        ratios = {
            f"to_{other}": interval(rmse / np.maximum(np.sqrt(squared[other]), 1e-12), resamples.groups)
            for other in (BASELINE, NO_IMAGERY)
        }
        rows[method] = {
            "rmse": interval(rmse, resamples.groups),
            "mae": interval(absolute, resamples.groups),
            "r2": interval(1 - squared[method] / np.maximum(variance, 1e-12), resamples.groups),
            **ratios,
        }
    return {"cells": int(cells[0]), "groups": resamples.groups, "methods": rows}


def choice(table: pd.DataFrame) -> tuple[str, str]:
    """The simplest method within one standard error of the best, and why.

    What is compared is the RMSE of a block, averaged over blocks: of squared errors one flare would decide. The
    standard error is that of the paired difference.

    Args:
        table: of `table_of`, of one sensor.
    """
    eligible = [name for name in METHODS if METHODS[name].eligible and name in set(table["method"])]
    rmse = table.assign(rmse=np.sqrt(table["squared_error"] / table["cells"])).pivot_table(
        index=["place", "block"], columns="method", values="rmse"
    )[eligible]
    loss = rmse.mean()
    best = min(eligible, key=lambda name: loss[name])
    difference = rmse.sub(rmse[best], axis=0)
    error = difference.std() / np.sqrt(len(rmse))
    name = next(each for each in eligible if loss[each] - loss[best] <= np.nan_to_num(error[each]))
    words = f"RMSE {loss[name]:.3g} nW/cm2/sr in a block of a place not learnt from"
    if name == best:
        return name, f"{words}, the least of {len(eligible)}"
    return name, f"{words}, within one standard error of {METHODS[best].text} ({loss[best]:.3g})"
