"""Patches as they are shown: taken evenly, in the pixels of their shard, beside their own rows."""

import numpy as np
import pandas as pd
import pytest

from fusion_assets.storage.root import Storage
from fusion_assets.systems.embeddings.corpus.arrays import read_arrays
from fusion_assets.systems.embeddings.corpus.shards import make_shard
from fusion_assets.systems.embeddings.examples import bands_shown, examples_of, shard_shown
from fusion_assets_tests.systems.embeddings.corpus.small_archive import LAYOUT, archive_reader, plan


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    root = tmp_path_factory.mktemp("shown")
    storage = Storage(root / "store")
    path = storage.path("patches", None, "0001", "json")
    made = make_shard(storage, path, plan(9), archive_reader(root), LAYOUT, root / "work", facts={})
    return root / "store/patches" / made.name


def table():
    """An index in no order, whose first shard has no patch."""
    state = ["none"] * 2 + ["got"] * 9
    position = [-1, -1, *range(9)]
    return pd.DataFrame(
        {"patch": [20, 21, *range(9)], "shard": [0, 0] + [1] * 9, "state": state, "position": position}
    ).sample(frac=1, random_state=0)


def test_the_first_shard_with_a_patch_is_shown():
    assert shard_shown(table()) == 1
    assert shard_shown(table().assign(state="none")) is None


def test_patches_are_taken_evenly_with_their_own_pixels(shard):
    shown = examples_of(table(), 1, shard, count=3)
    assert [each.row["patch"] for each in shown] == [0, 4, 8]
    pixels = read_arrays(shard, [0, 4, 8])
    red = LAYOUT.bands.index("B04")
    for each, optics, radar in zip(shown, pixels["optics"], pixels["radar"], strict=True):
        assert np.array_equal(each.optics[..., 0], optics[..., red], equal_nan=True)
        assert np.array_equal(each.radar, radar, equal_nan=True)
    assert len(examples_of(table(), 1, shard, count=50)) == 9 and examples_of(table(), 0, shard) == []


def test_a_corpus_without_red_green_and_blue_is_grey():
    assert bands_shown(("B02", "B03", "B04", "B08")) == ("B04", "B03", "B02")
    assert bands_shown(("B08", "B11")) == ("B08", "B08", "B08")
