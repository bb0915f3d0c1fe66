"""Maps with published weights, from optics alone; and `fusion zones export` of stored maps."""

import dataclasses
import json
import zipfile
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
import rasterio

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.systems.climate_zones.exports.stored_maps import export_maps
from fusion_assets.systems.climate_zones.publication import warning_of
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.stac_documents import check_stac
from fusion_assets_tests.systems.climate_zones.published_weights import write
from fusion_assets_tests.systems.climate_zones.zone_maps import place_imagery, settings_at, study

YEAR = 2021
SAID = "published weights, not calibrated here"
DOMAIN = "13.304,52.502,13.312,52.508"
ALL = {"wudapt.tif", "wudapt.qml", "map.kmz", "canopy.csv", "w2w.tif"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A study whose northern place is mapped."""
    folder = tmp_path_factory.mktemp("published")
    made = study(map={"years": [YEAR], "weights": str(write(folder / "weights.hdf5"))})
    settings = settings_at(folder / "data", made)
    place_imagery(made, settings, "north", YEAR)
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": made})
    with dg.DagsterInstance.ephemeral() as instance:
        for job, key in (("learn_zones", None), ("map_zones", f"north|{YEAR}"), ("publish_zones", "north")):
            job = definitions.resolve_job_def(job)
            assert job.execute_in_process(partition_key=key, instance=instance).success
    return site_of(SYSTEMS, made, settings)


@pytest.mark.slow
def test_maps_say_that_nobody_calibrated_them(site):
    card = site.managers["models"].load(Artifact("lcz_model", None, None)).card
    raster = site.managers["rasters"].load(Artifact("lcz_map", "north", str(YEAR))).compute()
    assert card["calibration"] == raster.attrs["calibration"] == SAID
    assert "coverage" not in raster.attrs and "set_size" not in raster and "synthetic" not in raster.attrs
    known = raster["lcz"].values != 255
    assert known.any() and np.array_equal(known, np.isfinite(raster["probability"].values))
    assert raster.attrs["product"] == "sentinel2_l1c" and raster.attrs["scene_count"] == "6"
    documents = [json.loads(path.read_text()) for path in Path(site.settings.storage, "stac/lcz").rglob("*.json")]
    for each in documents:
        check_stac(each)
    told = [each.get("description") or each["properties"]["processing:lineage"] for each in documents]
    assert len(told) == 2 and all(SAID in each for each in told) and SAID in warning_of(site.study)
    assert not warning_of(study())
    offered, held = ({key: band_names(each) for key, each in found.items()} for found in assets_of(documents))
    assert offered == held and offered["map"] == ["probability", "entropy"]


def assets_of(documents):
    """Assets that a collection promises, and those of its item."""
    (promised,) = (each["item_assets"] for each in documents if "item_assets" in each)
    (there,) = (each["assets"] for each in documents if each["type"] == "Feature")
    return promised, there


def band_names(asset):
    return [band["name"] for band in asset.get("bands", ())]


@pytest.mark.slow
def test_stored_maps_are_written_for_other_software(site, tmp_path):
    target = tmp_path / "new" / "zones"
    said = export_maps(site, target, DOMAIN)
    place = target / f"north_{YEAR}"
    assert {path.name for path in place.iterdir()} == ALL and [path.name for path in target.iterdir()] == [place.name]
    assert SAID in said and f"no lcz_map of south {YEAR} is stored" in said
    codes = site.managers["rasters"].load(Artifact("lcz_map", "north", str(YEAR)))["lcz"].values
    with rasterio.open(place / "wudapt.tif") as file:
        assert np.array_equal(file.read(1), np.where(codes == 255, 0, codes)) and file.tags()["calibration"] == SAID
    with zipfile.ZipFile(place / "map.kmz") as archive:
        assert SAID in archive.read("doc.kml").decode().lower()
    with pytest.raises(FusionError, match="exists"):
        export_maps(site, target, DOMAIN)
    export_maps(site, target, DOMAIN, "101-107", force=True)
    with rasterio.open(place / "w2w.tif") as file:
        assert set(np.unique(file.read(1))) <= {*range(1, 11), *range(101, 108)}
    (place / "notes.txt").write_text("mine")
    with pytest.raises(FusionError, match=r"holds notes\.txt"):
        export_maps(site, target, DOMAIN, force=True)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({"years": [1999]}, "maps no zones of 1999"),
        ({"regions": ["south"]}, "holds no lcz_map"),
        ({"regions": ["nowhere"]}, "nowhere"),
        ({"domain": "geo_em.d09.nc"}, "--domain geo_em.d09.nc"),
        ({"domain": "13.4,52.4,13.3,52.5"}, "bounds"),
        ({"domain": "13.0,52.0,14.0,53.0"}, "the map reaches"),
    ],
)
def test_wrong_use_is_refused_and_writes_nothing(site, chosen, found, tmp_path):
    with pytest.raises(FusionError, match=found):
        export_maps(site, tmp_path / "zones", **chosen)
    assert not list(tmp_path.rglob("*.*"))


def test_a_study_without_maps_exports_none(tmp_path):
    made = study(map=None)
    with pytest.raises(FusionError, match="maps no zones"):
        export_maps(site_of(SYSTEMS, made, settings_at(tmp_path, made)), tmp_path / "zones")
