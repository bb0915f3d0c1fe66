"""Downloaded files become catalogs that the engine reads."""

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine
from rasterio.warp import transform_bounds
from shapely.geometry import box, mapping

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.compositing.composite import CompositeRecipe
from fusion_assets.imagery.engines.archive.engine import ArchiveEngine
from fusion_assets.imagery.file_catalogs.addition import add_files
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.storage.root import Storage
from fusion_assets_tests.imagery.archives import noise, small_request, write_tif
from fusion_assets_tests.imagery.landsat_scenes import BANDS, landsat_request, name_of, real_pixels
from fusion_assets_tests.imagery.landsat_scenes import GRID as LANDSAT_GRID
from fusion_assets_tests.stac_documents import check_stac

_LIGHTS = "VNL_v21_npp_{year}_global_vcmslcfg_c202205302300.{layer}.dat.tif"
_BUILT = "GHS_BUILT_S_E2020_GLOBE_R2023A_54009_100_V1_0_R4_C19.tif"
_STEP = 1 / 240
_DEGREES = Affine(_STEP, 0, 3.0, 0, -_STEP, 51.0)


def _lights(folder, year=2019, low=1, high=50, **more):
    values = np.random.default_rng(year).uniform(low, high, (60, 60)).astype("float32")
    path = folder / _LIGHTS.format(year=year, layer="average")
    write_tif(path, values, _DEGREES, "EPSG:4326", **more)
    return path


def _coverage(folder, year=2019):
    path = folder / _LIGHTS.format(year=year, layer="cf_cvg")
    write_tif(path, np.full((60, 60), 40, "uint16"), _DEGREES, "EPSG:4326")
    return path


def _built(folder, name=_BUILT, nodata=65535, high=10_000, crs="ESRI:54009", step=100):
    values = noise((80, 80), 1, 0, high + 1)
    return Path(write_tif(folder / name, values, Affine(step, 0, 230_000, 0, -step, 5_900_000), crs, nodata=nodata))


def test_annual_lights_are_found_and_read(tmp_path):
    files = [each(tmp_path, year) for year in (2019, 2020) for each in (_lights, _coverage)]
    added = add_files("viirs_annual", files, tmp_path / "lights" / "catalog.json")
    assert (added.collection, len(added.items)) == ("viirs-dnb-annual", 2)
    assert added.span == (dt.date(2019, 1, 1), dt.date(2020, 12, 31))
    catalog = pystac.Catalog.from_file(str(added.catalog))
    for item in catalog.get_items(recursive=True):
        assert set(item.assets) == {"average", "cf_cvg"}
        assert not Path(item.assets["average"].href).is_absolute()
    grid = Grid("EPSG:4326", _DEGREES, 60, 60)
    product = PRODUCTS["viirs_annual"]
    request = small_request(
        str(added.catalog), asset="night_lights_composite", product="viirs_annual", grid=grid, year=2020,
        geometry=mapping(box(*transform_bounds(grid.crs, "EPSG:4326", *grid.bounds))),
        window=(dt.date(2020, 1, 1), dt.date(2020, 12, 31)), recipe=CompositeRecipe(("avg_rad",), product.mask),
        collections=product.collections,
    )  # fmt: skip
    engine = ArchiveEngine(Storage(tmp_path / "data"))
    export = engine.submit(request)
    assert export.scenes == ("VNL_v21_npp_2020_global_vcmslcfg_c202205302300",)
    expected = np.random.default_rng(2020).uniform(1, 50, (60, 60)).astype("float32")
    np.testing.assert_allclose(engine.collect(export)["avg_rad"].values, expected, rtol=1e-6)


def test_landsat_as_usgs_names_it_is_found_and_read(tmp_path):
    ends = ("QA_PIXEL", "QA_RADSAT", *BANDS)
    layers = real_pixels()
    files = [
        Path(write_tif(tmp_path / f"{name_of(day)}_{end}.TIF", values, LANDSAT_GRID.transform, LANDSAT_GRID.crs))
        for day in (dt.date(2022, 1, 10), dt.date(2022, 1, 26))
        for end, values in zip(ends, layers, strict=True)
    ]
    added = add_files("landsat_c2_l2", files, tmp_path / "landsat")
    assert (added.collection, len(added.items)) == ("landsat-c2-l2", 2)
    item = next(pystac.Catalog.from_file(str(added.catalog)).get_items(recursive=True))
    units = {key: item.assets[key].extra_fields["raster:bands"][0]["unit"] for key in ("SR_B4", "ST_B10")}
    assert set(item.assets) == set(ends) and units == {"SR_B4": "reflectance", "ST_B10": "K"}
    engine = ArchiveEngine(Storage(tmp_path / "data"))
    export = engine.submit(landsat_request(str(added.catalog)))
    pixels = engine.collect(export).compute()
    assert export.flags == () and pixels["observation_count"].max() == 2
    np.testing.assert_allclose(pixels["ST_B10"][0, 2], 47274 * 0.00341802 + 149, rtol=1e-6)


def test_adding_again_adds_nothing(tmp_path):
    files = [_lights(tmp_path), _coverage(tmp_path)]
    catalog = tmp_path / "catalog.json"
    add_files("viirs_annual", files[:1], catalog)
    add_files("viirs_annual", files[1:], catalog)
    first = {path: path.read_text() for path in tmp_path.rglob("*.json")}
    add_files("viirs_annual", files, catalog)
    assert {path: path.read_text() for path in tmp_path.rglob("*.json")} == first
    (item,) = pystac.Catalog.from_file(str(catalog)).get_items(recursive=True)
    assert set(item.assets) == {"average", "cf_cvg"}


