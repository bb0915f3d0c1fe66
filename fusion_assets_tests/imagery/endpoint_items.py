"""Items as public endpoints spell them, cut down to a few bands; places are made up.

What belongs here: the documents, one function for each endpoint and collection. What does not: what is expected of
them (`test_endpoints.py`).
"""

COG = "image/tiff; application=geotiff; profile=cloud-optimized"
NAME_2A = "S2B_MSIL2A_20230615T105629_N0509_R094_T31UES_20230615T135716"
NAME_1C = "S2B_MSIL1C_20230615T105629_N0509_R094_T31UES_20230615T125716"


def item(name, collection, properties, assets, version="1.0.0"):
    """A STAC item document; `assets` maps keys to hrefs or (href, fields)."""
    given = {key: value if isinstance(value, tuple) else (value, {}) for key, value in assets.items()}
    return {
        "type": "Feature",
        "stac_version": version,
        "id": name,
        "collection": collection,
        "bbox": [3, 50, 4, 51],
        "geometry": {"type": "Polygon", "coordinates": [[[3, 50], [4, 50], [4, 51], [3, 51], [3, 50]]]},
        "properties": {"datetime": "2023-06-15T10:56:29.024000Z", **properties},
        "links": [],
        "assets": {
            key: {"href": href, "type": "image/jp2" if href.endswith(".jp2") else COG, **fields}
            for key, (href, fields) in given.items()
        },
    }


def planetary_computer_sentinel2():
    """https://planetarycomputer.microsoft.com/api/stac/v1, sentinel-2-l2a: the shift stays, no offset is declared."""
    tile = (
        f"https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/31/U/ES/2023/06/15/{NAME_2A}.SAFE/GRANULE/IMG_DATA"
    )
    bands = {"B02": ("R10m", "blue"), "B04": ("R10m", "red"), "B05": ("R20m", "rededge"), "B08": ("R10m", "nir")}
    assets = {
        key: (
            f"{tile}/{folder}/T31UES_20230615T105629_{key}_{folder[1:]}.tif",
            {"gsd": int(folder[1:3]), "eo:bands": [{"name": key, "common_name": colour}], "roles": ["data"]},
        )
        for key, (folder, colour) in bands.items()
    }
    return item(
        "S2B_MSIL2A_20230615T105629_R094_T31UES_20230615T135716",
        "sentinel-2-l2a",
        {
            "platform": "Sentinel-2B",
            "instruments": ["msi"],
            "constellation": "Sentinel 2",
            "s2:product_uri": f"{NAME_2A}.SAFE",
            "s2:processing_baseline": "05.09",
            "s2:datatake_id": "GS2B_20230615T105629_032774_N05.09",
            "sat:orbit_state": "descending",
            "sat:relative_orbit": 94,
        },
        {**assets, "SCL": (f"{tile}/R20m/T31UES_20230615T105629_SCL_20m.tif", {"gsd": 20})},
    )


def _earth_search_band(colour, href, offset, metres=10):
    return (
        href,
        {
            "eo:bands": [{"name": colour, "common_name": colour}],
            "gsd": metres,
            "raster:bands": [
                {
                    "nodata": 0,
                    "data_type": "uint16",
                    "bits_per_sample": 15,
                    "spatial_resolution": metres,
                    "scale": 0.0001,
                    "offset": offset,
                }
            ],
            "roles": ["data", "reflectance"],
        },
    )


