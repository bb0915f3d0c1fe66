"""Which files are opened as rasters: of named formats, in places where files lie, of sizes that fit."""

import ast
import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
import rasterio.shutil
from rasterio._err import CPLE_AppDefinedError

import fusion_assets
from fusion_assets.errors import FusionError
from fusion_assets.imagery.compositing.gdal import with_retries
from fusion_assets.imagery.compositing.headers import read_header
from fusion_assets.imagery.compositing.scene_reading import read_nearest
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.imagery.unreadable import UnreadableFile, UnusableScene
from fusion_assets.storage.raster_files import GDAL_OPTIONS, LARGEST_BYTES, SCENE_FORMATS, check_window, open_file
from fusion_assets.storage.raster_places import UnfitFile, is_on_web
from fusion_assets.storage.raster_reading import open_raster
from fusion_assets_tests.imagery.archives import GRID, SHAPE, lattice, noise, write_tif
from fusion_assets_tests.malformed.raster_texts import ADDRESSES, TEXTS
from fusion_assets_tests.malformed.rasters import LARGE, large_file

PACKAGE = Path(fusion_assets.__file__).parent


@pytest.fixture
def folder(tmp_path):
    """With a file that could be read, a secret, a pipe and a folder."""
    write_tif(tmp_path / "real.tif", noise(SHAPE, 1))
    (tmp_path / "secret.bin").write_bytes(bytes(range(1, 201)) * 20)
    os.mkfifo(tmp_path / "pipe.tif")
    (tmp_path / "folder.tif").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", TEXTS)
def test_what_is_no_raster_of_a_named_format_is_not_opened(folder, name):
    path = folder / "a.tif"
    path.write_bytes(TEXTS[name](folder))
    with pytest.raises((UnfitFile, rasterio.errors.RasterioError)), rasterio.Env(**GDAL_OPTIONS):
        open_file(path, SCENE_FORMATS)
    with pytest.raises(FusionError, match=r"a\.tif"):
        open_raster(path)


@pytest.mark.parametrize("name", ADDRESSES)
def test_what_is_no_file_is_not_opened(folder, name):
    href = ADDRESSES[name].format(folder=folder)
    with pytest.raises(UnreadableFile):
        read_header(SceneFile(href), GRID)


def written(folder, driver):
    """A file of a format, and its numbers."""
    values = noise(SHAPE, 1)
    path = folder / f"file.{dict(zip(SCENE_FORMATS, ('tif', 'jp2', 'nc', 'zarr'), strict=True))[driver]}"
    options = {"JP2OpenJPEG": {"QUALITY": 100, "REVERSIBLE": "YES"}}.get(driver, {})
    rasterio.shutil.copy(write_tif(folder / "a.tif", values), path, driver=driver, **options)
    return path, values


@pytest.mark.parametrize("driver", SCENE_FORMATS)
def test_formats_of_archives_are_read(tmp_path, driver):
    path, values = written(tmp_path, driver)
    np.testing.assert_array_equal(read_nearest(SceneFile(str(path)), GRID)[0], values)


@pytest.mark.parametrize("driver", SCENE_FORMATS)
@pytest.mark.parametrize("side", [".aux.xml", ".ovr", ".tfw", ".wld"])
def test_nothing_beside_a_file_changes_it(tmp_path, driver, side):
    path, _ = written(tmp_path, driver)
    text = "<PAMDataset><SRS>EPSG:4326</SRS><GeoTransform>1,2,0,3,0,-4</GeoTransform></PAMDataset>"
    for name in (f"{path.name}{side}", f"{path.stem}{side}"):
        (tmp_path / name).write_text(text if side == ".aux.xml" else "1\n0\n0\n-1\n7\n8\n")
    with rasterio.Env(**GDAL_OPTIONS), open_file(path, SCENE_FORMATS) as source:
        assert source.transform.almost_equals(lattice()) and source.crs.to_epsg() == 32631 and not source.overviews(1)


@pytest.mark.parametrize("level", [None, 0])
@pytest.mark.parametrize("name", ["secret.tif", "text"])
def test_overviews_in_other_files_are_not_opened(folder, name, level):
    write_tif(folder / "secret.tif", noise(SHAPE, 2))
    text = folder / "a.vrt"
    rasterio.shutil.copy(folder / "secret.tif", text, driver="VRT")
    with rasterio.open(folder / "real.tif", "r+") as target:
        target.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=text.read_text() if name == "text" else str(folder / name))
    options = {} if level is None else {"overview_level": level}
    with pytest.raises(UnfitFile, match="overviews"), rasterio.Env(**GDAL_OPTIONS):
        open_file(folder / "real.tif", SCENE_FORMATS, **options)
    with pytest.raises(UnusableScene, match="overviews"):
        read_header(SceneFile(str(folder / "real.tif")), GRID)


