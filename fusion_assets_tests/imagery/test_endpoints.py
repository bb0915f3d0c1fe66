"""Public endpoints, each in its own spelling: the right file of every band, its numbers, its mask, its collection."""

import datetime as dt

import pystac
import pytest
from shapely.geometry import box

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.archive.search import find_items
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Mask
from fusion_assets.imagery.scenes import platform_named, scene_from_item
from fusion_assets_tests.imagery import endpoint_items as endpoints
from fusion_assets_tests.imagery.archives import small_request, write_catalog

OPTICS = ("B02", "B04", "B08")
NONE, NO_MASK = Mask("none"), None
TIFS, JP2S = ("B02.tif", "B04.tif", "B08.tif"), ("B02.jp2", "B04.jp2", "B08.jp2")
SIZED = ("B02_10m", "B04_10m", "B08_10m")


def resolved(document, product, bands, mask=None):
    """The scene of a document, read as it comes from the endpoint."""
    recipe = PRODUCTS[product]
    return scene_from_item(pystac.Item.from_dict(document), recipe, bands, recipe.mask if mask is None else mask)


@pytest.mark.parametrize(
    ("document", "product", "ends", "mask", "offset", "flagged"),
    [
        (
            endpoints.planetary_computer_sentinel2(),
            "sentinel2_l2a",
            [f"{b}.tif" for b in SIZED],
            "SCL_20m.tif",
            -0.1,
            False,
        ),
        (endpoints.earth_search_sentinel2(), "sentinel2_l2a", TIFS, "L2A/SCL.tif", 0.0, True),
        (endpoints.earth_search_sentinel2(jp2_only=True), "sentinel2_l2a", JP2S, "SCL.jp2", -0.1, False),
        (endpoints.earth_search_collection1(), "sentinel2_l2a", TIFS, "SCL.tif", -0.1, False),
        (endpoints.earth_search_collection1("sentinel-2-pre-c1-l2a"), "sentinel2_l2a", TIFS, "SCL.tif", -0.1, False),
        (endpoints.earth_search_v0(), "sentinel2_l2a", TIFS, "SCL.tif", 0.0, False),
        (endpoints.earth_search_v0_files(), "sentinel2_l2a", JP2S, "R20m/SCL.jp2", -0.1, False),
        (endpoints.copernicus_sentinel2(), "sentinel2_l2a", [f"{b}.jp2" for b in SIZED], "SCL_20m.jp2", -0.1, False),
        (endpoints.digital_earth_africa(), "sentinel2_l2a", TIFS, "SCL.tif", 0.0, False),
        (endpoints.earth_search_level1(), "sentinel2_l1c", JP2S, NO_MASK, -0.1, False),
        (endpoints.earth_search_v0_files("sentinel-s2-l1c"), "sentinel2_l1c", JP2S, NO_MASK, -0.1, False),
        (endpoints.copernicus_level1(), "sentinel2_l1c", JP2S, NO_MASK, -0.1, False),
        (
            endpoints.digital_earth_australia(),
            "sentinel2_nbart",
            ("band02.tif", "band04.tif", "band08.tif"),
            "fmask.tif",
            0.0,
            False,
        ),
    ],
)
def test_optics(document, product, ends, mask, offset, flagged):
    scene = resolved(document, product, OPTICS, None if mask else NONE)
    for band, end in zip(OPTICS, ends, strict=True):
        file = scene.bands[band]
        assert file.href.endswith(end)
        assert (file.scale, file.offset) == (1e-4, offset)
        assert file.usual_nodata == (-999 if product == "sentinel2_nbart" else 0)
    assert (scene.mask is None) if mask is None else scene.mask.href.endswith(mask)
    assert bool(scene.flags) == flagged
    known = document["properties"]
    assert scene.platform == known["platform"] and scene.platform.lower().startswith("sentinel-2")
    assert scene.orbit == known.get("sat:relative_orbit")
    assert scene.direction == known.get("sat:orbit_state", "")
    assert scene.start.date() == dt.date(2023, 6, 15)


def test_native_pixels_are_preferred_to_resampled_ones():
    scene = resolved(endpoints.copernicus_sentinel2(), "sentinel2_l2a", ("B01", "B02", "B05"))
    ends = [scene.bands[band].href.rpartition("_")[2] for band in ("B01", "B02", "B05")]
    assert ends == ["60m.jp2", "10m.jp2", "20m.jp2"]


def test_another_mask_is_not_looked_for_under_the_products_own_spellings():
    with pytest.raises(FusionError, match="no mask asset") as caught:
        resolved(endpoints.copernicus_sentinel2(), "sentinel2_l2a", OPTICS, Mask("score", ("cs",), "cs", (0.6,)))
    assert caught.value.expected == "one of cs"


@pytest.mark.parametrize(
    ("document", "product", "ends", "usual"),
    [
        (endpoints.planetary_computer_radar(), "sentinel1_rtc", ("iw-vv.rtc.tiff", "iw-vh.rtc.tiff"), -32768),
        (endpoints.digital_earth_africa_radar(), "sentinel1_rtc", ("_VV.tif", "_VH.tif"), -32768),
        (endpoints.radar_detected("planetary"), "sentinel1_grd", ("iw-vv.tiff", "iw-vh.tiff"), None),
        (endpoints.radar_detected("earth_search"), "sentinel1_grd", ("iw-vv.tiff", "iw-vh.tiff"), None),
        (endpoints.radar_detected("copernicus"), "sentinel1_grd", ("grd-vv.tiff", "grd-vh.tiff"), None),
    ],
)
def test_radar(document, product, ends, usual):
    scene = resolved(document, product, ("VV", "VH"))
    for band, end in zip(("VV", "VH"), ends, strict=True):
        assert scene.bands[band].href.endswith(end)
        assert (scene.bands[band].scale, scene.bands[band].offset) == (1, 0)
        assert scene.bands[band].usual_nodata == usual
    assert (scene.platform.lower(), scene.orbit, scene.direction) == ("sentinel-1a", 51, "ascending")
    assert scene.mask is None and scene.flags == ()


