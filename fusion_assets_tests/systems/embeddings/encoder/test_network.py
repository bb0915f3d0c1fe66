"""The network: its size, and what becomes of a patch's level and of a sensor that is not looked at."""

import numpy as np
import pytest

from fusion_assets.systems.embeddings.encoder.network import MOST, Design, build
from fusion_assets_tests.systems.embeddings.world import DESIGN

ALL_BANDS = tuple(f"B{number:02}" for number in range(13))


@pytest.fixture(scope="module")
def model():
    return build(DESIGN, seed=3)


def asked(model, optics, radar, present):
    count = len(optics)
    return model([optics, radar, np.tile(np.float32(present), (count, 1))]).numpy()


def patches(seed=0, count=5, size=12):
    random = np.random.default_rng(seed)
    return random.normal(size=(count, size, size, 3)).astype("f4"), random.normal(size=(count, size, size, 2)).astype(
        "f4"
    )


def test_the_default_is_small_with_the_bands_of_level_1c():
    assert 300_000 < build(Design(ALL_BANDS), 0).count_params() <= MOST


def test_embeddings_are_of_unit_length(model):
    found = asked(model, *patches(), (1, 1))
    assert found.shape == (5, 16) and np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("present", "hidden"), [((0, 1), 0), ((1, 0), 1)])
def test_a_sensor_that_is_not_looked_at_changes_nothing(model, present, hidden):
    one, other = list(patches()), list(patches(seed=1))
    other[1 - hidden] = one[1 - hidden]
    assert np.array_equal(asked(model, *one, present), asked(model, *other, present))
    assert not np.allclose(asked(model, *one, (1, 1)), asked(model, *other, (1, 1)), atol=1e-3)


def test_the_level_of_a_patch_is_not_normalised_away(model):
    flat = [np.zeros((2, 12, 12, size), "f4") for size in (3, 2)]
    flat[1][1] += 1.0  # the second is everywhere brighter by a deviation
    first, second = asked(model, *flat, (0, 1))
    assert first @ second < 0.99


def test_patches_of_any_size_are_taken(model):
    assert asked(model, *patches(size=18), (1, 1)).shape == (5, 16)


def test_seeds_decide_the_weights():
    first, again, other = (build(DESIGN, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])