def earth_search_sentinel2(jp2_only=False):
    """https://earth-search.aws.element84.com/v1, sentinel-2-l2a: GeoTIFFs shifted back, ESA's files beside them."""
    cogs = (
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs/31/U/ES/2023/6/S2B_31UES_20230615_0_L2A"
    )
    files = "s3://sentinel-s2-l2a/tiles/31/U/ES/2023/6/15/0"
    names = {"blue": "B02", "red": "B04", "nir": "B08"}
    assets = {f"{key}-jp2": _earth_search_band(key, f"{files}/R10m/{band}.jp2", -0.1) for key, band in names.items()}
    assets["scl-jp2"] = (f"{files}/R20m/SCL.jp2", {"raster:bands": [{"nodata": 0, "data_type": "uint8"}]})
    if not jp2_only:
        assets |= {key: _earth_search_band(key, f"{cogs}/{band}.tif", -0.1) for key, band in names.items()}
        assets["scl"] = (f"{cogs}/SCL.tif", {"raster:bands": [{"nodata": 0, "data_type": "uint8"}]})
    return item(
        "S2B_31UES_20230615_0_L2A",
        "sentinel-2-l2a",
        {
            "platform": "sentinel-2b",
            "constellation": "sentinel-2",
            "instruments": ["msi"],
            "grid:code": "MGRS-31UES",
            "s2:processing_baseline": "05.09",
            "s2:product_uri": f"{NAME_2A}.SAFE",
            "earthsearch:boa_offset_applied": True,
        },
        assets,
    )


def earth_search_collection1(collection="sentinel-2-c1-l2a"):
    """https://earth-search.aws.element84.com/v1, sentinel-2-c1-l2a and sentinel-2-pre-c1-l2a: shifted and declared."""
    cogs = (
        f"https://e84-earth-search-sentinel-data.s3.us-west-2.amazonaws.com/{collection}/31/U/ES/2023/6/"
        "S2B_T31UES_20230615T105629_L2A"
    )
    names = {"blue": "B02", "red": "B04", "nir": "B08"}
    assets = {key: _earth_search_band(key, f"{cogs}/{band}.tif", -0.1) for key, band in names.items()}
    return item(
        "S2B_T31UES_20230615T105629_L2A",
        collection,
        {"platform": "sentinel-2b", "s2:processing_baseline": "05.09", "s2:product_uri": f"{NAME_2A}.SAFE"},
        {**assets, "scl": (f"{cogs}/SCL.tif", {"raster:bands": [{"nodata": 0, "data_type": "uint8"}]})},
    )


def earth_search_level1():
    """https://earth-search.aws.element84.com/v1, sentinel-2-l1c: ESA's files under the names of colours."""
    files = "s3://sentinel-s2-l1c/tiles/31/U/ES/2023/6/15/0"
    names = {"blue": "B02", "red": "B04", "nir": "B08"}
    return item(
        "S2B_31UES_20230615_0_L1C",
        "sentinel-2-l1c",
        {"platform": "sentinel-2b", "s2:processing_baseline": "05.09", "s2:product_uri": f"{NAME_1C}.SAFE"},
        {key: _earth_search_band(key, f"{files}/{band}.jp2", -0.1) for key, band in names.items()},
    )


def _v0(**properties):
    return {
        "platform": "sentinel-2b",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "gsd": 10,
        "view:off_nadir": 0,
        "sentinel:utm_zone": 31,
        "sentinel:latitude_band": "U",
        "sentinel:grid_square": "ES",
        "sentinel:sequence": "0",
        "sentinel:product_id": NAME_2A,
        "sentinel:valid_cloud_cover": True,
        **properties,
    }


def earth_search_v0():
    """https://earth-search.aws.element84.com/v0, sentinel-s2-l2a-cogs: ESA's band names, shifted back."""
    cogs = (
        "https://sentinel-cogs.s3.us-west-2.amazonaws.com/sentinel-s2-l2a-cogs/31/U/ES/2023/6/S2B_31UES_20230615_0_L2A"
    )
    told = {"sentinel:processing_baseline": "05.09", "sentinel:boa_offset_applied": True}
    return item(
        "S2B_31UES_20230615_0_L2A",
        "sentinel-s2-l2a-cogs",
        _v0(**told),
        {key: f"{cogs}/{key}.tif" for key in ("overview", "B02", "B04", "B08", "SCL")},
        "1.0.0-beta.2",
    )


