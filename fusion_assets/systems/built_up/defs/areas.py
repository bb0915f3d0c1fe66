"""What the maps of all years say together, as assets: area by year with its change, and a map of change."""

import dagster as dg

from fusion_assets.imagery.engines.protocol import digest
from fusion_assets.orchestration.automation import automatic
from fusion_assets.orchestration.metadata import readable
from fusion_assets.orchestration.partitions import by_year
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Raster, RasterFile, Table
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.built_up import versions
from fusion_assets.systems.built_up.areas.reference import reference_of, reference_source
from fusion_assets.systems.built_up.palettes import PALETTES


def area_assets(site: Site) -> list[dg.AssetsDefinition]:
    """Trend and change map of each region."""
    return [_built_up_trend(site), _built_up_change(site)] if site.study.products.labels is not None else []


def _built_up_trend(site: Site) -> dg.AssetsDefinition:
    study, settings = site.study, site.settings
    # The sample is no asset: its content is part of the code version, so that new interpretations make this stale.
    content = reference_source(study.reference_sample, settings.archive).get("digest")
    all_years = dg.AssetIn(partition_mapping=site.partitions.to_region)

    @site.asset(
        "tables",
        site.partitions.region,
        [versions.TREND, list(study.prediction_years), content],
        ins={"built_up_prediction": all_years, "model_evaluation": all_years},
        automation_condition=automatic("model_evaluation"),
    )
    def built_up_trend(
        region: str,
        built_up_prediction: dict[str, Raster],
        model_evaluation: dict[str, tuple[Table, dict]],
    ) -> dg.Output[tuple[Table, dict]]:
        """**Built-up area by year** (km2), on the pixels valid in every year, and what it tells about change.

        With a reference sample the area is error-adjusted, with 95 % intervals, and change is tested. Without one it is
        the mapped area relative to the labels: low and high are its sensitivity to the threshold, no confidence
        interval.
        """
        from fusion_assets.systems.built_up.areas import trend
        from fusion_assets.systems.built_up.areas.trend_picture import trend_markdown

        outline = study.polygon(region)
        reference = reference_of(study, settings.archive, region)
        source = reference_source(study.reference_sample, settings.archive)
        predictions = by_year(built_up_prediction)
        ((evaluation, _),) = model_evaluation.values()
        labels = study.use("labels").recipe.title
        table, document = trend.built_up_trend(predictions, evaluation, outline, labels, reference, source)
        shown = {f"built_up_km2_{year}": float(km2) for year, km2 in zip(table["year"], table["area_km2"], strict=True)}
        return dg.Output(
            (table, document),
            data_version=dg.DataVersion(digest([table.to_dict("list"), document])),
            metadata={
                **readable(shown | {"share": float(table["share"].iloc[0]), "kind": document["kind"]}),
                "statement": dg.MetadataValue.md(trend_markdown(table, document, study.region(region).called)),
            },
        )

    return built_up_trend


def _built_up_change(site: Site) -> dg.AssetsDefinition:
    study = site.study

    @site.asset(
        "rasters",
        site.partitions.region,
        [versions.CHANGE, versions.CHANGE_CONFIDENCE, list(study.prediction_years)],
        ins={"built_up_prediction": dg.AssetIn(partition_mapping=site.partitions.to_region)},
        automation_condition=automatic(),
    )
    def built_up_change(
        region: str, code_version: str, built_up_prediction: dict[str, Raster]
    ) -> dg.Output[RasterFile]:
        """**Where built-up land changed** from the first to the last year, named only where the maps suffice to tell.

        Codes: 0 cannot tell, 1 stable not built-up, 2 stable built-up, 3 gained, 4 lost. A class is named where its
        probability is at least 0.8, however the errors of different years hang together, given calibrated
        probabilities; these are relative to the labels. Counting pixels is no estimate of change: `built_up_trend` is.
        """
        from fusion_assets.storage.raster_writing import open_raster, write_raster
        from fusion_assets.systems.built_up.areas import change_map as change

        predictions = by_year(built_up_prediction)
        first, last = min(predictions), max(predictions)
        tags = study_tags(
            study, region=region, years=f"{first}/{last}", code_version=code_version, least_confidence=change.CONFIDENCE
        )
        raster = write_raster(
            change.change_map(predictions),
            palettes=PALETTES,
            nodata=float("nan"),
            tags=tags | site.facts("built_up_change", region, None),
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
