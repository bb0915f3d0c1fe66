"""Every image collection this project reads, as data: one entry a product, nothing computed.

A recipe is changed here and nowhere else.

STAC spellings: Earth Search v1 names assets by colour (`red`, `scl`) and ESA's own files beside them `red-jp2`; the
Planetary Computer, Earth Search v0 and Digital Earth Africa use ESA's band names (`B04`, `SCL`), Copernicus Data Space
adds the pixel size (`B04_10m`, `B04_20m`). `Band.assets` lists every spelling, first match wins: native pixels before
resampled ones, GeoTIFF before JPEG 2000. Landsat goes by colour (`nir08`, `lwir11`) at the Planetary Computer, Earth
Search and USGS, and by USGS's own names (`SR_B5`, `ST_B10`) at Digital Earth Africa and in downloaded files.
"""

from __future__ import annotations

import datetime as dt

from fusion_assets.imagery.recipe import Band, Mask, OtherBand, Product

TRUE_COLOUR = ("B04", "B03", "B02")
"""Bands of every Sentinel-2 product that are red, green and blue."""
COLOUR_MAPS = {"avg_rad": "inferno", "VV": "gray"}
"""matplotlib's colours for bands that are looked at by themselves."""
_REFLECTANCE = (-0.05, 1.5)


def _sentinel2_band(name: str, colour: str, *pixels: str) -> Band:
    """A band of Sentinel-2; `pixels` are the sizes in which Copernicus Data Space has it, the native one first."""
    short = name.replace("B0", "B")
    sized = (f"{name}_{size}" for size in pixels)
    return Band(name, (colour, name, short, *sized, f"{colour}-jp2"), short, _REFLECTANCE)


_SENTINEL2 = (
    _sentinel2_band("B01", "coastal", "60m", "20m"),
    _sentinel2_band("B02", "blue", "10m", "20m", "60m"),
    _sentinel2_band("B03", "green", "10m", "20m", "60m"),
    _sentinel2_band("B04", "red", "10m", "20m", "60m"),
    _sentinel2_band("B05", "rededge1", "20m", "60m"),
    _sentinel2_band("B06", "rededge2", "20m", "60m"),
    _sentinel2_band("B07", "rededge3", "20m", "60m"),
    _sentinel2_band("B08", "nir", "10m"),
    _sentinel2_band("B8A", "nir08", "20m", "60m"),
    _sentinel2_band("B09", "nir09", "60m"),
    _sentinel2_band("B11", "swir16", "20m", "60m"),
    _sentinel2_band("B12", "swir22", "20m", "60m"),
)
_NBART = tuple(
    Band(name, (f"nbart_{word}",), name.replace("B0", "B"), _REFLECTANCE)
    for name, word in {
        "B01": "coastal_aerosol",
        "B02": "blue",
        "B03": "green",
        "B04": "red",
        "B05": "red_edge_1",
        "B06": "red_edge_2",
        "B07": "red_edge_3",
        "B08": "nir_1",
        "B8A": "nir_2",
        "B11": "swir_2",
        "B12": "swir_3",
    }.items()
)
_LANDSAT = tuple(
    Band(f"SR_B{number}", (colour, f"SR_B{number}"), f"SR_B{number}", _REFLECTANCE)
    for number, colour in enumerate(("coastal", "blue", "green", "red", "nir08", "swir16", "swir22"), 1)
)
_SURFACE_TEMPERATURE = OtherBand(
    "ST_B10", ("lwir11", "ST_B10"), "ST_B10", (180, 360), scale=0.00341802, offset=149.0, unit="K", level="L2SP"
)
_VISIBLE_TO_NIR = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A")
_RADIANCE = (Band("avg_rad", ("avg_rad", "average", "average_masked"), "avg_rad", (-1.5, 1e4)),)
_COVERAGE = OtherBand("cf_cvg", ("cf_cvg", "cf_cvg_masked"), "cf_cvg", (0, 1e5), unit="count")
_POLARISATIONS = ("VV", "VH")
_AXES = tuple(f"A{number:02d}" for number in range(64))
_CLOUD_FREE_COVERAGE = Mask("positive", ("cf_cvg", "cf_cvg_masked"), "cf_cvg", optional=True)
_QA60_GAP = (
    dt.date(2022, 1, 25),
    dt.date(2024, 2, 29),
    "QA60 is empty from February 2022 to February 2024; use Cloud Score+ on Earth Engine "
    "(`mask: {cloud_score: 0.6}`), the L2A product with its SCL classes, or `mask: none`",
)