def test_catalogs_hold_several_products_and_can_be_moved(tmp_path):
    (tmp_path / "all").mkdir()
    catalog = tmp_path / "all" / "catalog.json"
    add_files("viirs_annual", [_lights(tmp_path / "all")], catalog)
    add_files("ghsl_built_surface", [_built(tmp_path / "all")], catalog)
    (tmp_path / "all").rename(tmp_path / "moved")
    for path in (tmp_path / "moved").rglob("*.json"):
        check_stac(json.loads(path.read_text()))
    items = list(pystac.Catalog.from_file(str(tmp_path / "moved" / "catalog.json")).get_items(recursive=True))
    assert sorted(item.collection_id for item in items) == ["ghsl-built-surface", "viirs-dnb-annual"]
    for item in items:
        for asset in item.assets.values():
            assert Path(str(asset.get_absolute_href())).is_file()


def test_items_say_what_files_hold(tmp_path):
    add_files("ghsl_built_surface", [_built(tmp_path)], tmp_path / "catalog.json")
    (path,) = tmp_path.glob("ghsl-built-surface/GHS*.json")
    item = json.loads(path.read_text())
    asset = item["assets"]["built_surface"]
    assert asset["proj:code"] == "ESRI:54009" and asset["proj:shape"] == [80, 80]
    assert asset["raster:bands"] == [{"data_type": "uint16", "nodata": 65535.0, "unit": "m2"}]
    west, south, east, north = item["bbox"]
    assert 2 < west < east < 4 and 47 < south < north < 51


@pytest.mark.parametrize(
    ("make", "product", "words"),
    [
        (lambda folder: _built(folder, crs="EPSG:3857"), "ghsl_built_surface", "lies in EPSG:3857"),
        (lambda folder: _built(folder, step=250), "ghsl_built_surface", "has pixels of 250"),
        (lambda folder: _built(folder, nodata=None, high=60_000), "ghsl_built_surface", "holds 4|holds [1-6]"),
        (lambda folder: _lights(folder, low=-900, high=-10), "viirs_annual", "holds -"),
        (lambda folder: folder / "gone.tif", "viirs_annual", "there is no file"),
        (lambda folder: folder / _LIGHTS.format(year=2019, layer="average"), "viirs_annual", "there is no file"),
        (lambda folder: _text(folder / _BUILT), "ghsl_built_surface", "cannot be read"),
        (lambda folder: _text(folder / f"{_BUILT[:-4]}.zip"), "ghsl_built_surface", "is packed"),
        (lambda folder: _text(folder / "lights.tar.gz"), "viirs_annual", "is packed"),
        (lambda folder: _text(folder / "lights.tif"), "viirs_annual", "does not say"),
        (lambda folder: _classes(folder, 0.5), "land_cover", r"holds \d+\.5"),
        (lambda folder: _large(folder), "viirs_annual", "MiB"),
        (lambda folder: _with_overviews(folder), "viirs_annual", "overviews"),
        (lambda folder: _built(folder), "nothing", "there is no product 'nothing'"),
        (lambda folder: _built(folder), "viirs_anual", r"did you mean viirs_annual\?"),
    ],
)
def test_files_that_are_something_else_are_refused_and_nothing_is_written(tmp_path, make, product, words):
    good = [_lights(tmp_path, 2021)] if product == "viirs_annual" else []
    with pytest.raises(FusionError, match=words):
        add_files(product, [*good, make(tmp_path)], tmp_path / "catalog.json")
    assert not list(tmp_path.rglob("*.json"))


def _classes(folder, more=0.0):
    values = noise((60, 60), 1, 1, 20) + np.float32(more)
    return Path(write_tif(folder / "ESA_WorldCover_10m_2020_v100_N48E003_Map.tif", values, _DEGREES, "EPSG:4326"))


def _large(folder):
    path = folder / _LIGHTS.format(year=2019, layer="average")
    profile = {"driver": "GTiff", "dtype": "float32", "count": 1, "crs": "EPSG:4326", "transform": _DEGREES}
    size = {"height": 10240, "width": 10240, "tiled": True, "blockxsize": 10240, "blockysize": 10240}
    with rasterio.open(path, "w", **profile, **size, sparse_ok=True):
        return path


def _with_overviews(folder):
    path = _lights(folder)
    with rasterio.open(path, "r+") as target:
        target.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(_coverage(folder)))
    return path


def test_classes_may_be_stored_as_whole_floats(tmp_path):
    assert add_files("land_cover", [_classes(tmp_path)], tmp_path / "catalog.json").items


def _text(path):
    path.write_text("<VRTDataset rasterXSize='1' rasterYSize='1'/>")
    return path


def test_two_versions_of_one_year_are_refused(tmp_path):
    catalog = tmp_path / "catalog.json"
    add_files("viirs_annual", [_lights(tmp_path)], catalog)
    other = _lights(tmp_path / "new")
    newer = other.rename(other.with_name(other.name.replace("v21", "v22")))
    with pytest.raises(FusionError, match="are of the same time and place"):
        add_files("viirs_annual", [newer], catalog)
