"""Files that people name: read within a limit, and nothing that never ends."""

import os

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.storage.local_files import content_of, path_of


def test_a_path_is_relative_to_its_folder_unless_it_is_not(tmp_path):
    assert path_of("a/b", tmp_path) == tmp_path / "a" / "b"
    assert path_of("/a", tmp_path).as_posix() == "/a"
    assert "~" not in str(path_of("~/a", tmp_path))


@pytest.mark.parametrize("text", ["~nosuchuser/x", "a\0b", "\ud800"])
def test_a_path_that_cannot_be_is_refused(text):
    with pytest.raises(FusionError):
        path_of(text)


def test_content_within_the_limit(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert content_of(tmp_path / "a", 3) == b"abc"
    with pytest.raises(FusionError, match="MB"):
        content_of(tmp_path / "a", 2)


def test_what_never_ends_is_not_begun(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name, words in (("pipe", "a pipe"), ("zero", "a device"), (".", "a folder")):
        with pytest.raises(FusionError, match=words):
            content_of(tmp_path / name, 10)
    with pytest.raises(FileNotFoundError):
        content_of(tmp_path / "none", 10)
