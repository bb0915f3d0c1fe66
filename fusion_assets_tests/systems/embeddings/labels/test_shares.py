"""Shares of classes in patches: by area, over what is known, and never of numbers that mean something else."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import rasterio
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.placement import Place
from fusion_assets.imagery.scenes import SceneFile
from fusion_assets.systems.embeddings.labels import corine, land_cover
from fusion_assets.systems.embeddings.labels.corine_classes import LEVEL_1, LEVEL_2, LEVEL_3

EAST, NORTH = 600_000.0, 5_000_040.0


def raster(path, values, *, nodata=None, step=100.0, crs="EPSG:32632", west=EAST, north=NORTH):
    with rasterio.open(
        path, "w", driver="GTiff", height=values.shape[0], width=values.shape[1], count=1, dtype=values.dtype,
        crs=crs, transform=Affine(step, 0, west, 0, -step, north), nodata=nodata,
    ) as file:  # fmt: skip
        file.write(values, 1)
    return SceneFile(str(path))


def plan(*corners):
    x, y = zip(*corners, strict=True)
    return pd.DataFrame({"patch": range(7, 7 + len(x)), "epsg": 32632, "x": x, "y": y}, index=range(40, 40 + len(x)))


def test_shares_are_of_the_area_with_data(tmp_path):
    values = np.array([[211, 211, 0], [312, 523, 0]], np.int16)
    file = raster(tmp_path / "clc.tif", values, nodata=0)
    # 240 m: two whole cells of 100 m and 40 m of the third; a row of 140 m.
    table = corine.corine_labels(plan((EAST, NORTH), (EAST + 200, NORTH), (EAST + 9000, NORTH)), 24, [file])
    assert table["patch"].tolist() == [7, 8, 9]
    np.testing.assert_allclose(table["corine_valid"], [200 * 200 / 240**2, 0, 0], rtol=1e-6)
    shares = table.filter(regex=r"^corine_\d+$")
    assert shares.shape[1] == 44 and shares.loc[1:].isna().all(axis=None)
    np.testing.assert_allclose(
        table.loc[0, ["corine_211", "corine_312", "corine_523"]].astype(float), [0.5, 0.25, 0.25]
    )
    assert shares.loc[0].sum() == pytest.approx(1)
    assert table["corine_set"].tolist() == ["211 312 523", "", ""]


def test_grid_codes_are_the_same_classes(tmp_path):
    codes = np.array(list(LEVEL_3), np.int16).reshape(4, 11)
    stored = raster(tmp_path / "codes.tif", codes)
    grid = raster(tmp_path / "grid.tif", np.arange(1, 45, dtype=np.int8).reshape(4, 11), nodata=-128)
    places = plan((EAST, NORTH), (EAST + 480, NORTH - 60))
    tables = [corine.corine_labels(places, 36, [file], 0) for file in (stored, grid)]
    pd.testing.assert_frame_equal(*tables)
    # Files of both kinds may lie beside each other.
    eastern = raster(tmp_path / "east.tif", codes[:, 6:], west=EAST + 600)
    western = raster(tmp_path / "west.tif", np.arange(1, 45, dtype=np.int8).reshape(4, 11)[:, :6])
    pd.testing.assert_frame_equal(corine.corine_labels(places, 36, [western, eastern], 0), tables[0])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([[1, 211]], "mixes grid codes and codes: 1 and 211"),
        ([[10, 20, 95, 100]], "holds 95, 100"),
        ([[211, 210]], "holds 210"),
        ([[45]], "holds 45"),
    ],
)
def test_numbers_that_are_not_corine_are_refused(values, said, tmp_path):
    file = raster(tmp_path / "other.tif", np.array(values, np.uint8), step=240)
    with pytest.raises(FusionError, match=said):
        corine.corine_labels(plan((EAST, NORTH)), 24 * len(values[0]), [file])


def test_numbers_that_mean_nothing_are_counted(tmp_path):
    for number, (values, kind) in enumerate(
        [([[48, 2], [50, 2]], np.uint8), ([[999, 112], [990, 112]], np.int16), ([[255, 2], [-128, 2]], np.int16)]
    ):
        file = raster(tmp_path / f"{number}.tif", np.array(values, kind), step=120)
        table = corine.corine_labels(plan((EAST, NORTH)), 24, [file])
        assert table.loc[0, ["corine_valid", "corine_112", "corine_set"]].tolist() == [0.5, 1, "112"]


def test_a_raster_in_another_projection_is_met_at_the_pixels(tmp_path):
    x, y = rasterio.warp.transform("EPSG:32632", "EPSG:3035", [EAST + 120], [NORTH - 120])
    corner = 100 * np.round(np.array([x[0] - 500, y[0] + 500]) / 100)
    values = np.tile(np.array([[2], [12]], np.int8), (5, 10))
    file = raster(tmp_path / "laea.tif", values, crs="EPSG:3035", west=corner[0], north=corner[1])
    table = corine.corine_labels(plan((EAST, NORTH)), 24, [file])
    assert table.loc[0, "corine_valid"] == 1
    # Stripes of 100 m: each class has between a sixth and five sixths of 240 m, and the two are all there is.
    assert table.loc[0, "corine_112"] + table.loc[0, "corine_211"] == pytest.approx(1)
    assert 1 / 6 < table.loc[0, "corine_112"] < 5 / 6


def test_the_set_has_what_reaches_the_least_share(tmp_path):
    values = np.full((10, 10), 23, np.uint8)
    values[0, :5], values[1, :4] = 1, 2
    file = raster(tmp_path / "clc.tif", values)
    sets = {
        least: corine.corine_labels(plan((EAST, NORTH)), 100, [file], least).loc[0, "corine_set"]
        for least in (0, 0.05, 0.06)
    }
    assert sets == {0: "111 112 311", 0.05: "111 311", 0.06: "311"}
    with pytest.raises(FusionError, match="least share"):
        corine.corine_labels(plan((EAST, NORTH)), 100, [file], 5)


def test_levels_add_up(tmp_path):
    file = raster(tmp_path / "clc.tif", np.array([[111, 112, 141, 523]], np.int16), step=60)
    table = corine.corine_labels(plan((EAST, NORTH), (EAST + 9000, NORTH)), 24, [file], 0)
    first, second = corine.at_level(table, 1), corine.at_level(table, 2)
    assert first.loc[0].tolist() == pytest.approx([0.75, 0, 0, 0, 0.25])
    assert second.loc[0, ["corine_11", "corine_14", "corine_52"]].tolist() == pytest.approx([0.5, 0.25, 0.25])
    assert first.loc[1].isna().all() and second.loc[1].isna().all()
    with pytest.raises(FusionError, match="level 3"):
        corine.at_level(table, 3)


def test_the_nomenclature_is_whole():
    assert len(LEVEL_3) == 44 and list(LEVEL_3) == sorted(LEVEL_3)
    assert {code // 10 for code in LEVEL_3} == set(LEVEL_2) and {code // 10 for code in LEVEL_2} == set(LEVEL_1)
    assert len({about.colour for about in LEVEL_3.values()}) == 44
    # Names as other data sets write them.
    assert corine.code_named("Transitional woodland/shrub") == 324
    assert corine.code_named("Beaches, dunes, sands") == 331
    with pytest.raises(FusionError, match="Woods"):
        corine.code_named("Woods")


def test_land_cover_has_the_classes_of_its_collection(tmp_path):
    file = raster(tmp_path / "cover.tif", np.array([[10, 10, 80, 0]], np.uint8), step=60)
    table = land_cover.land_cover_labels(plan((EAST, NORTH)), 24, [file], land_cover.legend_of("esa-worldcover"))
    assert table.loc[0, ["cover_valid", "cover_10", "cover_80"]].tolist() == pytest.approx([0.1875, 2 / 3, 1 / 3])
    assert table.loc[0, "cover_set"] == "10 80"
    with pytest.raises(FusionError, match="holds 80"):
        land_cover.land_cover_labels(plan((EAST, NORTH)), 24, [file], land_cover.legend_of("io-lulc-annual-v02"))
    with pytest.raises(FusionError, match="classes of the collection land-cover"):
        land_cover.legend_of("land-cover")


def test_shares_of_classes_are_no_classes(tmp_path):
    file = raster(tmp_path / "fraction.tif", np.array([[0.5, 10.0]], np.float32), step=120)
    with pytest.raises(FusionError, match="fractions"):
        land_cover.land_cover_labels(plan((EAST, NORTH)), 24, [file], land_cover.WORLDCOVER)
    whole = raster(tmp_path / "whole.tif", np.array([[40.0, np.nan]] * 2, np.float32), step=120)
    table = land_cover.land_cover_labels(plan((EAST, NORTH)), 24, [whole], land_cover.WORLDCOVER)
    assert table.loc[0, ["cover_valid", "cover_40"]].tolist() == [0.5, 1]


def test_only_files_near_a_patch_are_opened_and_the_first_is_believed(tmp_path):
    def placed(name, value, box):
        file = raster(tmp_path / name, np.full((3, 3), value, np.uint8))
        return replace(file, place=Place(box=box))

    here, far = (10.2, 45.1, 10.4, 45.2), (20.0, 45.1, 20.4, 45.2)
    files = [placed("first.tif", 10, here), placed("second.tif", 80, here), placed("far.tif", 255, far)]
    (tmp_path / "far.tif").unlink()
    table = land_cover.land_cover_labels(plan((EAST, NORTH)), 24, files, land_cover.WORLDCOVER)
    assert table.loc[0, "cover_10"] == 1
    # A file whose item is silent may lie anywhere.
    silent = placed("third.tif", 40, None)
    last = land_cover.land_cover_labels(plan((EAST, NORTH)), 24, [silent], land_cover.WORLDCOVER)
    assert last.loc[0, "cover_40"] == 1


def test_overviews_are_not_asked_what_a_class_covers(tmp_path):
    # A centre of 10 m lies on the edge of two columns of 2.5 m, and belongs to the eastern one.
    values = np.full((96, 96), 40, np.uint8)
    values[:, 2::4] = 80
    file = raster(tmp_path / "fine.tif", values, step=2.5)
    with rasterio.open(file.href, "r+") as opened:
        opened.build_overviews([2, 4], rasterio.enums.Resampling.mode)
    table = land_cover.land_cover_labels(plan((EAST, NORTH)), 24, [file], land_cover.WORLDCOVER)
    assert table.loc[0, "cover_80"] == 1
