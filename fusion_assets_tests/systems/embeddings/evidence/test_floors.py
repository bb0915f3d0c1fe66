"""Floors: what they are of, that they learn from what they may alone, and see what they are shown."""

import numpy as np
import pytest

from fusion_assets.systems.embeddings.encoder.pairs import Pairs
from fusion_assets.systems.embeddings.evidence.floors import FLOORS, statistics
from fusion_assets_tests.systems.embeddings.world import BANDS, world

LEARNT = np.arange(24)


def test_seven_statistics_of_every_band():
    pairs, _ = world(8, size=4)
    found = statistics(pairs, LEARNT, "both")
    assert found.shape == (8, 7 * 5) and statistics(pairs, LEARNT, "radar").shape == (8, 14)
    patch = pairs.radar[3, ..., 1].astype(float)
    expected = [patch.mean(), patch.std(), *np.quantile(patch, [0, 0.25, 0.5, 0.75, 1])]
    assert found[3, 4::5] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", FLOORS)
def test_a_floor_sees_what_it_is_shown_and_learns_from_what_it_may(name):
    pairs, _ = world(40)
    optics, radar = pairs.optics.copy(), pairs.radar.copy()
    optics[LEARNT] += 0.1
    radar[30] = -5
    other = Pairs(optics, radar, pairs.place, BANDS)
    found, changed = (FLOORS[name](each, LEARNT, "radar") for each in (pairs, other))
    assert found.shape[0] == 40 and found.dtype == np.float32 and np.isfinite(found).all()
    same = np.isclose(found, changed, atol=1e-5).all(axis=1)
    assert np.flatnonzero(~same).tolist() == [30]
    assert not np.allclose(FLOORS[name](pairs, LEARNT, "both")[LEARNT], FLOORS[name](other, LEARNT, "both")[LEARNT])
