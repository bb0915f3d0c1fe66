"""Simulated fields for the tests of the NDVI room: crops that green and are cut, and radar that sees it."""

import numpy as np

from fusion_assets.systems.ndvi.gap_filling.series import Series

START = np.datetime64("2020-01-01")


def truth(days, pixels, seed=0):
    random = np.random.default_rng(seed)
    green, cut = random.uniform(60, 140, pixels), random.uniform(180, 280, pixels)
    day = np.asarray(days)[:, None]
    return 0.2 + 0.6 / (1 + np.exp(-(day - green) / 10)) - 0.55 / (1 + np.exp(-(day - cut) / 3))


def fields(pixels=300, every=5, cloudy=0.4, noise=0.02, seed=0):
    """A year of 73 scenes: two in five overcast, the others with two in five values cloudy; radar every six days."""
    random = np.random.default_rng(seed)
    days, passes = np.arange(0, 365, every), np.arange(0, 365, 6)
    ndvi = truth(days, pixels) + random.normal(0, noise, (len(days), pixels))
    hidden = random.random(ndvi.shape) < cloudy
    hidden[random.random(len(days)) < cloudy] = True
    seen = truth(passes, pixels)
    orbit = np.arange(len(passes)) % 2
    vh = -22 + 8 * seen + 2 * orbit[:, None] + random.normal(0, 0.7, seen.shape)
    vv = -12 + 2 * seen + 2 * orbit[:, None] + random.normal(0, 0.7, seen.shape)
    return Series(
        START + days,
        np.where(hidden, np.nan, ndvi).astype(np.float32),
        START + passes,
        vv.astype(np.float32),
        vh.astype(np.float32),
        orbit,
    )
