"""Class bands as files of their own: bytes, names and colours for other programs, and one raster for this one."""

import xml.etree.ElementTree as ET
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import rasterio
import rasterio.shutil
from affine import Affine
from PIL import Image
from rasterio.enums import ColorInterp
from rio_cogeo import cog_validate

from fusion_assets.errors import FusionError, Replaced
from fusion_assets.grids.grid import Grid
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.io_managers import RasterIOManager
from fusion_assets.storage.raster_classes import Class
from fusion_assets.storage.raster_reading import open_raster
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.storage.root import Storage
from fusion_assets.storage.simulation import MARK
from fusion_assets.storage.stored_rasters import open_stored, pixel_digest, place_raster

GRID = Grid("EPSG:32631", Affine(250.0, 0, 500_000, 0, -250.0, 5_600_000), 1100, 700)
COLOURS = {0: Class("Not built-up", (238, 232, 213)), 1: Class('Built-up & "more"', (179, 27, 27))}
PALETTES = {"probability": "magma", "built_up": COLOURS}
PLACE = Artifact("map", "here", "2016")


def a_map(seed=1, chunks=256):
    probability = np.random.default_rng(seed).random(GRID.shape, np.float32)
    probability[:90] = np.nan
    built = np.where(np.isnan(probability), np.nan, probability >= 0.5).astype(np.float32)
    return GRID.dataset({"probability": da.from_array(probability, chunks), "built_up": da.from_array(built, chunks)})


def written(seed=1, **tags):
    return write_raster(a_map(seed), nodata=np.nan, tags=tags, palettes=PALETTES)


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    storage, raster = Storage(tmp_path_factory.mktemp("stored")), written()
    path = storage.path("map", "here", 2016, "tif")
    place_raster(storage, raster, path)
    return storage, path, raster.digest


def test_a_class_is_a_cog_of_bytes_with_its_colours(stored):
    _, path, _ = stored
    known = np.isfinite(a_map()["probability"].values)
    for name, dtype in ((path, "float32"), (path.replace(".tif", "~built_up.tif"), "uint8")):
        assert cog_validate(name, strict=True, quiet=True) == (True, [], [])
        with rasterio.open(name) as file:
            assert (file.count, file.dtypes[0]) == (1, dtype) and file.overviews(1)
            if dtype == "uint8":
                assert file.nodata == 255 and file.colorinterp == (ColorInterp.palette,)
                assert {code: file.colormap(1)[code][:3] for code in COLOURS} == {
                    code: each.colour for code, each in COLOURS.items()
                }
                assert ((file.read(1) == 255) == ~known).all()
                assert set(np.unique(file.read(1, out_shape=(275, 175)))) == {0, 1, 255}  # never averaged


def test_gdal_draws_it_in_its_colours(stored, tmp_path):
    rasterio.shutil.copy(stored[1].replace(".tif", "~built_up.tif"), tmp_path / "map.png", driver="PNG")
    drawn = np.array(Image.open(tmp_path / "map.png").convert("RGB"))
    built = a_map()["built_up"].values
    for code, each in COLOURS.items():
        assert (drawn[built == code] == each.colour).all()


def test_names_and_style_lie_beside_it(stored):
    folder = Path(stored[1]).parent
    assert sorted(file.name for file in folder.iterdir()) == [
        "2016.tif", "2016~built_up.qml", "2016~built_up.tif", "2016~built_up.tif.aux.xml",
    ]  # fmt: skip
    categories = ET.parse(folder / "2016~built_up.tif.aux.xml").findall(".//Category")
    assert [each.text for each in categories] == [each.title for each in COLOURS.values()]
    entries = ET.parse(folder / "2016~built_up.qml").findall(".//rasterrenderer[@type='paletted']//paletteEntry")
    assert [(each.get("value"), each.get("color"), each.get("label")) for each in entries] == [
        ("0", "#eee8d5", "Not built-up"), ("1", "#b31b1b", 'Built-up & "more"'),
    ]  # fmt: skip


