"""Prediction of rasters of any size, block by block with the halo that a model needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.learning import saved_model

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray as xr


def predict_dataset(model: saved_model.TrainedModel, stack: xr.Dataset, remedy: str) -> xr.DataArray:
    """Lazy probability for a stack of any size, block by block with the halo the model needs.

    Args:
        model: trained on the stack's features.
        stack: one band per feature in the card's order (an `observation_count` beside them is ignored).
        remedy: what to do where the features are not the model's.

    Returns:
        `probability`, float32 (y, x), backed by dask; NaN where any feature is missing.

    Raises:
        FusionError: the stack's features are not the card's, or stand in another order.
    """
    import dask.array as da
    import xarray as xr

    features = list(model.card["features"])
    require_features(stack, features, remedy)
    # Chunks no smaller than the halo, and near 512 pixels: larger ones only cost memory.
    bands = [da.asarray(stack[name].astype("float32").data) for name in features]
    cube = da.stack(bands, axis=-1).rechunk((saved_model.BLOCK, saved_model.BLOCK, -1))
    halo = int(model.card["context"])
    depth = {0: halo, 1: halo, 2: 0}
    cube = da.overlap.overlap(cube, depth=depth, boundary={0: np.nan, 1: np.nan, 2: "none"}) if halo else cube
    chunks = tuple(tuple(size - 2 * halo for size in sizes) for sizes in cube.chunks[:2])
    probability = cube.map_blocks(
        _predict_block, model, drop_axis=2, chunks=chunks, dtype="float32", meta=np.empty((0, 0), "f4")
    )
    coords = {name: stack.coords[name] for name in ("y", "x", "spatial_ref") if name in stack.coords}
    return xr.DataArray(probability, dims=("y", "x"), coords=coords, name="probability")


def require_features(stack: xr.Dataset, features: Sequence[str], remedy: str, *, exact: bool = True) -> None:
    """Raise a FusionError unless the stack has these features, with `exact` no others and in this order."""
    names = [str(name) for name in stack.data_vars if name != "observation_count"]
    if names == list(features) or (not exact and set(features) <= set(names)):
        return
    missing = [name for name in features if name not in names]
    other = [name for name in names if name not in features]
    what = [f"lacks {', '.join(missing)}"] if missing else []
    what += [f"has {', '.join(other)} besides"] if other else []
    raise FusionError(
        f"the stack {' and '.join(what) or 'has its features in another order'}: {', '.join(names)}",
        f"the features of the model, in order: {', '.join(features)}",
        remedy,
    )


def _predict_block(block: np.ndarray, model: saved_model.TrainedModel) -> np.ndarray:
    return model.probabilities(block)
