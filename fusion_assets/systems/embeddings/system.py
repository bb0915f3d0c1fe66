"""Coincident patches of radar and optics, and their embeddings, as the shared rooms know them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from fusion_assets.orchestration.system import Series, System
from fusion_assets.systems.embeddings.similar_command import SIMILAR

if TYPE_CHECKING:
    import dagster as dg

    from fusion_assets.orchestration.site import Site
    from fusion_assets.publishing.publication import Publication
    from fusion_assets.settings import Settings
    from fusion_assets.study import Study
    from fusion_assets.study.sections import SystemSection

_STAGES = {
    "plan_patches": (("patch_plan",), "Draw places, and choose the scenes of their patches."),
    "fetch_patches": (("patches", "patch_index"), "Cut patches out of their scenes, shard by shard, and list them."),
    "learn_embeddings": (("encoder",), "Train an encoder without labels."),
    "embed_patches": (("embedding_vectors", "embedding_index"), "Embed every patch."),
}
_LABELLED = {
    "label_patches": (("labelled_patches",), "Say what lies in every patch."),
    "judge_embeddings": (("embedding_evaluation",), "Put the encoder beside what nobody has trained."),
    "report_embeddings": (("embeddings_report",), "Write the report on what the encoder is worth."),
}
_MAPPED = {
    "request_embedding_imagery": (
        ("embedding_sentinel2_export", "embedding_sentinel1_export"),
        "Ask the engine for optics and radar of a region that is mapped.",
    ),
    "collect_embedding_imagery": (("embedding_sentinel2", "embedding_sentinel1"), "Collect optics and radar."),
    "map_embeddings": (("embedding_map",), "Map embeddings."),
    "publish_embeddings": (("embeddings_catalog",), "Write the STAC catalog of the maps."),
}
_STAGES_OF_ALL = {**_STAGES, **_LABELLED, **_MAPPED}


def _assets(site: Site) -> list[dg.AssetsDefinition]:
    from fusion_assets.systems.embeddings.defs.corpus import corpus_assets
    from fusion_assets.systems.embeddings.defs.learning import learning_assets
    from fusion_assets.systems.embeddings.defs.plan import plan_asset
    from fusion_assets.systems.embeddings.defs.report import report_assets
    from fusion_assets.systems.embeddings.section import use_of

    found = [plan_asset(site), *corpus_assets(site), *learning_assets(site), *report_assets(site)]
    if not use_of(site.study).maps:
        return found
    from fusion_assets.systems.embeddings.defs.maps import map_assets

    return [*found, *map_assets(site)]


def _lacking(study: Study) -> Mapping[str, str]:
    section = study.section("embeddings")
    if section is None:
        names = [name for assets, _ in _STAGES_OF_ALL.values() for name in assets]
        return dict.fromkeys(("embeddings", *names), "a section `embeddings`")
    mapped = [name for assets, _ in _MAPPED.values() for name in assets]
    lacking = {} if section.maps else dict.fromkeys(mapped, "`maps` in its section `embeddings`")
    labels = section.labels
    if labels.corine is not None or labels.land_cover is not None:
        return lacking
    judged = ("embedding_evaluation", "embeddings_report")
    lacking |= dict.fromkeys(judged, "`corine` or `land_cover` in `labels` of its section `embeddings`")
    return lacking if labels.osm else lacking | {"labelled_patches": "`labels` in its section `embeddings`"}


def _section() -> SystemSection:
    from fusion_assets.systems.embeddings.study_section import EMBEDDINGS_SECTION

    return EMBEDDINGS_SECTION


def _facts(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    from fusion_assets.systems.embeddings.imagery_requests import facts_of

    return facts_of(study, settings, asset, region, year)


def _series(site: Site) -> Iterator[Series]:
    from fusion_assets.systems.embeddings.imagery_requests import optics_request, radar_request
    from fusion_assets.systems.embeddings.section import map_years, use_of

    study, settings, regions = site.study, site.settings, use_of(site.study).maps
    if regions:
        years = map_years(study)
        yield Series("optics of maps", partial(optics_request, study, settings), years, regions=regions)
        yield Series("radar of maps", partial(radar_request, study, settings), years, regions=regions)


def _publications() -> tuple[Publication, ...]:
    from fusion_assets.systems.embeddings.publication import MAPS

    return (MAPS,)


def _summary(site: Site, synthetic: bool) -> str:
    from fusion_assets.systems.embeddings.summary import summary

    return summary(site.settings)


def _results(site: Site) -> Iterator[tuple[str, str]]:
    from fusion_assets.systems.embeddings.summary import report_path

    if path := report_path(site.settings):
        yield "embeddings report", path


EMBEDDINGS = System(
    name="embeddings",
    stages=_STAGES_OF_ALL,
    assets=_assets,
    lacking=_lacking,
    section=_section,
    facts=_facts,
    series=_series,
    publications=_publications,
    summary=_summary,
    commands=(SIMILAR,),
    results=_results,
    working=("patch_plan_notes", "patch_journals", "encoder_states"),
)
