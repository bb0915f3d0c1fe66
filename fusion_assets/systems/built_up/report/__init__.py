"""The report of a region: one HTML file that opens anywhere, offline, with every figure beside what it rests on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import xarray as xr

from fusion_assets.evaluation import drift
from fusion_assets.grids.grid import Grid, rows_and_columns
from fusion_assets.imagery.credits import attributions, citations
from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.reports import agreement_figures as agreement
from fusion_assets.reports import map_layers
from fusion_assets.reports import source_tables as sources
from fusion_assets.reports.page import render
from fusion_assets.reports.previews import data_uri
from fusion_assets.study import ARCHIVE_SAMPLE
from fusion_assets.study.features import is_embedded
from fusion_assets.study.provenance import is_simulated
from fusion_assets.systems.built_up import judgement
from fusion_assets.systems.built_up.accuracy.ablation_figure import ablation_png
from fusion_assets.systems.built_up.areas import change_map
from fusion_assets.systems.built_up.areas.trend_picture import draw_trend
from fusion_assets.systems.built_up.areas.trend_words import headline
from fusion_assets.systems.built_up.features.labels import BUILT_UP
from fusion_assets.systems.built_up.report import alt_texts, maps, quality_tables, source_tables, tables, words

if TYPE_CHECKING:
    import pandas as pd

MOST_BYTES = 8_000_000
HEADINGS = {
    "maps": "The maps",
    "trend": "How much built-up land there is",
    "change": "Where it changed",
    "quality": "How well the map agrees with its labels",
    "years": "How the years differ from the label year",
    "sources": "What it was made from",
    "caveats": "What to keep in mind",
    "credits": "How to cite, and who is to be named",
}
_MAPS_BYTES, _CHANGE_BYTES = 5_500_000, 600_000
# Each far from all others, and from the white of no data, in lightness alone: pages are printed in grey.
CHANGE_COLOURS = {
    0: (196, 202, 186),
    1: (234, 231, 220),
    2: (152, 146, 138),
    3: (128, 0, 18),
    4: (66, 112, 186),
}


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Attributes:
        study: name of the study.
        title: for people.
        region: name of the region.
        label_year: year of the labels.
        digest: of the study.
        made: day on which the page was made, ISO 8601.
        beside: product, first and last day of imagery that went into what other systems made for it.
        sensors: the one kind of sensor that the study uses; empty where there are two.
    """

    study: str
    title: str
    region: str
    label_year: int
    digest: str
    made: str
    sensors: str = ""
    beside: tuple[tuple[str, dt.date, dt.date], ...] = ()


@dataclass(frozen=True)
class Findings:
    """What was stored for the region, as loaded.

    Attributes:
        predictions: maps by year, lazy.
        stacks: fused stacks of the same years, lazy.
        change: change map, lazy.
        trend: table and document of `trend.built_up_trend`.
        evaluation: table and metrics of `evaluation.evaluate`.
        ablation: of `ablation.ablate_features`; None where the study has one sensor.
        exports: tickets of everything that went in.
        transfer: metrics of `transfer.transfer`; None where the study has one region, empty where there are none yet.
    """

    predictions: Mapping[int, xr.Dataset]
    stacks: Mapping[int, xr.Dataset]
    change: xr.Dataset
    trend: tuple[pd.DataFrame, dict[str, Any]]
    evaluation: tuple[pd.DataFrame, dict[str, Any]]
    ablation: Mapping[str, Any] | None
    exports: Sequence[Export]
    transfer: Mapping[str, Any] | None = None


