"""The published catalog: valid, complete whoever writes at the same time, and the same pixels in other programs."""

import dataclasses
import datetime as dt
import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import numpy as np
import odc.stac
import pystac
import pytest
import rasterio
from PIL import Image
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.file import FileExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.extensions.raster import RasterExtension
from shapely.geometry import shape

from fusion_assets.cli.verification import odd_catalogs
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.orchestration.io_managers import CatalogIOManager
from fusion_assets.publishing.catalog import publish_region
from fusion_assets.publishing.publication import Edition
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.storage.root import Storage
from fusion_assets.storage.simulation import is_synthetic
from fusion_assets.storage.stored_rasters import place_raster
from fusion_assets.systems.built_up.palettes import PALETTES
from fusion_assets.systems.built_up.publication import CHANGE, MAPS
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.small_maps import YEARS, settings_at, small_study, store_map
from fusion_assets_tests.stac_documents import check_stac

REGIONS = ("west", "east")
SEASON = dataclasses.replace(MAPS, span=lambda study, year: (dt.date(year, 7, 1), dt.date(year, 12, 31)))
OTHER = dataclasses.replace(
    SEASON, name="other_maps", title="Others", text="Maps of something else.", thumbnails="stac/other_thumbnails"
)


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Study, settings and probabilities of four stored maps."""
    folder, study = tmp_path_factory.mktemp("publish"), small_study()
    settings = settings_at(folder)
    return study, settings, {(r, y): store_map(study, settings, r, y, missing=1) for r in REGIONS for y in YEARS}


@pytest.fixture
def root(maps, tmp_path):
    """A copy of the maps with nothing published yet."""
    shutil.copytree(Path(maps[1].storage) / "built_up_prediction", tmp_path / "data" / "built_up_prediction")
    return tmp_path / "data"


def publish(study, storage, region, years=YEARS, publication=SEASON, **changes):
    return publish_region(storage, Edition(publication, study, **changes), region, years)


def linked_items(root):
    catalog = pystac.Catalog.from_file(str(root / "stac" / "catalog.json"))
    return {item.id: item for item in catalog.get_items(recursive=True)}


def test_every_document_is_valid_and_every_link_leads_somewhere(maps, root):
    for region in REGIONS:
        publish(maps[0], Storage(root), region)
    documents = list((root / "stac").rglob("*.json"))
    assert len(documents) == 2 + 4
    for path in documents:
        document = json.loads(path.read_text())
        check_stac(document)
        assert str(root) not in path.read_text()
        for link in [*document["links"], *document.get("assets", {}).values()]:
            assert link.get("rel") == "via" or (path.parent / link["href"]).is_file(), link
    collection = pystac.Collection.from_file(str(root / "stac" / "built_up" / "collection.json"))
    assert collection.extent.spatial.bboxes[0] == [87.0, 27.0, 87.08, 27.04]
    assert len(collection.extent.spatial.bboxes) == 3
    first, last = collection.extent.temporal.intervals[0]
    assert (first.date(), last.date()) == (dt.date(2016, 7, 1), dt.date(2017, 12, 31))
    owners = " ".join(provider.name for provider in collection.providers)
    assert all(owner in owners for owner in ("Copernicus", "Earth Observation Group", "Joint Research Centre"))


def test_items_describe_their_files(maps, root):
    study = maps[0]
    publish(study, Storage(root), "west")
    for item in linked_items(root).values():
        year = item.properties["fusion:year"]
        for key, name, form in (("map", "probability", "float32"), ("built_up", "built_up", "uint8")):
            asset = item.assets[key]
            path = Path(asset.get_absolute_href())
            with rasterio.open(path) as file:
                projection, (band,) = ProjectionExtension.ext(asset), RasterExtension.ext(asset).bands
                assert (projection.shape, projection.transform) == (list(file.shape), list(file.transform)[:6])
                assert projection.bbox == list(file.bounds)
                assert file.crs == rasterio.CRS.from_user_input(ProjectionExtension.ext(item).code)
                values = file.read(1, masked=True)
                assert (band.data_type, float(band.nodata)) == pytest.approx((form, file.nodata), nan_ok=True)
                assert file.dtypes == (form,) and file.descriptions == (name,)
                assert band.statistics.maximum == values.max()
                assert band.statistics.mean == pytest.approx(float(values.mean(dtype=float)))
            assert FileExtension.ext(asset).checksum == "1220" + hashlib.sha256(path.read_bytes()).hexdigest()
            assert FileExtension.ext(asset).size == path.stat().st_size
            assert [each["name"] for each in asset.extra_fields["bands"]] == [name]
        classes = ClassificationExtension.ext(band).classes
        assert {known.value: known.name for known in classes} == {0: "not_built_up", 1: "built_up"}
        assert [known.color_hint for known in classes] == ["EEE8D5", "B31B1B"]
        assert shape(item.geometry).equals(study.polygon("west"))
        assert shape(item.geometry).exterior.is_ccw
        assert item.properties["start_datetime"] < item.datetime.isoformat() < item.properties["end_datetime"]
        assert item.datetime.year == year
        assert item.properties["fusion:threshold"] == 0.6 and item.properties["fusion:scene_count"] == 7
        assert Path(item.assets["thumbnail"].get_absolute_href()).read_bytes()[:4] == b"\x89PNG"


def test_odc_stac_loads_the_same_pixels_by_band_names(maps, root):
    for region in REGIONS:
        publish(maps[0], Storage(root), region)
    for region in REGIONS:
        items = [item for item in linked_items(root).values() if item.properties["fusion:region"] == region]
        loaded = odc.stac.load(items, bands=["probability", "built_up"])
        for index, year in enumerate(YEARS):
            expected = maps[2][region, year]
            assert np.array_equal(loaded["probability"][index].values, expected, equal_nan=True)
            codes = np.where(np.isnan(expected), 255, expected >= 0.6)
            assert np.array_equal(loaded["built_up"][index].values, codes)
        assert loaded["built_up"].dtype == np.uint8 and loaded["built_up"].nodata == 255


def test_gdal_opens_an_item_as_it_lies(maps, root, monkeypatch):
    publish(maps[0], Storage(root), "east")
    monkeypatch.chdir(root / "stac" / "built_up" / "east")  # GDAL takes relative links from here
    with rasterio.open('STACIT:"2016.json":asset=map') as file:
        assert file.descriptions == ("probability",) and file.crs.to_epsg() == 32645
        assert np.array_equal(file.read(1), maps[2]["east", 2016], equal_nan=True)


def test_equal_maps_give_equal_documents_and_the_folder_can_be_moved(maps, root, tmp_path):
    written = publish(maps[0], Storage(root), "west")
    moved = tmp_path / "elsewhere"
    shutil.move(root, moved)
    before = (moved / "stac" / "built_up" / "west" / "2016.json").read_bytes()
    assert publish(maps[0], Storage(moved), "west") == written
    assert (moved / "stac" / "built_up" / "west" / "2016.json").read_bytes() == before
    assert len(odc.stac.load(linked_items(moved).values()).time) == 2


def test_years_no_longer_mapped_leave_the_catalog(maps, root):
    publish(maps[0], Storage(root), "west")
    publish(maps[0], Storage(root), "west", years=YEARS[1:])
    assert set(linked_items(root)) == {"two-built-up-west-2017"}
    assert not (root / "stac" / "thumbnails" / "west" / "2016.png").exists()


def test_regions_published_at_the_same_moment_lose_nothing(maps, root):
    class Slow(Storage):
        """Another region is published between this one's look at the items and its writing."""

        late = False

        def write_bytes(self, content, path):
            if path.endswith("collection.json") and not self.late:
                self.late = True
                publish(maps[0], Storage(root), "east")
                assert len(linked_items(root)) == 4
            super().write_bytes(content, path)

    publish(maps[0], Slow(root), "west")
    assert len(linked_items(root)) == 4


