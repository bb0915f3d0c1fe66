"""Asset checks of system 5: what must hold for every stored series, answered by the asset as it is made."""

from collections.abc import Iterator, Mapping

import dagster as dg

from fusion_assets.systems.ndvi.imagery_requests import BACKSCATTER, CLEAR, EVALUATION, FILLED
from fusion_assets.systems.ndvi.judgement import SIMPLEST, TIE

# Share of pixels and dates that should be clear, or filled.
_SPARSE = {CLEAR: 0.05, FILLED: 0.95}
# Decibels of land and water lie here; amplitudes and linear power do not, nor do mean values above.
_DECIBELS, _BRIGHTEST_MEAN = (-60.0, 40.0), 0.0
_NO_WORSE = "no_worse_than_interpolation"
_TEXTS = {
    CLEAR: {
        "enough_clear": f"At least {_SPARSE[CLEAR]:.0%} of all pixels and dates are clear.",
        "ndvi_varies": "NDVI is not the same everywhere and always.",
    },
    BACKSCATTER: {"decibels": f"Values are decibels: within {_DECIBELS}, below {_BRIGHTEST_MEAN:g} on average."},
    FILLED: {
        "filled": f"At least {_SPARSE[FILLED]:.0%} of all pixels and dates have a value.",
        "within_bounds": "NDVI and its interval lie in [-1, 1].",
    },
    EVALUATION: {
        _NO_WORSE: f"At no length of gap the method errs by more than {TIE:.0%} above {SIMPLEST}.",
    },
}


def ndvi_check_specs(asset: str, partitions: dg.PartitionsDefinition) -> list[dg.AssetCheckSpec]:
    """The checks that an asset answers itself: reading a series again would cost as much as making it."""
    return [
        dg.AssetCheckSpec(name, asset=asset, description=text, partitions_def=partitions)
        for name, text in _TEXTS[asset].items()
    ]


def ndvi_check_results(asset: str, stats: Mapping[str, Mapping[str, float]]) -> Iterator[dg.AssetCheckResult]:
    """Results of `ndvi_check_specs` from the layers' statistics (see `store.Cube`)."""
    results = {CLEAR: _clear, BACKSCATTER: _decibels, FILLED: _filled}[asset](stats)
    for name, (passed, figures) in results.items():
        yield dg.AssetCheckResult(
            passed=passed,
            asset_key=asset,
            check_name=name,
            severity=dg.AssetCheckSeverity.WARN,
            metadata={key: float(value) for key, value in figures.items()},
        )


def no_worse_result(lost: str) -> dg.AssetCheckResult:
    """Result of the check of the evaluation, from what `judgement.worse_than_interpolation` returned."""
    return dg.AssetCheckResult(
        passed=not lost,
        asset_key=EVALUATION,
        check_name=_NO_WORSE,
        severity=dg.AssetCheckSeverity.WARN,
        description=lost or None,
    )


Results = dict[str, tuple[bool, dict[str, float]]]


def _clear(stats: Mapping[str, Mapping[str, float]]) -> Results:
    ndvi = stats["ndvi"]
    ends = {key: ndvi[key] for key in ("min", "max") if key in ndvi}
    return {
        "enough_clear": (ndvi["valid_share"] >= _SPARSE[CLEAR], {"clear": ndvi["valid_share"]}),
        "ndvi_varies": (len(ends) == 2 and ends["max"] - ends["min"] > 0.01, ends),
    }


def _decibels(stats: Mapping[str, Mapping[str, float]]) -> Results:
    measured = [layer for layer in stats.values() if "mean" in layer]
    low, high = _DECIBELS
    passed = all(low <= layer["min"] and layer["max"] <= high and layer["mean"] < _BRIGHTEST_MEAN for layer in measured)
    return {"decibels": (passed, {f"{name}_mean": layer["mean"] for name, layer in stats.items() if "mean" in layer})}


def _filled(stats: Mapping[str, Mapping[str, float]]) -> Results:
    ends = {key: stats[layer][key] for layer, key in (("low", "min"), ("high", "max")) if key in stats[layer]}
    share = stats["ndvi"]["valid_share"]
    inside = all(abs(end) <= 1.0001 for end in ends.values())
    return {"filled": (share >= _SPARSE[FILLED], {"filled": share}), "within_bounds": (inside, ends)}
