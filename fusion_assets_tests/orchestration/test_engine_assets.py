"""How an engine's pixels become a raster or a series: unreadable scenes, within and beyond the tolerance."""

import dataclasses

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery import retries
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.orchestration.engine_assets import realise, realise_series
from fusion_assets.storage.raster_writing import open_raster, write_raster
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import damage, small_request, small_season


@pytest.fixture
def submitted(tmp_path, monkeypatch):
    """An engine, an export of four scenes of which one is damaged, and their numbers."""
    monkeypatch.setattr(retries, "sleep", lambda _: None)
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
    assert not list(tmp_path.glob("rasters/*"))


def test_a_missing_file_counts_as_unreadable(submitted, write, tmp_path):
    engine, export, _ = submitted
    (tmp_path / "files/0_scl.tif").unlink()
    with pytest.raises(FusionError, match="2 of 4 scenes"):
        realise(engine, export, write, tolerance=0.25)
    _, left_out = realise(engine, export, write, tolerance=0.5)
    assert [line[:2] for line in left_out] == ["s0", "s2"]


class Series:
    """The series of a season, computed under a tolerance."""

    def __init__(self, engine, request):
        recipe = dataclasses.replace(request.recipe, reducer="none")
        self.engine, self.request = engine, dataclasses.replace(request, recipe=recipe)
        self.warnings = []

    def make(self, tolerance):
        def computed(left_out):
            return self.engine.series(self.request, without=left_out).compute()

        return realise_series(self.engine, self.request, computed, tolerance, self.warnings.append)


@pytest.fixture
def series(submitted):
    engine, export, _ = submitted
    return Series(engine, export.request)


def test_of_a_series_too_unreadable_scenes_are_left_out_whole_and_listed(series, submitted):
    found, told = series.make(0.25)
    assert list(found["scenes"].values) == ["s0", "s1", "s3"]
    np.testing.assert_allclose(found["B02"], np.delete(submitted[2], 2, 0) * 1e-4, atol=1e-6)
    assert told["unreadable_scenes"].value == 1 and "2_blue.tif" in told["unreadable"].md_str
    assert len(series.warnings) == 1 and series.warnings[0].startswith("left out: s2: ")


def test_a_series_beyond_the_tolerance_names_all_files(series, tmp_path):
    (tmp_path / "files/0_scl.tif").unlink()  # found when headers are read, the damaged one when pixels are
    with pytest.raises(FusionError, match=r"2 of 4 scenes of here\|2019 .*\n.*0_scl\.tif.*\n.*2_blue\.tif") as caught:
        series.make(0.25)
    assert "max_unreadable_share" in str(caught.value) and not series.warnings
    assert list(series.make(0.5)[0]["scenes"].values) == ["s1", "s3"]


def test_a_series_of_nothing_readable_is_an_error_at_any_tolerance(series, tmp_path):
    for path in (tmp_path / "files").glob("*_blue.tif"):
        path.unlink()
    with pytest.raises(FusionError, match="none of the 4 scenes"):
        series.make(1.0)


def test_a_series_that_can_be_read_is_read_once(series, tmp_path, monkeypatch):
    monkeypatch.setattr(series.engine, "readability", None)
    first = dataclasses.replace(series.request, window=(series.request.window[0], series.request.window[0]))
    series.request = first
    found, told = series.make(0.0)
    assert found.sizes["time"] == 1 and told["unreadable_scenes"].value == 0