def children(root):
    catalog = pystac.Catalog.from_file(str(root / "stac" / "catalog.json"))
    return {link.title: link.href for link in catalog.get_child_links()}


def test_every_system_keeps_its_place_in_the_catalog(maps, root):
    publish(maps[0], Storage(root), "west")
    alone = (root / "stac" / "catalog.json").read_bytes()
    publish(maps[0], Storage(root), "west", publication=OTHER)
    publish(maps[0], Storage(root), "east")
    both = {"Built-up land": "./built_up/collection.json", "Others": "./other_maps/collection.json"}
    assert children(root) == both
    assert set(linked_items(root)) == {
        *(f"two-built-up-{region}-{year}" for region in REGIONS for year in YEARS),
        *(f"two-other-maps-west-{year}" for year in YEARS),
    }
    catalog = json.loads((root / "stac" / "catalog.json").read_text())
    assert catalog["description"] == f"{MAPS.text} {OTHER.text}"
    shutil.rmtree(root / "stac" / "other_maps")
    publish(maps[0], Storage(root), "east")
    assert (root / "stac" / "catalog.json").read_bytes() == alone


def test_systems_published_at_the_same_moment_lose_nothing(maps, root):
    class Slow(Storage):
        """Another system is published between this one's look at the collections and its writing."""

        late = False

        def write_bytes(self, content, path):
            if path.endswith("catalog.json") and not self.late:
                self.late = True
                publish(maps[0], Storage(root), "west", publication=OTHER)
                assert set(children(root)) == {"Built-up land", "Others"}
            super().write_bytes(content, path)

    publish(maps[0], Slow(root), "west")
    assert set(children(root)) == {"Built-up land", "Others"} and len(linked_items(root)) == 4


