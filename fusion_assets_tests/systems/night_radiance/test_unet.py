"""The U-Net: the same in tiles as whole, in cells at every scale, from its seed alone, and from known pixels alone."""

import dataclasses
import json

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.storage.documents import packed, unpacked
from fusion_assets.systems.night_radiance import intervals, mapping
from fusion_assets.systems.night_radiance.examples import examples_of
from fusion_assets.systems.night_radiance.methods import unet
from fusion_assets_tests.systems.night_radiance.towns import place

SPREAD = {"level": [0.0], "low": [-0.01], "high": [0.01]}


@pytest.fixture(scope="module")
def examples():
    return examples_of(place(), rounds=5, copies=1)


@pytest.fixture(scope="module")
def fitted(examples):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(unet, "STEPS", 60)
        return unet.fit(examples, members=2)


@pytest.fixture
def short(monkeypatch):
    monkeypatch.setattr(unet, "STEPS", 3)


@pytest.fixture(params=[4, 8])
def task(request):
    """Cells that are four and eight pixels wide."""
    return examples_of(place(seed=5), factor=request.param, rounds=5, copies=0)[0].task


def test_a_map_in_tiles_is_that_of_the_whole(fitted, task, monkeypatch):
    whole, disagreement = fitted.answered(task)
    monkeypatch.setattr(unet, "_BLOCK", 6)
    tiled, disagreement_of_tiles = fitted.answered(task)
    np.testing.assert_allclose(tiled, whole, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(disagreement_of_tiles, disagreement, atol=1e-4)
    assert disagreement.max() > 0.01


def test_a_pixel_is_seen_no_farther_than_the_halo_in_cells_at_every_scale(fitted, task):
    step = unet.step_of(task)
    assert step == task.ratio / 4
    guides = {name: np.array(guide) for name, guide in task.guides.items()}
    guides["settlement"][24, 20] += 3.0
    changed = fitted.radiance(dataclasses.replace(task, guides=guides)) - fitted.radiance(task)
    rows, columns = np.nonzero(np.abs(changed) > 1e-4)
    assert len(rows) > 20 and changed[24, 20] != 0
    assert max(abs(rows - 24).max(), abs(columns - 20).max()) <= unet.HALO * step
    # Lattices do not see each other.
    assert not (rows - 24).astype(int)[(rows - 24) % step != 0].size


def test_every_pixel_lies_in_one_block_of_one_lattice():
    count = np.zeros((37, 50), int)
    for rows, columns in unet._lattices(37, 50, 3):
        assert len(rows) % 2 == len(columns) % 2 == 0
        count[np.ix_(rows[rows < 37], columns[columns < 50])] += 1
    assert (count == 1).all()


@pytest.mark.usefixtures("short")
def test_a_seed_is_all_that_chance_has(examples):
    first, again, other = (unet.fit(examples, seed).to_arrays() for seed in (1, 1, 2))
    assert packed(first) == packed(again) != packed(other)


@pytest.mark.usefixtures("short")
def test_what_is_held_out_teaches_nothing(examples):
    held_out = np.zeros(examples[0].truth.shape, bool)
    held_out[:20, :30] = True
    without = [example.without(held_out) for example in examples]
    lied_to = [dataclasses.replace(each, truth=np.where(held_out, 1e4, each.truth)) for each in without]
    unknown = [dataclasses.replace(each, truth=np.where(held_out, np.nan, each.truth)) for each in without]
    made = {packed(unet.fit(each).to_arrays()) for each in (without, lied_to, unknown)}
    assert len(made) == 1


def test_it_learns_what_holds_elsewhere(fitted):
    (other,) = examples_of(place(seed=5), rounds=5, copies=0)
    error = [np.sqrt(np.mean((each - other.truth) ** 2)) for each in (fitted.radiance(other.task), other.task.start)]
    assert error[0] < 0.9 * error[1]


def test_it_answers_the_same_after_a_journey_through_json(fitted, task):
    again = unet.from_arrays(unpacked(json.loads(json.dumps(packed(fitted.to_arrays())))))
    np.testing.assert_array_equal(again.radiance(task), fitted.radiance(task))


@pytest.mark.parametrize("change", [{"centre": None}, {"weights_0_2": np.zeros((3, 3, 1, 16))}, {"scale": np.ones(2)}])
def test_networks_of_another_kind_are_refused(fitted, change):
    arrays = fitted.to_arrays() | change
    with pytest.raises(FusionError, match="U-Net"):
        unet.from_arrays({name: values for name, values in arrays.items() if values is not None})


def test_other_imagery_than_was_learnt_from_is_refused(fitted, task):
    with pytest.raises(FusionError, match="settlement, other, which"):
        fitted.answered(dataclasses.replace(task, guides={"settlement": task.guides["settlement"]}))


def test_networks_that_disagree_widen_the_interval_of_a_map(fitted, task):
    model = {"method": "unet", "rounds": 5, "spread": SPREAD, "growth": 0.0, "unet": fitted.to_arrays()}
    bands = mapping.fine_map(task, model)
    narrow = intervals.bounds(bands["radiance"], SPREAD)
    disagreement = fitted.answered(task)[1]
    sure = disagreement < 0.005
    np.testing.assert_allclose(bands["high"][sure], narrow[1][sure], rtol=1e-5)
    unsure = disagreement > 0.05
    assert unsure.any() and (bands["high"][unsure] > 1.05 * narrow[1][unsure]).all()
    assert (bands["low"][unsure] <= narrow[0][unsure]).all() and bands["low"].min() >= 0
