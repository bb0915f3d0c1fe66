"""Local climate zones and the stage of fusion, as the shared rooms know them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from fusion_assets.orchestration.system import REGIONS, YEARS, Command, Look, Series, System
from fusion_assets.redaction import printable

if TYPE_CHECKING:
    from argparse import Namespace

    import dagster as dg

    from fusion_assets.orchestration.site import Site
    from fusion_assets.publishing.publication import Publication
    from fusion_assets.settings import Settings
    from fusion_assets.study import Study
    from fusion_assets.study.sections import SystemSection

_STAGES = {
    "read_zone_patches": (("lcz_patches", "lcz_splits"), "Check and convert labelled patches, and hold some back."),
    "train_fusion": (("fusion_model", "fusion_prediction"), "Train a network, and ask it for what it has not seen."),
    "sum_fusion": (("independent_sum",), "Average networks that were trained apart."),
    "score_baselines": (("zone_baselines",), "Ask simple methods for the same patches."),
    "score_fusion": (("fusion_scores",), "Figures of a network over cities and trainings."),
    "compare_fusion": (("fusion_study",), "Put every stage of fusion beside the others."),
    "report_fusion": (("fusion_report",), "Write the report on where sensors are joined."),
}
_MAP_STAGES = {
    "request_zone_imagery": (
        ("lcz_sentinel2_export", "lcz_sentinel1_export"),
        "Ask the engine for optics and radar of one region and year.",
    ),
    "collect_zone_imagery": (("lcz_sentinel2", "lcz_sentinel1"), "Collect optics and radar."),
    "learn_zones": (("lcz_model",), "Train the network of maps, and calibrate it on cities that it has not seen."),
    "map_zones": (("lcz_map", "lcz_export"), "Map local climate zones, and write the map for other software."),
    "publish_zones": (("lcz_areas", "lcz_catalog"), "Area of every zone, and the STAC catalog of the maps."),
}

_OF_RADAR = ("lcz_sentinel1_export", "lcz_sentinel1")


def _assets(site: Site) -> list[dg.AssetsDefinition]:
    from fusion_assets.systems.climate_zones.defs.patches import patch_assets
    from fusion_assets.systems.climate_zones.defs.report import report_assets
    from fusion_assets.systems.climate_zones.defs.study import study_assets
    from fusion_assets.systems.climate_zones.defs.trainings import training_assets
    from fusion_assets.systems.climate_zones.section import use_of

    compared = use_of(site.study).source is not None
    makers = (patch_assets, training_assets, study_assets, report_assets) if compared else ()
    found = [asset for make in makers for asset in make(site)]
    if use_of(site.study).map is None:
        return found
    from fusion_assets.systems.climate_zones.defs.maps import map_assets
    from fusion_assets.systems.climate_zones.defs.model import model_asset

    return [*found, model_asset(site), *map_assets(site)]


def _lacking(study: Study) -> Mapping[str, str]:
    section = study.section("climate_zones")
    if section is not None:
        found = {} if 6 in section.stages else {"independent_sum": "stage 6 in its section `climate_zones`"}
        if section.source is None:
            compared = [name for assets, _ in _STAGES.values() for name in assets]
            found = dict.fromkeys(compared, "`source` in its section `climate_zones`")
        mapped = [name for assets, _ in _MAP_STAGES.values() for name in assets]
        if section.map is None:
            return found | dict.fromkeys(mapped, "`map` in its section `climate_zones`")
        radar = "maps without `weights` in its section `climate_zones`: the published network reads no radar"
        return found | (dict.fromkeys(_OF_RADAR, radar) if section.map.weights else {})
    names = [name for assets, _ in (*_STAGES.values(), *_MAP_STAGES.values()) for name in assets]
    return dict.fromkeys(("climate_zones", *names), "a section `climate_zones`")


def _facts(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    from fusion_assets.systems.climate_zones.imagery_requests import facts_of

    return facts_of(study, settings, asset, region, year)


def _series(site: Site) -> Iterator[Series]:
    from fusion_assets.systems.climate_zones.imagery_requests import optics_request, radar_request
    from fusion_assets.systems.climate_zones.section import map_years, reads_radar

    study, settings = site.study, site.settings
    if years := map_years(study):
        yield Series("optics of zones", partial(optics_request, study, settings), years)
        if reads_radar(study):
            yield Series("radar of zones", partial(radar_request, study, settings), years)


def _publications() -> tuple[Publication, ...]:
    from fusion_assets.systems.climate_zones.publication import MAPS

    return (MAPS,)


def _section() -> SystemSection:
    from fusion_assets.systems.climate_zones.section import CLIMATE_ZONES_SECTION

    return CLIMATE_ZONES_SECTION


def _looks(site: Site) -> Iterator[Look]:
    from fusion_assets.systems.climate_zones.section import use_of
    from fusion_assets.systems.climate_zones.to_train import hours_told

    if use_of(site.study).source is not None:
        yield Look("trainings", lambda: hours_told(site.study, site.settings), ("storage", "tensorflow"))
    if file := use_of(site.study).weights_file:
        from fusion_assets.systems.climate_zones.published_network import weights_told

        yield Look("published weights", partial(weights_told, file))


def _summary(site: Site, synthetic: bool) -> str:
    from fusion_assets.systems.climate_zones.summary import summary

    return summary(site.settings)


def _results(site: Site) -> Iterator[tuple[str, str]]:
    from fusion_assets.systems.climate_zones.summary import report_path

    if path := report_path(site.settings):
        yield "fusion report", path


def _inspect(site: Site, options: Namespace) -> str:
    from fusion_assets.systems.climate_zones.so2sat.inspection import inspect, inspection_text, refuse

    document = inspect(options.folder)
    text = inspection_text(document)
    if document["problems"]:
        print(printable(text))
        refuse(document)
    return text


def _export(site: Site, options: Namespace) -> str:
    from fusion_assets.systems.climate_zones.exports.stored_maps import export_maps

    chosen = {"regions": options.region, "years": options.years}
    return export_maps(site, options.folder, options.domain, options.numbering, force=options.force, **chosen)


_INSPECT = Command(
    "zones inspect",
    "say what a folder of So2Sat's files holds, and whether anything may be learnt from it",
    ((("folder",), {"metavar": "DIR", "help": "folder of the .h5 files of one version"}),),
    _inspect,
    "fusion zones inspect so2sat/v4",
)
_EXPORT = Command(
    "zones export",
    "write stored maps of zones for W2W (WRF), WUDAPT, Google Earth and QGIS, with canopy parameters",
    (
        (("folder",), {"metavar": "DIR", "help": "folder to write to, which is made; a folder in it for each map"}),
        REGIONS,
        YEARS,
        (
            ("--domain",),
            {
                "metavar": "geo_em.dXX.nc|W,S,E,N",
                "help": "WRF domain of w2w.tif: the file of geogrid, or degrees; by default the study's",
            },
        ),
        (
            ("--numbering",),
            {
                "choices": ("1-17", "101-107"),
                "default": "1-17",
                "help": "of w2w.tif: A to G as 11 to 17, or as 101 to 107",
            },
        ),
        (("--force",), {"action": "store_true", "help": "replace maps exported before"}),
    ),
    _export,
    "fusion zones export zones; fusion zones export wrf --region zaragoza --years 2021 --domain geo_em.d04.nc",
)
CLIMATE_ZONES = System(
    name="climate_zones",
    stages={**_STAGES, **_MAP_STAGES},
    assets=_assets,
    lacking=_lacking,
    section=_section,
    facts=_facts,
    series=_series,
    publications=_publications,
    yearly=("request_zone_imagery",),
    looks=_looks,
    summary=_summary,
    results=_results,
    commands=(_INSPECT, _EXPORT),
    working=("zone_arrays", "zone_states"),
)
