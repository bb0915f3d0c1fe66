"""The report as an asset: what it depends on, and how people get to it from the UI."""

from typing import Any

import dagster as dg

from fusion_assets.errors import FusionError
from fusion_assets.imagery.engines.protocol import Export, digest
from fusion_assets.orchestration.artifacts import Artifact, ArtifactIOManager, Stored
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.failures import explained
from fusion_assets.orchestration.partitions import EVERY_REGION, Partitions, by_year
from fusion_assets.orchestration.role_assets import EXPORT_ASSETS, roles_of
from fusion_assets.orchestration.values import Table
from fusion_assets.reports.server import report_url
from fusion_assets.study import Study
from fusion_assets.systems.built_up import versions

NAME = "built_up_report"


def report_asset(study: Study, partitions: Partitions, stored: Stored) -> dg.AssetsDefinition:
    """The report of each region."""
    exports = [EXPORT_ASSETS[role] for role in roles_of(study)]
    every_year = ["built_up_prediction", "fused_stack", "model_evaluation", *exports]
    last = ["built_up_trend", "built_up_change"]
    if study.features == "both":
        every_year.append("feature_ablation")
    several = len(study.regions) > 1
    all_years = dg.AssetIn(partition_mapping=partitions.to_region)

    @dg.asset(
        name=NAME,
        ins={**dict.fromkeys(every_year, all_years), **{name: dg.AssetIn() for name in last}},
        partitions_def=partitions.region,
        code_version=digest([NAME, versions.REPORT, study.title]),
        # It shows what was learnt in other regions where that is stored, and does not fail for them: no dependency.
        tags={EVERY_REGION: "true"} if several else {},
        required_resource_keys={"tables"},
        # It follows the trend, which comes last; all that it shows beside would only have it made several times.
        **stored("documents", "html") | {"automation_condition": automatic(*every_year, "built_up_change")},
    )
    def built_up_report(context: dg.AssetExecutionContext, **found: Any) -> dg.Output[str]:
        """**Everything about a region on one page**: maps to swipe between years, trend, change, evaluation, sources.

        One HTML file that opens anywhere without a network; the link works while `fusion ui` runs.
        """
        with explained():
            from fusion_assets.systems.built_up import report

            region = context.partition_key
            predictions, stacks = by_year(found["built_up_prediction"]), by_year(found["fused_stack"])
            ((evaluation, metrics),) = found["model_evaluation"].values()
            ablations = [figures for _, figures in found.get("feature_ablation", {}).values()]
            transfer = Artifact("region_transfer", region, str(study.label_year))
            subject = report.Subject(
                study=study.name,
                title=study.title,
                region=region,
                label_year=int(study.label_year or 0),
                digest=study.digest(),
                sensors="" if study.features == "both" else study.features,
            )
            page = report.build_report(
                subject,
                report.Findings(
                    predictions=predictions,
                    stacks={year: stacks[year] for year in predictions},
                    change=found["built_up_change"],
                    trend=found["built_up_trend"],
                    evaluation=(evaluation, metrics),
                    ablation=ablations[0] if ablations else None,
                    transfer=_transferred(context.resources.tables, transfer, evaluation) if several else None,
                    exports=[Export.from_dict(ticket) for name in exports for ticket in found[name].values()],
                ),
            )
            return dg.Output(
                page,
                data_version=dg.DataVersion(digest(page)),
                metadata={"report": dg.MetadataValue.url(report_url(NAME, region)), "bytes": len(page.encode())},
            )

    return built_up_report


def _transferred(manager: ArtifactIOManager, artifact: Artifact, evaluation: Table) -> dict[str, Any]:
    """Metrics of the model that learnt from other regions; empty where none are stored for the samples shown here."""
    try:
        table, metrics = manager.load(artifact)
    except FusionError:
        return {}
    columns = ["x", "y", "label"]
    same = table[columns].reset_index(drop=True).equals(evaluation[columns].reset_index(drop=True))
    return dict(metrics) if same else {}
