"""Asset checks of system 1: what must hold for every stored artifact, one partition at a time."""

from collections.abc import Iterator, Mapping

import dagster as dg

from fusion_assets.grids.grid import Grid
from fusion_assets.orchestration.partitions import Partitions, region_and_year
from fusion_assets.orchestration.values import Raster, Table
from fusion_assets.study import Study
from fusion_assets.study.imagery_requests import PIXEL_ASSETS
from fusion_assets.systems.built_up.features.labels import BUILT_UP, NO_DATA

# Share of the region's pixels that should be valid.
_SPARSE = 0.5
# Share of valid pixels that may lie outside the physical range before it is worth a look.
_STRAY = 0.001
# With fewer samples of the rarer class than this share, figures mean little.
_RAREST_CLASS = 0.01
# Expected calibration error out of fold that probabilities may have.
_CALIBRATED = 0.03
# Share by which the mapped area of one year may differ from the year before: growth is far slower.
_JUMP = 0.1
# Population stability index from which a feature counts as changed, by custom.
_DRIFTED = 0.25


def built_up_checks(study: Study, partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    """All checks for the assets that this study has."""
    bands = {PIXEL_ASSETS[role]: study.use(role).band_names for role in study.feature_roles}
    every = {**bands, "fused_stack": study.feature_names}
    checks = [_raster_check(name, study, names, partitions.every_year) for name, names in every.items()]
    if study.products.labels:
        probability = ("probability", BUILT_UP)
        checks += [
            _raster_check(PIXEL_ASSETS["labels"], study, (BUILT_UP,), partitions.label_year),
            _raster_check("built_up_prediction", study, probability, partitions.prediction_years),
            _label_balance(partitions),
            _above_majority(partitions),
            _calibrated(partitions),
            *_trend_checks(partitions),
        ]
    return checks


def _valid_ranges(study: Study) -> dict[str, tuple[float, float]]:
    """Physical range of every band that rasters of this study hold."""
    uses = [study.use(role) for role in study.feature_roles]
    measured = {band.name: band.valid_range for use in uses for band in use.recipe.bands}
    return {**measured, "probability": (0.0, 1.0), BUILT_UP: (0.0, 1.0)}


def _raster_check(
    asset: str, study: Study, bands: tuple[str, ...], partitions_def: dg.PartitionsDefinition | None
) -> dg.AssetChecksDefinition:
    """Grid and bands (blocking), valid share and value range of one raster asset, read once."""
    ranges = _valid_ranges(study)
    texts = {
        "same_grid": "Lies on the region's grid to the pixel.",
        "bands": "Has the bands that the study names.",
        "valid_share": f"At least {_SPARSE:.0%} of the region's pixels have a value.",
        "value_range": f"At most {_STRAY:.1%} of the values lie outside the physical range.",
    }
    specs = [
        dg.AssetCheckSpec(
            name,
            asset=asset,
            description=text,
            blocking=name in ("same_grid", "bands"),
            partitions_def=partitions_def,
        )
        for name, text in texts.items()
    ]

    @dg.multi_asset_check(name=f"check_{asset}", specs=specs, ins={"raster": dg.AssetIn(asset)})
    def check(context: dg.AssetCheckExecutionContext, raster: Raster) -> Iterator[dg.AssetCheckResult]:
        region, _ = region_and_year(context.partition_key)
        found, wanted = Grid.of(raster), study.grid(region)
        yield _result("same_grid", asset, found.digest == wanted.digest, found=found.digest, expected=wanted.digest)
        missing = [band for band in bands if band not in raster.data_vars]
        yield _result("bands", asset, not missing, missing=", ".join(missing) or "none")
        present = [band for band in bands if band not in missing]
        share, stray = _shares(raster[present], ranges, wanted.inside(study.polygon(region)))
        yield _result("valid_share", asset, share >= _SPARSE, share=share)
        yield _result("value_range", asset, stray <= _STRAY, share_outside=stray)

    return check


def _shares(raster: Raster, ranges: dict[str, tuple[float, float]], inside: object) -> tuple[float, float]:
    """Share of the region that is valid (worst band), and share of valid values outside their range (worst band)."""
    import dask.array as da

    region = da.from_array(inside, chunks=raster[next(iter(raster.data_vars))].data.chunks)
    counts = []
    for name, band in raster.data_vars.items():
        low, high = ranges[str(name)]
        valid = da.isfinite(band.data) & (band.data != NO_DATA) if name == BUILT_UP else da.isfinite(band.data)
        stray = valid & ((band.data < low) | (band.data > high))
        counts.append(da.stack([(valid & region).sum(), valid.sum(), stray.sum(), region.sum()]))
    found = da.stack(counts).compute()
    share = min(float(inner / max(total, 1)) for inner, _, _, total in found)
    return share, max(float(outside / max(valid, 1)) for _, valid, outside, _ in found)


def _result(name: str, asset: str, passed: bool, **facts: object) -> dg.AssetCheckResult:
    severity = dg.AssetCheckSeverity.ERROR if name in ("same_grid", "bands") else dg.AssetCheckSeverity.WARN
    metadata = {key: float(value) if isinstance(value, float) else str(value) for key, value in facts.items()}
    return dg.AssetCheckResult(
        passed=bool(passed), check_name=name, asset_key=asset, severity=severity, metadata=metadata
    )


def _label_balance(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="training_samples", name="label_balance", partitions_def=partitions.label_year)
    def label_balance(training_samples: Table) -> dg.AssetCheckResult:
        """Both classes make up at least 1 % of the samples."""
        share = float(training_samples["label"].mean())
        passed = _RAREST_CLASS <= share <= 1 - _RAREST_CLASS
        metadata = {"built_up_share": share, "samples": len(training_samples)}
        return dg.AssetCheckResult(passed=passed, severity=dg.AssetCheckSeverity.WARN, metadata=metadata)

    return label_balance


def _above_majority(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="model_evaluation", name="above_majority", partitions_def=partitions.label_year)
    def above_majority(model_evaluation: tuple[Table, dict]) -> dg.AssetCheckResult:
        """Out of fold, the model is right more often than the answer that the majority of labels would give."""
        table, _ = model_evaluation
        accuracy = float((table["predicted"] == table["label"]).mean())
        prevalence = float(table["label"].mean())
        majority = max(prevalence, 1 - prevalence)
        return dg.AssetCheckResult(
            passed=accuracy > majority,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"accuracy": accuracy, "majority": majority},
        )

    return above_majority


