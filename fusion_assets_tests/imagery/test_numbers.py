"""What stored numbers mean: no data, masks, scales and bands, each honoured or refused by name."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.grids.placement import Place, Places
from fusion_assets.imagery.compositing.gdal import gdal_environment
from fusion_assets.imagery.compositing.headers import read_header, settled
from fusion_assets.imagery.compositing.scene_reading import read_bilinear, read_nearest
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.imagery.unreadable import UnreadableFile, UnusableScene
from fusion_assets_tests.imagery.archives import CRS, NORTH, STEP, WEST, lattice, write_tif

SHAPE = (4, 6)
GRID = Grid(CRS, lattice(), *SHAPE)
VALUES = np.arange(24, dtype=np.uint16).reshape(SHAPE)


def write(path, bands, crs=CRS, transform=None, descriptions=(), mask=None, scale=None, **more):
    """A GeoTIFF of several bands with whatever a file can say of itself."""
    bands = np.stack([np.asarray(band) for band in bands])
    options = {"driver": "GTiff", "height": bands.shape[1], "width": bands.shape[2], "count": len(bands)}
    with (
        rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True),
        rasterio.open(
            path, "w", dtype=bands.dtype, crs=crs, transform=transform or lattice(), **options, **more
        ) as target,
    ):
        target.write(bands)
        for index, text in enumerate(descriptions, 1):
            target.set_band_description(index, text)
        if mask is not None:
            target.write_mask(mask)
        if scale is not None:
            target.scales, target.offsets = [scale[0]] * len(bands), [scale[1]] * len(bands)
    return str(path)


def known(path, **file):
    return read_nearest(SceneFile(path, **file), GRID)[1]


def test_an_internal_mask_says_what_is_data(tmp_path):
    path = write(tmp_path / "a.tif", [VALUES], mask=VALUES > 5)
    np.testing.assert_array_equal(known(path), VALUES > 5)
    np.testing.assert_array_equal(known(path, usual_nodata=9), VALUES > 5, "the file says, so the product does not")
    np.testing.assert_array_equal(known(path, nodata=9), (VALUES > 5) & (VALUES != 9))


def test_an_alpha_band_says_what_is_data_and_is_no_band(tmp_path):
    path = write(tmp_path / "a.tif", [VALUES, np.where(VALUES > 5, 65535, 0).astype(np.uint16)], ALPHA="YES")
    values, valid = read_nearest(SceneFile(path), GRID)
    np.testing.assert_array_equal(values, VALUES)
    np.testing.assert_array_equal(valid, VALUES > 5)


def test_masked_files_are_not_read_through_overviews(tmp_path):
    values = np.ones((256, 256), np.uint16)
    path = write(tmp_path / "a.tif", [values], mask=values > 0, tiled=True, blockxsize=64, blockysize=64)
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2, 4], rasterio.enums.Resampling.average)
    coarse = Grid(CRS, lattice(step=4 * STEP), 64, 64)
    assert read_header(SceneFile(path), coarse).level is None


def test_a_mask_of_classes_is_never_read_through_averages(tmp_path):
    shadow_and_cloud = np.tile(np.array([[3, 9], [9, 3]], np.uint8), (64, 64))
    path = tmp_path / "scl.tif"
    write_tif(path, shadow_and_cloud, block=16)
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2], rasterio.enums.Resampling.average)
    coarse = Grid(CRS, lattice(step=2 * STEP), 64, 64)
    classes = read_nearest(SceneFile(str(path)), coarse, any_number=True)[0]
    assert set(np.unique(classes)) <= {3, 9}, "shadow and cloud average to 6, which is water"


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32])
def test_no_data_that_integers_cannot_hold_is_refused(tmp_path, dtype):
    path = write_tif(tmp_path / "a.tif", np.ones(SHAPE, dtype))
    limits = np.iinfo(dtype)
    for impossible in (limits.max + 1, limits.min - 1, 0.5, math.nan, math.inf):
        with pytest.raises(UnusableScene, match="cannot hold"):
            known(path, nodata=impossible)
    assert known(path, nodata=limits.max).all()


def test_what_the_product_says_holds_for_the_type_that_it_is_published_in(tmp_path):
    path = write_tif(tmp_path / "a.tif", np.ones(SHAPE, np.uint16))
    assert known(path, usual_nodata=-200).all()


def test_fill_that_is_declared_in_rounded_decimals(tmp_path):
    values = np.where(VALUES > 5, VALUES, -3.4028235e38).astype(np.float32)
    np.testing.assert_array_equal(known(write_tif(tmp_path / "a.tif", values), nodata=-3.4e38), VALUES > 5)


def test_a_number_that_stands_for_no_observation_whatever_is_declared(tmp_path):
    lights = write_tif(tmp_path / "a.tif", VALUES.astype(np.float32), nodata=-999.9)
    np.testing.assert_array_equal(known(lights, nodata=math.nan, unobserved=0), VALUES > 0)


def value_of(file, grid=GRID):
    """The physical value of a file's first pixel."""
    read = read_bilinear(file, grid)
    return float(read[0][0, 0])


