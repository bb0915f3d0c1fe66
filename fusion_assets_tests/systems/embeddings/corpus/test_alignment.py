"""How the sensors of a patch lie on each other: shifts are found, foreign pairs are not taken for pairs."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from fusion_assets.systems.embeddings.corpus.alignment import (
    AT_EDGE,
    RELATED,
    SHIFTED,
    SMALL,
    UNRELATED,
    UNSEEN,
    alignment,
    correlations,
    patch_correlations,
    told_by,
)

EDGE, MARGIN = 120, 12


def fields(seed, edge=EDGE + 2 * MARGIN):
    """Fields with straight borders, brightness of each by chance: (y, x) numbers of fields."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:edge, :edge]
    points = rng.uniform(0, edge, (60, 2))
    return np.argmin((y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2, axis=-1)


def pair(seed, right=0, down=0, radar_seed=None):
    """Optics of some fields, and radar of the same, moved; brightness in one says nothing of the other."""
    rng = np.random.default_rng([seed, 1])
    land = fields(seed)
    other = land if radar_seed is None else fields(radar_seed)
    optics = np.stack([gaussian_filter(rng.uniform(0, 0.4, 60)[land], 0.7) for _ in range(4)])
    speckle = rng.gamma(5, 0.2, (2, *land.shape))
    radar = np.stack([rng.uniform(-16, -6, 60)[other] for _ in range(2)]) + 10 * np.log10(speckle)
    inside = slice(MARGIN, -MARGIN)
    moved = np.roll(radar, (down, right), (1, 2))
    return optics[:, inside, inside], moved[:, inside, inside]


@pytest.mark.parametrize(("right", "down"), [(3, -2), (0, 0), (-5, 6)])
def test_a_shift_is_found_and_flagged(right, down):
    found = alignment(*pair(1, right, down))
    assert (found.shift_x, found.shift_y) == pytest.approx((right, down), abs=0.3)
    assert found.correlation > 2 * RELATED and found.flag == (SHIFTED if right or down else "")


def test_a_shift_of_half_a_pixel_is_found_below_a_pixel():
    whole = gaussian_filter(np.random.default_rng(3).normal(size=(2, 240, 240)), (0, 4, 4))
    fine = whole[:, ::2, ::2], whole[:, ::2, 1::2]
    found = alignment(fine[0], fine[1])
    assert found.shift_x == pytest.approx(-0.5, abs=0.15) and found.shift_y == pytest.approx(0, abs=0.1)


def test_pairs_of_different_places_hardly_ever_correlate():
    found = [alignment(*pair(seed, radar_seed=seed + 100)) for seed in range(20)]
    assert sum(each.correlation < RELATED for each in found) >= 19
    assert all(each.flag for each in found) and sum(each.flag == UNRELATED for each in found) >= 19


def test_small_patches_tell_nothing_alone_and_their_shift_together():
    surfaces = []
    for seed in range(12):
        optics, radar = pair(seed, 2, 1)
        parts = [np.s_[:, row : row + 24, column : column + 24] for row in (0, 40, 80) for column in (0, 40, 80)]
        assert alignment(optics[parts[0]], radar[parts[0]]).flag == SMALL
        surfaces += [patch_correlations(optics[part], radar[part]) for part in parts]
    found = told_by(np.mean(surfaces, axis=0), 24**2 * len(surfaces))
    assert (found.shift_x, found.shift_y) == pytest.approx((2, 1), abs=0.4) and found.flag == SHIFTED


def test_a_peak_at_the_edge_of_reach_is_no_shift():
    assert alignment(*pair(4, 8, 0)).flag in (AT_EDGE, UNRELATED)


def test_missing_pixels_do_not_make_edges():
    optics, radar = pair(5)
    optics[:, :30], radar[:, :, 100:] = np.nan, np.nan
    found = alignment(optics, radar)
    assert found.flag == "" and abs(found.shift_x) < 0.5
    optics[:, :70] = np.nan
    assert alignment(optics, radar).flag == UNSEEN


def test_correlations_equal_those_computed_shift_by_shift():
    rng = np.random.default_rng(6)
    fixed, moving = rng.normal(size=(2, 30, 34))
    found = correlations(fixed, moving, 3)
    for down in range(-3, 4):
        for right in range(-3, 4):
            part = moving[3 + down : 27 + down, 3 + right : 31 + right]
            expected = np.corrcoef(fixed[3:-3, 3:-3].ravel(), part.ravel())[0, 1]
            assert found[down + 3, right + 3] == pytest.approx(expected, abs=1e-9)


def test_flat_land_says_nothing():
    assert alignment(np.full((4, 60, 60), 0.1), pair(7)[1][:, :60, :60]).flag == UNSEEN
