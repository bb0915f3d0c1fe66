"""The exam is fair: what is learnt in some cities holds in them, and in others only where cities are alike.

Calibrated by a plain forest on means and deviations of patches, and by no network.
"""

import numpy as np
import pytest

from fusion_assets.demo.cities.patches import cut, patches_of
from fusion_assets.demo.cities.plan import cities_of


def features(patches):
    """Means and deviations of reflectance and of intensities in dB."""
    found = []
    for row, col in zip(patches.rows, patches.cols, strict=True):
        optics, radar = cut(patches.optics, row, col).reshape(-1, 10), cut(patches.radar, row, col).reshape(-1, 8)
        values = np.hstack([optics / 1e4, 10 * np.log10(np.maximum(radar[:, 4:6], 1e-5))])
        found.append(np.concatenate([values.mean(axis=0), values.std(axis=0)]))
    return np.array(found)


def average_accuracy(learnt, tested, values, labels):
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(100, random_state=0).fit(values[learnt], labels[learnt])
    right = forest.predict(values[tested]) == labels[tested]
    return np.mean([right[labels[tested] == zone].mean() for zone in np.unique(labels[tested])])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shift", "noise", "random", "unseen"),
    [(0.8, True, (0.87, 0.96), (0.42, 0.62)), (0.0, False, (0.98, 1), (0.96, 1))],
)
def test_cities_not_seen_are_harder_by_their_shift_alone(shift, noise, random, unseen):
    cities = [patches_of(0, city, shift, noise) for city in cities_of(12)]
    values = np.concatenate([features(city) for city in cities])
    labels = np.concatenate([city.labels for city in cities])
    number = np.repeat(np.arange(12), [len(city.labels) for city in cities])
    drawn = np.random.default_rng(0).random(len(labels)) < 0.2
    seen = average_accuracy(~drawn, drawn, values, labels)
    held_out = np.array([city.held_out for city in cities_of(12)])[number]
    others = average_accuracy(~held_out, held_out, values, labels)
    assert random[0] <= seen <= random[1] and unseen[0] <= others <= unseen[1]
    assert seen - others >= 0.25 if shift else seen - others <= 0.03
