"""The report of a region: one HTML file that opens anywhere, offline, with every figure beside what it rests on.

Belongs here: what is said and in which order. Does not: the page's markup (`templates/report.html`), its pictures
(`maps.py`, `trend_picture.py`, `curves.py`), figures (`trend.py`, `evaluation.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr

from fusion_assets.built_up import change as change_map
from fusion_assets.built_up import curves
from fusion_assets.built_up.report import maps, tables, words
from fusion_assets.built_up.trend_picture import draw_trend
from fusion_assets.imagery.exports import Export
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.previews import data_uri

if TYPE_CHECKING:
    import pandas as pd

# Raise when the same inputs would give another page.
VERSION = "1"
MOST_BYTES = 8_000_000
_MAPS_BYTES, _CHANGE_BYTES = 5_500_000, 600_000
# Far apart in lightness, too: gained and lost are the dark ones.
_CHANGE_COLOURS = {
    0: (245, 243, 236),
    1: (222, 228, 214),
    2: (168, 160, 148),
    3: (150, 20, 28),
    4: (24, 52, 110),
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
    """

    study: str
    title: str
    region: str
    label_year: int
    digest: str


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
    """

    predictions: Mapping[int, xr.Dataset]
    stacks: Mapping[int, xr.Dataset]
    change: xr.Dataset
    trend: tuple[pd.DataFrame, dict[str, Any]]
    evaluation: tuple[pd.DataFrame, dict[str, Any]]
    ablation: Mapping[str, Any] | None
    exports: Sequence[Export]


def build_report(subject: Subject, found: Findings) -> str:
    """The page, below 8 MB.

    Args:
        subject: what it is about.
        found: what is shown.
    """
    import jinja2

    years = sorted(found.predictions)
    grid = Grid.of(found.predictions[years[0]])
    layers = maps.layers(found.predictions, found.stacks, _MAPS_BYTES)
    meanings = {code: (text, _CHANGE_COLOURS[code]) for code, text in change_map.CLASSES.items()}
    table, document = found.trend
    loader = jinja2.PackageLoader("fusion_assets.built_up.report")
    environment = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    return environment.get_template("report.html").render(
        title=subject.title or subject.study,
        study=subject.study,
        region=subject.region,
        label_year=subject.label_year,
        years=years,
        synthetic=any("SYNTHETIC" in scene for export in found.exports for scene in export.scenes),
        finding=document["statement"],
        grid=f"{grid.height} x {grid.width} pixels of {grid.resolution:g} m, {grid.crs}",
        width_km=f"{grid.width * grid.resolution / 1000:.0f}",
        layers=layers,
        legends=[layer.legend for layer in layers],
        alternative=lambda layer, year: words.alternative(layer, year, subject.region, table),
        estimand=f"What is measured: {document['estimand'].removesuffix(', km2')}, in km2.",
        trend_plot=_picture(draw_trend(table, f"Built-up land, {subject.region}"), words.trend_in_words(table)),
        trend_caption=words.trend_caption(document["kind"]),
        trend_tables=[tables.trend_table(table), *tables.agreement_tables(document)],
        trend_notes=list(words.trend_notes(table, document)),
        change=maps.categories(found.change[change_map.CHANGE], meanings, _CHANGE_BYTES),
        change_alternative=f"Map of change in {subject.region} from {years[0]} to {years[-1]}; counts are in the text.",
        change_caption=words.change_caption(found.change, years),
        quality_notes=list(words.quality_notes(found.evaluation[1])),
        quality_tables=list(tables.quality_tables(found.evaluation[1], found.ablation)),
        plots=list(_plots(found.evaluation, found.ablation, grid)),
        source_tables=[
            tables.exports_table(found.exports),
            tables.versions_table(f"{subject.study}, digest {subject.digest}", found.predictions),
        ],
        caveats=list(words.caveats(document["kind"], subject.label_year, table, found.evaluation[1])),
    )


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
            curves.reliability_png(metrics),
        ),
        ("Precision and recall over all thresholds.", curves.precision_recall_png(table, metrics)),
        ("Where the map errs, out of fold.", curves.error_map_png(table, grid)),
    ]
    if ablation is not None:
        drawn.append(("Optics, lights, and both together.", curves.ablation_png(ablation)))
    for caption, png in drawn:
        yield {"caption": caption, "picture": _picture(png, caption + " The tables hold the figures.")}
