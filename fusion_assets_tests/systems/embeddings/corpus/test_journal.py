"""Journals: what was kept comes back, whatever happened to the writer; tails and foreign requests do not."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.embeddings.corpus.journal import open_journal, remove_journal
from fusion_assets.systems.embeddings.corpus.layout import Layout
from fusion_assets.systems.embeddings.corpus.reading import Pixels

LAYOUT = Layout(12)


def pixels(seed):
    rng = np.random.default_rng(seed)
    arrays = {part.name: rng.integers(0, 200, part.shape).astype(part.dtype) for part in LAYOUT.parts}
    return Pixels(arrays, -0.1)


def fill(folder, patches=(5, 3, 9)):
    with open_journal(folder, "0000", "asked", LAYOUT) as journal:
        for patch in patches:
            journal.add(patch, pixels(patch))
        journal.add(7, "it leaves the scene")
        journal.flush()
    return folder / "0000.journal"


def kept(folder, request="asked"):
    with open_journal(folder, "0000", request, LAYOUT) as journal:
        for patch in set(journal.places) - set(journal.reasons):
            found = journal.read(patch)
            assert found.offset == -0.1
            for name, array in pixels(patch).arrays.items():
                np.testing.assert_array_equal(found.arrays[name], array)
        return list(journal.places), journal.reasons


def test_patches_and_reasons_come_back(tmp_path):
    fill(tmp_path)
    assert kept(tmp_path) == ([5, 3, 9, 7], {7: "it leaves the scene"})
    remove_journal(tmp_path, "0000")
    assert kept(tmp_path) == ([], {})


def test_whatever_a_killed_writer_leaves_is_cut_off(tmp_path):
    path = fill(tmp_path, (5, 3))
    content = path.read_bytes()
    ends = sorted({*range(60, len(content), 211), len(content) - 1, len(content) - 100})
    counts = []
    for end in ends:
        path.write_bytes(content[:end])
        counts.append(len(kept(tmp_path)[0]))
        assert path.stat().st_size <= max(end, 200)
    assert counts == sorted(counts) and set(counts) == {0, 1, 2}


@pytest.mark.parametrize("at", [0.3, 0.6])
def test_a_byte_that_has_changed_ends_what_is_believed(tmp_path, at):
    path = fill(tmp_path, (5, 3))
    content = bytearray(path.read_bytes())
    content[int(at * len(content))] ^= 1
    path.write_bytes(content)
    assert kept(tmp_path)[0] == [5][: round(at * 2 - 0.5)]


def test_another_request_begins_anew(tmp_path):
    fill(tmp_path)
    assert kept(tmp_path, "other") == ([], {})


def test_two_processes_do_not_write_one_journal(tmp_path):
    with (
        open_journal(tmp_path, "0000", "asked", LAYOUT),
        pytest.raises(FusionError, match="another process is fetching the patches of shard 0000"),
        open_journal(tmp_path, "0000", "asked", LAYOUT),
    ):
        pass


def test_bytes_that_change_while_it_is_open_are_noticed(tmp_path):
    path = fill(tmp_path)
    with open_journal(tmp_path, "0000", "asked", LAYOUT) as journal:
        content = bytearray(path.read_bytes())
        content[journal.places[3][0] + 200] ^= 1
        path.write_bytes(content)
        journal.read(5)
        with pytest.raises(FusionError, match="other bytes of patch 3"):
            journal.read(3)
