"""Full disks: every writer says which one it is, and leaves nothing behind that could be read."""

import contextlib
import errno
import io
import tempfile

import numpy as np
import pandas as pd
import pytest
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.storage import root as storage_root
from fusion_assets.storage.cubes import steps, write_cube
from fusion_assets.storage.disk_space import megabytes, temporary_folder, why_full
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.storage.root import Storage

GRID = Grid("EPSG:32631", Affine(10.0, 0, 500_000, 0, -10.0, 5_600_000), 30, 40)


def full(*arguments, **options):
    raise OSError(errno.ENOSPC, "No space left on device", "/somewhere")


def quota(*arguments, **options):
    raise OSError(errno.EDQUOT, "Disk quota exceeded")


@pytest.mark.parametrize(("fault", "words"), [(full, "is full"), (quota, "quota")])
def test_placing_on_a_full_disk_keeps_what_was_there(tmp_path, monkeypatch, fault, words):
    storage = Storage(tmp_path)
    path = storage.path("a", "r", "2016", "json")
    storage.write_bytes(b"before", path)
    monkeypatch.setattr(storage_root.shutil, "copyfile", fault)
    with pytest.raises(FusionError, match=words) as caught:
        storage.write_bytes(b"x" * 3_000_000, path)
    assert caught.value.expected == "3.0 MB for one file" and "FUSION_STORAGE" in caught.value.remedy
    assert storage.read_bytes(path) == b"before" and len(list((tmp_path / "a" / "r").iterdir())) == 1


@pytest.mark.parametrize("kind", ["documents", "tables"])
def test_a_full_temporary_disk_is_named(tmp_path, monkeypatch, kind):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    place, artifact = managers(str(tmp_path / "data"), lambda *place: {}), Artifact("a", "r", "2016")
    if kind == "documents":
        monkeypatch.setattr(storage_root.tempfile, "NamedTemporaryFile", full)
    else:
        monkeypatch.setattr(pd.DataFrame, "to_parquet", full)
    with pytest.raises(FusionError, match="is full") as caught:
        place[kind].save({"a": 1} if kind == "documents" else pd.DataFrame({"a": [1]}), artifact)
    assert "TMPDIR" in caught.value.remedy and str(tmp_path / "tmp") in caught.value.found
    assert not list((tmp_path / "tmp").iterdir()) and not (tmp_path / "data").exists()


def test_a_temporary_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with (
        pytest.raises(FusionError, match="temporary files cannot be kept") as caught,
        temporary_folder(tmp_path / "file"),
    ):
        pass
    assert "TMPDIR" in caught.value.remedy


def test_a_raster_on_a_full_temporary_disk(tmp_path, monkeypatch):
    monkeypatch.setattr("fusion_assets.storage.raster_writing.contents", full)
    with pytest.raises(FusionError, match="is full") as caught:
        write_raster(GRID.dataset({"a": np.ones(GRID.shape, "f4")}), nodata=np.nan, tags={}, directory=tmp_path)
    assert "TMPDIR" in caught.value.remedy and not list(tmp_path.iterdir())


def test_a_series_on_a_full_storage_leaves_no_store(tmp_path, monkeypatch):
    storage = Storage(tmp_path)
    series = GRID.dataset({"ndvi": np.ones(GRID.shape, "f4")}).expand_dims(time=pd.to_datetime(["2016-07-01"]))
    monkeypatch.setattr("fusion_assets.storage.cube_pieces.write_piece", full)
    with pytest.raises(FusionError, match="is full") as caught:
        path = storage.path("filled", "r", "2016", "json")
        write_cube(series, storage, path, encodings={"ndvi": steps(1e-4)}, facts={})
    assert "FUSION_STORAGE" in caught.value.remedy
    assert not list((tmp_path / "filled" / "r").iterdir())


def test_a_library_that_passes_on_the_words_is_understood():
    error = RuntimeError("Unable to extend file (errno = 28, error message = 'No space left on device')")
    with contextlib.suppress(ValueError):
        try:
            raise error
        except RuntimeError as cause:
            raise ValueError("the model could not be saved") from cause
    assert why_full(error).startswith("is full")
    assert why_full(io.UnsupportedOperation("not writable")) == ""
    assert (megabytes(900_000), megabytes(2.5e9)) == ("0.9 MB", "2.5 GB")
