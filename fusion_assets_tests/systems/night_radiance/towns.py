"""A small simulated place: lamps that follow settlement, on pixels that cells of four by four are made of."""

import numpy as np
from affine import Affine
from scipy.ndimage import gaussian_filter

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance.examples import Place

FINE = Grid("EPSG:32645", Affine(500, 0, 500_000, 0, -500, 3_000_000), 48, 48)


def lamps(seed=0, shape=FINE.shape):
    """(radiance in nW/cm2/sr, settled share), both (height, width)."""
    chance = np.random.default_rng(seed)
    share = gaussian_filter((chance.random(shape) > 0.97).astype(float), 1.2) * 4
    share = np.clip(share, 0, 1)
    radiance = 0.2 + 40 * share * np.exp(0.3 * chance.standard_normal(shape))
    return radiance, share.astype("float32")


def place(seed=0, name="here", block=12):
    """A place whose light is known pixel by pixel."""
    radiance, share = lamps(seed)
    rows, columns = np.indices(FINE.shape)
    guides = {"settlement": share, "other": np.random.default_rng(seed + 9).random(FINE.shape).astype("float32")}
    return Place(name, FINE, radiance, guides, rows // block * 1000 + columns // block)
