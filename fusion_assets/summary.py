"""What a run found: accuracy beside its baselines, mapped area by year, and one picture a region.

On the synthetic demo the truth stands beside it; nothing but this summary and evaluation ever reads the truth.
"""

from __future__ import annotations

import json

from fusion_assets.built_up.maps import draw_maps
from fusion_assets.built_up.prediction import built_up_km2
from fusion_assets.built_up.truth import true_area_km2
from fusion_assets.imagery.rasters import open_raster
from fusion_assets.imagery.storage import Storage
from fusion_assets.settings import Settings
from fusion_assets.study import Study


def summary(study: Study, settings: Settings, truth_km2: dict[tuple[str, int], float] | None = None) -> str:
    """Text for the end of a run; empty for a study without labels.

    Args:
        study: that was run.
        settings: where its artifacts are.
        truth_km2: true built-up area by region and year, where it is known.
    """
    if study.label_year is None:
        return ""
    storage = Storage(settings.storage)
    lines = []
    for region in (region.name for region in study.regions):
        path = storage.path("model_evaluation", region, study.label_year, "json")
        found = _evaluation_lines(json.loads(storage.read_bytes(path))) if storage.exists(path) else []
        found += _area_lines(study, storage, region, truth_km2 or {})
        lines += ["", region, *found] if found else []
    return "\n".join(lines)


def demo_summary(study: Study, settings: Settings) -> str:
    """The summary of the demo, with the synthetic truth beside the mapped area."""
    found = {
        (region.name, year): true_area_km2(settings.archive, year, study.polygon(region.name))
        for region in study.regions
        for year in study.prediction_years
    }
    return summary(study, settings, found)


def _evaluation_lines(metrics: dict) -> list[str]:
    rows = [("", "accuracy", "MCC")]
    for name, title in (("model", "model"), ("baseline", "random forest"), ("majority", "majority answer")):
        scores = metrics[name]
        rows.append((title, f"{scores['accuracy']:.3f}", f"{scores['mcc']:.3f}"))
    lines = [f"  {title:<18}{accuracy:>10}{mcc:>8}" for title, accuracy, mcc in rows]
    return [
        f"  agreement with the labels, out of fold, on {metrics['n']} samples "
        f"(built-up share {metrics['prevalence']:.3f}):",
        *lines,
    ]


def _area_lines(study: Study, storage: Storage, region: str, truth: dict[tuple[str, int], float]) -> list[str]:
    lines = []
    for year in study.prediction_years:
        path = storage.path("built_up_prediction", region, year, "tif")
        if storage.exists(path):
            known = truth.get((region, year))
            beside = f"   synthetic truth {known:7.0f} km2" if known is not None else ""
            lines.append(
                f"  built-up in {year}: {built_up_km2(open_raster(storage.open_local(path))):7.0f} km2{beside}"
            )
    return lines


def write_maps(study: Study, settings: Settings) -> list[str]:
    """Draw one picture of each region's maps under `maps/` in the storage; returns their paths."""
    storage = Storage(settings.storage)
    written = []
    for region in (region.name for region in study.regions):
        paths = {year: storage.path("built_up_prediction", region, year, "tif") for year in study.prediction_years}
        predictions = {
            year: open_raster(storage.open_local(path)) for year, path in paths.items() if storage.exists(path)
        }
        stack = storage.path("fused_stack", region, max(predictions, default=0), "tif")
        if predictions and storage.exists(stack):
            title = f"{study.title or study.name}: {region}"
            picture = draw_maps(title, open_raster(storage.open_local(stack)), predictions)
            path = storage.path("maps", region, None, "png")
            storage.write_bytes(picture, path)
            written.append(path)
    return written
