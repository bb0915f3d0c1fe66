"""What trainings are foretold to cost."""

import numpy as np
import pytest

from fusion_assets.systems.climate_zones import costs
from fusion_assets.systems.climate_zones.costs import Rate, Training, measured, seconds_of
from fusion_assets.systems.climate_zones.networks import multiply_adds, network_of
from fusion_assets.systems.climate_zones.training import PRESETS

EARLY, LATE = (network_of("sensors", stage, width=0.5) for stage in (0, 6))


def test_seconds_are_those_of_the_multiply_adds():
    work = multiply_adds(EARLY) / 1e6 * 2.0 * 0.077
    assert seconds_of([Training(EARLY, 2000, 0, 10)], Rate()) == pytest.approx(10 * work)
    assert seconds_of([Training(EARLY, 1900, 300, 10)] * 3, Rate()) == pytest.approx(30 * work)
    slow = Rate(0.077, a_thousand=0.5, a_training=4)
    assert seconds_of([Training(EARLY, 2000, 0, 10)], slow) == pytest.approx(4 + 10 * (work + 2 * 0.5))


def test_larger_networks_cost_more():
    early, late = (seconds_of([Training(each, 1000, 100, 12)], Rate()) for each in (EARLY, LATE))
    assert late / early == pytest.approx(multiply_adds(LATE) / multiply_adds(EARLY))


def test_two_networks_tell_the_rate_whatever_else_the_machine_does():
    def rate(little, much):
        return costs._rate(np.array([10.0, 20.0]), np.array([4.0, 6.0]), np.array([little, much]))

    quiet = rate(0.6, 1.0)
    assert (quiet.a_million, quiet.a_thousand, quiet.a_training) == pytest.approx((0.04, 0.2, 5))
    # A larger network that seems faster, or a smaller one that seems to take nothing, decides nothing by itself.
    for little, much in ((1.0, 0.9), (0.2, 1.2)):
        found = rate(little, much)
        assert 0.4 * 0.06 <= found.a_million <= 0.08 and found.a_thousand >= 0
    assert costs._rate(*np.array([[10.0], [4.0], [0.6]])) == Rate(0.06, 0.0, 4.0)


@pytest.mark.slow
def test_this_machine_has_a_rate():
    rate = measured([EARLY, LATE, EARLY], PRESETS["quick"])
    assert 0.0005 < rate.a_million < 2 and 0 <= rate.a_thousand < 30 and 0 < rate.a_training < 60
