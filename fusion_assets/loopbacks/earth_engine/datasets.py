"""Which Earth Engine collections the service has, and under what names a STAC archive holds them. Only tables.

The tables are the service's own: they are written from the data sets' public pages and share nothing with the
package that is tested.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field


@dataclass(frozen=True)
class DatasetBand:
    """A band on Earth Engine and the spellings of its STAC asset; `classes` have a mode pyramid.

    `nodata` is masked where neither item nor file says otherwise; `unmasked` bands have no masked number at all. Where
    an item has no such asset, the band is there and all masked if it has one of `empty_like`, else it is not there.
    """

    name: str
    assets: tuple[str, ...]
    classes: bool = False
    nodata: float | None = None
    unmasked: bool = False
    empty_like: tuple[str, ...] = ()


@dataclass(frozen=True)
class Dataset:
    """An image collection.

    Attributes:
        stac: collection ids it is served from, all that there are.
        bands: in Earth Engine's order.
        harmonised: Sentinel-2 numbers are brought to the range before processing baseline 04.00.
        sentinel2: items get Sentinel-2's properties.
        sentinel1: items get Sentinel-1's properties.
        landsat: number of the satellite whose items of tier 1 it has, with Landsat's properties; 0: no Landsat.
        years: first and last year in which its images begin.
        epoch: images are also found under their year, as `<collection>/2015`.
        gaps: bands that are all 0 between two days.
    """

    stac: tuple[str, ...]
    bands: tuple[DatasetBand, ...]
    title: str = ""
    harmonised: bool = False
    sentinel2: bool = False
    sentinel1: bool = False
    landsat: int = 0
    years: tuple[int, int] = (0, 9999)
    epoch: bool = False
    gaps: dict[str, tuple[dt.date, dt.date]] = field(default_factory=dict)


_COLOURS = {
    "B1": ("coastal", "B01"),
    "B2": ("blue", "B02"),
    "B3": ("green", "B03"),
    "B4": ("red", "B04"),
    "B5": ("rededge1", "B05"),
    "B6": ("rededge2", "B06"),
    "B7": ("rededge3", "B07"),
    "B8": ("nir", "B08"),
    "B8A": ("nir08",),
    "B9": ("nir09", "B09"),
    "B10": ("cirrus",),
    "B11": ("swir16",),
    "B12": ("swir22",),
}
_OPTICS = tuple(DatasetBand(name, (*other, name), nodata=0) for name, other in _COLOURS.items())
_SCL = DatasetBand("SCL", ("scl", "SCL"), classes=True, nodata=0)
_QA60 = DatasetBand("QA60", ("qa60", "QA60"), classes=True, unmasked=True)
_NO_QA60 = {"QA60": (dt.date(2022, 1, 25), dt.date(2024, 2, 28))}
_L2A_BANDS = (*(band for band in _OPTICS if band.name != "B10"), _SCL, _QA60)
_L1C, _L2A = ("sentinel-2-l1c",), ("sentinel-2-l2a", "sentinel-2-c1-l2a")
_SMOD = (DatasetBand("smod_code", ("smod_code", "smod", "data"), classes=True),)
_SMOD_V2 = (DatasetBand("smod_code", ("smod_code", "smod", "data"), classes=True, nodata=-200),)
_SMOD_V2_IDS = ("ghsl-smod-v2", "ghsl-smod")
_REFLECTANCE = ("coastal", "blue", "green", "red", "nir08", "swir16", "swir22")
_LANDSAT = (
    *(
        DatasetBand(f"SR_B{number}", (colour, f"SR_B{number}"), nodata=0)
        for number, colour in enumerate(_REFLECTANCE, 1)
    ),
    DatasetBand("ST_B10", ("lwir11", "ST_B10"), nodata=0, empty_like=("coastal", "SR_B1", "blue", "SR_B2")),
    DatasetBand("QA_PIXEL", ("qa_pixel", "QA_PIXEL"), classes=True, nodata=1),
    DatasetBand("QA_RADSAT", ("qa_radsat", "QA_RADSAT"), classes=True, unmasked=True),
)
_LANDSAT_IDS = ("landsat-c2-l2", "landsat-c2l2-sr")
_ANNUAL = (
    DatasetBand("average", ("average", "avg_rad")),
    DatasetBand("average_masked", ("average_masked",)),
    DatasetBand("cf_cvg", ("cf_cvg", "cf_cvg_masked"), unmasked=True),
)

DATASETS: dict[str, Dataset] = {
    "COPERNICUS/S2": Dataset(_L1C, (*_OPTICS, _QA60), "Sentinel-2 L1C", sentinel2=True, gaps=_NO_QA60),
    "COPERNICUS/S2_HARMONIZED": Dataset(
        _L1C, (*_OPTICS, _QA60), "Harmonized Sentinel-2 L1C", harmonised=True, sentinel2=True, gaps=_NO_QA60
    ),
    "COPERNICUS/S2_SR": Dataset(_L2A, _L2A_BANDS, "Sentinel-2 L2A", sentinel2=True, gaps=_NO_QA60),
    "COPERNICUS/S2_SR_HARMONIZED": Dataset(
        _L2A, _L2A_BANDS, "Harmonized Sentinel-2 L2A", harmonised=True, sentinel2=True, gaps=_NO_QA60
    ),
    "NOAA/VIIRS/DNB/MONTHLY_V1/VCMSLCFG": Dataset(
        ("viirs-dnb-monthly",),
        (DatasetBand("avg_rad", ("avg_rad",)), DatasetBand("cf_cvg", ("cf_cvg",), unmasked=True)),
        "VIIRS stray-light corrected monthly composites",
    ),
    "NOAA/VIIRS/DNB/ANNUAL_V21": Dataset(
        ("viirs-dnb-annual",), _ANNUAL, "VIIRS annual composites V2.1", epoch=True, years=(0, 2021)
    ),
    "NOAA/VIIRS/DNB/ANNUAL_V22": Dataset(
        ("viirs-dnb-annual",), _ANNUAL, "VIIRS annual composites V2.2", epoch=True, years=(2022, 9999)
    ),
    "LANDSAT/LC08/C02/T1_L2": Dataset(_LANDSAT_IDS, _LANDSAT, "Landsat 8 level 2, tier 1", landsat=8),
    "LANDSAT/LC09/C02/T1_L2": Dataset(_LANDSAT_IDS, _LANDSAT, "Landsat 9 level 2, tier 1", landsat=9),
    "JRC/GHSL/P2016/SMOD_POP_GLOBE_V1": Dataset(("ghsl-smod-p2016",), _SMOD, "GHSL settlement 2016", epoch=True),
    "JRC/GHSL/P2023A/GHS_SMOD": Dataset(_SMOD_V2_IDS, _SMOD_V2, "GHSL degree of urbanisation", epoch=True),
    "JRC/GHSL/P2023A/GHS_SMOD_V2-0": Dataset(_SMOD_V2_IDS, _SMOD_V2, "GHSL degree of urbanisation", epoch=True),
    "JRC/GHSL/P2023A/GHS_BUILT_S": Dataset(
        ("ghsl-built-surface", "ghsl"),
        (DatasetBand("built_surface", ("built_surface", "built-surface", "data")),),
        "GHSL built-up surface",
        epoch=True,
    ),
    "ESA/WorldCover/v200": Dataset(
        ("land-cover", "io-lulc-annual-v02", "esa-worldcover"),
        (DatasetBand("Map", ("map", "lulc", "land_cover", "data"), classes=True, nodata=0),),
        "Land cover",
    ),
    "COPERNICUS/CORINE/V20/100m": Dataset(
        ("corine", "corine-land-cover"),
        (DatasetBand("landcover", ("corine", "landcover", "clc", "data"), classes=True, nodata=0),),
        "CORINE land cover",
        epoch=True,
    ),
    "COPERNICUS/S1_GRD": Dataset(
        ("sentinel-1-grd",),
        (DatasetBand("VV", ("vv", "VV")), DatasetBand("VH", ("vh", "VH")), DatasetBand("angle", ("angle",))),
        "Sentinel-1 GRD",
        sentinel1=True,
    ),
    "GOOGLE/SATELLITE_EMBEDDING/V1/ANNUAL": Dataset(
        ("satellite-embedding-v1-annual", "alphaearth-foundations"),
        tuple(DatasetBand(name, (name, name.lower())) for name in (f"A{number:02d}" for number in range(64))),
        "Satellite Embedding V1",
        years=(2017, 9999),
    ),
}
CLOUD_SCORE_PLUS = "GOOGLE/CLOUD_SCORE_PLUS/V1/S2_HARMONIZED"
# Made up from the masks: a clear observation scores 0.9, any other 0.1.
CLEAR_SCORE, CLOUDY_SCORE = 0.9, 0.1
CLEAR_CLASSES = (2, 4, 5, 6, 7, 11)
CLOUD_BITS = (1 << 10) | (1 << 11)