def earth_search_v0_files(collection="sentinel-s2-l2a"):
    """https://earth-search.aws.element84.com/v0, sentinel-s2-l2a and -l1c: ESA's files; the name tells a baseline."""
    level, folders = ("l2a", "R10m/") if collection.endswith("l2a") else ("l1c", "")
    files = f"s3://sentinel-s2-{level}/tiles/31/U/ES/2023/6/15/0"
    keys = {key: f"{files}/{folders}{key}.jp2" for key in ("B02", "B04", "B08")}
    if level == "l2a":
        keys["SCL"] = f"{files}/R20m/SCL.jp2"
    product = NAME_2A if level == "l2a" else NAME_1C
    return item(
        f"S2B_31UES_20230615_0_{level.upper()}",
        collection,
        _v0(**{"sentinel:product_id": product}),
        keys,
        "1.0.0-beta.2",
    )


def _copernicus_file(path, node, fields):
    alternate = {"https": {"href": f"https://zipper.dataspace.copernicus.eu/odata/v1/{node}", "auth:refs": ["oidc"]}}
    return (path, {"alternate": alternate, "auth:refs": ["s3"], "storage:refs": ["cdse-s3"], **fields})


def copernicus_sentinel2():
    """https://stac.dataspace.copernicus.eu/v1, sentinel-2-l2a: one key for each band and pixel size."""
    tile = (
        f"s3://eodata/Sentinel-2/MSI/L2A/2023/06/15/{NAME_2A}.SAFE/GRANULE/L2A_T31UES_A032774_20230615T105632/IMG_DATA"
    )

    def band(name, size, common, sampling):
        numbers = {"nodata": 0, "data_type": "uint16", "raster:scale": 0.0001, "raster:offset": -0.1}
        described = {"bands": [{"name": name, "eo:common_name": common}], "roles": ["data", f"sampling:{sampling}"]}
        path = f"{tile}/R{size}m/T31UES_20230615T105629_{name}_{size}m.jp2"
        return _copernicus_file(path, f"{name}_{size}m", {**numbers, **described, "gsd": size})

    classes = {"nodata": 0, "data_type": "uint8"}
    assets = {f"B{number}_60m": band(f"B{number}", 60, "-", "downsampled") for number in ("02", "04", "05")}
    assets |= {f"B{number}_20m": band(f"B{number}", 20, "-", "downsampled") for number in ("02", "04")}
    assets |= {
        "B01_20m": band("B01", 20, "coastal", "upsampled"),
        "B01_60m": band("B01", 60, "coastal", "original"),
        "B02_10m": band("B02", 10, "blue", "original"),
        "B04_10m": band("B04", 10, "red", "original"),
        "B05_20m": band("B05", 20, "rededge071", "original"),
        "B08_10m": band("B08", 10, "nir", "original"),
        "SCL_60m": _copernicus_file(f"{tile}/R60m/T31UES_20230615T105629_SCL_60m.jp2", "SCL_60m", classes),
        "SCL_20m": _copernicus_file(f"{tile}/R20m/T31UES_20230615T105629_SCL_20m.jp2", "SCL_20m", classes),
        "Product": ("https://download.dataspace.copernicus.eu/odata/v1/Products(0)/$value", {}),
    }
    return item(NAME_2A, "sentinel-2-l2a", _copernicus_properties("S2MSI2A", "L2"), assets, "1.1.0")


def _copernicus_properties(product, level):
    return {
        "start_datetime": "2023-06-15T10:56:29.024Z",
        "end_datetime": "2023-06-15T10:56:29.024Z",
        "platform": "sentinel-2b",
        "constellation": "sentinel-2",
        "instruments": ["msi"],
        "product:type": product,
        "processing:level": level,
        "processing:version": "05.09",
        "eopf:datatake_id": "GS2B_20230615T105629_032774_N05.09",
        "sat:orbit_state": "descending",
        "sat:relative_orbit": 94,
    }


def copernicus_level1():
    """https://stac.dataspace.copernicus.eu/v1, sentinel-2-l1c: plain band names."""
    tile = (
        f"s3://eodata/Sentinel-2/MSI/L1C/2023/06/15/{NAME_1C}.SAFE/GRANULE/L1C_T31UES_A032774_20230615T105632/IMG_DATA"
    )
    numbers = {"nodata": 0, "data_type": "uint16", "raster:scale": 0.0001, "raster:offset": -0.1}
    assets = {
        name: _copernicus_file(
            f"{tile}/T31UES_20230615T105629_{name}.jp2", name, {**numbers, "bands": [{"name": name}]}
        )
        for name in ("B02", "B04", "B08")
    }
    return item(NAME_1C, "sentinel-2-l1c", _copernicus_properties("S2MSI1C", "L1"), assets, "1.1.0")


