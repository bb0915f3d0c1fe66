"""What publishers' file names say."""

import datetime as dt

import pytest

from fusion_assets.errors import FusionError
from fusion_assets.imagery.file_catalogs.names import said

_YEAR = {year: (dt.date(year, 1, 1), dt.date(year, 12, 31)) for year in range(2010, 2031)}


@pytest.mark.parametrize(
    ("product", "name", "asset", "days"),
    [
        ("viirs_annual", "VNL_v2_npp_2019_global_vcmslcfg_c202102150000.average.tif", "average", _YEAR[2019]),
        ("viirs_annual", "VNL_v21_npp_2019_global_vcmslcfg_c202205302300.average.dat.tif", "average", _YEAR[2019]),
        (
            "viirs_annual",
            "VNL_v22_npp-j01_2022_global_vcmslcfg_c202303062300.average_masked.dat.tif",
            "average_masked",
            _YEAR[2022],
        ),
        ("viirs_annual", "VNL_v22_npp-j01_2022_global_vcmslcfg_c202303062300.cf_cvg.dat.tif", "cf_cvg", _YEAR[2022]),
        (
            "viirs_annual",
            "VNL_v21_npp_201204-201303_global_vcmcfg_c202205302300.average.dat.tif",
            "average",
            (dt.date(2012, 4, 1), dt.date(2013, 3, 31)),
        ),
        (
            "viirs_annual",
            "SVDNB_npp_20150101-20151231_75N060W_vcm-orm-ntl_v10_c201701311200.avg_rade9.tif",
            "avg_rad",
            _YEAR[2015],
        ),
        (
            "viirs_monthly",
            "SVDNB_npp_20200201-20200229_75N060E_vcmslcfg_v10_c202003101200.avg_rade9h.tif",
            "avg_rad",
            (dt.date(2020, 2, 1), dt.date(2020, 2, 29)),
        ),
        (
            "viirs_monthly",
            "SVDNB_j01_20230101-20230131_global_vcmcfg_v10_c202302091200.cf_cvg.tif",
            "cf_cvg",
            (dt.date(2023, 1, 1), dt.date(2023, 1, 31)),
        ),
        (
            "ghsl_built_surface",
            "GHS_BUILT_S_E2020_GLOBE_R2023A_54009_100_V1_0_R5_C19.tif",
            "built_surface",
            _YEAR[2020],
        ),
        ("ghsl_built_surface", "GHS_BUILT_S_E2018_GLOBE_R2023A_54009_10_V1_0.tif", "built_surface", _YEAR[2018]),
        ("ghsl_built_surface", "GHS_BUILT_S_P2030LIN_GLOBE_R2022A_54009_1000_V1_0.tif", "built_surface", _YEAR[2030]),
        ("ghsl_smod_v2", "GHS_SMOD_E2020_GLOBE_R2023A_54009_1000_V2_0.tif", "smod_code", _YEAR[2020]),
        ("ghsl_smod_v2", "GHS_SMOD_POP2015_GLOBE_R2019A_54009_1K_V2_0_18_5.tif", "smod_code", _YEAR[2015]),
        ("ghsl_smod_p2016", "GHS_SMOD_POP2015_GLOBE_R2016A_54009_1k_v1_0.tif", "smod_code", _YEAR[2015]),
        ("land_cover", "ESA_WorldCover_10m_2021_v200_N00E036_Map.tif", "lulc", _YEAR[2021]),
        ("land_cover", "37M_20200101-20210101.tif", "lulc", _YEAR[2020]),
        (
            "landsat_c2_l2",
            "LC08_L2SP_015032_20200315_20200822_02_T1_SR_B4.TIF",
            "SR_B4",
            (dt.date(2020, 3, 15), dt.date(2020, 3, 15)),
        ),
        (
            "landsat_c2_l2",
            "LC09_L2SR_015032_20220315_20220822_02_T1_QA_RADSAT.TIF",
            "QA_RADSAT",
            (dt.date(2022, 3, 15), dt.date(2022, 3, 15)),
        ),
        (
            "sentinel2_l2a",
            "T31UFS_20190411T105621_B04_10m.jp2",
            "B04_10m",
            (dt.date(2019, 4, 11), dt.date(2019, 4, 11)),
        ),
    ],
)
def test_publishers_names_say_layer_and_time(product, name, asset, days):
    name = said(product, name)
    assert (name.asset, name.first, name.last) == (asset, *days)


def test_layers_of_one_scene_share_an_item():
    names = [f"VNL_v21_npp_2019_global_vcmslcfg_c202205302300.{layer}.dat.tif" for layer in ("average", "cf_cvg")]
    assert len({said("viirs_annual", name).item for name in names}) == 1
    tiles = [f"T31UFS_20190411T105621_{band}_10m.jp2" for band in ("B02", "B04")]
    assert {said("sentinel2_l2a", name).item for name in tiles} == {"T31UFS_20190411T105621"}


def test_names_say_projection_and_pixels():
    name = said("ghsl_built_surface", "GHS_BUILT_S_E2020_GLOBE_R2023A_54009_100_V1_0.tif")
    assert (name.crs, name.cell) == ("ESRI:54009", 100)
    name = said("ghsl_built_surface", "GHS_BUILT_S_E2020_GLOBE_R2023A_4326_3ss_V1_0.tif")
    assert (name.crs, name.cell) == ("EPSG:4326", 3 / 3600)


@pytest.mark.parametrize(
    ("product", "name", "words"),
    [
        ("ghsl_built_surface", "GHS_BUILT_S_NRES_E2020_GLOBE_R2023A_54009_100_V1_0.tif", "not residential"),
        ("ghsl_built_surface", "GHS_BUILT_LDS2014_GLOBE_R2018A_54009_1K_V2_0.tif", "before R2022A"),
        ("ghsl_smod_v2", "GHS_POP_E2020_GLOBE_R2023A_54009_100_V1_0.tif", "another layer"),
        ("viirs_annual", "VNL_v21_npp_2019_global_vcmslcfg_c202205302300.lit_mask.dat.tif", "nothing here reads"),
        ("landsat_c2_l2", "LC08_L2SP_015032_20200315_20200822_02_T2_SR_B4.TIF", "another tier"),
        ("landsat_c2_l2", "LE07_L2SP_015032_20200315_20200822_02_T1_SR_B4.TIF", "a satellite or collection"),
        ("landsat_c2_l2", "LC08_L1TP_015032_20200315_20200822_02_T1_B4.TIF", "of level 1"),
        ("landsat_c2_l2", "LC08_L2SP_015032_20200315_20200822_02_T1_ST_QA.TIF", "nothing here reads"),
        ("landsat_c2_l2", "LC08_L2SP_015032_20200315_20200822_02_T1_SR_QA_AEROSOL.TIF", "nothing here reads"),
        ("viirs_annual", "lights.tif", "does not say the time and layer"),
        ("land_cover", "lulc.tif", "does not say the time of"),
    ],
)
def test_other_names_are_refused(product, name, words):
    with pytest.raises(FusionError, match=words):
        said(product, name)


def test_people_say_what_a_name_does_not():
    name = said("viirs_annual", "lights of 2019.tif", asset="average", days=_YEAR[2019])
    assert (name.asset, name.first, name.last) == ("average", *_YEAR[2019])
