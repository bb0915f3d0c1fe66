"""Training samples: labelled pixels with their features, block and fold."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.errors import FusionError
from fusion_assets.evaluation.blocks import FOLDS, lay_out
from fusion_assets.grids.grid import rows_and_columns
from fusion_assets.systems.built_up.features.labels import check_classes, source_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    import xarray as xr
    from affine import Affine

LIMIT = 100_000


def draw_samples(
    stack: xr.Dataset,
    labels: xr.Dataset,
    features: Sequence[str],
    *,
    source: tuple[str, Affine] | None = None,
    limit: int | None = LIMIT,
    folds: int = FOLDS,
    seed: int = 0,
) -> tuple[gpd.GeoDataFrame, dict[str, object]]:
    """Every labelled pixel with finite features, as points in the grid's CRS.

    Args:
        stack: one float band per feature, NaN for no data (dims y, x).
        labels: dataset on the same grid with band `built_up` (0, 1, 255 = no data).
        features: band names to take, in order.
        source: CRS and affine transform of the raster the labels came from; by default what `labels` says of it.
        limit: draw at random, uniformly, when more pixels than this are usable; None for all. The report says so.
        folds: number of folds.
        seed: of the draw and of the folds.

    Returns:
        Table with columns x, y (pixel centre), lon, lat, the features, label, block, fold, cell_row, cell_col (label
        cell), geometry; and a report: `labelled`, `kept`, `dropped` in all, by feature and by block, `drawn_from`,
        `positive_share`, `blocks`. Counts are pixels.

    Raises:
        FusionError: a missing band, another grid, no usable pixel, one class only, fewer than two blocks.
    """
    import geopandas as gpd
    from pyproj import Transformer

    missing = [name for name in features if name not in stack.data_vars]
    if missing or "built_up" not in labels.data_vars:
        raise FusionError(
            f"band(s) {', '.join(missing) or 'built_up'} missing",
            f"stack bands {', '.join(features)} and label band built_up",
            "materialize fused_stack and ghsl_labels again with this study",
        )
    if not (np.array_equal(stack.x, labels.x) and np.array_equal(stack.y, labels.y)):
        raise FusionError(
            f"stack of {rows_and_columns(stack.sizes['y'], stack.sizes['x'])} and labels of "
            f"{rows_and_columns(labels.sizes['y'], labels.sizes['x'])} "
            "do not share their pixel centres",
            "both on the region's grid",
            "materialize both again with this study",
        )
    target = np.asarray(labels["built_up"].values)
    labelled = (target == 0) | (target == 1)
    values = {name: np.asarray(stack[name].values, dtype="float32") for name in features}
    absent = {name: labelled & ~np.isfinite(v) for name, v in values.items()}
    usable = labelled & ~np.logical_or.reduce(list(absent.values()))
    if not usable.any():
        worst = max(absent, key=lambda name: int(absent[name].sum()))
        raise FusionError(
            f"none of {int(labelled.sum())} labelled pixels has all its features; "
            f"{worst} is absent at {int(absent[worst].sum())} of them",
            "at least one labelled pixel with finite features",
            "look at the preview of fused_stack; widen the season or the windows of the study",
        )
    row, col = np.nonzero(usable)
    if limit is not None and len(row) > limit:
        take = np.sort(np.random.default_rng(seed).choice(len(row), limit, replace=False))
        row, col = row[take], col[take]
    x, y = stack.x.values[col].astype(float), stack.y.values[row].astype(float)
    lon, lat = Transformer.from_crs(stack.rio.crs, "EPSG:4326", always_xy=True).transform(x, y)
    label = target[row, col].astype("int8")
    check_classes(label)
    crs, transform = source or source_cells(labels)
    block, (cell_row, cell_col), fold, layout = lay_out(stack, crs, transform, (row, col), label, folds, seed)
    table = gpd.GeoDataFrame(
        {
            "x": x,
            "y": y,
            "lon": lon,
            "lat": lat,
            **{name: v[row, col] for name, v in values.items()},
            "label": label,
            "block": block[row, col].astype("int32"),
            "fold": fold,
            "cell_row": cell_row[row, col],
            "cell_col": cell_col[row, col],
        },
        geometry=gpd.points_from_xy(x, y),
        crs=stack.rio.crs,
    )
    dropped = labelled & ~usable
    where = np.unique(block[dropped], return_counts=True)
    report = {
        "pixels": int(target.size),
        "labelled": int(labelled.sum()),
        "kept": len(table),
        "drawn_from": int(usable.sum()),
        "dropped": int(dropped.sum()),
        "dropped_by_feature": {name: int(mask.sum()) for name, mask in absent.items()},
        "dropped_by_block": {int(b): int(n) for b, n in zip(*where, strict=True)},
        "positive_share": float(label.mean()),
        "positive_share_of_dropped": float(target[dropped].mean()) if dropped.any() else None,
        "blocks": layout,
        "folds": {int(f): _count(table, f) for f in np.unique(table["fold"])},
    }
    return table, report


def samples_digest(samples: gpd.GeoDataFrame) -> str:
    """Twelve hex digits over every column but the geometry, names and order included."""
    digest = hashlib.sha256()
    for name in samples.columns.drop("geometry"):
        digest.update(name.encode())
        digest.update(np.ascontiguousarray(samples[name].to_numpy()).tobytes())
    return digest.hexdigest()[:12]


def _count(table: gpd.GeoDataFrame, fold: int) -> dict[str, int]:
    inside = table["label"][table["fold"] == fold]
    return {"samples": len(inside), "positive": int(inside.sum())}