def digital_earth_africa():
    """https://explorer.digitalearth.africa/stac, s2_l2a: Earth Search's GeoTIFFs of version 0, shifted back."""
    cogs = "s3://deafrica-sentinel-2/sentinel-s2-l2a-cogs/31/U/ES/2023/6/S2B_31UES_20230615_0_L2A"
    told = {
        "title": NAME_2A,
        "odc:file_format": "GeoTIFF",
        "odc:region_code": "31UES",
        "sentinel:boa_offset_applied": True,
        "sentinel:processing_baseline": "05.09",
    }
    return item(
        "ec16dbf6-9729-5a8f-9d72-5e83a8b9f30d",
        "s2_l2a",
        _v0(**told),
        {key: (f"{cogs}/{key}.tif", {"eo:bands": [{"name": key}]}) for key in ("B02", "B04", "B08", "SCL", "AOT")},
    )


def digital_earth_australia(platform="sentinel-2b", maturity="final"):
    """https://explorer.dea.ga.gov.au/stac, ga_s2am_ard_3, ga_s2bm_ard_3, ga_s2cm_ard_3: no shift, another mask."""
    satellite = f"s2{platform[-1]}m"
    folder = f"s3://dea-public-data/baseline/ga_{satellite}_ard_3/52/LGM/2023/06/15/20230615T030622"
    numbers = {"nbart_blue": "02", "nbart_red": "04", "nbart_red_edge_1": "05", "nbart_nir_1": "08"}
    end = f"3-2-1_52LGM_2023-06-15_{maturity}"
    assets = {
        key: (f"{folder}/ga_{satellite}_nbart_{end}_band{number}.tif", {"eo:bands": [{"name": key}]})
        for key, number in numbers.items()
    }
    masks = {f"oa_{word}": f"{folder}/ga_{satellite}_oa_{end}_{word}.tif" for word in ("fmask", "s2cloudless-mask")}
    return item(
        f"ga_{satellite}_ard_{end}",
        f"ga_{satellite}_ard_3",
        {
            "title": f"ga_{satellite}_ard_{end}",
            "platform": platform,
            "instruments": ["msi"],
            "odc:region_code": "52LGM",
            "dea:dataset_maturity": maturity,
            "fmask:cloud": 3.2,
            "sat:orbit_state": "descending",
            "sat:relative_orbit": 60,
            "sentinel:datastrip_id": "S2B_OPER_MSI_L1C_DS_2BPS_20230615T040000_S20230615T021513_N05.09",
        },
        assets | masks,
    )


def landsat(collection="landsat-c2-l2", platform="landsat-9", declared=True):
    """Planetary Computer and Earth Search v1 (landsat-c2-l2), landsatlook.usgs.gov/stac-server (landsat-c2l2-sr)."""
    name = "LC09_L2SP_198025_20230615_20230617_02_T1"
    folder = f"s3://usgs-landsat/collection02/level-2/standard/oli-tirs/2023/198/025/{name}"
    keys = {
        "coastal": "SR_B1",
        "blue": "SR_B2",
        "green": "SR_B3",
        "red": "SR_B4",
        "nir08": "SR_B5",
        "swir16": "SR_B6",
        "swir22": "SR_B7",
        "qa_pixel": "QA_PIXEL",
        "qa_radsat": "QA_RADSAT",
    }
    if collection == "landsat-c2-l2":
        # USGS keeps temperature in landsat-c2l2-st.
        keys["lwir11"] = "ST_B10"
    kelvin = {"scale": 0.00341802, "offset": 149.0, "nodata": 0, "data_type": "uint16", "unit": "kelvin"}
    numbers = {"scale": 2.75e-05, "offset": -0.2, "nodata": 0, "data_type": "uint16", "spatial_resolution": 30}

    def fields(key):
        return {"raster:bands": [kelvin if key == "lwir11" else numbers]} if declared and key[:2] != "qa" else {}

    return item(
        name,
        collection,
        {
            "platform": platform,
            "instruments": ["oli", "tirs"],
            "landsat:wrs_path": "198",
            "landsat:wrs_row": "025",
            "landsat:collection_category": "T1",
            "landsat:correction": "L2SP",
            "landsat:collection_number": "02",
        },
        {key: (f"{folder}/{name}_{end}.TIF", fields(key)) for key, end in keys.items()},
    )


