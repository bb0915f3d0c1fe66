"""The assets that lead to yearly maps of built-up land: stack, samples, model, prediction."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, RasterFile, Table, TrainedModel
from fusion_assets.study.imagery_requests import PIXEL_ASSETS
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.built_up import versions
from fusion_assets.systems.built_up.defs.checks import prediction_check_results, prediction_check_specs
from fusion_assets.systems.built_up.palettes import PALETTES


def map_assets(site: Site) -> list[dg.AssetsDefinition]:
    """The stack; with labels also what is learnt from it, and the maps."""
    if site.study.products.labels is None:
        return [_fused_stack(site)]
    return [_fused_stack(site), _training_samples(site), _built_up_model(site), _built_up_prediction(site)]


def _fused_stack(site: Site) -> dg.AssetsDefinition:
    study, partitions = site.study, site.partitions
    referred = {"night_lights": partitions.with_label} if study.lights_reference is not None else {}
    upstream = {
        PIXEL_ASSETS[role]: dg.AssetIn(PIXEL_ASSETS[role], partition_mapping=referred.get(role, partitions.same))
        for role in study.feature_roles
    }
    vectors = study.vectors
    if vectors is not None:
        upstream[vectors.asset] = dg.AssetIn(vectors.asset, partition_mapping=partitions.same)
    lit = "night_lights" in study.feature_roles
    cleaning = [versions.LIGHTS, study.digest("lights"), study.lights_reference] if lit else []
    code = [versions.STACK, study.resolution, study.feature_names, *cleaning]

    @site.asset("rasters", partitions.every_year, code, ins=upstream, automation_condition=automatic())
    def fused_stack(region: str, year: int, code_version: str, **composites: Any) -> dg.Output[RasterFile]:
        """The features of one year, optics and lights, **side by side on one grid**: what the model sees.

        Lights are cleaned on the way, every year against the label year; the metadata say what each step did. An
        embedding that the study maps itself is averaged onto the grid.
        """
        from fusion_assets.storage.raster_writing import write_raster
        from fusion_assets.systems.built_up.features import embedding, lights, stack

        done: dict[str, Any] = {}
        said: dict[str, str] = {}
        if lit:
            now, then = _lights_and_reference(composites[PIXEL_ASSETS["night_lights"]], f"{region}|{year}")
            now, report, text = lights.cleaned(now, then, study.lights, study.resolution)
            composites[PIXEL_ASSETS["night_lights"]] = now
            said = {"lights": json.dumps(report)}
            done = {"lights": dg.MetadataValue.json(report), "lights_cleaned": dg.MetadataValue.md(text)}
        attributes = [raster.attrs for raster in composites.values()]
        if vectors is not None:
            held, grid = composites[vectors.asset], study.grid(region)
            composites[vectors.asset] = embedding.vectors_on(held, vectors, grid, study.min_valid_share)
        fused = stack.fuse(composites, study.feature_names, study.grid(region))
        windows: dict[str, Any] = {role: "/".join(map(str, study.window(role, year))) for role in study.feature_roles}
        if vectors is not None:
            windows["embedding"] = "/".join(map(str, vectors.span(year)))
        scenes = sum(int(each.get("scene_count", 0)) for each in attributes)
        sources = {
            tag: " ".join(sorted({name for each in attributes for name in str(each.get(tag, "")).split(" ")}))
            for tag in ("product", "engine")
        }
        tags = study_tags(study, region=region, year=year, scene_count=scenes, code_version=code_version, **windows)
        tags |= sources | said | site.facts("fused_stack", region, str(year))
        units = {
            band: study.use(role).recipe.numbers(band).unit
            for role in study.feature_roles
            for band in study.use(role).band_names
        } | dict.fromkeys(vectors.bands if vectors is not None else (), "1")
        raster = write_raster(fused, nodata=float("nan"), tags=tags, units=units, region=study.polygon(region))
        metadata = {"scenes": scenes, **windows, **done}
        return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=metadata)

    return fused_stack


def _lights_and_reference(loaded: Any, partition: str) -> tuple[Raster, Raster | None]:
    """A year's lights and those of the reference year: a dict of both, or one that is its own reference."""
    if not isinstance(loaded, dict):
        return loaded, None
    present = loaded.pop(str(partition))
    return present, next(iter(loaded.values()))


