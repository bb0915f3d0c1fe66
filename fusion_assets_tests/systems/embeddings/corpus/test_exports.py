"""Shards for other software: the stored numbers, whole files, the same bytes each time."""

import io
import json
import tarfile

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.storage.root import Storage
from fusion_assets.systems.embeddings.corpus.exports import (
    features_file,
    read_tfrecords,
    write_tfrecords,
    write_webdataset,
)
from fusion_assets.systems.embeddings.corpus.shards import make_shard, open_store
from fusion_assets_tests.systems.embeddings.corpus.small_archive import LAYOUT, archive_reader, plan

INDEX = pd.DataFrame({"patch": [2, 0, 1], "split": ["test", "train", None], "gap_hours": [1.5, np.nan, 2.0]})


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    root = tmp_path_factory.mktemp("shard")
    storage = Storage(root / "store")
    path = storage.path("patches", None, "0000", "json")
    made = make_shard(storage, path, plan(3), archive_reader(root / "archive"), LAYOUT, root / "work", facts={})
    return root / "store/patches" / made.name


def test_webdataset_has_arrays_and_a_row_for_every_patch(shard, tmp_path):
    assert write_webdataset(shard, tmp_path / "a.tar", INDEX) == 3
    write_webdataset(shard, tmp_path / "b.tar", INDEX)
    assert (tmp_path / "a.tar").read_bytes() == (tmp_path / "b.tar").read_bytes()
    store = open_store(shard)
    with tarfile.open(tmp_path / "a.tar") as tar:
        names = tar.getnames()
        assert names[:6] == [
            f"00000000.{part}" for part in ("b10.npy", "b20.npy", "b60.npy", "scl.npy", "radar.npy", "json")
        ]
        np.testing.assert_array_equal(np.load(io.BytesIO(tar.extractfile("00000002.b20.npy").read())), store["b20"][2])
        assert json.load(tar.extractfile("00000000.json")) == {"patch": 0, "split": "train", "gap_hours": None}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "b.tar"]


def test_a_patch_without_a_row_is_refused_and_nothing_is_left(shard, tmp_path):
    with pytest.raises(FusionError, match="the index has no patch 1"):
        write_webdataset(shard, tmp_path / "a.tar", INDEX[INDEX["patch"] != 1])
    assert list(tmp_path.iterdir()) == []


def test_tfrecords_hold_the_stored_numbers(shard, tmp_path):
    file = tmp_path / "0000.tfrecord.gz"
    assert write_tfrecords(shard, file, INDEX) == 3
    store = open_store(shard)
    for patch, arrays in read_tfrecords(file):
        for name, array in arrays.items():
            np.testing.assert_array_equal(array, store[name][patch])
            assert array.dtype == store[name].dtype
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(FusionError, match="cannot be read"):
        list(read_tfrecords(file))
    features_file(file).unlink()
    with pytest.raises(FusionError, match="FileNotFoundError"):
        list(read_tfrecords(file))
