"""Shards: the same bytes whatever happened on the way, every patch got or named, few files."""

import os
import signal
import subprocess
import sys
import threading

import numpy as np
import pytest

from fusion_assets.errors import FusionError, Unreachable
from fusion_assets.imagery import retries
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets.storage.folders import changed_files
from fusion_assets.storage.root import Storage
from fusion_assets.systems.embeddings.corpus import shards
from fusion_assets.systems.embeddings.corpus.alignment import SMALL, UNRELATED
from fusion_assets.systems.embeddings.corpus.fetching import Pace
from fusion_assets.systems.embeddings.corpus.shards import forget, layout_of, make_shard, open_store, read_table
from fusion_assets_tests.systems.embeddings.corpus.small_archive import LAYOUT, WEST, archive_reader, plan, plan_row

FACTS = {"study": "s"}


@pytest.fixture(autouse=True)
def few_at_a_time(monkeypatch):
    monkeypatch.setattr(retries, "sleep", lambda _: None)
    monkeypatch.setattr(shards, "TOGETHER", 4)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return archive_reader(tmp_path_factory.mktemp("archive"))


def make(root, read, rows, pace=None):
    storage = Storage(root / "store")
    path = storage.path("patches", None, "0000", "json")
    return make_shard(storage, path, rows, read, LAYOUT, root / "work", facts=FACTS, pace=pace), root / "store/patches"


class Counting:
    """A reader that notes what it was asked for, and fails at some patches."""

    def __init__(self, read, fails=lambda patch, time: None):
        self.read, self.fails, self.asked, self.lock = read, fails, [], threading.Lock()

    def __call__(self, row):
        with self.lock:
            self.asked.append(row["patch"])
            problem = self.fails(row["patch"], self.asked.count(row["patch"]))
        if problem:
            raise problem
        return self.read(row)


def test_a_shard_holds_its_patches_in_order(tmp_path, archive):
    rows = plan(10)
    made, place = make(tmp_path, archive, rows[::-1])
    store = open_store(place / made.name)
    assert layout_of(store) == LAYOUT and store["patch"][:].tolist() == list(range(10))
    for patch in (0, 4, 9):
        for name, array in archive(rows[patch]).arrays.items():
            np.testing.assert_array_equal(store[name][patch], array)
    assert store["b10"].chunks == (1, 4, 24, 24) and store["angle"][3] == pytest.approx(38.5)
    assert made.about["asked"] == made.about["got"] == 10 and made.about["missing"] == {}
    # So small a patch tells nothing of its alignment; all together tell that noise has no edges in common.
    assert (made.about["alignment"]["patches"], made.about["alignment"]["flag"]) == (10, UNRELATED)
    table = read_table(place / made.name)
    assert (table["flag"] == SMALL).all()
    assert table["position"].tolist() == list(range(10)) and (table["missing"] == "").all()
    assert table["clear_seen"].between(0.7, 1).all() and table["optics_missing"].eq(0).all()


def test_a_large_shard_has_few_files(tmp_path, archive, monkeypatch):
    monkeypatch.undo()
    made, _ = make(tmp_path, archive, plan(6))
    # As many as a thousand patches would have: one file of pixels a part and 128 patches.
    pixels = [name for name in made.files if "/c/" in name]
    several = [name for name in pixels if name.split("/")[1] in {part.name for part in LAYOUT.parts}]
    assert len(made.files) - len(several) + len(several) * 8 <= 100


def test_patches_that_cannot_be_got_are_named(tmp_path, archive):
    rows = [*plan(4), plan_row(4, x=float(WEST - 60)), plan_row(5, epsg=32632)]
    made, place = make(tmp_path, archive, rows)
    assert (made.about["asked"], made.about["got"]) == (6, 4) and sum(made.about["missing"].values()) == 2
    table = read_table(place / made.name).set_index("patch")
    assert "leaves optics" in table.missing[4] and "lies in EPSG:32631" in table.missing[5]
    assert table.position.tolist() == [0, 1, 2, 3, -1, -1]


def test_products_and_units_are_never_mixed(tmp_path, archive):
    rows = [*plan(2, unit="gamma0", radar_product="sentinel1_rtc"), plan_row(2, unit="sigma0")]
    with pytest.raises(FusionError, match="patch 2 was planned with sigma0 as unit"):
        make(tmp_path, archive, rows)
    with pytest.raises(FusionError, match="patch 1 more than once"):
        make(tmp_path, archive, [plan_row(1), plan_row(1)])
    assert make(tmp_path, archive, rows[:2])[0].about["got"] == 2


def test_none_at_all_is_an_error(tmp_path, archive):
    with pytest.raises(FusionError, match="none of the 2 patches of shard 0000"):
        make(tmp_path, archive, plan(2, epsg=32632))
    assert not (tmp_path / "store/patches").exists()


def test_reads_that_fail_now_and_then_end_with_every_patch(tmp_path, archive):
    flaky = np.random.default_rng(0).random((12, 4)) < 0.3
    flaky[:, 2:] = False
    assert (flaky[:, 0] & flaky[:, 1]).any()

    def fails(patch, time):
        return UnreadableFile("/a.tif", "status 503", transient=True) if flaky[patch, time - 1] else None

    counting = Counting(archive, fails)
    made, _ = make(tmp_path / "a", counting, plan(12))
    calm, _ = make(tmp_path / "b", archive, plan(12))
    assert made.digest == calm.digest and made.about["got"] == 12 and len(counting.asked) > 12


