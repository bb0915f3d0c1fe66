"""Night radiance at high resolution, as the shared rooms know it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from fusion_assets.orchestration.system import REGIONS, YEARS, Command, Series, System

if TYPE_CHECKING:
    from argparse import Namespace

    import dagster as dg

    from fusion_assets.orchestration.site import Site
    from fusion_assets.publishing.publication import Publication
    from fusion_assets.settings import Settings
    from fusion_assets.study import Study
    from fusion_assets.study.sections import SystemSection

_STAGES = {
    "request_radiance": (
        ("landsat_export", "radiance_cells"),
        "Ask the engine for day imagery of one region and year, and read its lights.",
    ),
    "collect_radiance_optics": (("landsat_composite",), "Collect day imagery."),
    "sense_radiance": (("radiance_sensor",), "Tell how wide the sensor sees."),
    "patch_radiance": (("radiance_patches",), "Cut what methods learn from into patches for other software."),
    "learn_radiance": (("radiance_evaluation", "radiance_model"), "Compare all methods, and fit the one that won."),
    "map_radiance": (("radiance_map",), "Map fine radiance."),
    "report_radiance": (
        ("radiance_report", "radiance_catalog"),
        "Write a region's report on its nights, and the STAC catalog of its maps.",
    ),
    "upload_radiance": (("radiance_upload",), "Make maps image assets of Earth Engine."),
}


def _assets(site: Site) -> list[dg.AssetsDefinition]:
    from fusion_assets.systems.night_radiance.defs.assets import night_radiance_assets
    from fusion_assets.systems.night_radiance.defs.report import report_assets

    return [*night_radiance_assets(site), *report_assets(site)]


def _publications() -> tuple[Publication, ...]:
    from fusion_assets.systems.night_radiance.publication import MAPS

    return (MAPS,)


def _lacking(study: Study) -> Mapping[str, str]:
    section = study.section("night_radiance")
    if section is not None:
        asked = {"patches": section.patches, "upload": section.upload}
        return {f"radiance_{key}": f"`{key}` in its section `night_radiance`" for key in asked if asked[key] is None}
    names = [name for assets, _ in _STAGES.values() for name in assets]
    return dict.fromkeys(("night_radiance", *names), "a section `night_radiance`")


def _facts(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    from fusion_assets.systems.night_radiance.imagery_requests import facts_of

    return facts_of(study, settings, asset, region, year)


def _series(site: Site) -> Iterator[Series]:
    from fusion_assets.systems.night_radiance.imagery_requests import cells_request, optics_request
    from fusion_assets.systems.night_radiance.section import years_of

    study, settings = site.study, site.settings
    yield Series("scenes of day imagery", partial(optics_request, study, settings), years_of(study))
    yield Series("composites of lights", partial(cells_request, study, settings), years_of(study))


def _section() -> SystemSection:
    from fusion_assets.systems.night_radiance.section import NIGHT_RADIANCE_SECTION

    return NIGHT_RADIANCE_SECTION


def _summary(site: Site, synthetic: bool) -> str:
    from fusion_assets.systems.night_radiance.summary import summary

    return summary(site.study, site.settings)


def _results(site: Site) -> Iterator[tuple[str, str]]:
    from fusion_assets.systems.night_radiance.summary import reports

    yield from (("radiance report", path) for path in reports(site.study, site.settings))


def _export(site: Site, options: Namespace) -> str:
    from fusion_assets.systems.night_radiance.light_table import export_light

    areas = {"areas": options.areas, "name": options.name, "layer": options.layer}
    chosen = {"regions": options.region, "years": options.years, "force": options.force}
    return export_light(site, options.output, **areas, **chosen)


_RADIANCE = Command(
    "radiance",
    "write night radiance per area and year, sum and mean, as GeoPackage, CSV or Parquet",
    (
        (("output",), {"metavar": "OUT.gpkg|OUT.csv|OUT.parquet", "help": "file to write"}),
        (("--areas",), {"metavar": "FILE", "help": "polygons; by default the study's regions"}),
        (("--name",), {"metavar": "COLUMN", "help": "of --areas: what names them"}),
        (("--layer",), {"metavar": "L", "help": "of --areas: a layer of a GeoPackage with several"}),
        REGIONS,
        YEARS,
        (("--force",), {"action": "store_true", "help": "replace a file that exists"}),
    ),
    _export,
    "fusion radiance light.gpkg; fusion radiance light.csv --areas districts.gpkg --name ADM2_EN --years 2019",
    instead_of=("export", "--radiance"),
)
NIGHT_RADIANCE = System(
    name="night_radiance",
    stages=_STAGES,
    assets=_assets,
    yearly=("request_radiance",),
    lacking=_lacking,
    section=_section,
    facts=_facts,
    series=_series,
    publications=_publications,
    summary=_summary,
    results=_results,
    commands=(_RADIANCE,),
)
