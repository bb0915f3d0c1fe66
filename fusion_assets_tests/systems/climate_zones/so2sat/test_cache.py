"""Batches of converted patches, and folders that are damaged."""

import json

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.so2sat.cache import Patches, to_decibels
from fusion_assets.systems.climate_zones.so2sat.conversion import convert
from fusion_assets_tests.systems.climate_zones.so2sat_files import patches, write_version

COUNT = 12


@pytest.fixture
def converted(tmp_path):
    write_version(tmp_path / "v1", "v1", count=COUNT)
    return convert(tmp_path / "v1", tmp_path / "cache")["training"]


def test_rows_come_in_the_order_that_was_asked_for(converted):
    rows = [7, 2, 2, 11, 0]
    batch = Patches(converted).batch(rows, decibels=False)
    wanted = patches(COUNT)
    assert batch.shape == (5, 32, 32, 18) and batch.dtype == np.float32
    np.testing.assert_array_equal(batch, np.concatenate([wanted["sen1"], wanted["sen2"]], axis=-1)[rows].astype("f4"))
    assert Patches(converted).batch([]).shape == (0, 32, 32, 18)


@pytest.mark.parametrize("channels", [("B8", "VV_lee", "B2", "VH_lee"), ("B5", "B6", "B7", "B8A"), ("VV_real",)])
def test_channels_come_in_the_order_that_was_asked_for(channels, converted):
    part = Patches(converted)
    whole = dict(zip(part.channels, np.moveaxis(part.batch([4, 1]), -1, 0), strict=True))
    np.testing.assert_array_equal(part.batch([4, 1], channels), np.stack([whole[name] for name in channels], axis=-1))


def test_intensities_alone_become_decibels(converted):
    part = Patches(converted)
    linear, decibels = part.batch([3], decibels=False), part.batch([3])
    np.testing.assert_allclose(decibels[..., 4:6], 10 * np.log10(linear[..., 4:6]), rtol=1e-5)
    rest = [channel for channel in range(18) if channel not in (4, 5)]
    np.testing.assert_array_equal(decibels[..., rest], linear[..., rest])
    np.testing.assert_allclose(to_decibels(np.float32([0.0, 1e-9, 1.0])), [-50, -50, 0], atol=1e-4)


@pytest.mark.parametrize(("rows", "channels"), [([COUNT], ["B2"]), ([-1], ["B2"]), ([0], ["B1"])])
def test_what_is_not_there_is_refused(rows, channels, converted):
    with pytest.raises(FusionError, match="expected"):
        Patches(converted).batch(rows, channels)


def cut(folder):
    path = folder / "sen1.npy"
    path.write_bytes(path.read_bytes()[:-100])


def other_format(folder):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}))


def other_count(folder):
    path = folder / "card.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"patches": 5}))


DAMAGE = {
    "cut": (cut, "sen1.npy cannot be read"),
    "no card": (lambda folder: (folder / "card.json").unlink(), "holds no card.json"),
    "no labels": (lambda folder: (folder / "label.npy").unlink(), "label.npy cannot be read"),
    "another format": (other_format, "format 99"),
    "another number": (other_count, "sen1.npy is float32 of"),
    "another type": (lambda folder: np.save(folder / "sen2.npy", np.zeros((COUNT, 32, 32, 10))), "sen2.npy is float64"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damaged_folders_are_refused(name, converted):
    damage, words = DAMAGE[name]
    damage(converted)
    with pytest.raises(FusionError, match=words):
        Patches(converted)


def test_a_table_of_other_patches_is_refused(converted):
    table = pd.read_parquet(converted / "patches.parquet")
    table[::-1].reset_index(drop=True).to_parquet(converted / "patches.parquet")
    with pytest.raises(FusionError, match="other labels"):
        Patches(converted).table()


def test_a_file_cut_while_it_is_open_is_refused(converted):
    part = Patches(converted)
    cut(converted)
    with pytest.raises(FusionError, match="ends before patch 11"):
        part.batch([0, 11])
