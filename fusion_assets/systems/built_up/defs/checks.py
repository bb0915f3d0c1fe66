"""Asset checks of built-up land: what must hold for every stored artifact, one partition at a time."""

from collections.abc import Mapping

import dagster as dg

from fusion_assets.orchestration.composites import ranges_of
from fusion_assets.orchestration.partitions import Partitions
from fusion_assets.orchestration.raster_checks import check_result, raster_check
from fusion_assets.orchestration.site import Site
from fusion_assets.orchestration.values import Table
from fusion_assets.study.features import is_embedded
from fusion_assets.study.imagery_requests import PIXEL_ASSETS
from fusion_assets.systems.built_up import judgement
from fusion_assets.systems.built_up.features.labels import BUILT_UP, NO_DATA


def built_up_checks(site: Site) -> list[dg.AssetChecksDefinition]:
    """All checks for the assets that this study has."""
    study, partitions = site.study, site.partitions
    vectors = dict.fromkeys(study.vectors.bands if study.vectors else (), (-1.0, 1.0))
    measured = vectors | {band: ends for role in study.feature_roles for band, ends in ranges_of(site, role).items()}
    mapped, no_data = {"probability": (0.0, 1.0), BUILT_UP: (0.0, 1.0)}, {BUILT_UP: NO_DATA}
    checks = [raster_check(site, "fused_stack", partitions.every_year, study.feature_names, measured)]
    if study.products.labels is None:
        return checks
    return [
        *checks,
        raster_check(site, PIXEL_ASSETS["labels"], partitions.label_year, [BUILT_UP], mapped, no_data),
        raster_check(site, "built_up_prediction", partitions.prediction_years, list(mapped), mapped, no_data),
        _label_balance(partitions),
        _above_majority(partitions),
        _calibrated(partitions),
        *([_embedding_helps(partitions)] if is_embedded(study.features) else []),
        *_trend_checks(partitions),
    ]


def _judged(asset: str, judgement: judgement.Judgement) -> dg.AssetCheckResult:
    """A judgement as the result of a check, which warns and does not block."""
    return check_result(judgement.name, asset, judgement.passed, judgement.sentence, **judgement.facts)


def _label_balance(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="training_samples", name="label_balance", partitions_def=partitions.label_year)
    def label_balance(training_samples: Table) -> dg.AssetCheckResult:
        """Both classes make up at least 1 % of the samples."""
        return _judged("training_samples", judgement.label_balance(training_samples))

    return label_balance


def _above_majority(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="model_evaluation", name="above_majority", partitions_def=partitions.label_year)
    def above_majority(model_evaluation: tuple[Table, dict]) -> dg.AssetCheckResult:
        """Out of fold, the model is right more often than the answer that the majority of labels would give."""
        return _judged("model_evaluation", judgement.above_majority(model_evaluation[0]))

    return above_majority


def _calibrated(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="model_evaluation", name="calibrated", partitions_def=partitions.label_year)
    def calibrated(model_evaluation: tuple[Table, dict]) -> dg.AssetCheckResult:
        """Out of fold, probabilities are off by less than 0.03 on average over ten bins of equal count."""
        return _judged("model_evaluation", judgement.calibrated(model_evaluation[1]))

    return calibrated


def _trend_checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(asset="built_up_trend", name="no_area_jumps", partitions_def=partitions.region)
    def no_area_jumps(built_up_trend: tuple[Table, dict]) -> dg.AssetCheckResult:
        """Mapped area moves by at most 10 % from year to year; more is weather or scenes rather than building."""
        return _judged("built_up_trend", judgement.no_area_jumps(built_up_trend[0]))

    @dg.asset_check(asset="built_up_trend", name="valid_in_all_years", partitions_def=partitions.region)
    def valid_in_all_years(built_up_trend: tuple[Table, dict]) -> dg.AssetCheckResult:
        """At least half of the region's area is valid in every year; the rest is in no figure of the trend."""
        return _judged("built_up_trend", judgement.valid_in_all_years(built_up_trend[0]))

    return [no_area_jumps, valid_in_all_years]


def _embedding_helps(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="feature_ablation", name="embedding_helps", partitions_def=partitions.label_year)
    def embedding_helps(feature_ablation: tuple[Table, dict]) -> dg.AssetCheckResult:
        """The embedding among the features helps beyond chance."""
        return _judged("feature_ablation", judgement.embedding_helps(feature_ablation[1]))

    return embedding_helps


def prediction_check_specs(partitions: Partitions) -> list[dg.AssetCheckSpec]:
    """Checks that the prediction itself answers: a check on its own would be given the evaluation of a wrong year."""
    texts = {
        "feature_drift": "No feature has moved since the label year (population stability index under "
        f"{judgement.DRIFTED}).",
        "near_labels": "Differs from the labels at fewer places than an empty or a full map would.",
    }
    return [
        dg.AssetCheckSpec(
            name, asset="built_up_prediction", description=text, partitions_def=partitions.prediction_years
        )
        for name, text in texts.items()
    ]


def prediction_check_results(
    moved: Mapping[str, Mapping[str, float]], differs: Mapping[str, float]
) -> list[dg.AssetCheckResult]:
    """Results of `prediction_check_specs` from `drift.feature_drift` and `drift.disagreement`."""
    judged = judgement.feature_drift(moved), judgement.near_labels(differs)
    return [_judged("built_up_prediction", each) for each in judged]