def planetary_computer_radar():
    """https://planetarycomputer.microsoft.com/api/stac/v1, sentinel-1-rtc."""
    folder = "https://sentinel1euwestrtc.blob.core.windows.net/sentinel1-grd-rtc/GRD/2023/6/15/IW/DV/x_rtc/measurement"
    numbers = {"raster:bands": [{"nodata": -32768, "data_type": "float32", "spatial_resolution": 10.0}]}
    return item(
        "S1A_IW_GRDH_1SDV_20230615T171608_20230615T171633_048998_05E46B_rtc",
        "sentinel-1-rtc",
        _radar("SENTINEL-1A"),
        {key: (f"{folder}/iw-{key}.rtc.tiff", numbers) for key in ("vh", "vv")},
    )


def digital_earth_africa_radar():
    """https://explorer.digitalearth.africa/stac, s1_rtc."""
    folder = "s3://deafrica-sentinel-1/s1_rtc/N50E003/2023/06/15/05E46B"
    return item(
        "36f4b2f6-1d07-5e9c-8f2f-0a1d8d3c0f11",
        "s1_rtc",
        _radar("sentinel-1a"),
        {key: f"{folder}/s1_rtc_05E46B_N50E003_2023_06_15_{key.upper()}.tif" for key in ("vv", "vh", "mask", "angle")},
    )


def _radar(platform):
    return {
        "platform": platform,
        "sar:instrument_mode": "IW",
        "sar:polarizations": ["VV", "VH"],
        "sat:orbit_state": "ascending",
        "sat:relative_orbit": 51,
    }


def radar_detected(endpoint):
    """sentinel-1-grd of the Planetary Computer, Earth Search v1 and Copernicus Data Space."""
    name = "S1A_IW_GRDH_1SDV_20230615T171608_20230615T171633_048998_05E46B"
    folder = {
        "planetary": f"https://sentinel1euwest.blob.core.windows.net/s1-grd/GRD/2023/6/15/IW/DV/{name}/measurement/iw-",
        "earth_search": f"s3://sentinel-s1-l1c/GRD/2023/6/15/IW/DV/{name}/measurement/iw-",
        "copernicus": f"s3://eodata/Sentinel-1/SAR/IW_GRDH_1S/2023/06/15/{name}.SAFE/measurement/s1a-iw-grd-",
    }[endpoint]
    return item(name, "sentinel-1-grd", _radar("sentinel-1a"), {key: f"{folder}{key}.tiff" for key in ("vv", "vh")})


def land_cover(collection):
    """https://planetarycomputer.microsoft.com/api/stac/v1, io-lulc-annual-v02 and esa-worldcover."""
    year = {"start_datetime": "2021-01-01T00:00:00Z", "end_datetime": "2022-01-01T00:00:00Z"}
    root = "https://ai4edataeuwest.blob.core.windows.net"
    numbers = {"raster:bands": [{"nodata": 0, "spatial_resolution": 10}]}
    if collection == "io-lulc-annual-v02":
        return item(
            "31U-2021", collection, year, {"data": (f"{root}/io-lulc/io-annual-lulc-v02/31U_2021.tif", numbers)}
        )
    assets = {
        "map": f"{root}/esa-worldcover/v200/2021/map/N48E003_Map.tif",
        "input_quality": f"{root}/InputQuality.tif",
    }
    return item("ESA_WorldCover_10m_2021_v200_N48E003", collection, year, assets)
