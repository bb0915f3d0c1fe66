"""Lights that burn in one year alone, far from anything lit before: fires and flares, told by another year."""

from __future__ import annotations

from typing import cast

import dask.array as da
import numpy as np

FAINT, FIRE, SUDDEN = 1.0, 10.0, 5.0
"""nW/cm2/sr above background: up to FAINT land counts as unlit. A fire has FIRE, and SUDDEN times the strongest light
(and FAINT) that the reference year knows within NEAR_METRES."""
NEAR_METRES, BLOOM_METRES = 1000.0, 4000.0
WIDEST = 100
"""Pixels; at fine resolutions these distances are cut to this, so that blocks stay small."""


def without_fires(lights: da.Array, reference: da.Array, background: float, resolution: float) -> da.Array:
    """The reference's value wherever a strong light burns that nothing near it announced, and in its bloom; lazily.

    Args:
        lights: (y, x) float32, nW/cm2/sr; NaN for no data.
        reference: the same of the year that announces; where it is unknown nothing is a fire.
        background: of dark land in that year, nW/cm2/sr.
        resolution: pixel size in metres.
    """
    from scipy import ndimage

    near, bloom = (int(np.clip(round(metres / resolution), 1, WIDEST)) for metres in (NEAR_METRES, BLOOM_METRES))

    def block(now: np.ndarray, then: np.ndarray) -> np.ndarray:
        # Comparisons with NaN are false: what is unknown is neither lit nor on fire.
        light = np.where(np.isfinite(then), np.maximum(then - background, 0), 0) + FAINT
        strongest = ndimage.maximum_filter(light, 2 * near + 1, mode="nearest")
        fire = np.isfinite(then) & (now - background >= np.maximum(FIRE, SUDDEN * strongest))
        glow = ndimage.maximum_filter(fire, 2 * bloom + 1, mode="constant") & (now - background + FAINT > 2 * light)
        return np.where(glow & np.isfinite(then), then, now)

    cleared = da.map_overlap(
        block, lights, reference, depth=near + bloom, boundary="none", dtype=np.float32,
        meta=np.empty((0, 0), np.float32),
    )  # fmt: skip
    return cast("da.Array", cleared)
