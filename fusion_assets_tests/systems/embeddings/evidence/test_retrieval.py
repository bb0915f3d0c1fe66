"""The search for partners: ranks, galleries that hold a place once, and the floor of canonical correlation."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.evidence.retrieval import correlated, ranks, retrieval


def test_ranks_by_angle_and_what_is_as_near_counts_as_nearer():
    asked = np.array([[1.0, 0], [0, 1], [1, 1]])
    found = np.array([[5.0, 1], [1, 0], [1, 1]])
    assert ranks(asked, found).tolist() == [2, 3, 1]
    assert ranks(np.ones((4, 2)), np.ones((4, 2))).tolist() == [4, 4, 4, 4]


def test_partners_by_chance_are_found_by_chance():
    random = np.random.default_rng(0)
    asked, found = random.normal(size=(2, 200, 8))
    figures = retrieval(asked, found, np.arange(200), gallery=50)
    assert figures["gallery"] == 50 and figures["chance"] == 0.02
    assert figures["r1"] == pytest.approx(0.02, abs=0.02) and figures["median_rank"] == pytest.approx(25, abs=4)
    assert retrieval(asked, asked, np.arange(200))["r1"] == 1


def test_a_gallery_holds_a_place_once():
    """Two rows of each place, the second its double: they would be each other's rivals."""
    asked = np.random.default_rng(0).normal(size=(30, 4)).repeat(2, axis=0)
    place = np.arange(30).repeat(2)
    figures = retrieval(asked, asked, place)
    assert figures["gallery"] == 30 and figures["r1"] == 1
    with pytest.raises(FusionError, match=r"1 place\(s\)"):
        retrieval(asked, asked, place * 0)


def test_canonical_correlation_finds_what_is_shared_among_noise():
    random = np.random.default_rng(1)
    shared = random.normal(size=(400, 3))
    one = np.concatenate([shared @ random.normal(size=(3, 3)), 5 * random.normal(size=(400, 4))], axis=1)
    other = np.concatenate([20 * random.normal(size=(400, 6)), shared @ random.normal(size=(3, 3))], axis=1)
    learnt, tested = np.arange(300), np.arange(300, 400)
    first, second = correlated(one, other, learnt)
    assert first.shape == (400, 7) and second.shape == (400, 7)
    found = retrieval(first[tested], second[tested], tested)
    assert found["r1"] > 0.5 and retrieval(one[tested][:, :7], other[tested][:, :7], tested)["r1"] < 0.1