def _calibrated(partitions: Partitions) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="model_evaluation", name="calibrated", partitions_def=partitions.label_year)
    def calibrated(model_evaluation: tuple[Table, dict]) -> dg.AssetCheckResult:
        """Out of fold, probabilities are off by less than 0.03 on average over ten bins of equal count."""
        error = float(model_evaluation[1]["calibration"]["ece"])
        return dg.AssetCheckResult(
            passed=error < _CALIBRATED,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"calibration_error": error, "limit": _CALIBRATED},
        )

    return calibrated


def _trend_checks(partitions: Partitions) -> list[dg.AssetChecksDefinition]:
    @dg.asset_check(asset="built_up_trend", name="no_area_jumps", partitions_def=partitions.region)
    def no_area_jumps(built_up_trend: tuple[Table, dict]) -> dg.AssetCheckResult:
        """Mapped area moves by at most 10 % from year to year; more is weather or scenes rather than building."""
        table = built_up_trend[0].sort_values("year")
        moved = table["mapped_km2"].pct_change().abs().iloc[1:]
        after = table["year"].iloc[1:][~(moved <= _JUMP)]
        return dg.AssetCheckResult(
            passed=after.empty,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={"largest": float(moved.max()) if len(moved) else 0.0, "years": ", ".join(map(str, after))},
        )

    @dg.asset_check(asset="built_up_trend", name="valid_in_all_years", partitions_def=partitions.region)
    def valid_in_all_years(built_up_trend: tuple[Table, dict]) -> dg.AssetCheckResult:
        """At least half of the region's area is valid in every year; the rest is in no figure of the trend."""
        share = float(built_up_trend[0]["share"].min())
        return dg.AssetCheckResult(
            passed=share >= _SPARSE, severity=dg.AssetCheckSeverity.WARN, metadata={"share": share}
        )

    return [no_area_jumps, valid_in_all_years]


def prediction_check_specs(partitions: Partitions) -> list[dg.AssetCheckSpec]:
    """Checks that the prediction itself answers: a check on its own would be given the evaluation of a wrong year."""
    texts = {
        "feature_drift": f"No feature has moved since the label year (population stability index under {_DRIFTED}).",
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
    changed = {name: found["psi"] for name, found in moved.items() if not found["psi"] < _DRIFTED}
    names = ", ".join(f"{name} ({psi:.2f})" for name, psi in sorted(changed.items(), key=lambda item: -item[1]))
    blank = min(differs["labelled"], 1 - differs["labelled"]) if differs else 0.0
    asset = "built_up_prediction"
    return [
        _result("feature_drift", asset, bool(moved) and not changed, changed=names or "none", limit=_DRIFTED),
        _result("near_labels", asset, bool(differs) and differs["disagree"] < blank, **differs, limit=blank),
    ]
