import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from fusion_assets.evaluation.scores import log_loss
from fusion_assets.systems.built_up.model.ensemble import (
    MIN_STEPS,
    batch_size,
    epoch_candidates,
    fit_members,
    member_probabilities,
)


@pytest.mark.parametrize("count", [1, 200, 1000, 3839, 5000, 10_000, 19_999, 20_000, 30_000, 63_000, 100_000])
def test_a_fit_takes_enough_steps_whatever_the_number_of_samples(count):
    candidates = epoch_candidates(count)
    in_an_epoch = count // batch_size(count)
    assert list(candidates) == sorted(set(candidates)) and candidates[0] >= 1
    assert candidates[-1] * in_an_epoch > MIN_STEPS - in_an_epoch


def test_few_samples_are_learnt():
    rng = np.random.default_rng(0)
    channels = rng.normal(size=(600, 3)).astype("float32")
    label = (np.abs(channels[:, 0]) > 1).astype("int8")
    few, new = slice(0, 300), slice(300, None)
    longest = epoch_candidates(300)[-1]
    members = fit_members(channels[few], label[few], np.ones((1, 300), bool), [0], [longest])[longest]
    probability = member_probabilities(members, channels[new])[0]
    assert average_precision_score(label[new], probability) > 0.9
    assert log_loss(label[new], probability).mean() < 0.3  # the prevalence alone: 0.62
