"""How an engine's pixels become a raster: scenes that cannot be read, within and beyond the tolerance."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import reading
from fusion_assets.imagery.archive import ArchiveEngine
from fusion_assets.imagery.rasters import open_raster, write_raster
from fusion_assets.imagery.storage import Storage
from fusion_assets.imagery_assets import realise
from fusion_assets_tests.imagery.archives import damage, small_request, small_season


@pytest.fixture
def submitted(tmp_path, monkeypatch):
    """An engine, an export of four scenes of which one is damaged, and their numbers."""
    monkeypatch.setattr(reading, "_PAUSE_SECONDS", 0)
    archive, stack = small_season(tmp_path)
    engine = ArchiveEngine(Storage(tmp_path / "storage"))
    export = engine.submit(small_request(archive))
    damage(tmp_path / "files/2_blue.tif")
    return engine, export, stack


@pytest.fixture
def write(tmp_path):
    def write(pixels, export, left_out):
        return write_raster(pixels, nodata=-9999, tags={}, directory=tmp_path / "rasters")

    return write


def test_unreadable_scenes_within_the_tolerance_are_left_out_whole_and_listed(submitted, write):
    engine, export, stack = submitted
    raster, left_out = realise(engine, export, write, tolerance=0.25)
    assert len(left_out) == 1 and left_out[0].startswith("s2: ") and "2_blue.tif" in left_out[0]
    pixels = open_raster(raster.path)
    assert (pixels.observation_count == 3).all()
    np.testing.assert_allclose(pixels.B02, np.median(np.delete(stack, 2, 0), axis=0) * 1e-4, atol=1e-6)


def test_beyond_the_tolerance_the_files_are_named_and_nothing_is_left_behind(submitted, write, tmp_path):
    engine, export, _ = submitted
    with pytest.raises(FusionError, match=r"1 of 4 scenes of here\|2019 .*\n.*2_blue\.tif") as caught:
        realise(engine, export, write, tolerance=0.2)
    assert "max_unreadable_share" in str(caught.value)
    assert not any((tmp_path / "rasters").iterdir())


def test_a_missing_file_counts_as_unreadable(submitted, write, tmp_path):
    engine, export, _ = submitted
    (tmp_path / "files/0_scl.tif").unlink()
    with pytest.raises(FusionError, match="2 of 4 scenes"):
        realise(engine, export, write, tolerance=0.25)
    _, left_out = realise(engine, export, write, tolerance=0.5)
    assert [line[:2] for line in left_out] == ["s0", "s2"]
