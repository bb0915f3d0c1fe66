"""Pairs of a small world: places whose kind shows in optics, less so in radar, with numbers of their own in both."""

import numpy as np

from fusion_assets.systems.embeddings.encoder.network import Design
from fusion_assets.systems.embeddings.encoder.pairs import Pairs

BANDS = ("B02", "B04", "B08")
DESIGN = Design(BANDS, dim=16, widths=(4, 8, 16))


def world(count=64, size=12, seed=0):
    """Pairs, and the kind of each place, 0 to 2."""
    random = np.random.default_rng(seed)
    kind = np.arange(count) % 3
    own = random.normal(0, 0.3, count)
    level = np.stack([kind * 0.1 + 0.1, 0.3 - kind * 0.05, 0.2 + 0.1 * own], axis=1)
    optics = level[:, None, None] + random.normal(0, 0.02, (count, size, size, 3))
    back = np.stack([-15 + 2 * kind + 3 * own, -21 + 2 * kind - 3 * own], axis=1)
    radar = back[:, None, None] + random.normal(0, 1, (count, size, size, 2))
    return Pairs(optics.astype(np.float32), radar.astype(np.float32), np.arange(count), BANDS), kind
