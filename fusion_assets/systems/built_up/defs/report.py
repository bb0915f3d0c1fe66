"""What people are given: a region's report."""

import datetime as dt
from typing import Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Export, digest
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.partitions import EVERY_REGION, by_year
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table
from fusion_assets.reports.server import report_url
from fusion_assets.study.features import smaller_choices
from fusion_assets.study.provenance import EXPORT_ASSETS, roles_of
from fusion_assets.systems.built_up import versions

REPORT = "built_up_report"


def report_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The report of each region."""
    return [_built_up_report(site)] if site.study.products.labels is not None else []


def _built_up_report(site: Site) -> dg.AssetsDefinition:
    study = site.study
    exports = [EXPORT_ASSETS[role] for role in roles_of(study)]
    every_year = ["built_up_prediction", "fused_stack", "model_evaluation", *exports]
    last = ["built_up_trend", "built_up_change"]
    if smaller_choices(study.features):
        every_year.append("feature_ablation")
    several = len(study.regions) > 1
    all_years = dg.AssetIn(partition_mapping=site.partitions.to_region)

    @site.asset(
        "documents",
        site.partitions.region,
        [versions.REPORT, study.title, *study.titles],
        ins={**dict.fromkeys(every_year, all_years), **{name: dg.AssetIn() for name in last}},
        kinds={"html"},
        # It shows what was learnt in other regions where that is stored, and does not fail for them: no dependency.
        tags={EVERY_REGION: "true"} if several else {},
        # It follows the trend, which comes last; all that it shows beside would only have it made several times.
        automation_condition=automatic(*every_year, "built_up_change"),
    )
    def built_up_report(region: str, **inputs: Any) -> dg.Output[str]:
        """**Everything about a region on one page**: maps to swipe between years, trend, change, evaluation, sources.

        One HTML file that opens anywhere without a network; the link works while `fusion ui` runs.
        """
        from fusion_assets.systems.built_up import report

        made = dt.datetime.now(dt.UTC).date().isoformat()
        predictions, stacks = by_year(inputs["built_up_prediction"]), by_year(inputs["fused_stack"])
        ((evaluation, metrics),) = inputs["model_evaluation"].values()
        ablations = [figures for _, figures in inputs.get("feature_ablation", {}).values()]
        vectors = study.vectors
        subject = report.Subject(
            study=study.name,
            title=study.title,
            region=study.region(region).called,
            label_year=int(study.label_year or 0),
            digest=study.digest(),
            made=made,
            sensors="" if smaller_choices(study.features) else study.features,
            beside=tuple((name, *vectors.span(year)) for name in vectors.products for year in study.years)
            if vectors is not None
            else (),
        )
        page = report.build_report(
            subject,
            report.Findings(
                predictions=predictions,
                stacks={year: stacks[year] for year in predictions},
                change=inputs["built_up_change"],
                trend=inputs["built_up_trend"],
                evaluation=(evaluation, metrics),
                ablation=ablations[0] if ablations else None,
                transfer=_transferred(site, region, evaluation) if several else None,
                exports=[Export.from_dict(ticket) for name in exports for ticket in inputs[name].values()],
            ),
        )
        return dg.Output(
            page,
            # The same page on another day is the same page.
            data_version=dg.DataVersion(digest(page.replace(made, ""))),
            metadata={"report": dg.MetadataValue.url(report_url(REPORT, region)), "bytes": len(page.encode())},
        )

    return built_up_report


def _transferred(site: Site, region: str, evaluation: Table) -> dict[str, Any]:
    """Metrics of the model that learnt from other regions; empty where none are stored for the samples shown here."""
    try:
        table, metrics = site.load("tables", "region_transfer", region, site.study.label_year)
    except FusionError:
        return {}
    columns = ["x", "y", "label"]
    same = table[columns].reset_index(drop=True).equals(evaluation[columns].reset_index(drop=True))
    return dict(metrics) if same else {}
