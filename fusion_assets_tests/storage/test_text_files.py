"""Text files: whole, or not there."""

import errno
import os

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.storage.text_files import write_text


def test_a_file_is_written_with_its_folders(tmp_path):
    for text in ("Ł", "São"):
        write_text(tmp_path / "a" / "b" / "c.yaml", text)
        assert (tmp_path / "a" / "b" / "c.yaml").read_text("utf-8") == text
    assert len(list((tmp_path / "a" / "b").iterdir())) == 1


def test_a_place_that_is_no_folder_is_explained(tmp_path):
    (tmp_path / "study.yaml").write_text("name: here")
    with pytest.raises(FusionError, match=r"cannot be written: (File exists|Not a directory)"):
        write_text(tmp_path / "study.yaml" / "catalog.json", "{}")


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    write_text(tmp_path / "a.json", "before")

    def full(*paths):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(FusionError, match="No space left on device"):
        write_text(tmp_path / "a.json", "after")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]
