"""How a year's features and map compare with what was learnt from: the label year's samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    import xarray as xr

BINS = 10
_FLOOR = 1e-4  # an empty bin would make the index infinite


def feature_reference(values: np.ndarray, features: Sequence[str]) -> dict[str, dict[str, Any]]:
    """How each feature is spread over the samples; JSON-able.

    Args:
        values: (n, feature) finite values.
        features: their names.

    Returns:
        By feature: `edges` of at most ten equal-count bins (inner ones only), `share` of samples in each bin,
        `median` and `iqr` (interquartile range), in the feature's unit.
    """
    out = {}
    for name, column in zip(features, np.asarray(values, "float64").T, strict=True):
        edges = np.unique(np.quantile(column, np.linspace(0, 1, BINS + 1)[1:-1]))
        low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
        share = np.bincount(np.searchsorted(edges, column, side="right"), minlength=len(edges) + 1) / len(column)
        out[name] = {
            "edges": edges.tolist(),
            "share": share.tolist(),
            "median": float(middle),
            "iqr": float(high - low),
        }
    return out


def feature_drift(
    reference: Mapping[str, Mapping[str, Any]], stack: xr.Dataset, table: pd.DataFrame
) -> dict[str, dict[str, float]]:
    """How far each feature of a year has moved from the samples it is judged by.

    Args:
        reference: what `feature_reference` returned.
        stack: features of the year; read chunk by chunk.
        table: x and y of the samples, pixel centres of the stack's grid.

    Returns:
        By feature: `psi`, the population stability index (sum of (share now - share then) x ln(share now / share
        then) over the bins; customary reading: under 0.1 stable, over 0.25 changed), `shift` of the median and
        `spread`, the interquartile range, both in interquartile ranges of the reference. Empty where no place has
        values, or no reference is known.
    """
    if not reference:
        return {}
    bands = at_samples(stack[list(reference)], table)
    finite = np.logical_and.reduce([np.isfinite(values) for values in bands.values()])
    if not finite.any():
        return {}
    out = {}
    for name, then in reference.items():
        column = bands[name][finite].astype("float64")
        bins = np.searchsorted(np.asarray(then["edges"]), column, side="right")
        now = np.maximum(np.bincount(bins, minlength=len(then["share"])) / len(column), _FLOOR)
        before = np.maximum(np.asarray(then["share"]), _FLOOR)
        low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
        scale = then["iqr"] or 1.0
        out[name] = {
            "psi": float(((now - before) * np.log(now / before)).sum()),
            "shift": float((middle - then["median"]) / scale),
            "spread": float((high - low) / scale),
        }
    return out


def disagreement(mapped: xr.DataArray, table: pd.DataFrame) -> dict[str, float]:
    """Where a year's map and the labels, which are of the label year, say different things.

    Args:
        mapped: 1 the class that is mapped, 0 not, NaN no data.
        table: x, y and label of the samples.

    Returns:
        Shares of the samples that the map covers: `disagree`, of which `gained` (mapped, not labelled) and `lost`
        (labelled, not mapped); `labelled`, the share labelled 1. Empty where the map covers none.
    """
    values = at_samples(mapped.to_dataset(name="mapped"), table)["mapped"]
    finite = np.isfinite(values)
    if not finite.any():
        return {}
    now, label = values[finite] == 1, table["label"].to_numpy()[finite] == 1
    return {
        "disagree": float((now != label).mean()),
        "gained": float((now & ~label).mean()),
        "lost": float((~now & label).mean()),
        "labelled": float(label.mean()),
    }


def at_samples(raster: xr.Dataset, table: pd.DataFrame) -> dict[str, np.ndarray]:
    """Values of every band at the samples' pixels, all bands in one pass over the chunks."""
    import dask
    import dask.array as da
    import pandas as pd

    row = raster.indexes["y"].get_indexer(pd.Index(table["y"]), method="nearest")
    col = raster.indexes["x"].get_indexer(pd.Index(table["x"]), method="nearest")
    lazy = [da.asarray(raster[name].data).vindex[row, col] for name in raster.data_vars]
    return dict(zip(map(str, raster.data_vars), map(np.asarray, dask.compute(*lazy)), strict=True))