def test_the_files_own_scale_holds_where_the_item_is_silent(tmp_path):
    path = write(tmp_path / "a.tif", [np.full(SHAPE, 123, np.int16)], scale=(0.1, 0.0))
    silent = SceneFile(path, assumed=("scale", "offset"))
    assert value_of(silent) == pytest.approx(12.3)
    assert value_of(SceneFile(path, 0.5, 1.0)) == pytest.approx(62.5), "what the item says goes before"
    shifted = write(tmp_path / "b.tif", [np.full(SHAPE, 123, np.int16)], scale=(1.0, -100.0))
    assert value_of(SceneFile(shifted, assumed=("scale", "offset"))) == 23
    assert value_of(SceneFile(shifted, 0.5, assumed=("offset",))) == pytest.approx(61.5 - 100)


@pytest.mark.parametrize(
    ("dtype", "stored_as", "refused"),
    [("float32", "integers", True), ("uint16", "integers", False), ("uint16", "floats", True), ("float32", "", False)],
)
def test_a_products_scale_is_for_the_numbers_that_it_is_published_in(tmp_path, dtype, stored_as, refused):
    path = write_tif(tmp_path / "a.tif", np.ones(SHAPE, dtype))
    file = SceneFile(path, 1e-4, assumed=("scale", "offset"), stored_as=stored_as)
    if refused:
        with pytest.raises(UnusableScene, match="neither the item nor the file says") as caught:
            read_nearest(file, GRID)
        assert "declare `scale`" in caught.value.remedy
    else:
        assert settled(file, read_header(file, GRID)).scale == 1e-4
    declared = SceneFile(path, 1.0, stored_as=stored_as)
    assert settled(declared, read_header(declared, GRID)).scale == 1.0


def test_complex_numbers_are_refused(tmp_path):
    path = write_tif(tmp_path / "a.tif", np.ones(SHAPE, np.complex64))
    with pytest.raises(UnusableScene, match="complex64"):
        known(path)


def test_a_band_of_several_is_read_by_number_or_description(tmp_path):
    bands = [VALUES + 100 * band for band in range(6)]
    path = write(tmp_path / "a.tif", bands, descriptions=["blue", "green", "RED", "nir", "", ""])

    def first(**file):
        return int(read_nearest(SceneFile(path, **file), GRID)[0][0, 0])

    assert first(band=3) == 200 and first(band=6) == 500
    assert first(names=("B04", "red")) == 200, "whatever the case"
    for file in ({}, {"names": ("B11",)}, {"band": 7}):
        with pytest.raises(UnusableScene, match="has 6 bands"):
            first(**file)
    alone = write_tif(tmp_path / "b.tif", VALUES)
    assert read_nearest(SceneFile(alone, names=("B11",)), GRID) is not None
    with pytest.raises(UnusableScene, match="nothing says which is B11"):
        read_nearest(SceneFile(alone, names=("B11",), named=True), GRID)


@pytest.mark.parametrize("interleave", ["pixel", "band"])
def test_each_band_has_its_own_no_data_and_blocks(tmp_path, interleave):
    path = write(tmp_path / "a.tif", [VALUES, VALUES + 1], nodata=3, interleave=interleave)
    np.testing.assert_array_equal(known(path, band=2), VALUES + 1 != 3)


def test_a_file_in_the_sensors_geometry_says_what_to_do(tmp_path):
    path = tmp_path / "grd.tif"
    points = [
        rasterio.control.GroundControlPoint(row, col, 3 + col / 100, 50 - row / 100) for row in (0, 4) for col in (0, 6)
    ]
    with rasterio.open(
        path, "w", driver="GTiff", height=4, width=6, count=1, dtype="uint16", gcps=points, crs="EPSG:4326"
    ) as target:
        target.write(VALUES, 1)
    with pytest.raises(UnusableScene, match="4 control points alone") as caught:
        known(str(path), stored_as="floats")
    assert "sentinel1_rtc" in caught.value.remedy and "restore the file" not in caught.value.remedy


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (Place(crs="EPSG:32632"), "the item says EPSG:32632"),
        (Place(crs="EPSG:99999"), "PROJ does not know"),
        (Place(corner=(WEST + 60, NORTH, 10)), "its corner is 500000, 5600000, and the item says 500060"),
        (Place(corner=(WEST, NORTH, 20)), "its pixels are 10 wide, and the item says 20"),
        (Place(box=(10, 50, 11, 51)), "outside its item's footprint"),
    ],
)
def test_a_file_that_lies_elsewhere_than_its_item_says_is_refused(tmp_path, place, says):
    path = write_tif(tmp_path / "a.tif", VALUES)
    with pytest.raises(UnusableScene, match=says):
        known(path, place=place)