def test_what_stays_unread_is_named_and_asked_again_by_the_next_run(tmp_path, archive):
    counting = Counting(archive, lambda patch, _: UnreadableFile("/a.tif", "status 503") if patch == 3 else None)
    made, place = make(tmp_path, counting, plan(8), Pace(most_unread=0.2))
    assert made.about["got"] == 7 and "status 503" in read_table(place / made.name).missing[3]
    again = Counting(archive)
    assert make(tmp_path, again, plan(8))[0].about["got"] == 8 and again.asked == [3]


def test_a_server_that_is_down_fails_the_shard_and_loses_nothing(tmp_path, archive):
    down = Counting(archive, lambda patch, _: UnreadableFile("/a.tif", "status 503") if patch >= 2 else None)
    with pytest.raises(Unreachable, match="6 of 8 patches cannot be read now"):
        make(tmp_path, down, plan(8))
    up = Counting(archive)
    made, _ = make(tmp_path, up, plan(8))
    assert sorted(up.asked) == [2, 3, 4, 5, 6, 7] and made.about["got"] == 8


def test_what_is_no_fault_of_a_patch_stops_the_shard(tmp_path, archive):
    refused = Counting(archive, lambda patch, _: FusionError("the quota is used up") if patch == 2 else None)
    with pytest.raises(FusionError, match="quota"):
        make(tmp_path, refused, plan(6), Pace(threads=1))
    again = Counting(archive)
    assert make(tmp_path, again, plan(6))[0].about["got"] == 6 and {0, 1}.isdisjoint(again.asked)


def test_a_changed_file_is_found_without_listing_the_patches(tmp_path, archive):
    made, place = make(tmp_path, archive, plan(4))
    storage, path = Storage(tmp_path / "store"), f"{tmp_path}/store/patches/0000.json"
    assert changed_files(storage, path, made.to_dict()) == []
    file = place / made.name / "patches.zarr/b20/c/0/0/0/0"
    content = bytearray(file.read_bytes())
    content[30] ^= 1
    file.write_bytes(content)
    assert changed_files(storage, path, made.to_dict()) == ["patches.zarr/b20/c/0/0/0/0"]


def test_a_plan_that_has_changed_fetches_anew(tmp_path, archive):
    make(tmp_path, archive, plan(4))
    counting = Counting(archive)
    make(tmp_path, counting, plan(4, incidence=40.0))
    assert sorted(counting.asked) == [0, 1, 2, 3]


KILLED = """
import os, signal, sys
from pathlib import Path
import fusion_assets_tests.systems.embeddings.corpus.test_shards as t
from fusion_assets.systems.embeddings.corpus import shards
from fusion_assets.systems.embeddings.corpus.alignment import SMALL, UNRELATED
shards.TOGETHER = 4
root, archive, after, stage = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
read, log = t.archive_reader(archive), (root / "log").open("a")
from fusion_assets.systems.embeddings.corpus.journal import Journal
add, count = Journal.flush, 0
def flush(self):
    global count
    add(self)
    count = len(self.places)
    print("kept", count, file=log, flush=True)
    if stage == "fetching" and count >= after:
        os.kill(os.getpid(), signal.SIGKILL)
Journal.flush = flush
if stage == "writing":
    quality, done = shards.quality, []
    def dying(found, layout):
        done.append(1)
        if len(done) >= after:
            os.kill(os.getpid(), signal.SIGKILL)
        return quality(found, layout)
    shards.quality = dying
def noted(row):
    print("asked", row["patch"], file=log, flush=True)
    return read(row)
t.make(root, noted, t.plan(12), t.Pace(threads=1))
"""


def test_kills_at_any_point_change_no_byte_and_fetch_nothing_that_was_kept(tmp_path, tmp_path_factory):
    place = tmp_path_factory.mktemp("killed_archive")
    read = archive_reader(place)
    calm, _ = make(tmp_path / "calm", read, plan(12))
    root = tmp_path / "killed"
    root.mkdir()
    for after, stage in ((5, "fetching"), (6, "writing")):
        code = subprocess.run(
            [sys.executable, "-c", KILLED, str(root), str(place), str(after), stage], env=os.environ, timeout=120
        )
        assert code.returncode == -signal.SIGKILL
        assert not (root / "store/patches/0000.json").exists()
    log = (root / "log").read_text().splitlines()
    kept = max(int(line.split()[1]) for line in log if line.startswith("kept"))
    assert kept == 12  # the second run kept the rest before it was killed
    counting = Counting(read)
    made, _ = make(root, counting, plan(12))
    assert counting.asked == [] and made.digest == calm.digest and made.files == calm.files
    # What a thread had read ahead when the first run was killed is all that was asked for twice.
    assert len([line for line in log if line.startswith("asked")]) <= 12 + 2


def test_the_journal_goes_when_the_shard_has_been_placed(tmp_path, archive):
    make(tmp_path, archive, plan(2))
    assert (tmp_path / "work/0000.journal").exists()
    forget("anywhere/0000.json", tmp_path / "work")
    assert not (tmp_path / "work/0000.journal").exists()
