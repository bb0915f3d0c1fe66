"""What the compared networks cost, which of them are one, and that Keras builds what is counted."""

import numpy as np
import pytest

from fusion_assets.systems.climate_zones import networks
from fusion_assets.systems.climate_zones.channels import CHANNELS, GROUPS, MAPPABLE, SPLITS
from fusion_assets.systems.climate_zones.so2sat.layout import SEN1

COSTS = {
    "radar.0": (405457, 30935168),
    "radar.1": (424209, 49809536),
    "radar.2": (461137, 59246720),
    "radar.3": (534993, 78121088),
    "radar.4": (682577, 87558272),
    "radar.5": (1207121, 88082560),
    "radar.6": (1211763, 88086912),
    "optical.0": (406033, 31524992),
    "optical.1": (434161, 59836544),
    "optical.2": (489553, 73992320),
    "optical.3": (600337, 102303872),
    "optical.4": (821713, 116459648),
    "optical.5": (1608529, 117246080),
    "optical.6": (1615492, 117252608),
    "all.0": (408337, 33884288),
    "sensors.1": (417713, 43321472),
    "sensors.2": (436177, 48040064),
    "sensors.3": (473105, 57477248),
    "sensors.4": (546897, 62195840),
    "sensors.5": (809169, 62457984),
    "sensors.6": (811490, 62460160),
    "physical.1": (464593, 90507392),
    "physical.2": (575377, 118818944),
    "physical.3": (796945, 175442048),
    "physical.4": (1239697, 203753600),
    "physical.5": (2813329, 205326464),
    "physical.6": (2827255, 205339520),
    "complex": (404305, 29755520),
    "intensity": (403729, 29165696),
    "covariance": (403729, 29165696),
    "rgb": (404017, 29460608),
    "red_edge": (404305, 29755520),
    "nir": (403441, 28870784),
    "swir": (403729, 29165696),
}
"""Parameters, and multiplications with addition for a patch, of the 34 distinct networks."""


def built(network, seed=0):
    return networks.build(network, dict.fromkeys(CHANNELS, 0.5), dict.fromkeys(CHANNELS, 2.0), seed)


def test_costs_of_every_split_and_stage():
    found = {n: (networks.parameters(each), networks.multiply_adds(each)) for n, each in networks.trainings().items()}
    assert found == COSTS


def test_splits_hold_every_channel_once():
    for split, branches in SPLITS.items():
        names = [name for branch in branches for name in branch]
        wanted = {"radar": set(SEN1), "optical": {*CHANNELS} - {*SEN1}}.get(split, set(CHANNELS))
        assert len(names) == len(set(names)) and set(names) == wanted


def test_splits_share_what_is_one_training():
    assert networks.training_of("sensors", 0) == networks.training_of("physical", 0) == "all.0"
    assert networks.summands_of("sensors") == ("radar.0", "optical.0")
    assert networks.summands_of("physical") == tuple(GROUPS)
    assert networks.summands_of("radar") == tuple(GROUPS)[:3] and networks.summands_of("optical") == tuple(GROUPS)[3:]


def test_mappable_channels_leave_branches_out():
    names = networks.trainings(MAPPABLE)
    assert len(names) == 25 and not {"complex", "covariance", "intensity", "radar.1"} & set(names)
    assert networks.training_of("radar", 3, MAPPABLE) == "radar.0"
    assert networks.summands_of("sensors", MAPPABLE) == ("radar.0", "optical.0")


@pytest.mark.parametrize("name", ["all.0", "sensors.3", "sensors.6", "physical.1", "physical.5", "radar.2", "nir"])
def test_keras_builds_what_is_counted(name):
    network = networks.trainings()[name]
    assert built(network).count_params() == networks.parameters(network)


@pytest.mark.parametrize("name", COSTS)
def test_matched_networks_are_as_large_as_those_joined_at_once(name):
    network = networks.trainings()[name]
    read = {channel for branch in network.branches for channel in branch}
    early = networks.Network((tuple(channel for channel in CHANNELS if channel in read),), 0)
    share = networks.parameters(networks.matched(network)) / networks.parameters(early)
    assert share == pytest.approx(1, abs=networks.MATCH)


def test_dependent_sums_are_probabilities_and_branches_see_their_channels_alone():
    model = built(networks.network_of("sensors", 6))
    values = np.random.default_rng(0).normal(size=(4, 32, 32, 18)).astype("float32")
    answer = model(values).numpy()
    assert answer.shape == (4, 17) and answer.sum(axis=1) == pytest.approx(1, abs=1e-6)
    nir = built(networks.trainings()["nir"])
    changed = values.copy()
    changed[..., [i for i, name in enumerate(CHANNELS) if name != "B8"]] += 5
    assert np.array_equal(nir(values).numpy(), nir(changed).numpy())
    assert not np.allclose(answer, model(changed).numpy())


def test_seeds_decide_weights():
    network = networks.trainings()["swir"]
    first, same, other = (built(network, seed).get_weights() for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(first, same, strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))
