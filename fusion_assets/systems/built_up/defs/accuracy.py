"""How good the maps are, as assets: out of fold, by sensor, and in regions never seen."""

from typing import TYPE_CHECKING

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import EVERY_REGION, key_of, region_and_year
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, Table
from fusion_assets.study.features import smaller_choices
from fusion_assets.systems.built_up import versions

if TYPE_CHECKING:
    import numpy as np


def accuracy_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The evaluation, the ablation where a study fuses features, the transfer where it has several regions."""
    if site.study.products.labels is None:
        return []
    assets = [_model_evaluation(site)]
    if smaller_choices(site.study.features):
        assets.append(_feature_ablation(site))
    if len(site.study.regions) > 1:
        assets.append(_region_transfer(site))
    return assets


def _model_evaluation(site: Site) -> dg.AssetsDefinition:
    study = site.study

    @site.asset(
        "tables",
        site.partitions.label_year,
        [versions.EVALUATION, versions.CLASSIFIER, study.feature_names, *versions.learner(study)],
        ins={"fused_stack": dg.AssetIn(partition_mapping=site.partitions.same)},
        automation_condition=automatic(),
    )
    def model_evaluation(
        region: str, year: int, fused_stack: Raster, training_samples: Table
    ) -> dg.Output[tuple[Table, dict]]:
        """How good the model is **away from where it was trained**: out-of-fold predictions of spatial blocks.

        Two random forests on the same folds (one sees the pixel alone, one the neighbourhood as the model does), the
        majority answer and the prevalence stand beside it, and every figure has a 95 % interval from resampled blocks.
        The threshold that predictions use is chosen here. Agreement with labels is not accuracy on the ground; on a
        synthetic archive the same figures against its truth stand beside.
        """
        from fusion_assets.reports import agreement_figures as figures
        from fusion_assets.reports.figures import as_markdown
        from fusion_assets.systems.built_up.accuracy import evaluation

        table, metrics = evaluation.evaluate(training_samples, fused_stack, study.feature_names, model=study.model)
        grid = study.grid(region)
        known = _truth(site, region, year, table)
        if known is not None:
            metrics["truth"] = evaluation.against_truth(table, known)
        pictures = {
            "Reliability, out of fold, with 95 % intervals": figures.reliability_png(metrics, "built-up"),
            "Precision and recall over all thresholds, out of fold": figures.precision_recall_png(table, metrics),
            "Where it errs, out of fold": figures.error_map_png(table, grid, "built-up"),
        }
        return dg.Output(
            (table, metrics),
            data_version=dg.DataVersion(digest(metrics)),
            metadata={
                **readable(evaluation.summary(metrics)),
                "errors_by_class": dg.MetadataValue.table(_records(evaluation.class_rows(metrics))),
                "pictures": dg.MetadataValue.md(as_markdown(pictures)),
            },
        )

    return model_evaluation


def _truth(site: Site, region: str, year: int, table: Table) -> "np.ndarray | None":
    """The truth at the samples, where everything the study reads is one synthetic archive."""
    study, settings = site.study, site.settings
    elsewhere = any(study.use(role).archive for role in study.products.given())
    if settings.engine != "archive" or elsewhere:
        return None
    from fusion_assets.demo.truth import truth_at

    return truth_at(settings.archive, year, table, study.grid(region), study.polygon(region))


def _records(rows: list[dict]) -> list[dg.TableRecord]:
    return [dg.TableRecord(row) for row in rows]


def _feature_ablation(site: Site) -> dg.AssetsDefinition:
    whole = site.study.features
    sets = {choice: site.study.names_of(choice) for choice in (whole, *smaller_choices(whole))}

    @site.asset(
        "tables",
        site.partitions.label_year,
        [versions.ABLATION, versions.EVALUATION, versions.CLASSIFIER, sets, *versions.learner(site.study)],
        ins={"fused_stack": dg.AssetIn(partition_mapping=site.partitions.same)},
        automation_condition=automatic(),
    )
    def feature_ablation(
        fused_stack: Raster, training_samples: Table, model_evaluation: tuple[Table, dict]
    ) -> dg.Output[tuple[Table, dict]]:
        """What **each sensor contributes**, and an embedding beside them: out-of-fold predictions of smaller choices.

        On the folds of the evaluation: MCC and average precision with 95 % block-bootstrap intervals, and the paired
        difference to all features together.
        """
        from fusion_assets.reports.figures import as_markdown
        from fusion_assets.systems.built_up.accuracy import ablation
        from fusion_assets.systems.built_up.accuracy.ablation_figure import ablation_png

        table, found = ablation.ablate_features(
            training_samples, fused_stack, whole, sets, model_evaluation[0], model=site.study.model
        )
        shown = {f"mcc_{name.replace('+', '_')}": entry["mcc"] for name, entry in found["sets"].items()}
        picture = {"MCC and average precision by features, with 95 % intervals": ablation_png(found)}
        return dg.Output(
            (table, found),
            data_version=dg.DataVersion(digest(found)),
            metadata={
                **readable(shown),
                "prevalence": found["prevalence"],
                "table": dg.MetadataValue.table(_records(ablation.ablation_rows(found))),
                "picture": dg.MetadataValue.md(as_markdown(picture)),
            },
        )

    return feature_ablation


def _region_transfer(site: Site) -> dg.AssetsDefinition:
    study = site.study
    # Of every region: its label year. Each partition rests on all of them.
    everywhere = dg.SpecificPartitionsPartitionMapping(
        [key_of(region.name, int(study.label_year or 0)) for region in study.regions]
    )

    @site.asset(
        "tables",
        site.partitions.label_year,
        [versions.TRANSFER, versions.CLASSIFIER, study.feature_names, *versions.learner(study)],
        ins={
            "fused_stack": dg.AssetIn(partition_mapping=everywhere),
            "training_samples": dg.AssetIn(partition_mapping=everywhere),
            "model_evaluation": dg.AssetIn(partition_mapping=site.partitions.same),
        },
        tags={EVERY_REGION: "true"},
        automation_condition=automatic(),
    )
    def region_transfer(
        region: str,
        fused_stack: dict[str, Raster],
        training_samples: dict[str, Table],
        model_evaluation: tuple[Table, dict],
    ) -> dg.Output[tuple[Table, dict]]:
        """How well **a region the model has never seen** is mapped: learnt from all other regions of the study.

        A random forest that learnt from the same samples and the majority answer stand beside it, and what being a
        stranger costs against the evaluation within the region.
        """
        from fusion_assets.reports import agreement_figures as figures
        from fusion_assets.reports.figures import as_markdown
        from fusion_assets.systems.built_up.accuracy import evaluation, transfer

        table, metrics = transfer.transfer(
            region,
            {region_and_year(key)[0]: value for key, value in training_samples.items()},
            {region_and_year(key)[0]: value for key, value in fused_stack.items()},
            study.feature_names,
            local=model_evaluation[0],
            model=study.model,
        )
        cost = metrics.get("minus_local", {}).get("mcc", {})
        pictures = {
            "Reliability in a region never seen, with 95 % intervals": figures.reliability_png(metrics, "built-up"),
            "Where it errs": figures.error_map_png(table, study.grid(region), "built-up"),
        }
        return dg.Output(
            (table, metrics),
            data_version=dg.DataVersion(digest(metrics)),
            metadata={
                **readable(evaluation.summary(metrics) | {"mcc_minus_local": cost.get("value")}),
                "pictures": dg.MetadataValue.md(as_markdown(pictures)),
            },
        )

    return region_transfer
