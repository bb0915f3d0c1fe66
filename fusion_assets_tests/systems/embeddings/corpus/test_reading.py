"""Patches of an archive: the source's own numbers, and refusal of whatever would have to be resampled."""

import numpy as np
import pytest

from fusion_assets.systems.embeddings.corpus.layout import NO_ECHO, Layout
from fusion_assets.systems.embeddings.corpus.reading import UnfitPatch, decibel_steps, decibels, reflectance
from fusion_assets.systems.embeddings.sensors import OPTICS
from fusion_assets_tests.imagery.archives import noise
from fusion_assets_tests.systems.embeddings.corpus.small_archive import (
    EDGE,
    LAYOUT,
    NORTH,
    SIZE,
    WEST,
    archive_reader,
    optics_item,
    plan_row,
    radar_item,
    values_of,
    write_file,
)


def cut(values, patch, metres):
    """The patch's part of a whole scene."""
    row, column = divmod(patch, EDGE // SIZE)
    edge = SIZE * 10 // metres
    return values[row * edge : (row + 1) * edge, column * edge : (column + 1) * edge]


@pytest.mark.parametrize("patch", [0, 8, 35])
@pytest.mark.parametrize("product", ["sentinel2_l2a", "sentinel2_l1c"])
def test_optics_equals_the_source_bit_for_bit(tmp_path, patch, product):
    layout = Layout(SIZE, product)
    found = archive_reader(tmp_path, layout, optics=optics_item(tmp_path, bands=OPTICS[product]))(plan_row(patch))
    for part in layout.parts:
        for number, band in enumerate(part.bands if part.name != "radar" else ()):
            np.testing.assert_array_equal(found.arrays[part.name][number], cut(values_of(band), patch, part.metres))
    if product == "sentinel2_l2a":
        np.testing.assert_array_equal(found.arrays["scl"], cut(values_of("scl"), patch, 20))


@pytest.mark.parametrize(("baseline", "offset"), [("03.01", 0.0), ("05.09", -0.1)])
def test_a_shifted_source_keeps_its_numbers_and_says_its_offset(tmp_path, baseline, offset):
    item = optics_item(tmp_path, properties={"s2:processing_baseline": baseline})
    found = archive_reader(tmp_path, optics=item)(plan_row(3))
    assert found.offset == pytest.approx(offset)
    np.testing.assert_array_equal(found.arrays["b10"][0], cut(values_of("B02"), 3, 10))
    values = reflectance(found.arrays["b10"], found.offset)
    assert values[0, 0, 0] == pytest.approx(found.arrays["b10"][0, 0, 0] * 1e-4 + offset, abs=1e-6)


def test_linear_radar_becomes_hundredths_of_decibels(tmp_path):
    values = values_of("vv")
    values[0, :3] = np.nan, 0, -0.1
    found = archive_reader(tmp_path, radar=radar_item(tmp_path, vv=write_file(tmp_path, "vv", values)))(plan_row(0))
    echo = decibels(found.arrays["radar"])
    assert np.isnan(echo[0, 0, :3]).all() and np.isfinite(echo[0]).sum() == SIZE**2 - 3
    np.testing.assert_allclose(echo[1], 10 * np.log10(cut(values_of("vh"), 0, 10)), atol=0.00501)


def test_radar_in_decibels_is_taken_as_it_is(tmp_path):
    values = (10 * np.log10(values_of("vv"))).astype(np.float32)
    radar = radar_item(tmp_path, **{name: write_file(tmp_path, name, values) for name in ("vv", "vh")})
    found = archive_reader(tmp_path, Layout(SIZE, radar="sentinel1_grd"), radar=radar)(plan_row(1))
    np.testing.assert_allclose(decibels(found.arrays["radar"])[0], cut(values, 1, 10), atol=0.00501)
    with pytest.raises(UnfitPatch, match="half of the backscatter"):  # the same numbers under the other product
        archive_reader(tmp_path, radar=radar)(plan_row(1))


def test_what_no_ground_sends_back_is_no_data():
    steps = decibel_steps(np.array([[-10.0, 400.0, -12.345]]), np.ones((1, 3), bool), "dB", "here")
    assert steps.tolist() == [[-1000, NO_ECHO, -1234]] or steps.tolist() == [[-1000, NO_ECHO, -1235]]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"epsg": 32632}, r"optics \(.*\) lies in EPSG:32631"),
        ({"x": float(WEST + 10)}, "begins at x = 499990 m"),
        ({"x": float(WEST - 60)}, "the patch leaves optics"),
        ({"y": float(NORTH - EDGE * 10 + 60)}, "the patch leaves optics"),
        ({"optics": "another"}, "has no item another"),
    ],
)
def test_patches_that_do_not_fit_are_refused_by_name(tmp_path, changes, told):
    with pytest.raises(UnfitPatch, match=told):
        archive_reader(tmp_path)(plan_row(0, **changes))


def radar_with(band, **how):
    return lambda root: {"radar": radar_item(root, **{band: write_file(root, band, **how)})}


def changed(band, **how):
    return lambda root: {"optics": optics_item(root, **{band: write_file(root, band, **how)})}


@pytest.mark.parametrize(
    ("items", "told"),
    [
        (changed("B04", west=WEST + 5), r"optics \(B04\) has pixel corners at 499985.000.*off those of the patch by"),
        (changed("B11", values=noise((EDGE, EDGE), 1), step=10), r"optics \(B11\) has pixels of 10 x 10 m"),
        (changed("B02", values=noise((EDGE, EDGE), 1, dtype=np.int16)), r"\(B02\) has numbers of the type int16"),
        (
            lambda root: {"radar": radar_item(root, vh=write_file(root, "vh", crs="EPSG:25831"))},
            r"radar \(VH\) lies in",
        ),
        (
            lambda root: {"radar": radar_item(root, vv=write_file(root, "vv", north=NORTH + 4))},
            r"radar \(VV\) has pixel",
        ),
    ],
)
def test_files_on_other_grids_or_of_other_numbers_are_refused_by_name(tmp_path, items, told):
    with pytest.raises(UnfitPatch, match=told):
        archive_reader(tmp_path, **items(tmp_path))(plan_row(0))


def test_a_part_of_the_bands_can_be_asked_for(tmp_path):
    layout = Layout(SIZE, bands=("B04", "B8A"))
    found = archive_reader(tmp_path, layout, optics=optics_item(tmp_path, bands=("B04", "B8A")))(plan_row(2))
    assert sorted(found.arrays) == ["b10", "b20", "radar", "scl"]
    np.testing.assert_array_equal(found.arrays["b20"][0], cut(values_of("B8A"), 2, 20))


def test_a_scene_without_a_band_is_refused_by_name(tmp_path):
    with pytest.raises(Exception, match="no asset for band B09"):
        archive_reader(tmp_path, optics=optics_item(tmp_path, bands=OPTICS["sentinel2_l2a"][:-1]))(plan_row(0))


def test_the_layout_says_what_is_read(tmp_path):
    found = archive_reader(tmp_path)(plan_row(0))
    assert {name: array.shape for name, array in found.arrays.items()} == {p.name: p.shape for p in LAYOUT.parts}