@pytest.mark.parametrize("declared", [True, False])
@pytest.mark.parametrize("collection", ["landsat-c2-l2", "landsat-c2l2-sr"])
def test_landsat(collection, declared):
    bands = ("SR_B2", "SR_B4", "SR_B5", "SR_B6")
    scene = resolved(endpoints.landsat(collection, declared=declared), "landsat_c2_l2", bands)
    for band in bands:
        file = scene.bands[band]
        assert file.href.endswith(f"_{band}.TIF")
        assert (file.scale, file.offset, file.usual_nodata) == (2.75e-5, -0.2, 0)
    assert scene.mask.href.endswith("_QA_PIXEL.TIF")
    assert scene.flags == () and scene.platform == "landsat-9"


def test_the_offset_of_a_product_goes_with_its_scale():
    document = endpoints.landsat(declared=False)
    document["assets"]["blue"]["raster:bands"] = [{"scale": 1e-4, "nodata": 0}]
    file = resolved(document, "landsat_c2_l2", ["SR_B2"]).bands["SR_B2"]
    assert (file.scale, file.offset) == (1e-4, 0)


@pytest.mark.parametrize(
    ("platform", "taken"),
    [
        ("landsat-8", True),
        ("LANDSAT_9", True),
        ("Landsat 8", True),
        ("LC08", True),
        ("LE07", False),
        ("landsat-7", False),
        ("LANDSAT_5", False),
        ("", True),
    ],
)
def test_of_landsat_only_the_satellites_with_its_bands_are_taken(platform, taken):
    assert PRODUCTS["landsat_c2_l2"].takes(platform) == taken
    assert PRODUCTS["sentinel2_l2a"].takes(platform)


@pytest.mark.parametrize(
    ("collection", "end"), [("io-lulc-annual-v02", "31U_2021.tif"), ("esa-worldcover", "_Map.tif")]
)
def test_land_cover(collection, end):
    file = resolved(endpoints.land_cover(collection), "land_cover", ("land_cover",)).bands["land_cover"]
    assert file.href.endswith(end) and (file.scale, file.offset, file.usual_nodata) == (1, 0, 0)


@pytest.mark.parametrize(
    ("product", "document"),
    [
        ("sentinel2_l2a", endpoints.planetary_computer_sentinel2()),
        ("sentinel2_l2a", endpoints.earth_search_collection1()),
        ("sentinel2_l2a", endpoints.earth_search_collection1("sentinel-2-pre-c1-l2a")),
        ("sentinel2_l2a", endpoints.earth_search_v0()),
        ("sentinel2_l2a", endpoints.earth_search_v0_files()),
        ("sentinel2_l2a", endpoints.digital_earth_africa()),
        ("sentinel2_l1c", endpoints.earth_search_level1()),
        ("sentinel2_l1c", endpoints.earth_search_v0_files("sentinel-s2-l1c")),
        ("sentinel2_nbart", endpoints.digital_earth_australia()),
        ("landsat_c2_l2", endpoints.landsat()),
        ("landsat_c2_l2", endpoints.landsat("landsat-c2l2-sr")),
        ("sentinel1_rtc", endpoints.planetary_computer_radar()),
        ("sentinel1_rtc", endpoints.digital_earth_africa_radar()),
        ("sentinel1_grd", endpoints.radar_detected("copernicus")),
        ("land_cover", endpoints.land_cover("io-lulc-annual-v02")),
        ("land_cover", endpoints.land_cover("esa-worldcover")),
    ],
)
def test_the_collection_of_an_endpoint_is_found(tmp_path, product, document):
    item = pystac.Item.from_dict(document, preserve_dict=True)
    archive = write_catalog(tmp_path, {document["collection"]: [item]})
    recipe = PRODUCTS[product]
    window = (dt.date(2021, 1, 1), dt.date(2023, 12, 31))
    found = find_items(archive, recipe.collections, box(3, 50, 4, 51), window)
    assert [each.id for each in found] == [document["id"]]


def test_a_product_in_one_collection_for_each_satellite_is_read_whole(tmp_path):
    items = {
        document["collection"]: [pystac.Item.from_dict(document)]
        for document in map(endpoints.digital_earth_australia, ("sentinel-2a", "sentinel-2b", "sentinel-2c"))
    }
    archive = write_catalog(tmp_path, items)
    window = (dt.date(2023, 1, 1), dt.date(2023, 12, 31))
    found = find_items(archive, PRODUCTS["sentinel2_nbart"].collections, box(3, 50, 4, 51), window)
    assert [item.properties["platform"][-1] for item in found] == ["a", "b", "c"]


def test_further_spellings_change_no_request():
    """Ids of operations are digests of requests: these must stay those of stored artifacts."""
    facts = small_request("/archive/catalog.json").to_dict()
    assert facts["recipe"]["mask"]["assets"] == ["scl", "SCL"]
    assert "more_masks" not in facts["recipe"]
    assert set(facts["recipe"]["mask"]) == {"kind", "assets", "earth_engine", "values", "gap", "optional"}


@pytest.mark.parametrize(("name", "platform"), [("LE07_L2SP_1", "LE07"), ("LC08_L2SP_1", "LC08"), ("other", "")])
def test_a_landsat_that_only_the_name_tells_is_known(name, platform):
    item = pystac.Item.from_dict(endpoints.landsat())
    item.id = name
    item.properties.pop("platform")
    assert platform_named(item) == platform
