"""Night radiance as its assets publish it: the report, and a valid STAC catalog that names units and palettes."""

import dataclasses
import json
from pathlib import Path

import dagster as dg
import pystac
import pytest
from PIL import Image

from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.storage.root import Storage
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance import summary
from fusion_assets.systems.night_radiance.palettes import PALETTES
from fusion_assets.systems.night_radiance.publication import MAPS
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.stac_documents import check_stac
from fusion_assets_tests.systems.night_radiance.report_cases import (
    SETTINGS,
    STUDY,
    YEAR,
    evaluated,
    rasters,
    ticket,
)

UNITS = {"radiance": "nW/cm2/sr", "low": "nW/cm2/sr", "high": "nW/cm2/sr", "imagery_effect": "1"}


def store(settings, region):
    """Everything that the report of a region is made of."""
    facts = site_of(SYSTEMS, STUDY, settings).facts
    kinds, year = managers(settings.storage, facts), str(YEAR)
    for asset, raster in rasters(region).items():
        tags = study_tags(STUDY, region=region, year=YEAR, **raster.attrs) | facts(asset, region, year)
        palettes = PALETTES if asset == requests.MAP else {}
        made = write_raster(raster, nodata=float("nan"), tags=tags, units=UNITS, palettes=palettes)
        kinds["rasters"].save(made, Artifact(asset, region, year))
        made.discard()
    kinds["documents"].save(ticket(region).to_dict(), Artifact(requests.OPTICS_EXPORT, region, year))
    kinds["tables"].save(evaluated(), Artifact(requests.EVALUATION, None, year))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Settings, and the result of a run of report and catalog for a region held back."""
    settings = dataclasses.replace(SETTINGS, storage=str(tmp_path_factory.mktemp("nights")))
    store(settings, "kept")
    job = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": STUDY}).resolve_job_def("report_radiance")
    with dg.DagsterInstance.ephemeral() as instance:
        return settings, job.execute_in_process(partition_key="kept", instance=instance)


def test_a_run_writes_report_and_catalog(made):
    settings, result = made
    assert result.success
    (event,) = result.asset_materializations_for_node("radiance_report")
    assert event.metadata["report"].value.endswith("radiance_report/kept.html")
    (path,) = summary.reports(STUDY, settings)
    assert "kept was held back" in Path(path).read_text(encoding="utf-8")
    said = summary.summary(STUDY, settings)
    assert f"Night radiance {YEAR}" in said and "chosen: light shared by settlement, conserved; it errs least" in said


def test_every_document_is_valid_and_every_link_leads_somewhere(made):
    root = Path(made[0].storage)
    documents = list((root / "stac").rglob("*.json"))
    assert len(documents) == 3
    for path in documents:
        document = json.loads(path.read_text())
        check_stac(document)
        for link in [*document["links"], *document.get("assets", {}).values()]:
            assert link.get("rel") == "via" or (path.parent / link["href"]).is_file(), link


def test_bands_say_their_unit(made):
    storage = Storage(made[0].storage)
    catalog = pystac.Catalog.from_file(storage.path("stac", "catalog", None, "json"))
    (item,) = catalog.get_items(recursive=True)
    bands = item.assets["map"].extra_fields["bands"]
    assert {band["name"]: band["unit"] for band in bands} == UNITS
    assert (item.properties["start_datetime"], item.properties["end_datetime"]) == (
        f"{YEAR}-01-01T00:00:00Z",
        f"{YEAR}-12-31T23:59:59Z",
    )
    (collection,) = catalog.get_children()
    owners = " ".join(provider.name for provider in collection.providers)
    assert "Geological Survey" in owners and "Earth Observation Group" in owners
    definitions = collection.extra_fields.get("item_assets") or collection.to_dict()["item_assets"]
    assert [band["unit"] for band in definitions["map"]["bands"]] == list(UNITS.values())
    with Image.open(item.assets["thumbnail"].get_absolute_href()) as picture:
        assert min(picture.size) >= 32
    assert MAPS.palettes == PALETTES
