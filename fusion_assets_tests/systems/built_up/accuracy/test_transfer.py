import json

import numpy as np
import pytest

from fusion_assets.systems.built_up.accuracy import nested, transfer
from fusion_assets.systems.built_up.features.samples import draw_samples
from fusion_assets.systems.built_up.model import ensemble as network
from fusion_assets.systems.built_up.model.channels import Channels
from fusion_assets.systems.built_up.model.neighbourhood import LEVELS
from fusion_assets_tests.systems.built_up.conftest import FEATURES, place

NEAR = LEVELS[1:2]


@pytest.fixture(scope="module", autouse=True)
def little_work():
    with pytest.MonkeyPatch.context() as patch:
        for module in (network, transfer):
            patch.setattr(module, "epoch_candidates", lambda count: (2, 4))
        for name, value in {"SEEDS": (0,), "INNER_SEEDS": (0,)}.items():
            patch.setattr(transfer, name, value)
        for name, value in {"TREES": 20, "INNER_TREES": 10, "AROUND_TREES": 20, "AROUND_INNER_TREES": 10}.items():
            patch.setattr(nested, name, value)
        yield


@pytest.fixture(scope="module")
def regions():
    """Three regions on the same coordinates: only their names keep them apart."""
    samples, stacks = {}, {}
    for seed, name in enumerate(("east", "north", "west")):
        stack, labels, source = place(seed=seed)
        samples[name], _ = draw_samples(stack, labels, FEATURES, source=source)
        stacks[name] = stack
    return samples, stacks


@pytest.fixture(scope="module")
def of_north(regions):
    """Table and figures of the north by what was learnt elsewhere."""
    return transfer.transfer("north", *regions, FEATURES, levels=NEAR)


def test_a_region_never_seen_is_predicted_by_all_others(regions, of_north):
    samples, _ = regions
    table, metrics = of_north
    assert json.loads(json.dumps(metrics)) == metrics
    assert np.array_equal(table[["x", "y", "label"]], samples["north"][["x", "y", "label"]])
    assert metrics["trained_on"] == ["east", "west"] and metrics["held_out_by"] == "region"
    assert metrics["trained_samples"] == len(samples["east"]) + len(samples["west"])
    assert metrics["model"]["mcc"] > 0.5
    assert ((table["probability"] >= metrics["threshold"]) == (table["predicted"] == 1)).all()


def test_labels_of_the_region_left_out_change_nothing_but_its_score(regions, of_north):
    samples, stacks = regions
    wrong = samples["north"].assign(label=1 - samples["north"]["label"])
    first, one = of_north
    second, other = transfer.transfer("north", samples | {"north": wrong}, stacks, FEATURES, levels=NEAR)
    for column in ("probability", "predicted", "baseline_probability", "baseline_predicted"):
        assert np.array_equal(first[column], second[column])
    assert other["model"]["mcc"] == pytest.approx(-one["model"]["mcc"])


def test_samples_of_the_region_left_out_change_nothing_but_its_score(regions, of_north):
    samples, stacks = regions
    few = samples["north"][::3].reset_index(drop=True)
    whole, _ = of_north
    part, _ = transfer.transfer("north", samples | {"north": few}, stacks, FEATURES, levels=NEAR)
    for column in ("probability", "predicted", "baseline_probability", "baseline_predicted"):
        assert np.allclose(whole[column][::3], part[column], atol=1e-6), column


def test_one_other_region_is_held_out_by_blocks(regions):
    samples, stacks = ({name: part[name] for name in ("east", "west")} for part in regions)
    _, metrics = transfer.transfer("west", samples, stacks, FEATURES, levels=NEAR)
    assert metrics["held_out_by"] == "block" and metrics["trained_on"] == ["east"]


def test_regions_on_the_same_cells_do_not_buffer_each_other(regions):
    samples, stacks = regions
    order = ["north", "east", "west"]
    table = transfer.region_channels([samples[n] for n in order], [stacks[n] for n in order], FEATURES)
    region = table.samples["region"]
    assert table.trains(~table.batched).sum() == (region > 0).sum() == table.batched.sum()
    assert len(np.unique(table.block)) == sum(samples[n]["block"].nunique() for n in order)


def test_channels_of_a_region_are_its_own(regions):
    samples, stacks = regions
    order = ["north", "east", "west"]
    table = transfer.region_channels([samples[n] for n in order], [stacks[n] for n in order], FEATURES)
    alone = Channels.of_region(samples["east"], stacks["east"], FEATURES)
    alone.scaling = table.scaling
    assert np.array_equal(table.of(NEAR[0])[table.samples["region"] == 1], alone.of(NEAR[0]))


def test_what_being_a_stranger_costs_is_paired(regions, of_north):
    samples, stacks = regions
    table, metrics = of_north
    local = table.assign(predicted=table["label"], probability=table["label"].astype("float32"))
    _, found = transfer.transfer("north", samples, stacks, FEATURES, levels=NEAR, local=local)
    assert found["minus_local"]["mcc"]["value"] == pytest.approx(metrics["model"]["mcc"] - 1)
    assert found["minus_local"]["mcc"]["high"] < 0
    _, found = transfer.transfer("north", samples, stacks, FEATURES, levels=NEAR, local=local[:-1])
    assert "minus_local" not in found
