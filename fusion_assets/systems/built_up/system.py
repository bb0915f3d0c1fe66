"""Yearly maps of built-up land, as the shared rooms know them."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING

from fusion_assets.orchestration.system import REGIONS, YEARS, Command, Look, System

if TYPE_CHECKING:
    import dagster as dg

    from fusion_assets.orchestration.site import Site
    from fusion_assets.publishing.publication import Publication
    from fusion_assets.settings import Settings
    from fusion_assets.study import Role, Study

_STAGES = {
    "request_labels": (("ghsl_export",), "Ask the engine for a region's settlement labels."),
    "make_labels": (("ghsl_labels",), "Collect the settlement labels."),
    "fuse": (("fused_stack",), "Put the features of one year side by side."),
    "train": (("training_samples", "built_up_model", "model_evaluation"), "Train and evaluate a region's model."),
    "ablate": (("feature_ablation",), "Say what each sensor contributes."),
    "transfer": (("region_transfer",), "Say how well regions never seen are mapped; needs all regions' samples."),
    "predict": (("built_up_prediction",), "Map built-up land of one year."),
    "compare": (("built_up_trend", "built_up_change"), "Compare the years of a region."),
    "map_rivals": (("rival_maps",), "Bring other people's maps of one year onto the region's grid."),
    "compare_maps": (("map_comparison",), "Compare other people's maps with ours, and judge all by the sample."),
    "publish": (
        ("built_up_report", "built_up_catalog", "built_up_change_catalog"),
        "Write a region's report, and the STAC catalog of its maps.",
    ),
}


def _assets(site: Site) -> list[dg.AssetsDefinition]:
    from fusion_assets.systems.built_up.defs.accuracy import accuracy_assets
    from fusion_assets.systems.built_up.defs.areas import area_assets
    from fusion_assets.systems.built_up.defs.labels import label_assets
    from fusion_assets.systems.built_up.defs.maps import map_assets
    from fusion_assets.systems.built_up.defs.report import report_assets
    from fusion_assets.systems.built_up.defs.rivals import rival_assets

    kinds = label_assets, map_assets, accuracy_assets, area_assets, rival_assets, report_assets
    return [asset for assets in kinds for asset in assets(site)]


def _publications() -> tuple[Publication, ...]:
    from fusion_assets.systems.built_up.publication import CHANGE, MAPS

    return MAPS, CHANGE


def _checks(site: Site) -> list[dg.AssetChecksDefinition]:
    from fusion_assets.systems.built_up.defs.checks import built_up_checks

    return built_up_checks(site)


def _lacking(study: Study) -> Mapping[str, str]:
    from fusion_assets.study.features import smaller_choices

    needs = {}
    if study.products.labels is None:
        learnt = {name for names, _ in _STAGES.values() for name in names} - {"fused_stack"}
        needs = dict.fromkeys(learnt, "settlement labels (`products.labels`), which maps are learnt from")
    if not study.rivals:
        needs |= dict.fromkeys(("rival_maps", "map_comparison"), "maps of others to compare with (`rivals`)")
    if not smaller_choices(study.features):
        needs["feature_ablation"] = "`features: both`: it compares two sensors, and this study uses one"
    if len(study.regions) == 1:
        needs["region_transfer"] = "several regions: it says how well a region never seen is mapped"
    return needs


def _roles(study: Study) -> tuple[Role, ...]:
    return study.feature_roles


def _facts(study: Study, settings: Settings, asset: str, region: str | None, year: int | None) -> dict[str, str]:
    from fusion_assets.systems.built_up.provenance import facts

    assert region is not None
    return facts(study, settings, asset, region, year)


def _looks(site: Site) -> Iterator[Look]:
    if site.study.products.labels is not None:
        from fusion_assets.systems.built_up.defs.label_counts import count_labels

        work = partial(count_labels, site.study, site.settings)
        yield Look("labels", work, ("scenes of labels", "projections"), engines=("archive",))
    if site.study.reference_sample is not None:
        from fusion_assets.systems.built_up.areas.reference import count_points

        yield Look("reference sample", partial(count_points, site.study, site.settings.archive))


def _summary(site: Site, synthetic: bool) -> str:
    from fusion_assets.systems.built_up.summary import summary, truth_areas

    return summary(site.study, site.settings, truth_areas(site.study, site.settings) if synthetic else None)


def _results(site: Site) -> Iterator[tuple[str, str]]:
    from fusion_assets.systems.built_up.summary import reports, write_maps

    yield from (("maps", path) for path in write_maps(site.study, site.settings))
    yield from (("report", path) for path in reports(site.study, site.settings))


def _export(site: Site, options: Namespace) -> str:
    from fusion_assets.systems.built_up.area_table import export_areas

    return export_areas(site, options.output, options.region, options.years, options.force)


def _sample(site: Site, options: Namespace) -> str:
    from fusion_assets.systems.built_up.areas.sample_sheet import write_sample

    chosen = {"region": options.region, "map_path": options.map, "year": options.year}
    drawn = {"points": options.points, "seed": options.seed}
    return write_sample(site.study, site.settings, options.output, **chosen, **drawn)


_EXPORT = Command(
    "export",
    "write built-up area per region and year, and its changes, as GeoPackage, CSV or Parquet",
    (
        (("output",), {"metavar": "OUT.gpkg|OUT.csv|OUT.parquet", "help": "file to write"}),
        REGIONS,
        YEARS,
        (("--force",), {"action": "store_true", "help": "replace a file that exists"}),
    ),
    _export,
    "fusion export areas.gpkg; fusion export areas.csv --region nairobi --years 2018-2020 --force",
)
_SAMPLE = Command(
    "sample",
    "draw points for people to interpret, stratified by a map",
    (
        (("output",), {"metavar": "OUT.csv|OUT.parquet", "help": "table to write, labels empty"}),
        (("--region",), {"metavar": "R", "help": "by default the study's only region"}),
        (("--map",), {"metavar": "PATH", "help": "GeoTIFF on the region's grid with a band `built_up`"}),
        (("--year",), {"type": int, "metavar": "Y", "help": "instead of --map: the stored map of this year"}),
        (("--points",), {"type": int, "default": 400, "metavar": "N"}),
        (("--seed",), {"type": int, "default": 0, "metavar": "S", "help": "the same seed draws the same points"}),
    ),
    _sample,
    "fusion sample --year 2019 --points 400 --seed 1 points.csv",
)
BUILT_UP = System(
    name="built_up",
    stages=_STAGES,
    assets=_assets,
    checks=_checks,
    publications=_publications,
    lacking=_lacking,
    roles=_roles,
    facts=_facts,
    looks=_looks,
    summary=_summary,
    folders=("maps",),
    results=_results,
    commands=(_EXPORT, _SAMPLE),
)
