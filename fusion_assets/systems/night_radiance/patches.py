"""A region as people who train elsewhere read it: what methods see of its pixels, and which of them may be learnt from.

Bands are day imagery and indices by name, `start` (the deblurred lights) and `cells` (every pixel as its cell), both
nW/cm2/sr, and `place`, `block` and `validity`. A pixel whose validity is not 1 was unknown to one of the sensors or
lies beyond the region's grid: it looks like its nearest known neighbour, or is 0, and takes part in no loss.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fusion_assets.learning.patch_files import with_channels
from fusion_assets.systems.night_radiance.mapping import BLOCK
from fusion_assets.systems.night_radiance.resampling import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    import xarray as xr

    from fusion_assets.systems.night_radiance.task import Task

PREFIX = "patches"
"""Of the names of all files."""


def image_of(task: Task, guides: Mapping[str, np.ndarray], place: int) -> xr.Dataset:
    """The image that patches are cut from, float32 bands on the fine grid.

    Args:
        task: of the region.
        guides: its day imagery, NaN where nothing was clear.
        place: number of the region in the study, from 0.
    """
    fine = task.sensor.fine
    known = nearest(np.isfinite(task.measured).astype(float), task.sensor.cells, fine) > 0.5
    valid = np.all([known, *(np.isfinite(guide) for guide in guides.values())], axis=0)
    rows, columns = (axis // max(1, round(BLOCK * task.ratio)) for axis in np.indices(fine.shape))
    bands = {name: np.asarray(plane, np.float32) for name, plane in task.guides.items()}
    bands |= {"start": task.start.astype(np.float32), "cells": task.nearest.astype(np.float32)}
    return with_channels(fine.dataset(bands), place, rows * (columns.max() + 1) + columns, valid)
