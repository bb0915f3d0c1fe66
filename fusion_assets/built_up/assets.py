"""The assets of system 1, from exports to yearly predictions.

Belongs here: which asset depends on which, its partitions, and what people see of it. Does not: how anything is
computed (the other modules of this room, and `imagery`), how it is stored (`io_managers.py`).
"""

from typing import Any

import dagster as dg
import pandas as pd
import xarray as xr

from fusion_assets.artifacts import Expected
from fusion_assets.automation import automatic
from fusion_assets.built_up import classifier, evaluation, prediction, samples, stack
from fusion_assets.failures import explained
from fusion_assets.imagery.exports import digest
from fusion_assets.imagery.rasters import RasterFile, open_raster, write_raster
from fusion_assets.metadata import readable
from fusion_assets.partitions import Partitions, region_and_year
from fusion_assets.requests import PIXEL_ASSETS
from fusion_assets.role_assets import expected_facts, role_assets, roles_of, study_tags
from fusion_assets.settings import Settings
from fusion_assets.study import Study

GROUP = "built_up"


def built_up_assets(study: Study, settings: Settings, partitions: Partitions) -> list[dg.AssetsDefinition]:
    """All assets of this system that the study's features and products need."""
    assets = [a for role in roles_of(study) for a in role_assets(role, study, settings, partitions, GROUP)]
    facts = expected_facts(study, settings)
    assets.append(_fused_stack(study, partitions, facts))
    if study.products.labels:
        assets += [
            _training_samples(study, partitions),
            _built_up_model(study, partitions),
            _model_evaluation(study, partitions),
            _built_up_prediction(study, partitions, facts),
        ]
    return assets


def _stored(io_manager: str, kind: str) -> dict[str, Any]:
    """What all assets from the stack on share."""
    return {
        "io_manager_key": io_manager,
        "group_name": GROUP,
        "kinds": {kind},
        "automation_condition": automatic(),
    }


def _fused_stack(study: Study, partitions: Partitions, facts: Expected) -> dg.AssetsDefinition:
    upstream = {
        PIXEL_ASSETS[role]: dg.AssetIn(PIXEL_ASSETS[role], partition_mapping=partitions.same)
        for role in study.feature_roles
    }

    code = digest(["fused_stack", stack.VERSION, study.resolution, study.feature_names])

    @dg.asset(
        ins=upstream,
        partitions_def=partitions.every_year,
        code_version=code,
        **_stored("rasters", "geotiff"),
    )
    def fused_stack(context: dg.AssetExecutionContext, **composites: xr.Dataset) -> dg.Output[RasterFile]:
        """The features of one year, optics and lights, **side by side on one grid**: what the model sees."""
        with explained():
            region, year = region_and_year(context.partition_key)
            fused = stack.fuse(composites, study.feature_names, study.grid(region))
            windows: dict[str, Any] = {
                role: "/".join(map(str, study.window(role, year))) for role in study.feature_roles
            }
            scenes = sum(int(raster.attrs.get("scene_count", 0)) for raster in composites.values())
            sources = {
                tag: " ".join(sorted({str(raster.attrs.get(tag, "")) for raster in composites.values()}))
                for tag in ("product", "engine")
            }
            tags = study_tags(study, region=region, year=year, scene_count=scenes, code_version=code, **windows)
            tags |= sources | facts("fused_stack", region, str(year))
            units = {
                band: study.use(role).recipe.unit for role in study.feature_roles for band in study.use(role).band_names
            }
            raster = write_raster(fused, nodata=float("nan"), tags=tags, units=units, region=study.polygon(region))
            return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata={"scenes": scenes, **windows})

    return fused_stack


def _training_samples(study: Study, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        ins={"fused_stack": dg.AssetIn(partition_mapping=partitions.same), "ghsl_labels": dg.AssetIn()},
        partitions_def=partitions.label_year,
        code_version=digest(["training_samples", samples.VERSION, study.feature_names]),
        **_stored("tables", "parquet"),
    )
    def training_samples(
        context: dg.AssetExecutionContext, fused_stack: xr.Dataset, ghsl_labels: xr.Dataset
    ) -> dg.Output[pd.DataFrame]:
        """Every **labelled pixel** with all its features, and the spatial block and fold it belongs to.

        Pixels dropped for want of a label or a feature are counted in the metadata.
        """
        with explained():
            table, report = samples.draw_samples(fused_stack, ghsl_labels, study.feature_names)
            return dg.Output(
                table,
                data_version=dg.DataVersion(samples.samples_digest(table)),
                metadata=readable(report),
            )

    return training_samples


