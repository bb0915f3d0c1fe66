"""The reference sample of the demo archive: the truth at places drawn beforehand, as people would interpret them.

The strata come from the archive's own settlement labels, a map that exists before any other is made. The same places
are interpreted every year.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from affine import Affine
from pyproj import Transformer

from fusion_assets.demo.frame import Frame
from fusion_assets.demo.land import Land, stream
from fusion_assets.demo.lights import NO_LABEL, label_codes, label_window
from fusion_assets.demo.settlement import Settlements, built_up
from fusion_assets.evaluation.probability_sample import draw_points, strata_of
from fusion_assets.grids.grid import Grid

POINTS = 400
_PER_CELL = 4


def reference_sample(seed: int, frame: Frame, land: Land, settlements: Settlements) -> pd.DataFrame:
    """Interpretations of every year of the archive, one row a place and year; columns as `fusion sample` writes them.

    Args:
        seed: of the archive; another seed draws other places.
        frame: where it lies.
        land: for the labels.
        settlements: for the truth.
    """
    transform = frame.transform @ Affine.scale(_PER_CELL)
    grid = Grid(frame.crs, transform, frame.size_km, frame.size_km)
    labelled = _labels_on(grid, seed, frame, land, settlements)
    strata = strata_of(labelled >= 2, np.ones(grid.shape, bool))
    draw = int(stream(seed, "reference").integers(2**31))
    places = draw_points(grid, strata, min(POINTS, strata.size), draw, "built_up")
    inverse = ~transform
    col, row = ((inverse @ (places["x"].to_numpy(), places["y"].to_numpy()))[i].astype(int) for i in (0, 1))
    area = tuple(slice(side.start // _PER_CELL, side.stop // _PER_CELL) for side in frame.inner)
    years = []
    for year in settlements.years:
        truth = built_up(settlements, year)[area]
        years.append(places.assign(year=year, label=truth[row, col].astype(int), notes=""))
    return pd.concat(years, ignore_index=True)


def _labels_on(grid: Grid, seed: int, frame: Frame, land: Land, settlements: Settlements) -> np.ndarray:
    """Settlement codes at the cells' centres, 0 where there are none."""
    window = label_window(frame)
    x, y = np.meshgrid(*grid.centres())
    x, y = Transformer.from_crs(grid.crs, window.crs, always_xy=True).transform(x, y)
    inverse = ~window.transform
    col = np.floor(inverse.a * x + inverse.b * y + inverse.c).astype(int)
    row = np.floor(inverse.d * x + inverse.e * y + inverse.f).astype(int)
    codes = label_codes(seed, frame, land, settlements)[row, col]
    return np.where(codes == NO_LABEL, 0, codes)
