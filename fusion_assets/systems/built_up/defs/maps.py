"""The assets of system 1, from exports to yearly predictions."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.artifacts import Expected
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.failures import explained
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import Partitions, region_and_year
from fusion_assets.orchestration.role_assets import expected_facts, role_assets, roles_of, study_tags
from fusion_assets.orchestration.values import Raster, RasterFile, Table, TrainedModel
from fusion_assets.settings import Settings
from fusion_assets.study import Study
from fusion_assets.study.imagery_requests import PIXEL_ASSETS
from fusion_assets.systems.built_up import versions
from fusion_assets.systems.built_up.defs.accuracy import evaluation_assets
from fusion_assets.systems.built_up.defs.areas import trend_assets
from fusion_assets.systems.built_up.defs.checks import prediction_check_results, prediction_check_specs
from fusion_assets.systems.built_up.defs.publish import publish_assets
from fusion_assets.systems.built_up.defs.report import report_asset

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
            *evaluation_assets(study, settings, partitions, _stored),
            _built_up_prediction(study, partitions, facts),
            *trend_assets(study, settings, partitions, _stored, facts),
            report_asset(study, partitions, _stored),
            *publish_assets(study, settings, partitions, _stored),
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
    referred = {"night_lights": partitions.with_label} if study.lights_reference is not None else {}
    upstream = {
        PIXEL_ASSETS[role]: dg.AssetIn(PIXEL_ASSETS[role], partition_mapping=referred.get(role, partitions.same))
        for role in study.feature_roles
    }
    lit = "night_lights" in study.feature_roles
    cleaning = [versions.LIGHTS, study.digest("lights"), study.lights_reference] if lit else []
    code = digest(["fused_stack", versions.STACK, study.resolution, study.feature_names, *cleaning])

    @dg.asset(
        ins=upstream,
        partitions_def=partitions.every_year,
        code_version=code,
        **_stored("rasters", "geotiff"),
    )
    def fused_stack(context: dg.AssetExecutionContext, **composites: Any) -> dg.Output[RasterFile]:
        """The features of one year, optics and lights, **side by side on one grid**: what the model sees.

        Lights are cleaned on the way, every year against the label year; the metadata say what each step did.
        """
        with explained():
            from fusion_assets.storage.raster_writing import write_raster
            from fusion_assets.systems.built_up.features import lights, stack

            region, year = region_and_year(context.partition_key)
            done: dict[str, Any] = {}
            said: dict[str, str] = {}
            if lit:
                now, then = _lights_and_reference(composites[PIXEL_ASSETS["night_lights"]], context.partition_key)
                now, report, text = lights.cleaned(now, then, study.lights, study.resolution)
                composites[PIXEL_ASSETS["night_lights"]] = now
                said = {"lights": json.dumps(report)}
                done = {"lights": dg.MetadataValue.json(report), "lights_cleaned": dg.MetadataValue.md(text)}
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
            tags |= sources | said | facts("fused_stack", region, str(year))
            units = {
                band: study.use(role).recipe.unit for role in study.feature_roles for band in study.use(role).band_names
            }
            raster = write_raster(fused, nodata=float("nan"), tags=tags, units=units, region=study.polygon(region))
            metadata = {"scenes": scenes, **windows, **done}
            return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=metadata)

    return fused_stack


def _lights_and_reference(loaded: Any, partition: str) -> tuple[Raster, Raster | None]:
    """A year's lights and those of the reference year: a dict of both, or one that is its own reference."""
    if not isinstance(loaded, dict):
        return loaded, None
    own = loaded.pop(str(partition))
    return own, next(iter(loaded.values()))


def _training_samples(study: Study, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        ins={"fused_stack": dg.AssetIn(partition_mapping=partitions.same), "ghsl_labels": dg.AssetIn()},
        partitions_def=partitions.label_year,
        code_version=digest(["training_samples", versions.SAMPLES, study.feature_names]),
        **_stored("tables", "parquet"),
    )
    def training_samples(
        context: dg.AssetExecutionContext, fused_stack: Raster, ghsl_labels: Raster
    ) -> dg.Output[Table]:
        """Every **labelled pixel** with all its features, and the spatial block and fold it belongs to.

        Pixels dropped for want of a label or a feature are counted in the metadata.
        """
        with explained():
            from fusion_assets.systems.built_up.features import samples

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
        code_version=digest(["built_up_model", versions.CLASSIFIER, study.feature_names]),
        **_stored("models", "keras"),
    )
    def built_up_model(
        context: dg.AssetExecutionContext, fused_stack: Raster, training_samples: Table
    ) -> dg.Output[TrainedModel]:
        """The **classifier**: five networks averaged in one graph, trained on all samples of the label year."""
        with explained():
            from fusion_assets.systems.built_up.model import classifier

            model = classifier.train(training_samples, fused_stack, study.feature_names)
            return dg.Output(model, data_version=dg.DataVersion(model.digest), metadata=readable(model.card))

    return built_up_model


def _built_up_prediction(study: Study, partitions: Partitions, facts: Expected) -> dg.AssetsDefinition:
    code = digest(["built_up_prediction", versions.PREDICTION, versions.CLASSIFIER, study.feature_names])

    @dg.asset(
        ins={
            "fused_stack": dg.AssetIn(partition_mapping=partitions.same),
            "built_up_model": dg.AssetIn(partition_mapping=partitions.to_label),
            "model_evaluation": dg.AssetIn(partition_mapping=partitions.to_label),
        },
        partitions_def=partitions.prediction_years,
        code_version=code,
        check_specs=prediction_check_specs(partitions),
        **_stored("rasters", "geotiff"),
    )
    def built_up_prediction(
        context: dg.AssetExecutionContext,
        fused_stack: Raster,
        built_up_model: TrainedModel,
        model_evaluation: tuple[Table, dict],
    ) -> Iterator[dg.Output[RasterFile] | dg.AssetCheckResult]:
        """The **map of built-up land** of one year: probability, and yes or no at the threshold of the evaluation."""
        with explained():
            from fusion_assets.evaluation import drift
            from fusion_assets.storage.raster_writing import open_raster, write_raster
            from fusion_assets.systems.built_up.model import prediction

            region, year = region_and_year(context.partition_key)
            table, metrics = model_evaluation
            threshold = float(metrics["threshold"])
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
            written = open_raster(raster.path)
            area = prediction.built_up_km2(written)
            moved = drift.feature_drift(metrics.get("features", {}), fused_stack, table)
            differs = drift.disagreement(written[prediction.BUILT_UP], table)
            scenes = int(fused_stack.attrs.get("scene_count") or 0)
            metadata = {
                "built_up_km2": area,
                "threshold": threshold,
                "scenes": scenes,
                "largest_psi": max((found["psi"] for found in moved.values()), default=None),
                "differs_from_labels": differs.get("disagree"),
                "feature_drift": moved,
            }
            yield dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=readable(metadata))
            yield from prediction_check_results(moved, differs)

    return built_up_prediction