def test_those_who_publish_at_once_lose_nothing(maps, root):
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(publish, maps[0], Storage(root), region, publication=each)
            for region in REGIONS
            for each in (SEASON, OTHER)
        ]
    assert [job.result()["catalog"] for job in jobs] == ["stac/catalog.json"] * 4
    assert len(children(root)) == 2 and len(linked_items(root)) == 8


def test_object_stores_work_too(maps):
    study, settings, _ = maps
    storage = Storage("memory://published/here")
    for year in YEARS:
        path = storage.path("built_up_prediction", "west", year, "tif")
        for local in (Path(settings.storage) / "built_up_prediction" / "west").glob(f"{year}*"):
            storage.put_file(local, f"{path.rsplit('/', 1)[0]}/{local.name}")
    written = publish(study, storage, "west")
    assert written["collection"] == "stac/built_up/collection.json"
    item = json.loads(storage.read_bytes(storage.path("stac/built_up", "west", 2016, "json")))
    assert item["assets"]["map"]["href"] == "../../../built_up_prediction/west/2016.tif"
    assert item["assets"]["built_up"]["href"] == "../../../built_up_prediction/west/2016~built_up.tif"


def test_simulated_imagery_is_named_so_and_credited_to_nobody_else(maps, root, tmp_path):
    publish(maps[0], Storage(root), "west", synthetic=True)
    for path in (root / "stac").rglob("*.json"):
        document = json.loads(path.read_text())
        assert "SYNTHETIC" in str(document.get("title", document.get("properties", {}).get("title")))
        assert not any("Copernicus" in provider["name"] for provider in document.get("providers", []))
    for path in (root / "stac").rglob("*.png"):
        strip = np.array(Image.open(path).convert("L"))[-12:]
        assert (strip[:, 0] < 30).all() and strip.max() > 200, "a word on a dark strip"
    assert not is_synthetic(str(tmp_path / "catalog.json"))
    (tmp_path / "demo.json").write_text('{"synthetic": true}')
    assert is_synthetic(str(tmp_path / "catalog.json"))