def test_overviews_that_are_a_pipe_are_not_waited_for(folder):
    with rasterio.open(folder / "real.tif", "r+") as target:
        target.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(folder / "pipe.tif"))
    with pytest.raises(UnfitFile, match="overviews"), rasterio.Env(**GDAL_OPTIONS):
        open_file(folder / "real.tif")


def chunk(folder):
    """A file of numbers in a Zarr that is opened."""
    path, _ = written(folder, "Zarr")
    return path, next(each for each in sorted(path.rglob("*")) if each.is_file() and each.name[0] in "0123456789")


@pytest.mark.parametrize(
    "place",
    [
        lambda part, folder: part.symlink_to(folder / "secret.bin"),
        lambda part, folder: part.symlink_to("/dev/zero"),
        lambda part, folder: os.mkfifo(part),
    ],
    ids=["link", "device", "pipe"],
)
def test_a_zarr_holds_its_own_files(folder, place):
    path, part = chunk(folder)
    part.unlink()
    place(part, folder)
    names = [path, *(each for each in path.iterdir() if each.name in (".zarray", ".zgroup", "zarr.json"))]
    for name in names:
        with pytest.raises(UnfitFile, match=r"lies elsewhere|is no file"), rasterio.Env(**GDAL_OPTIONS):
            open_file(name, SCENE_FORMATS)


def test_folders_of_a_zarr_are_its_own(folder):
    path, _ = chunk(folder)
    (folder / "away").mkdir()
    (path / "more").symlink_to(folder / "away")
    with pytest.raises(UnfitFile, match="more lies elsewhere"):
        open_file(path, SCENE_FORMATS)


def test_links_within_a_zarr_are_followed(folder):
    path, part = chunk(folder)
    part.rename(path / "kept")
    part.symlink_to(path / "kept")
    (folder / "link.zarr").symlink_to(path)
    for name in (path, folder / "link.zarr"):
        with rasterio.Env(**GDAL_OPTIONS), open_file(name, SCENE_FORMATS) as source:
            assert source.driver == "Zarr"


@pytest.mark.parametrize("name", LARGE)
def test_declared_sizes_are_checked_before_memory_is_taken(tmp_path, name):
    path = tmp_path / "a.tif"
    large_file(path, name)
    with pytest.raises(UnusableScene, match=r"MiB|bands"):
        read_nearest(SceneFile(str(path)), GRID)


def test_windows_have_a_limit():
    check_window("a.tif", 1024, LARGEST_BYTES // 1024 // 4, 4)
    with pytest.raises(UnfitFile, match="MiB"):
        check_window("a.tif", 1024, LARGEST_BYTES // 1024 // 4 + 1, 4)


@pytest.mark.parametrize(
    ("href", "away"),
    [("https://host/a.tif", True), ("s3://b/a.tif", True), ("/vsis3/b/a.tif", True), ("/vsicurl/https://h/a", True),
     ("/vsicurl/file:///a", False), ("file:///a.tif", False), ("/data/a.tif", False), ("/vsizip/a", False)],
)  # fmt: skip
def test_where_a_file_is(href, away):
    assert is_on_web(href) == away


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_opens_a_raster_of_any_format(path):
    """Whoever opens one names the format, or asks the one place that does."""
    for call in ast.walk(ast.parse(path.read_text())):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("rasterio.open", "memory.open", "open_rasterio"):
            modes = [argument.value for argument in call.args[1:] if isinstance(argument, ast.Constant)]
            named = any(keyword.arg in ("driver", None) for keyword in call.keywords)
            assert named or modes in (["w"], ["r+"]), f"line {call.lineno}"


def test_errors_that_are_gdals_own_are_named_as_well(tmp_path):
    def read():
        raise CPLE_AppDefinedError(3, 1, "the GeoAsciiParams tag has only 29 values")

    with pytest.raises(UnreadableFile, match="GeoAsciiParams"):
        with_retries(str(tmp_path / "a.tif"), read)
