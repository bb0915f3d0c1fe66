"""Rasters as pictures small enough to travel inside a page."""

from __future__ import annotations

import io

import dask.array as da
import numpy as np
import xarray as xr

from fusion_assets.reports.previews import data_uri

LONGEST_EDGE = 1200
"""Pixels along an edge; larger maps are thinned."""


def thinned(band: xr.DataArray, longest: int = LONGEST_EDGE) -> np.ndarray:
    """A band with every n-th pixel, at most `longest` along an edge, computed block by block."""
    step = max(1, -(-max(band.shape) // longest))
    return np.asarray(da.asarray(band.data)[::step, ::step], np.float32)


def picture_uri(rgb: np.ndarray, budget: int, kind: str = "PNG") -> str:
    """A picture as a data URI of at most `budget` bytes: made smaller until it fits."""
    from PIL import Image

    picture = Image.fromarray(rgb)
    enlarge = 300 // max(picture.size)
    if enlarge > 1:
        picture = picture.resize((picture.width * enlarge, picture.height * enlarge), Image.Resampling.NEAREST)
    while True:
        out = io.BytesIO()
        if kind == "JPEG":
            picture.save(out, "JPEG", quality=80)
        else:
            picture.quantize(64, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
        excess = 4 * out.tell() / 3 / budget
        if excess <= 1 or max(picture.size) < 64:
            return data_uri(out.getvalue(), kind.lower())
        shrink = min(0.9, 0.95 / excess**0.5)
        size = (max(1, int(picture.width * shrink)), max(1, int(picture.height * shrink)))
        picture = picture.resize(size, Image.Resampling.BOX)
