"""Small worlds whose truth is known, with maps of known faults and a sample drawn from them."""

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from fusion_assets.demo.rivals import a_year_late, blurred, roofs_only

YEARS = (2016, 2017, 2018, 2019)
KM2 = 1.0
SIZE = 120


def world(seed, size=SIZE):
    """Shares of truth by year, and of each map by name and year; ours is a fair map with errors of its own."""
    rng = np.random.default_rng(seed)

    def field(width):
        values = gaussian_filter(rng.standard_normal((size, size)), width)
        return values / values.std()

    land = field(3)
    truth = {year: (land > 1.0 - 0.06 * k).astype(float) for k, year in enumerate(YEARS)}
    common = field(1.5)
    # No map is without errors beyond its fault: in patches, and the same ones in every year.
    wrong = {name: np.abs(field(1.5)) > 2.0 for name in ("roofs", "late", "blurred")}
    seen = {name: {year: np.where(wrong[name], 1 - truth[year], truth[year]) for year in YEARS} for name in wrong}
    share = {}
    for k, year in enumerate(YEARS):
        ours = 1 / (1 + np.exp(-3 * (land - 1.0 + 0.06 * k + 0.4 * common + 0.2 * field(1))))
        share[year] = {
            "ours": ours,
            "roofs": roofs_only(seen["roofs"][year], seed),
            "late": a_year_late(seen["late"], year),
            "blurred": blurred(seen["blurred"][year], 5),
        }
    return truth, share


def sample(truth, mapped, seed, n=400, panel=True):
    """Points stratified by a map: mapped, near it, the rest, as `checked_reference` gives them."""
    from scipy.ndimage import binary_dilation

    rng = np.random.default_rng(1000 + seed)
    near = binary_dilation(mapped, np.ones((3, 3)), iterations=2) & ~mapped
    rows = []
    for name, members, count in (("built", mapped, n // 3), ("near", near, n // 3), ("rest", ~mapped & ~near, n // 3)):
        pixels = rng.choice(np.flatnonzero(members), count, replace=False)
        chance = count / members.sum()
        for year in truth:
            table = {"place": pixels, "stratum": name, "weight": KM2 / chance, "chance": chance, "year": year}
            rows.append(pd.DataFrame(table | {"label": truth[year].ravel()[pixels].astype(int)}))
    return pd.concat(rows, ignore_index=True).assign(inside=True)
