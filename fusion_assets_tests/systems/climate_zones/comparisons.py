"""Comparisons of networks that nobody trained: answers drawn at random, scored by what scores real ones."""

import numpy as np
import pandas as pd

from fusion_assets.systems.climate_zones import comparison, fusion_stages
from fusion_assets.systems.climate_zones.grid import INDEPENDENT, points_of
from fusion_assets.systems.climate_zones.section import ClimateZonesUse

CITIES = tuple(f"city {letter}" for letter in "abcdefgh")
PATCHES = {
    "parts": {"training": {"version": "v4", "patches": 1632, "fingerprint": "abc"}},
    "cities": [{"source": "train", "city": city, "patches": 204} for city in CITIES],
}
OVERLAP = {"tested": 816, "overlapping": 800, "share": 800 / 816, "median_area": 0.68, "median_union": 0.515}


def answers(right, seed=0, cities=CITIES, each=51):
    """A table of answers of which about this share is right, some cities more than others."""
    chance = np.random.default_rng(seed)
    label = np.tile(np.arange(17), len(cities) * each // 17)
    city = np.repeat(cities, each)
    share = right + 0.05 * np.sin(np.arange(len(cities)))[np.repeat(np.arange(len(cities)), each)]
    shown = np.where(chance.random(len(label)) < share, label, chance.integers(0, 17, len(label)))
    logits = chance.normal(0, 0.5, (len(label), 17))
    logits[np.arange(len(label)), shown] += 4
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    columns = dict(zip(comparison.PROBABILITIES, probability.T, strict=True))
    return pd.DataFrame({"row": np.arange(len(label)), "label": label, "city": city, **columns})


def compared(use=None, right=None, cities=CITIES, overlap=OVERLAP):
    """The document of a comparison.

    Args:
        use: section of the study.
        right: by `<setting>.<split>.<stage>`, setting or nothing, share of right answers.
        cities: tested.
        overlap: of the setting `random`.
    """
    use = use or ClimateZonesUse(source="demo", seeds=5)
    shares = {"random": 0.9, "city": 0.5, "majority": 0.05, "random.forest": 0.8, "city.forest": 0.4} | (right or {})

    def share(name):
        return shares.get(name, shares.get(name.partition(".")[0], 0.5))

    def figures(setting, name, salt):
        tables = {0: answers(share(name), salt, cities)}
        if setting != "city":
            tables[1] = answers(share(name), salt + 1000, cities)
        return comparison.figures_of([comparison._run(table) for table in tables.values()])

    points = [point for point in points_of(use) if point.stage != INDEPENDENT]
    scores = {
        point.configurations[0]: figures(point.setting, point.name, number) for number, point in enumerate(points)
    }
    baselines = {
        setting: {"majority": figures(setting, "majority", 77), "forest": figures(setting, f"{setting}.forest", 78)}
        for setting in use.settings
    }
    sums = {
        f"{point.setting}.{point.split}": {0: answers(share(point.name), 99, cities)}
        for point in points_of(use)
        if point.stage == INDEPENDENT
    }
    none = {**OVERLAP, "overlapping": 0, "share": 0.0, "median_area": 0.0}
    counts = {"train": 1224, "validation": 204, "test": 816, "left out": 0}
    splits = {name: {"counts": counts, "overlap": overlap if name == "random" else none} for name in use.settings}
    return fusion_stages.study(use, scores, baselines, sums, splits)