@pytest.mark.parametrize("root", ["a folder", "memory://classes"])
def test_what_comes_back_is_one_raster_as_it_was_written(tmp_path, root):
    storage, raster = Storage(tmp_path if root == "a folder" else root), written()
    path = storage.path("map", "here", 2016, "tif")
    place_raster(storage, raster, path)
    back, given = open_stored(storage, path), a_map().compute()
    assert list(back.data_vars) == ["probability", "built_up"] and "classes" not in back.attrs
    for band in given.data_vars:
        assert back[band].dtype == given[band].dtype
        np.testing.assert_array_equal(back[band].values, given[band].values)
    assert raster.digest == pixel_digest(storage, path) == back.attrs["content_digest"]
    assert list(raster.stats) == list(raster.preview) == list(raster.bands)


def test_the_digest_is_of_all_pixels_and_of_nothing_else(stored):
    assert written(note="other").digest == stored[2]
    assert write_raster(a_map(chunks=333), nodata=np.nan, tags=MARK, palettes=PALETTES).digest == stored[2]
    other = a_map().compute()
    other["built_up"][100, 100] = 1 - other["built_up"][100, 100]
    assert write_raster(other, nodata=np.nan, tags={}, palettes=PALETTES).digest != stored[2]


def test_files_of_two_rasters_are_none(tmp_path):
    manager = RasterIOManager(str(tmp_path))
    first, second = written(1), written(2)
    metadata = manager.save(first, PLACE)
    path = Path(manager.path(PLACE))
    assert metadata["size_bytes"] == sum(file.stat().st_size for file in path.parent.glob("*.tif"))
    classes = path.with_name("2016~built_up.tif")
    manager.storage.put_file(second.classes["built_up"], str(classes))  # as a run that is killed before the main file
    with pytest.raises(Replaced, match="was not made with"):
        manager.verify(PLACE)
    with pytest.raises(FusionError, match="was not made with"):
        open_raster(path)
    assert manager.pixel_digests(PLACE)["digest"] != first.digest
    assert manager.changed(PLACE) == classes.stat().st_mtime
    classes.write_bytes(b"II*\0")
    with pytest.raises(FusionError, match="cannot be read as a raster"):
        manager.verify(PLACE)
    classes.unlink()
    with pytest.raises(FusionError, match="cannot be read as a raster"):
        manager.verify(PLACE)
    manager.save(second, PLACE)
    manager.verify(PLACE)


def test_a_quantity_keeps_no_style_of_classes_that_lay_in_its_place(tmp_path):
    manager = RasterIOManager(str(tmp_path))
    manager.save(write_raster(a_map()[["built_up"]], nodata=255, tags={}, palettes=PALETTES), PLACE)
    assert (tmp_path / "map" / "here" / "2016.qml").is_file()
    manager.save(write_raster(a_map()[["probability"]], nodata=np.nan, tags={}, palettes=PALETTES), PLACE)
    assert [file.name for file in (tmp_path / "map" / "here").iterdir()] == ["2016.tif"]


def test_what_a_file_says_of_files_beside_it_is_not_believed(tmp_path):
    raster = written()
    for said in ('{"../secret": "0"}', '["built_up"]', "{"):
        with rasterio.open(raster.path, "r+", IGNORE_COG_LAYOUT_BREAK="YES") as file:
            file.update_tags(FUSION_CLASSES=said)
        with pytest.raises(FusionError, match="FUSION_CLASSES"):
            open_raster(raster.path)


def test_codes_without_names_keep_their_type(tmp_path):
    codes = GRID.dataset({"land_cover": np.full(GRID.shape, 512, np.int16)})
    raster = write_raster(codes, nodata=255, tags={}, palettes={"land_cover": {}})
    assert raster.classes == {} and open_raster(raster.path)["land_cover"].dtype == np.int16


def test_simulated_imagery_is_named_in_every_file():
    raster = written(**MARK)
    for path in (raster.path, *raster.classes.values()):
        with rasterio.open(path) as file:
            assert file.tags()["FUSION_SYNTHETIC"] == "yes"
            assert file.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith("SYNTHETIC: ")
    raster = written()
    with rasterio.open(raster.path) as file:
        assert not any("SYNTHETIC" in text for item in file.tags().items() for text in item)
