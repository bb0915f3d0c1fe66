"""The fused stack: the features of optics, lights and embeddings, side by side on one grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import xarray as xr

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid, rows_and_columns


def fuse(composites: Mapping[str, xr.Dataset], features: Sequence[str], grid: Grid) -> xr.Dataset:
    """One lazy Dataset with a band for each feature, in order.

    Args:
        composites: by asset name; each on `grid`.
        features: names of the bands to take.
        grid: that all of them must share to the pixel.

    Raises:
        FusionError: a composite on another grid, or a feature that none of them has.
    """
    for name, composite in composites.items():
        actual = Grid.of(composite)
        if actual.digest != grid.digest:
            raise FusionError(
                f"{name} lies on {_described(actual)}",
                f"the region's grid, {_described(grid)}",
                f"materialize {name} again: it was made for another region or resolution",
            )
    held = {band: composite[band] for composite in composites.values() for band in composite.data_vars}
    missing = [feature for feature in features if feature not in held]
    if missing:
        raise FusionError(
            f"no composite has the features {', '.join(missing)}; they have {', '.join(sorted(map(str, held)))}",
            f"bands {', '.join(features)}",
            "add them to the product's `bands` in the study, or materialize the composites again",
        )
    return grid.dataset({feature: held[feature].data for feature in features})


def _described(grid: Grid) -> str:
    west, _, _, north = grid.bounds
    return f"{rows_and_columns(*grid.shape)} of {grid.resolution:g} m in {grid.crs} from ({west:g}, {north:g})"
