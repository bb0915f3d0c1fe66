"""Asset checks of local climate zones: whether probabilities were calibrated, answered by what calibrates them."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from fusion_assets.systems.climate_zones.imagery_requests import MODEL

STUDY = "fusion_study"
_FOUND = "calibration_found"
_TEXTS = {
    STUDY: "In all settings temperature and doubt lie within what is searched.",
    MODEL: "The temperature and the doubt of the map's probabilities lie within what is searched.",
}


def calibration_specs(asset: str) -> list[dg.AssetCheckSpec]:
    """The check that the asset answers itself."""
    return [dg.AssetCheckSpec(_FOUND, asset=asset, description=_TEXTS[asset])]


def study_result(document: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Result of the comparison's check, from `fusion_stages.study`: it passes where nothing was calibrated, too."""
    from fusion_assets.systems.climate_zones import judgement

    asked = [each for each in judgement.of_document(document) if each.name == _FOUND]
    failed = [each.sentence for each in asked if not each.passed]
    return _result(STUDY, not failed, " ".join(failed or [each.sentence for each in asked]))


def model_result(card: Mapping[str, Any]) -> dg.AssetCheckResult:
    """Result of the check of a map's network, from its card."""
    from fusion_assets.evaluation.calibration import unfound
    from fusion_assets.systems.climate_zones import judgement

    ends = unfound(card["temperature"], card["doubt"])
    found = judgement.calibration_found("Maps", {"their network": ends} if ends else {})
    return _result(MODEL, found.passed, found.sentence, temperature=card["temperature"], doubt=card["doubt"])


def _result(asset: str, passed: bool, text: str, **facts: float) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=asset,
        check_name=_FOUND,
        severity=dg.AssetCheckSeverity.WARN,
        description=text or None,
        metadata=facts,
    )