PRODUCTS: dict[str, Product] = {
    "sentinel2_l2a": Product(
        title="Sentinel-2 level 2A surface reflectance",
        role="sentinel2",
        collections=(
            "sentinel-2-l2a",
            "sentinel-2-c1-l2a",
            "sentinel-2-pre-c1-l2a",
            # Earth Search's version 0, GeoTIFF before JPEG 2000; Digital Earth Africa.
            "sentinel-s2-l2a-cogs",
            "sentinel-s2-l2a",
            "s2_l2a",
            "s2_l2a_c1",
        ),
        earth_engine="COPERNICUS/S2_SR_HARMONIZED",
        bands=_SENTINEL2,
        default_bands=_VISIBLE_TO_NIR,
        # Dark areas, vegetation, bare, water, unclassified and snow; not saturated, shadow, cloud or cirrus.
        mask=Mask("classes", ("scl", "SCL"), "SCL", (2, 4, 5, 6, 7, 11)),
        more_mask_assets=("SCL_20m", "SCL_60m", "scl-jp2"),
        scale=1e-4,
        stored_as="integers",
        offset_rule="sentinel2",
        unit="reflectance",
        resolution=10,
        source_nodata=0,
        source="https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_S2_SR_HARMONIZED",
    ),
    "sentinel2_l1c": Product(
        title="Sentinel-2 level 1C top-of-atmosphere reflectance",
        role="sentinel2",
        collections=("sentinel-2-l1c", "sentinel-s2-l1c"),
        earth_engine="COPERNICUS/S2_HARMONIZED",
        bands=_SENTINEL2,
        default_bands=_VISIBLE_TO_NIR,
        # Bit 10 is opaque cloud, bit 11 cirrus; both must be clear.
        mask=Mask("bits", ("qa60", "QA60"), "QA60", (10, 11), gap=_QA60_GAP),
        scale=1e-4,
        stored_as="integers",
        offset_rule="sentinel2",
        unit="reflectance",
        resolution=10,
        source_nodata=0,
        source="https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_S2_HARMONIZED",
    ),
    "sentinel2_nbart": Product(
        title="Sentinel-2 terrain-corrected surface reflectance of Digital Earth Australia",
        role="sentinel2",
        collections=("ga_s2am_ard_3+ga_s2bm_ard_3+ga_s2cm_ard_3",),
        earth_engine="",  # not there
        bands=_NBART,
        default_bands=_VISIBLE_TO_NIR,
        # Fmask: land, snow and water; not no data (0), cloud (2) or shadow (3).
        mask=Mask("classes", ("oa_fmask",), "", (1, 4, 5)),
        # Made from level 1C with its shift taken off: names of level 1C in the items tell nothing.
        scale=1e-4,
        stored_as="integers",
        unit="reflectance",
        resolution=10,
        source_nodata=-999,
        source="https://knowledge.dea.ga.gov.au/data/product/dea-surface-reflectance-nbart-sentinel-2a-msi/",
    ),
    "landsat_c2_l2": Product(
        title="Landsat 8/9 Collection 2 level 2 surface reflectance",
        role="sentinel2",
        collections=("landsat-c2-l2", "landsat-c2l2-sr", "ls8_sr+ls9_sr"),
        earth_engine="LANDSAT/LC08/C02/T1_L2",
        bands=_LANDSAT,
        default_bands=tuple(band.name for band in _LANDSAT[1:]),
        # Fill, dilated cloud, cirrus, cloud and shadow, none of which may be set.
        mask=Mask("bits", ("qa_pixel", "QA_PIXEL"), "QA_PIXEL", (0, 1, 2, 3, 4)),
        scale=2.75e-5,
        stored_as="integers",
        offset=-0.2,
        unit="reflectance",
        resolution=30,
        source_nodata=0,
        # The collections hold Landsat 4 to 7 as well, whose band SR_B2 is green.
        platforms=("landsat-8", "landsat-9"),
        earth_engine_cloud="CLOUD_COVER",
        more_bands=(_SURFACE_TEMPERATURE,),
        # Bits 0 to 6 are bands 1 to 7 saturated, bit 8 band 9, bit 11 terrain that hides the ground: none may be set.
        more_masks=(Mask("classes", ("qa_radsat", "QA_RADSAT"), "QA_RADSAT", (0,)),),
        tiers=("T1",),
        source="https://developers.google.com/earth-engine/datasets/catalog/LANDSAT_LC08_C02_T1_L2",
    ),
    "sentinel1_grd": Product(
        title="Sentinel-1 ground range backscatter, calibrated to decibels",
        role="sentinel1",
        collections=("sentinel-1-grd",),
        earth_engine="COPERNICUS/S1_GRD",
        bands=tuple(Band(name, (name.lower(), name), name, (-45, 20)) for name in _POLARISATIONS),
        default_bands=_POLARISATIONS,
        unit="dB",
        stored_as="floats",
        resolution=10,
        # Single polarisation, or HH and HV over ice.
        skip_incomplete=True,
        source="https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_S1_GRD",
    ),
    "sentinel1_rtc": Product(
        title="Sentinel-1 terrain-corrected gamma nought, linear power",
        role="sentinel1",
        collections=("sentinel-1-rtc", "s1_rtc"),
        earth_engine="",  # not there
        bands=tuple(Band(name, (name.lower(), name), name, (0, 100)) for name in _POLARISATIONS),
        default_bands=_POLARISATIONS,
        unit="1",
        stored_as="floats",
        resolution=10,
        skip_incomplete=True,
        source_nodata=-32768,
        source="https://planetarycomputer.microsoft.com/dataset/sentinel-1-rtc",
    ),
    "viirs_monthly": Product(
        title="VIIRS Day/Night Band monthly composites, stray-light corrected",
        role="night_lights",
        collections=("viirs-dnb-monthly",),
        earth_engine="NOAA/VIIRS/DNB/MONTHLY_V1/VCMSLCFG",
        bands=_RADIANCE,
        default_bands=("avg_rad",),
        mask=_CLOUD_FREE_COVERAGE,
        # A month without a clear night is stored as 0; a measured radiance is never exactly that.
        unmasked_nodata=0,
        unit="nW/cm2/sr",
        resolution=463.83,
        resampling="bilinear",
        more_bands=(_COVERAGE,),
        source="https://eogdata.mines.edu/products/vnl/",
    ),
    "viirs_annual": Product(
        title="VIIRS Day/Night Band annual composites (VNL V2)",
        role="night_lights",
        collections=("viirs-dnb-annual",),
        earth_engine="NOAA/VIIRS/DNB/ANNUAL_V22",
        bands=(Band("avg_rad", ("avg_rad", "average", "average_masked"), "average", (-1.5, 1e4)),),
        default_bands=("avg_rad",),
        mask=_CLOUD_FREE_COVERAGE,
        unit="nW/cm2/sr",
        resolution=463.83,
        resampling="bilinear",
        season="any",
        more_bands=(_COVERAGE,),
        source="https://eogdata.mines.edu/products/vnl/",
    ),
    "satellite_embedding": Product(
        title="Satellite Embedding V1 of AlphaEarth Foundations, annual, 64 numbers a pixel",
        role="embedding",
        collections=("satellite-embedding-v1-annual", "alphaearth-foundations"),
        earth_engine="GOOGLE/SATELLITE_EMBEDDING/V1/ANNUAL",
        bands=tuple(Band(name, (name, name.lower()), name, (-1, 1)) for name in _AXES),
        default_bands=_AXES,
        unit="1",
        # As on Earth Engine. Google's own files hold whole numbers, (v / 127.5)^2 with the sign of v, which no scale
        # decodes: they are refused.
        stored_as="floats",
        resolution=10,
        season="any",
        first_year=2017,
        unit_vectors=True,
        source="https://developers.google.com/earth-engine/datasets/catalog/GOOGLE_SATELLITE_EMBEDDING_V1_ANNUAL",
    ),
    "ghsl_smod_p2016": Product(
        title="GHSL settlement grid 2016 (SMOD), 1 km, codes 0 to 3",
        role="labels",
        collections=("ghsl-smod-p2016",),
        earth_engine="JRC/GHSL/P2016/SMOD_POP_GLOBE_V1",
        bands=(Band("smod_code", ("smod_code", "smod", "data"), "smod_code", (0, 3)),),
        default_bands=("smod_code",),
        unit="class",
        resolution=1000,
        reducer="latest",
        season="any",
        label="code",
        built_codes=(2, 3),
        source="https://developers.google.com/earth-engine/datasets/catalog/JRC_GHSL_P2016_SMOD_POP_GLOBE_V1",
    ),
    "ghsl_smod_v2": Product(
        title="GHSL degree of urbanisation R2023A (GHS-SMOD V2-0), 1 km, codes 10 to 30",
        role="labels",
        collections=("ghsl-smod-v2", "ghsl-smod"),
        earth_engine="JRC/GHSL/P2023A/GHS_SMOD_V2-0",
        bands=(Band("smod_code", ("smod_code", "smod", "data"), "smod_code", (10, 30)),),
        default_bands=("smod_code",),
        unit="class",
        resolution=1000,
        reducer="latest",
        season="any",
        label="code",
        # 10 is water and 11 to 13 are rural cells; 21 (suburban) and above are built-up.
        built_codes=(21, 22, 23, 30),
        source_nodata=-200,
        source="https://human-settlement.emergency.copernicus.eu/ghs_smod2023.php",
    ),
    "ghsl_built_surface": Product(
        title="GHSL built-up surface R2023A, square metres a cell",
        role="labels",
        collections=("ghsl-built-surface", "ghsl"),
        earth_engine="JRC/GHSL/P2023A/GHS_BUILT_S",
        bands=(Band("built_surface", ("built_surface", "built-surface", "data"), "built_surface", (0, 1e6)),),
        default_bands=("built_surface",),
        unit="m2",
        resolution=100,
        reducer="latest",
        season="any",
        label="fraction",
        source="https://human-settlement.emergency.copernicus.eu/ghs_buS2023.php",
    ),
    "land_cover": Product(
        title="Annual land cover classes",
        role="labels",
        collections=("land-cover", "io-lulc-annual-v02", "io-lulc-9-class", "esa-worldcover"),
        earth_engine="ESA/WorldCover/v200",
        bands=(Band("land_cover", ("lulc", "data", "map", "land_cover"), "Map", (0, 254)),),
        default_bands=("land_cover",),
        unit="class",
        resolution=10,
        reducer="latest",
        season="any",
        label="code",
        source_nodata=0,
        source="https://planetarycomputer.microsoft.com/dataset/io-lulc-annual-v02",
    ),
    "corine": Product(
        title="CORINE land cover of Europe, 44 classes",
        role="labels",
        collections=("corine", "corine-land-cover"),
        earth_engine="COPERNICUS/CORINE/V20/100m",
        # Codes 111 to 523, or the grid codes 1 to 44 of the EEA's raster.
        bands=(Band("corine", ("corine", "landcover", "clc", "data"), "landcover", (1, 523)),),
        default_bands=("corine",),
        unit="class",
        resolution=100,
        reducer="latest",
        season="any",
        label="code",
        source="https://developers.google.com/earth-engine/datasets/catalog/COPERNICUS_CORINE_V20_100m",
    ),
    "ghsl_built_surface_10m": Product(
        title="GHSL built-up surface R2023A of 2018, square metres a cell of 10 m",
        role="rival",
        collections=("ghsl-built-surface-10m",),
        earth_engine="JRC/GHSL/P2023A/GHS_BUILT_S_10m",
        bands=(Band("built_surface", ("built_surface", "built-surface", "data"), "built_surface", (0, 100)),),
        default_bands=("built_surface",),
        unit="m2",
        resolution=10,
        reducer="latest",
        season="any",
        label="fraction",
        source="https://developers.google.com/earth-engine/datasets/catalog/JRC_GHSL_P2023A_GHS_BUILT_S_10m",
    ),
    "wsf2019": Product(
        title="World Settlement Footprint 2019",
        role="rival",
        collections=("wsf-2019", "wsf_2019"),
        earth_engine="projects/sat-io/open-datasets/WSF/WSF_2019",
        # 255 is settlement; all else is 0 in DLR's files, and masked on Earth Engine.
        bands=(Band("settlement", ("settlement", "wsf2019", "data"), "b1", (0, 255)),),
        default_bands=("settlement",),
        unit="class",
        resolution=10,
        reducer="latest",
        season="any",
        label="code",
        source="https://geoservice.dlr.de/web/datasets/wsf_2019",
    ),
    "wsf_evolution": Product(
        title="World Settlement Footprint Evolution, year in which settlement was first seen",
        role="rival",
        collections=("wsf-evolution", "wsf_evolution"),
        earth_engine="projects/sat-io/open-datasets/WSF/WSF_EVO",
        bands=(Band("first_year", ("first_year", "wsf_evolution", "data"), "b1", (0, 2015)),),
        default_bands=("first_year",),
        unit="class",
        resolution=30,
        reducer="latest",
        season="any",
        label="code",
        source="https://geoservice.dlr.de/web/datasets/wsf_evolution",
    ),
    "dynamic_world": Product(
        title="Dynamic World V1, probability of built land",
        role="rival",
        collections=("dynamic-world",),
        earth_engine="GOOGLE/DYNAMICWORLD/V1",
        bands=(Band("built", ("built",), "built", (0, 1)),),
        default_bands=("built",),
        # Clouds and their shadows are masked in it; the median of a season's scenes is the year.
        unit="probability",
        stored_as="floats",
        resolution=10,
        source="https://developers.google.com/earth-engine/datasets/catalog/GOOGLE_DYNAMICWORLD_V1",
    ),
    "open_buildings_temporal": Product(
        title="Open Buildings 2.5D Temporal, presence of buildings",
        role="rival",
        collections=("open-buildings-temporal",),
        earth_engine="GOOGLE/Research/open-buildings-temporal/v1",
        bands=(Band("building_presence", ("building_presence",), "building_presence", (0, 1)),),
        default_bands=("building_presence",),
        unit="probability",
        stored_as="floats",
        resolution=4,
        reducer="latest",
        season="any",
        source="https://developers.google.com/earth-engine/datasets/catalog/GOOGLE_Research_open-buildings-temporal_v1",
    ),
    "worldcover": Product(
        title="ESA WorldCover",
        role="rival",
        collections=("esa-worldcover",),
        earth_engine="ESA/WorldCover/v200",
        bands=(Band("land_cover", ("map", "data", "land_cover"), "Map", (0, 100)),),
        default_bands=("land_cover",),
        unit="class",
        resolution=10,
        reducer="latest",
        season="any",
        label="code",
        source_nodata=0,
        source="https://developers.google.com/earth-engine/datasets/catalog/ESA_WorldCover_v200",
    ),
    "io_land_cover": Product(
        title="Impact Observatory annual land cover",
        role="rival",
        collections=("io-lulc-annual-v02", "io-lulc-9-class"),
        earth_engine="projects/sat-io/open-datasets/landcover/ESRI_Global-LULC_10m_TS",
        bands=(Band("land_cover", ("data", "lulc", "land_cover"), "b1", (0, 11)),),
        default_bands=("land_cover",),
        unit="class",
        resolution=10,
        reducer="latest",
        season="any",
        label="code",
        source_nodata=0,
        source="https://planetarycomputer.microsoft.com/dataset/io-lulc-annual-v02",
    ),
}
