"""Conversion: to the bit, once, every value checked, and whole or not at all."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections import namedtuple

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.so2sat import checks, conversion
from fusion_assets.systems.climate_zones.so2sat.cache import Patches
from fusion_assets.systems.climate_zones.so2sat.conversion import convert
from fusion_assets_tests.systems.climate_zones.so2sat_files import patches, places, write, write_version


@pytest.fixture
def few_sampled(monkeypatch):
    """Samples of 32 patches, so that a small file has some that are not in them."""
    monkeypatch.setattr(checks, "MOST_RUNS", 4)


def one_part(folder, arrays, **layout):
    write(folder / "training.h5", arrays, **layout)
    write(folder / "validation.h5", patches(8, seed=5))
    return folder


def assert_as_stored(found, arrays):
    batch = found.batch(np.arange(len(found)), decibels=False)
    np.testing.assert_array_equal(batch[..., :8], arrays["sen1"].astype("f4"))
    np.testing.assert_array_equal(batch[..., 8:], arrays["sen2"].astype("f4"))
    np.testing.assert_array_equal(found.labels, arrays["label"].argmax(axis=1))


LAYOUTS = {
    "in one piece": {},
    "whole patches": {"chunks": (1, 32, 32, 2), "compression": "gzip"},
    "across patches": {"chunks": (7, 16, 8, 1), "compression": "lzf", "shuffle": True},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["f8", "f4", "f2"])
def test_values_are_kept_to_the_last_bit_of_32(dtype, layout, tmp_path):
    arrays = patches(20)
    arrays = {name: values.astype(dtype) for name, values in arrays.items()}
    found = Patches(convert(one_part(tmp_path, arrays, **LAYOUTS[layout]), tmp_path / "cache")["training"])
    assert_as_stored(found, arrays)
    stored = np.load(found.folder / "sen2.npy", mmap_mode="r").dtype
    assert stored == ("f4" if dtype == "f2" else "u2")  # 16 floating bits do not hold four digits


def test_every_reflectance_of_16_bits_comes_back_as_it_was():
    held = np.arange(65536) / 1e4
    for values in (held, held.astype("f4")):
        kept = checks.whole_numbers(values)
        np.testing.assert_array_equal(kept, np.arange(65536))
        np.testing.assert_array_equal(np.divide(kept, np.float32(1e4), dtype=np.float32), held.astype("f4"))


def parts_in(cache):
    """Converted and unfinished parts; the lock of those who convert is none."""
    return list(cache.glob("*-*"))


def test_all_parts_with_their_places(tmp_path):
    made = write_version(tmp_path / "v4", "v4", count=8)
    steps = []
    found = convert(tmp_path / "v4", tmp_path / "cache", lambda done, total: steps.append((done, total)))
    assert list(found) == ["training", "validation", "testing"]
    assert steps[-1] == (24, 24) and steps == sorted(steps)
    for seed, (name, folder) in enumerate(found.items()):
        part = Patches(folder)
        assert_as_stored(part, made[name])
        assert part.card["part"] == name and part.card["version"] == "v4"
        table, wanted = part.table(), places(8, seed=seed)
        assert list(table) == ["row", "label", "city", "x", "y", "epsg"]
        assert table["city"].tolist() == ["berlin", "jakarta"] * 4
        np.testing.assert_array_equal(table[["x", "y"]], wanted["coord"][:, :2])
        np.testing.assert_array_equal(table["epsg"], wanted["epsg"][:, 0])


def test_without_geo_files_places_are_unknown(tmp_path):
    write_version(tmp_path / "v3", "v3", count=8)
    found = convert(tmp_path / "v3", tmp_path / "cache")
    assert len(set(found.values())) == 6
    table = Patches(found["block/testing"]).table()
    assert set(table["city"]) == {""} and table["x"].isna().all() and (table["epsg"] == 0).all()


def test_it_is_made_once_and_anew_for_other_files(tmp_path):
    folder, cache = one_part(tmp_path / "files", patches(16)), tmp_path / "cache"
    steps = []
    first = convert(folder, cache)
    assert convert(folder, cache, lambda *step: steps.append(step)) == first and not steps
    write(folder / "training.h5", patches(16, seed=3))
    second = convert(folder, cache)
    assert second["validation"] == first["validation"] and second["training"] != first["training"]
    relabelled = patches(16, seed=3)
    relabelled["label"] = relabelled["label"][::-1]
    write(folder / "training.h5", relabelled)
    assert convert(folder, cache)["training"] not in (first["training"], second["training"])


def test_what_the_sample_does_not_see_is_refused_as_it_passes(tmp_path, few_sampled):
    for name, value, words in (("sen1", np.nan, "nan in VV_real of patch 12"), ("sen2", 40.0, "B4 reaches 40")):
        arrays = patches(64)
        arrays[name][12, 5, 5, 2] = value
        with pytest.raises(FusionError, match=words):
            convert(one_part(tmp_path / name, arrays), tmp_path / "cache")
    assert not parts_in(tmp_path / "cache")


def test_what_is_whole_in_the_sample_alone_is_kept_in_32_bits(tmp_path, few_sampled):
    arrays = patches(64)
    arrays["sen2"][12, 5, 5, 2] += 0.00004
    found = Patches(convert(one_part(tmp_path, arrays), tmp_path / "cache")["training"])
    assert_as_stored(found, arrays)


def test_swapped_polarisations_are_refused_before_anything_is_written(tmp_path):
    arrays = patches(16)
    arrays["sen1"] = arrays["sen1"][..., [2, 3, 0, 1, 5, 4, 6, 7]]
    with pytest.raises(FusionError, match="VV first"):
        convert(one_part(tmp_path, arrays), tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_broken_off_it_leaves_nothing_but_the_parts_that_were_done(tmp_path):
    folder, cache = tmp_path / "v2", tmp_path / "cache"
    made = write_version(folder, "v2", count=8)

    def stop(done, total):
        if done == 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(folder, cache, stop)
    (kept,) = parts_in(cache)
    assert kept.name.startswith("training-")
    before = (kept / "sen1.npy").stat().st_ino
    found = convert(folder, cache)
    assert (kept / "sen1.npy").stat().st_ino == before
    for name, part in found.items():
        assert_as_stored(Patches(part), made[name])


KILLED = """
import os, signal, sys
from fusion_assets.systems.climate_zones.so2sat.conversion import convert
convert(sys.argv[1], sys.argv[2], lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done == 8 else None)
"""


def test_killed_it_leaves_nothing_that_reads_as_whole(tmp_path):
    folder, cache = one_part(tmp_path / "files", patches(16)), tmp_path / "cache"
    done = subprocess.run([sys.executable, "-c", KILLED, folder, cache], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = parts_in(cache)
    assert left.name.startswith(".") and not (left / "card.json").exists()
    found = convert(folder, cache)
    assert not left.exists() and len(Patches(found["training"])) == 16


def test_of_two_at_once_the_first_to_end_is_kept(tmp_path):
    folder, cache = one_part(tmp_path / "files", patches(8)), tmp_path / "cache"
    aside, first = tmp_path / "aside", []

    def other(done, total):
        if not first:
            first.append(convert(folder, aside))
            shutil.copytree(aside, cache, dirs_exist_ok=True)

    found = convert(folder, cache, other)
    assert sorted(path.name for path in parts_in(cache)) == sorted(path.name for path in found.values())
    assert len(Patches(found["training"])) == 8


def test_a_file_that_changes_as_it_is_read_is_refused(tmp_path):
    folder, cache = one_part(tmp_path / "files", patches(16)), tmp_path / "cache"
    other = write(tmp_path / "other.h5", patches(16, seed=3))

    def replace(done, total):
        if other.exists():
            other.rename(folder / "training.h5")

    with pytest.raises(FusionError, match="was changed as it was read"):
        convert(folder, cache, replace)
    assert not parts_in(cache)


def test_room_is_looked_for_beforehand(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(conversion.shutil, "disk_usage", lambda path: usage(10**9, 10**9 - 10**5, 10**5))
    with pytest.raises(FusionError, match=r"0\.1 MB are free.*\n.*1\.8 MB for training, validation"):
        convert(one_part(tmp_path, patches(16)), tmp_path / "cache")
    assert not parts_in(tmp_path / "cache")


def test_a_disk_that_fills_up_all_the_same_is_named(tmp_path, monkeypatch):
    def no_room(labels, work):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(work))

    monkeypatch.setattr(conversion, "_write_label", no_room)
    with pytest.raises(FusionError, match=r"cache is full .*\n.*\n.*convert on a larger disk"):
        convert(one_part(tmp_path, patches(8)), tmp_path / "cache")
    assert not parts_in(tmp_path / "cache")


def test_memory_does_not_grow_with_the_file(tmp_path, few_sampled, monkeypatch):
    monkeypatch.setattr(conversion, "BLOCK", 8)
    peaks = []
    for count in (64, 256):
        folder = tmp_path / str(count)
        chunk = {"chunks": (4, 32, 32, 8), "compression": "lzf"}
        one_part(folder, {name: values.astype("f4") for name, values in patches(count).items()}, **chunk)
        tracemalloc.start()
        convert(folder, tmp_path / "cache")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2e6  # the file is 14 MB larger
