"""Night radiance at high resolution, as the shared rooms know it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from fusion_assets.orchestration.system import Series, System

if TYPE_CHECKING:
    import dagster as dg

    from fusion_assets.orchestration.site import Site
    from fusion_assets.publishing.publication import Publication
    from fusion_assets.settings import Settings
    from fusion_assets.study import Study
    from fusion_assets.study.sections import SystemSection

_STAGES = {
    "request_radiance_optics": (("landsat_export",), "Ask the engine for day imagery of one region and year."),
    "collect_radiance_inputs": (("landsat_composite", "radiance_cells"), "Collect day imagery and lights."),
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
        return {} if section.upload else {"radiance_upload": "`upload` in its section `night_radiance`"}
    names = [name for assets, _ in _STAGES.values() for name in assets]
    return dict.fromkeys(("night_radiance", *names), "a section `night_radiance`")


def _facts(study: Study, settings: Settings, asset: str, region: str, year: int | None) -> dict[str, str]:
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


NIGHT_RADIANCE = System(
    name="night_radiance",
    stages=_STAGES,
    assets=_assets,
    lacking=_lacking,
    section=_section,
    facts=_facts,
    series=_series,
    publications=_publications,
    summary=_summary,
    results=_results,
)
