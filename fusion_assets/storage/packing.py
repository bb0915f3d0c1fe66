"""Arrays as text, so that what an estimator has learned is a document like any other: `numpy.savez`, in base64.

Nothing is pickled: arrays of numbers and texts only. Equal arrays are equal texts.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping

import numpy as np


def packed(arrays: Mapping[str, np.ndarray]) -> str:
    """Arrays by name as ASCII text; dtypes and shapes are kept."""
    out = io.BytesIO()
    np.savez_compressed(out, allow_pickle=False, **{name: np.asarray(held) for name, held in arrays.items()})
    return base64.b64encode(out.getvalue()).decode("ascii")


def unpacked(text: str) -> dict[str, np.ndarray]:
    """What `packed` was given."""
    with np.load(io.BytesIO(base64.b64decode(text)), allow_pickle=False) as found:
        return {name: found[name] for name in found.files}
