"""What a run found: accuracy beside its baselines, mapped area by year, and one picture a region.

On the synthetic demo the truth stands beside it; nothing but this summary and evaluation ever reads the truth.
"""

from __future__ import annotations

import textwrap

import numpy as np
import pandas as pd

from fusion_assets.demo.truth import true_area_km2, true_built_up
from fusion_assets.reports.numbers import square_kilometres
from fusion_assets.settings import Settings
from fusion_assets.storage.documents import read_document, read_pair, read_table
from fusion_assets.storage.json_objects import as_written
from fusion_assets.storage.root import Storage
from fusion_assets.storage.simulation import is_synthetic
from fusion_assets.storage.stored_rasters import open_stored
from fusion_assets.study import Study
from fusion_assets.study.provenance import rests_on_simulation
from fusion_assets.systems.built_up.areas.trend import ADJUSTED
from fusion_assets.systems.built_up.areas.trend_words import headline
from fusion_assets.systems.built_up.model.prediction import built_up_km2
from fusion_assets.systems.built_up.overview import draw_maps


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
        block = []
        with as_written(f"what is stored of {region}", "fusion verify, which says what to make anew"):
            if storage.exists(path):
                block += _evaluation_lines(read_document(storage, path, _ANEW)[0])
            block += _area_lines(study, storage, region, truth_km2 or {})
        lines += ["", study.region(region).called, *block] if block else []
    return "\n".join(lines)


def truth_areas(study: Study, settings: Settings) -> dict[tuple[str, int], float]:
    """True built-up area (km2) by region and year, where the study's archive is the synthetic one."""
    return {
        (region.name, year): true_area_km2(settings.archive, year, study.polygon(region.name))
        for region in study.regions
        for year in study.prediction_years
    }


_ANEW = "fusion run"
_ANSWERS = {
    "model": "model",
    "baseline": "random forest",
    "neighbourhood": "neighbourhood forest",
    "baseline_at_half": "random forest at 0.5",
    "majority": "majority answer",
}


def _evaluation_lines(metrics: dict) -> list[str]:
    rows: list[tuple[str, ...]] = [("", "accuracy", "MCC", "95 %", "average precision", "95 %")]
    for name, title in _ANSWERS.items():
        scores, intervals = metrics[name], metrics["intervals"][name]
        cells = [f"{scores['mcc']:.3f}", _ends(intervals["mcc"]) if name != "majority" else ""]
        if "average_precision" in intervals:
            cells += [f"{scores['average_precision']:.3f}", _ends(intervals["average_precision"])]
        rows.append((title, f"{scores['accuracy']:.3f}", *cells, *[""] * (4 - len(cells))))
    lines = [f"  {a:<22}{b:>8}{c:>8}  {d:<14}{e:>17}  {f}".rstrip() for a, b, c, d, e, f in rows]
    for name, title in (("baseline", "forest"), ("neighbourhood", "neighbourhood forest")):
        gain = metrics["intervals"][f"model_minus_{name}"]
        lines.append(
            f"  model above {title}, paired: MCC {_paired(gain['mcc'])}, "
            f"average precision {_paired(gain['average_precision'])}"
        )
    if "truth" in metrics:
        model, labels = metrics["truth"]["intervals"]["model"]["mcc"], metrics["truth"]["labels"]["mcc"]
        lines.append(
            f"  against the synthetic truth: MCC {model['value']:.3f} ({_ends(model)}); of the labels themselves "
            f"{labels:.3f}"
        )
    return [
        f"  agreement with the labels, out of fold, on {metrics['n']} samples (built-up share "
        f"{metrics['prevalence']:.3f}, {_ends(metrics['intervals']['prevalence'])}), {metrics['blocks']} blocks "
        "resampled:",
        *lines,
    ]


def _ends(interval: dict) -> str:
    return f"{interval['low']:.2f} to {interval['high']:.2f}"


def _paired(difference: dict) -> str:
    return f"{difference['value']:+.3f} ({difference['low']:+.3f} to {difference['high']:+.3f})"


def _area_lines(study: Study, storage: Storage, region: str, truth: dict[tuple[str, int], float]) -> list[str]:
    path = storage.path("built_up_trend", region, None, "parquet")
    if storage.exists(path):
        table, _ = read_table(storage.open_local(path), path, _ANEW)
        document, _ = read_pair(storage, path, _ANEW)
        return _trend_lines(region, table, headline(document["statement"]), truth)
    lines = []
    for year in study.prediction_years:
        path = storage.path("built_up_prediction", region, year, "tif")
        if storage.exists(path):
            (area,) = square_kilometres(built_up_km2(open_stored(storage, path)))
            lines.append(f"  built-up in {year}: {area:>7} km²{_beside(truth.get((region, year)))}")
    return lines


def _trend_lines(region: str, table: pd.DataFrame, statement: str, truth: dict[tuple[str, int], float]) -> list[str]:
    """Areas of the trend, and what they tell."""
    adjusted = table["kind"].iloc[0] == ADJUSTED
    lines = [f"  built-up land, {table['kind'].iloc[0]}, on {table['share'].iloc[0]:.1%} of the region's area:"]
    for row in table.to_dict("records"):
        beside = _beside(truth.get((region, row["year"])))
        area, low, high, drawn = square_kilometres(*(row[name] for name in ("area_km2", "low", "high", "mapped_km2")))
        reach = f"{'95 % interval' if adjusted else 'thresholds'} {low} to {high}"
        mapped = f", mapped {drawn}" if adjusted else ""
        lines.append(f"  built-up in {row['year']}: {area:>6} km² ({reach}{mapped}){beside}")
    return [*lines, *textwrap.wrap(statement, 110, initial_indent="  ", subsequent_indent="  ")]


def _beside(truth: float | None) -> str:
    return "" if truth is None else f"   synthetic truth {square_kilometres(truth)[0]} km²"


def reports(study: Study, settings: Settings) -> list[str]:
    """Where the reports of a study's regions lie, as far as they have been made."""
    storage = Storage(settings.storage)
    paths = [storage.path("built_up_report", region.name, None, "html") for region in study.regions]
    return [path for path in paths if storage.exists(path)]


def _truth(study: Study, settings: Settings, region: str, year: int) -> np.ndarray | None:
    """True class of every pixel, where the imagery is simulated."""
    if settings.engine != "archive" or not is_synthetic(settings.archive):
        return None
    return true_built_up(settings.archive, year, study.grid(region), study.polygon(region))


def write_maps(study: Study, settings: Settings) -> list[str]:
    """Draw one picture of each region's maps under `maps/` in the storage; returns their paths."""
    storage = Storage(settings.storage)
    written = []
    for region in (region.name for region in study.regions):
        paths = {year: storage.path("built_up_prediction", region, year, "tif") for year in study.prediction_years}
        predictions = {year: open_stored(storage, path) for year, path in paths.items() if storage.exists(path)}
        stack = storage.path("fused_stack", region, max(predictions, default=0), "tif")
        if predictions and storage.exists(stack):
            title = f"{study.title or study.name}: {study.region(region).called}"
            synthetic = rests_on_simulation(study, settings, region)
            truth = _truth(study, settings, region, max(predictions))
            picture = draw_maps(title, open_stored(storage, stack), predictions, truth, synthetic)
            path = storage.path("maps", region, None, "png")
            storage.write_bytes(picture, path)
            written.append(path)
    return written
