"""Gap-free NDVI, as the shared rooms know it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from fusion_assets.orchestration.system import Series, System

if TYPE_CHECKING:
    import dagster as dg

    from fusion_assets.orchestration.site import Site
    from fusion_assets.settings import Settings
    from fusion_assets.study import Study
    from fusion_assets.study.sections import SystemSection

_ASSETS = ("ndvi_clear", "backscatter", "ndvi_model", "ndvi_filled", "ndvi_evaluation", "ndvi_report")


def _assets(site: Site) -> list[dg.AssetsDefinition]:
    from fusion_assets.systems.ndvi.defs.assets import ndvi_assets

    return ndvi_assets(site)


def _lacking(study: Study) -> Mapping[str, str]:
    section = study.section("ndvi")
    if section is None:
        return dict.fromkeys(("ndvi", *_ASSETS), "a section `ndvi`")
    return {} if section.sentinel1 is not None else {"backscatter": "`sentinel1` in its section `ndvi`"}


def _facts(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    from fusion_assets.systems.ndvi.imagery_requests import facts_of

    assert region is not None
    return facts_of(study, settings, asset, region, int(year or 0))


def _series(site: Site) -> Iterator[Series]:
    from fusion_assets.systems.ndvi.imagery_requests import optics_request, radar_request, use_of
    from fusion_assets.systems.ndvi.section import years_of

    study, settings = site.study, site.settings
    yield Series("passes of sentinel2", partial(optics_request, study, settings), years_of(study))
    if use_of(study).sentinel1 is not None:  # the gaps of a year without radar are filled without it
        request = partial(radar_request, study, settings)
        yield Series("passes of sentinel1", request, years_of(study), optional=True)


def _section() -> SystemSection:
    from fusion_assets.systems.ndvi.section import NDVI_SECTION

    return NDVI_SECTION


def _results(site: Site) -> Iterator[tuple[str, str]]:
    from fusion_assets.storage.root import Storage
    from fusion_assets.systems.ndvi.imagery_requests import REPORT
    from fusion_assets.systems.ndvi.section import years_of

    storage = Storage(site.settings.storage)
    for region in site.study.regions:
        for year in years_of(site.study):
            path = storage.path(REPORT, region.name, year, "html")
            if storage.exists(path):
                yield "NDVI report", path


NDVI = System(
    name="ndvi",
    stages={"fill_ndvi": (_ASSETS, "Make a year's gap-free NDVI, from scenes to report.")},
    assets=_assets,
    yearly=("fill_ndvi",),
    lacking=_lacking,
    section=_section,
    facts=_facts,
    series=_series,
    results=_results,
)