def build_report(subject: Subject, findings: Findings) -> str:
    """The page, below 8 MB.

    Args:
        subject: what it is about.
        findings: what is shown.
    """
    years = sorted(findings.predictions)
    grid = Grid.of(findings.predictions[years[0]])
    layers = maps.layers(findings.predictions, findings.stacks, _MAPS_BYTES)
    table, document = findings.trend
    evaluation, metrics = findings.evaluation
    synthetic = any(map(is_simulated, findings.exports))
    # A sample beside a synthetic archive was drawn from its truth.
    from_truth = synthetic and document.get("reference", {}).get("source") == ARCHIVE_SAMPLE
    study = f"{subject.study}, digest {subject.digest}"
    judged = list(_judgements(findings))
    lost = {"change"} if len(years) == 1 else set()
    used = [*((export.request.product, *export.request.window) for export in findings.exports), *subject.beside]
    return render(
        __name__,
        title=subject.title or subject.study,
        study=subject.study,
        region=subject.region,
        label_year=subject.label_year,
        years=years,
        synthetic=synthetic,
        against=[each.sentence for each in judged if not each.passed],
        worse=any(each.name == "above_majority" and not each.passed for each in judged),
        headings=HEADINGS,
        contents=[(anchor, heading) for anchor, heading in HEADINGS.items() if anchor not in lost],
        made=subject.made,
        cited=sources.citation(subject.title or subject.study, subject.region, subject.made, study),
        attributions=list(attributions(used)),
        citations=list(citations(dict.fromkeys(product for product, *_ in used))),
        finding=headline(document["statement"]),
        grid=f"{rows_and_columns(*grid.shape)} of {grid.resolution:g} m pixels, {grid.crs}",
        width_km=f"{grid.width * grid.resolution / 1000:.3g}",
        layers=layers,
        legends=[layer.legend for layer in layers],
        alternative=lambda layer, year: alt_texts.of_map(layer, year, subject.region, table),
        estimand=f"What is measured: {document['estimand'].removesuffix(', km²')}, in km².",
        trend_plot=_picture(draw_trend(table, subject.region), alt_texts.of_trend(table)),
        trend_caption=words.trend_caption(document["kind"]),
        trend_tables=list(tables.trend_tables(table, document)),
        trend_notes=list(words.trend_notes(table, document, from_truth=from_truth)),
        change=_change(findings.change, subject.region, years, document) if len(years) > 1 else None,
        quality_notes=list(words.quality_notes(metrics, subject.sensors)),
        quality_tables=list(quality_tables.quality_tables(metrics, findings.ablation)),
        plots=list(_plots(findings.evaluation, findings.ablation, grid)),
        transfer_notes=[] if findings.transfer is None else list(words.transfer_notes(findings.transfer)),
        transfer_tables=list(quality_tables.transfer_tables(findings.transfer)) if findings.transfer else [],
        year_note=words.year_notes(),
        year_tables=list(source_tables.year_tables(findings.stacks, findings.predictions, evaluation, metrics)),
        source_tables=[
            sources.exports_table(findings.exports),
            source_tables.versions_table(study, findings.predictions, findings.exports),
        ],
        scene_lists=sources.scene_lists(findings.exports),
        caveats=list(words.caveats(document["kind"], subject.label_year, table, metrics, from_truth=from_truth)),
    )


def _judgements(findings: Findings) -> Iterator[judgement.Judgement]:
    """Everything that the checks ask, in the order of its weight; a year is named where it is of one."""
    evaluation, metrics = findings.evaluation
    yield judgement.above_majority(evaluation)
    for year, mapped in sorted(findings.predictions.items()):
        near = judgement.near_labels(drift.disagreement(mapped[BUILT_UP], evaluation))
        moved = judgement.feature_drift(
            drift.feature_drift(metrics.get("features", {}), findings.stacks[year], evaluation)
        )
        for each in (near, moved):
            yield replace(each, sentence=f"{year}: {each.sentence}")
    yield judgement.label_balance(evaluation)
    yield judgement.calibrated(metrics)
    if findings.ablation is not None and is_embedded(findings.ablation["whole"]):
        yield judgement.embedding_helps(findings.ablation)
    yield judgement.no_area_jumps(findings.trend[0])
    yield judgement.valid_in_all_years(findings.trend[0])


def _change(changed: xr.Dataset, region: str, years: Sequence[int], document: Mapping[str, Any]) -> dict[str, Any]:
    """The map of change with its words."""
    meanings = {code: (text, CHANGE_COLOURS[code]) for code, text in change_map.CLASSES.items()}
    drawn = map_layers.classes({0: changed[change_map.CHANGE]}, meanings)
    return {
        "layer": map_layers.layer_of("Change", drawn, _CHANGE_BYTES),
        "alternative": f"Map of change in {region} from {years[0]} to {years[-1]}; the text below has the counts.",
        "caption": words.change_caption(changed, years, document),
    }


def _picture(png: bytes, text: str) -> str:
    from markupsafe import escape

    return f'<img alt="{escape(text)}" src="{data_uri(png)}">'


def _plots(
    evaluation: tuple[pd.DataFrame, dict[str, Any]], ablation: Mapping[str, Any] | None, grid: Grid
) -> Iterator[dict[str, str]]:
    table, metrics = evaluation
    drawn = [
        (
            "Reliability: the share labelled built-up against the predicted probability.",
            agreement.reliability_png(metrics, "built-up"),
            alt_texts.of_reliability(metrics),
        ),
        (
            "Precision and recall over all thresholds.",
            agreement.precision_recall_png(table, metrics),
            alt_texts.of_precision_recall(metrics),
        ),
        (
            "Where the map errs, judged by models that did not see the place.",
            agreement.error_map_png(table, grid, "built-up"),
            alt_texts.of_errors(metrics),
        ),
    ]
    if ablation is not None:
        shown = alt_texts.of_ablation(ablation)
        drawn.append((words.features_caption(ablation), ablation_png(ablation), shown))
    for caption, png, text in drawn:
        yield {"caption": caption, "picture": _picture(png, text)}
