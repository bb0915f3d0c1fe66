"""What methods are judged on, and which patches an encoder must never see."""

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.evidence.task import FEWEST, codes_of, task_of, unseen_task, with_unseen

TITLES = {"10": "Trees", "50": "Built-up", "80": "Water"}


def places(count=40):
    """Every second place is trees with some water, the others are built-up; half of the cells are tested."""
    table = pd.DataFrame({"patch": np.arange(count), "cell": np.arange(count) // 10})
    table["split"] = np.where(table["cell"] % 2, "test", "train")
    even = np.arange(count) % 2 == 0
    shares = {"10": np.where(even, 0.9, 0.0), "50": np.where(even, 0.0, 1.0), "80": np.where(even, 0.1, 0.0)}
    labels = pd.DataFrame({"patch": np.arange(count), **{f"cover_{code}": each for code, each in shares.items()}})
    return table, labels


def test_classes_are_those_that_are_learnt_from_and_tested_often_enough():
    table, labels = places(4 * FEWEST)
    task = task_of(table, labels.sample(frac=1, random_state=0), "cover", TITLES)
    assert task.sets.names == ("Trees", "Built-up", "Water")
    assert task.sets.values[:2].tolist() == [[True, False, True], [False, True, False]]
    assert set(table["split"][task.learnt]) == {"train"} and set(table["split"][task.tested]) == {"test"}
    with pytest.raises(FusionError, match="no class is in 10 of each"):
        task_of(*places(FEWEST), "cover", TITLES)


def test_patches_without_labels_are_neither_learnt_from_nor_tested():
    table, labels = places(80)
    task = task_of(table, labels.iloc[:-7], "cover", TITLES)
    assert not np.isin(np.arange(73, 80), np.concatenate([task.learnt, task.tested])).any()


def test_what_holds_an_unseen_class_or_nothing_known_is_never_shown():
    table, labels = places()
    hidden = with_unseen(table, labels.iloc[:-1], "cover", codes_of([80], TITLES, "cover"))
    assert hidden[:-1].tolist() == [number % 2 == 0 for number in range(39)] and hidden[-1]


def test_a_handful_of_labels_is_asked_which_unseen_class_there_is_most_of():
    table, labels = places()
    asked, learnt, tested = unseen_task(table, labels, "cover", codes_of([80, 50], TITLES, "cover"), TITLES)
    assert asked.names == ("Water", "Built-up")
    assert asked.values[[0, 1]].tolist() == [0, 1]
    assert len(learnt) == len(tested) == 20


def test_a_class_that_the_labels_do_not_have_is_refused():
    with pytest.raises(FusionError, match="names 7, which cover does not have"):
        codes_of([50, 7], TITLES, "cover")