@pytest.mark.parametrize(
    "place",
    [
        Place("EPSG:32631", (WEST, NORTH, 10), (2.9, 50.4, 3.1, 50.6)),
        Place(corner=(WEST + 5, NORTH - 5, 10)),  # the centre of the first pixel
        Place(box=(362.9, 50.4, 363.1, 50.6)),
        Place(box=(3.0, 50.5499, 3.0001, 50.55)),  # what the scene covers of its file
    ],
)
def test_a_file_that_lies_where_its_item_says_is_read(tmp_path, place):
    assert known(write_tif(tmp_path / "a.tif", VALUES), place=place).all()


@pytest.mark.parametrize("west", [-180, 0])
def test_rasters_that_count_longitude_from_0_to_360_lie_where_others_do(tmp_path, west):
    longitudes = np.broadcast_to((np.arange(720) * 0.5 + west + 180.25) % 360 - 180, (360, 720)).astype(np.float32)
    path = write_tif(tmp_path / "a.tif", longitudes, Affine(0.5, 0, west, 0, -0.5, 90), "EPSG:4326")
    for zone, centre in ((31, 3), (1, -177), (60, 177), (19, -69)):
        grid = Grid(f"EPSG:326{zone:02d}", Affine(50_000, 0, 400_000, 0, -50_000, 5_600_000), 4, 4)
        found = read_nearest(SceneFile(path), grid)
        assert found is not None and found[1].all()
        assert abs(found[0] - centre).max() < 2.5
        window = Places(grid).nearest(read_header(SceneFile(path), grid).lattice).window
        assert window[3] < 20, "no more is read than is needed"


def test_an_error_of_a_scene_crosses_process_boundaries():
    import pickle

    for error in (UnusableScene("a", "b", "c", "d"), UnreadableFile("a", "b", transient=True)):
        back = pickle.loads(pickle.dumps(error))
        assert (str(back), back.transient, back.remedy) == (str(error), error.transient, error.remedy)


def test_overviews_have_the_numbers_of_their_file(tmp_path):
    path = write(
        tmp_path / "a.tif", [np.full((256, 256), 123, np.int16)], scale=(0.1, 0.0), nodata=-9999,
        tiled=True, blockxsize=64, blockysize=64,
    )  # fmt: skip
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2, 4], rasterio.enums.Resampling.average)
    coarse = Grid(CRS, lattice(step=4 * STEP), 64, 64)
    file = SceneFile(path, assumed=("scale", "offset"))
    header = read_header(file, coarse)
    assert (header.level, header.scale, header.nodata) == (1, 0.1, -9999)
    assert value_of(file, coarse) == pytest.approx(12.3)


@pytest.mark.parametrize(
    ("tag", "file", "read"),
    [
        (0, {}, True),
        (0, {"nodata": 0}, True),
        (0, {"usual_nodata": 0}, True),
        (None, {"nodata": 0}, False),
        (None, {"usual_nodata": 0}, False),
        (0, {"nodata": 9999}, False),
        (0, {"unobserved": 0}, False),
        (None, {}, True),
    ],
)
def test_overviews_are_read_only_where_no_fill_is_averaged_into_them(tmp_path, tag, file, read):
    values = np.tile(np.array([[0, 2000], [2000, 0]], np.uint16), (64, 64))
    path = write_tif(tmp_path / "a.tif", values, nodata=tag, block=64)
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2], rasterio.enums.Resampling.average)
    coarse = Grid(CRS, lattice(step=2 * STEP), 64, 64)
    assert (read_header(SceneFile(path, **file), coarse).level is not None) == read


def test_a_tag_that_the_type_cannot_hold_is_refused(tmp_path):
    path = write_tif(tmp_path / "a.tif", VALUES, nodata=9999)
    content = (tmp_path / "a.tif").read_bytes()
    assert content.count(b"9999\0") == 1
    (tmp_path / "a.tif").write_bytes(content.replace(b"9999\0", b"-999\0"))
    with rasterio.open(path) as source:
        assert source.nodata is None, "as if nothing were tagged"
    with pytest.raises(UnusableScene, match="no data is -999 by its own tag, which uint16 cannot hold"):
        known(path)
    np.testing.assert_array_equal(known(path, nodata=5), VALUES != 5, "the item says another")