def _training_samples(site: Site) -> dg.AssetsDefinition:
    names = site.study.feature_names

    @site.asset(
        "tables",
        site.partitions.label_year,
        [versions.SAMPLES, names],
        ins={"fused_stack": dg.AssetIn(partition_mapping=site.partitions.same)},
        automation_condition=automatic(),
    )
    def training_samples(fused_stack: Raster, ghsl_labels: Raster) -> dg.Output[Table]:
        """Every **labelled pixel** with all its features, and the spatial block and fold it belongs to.

        Pixels dropped for want of a label or a feature are counted in the metadata.
        """
        from fusion_assets.systems.built_up.features import samples

        table, report = samples.draw_samples(fused_stack, ghsl_labels, names)
        return dg.Output(
            table,
            data_version=dg.DataVersion(samples.samples_digest(table)),
            metadata=readable(report),
        )

    return training_samples


def _built_up_model(site: Site) -> dg.AssetsDefinition:
    names = site.study.feature_names

    @site.asset(
        "models",
        site.partitions.label_year,
        [versions.CLASSIFIER, names, *versions.learner(site.study)],
        ins={"fused_stack": dg.AssetIn(partition_mapping=site.partitions.same)},
        automation_condition=automatic(),
    )
    def built_up_model(fused_stack: Raster, training_samples: Table) -> dg.Output[TrainedModel]:
        """The **classifier**, learnt from all samples of the label year: networks or boosted trees, in one graph."""
        from fusion_assets.systems.built_up.model import classifier

        model = classifier.train(training_samples, fused_stack, names, model=site.study.model)
        return dg.Output(model, data_version=dg.DataVersion(model.digest), metadata=readable(model.card))

    return built_up_model


def _built_up_prediction(site: Site) -> dg.AssetsDefinition:
    study, partitions = site.study, site.partitions

    @site.asset(
        "rasters",
        partitions.prediction_years,
        [versions.PREDICTION, versions.CLASSIFIER, study.feature_names, *versions.learner(study)],
        ins={
            "fused_stack": dg.AssetIn(partition_mapping=partitions.same),
            "built_up_model": dg.AssetIn(partition_mapping=partitions.to_label),
            "model_evaluation": dg.AssetIn(partition_mapping=partitions.to_label),
        },
        check_specs=prediction_check_specs(partitions),
        automation_condition=automatic(),
    )
    def built_up_prediction(
        region: str,
        year: int,
        code_version: str,
        fused_stack: Raster,
        built_up_model: TrainedModel,
        model_evaluation: tuple[Table, dict],
    ) -> Iterator[dg.Output[RasterFile] | dg.AssetCheckResult]:
        """The **map of built-up land** of one year: probability, and yes or no at the threshold of the evaluation."""
        from fusion_assets.evaluation import drift
        from fusion_assets.storage.raster_writing import open_raster, write_raster
        from fusion_assets.systems.built_up.model import prediction

        table, metrics = model_evaluation
        threshold = float(metrics["threshold"])
        mapped = prediction.predict(built_up_model, fused_stack, threshold, study.polygon(region))
        tags = study_tags(
            study,
            region=region,
            year=year,
            threshold=threshold,
            model=built_up_model.digest,
            code_version=code_version,
            **{tag: fused_stack.attrs.get(tag, "") for tag in ("scene_count", "product", "engine")},
        )
        tags |= site.facts("built_up_prediction", region, str(year))
        raster = write_raster(
            mapped,
            palettes=PALETTES,
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
            "largest_psi": max((drifted["psi"] for drifted in moved.values()), default=None),
            "differs_from_labels": differs.get("disagree"),
            "feature_drift": moved,
        }
        yield dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=readable(metadata))
        yield from prediction_check_results(moved, differs)

    return built_up_prediction
