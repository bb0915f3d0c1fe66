"""The assets of system 1, from exports to yearly predictions.

Belongs here: which asset depends on which, its partitions, and what people see of it. Does not: how anything is
computed (the other modules of this room, and `imagery`), how it is stored (`io_managers.py`).
"""

from collections.abc import Callable
from typing import Any

import dagster as dg
import geopandas as gpd
import pandas as pd
import xarray as xr

from fusion_assets.automation import automatic
from fusion_assets.built_up import classifier, evaluation, labels, prediction, samples, stack
from fusion_assets.failures import explained
from fusion_assets.imagery.exports import Export, ExportRequest, digest
from fusion_assets.imagery.rasters import RasterFile, open_raster, write_raster
from fusion_assets.imagery_assets import export_asset, pixel_asset
from fusion_assets.metadata import readable
from fusion_assets.partitions import Partitions, region_and_year
from fusion_assets.requests import PIXEL_ASSETS, request_for
from fusion_assets.settings import Settings
from fusion_assets.study import Role, Study

GROUP = "built_up"

EXPORT_ASSETS: dict[Role, str] = {
    "sentinel2": "sentinel2_export",
    "night_lights": "night_lights_export",
    "labels": "ghsl_export",
}
_EXPORT_TEXT: dict[Role, str] = {
    "sentinel2": "Ticket for one season of **Sentinel-2** over a region: which scenes the engine found.",
    "night_lights": "Ticket for one year of **VIIRS night lights** over a region: which months the engine found.",
    "labels": "Ticket for the **settlement labels** of the label year (GHSL, or a land cover map).",
}
_PIXEL_TEXT: dict[Role, str] = {
    "sentinel2": (
        "Cloud-free **Sentinel-2** reflectance of one season: median over time of clear observations, averaged onto "
        "the region's grid, with `observation_count`. No data where nothing was clear. Unit: reflectance (0 to 1)."
    ),
    "night_lights": (
        "**Night-time radiance** of one year: median of the months with cloud-free coverage, on the region's grid, "
        "with `observation_count`. Unit: nW/cm2/sr."
    ),
    "labels": (
        "**Settlement labels** of the label year on the region's grid: the source's class or built-up fraction, and "
        "`built_up` (1 yes, 0 no, 255 no data or outside the region). Agreement with them is not accuracy: GHSL is "
        "itself made from satellite imagery."
    ),
}


def built_up_assets(study: Study, settings: Settings, partitions: Partitions) -> list[dg.AssetsDefinition]:
    """All assets of this system that the study's features and products need."""
    roles: tuple[Role, ...] = (*study.feature_roles, *(("labels",) if study.products.labels else ()))
    assets = [asset for role in roles for asset in _imagery(role, study, settings, partitions)]
    assets.append(_fused_stack(study, partitions))
    if study.products.labels:
        assets += [
            _training_samples(study, partitions),
            _built_up_model(study, partitions),
            _model_evaluation(study, partitions),
            _built_up_prediction(study, partitions),
        ]
    return assets


def expected_facts(study: Study, settings: Settings) -> Callable[[str, str | None, str | None], dict[str, str]]:
    """What a stored artifact must say to belong to this study: grid, then recipe (imagery) or features (the rest)."""
    role_of = {asset: role for role, asset in PIXEL_ASSETS.items()}
    exports = set(EXPORT_ASSETS.values())

    def facts(asset: str, region: str | None, year: str | None) -> dict[str, str]:
        if region is None:
            return {}
        grid = {"grid_digest": study.grid(region).digest}
        if asset in exports:
            return grid
        if asset in role_of and year is not None:
            request = request_for(study, settings, role_of[asset], region, int(year))
            return grid | {"recipe_digest": request.recipe_digest}
        return grid | {"features": " ".join(study.feature_names)}

    return facts


def _imagery(role: Role, study: Study, settings: Settings, partitions: Partitions) -> list[dg.AssetsDefinition]:
    """Export and pixels of one role."""
    use = study.use(role)

    def request(region: str, year: int) -> ExportRequest:
        return request_for(study, settings, role, region, year)

    common: dict[str, Any] = {
        "partitions_def": partitions.label_year if role == "labels" else partitions.every_year,
        "group_name": GROUP,
        "tags": {"product": use.product},
    }
    code = study.digest("season", "working_resolution", "min_valid_share", f"products.{role}")
    write = _write_labels if role == "labels" else _write_composite
    return [
        export_asset(EXPORT_ASSETS[role], request, code, description=_EXPORT_TEXT[role], **common),
        pixel_asset(
            PIXEL_ASSETS[role],
            EXPORT_ASSETS[role],
            request,
            lambda pixels, export, left_out: write(study, pixels, export, left_out),
            code,
            tolerance=study.max_unreadable_share,
            description=_PIXEL_TEXT[role],
            **common,
        ),
    ]


def _provenance(study: Study, **more: Any) -> dict[str, str]:
    """Tags that every raster carries."""
    return {"study": study.name, "study_digest": study.digest(), **{key: str(value) for key, value in more.items()}}


def _export_provenance(study: Study, export: Export, left_out: list[str]) -> dict[str, str]:
    first, last = export.request.window
    return _provenance(
        study,
        region=export.request.region,
        year=export.request.year,
        product=export.request.product,
        engine=export.engine,
        operation=export.id,
        recipe_digest=export.request.recipe_digest,
        window=f"{first}/{last}",
        scene_count=len(export.scenes) - len(left_out),
        scenes_left_out=len(left_out),
    )