def _built_up_model(study: Study, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        ins={"fused_stack": dg.AssetIn(partition_mapping=partitions.same), "training_samples": dg.AssetIn()},
        partitions_def=partitions.label_year,
        code_version=digest(["built_up_model", classifier.VERSION, study.feature_names]),
        **_stored("models", "keras"),
    )
    def built_up_model(
        context: dg.AssetExecutionContext, fused_stack: xr.Dataset, training_samples: pd.DataFrame
    ) -> dg.Output[classifier.TrainedModel]:
        """The **classifier**: five networks averaged in one graph, trained on all samples of the label year."""
        with explained():
            model = classifier.train(training_samples, fused_stack, study.feature_names)
            return dg.Output(model, data_version=dg.DataVersion(model.digest), metadata=readable(model.card))

    return built_up_model


def _model_evaluation(study: Study, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        ins={"fused_stack": dg.AssetIn(partition_mapping=partitions.same), "training_samples": dg.AssetIn()},
        partitions_def=partitions.label_year,
        code_version=digest(["model_evaluation", evaluation.VERSION, classifier.VERSION, study.feature_names]),
        **_stored("tables", "parquet"),
    )
    def model_evaluation(
        context: dg.AssetExecutionContext, fused_stack: xr.Dataset, training_samples: pd.DataFrame
    ) -> dg.Output[tuple[pd.DataFrame, dict]]:
        """How good the model is **away from where it was trained**: out-of-fold predictions of spatial blocks.

        A random forest on the same folds, the majority answer and the prevalence stand beside it. The threshold that
        predictions use is chosen here.
        """
        with explained():
            table, metrics = evaluation.evaluate(training_samples, fused_stack, study.feature_names)
            return dg.Output(
                (table, metrics),
                data_version=dg.DataVersion(digest(metrics)),
                metadata=readable(evaluation.summary(metrics)),
            )

    return model_evaluation


def _built_up_prediction(study: Study, partitions: Partitions, facts: Expected) -> dg.AssetsDefinition:
    code = digest(["built_up_prediction", prediction.VERSION, classifier.VERSION, study.feature_names])

    @dg.asset(
        ins={
            "fused_stack": dg.AssetIn(partition_mapping=partitions.same),
            "built_up_model": dg.AssetIn(partition_mapping=partitions.to_label),
            "model_evaluation": dg.AssetIn(partition_mapping=partitions.to_label),
        },
        partitions_def=partitions.prediction_years,
        code_version=code,
        **_stored("rasters", "geotiff"),
    )
    def built_up_prediction(
        context: dg.AssetExecutionContext,
        fused_stack: xr.Dataset,
        built_up_model: classifier.TrainedModel,
        model_evaluation: tuple[pd.DataFrame, dict],
    ) -> dg.Output[RasterFile]:
        """The **map of built-up land** of one year: probability, and yes or no at the threshold of the evaluation."""
        with explained():
            region, year = region_and_year(context.partition_key)
            threshold = float(model_evaluation[1]["threshold"])
            mapped = prediction.predict(built_up_model, fused_stack, threshold, study.polygon(region))
            tags = study_tags(
                study,
                region=region,
                year=year,
                threshold=threshold,
                model=built_up_model.digest,
                code_version=code,
                **{tag: fused_stack.attrs.get(tag, "") for tag in ("scene_count", "product", "engine")},
            )
            tags |= facts("built_up_prediction", region, str(year))
            raster = write_raster(
                mapped,
                nodata=float("nan"),
                tags=tags,
                units={"probability": "1", "built_up": "1"},
                region=study.polygon(region),
            )
            area = prediction.built_up_km2(open_raster(raster.path))
            scenes = int(fused_stack.attrs.get("scene_count") or 0)
            metadata = {"built_up_km2": area, "threshold": threshold, "scenes": scenes}
            return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=metadata)

    return built_up_prediction
