"""What sensors see of a city: shadows away from the sun, coarse bands, and radar as it is measured and filtered."""

import numpy as np
import pytest

from fusion_assets.demo.cities.echo import filtered, radar
from fusion_assets.demo.cities.look import look_of
from fusion_assets.demo.cities.materials import BANDS, COARSE, MATERIALS, spectra
from fusion_assets.demo.cities.plan import cities_of, plan_of
from fusion_assets.demo.cities.sight import numbers, reflectance, shade
from fusion_assets.demo.cities.surface import surface_of

SEED, CITY = 2, cities_of(12)[0]


@pytest.fixture(scope="module")
def city():
    look = look_of(SEED, CITY.name, 0.0)
    plan = plan_of(SEED, CITY, look)
    return plan, surface_of(SEED, CITY, plan, look), look


def test_zones_are_covered_as_their_recipes_say(city):
    plan, surface, _ = city
    shares = surface.shares
    assert np.allclose(shares.sum(axis=0), 1, atol=1e-5) and shares.min() >= 0
    roofs, water = shares[:3].sum(axis=0), shares[MATERIALS.index("water")]
    forest = shares[MATERIALS.index("forest")]
    assert 0.4 < roofs[plan.zone == 0].mean() < 0.62 and roofs[plan.zone == 13].mean() < 0.03
    assert forest[plan.zone == 10].mean() > 0.6 and water[plan.zone == 16].mean() > 0.9
    high, low = (surface.height[(plan.zone == zone) & (roofs > 0.9)].mean() for zone in (0, 2))
    assert high > 4 * low > 0


def test_a_tower_darkens_what_lies_north_west_of_it():
    height = np.zeros((40, 40), np.float32)
    height[20, 20] = 50
    dark = shade(height, 45)
    assert dark[18, 18] > 0.3 and dark[22, 22] == 0 and dark[20, 25] == 0
    assert shade(height, 70).sum() < dark.sum() / 2


def test_bands_of_20_m_are_coarse_and_water_is_dark_in_the_last(city):
    plan, surface, look = city
    seen = numbers(reflectance(np.random.default_rng(0), surface, look))
    assert seen.dtype == np.uint16 and seen.min() > 0 and len(BANDS) == len(seen) == 10
    for band in range(10):
        pairs = (seen[band, ::2] == seen[band, 1::2]).mean()
        assert (pairs == 1) == (band in COARSE)
    assert np.median(seen[9][plan.zone == 16]) < 0.2 * np.median(seen[9][plan.zone != 16])
    assert spectra().shape == (len(MATERIALS), 10)


def test_radar_is_in_the_order_of_so2sat_and_built_up_land_is_bright(city):
    plan, surface, look = city
    seen = radar(np.random.default_rng(0), surface, look).astype(np.float64)
    power = seen[..., 0] ** 2 + seen[..., 1] ** 2, seen[..., 2] ** 2 + seen[..., 3] ** 2
    for zone in (2, 13):
        here = plan.zone == zone
        vh, vv = (10 * np.log10(held[here].mean()) for held in power)
        assert 3 < vv - vh < 15
        for raw, lee in zip(power, (seen[..., 4], seen[..., 5]), strict=True):
            assert lee[here].mean() == pytest.approx(raw[here].mean(), rel=0.1)
            assert lee[here].std() < 0.7 * raw[here].std()
    assert seen[plan.zone == 0][:, 5].mean() > 4 * seen[plan.zone == 13][:, 5].mean()
    # The covariance is that of the signals: |c|^2 never exceeds the product of the intensities.
    assert (np.hypot(seen[..., 6], seen[..., 7]) <= 1.02 * np.sqrt(seen[..., 4] * seen[..., 5])).all()
    likeness = (seen[..., 0] * seen[..., 2] + seen[..., 1] * seen[..., 3]).mean()
    assert likeness == pytest.approx(seen[..., 6].mean(), rel=0.05) and likeness > 0


def test_the_filter_smooths_even_ground_and_keeps_bright_points():
    rng = np.random.default_rng(1)
    power = rng.exponential(1.0, (60, 60))
    power[30, 30] = 500
    _, vh, vv = filtered(power.astype(complex), power, power)
    assert vh[:20].std() < 0.3 and vh[30, 30] > 100
    assert np.array_equal(vh, vv)