def test_a_map_of_all_years_is_listed_once_under_the_last(maps, root):
    study = maps[0]
    grid = study.grid("west")
    codes = np.arange(grid.height * grid.width).reshape(grid.shape) % 6
    bands = {"change": np.where(codes == 5, np.nan, codes).astype("f4"), "confidence": np.ones(grid.shape, "f4")}
    raster = write_raster(grid.dataset(bands), palettes=PALETTES, nodata=np.nan, tags={})
    place_raster(Storage(root), raster, str(root / "built_up_change" / "west.tif"))
    publish(study, Storage(root), "west")
    publish(study, Storage(root), "west", [2017], CHANGE)
    item = linked_items(root)["two-built-up-change-west-2017"]
    check_stac(item.to_dict())
    assert item.properties["title"] == "Change of built-up land of west from 2016 to 2017"
    classes = ClassificationExtension.ext(RasterExtension.ext(item.assets["change"]).bands[0]).classes
    assert {known.value: known.name for known in classes} == {
        0: "cannot_tell", 1: "stable_not_built_up", 2: "stable_built_up", 3: "gained", 4: "lost",
    }  # fmt: skip
    loaded = odc.stac.load([item], bands=["change"])["change"]
    assert loaded.dtype == np.uint8 and loaded.nodata == 255
    assert np.array_equal(loaded[0].values, np.where(codes == 5, 255, codes))


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda root: shutil.rmtree(root / "stac"), "is not there"),
        (lambda root: (root / "stac/built_up/west/2016.json").write_text("{}"), "was changed"),
    ],
)
def test_a_catalog_that_lost_what_it_lists_is_no_catalog(maps, root, harm, said):
    manager = CatalogIOManager(str(root))
    catalog = Artifact("built_up_catalog", "west", None)
    written = publish(maps[0], Storage(root), "west")
    manager.save(written, catalog)
    publish(maps[0], Storage(root), "east")
    assert manager.load(catalog) == written
    harm(root)
    with pytest.raises(FusionError, match=said):
        manager.verify(catalog)


def test_the_asset_publishes_its_region_and_says_where(maps, root):
    study, settings, _ = maps
    definitions = build_definitions(SYSTEMS, {"study": study, "storage": str(root), "archive": settings.archive})
    job = definitions.resolve_implicit_global_asset_job_def()
    (root / "built_up_report").mkdir()
    (root / "built_up_report" / "west.html").write_text("<html></html>")
    with dg.DagsterInstance.ephemeral() as instance:
        for region in REGIONS:
            result = job.execute_in_process(
                asset_selection=[dg.AssetKey("built_up_catalog")], partition_key=region, instance=instance
            )
            assert result.success
        event = instance.get_latest_materialization_event(dg.AssetKey("built_up_catalog"))
        metadata = event.asset_materialization.metadata
    assert metadata["items"].value == 2
    assert Path(metadata["collection"].value) == root / "stac" / "built_up" / "collection.json"
    items = linked_items(root)
    assert len(items) == 4
    # Annual lights take the whole year: the interval is that of all inputs together.
    west = items["two-built-up-west-2016"]
    assert west.properties["start_datetime"] == "2016-01-01T00:00:00Z"
    assert [link.get_absolute_href() for link in west.get_links("describedby")] == [
        str(root / "built_up_report" / "west.html")
    ]
    assert not items["two-built-up-east-2016"].get_links("describedby")


@pytest.mark.parametrize("name", ["catalog.json", "built_up/collection.json"])
def test_shared_documents_are_compared_with_what_was_recorded_last(maps, root, name):
    study, settings, _ = maps
    given = {"study": study, "storage": str(root), "archive": settings.archive}
    definitions = build_definitions(SYSTEMS, given)
    job, site = definitions.resolve_implicit_global_asset_job_def(), site_of(SYSTEMS, study, settings_at(root.parent))
    path = root / "stac" / name
    with dg.DagsterInstance.ephemeral() as instance:

        def told():
            return list(odd_catalogs(site, SYSTEMS, instance, {"built_up_catalog"}))

        assert told() == []
        for region in REGIONS:
            job.execute_in_process(
                asset_selection=[dg.AssetKey("built_up_catalog")], partition_key=region, instance=instance
            )
            assert told() == []
        text = path.read_text()
        document = json.loads(text)
        for changed in ({**document, "description": "x"}, {**document, "links": {}}):
            path.write_text(json.dumps(changed))
            os.utime(path, (0, 0))
            (problem,) = told()
            assert name in problem.found and "was changed" in problem.found
            assert list(odd_catalogs(site, SYSTEMS, instance, {"built_up_report"})) == []
        path.write_text(text)
        assert told() == []
