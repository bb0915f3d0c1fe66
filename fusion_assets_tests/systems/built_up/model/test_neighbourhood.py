import numpy as np
import pytest

from fusion_assets.systems.built_up.model.neighbourhood import LEVELS, Level, pixel_channels, sample_context
from fusion_assets_tests.systems.built_up.conftest import FEATURES

BOXES = Level("test", 2, True)


def expected(values, row, col, half):
    """Mean and spread over the window, pixel by pixel, as a person would write it."""
    cut = values[max(row - half, 0) : row + half + 1, max(col - half, 0) : col + half + 1].reshape(-1, values.shape[-1])
    cut = cut[np.isfinite(cut).all(axis=1)]
    return cut.mean(axis=0), np.sqrt(cut.var(axis=0) + 1e-4)


@pytest.mark.parametrize("where", [(0, 0), (2, 2), (11, 11), (30, 59), (61, 57), (40, 33)])
def test_boxes_are_means_and_spreads_of_the_valid_pixels_around(town, where):
    stack, samples = town
    raw = np.stack([stack[name].values for name in FEATURES], axis=-1)
    channels = np.full((*raw.shape[:2], 4), np.nan)
    known = np.isfinite(raw).all(axis=-1)
    channels[known] = pixel_channels(raw[known], FEATURES)
    row, col = where
    one = samples[(samples.x == stack.x.values[col]) & (samples.y == stack.y.values[row])]
    scaling = (np.zeros(4, "float32"), np.ones(4, "float32"))
    found = sample_context(stack, one, FEATURES, BOXES, scaling)[0].reshape(5, 4)
    assert found[0] == pytest.approx(channels[row, col], abs=1e-5)
    for place, half in ((1, 1), (3, 4)):
        mean, spread = expected(channels, row, col, half)
        assert found[place] == pytest.approx(mean, abs=1e-4)
        assert found[place + 1] == pytest.approx(spread, abs=2e-3)


def test_halo_is_the_reach_of_the_widest_box():
    assert [level.halo for level in LEVELS] == [0, 1, 13]
