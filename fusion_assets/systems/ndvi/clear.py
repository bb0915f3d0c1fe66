"""NDVI of what Sentinel-2 saw clearly."""

from __future__ import annotations

import numpy as np
import xarray as xr

NDVI = "ndvi"


def clear_ndvi(optics: xr.Dataset) -> xr.Dataset:
    """NDVI = (B08 - B04) / (B08 + B04), float32 in [-1, 1], lazily.

    NaN where a band is, and where one is not above 0: an atmospheric correction that left less than nothing.

    Args:
        optics: (time, y, x) reflectance of B04 and B08, NaN where not clear.
    """
    red, near = optics["B04"], optics["B08"]
    ndvi = ((near - red) / (near + red)).where((red > 0) & (near > 0)).astype(np.float32)
    return ndvi.assign_attrs(standard_name="normalized_difference_vegetation_index", units="1").to_dataset(name=NDVI)
