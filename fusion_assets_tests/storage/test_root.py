"""Storage roots: names, atomic placing, errors without credentials."""

import os
import signal
import subprocess
import sys
import time
import uuid

import fsspec
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.redaction import public_url
from fusion_assets.storage.root import Storage


@pytest.fixture(params=["local", "file", "memory"])
def storage(request, tmp_path):
    roots = {"local": str(tmp_path / "data"), "file": f"file://{tmp_path}/data"}
    return Storage(roots.get(request.param, f"memory://test-{uuid.uuid4().hex}/data"))


def test_write_read_replace_remove(storage):
    storage.check_writable()
    path = storage.path("asset", "demo", 2016, "json")
    assert path.endswith("/data/asset/demo/2016.json")
    assert not storage.exists(path)
    storage.write_bytes(b"one", path)
    storage.write_bytes(b"three", path)
    assert storage.exists(path) and storage.read_bytes(path) == b"three" and storage.size(path) == 5
    assert storage.open_local(path).read_bytes() == b"three"
    storage.write_bytes(b"four!", path)  # same size: a copy fetched before must not be taken for it
    assert storage.open_local(path).read_bytes() == b"four!"
    storage.remove(path)
    storage.remove(path)
    assert not storage.exists(path)


def test_names(tmp_path):
    storage = Storage(tmp_path)
    assert storage.path("a", "r", None, "html") == f"{tmp_path}/a/r.html"
    assert storage.path("a/b", None, None, "json") == f"{tmp_path}/a/b.json"
    for bad in ("..", "a/b", ""):
        with pytest.raises(FusionError):
            storage.path("a", bad, "2016", "tif")


def test_relative_roots_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Storage("./data").root == f"{tmp_path}/data"


def test_a_root_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(FusionError, match="cannot write to") as caught:
        Storage(tmp_path / "file" / "data").check_writable()
    assert "FUSION_STORAGE" in caught.value.remedy


def test_a_read_only_root_says_so(tmp_path, monkeypatch):
    # Permissions would not stop an administrator, and tests may be run by one; the kernel's refusal is imitated.
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied", str(tmp_path))

    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.pipe_file", refuse)
    with pytest.raises(FusionError, match="PermissionError"):
        Storage(tmp_path).check_writable()


def test_unknown_protocols_and_missing_packages(monkeypatch):
    with pytest.raises(FusionError, match="nonsense"):
        Storage("nonsense://bucket")


def test_credentials_stay_out_of_errors(monkeypatch):
    assert public_url("https://user:se@cret@host/a b?sig=a bc") == "https://host/a b"

    class Broken(fsspec.AbstractFileSystem):
        protocol = "broken"

        def _open(self, path, mode="rb", **kwargs):
            raise OSError("403 https://user:secret@host/key?X-Signature=hidden&a=b")

        cat_file = pipe_file = put_file = _open

    fsspec.register_implementation("broken", Broken, clobber=True)
    storage = Storage("broken://user:secret@host/data?token=hidden")
    for action in (storage.check_writable, lambda: storage.read_bytes(storage.path("a", "r", "1", "json"))):
        with pytest.raises(FusionError) as caught:
            action()
        assert "secret" not in str(caught.value) and "hidden" not in str(caught.value)
        assert caught.value.__cause__ is None and caught.value.__suppress_context__
    assert "secret" not in repr(storage)


KILLED = """
import os, shutil, sys
from fusion_assets.storage import root as storage
def slow(source, target):
    with open(target, "wb") as file:
        file.write(b"half")
        file.flush()
        print("writing", flush=True)
        import time; time.sleep(60)
shutil.copyfile = slow
root = storage.Storage(sys.argv[1])
root.write_bytes(b"whole", root.path("a", "r", "2016", "bin"))
"""


def test_a_killed_writer_leaves_nothing_readable(tmp_path):
    storage = Storage(tmp_path)
    path = storage.path("a", "r", "2016", "bin")
    with subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"writing\n"
        process.send_signal(signal.SIGKILL)
    assert not storage.exists(path)
    (left,) = (tmp_path / "a" / "r").iterdir()
    assert left.name.startswith(".") and left.suffix == ".partial"
    storage.write_bytes(b"whole", path)
    assert storage.read_bytes(path) == b"whole"
    assert left.exists()  # another writer may still be at work on it ...
    yesterday = time.time() - 25 * 3600
    os.utime(left, (yesterday, yesterday))
    storage.write_bytes(b"again", path)
    assert not left.exists()  # ... but not after a day


def test_a_failed_put_keeps_the_old_artifact(tmp_path, monkeypatch):
    storage = Storage(tmp_path)
    path = storage.path("a", "r", "2016", "bin")
    storage.write_bytes(b"old", path)

    def full(source, target):
        target.write_bytes(b"n")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("shutil.copyfile", full)
    with pytest.raises(FusionError, match="No space left"):
        storage.write_bytes(b"new", path)
    assert storage.read_bytes(path) == b"old"
    assert [item.name for item in (tmp_path / "a" / "r").iterdir()] == ["2016.bin"]
