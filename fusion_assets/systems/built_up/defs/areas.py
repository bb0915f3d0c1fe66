"""What the maps of all years say together, as assets: area by year with its change, and a map of change."""

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.artifacts import Expected, Stored
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.failures import explained
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import Partitions, by_year
from fusion_assets.orchestration.role_assets import study_tags
from fusion_assets.orchestration.values import Raster, RasterFile, Table
from fusion_assets.settings import Settings
from fusion_assets.study import Study
from fusion_assets.systems.built_up import versions
from fusion_assets.systems.built_up.areas.reference import reference_of, reference_source


def trend_assets(
    study: Study, settings: Settings, partitions: Partitions, stored: Stored, facts: Expected
) -> list[dg.AssetsDefinition]:
    """Trend and change map of each region."""
    return [_built_up_trend(study, settings, partitions, stored), _built_up_change(study, partitions, stored, facts)]


def _built_up_trend(study: Study, settings: Settings, partitions: Partitions, stored: Stored) -> dg.AssetsDefinition:
    # The sample is no asset: its content is part of the code version, so that new interpretations make this stale.
    content = reference_source(study.reference_sample, settings.archive).get("digest")
    all_years = dg.AssetIn(partition_mapping=partitions.to_region)

    @dg.asset(
        ins={"built_up_prediction": all_years, "model_evaluation": all_years},
        partitions_def=partitions.region,
        code_version=digest(["built_up_trend", versions.TREND, list(study.prediction_years), content]),
        **stored("tables", "parquet") | {"automation_condition": automatic("model_evaluation")},
    )
    def built_up_trend(
        context: dg.AssetExecutionContext,
        built_up_prediction: dict[str, Raster],
        model_evaluation: dict[str, tuple[Table, dict]],
    ) -> dg.Output[tuple[Table, dict]]:
        """**Built-up area by year** (km2), on the pixels valid in every year, and what it tells about change.

        With a reference sample the area is error-adjusted, with 95 % intervals, and change is tested. Without one it is
        the mapped area relative to the labels: low and high are its sensitivity to the threshold, no confidence
        interval.
        """
        with explained():
            from fusion_assets.systems.built_up.areas import trend
            from fusion_assets.systems.built_up.areas.trend_picture import trend_markdown

            region = context.partition_key
            outline = study.polygon(region)
            reference = reference_of(study, settings.archive, region)
            source = reference_source(study.reference_sample, settings.archive)
            predictions = by_year(built_up_prediction)
            ((evaluation, _),) = model_evaluation.values()
            labels = study.use("labels").recipe.title
            table, document = trend.built_up_trend(predictions, evaluation, outline, labels, reference, source)
            shown = {
                f"built_up_km2_{year}": float(km2) for year, km2 in zip(table["year"], table["area_km2"], strict=True)
            }
            return dg.Output(
                (table, document),
                data_version=dg.DataVersion(digest([table.to_dict("list"), document])),
                metadata={
                    **readable(shown | {"share": float(table["share"].iloc[0]), "kind": document["kind"]}),
                    "statement": dg.MetadataValue.md(trend_markdown(table, document, f"Built-up land, {region}")),
                },
            )

    return built_up_trend


def _built_up_change(study: Study, partitions: Partitions, stored: Stored, facts: Expected) -> dg.AssetsDefinition:
    code = digest(["built_up_change", versions.CHANGE, versions.CHANGE_CONFIDENCE, list(study.prediction_years)])

    @dg.asset(
        ins={"built_up_prediction": dg.AssetIn(partition_mapping=partitions.to_region)},
        partitions_def=partitions.region,
        code_version=code,
        **stored("rasters", "geotiff"),
    )
    def built_up_change(
        context: dg.AssetExecutionContext, built_up_prediction: dict[str, Raster]
    ) -> dg.Output[RasterFile]:
        """**Where built-up land changed** from the first to the last year, named only where the maps suffice to tell.

        Codes: 0 cannot tell, 1 stable not built-up, 2 stable built-up, 3 gained, 4 lost. A class is named where its
        probability is at least 0.8, however the errors of different years hang together, given calibrated
        probabilities; these are relative to the labels. Counting pixels is no estimate of change: `built_up_trend` is.
        """
        with explained():
            from fusion_assets.storage.raster_writing import open_raster, write_raster
            from fusion_assets.systems.built_up.areas import change_map as change

            region = context.partition_key
            predictions = by_year(built_up_prediction)
            first, last = min(predictions), max(predictions)
            tags = study_tags(
                study, region=region, years=f"{first}/{last}", code_version=code, least_confidence=change.CONFIDENCE
            )
            raster = write_raster(
                change.change_map(predictions),
                nodata=float("nan"),
                tags=tags | facts("built_up_change", region, None),
                units={change.CHANGE: "1", change.CERTAINTY: "1"},
                region=study.polygon(region),
            )
            pixels = change.counts(open_raster(raster.path))
            return dg.Output(
                raster,
                data_version=dg.DataVersion(raster.digest),
                metadata=readable(pixels | {"statement": change.statement(pixels, first, last)}),
            )

    return built_up_change