def _write_composite(study: Study, pixels: xr.Dataset, export: Export, left_out: list[str]) -> RasterFile:
    unit = study.use("sentinel2" if export.request.asset == PIXEL_ASSETS["sentinel2"] else "night_lights").recipe.unit
    units = dict.fromkeys(export.request.recipe.bands, unit)
    tags = _export_provenance(study, export, left_out)
    return write_raster(pixels, nodata=float("nan"), tags=tags, units=units, region=export.request.area)


def _write_labels(study: Study, pixels: xr.Dataset, export: Export, left_out: list[str]) -> RasterFile:
    use, request = study.use("labels"), export.request
    crs, transform = labels.source_cells(pixels)
    labelled = labels.built_up_labels(
        pixels,
        use.recipe,
        request.grid.inside(request.area),
        built_codes=use.built_codes or (),
        threshold=use.built_up_threshold,
        source_pixel_m2=labels.source_cell_m2(request.grid, crs, transform) if use.recipe.label == "fraction" else 1.0,
    )
    tags = _export_provenance(study, export, left_out)
    tags |= {key: str(value) for key, value in pixels.attrs.items()}
    return write_raster(labelled, nodata=labels.NO_DATA, tags=tags, region=request.area)


def _fused_stack(study: Study, partitions: Partitions) -> dg.AssetsDefinition:
    upstream = {
        PIXEL_ASSETS[role]: dg.AssetIn(PIXEL_ASSETS[role], partition_mapping=partitions.same)
        for role in study.feature_roles
    }

    @dg.asset(
        ins=upstream,
        partitions_def=partitions.every_year,
        code_version=digest(["fused_stack", study.digest("features"), study.feature_names]),
        io_manager_key="rasters",
        group_name=GROUP,
        kinds={"geotiff"},
        automation_condition=automatic(),
    )
    def fused_stack(context: dg.AssetExecutionContext, **composites: xr.Dataset) -> dg.Output[RasterFile]:
        """The features of one year, optics and lights, **side by side on one grid**: what the model sees."""
        with explained():
            region, year = region_and_year(context.partition_key)
            fused = stack.fuse(composites, study.feature_names, study.grid(region))
            windows = {role: "/".join(map(str, study.window(role, year))) for role in study.feature_roles}
            tags = _provenance(study, region=region, year=year, features=" ".join(study.feature_names), **windows)
            units = {
                band: study.use(role).recipe.unit for role in study.feature_roles for band in study.use(role).band_names
            }
            raster = write_raster(fused, nodata=float("nan"), tags=tags, units=units, region=study.polygon(region))
            return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=windows)

    return fused_stack


def _training_samples(study: Study, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        ins={"fused_stack": dg.AssetIn(partition_mapping=partitions.same), "ghsl_labels": dg.AssetIn()},
        partitions_def=partitions.label_year,
        code_version=digest(["training_samples", samples.VERSION, study.feature_names]),
        io_manager_key="tables",
        group_name=GROUP,
        kinds={"parquet"},
        automation_condition=automatic(),
    )
    def training_samples(
        context: dg.AssetExecutionContext, fused_stack: xr.Dataset, ghsl_labels: xr.Dataset
    ) -> dg.Output[gpd.GeoDataFrame]:
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
        io_manager_key="models",
        group_name=GROUP,
        kinds={"keras"},
        automation_condition=automatic(),
    )
    def built_up_model(
        context: dg.AssetExecutionContext, fused_stack: xr.Dataset, training_samples: gpd.GeoDataFrame
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
        io_manager_key="tables",
        group_name=GROUP,
        kinds={"parquet"},
        automation_condition=automatic(),
    )
    def model_evaluation(
        context: dg.AssetExecutionContext, fused_stack: xr.Dataset, training_samples: gpd.GeoDataFrame
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
                metadata=readable(_headlines(metrics)),
            )

    return model_evaluation


def _headlines(metrics: dict[str, Any]) -> dict[str, Any]:
    """The figures of an evaluation that the UI plots over time; all of them are in the stored document."""
    titles = {"model": "", "baseline": "forest_", "majority": "majority_"}
    figures = ("accuracy", "mcc", "f1", "average_precision")
    scores = {f"{title}{figure}": metrics[who].get(figure) for who, title in titles.items() for figure in figures}
    return {
        **scores,
        "built_up_share": metrics["prevalence"],
        "samples": metrics["n"],
        "threshold": metrics["threshold"],
        "confusion": metrics["model"]["confusion"],
        "mcc_difference": metrics["mcc_difference"],
        "calibration": metrics["calibration"],
    }


def _built_up_prediction(study: Study, partitions: Partitions) -> dg.AssetsDefinition:
    @dg.asset(
        ins={
            "fused_stack": dg.AssetIn(partition_mapping=partitions.same),
            "built_up_model": dg.AssetIn(partition_mapping=partitions.to_label),
            "model_evaluation": dg.AssetIn(partition_mapping=partitions.to_label),
        },
        partitions_def=partitions.prediction_years,
        code_version=digest(["built_up_prediction", classifier.VERSION, study.feature_names]),
        io_manager_key="rasters",
        group_name=GROUP,
        kinds={"geotiff"},
        automation_condition=automatic(),
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
            tags = _provenance(
                study,
                region=region,
                year=year,
                features=" ".join(study.feature_names),
                threshold=threshold,
                model=built_up_model.digest,
            )
            raster = write_raster(mapped, nodata=float("nan"), tags=tags, region=study.polygon(region))
            area = prediction.built_up_km2(open_raster(raster.path))
            metadata = {"built_up_km2": area, "threshold": threshold}
            return dg.Output(raster, data_version=dg.DataVersion(raster.digest), metadata=metadata)

    return built_up_prediction