@pytest.mark.parametrize("ending", [".msk", ".aux.xml"])
def test_files_beside_a_file_that_say_what_is_data_are_not_passed_over(tmp_path, ending):
    path = write_tif(tmp_path / "a.tif", VALUES)
    beside, band = tmp_path / f"a.tif{ending}", "<PAMDataset><PAMRasterBand band='1'>{}</PAMRasterBand></PAMDataset>"
    with gdal_environment():
        beside.write_text(band.format("<NoDataValue>7</NoDataValue>"))
        with pytest.raises(UnusableScene, match="beside it"):
            known(path)
        if ending == ".aux.xml":
            np.testing.assert_array_equal(known(path, nodata=3), VALUES != 3, "the item goes before")
            beside.write_text(band.format("<Metadata><MDI key='STATISTICS_MEAN'>7</MDI></Metadata><Scale>1</Scale>"))
            assert known(path).all(), "nothing that the file does not say"
            tagged = write_tif(tmp_path / "b.tif", VALUES, nodata=7)
            (tmp_path / "b.tif.aux.xml").write_text(band.format("<NoDataValue>7</NoDataValue>"))
            np.testing.assert_array_equal(known(tagged), VALUES != 7, "the same is said twice")


@pytest.mark.parametrize(
    ("scale", "offset", "says"), [(1e-4, -0.1, "and offset 0$"), (0.0, 0.0, None), (-1.0, 0, "scale -1")]
)
def test_tags_that_contradict_the_item_or_cannot_be_are_refused(tmp_path, scale, offset, says):
    path = write(tmp_path / "a.tif", [VALUES], scale=(scale, offset))
    with pytest.raises(UnusableScene, match=re.compile(says or "own tags", re.MULTILINE)):
        known(path, scale=1e-4, offset=0.0, assumed=("scale",))
    if offset:
        assert known(path, scale=1e-4, offset=-0.1, assumed=("scale",)).all()


def test_unobserved_is_a_physical_value(tmp_path):
    stored = write_tif(tmp_path / "a.tif", np.where(VALUES > 5, VALUES + 100, 100).astype(np.int16))
    np.testing.assert_array_equal(known(stored, scale=0.1, offset=-10.0, unobserved=0), VALUES > 5)


def test_other_names_of_the_same_map_are_the_same(tmp_path):
    assert known(write_tif(tmp_path / "a.tif", VALUES), place=Place(crs="EPSG:25831")).all()


@pytest.mark.parametrize("number", [-3.4028235e38, -3.40282347e38])
def test_decimals_of_the_largest_number_are_that_number(tmp_path, number):
    values = np.where(VALUES > 5, VALUES, np.finfo(np.float32).min).astype(np.float32)
    np.testing.assert_array_equal(known(write_tif(tmp_path / "a.tif", values), nodata=number), VALUES > 5)


def test_a_scale_tag_without_an_offset_tag_leaves_the_offset_as_it_is(tmp_path):
    path = write(tmp_path / "a.tif", [np.full(SHAPE, 2000, np.uint16)], scale=(1e-4, 0.0))
    assert value_of(SceneFile(path, 1e-4, -0.1, assumed=("scale",))) == pytest.approx(0.1)
    landsat = write(tmp_path / "b.tif", [np.full(SHAPE, 20_000, np.uint16)], scale=(2.75e-5, 0.0))
    assert value_of(SceneFile(landsat, 2.75e-5, -0.2, assumed=("scale", "offset"))) == pytest.approx(0.35)
    other = write(tmp_path / "c.tif", [np.full(SHAPE, 2000, np.uint16)], scale=(1e-4, 0.0))
    assert value_of(SceneFile(other, 2.75e-5, -0.2, assumed=("scale", "offset"))) == pytest.approx(0.2)


def test_an_offset_tag_goes_with_its_scale_tag(tmp_path):
    path = write(tmp_path / "a.tif", [VALUES], scale=(0.1, 5.0))
    with pytest.raises(UnusableScene, match=r"tags say scale 0\.1 and offset 5"):
        known(path, scale=1.0, assumed=("offset",))
    assert value_of(SceneFile(path, 0.1, assumed=("offset",))) == 5.0


def test_a_tag_that_single_precision_cannot_hold_stands_for_all_fill(tmp_path):
    values = VALUES.astype(np.float32)
    values[0, 0], values[0, 1] = -np.inf, np.finfo(np.float32).min
    path = Path(write_tif(tmp_path / "a.tif", values, nodata=-1.797e30))
    path.write_bytes(path.read_bytes().replace(b"-1.797e+30", b"-1.79e+308"))
    np.testing.assert_array_equal(known(str(path)), np.isfinite(values) & (values > -1e30))
