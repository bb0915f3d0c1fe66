"""The report on a region's NDVI of one year: pictures before and after, series of sampled places, errors by gap.

One HTML file that opens anywhere, offline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import xarray as xr

from fusion_assets.counts import number_of
from fusion_assets.imagery.credits import attributions, citations
from fusion_assets.imagery.engines.protocol import ExportRequest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.reports.page import render
from fusion_assets.reports.source_tables import citation, software
from fusion_assets.reports.tables import plain, table_of, with_interval
from fusion_assets.systems.ndvi import pictures
from fusion_assets.systems.ndvi.judgement import called, worse_than_interpolation

if TYPE_CHECKING:
    import pandas as pd

FEW_SCENES = 10
"""Clear scenes below which the page warns: so few cannot tell what the errors of a year are."""
METHODS = {
    "fused": "radar and the clear dates around, together",
    "interpolation": "straight line between the clear dates around",
    "whittaker": "smooth curve through the clear dates",
    "random_forest": "forest on radar and the time of year",
    "linear": "local linear fit on radar",
    "published_formula": "published radar index in decibels, fitted sign",
    "seed_as_printed": "radar index with amplitudes in its place",
}
"""What the names of the estimators mean, in the order in which they are shown."""
_PACKAGES = ("fusion-assets", "dagster", "scikit-learn", "xarray", "zarr", "numpy")


@dataclass(frozen=True)
class Subject:
    """What the page is about.

    Attributes:
        study: name.
        title: for people.
        region: name.
        year: of the series.
        method: estimator that filled the gaps.
        study_digest: of the study.
        engine: name of the engine that gave the imagery.
        requests: what it was asked for, Sentinel-2 first.
        made: day on which the page was made, ISO 8601.
        synthetic: whether the imagery is simulated.
    """

    study: str
    title: str
    region: str
    year: int
    method: str
    study_digest: str
    engine: str
    requests: Sequence[ExportRequest]
    made: str
    synthetic: bool = False


def build_report(
    subject: Subject,
    clear: xr.Dataset,
    backscatter: xr.Dataset | None,
    filled: xr.Dataset,
    evaluation: pd.DataFrame,
    true_colour: pictures.TrueColour,
    sources: dict[str, float],
) -> str:
    """The page.

    Args:
        subject: what it is about.
        clear: stored clear NDVI.
        backscatter: stored radar; None for a study without.
        filled: stored NDVI without gaps.
        evaluation: of `evaluation.evaluate`.
        true_colour: reflectance of a day, clouds and all.
        sources: share of all values by what they rest on.
    """
    scenes = int(evaluation["scenes"].max()) if len(evaluation) else 0
    study = f"{subject.study}, digest {subject.study_digest}"
    return render(
        "fusion_assets.systems.ndvi",
        **{key: value for key, value in asdict(subject).items() if key != "requests"},
        dates=number_of(filled.sizes["time"], "date"),
        pictures=pictures.before_and_after(clear, filled, true_colour),
        fields=pictures.draw_fields(clear, filled),
        errors=pictures.draw_errors(evaluation, subject.method),
        scenes=number_of(scenes, "clear scene"),
        few_scenes=scenes < FEW_SCENES,
        against=worse_than_interpolation(evaluation, subject.method),
        tables=[*error_tables(evaluation, subject.method), sources_table(subject, clear, backscatter)],
        sources=sources,
        legend=pictures.LEGEND,
        cited=citation(subject.title, f"{subject.region} {subject.year}", subject.made, study),
        attributions=list(attributions((request.product, *request.window) for request in subject.requests)),
        citations=list(citations(dict.fromkeys(request.product for request in subject.requests))),
    )


def error_tables(evaluation: pd.DataFrame, method: str) -> Iterator[dict[str, Any]]:
    """Errors of all methods by length of gap, then everything about the chosen one."""
    names = [name for name in METHODS if name in set(evaluation["estimator"])]
    cases = list(evaluation[["position", "gap_days"]].drop_duplicates().itertuples(index=False, name=None))
    by_gap = [called(*case) for case in cases]
    for figure, caption in (
        ("rmse", "RMSE in units of NDVI, by length of the gap"),
        ("coverage", "Share of withheld values inside the stated 90 % interval"),
    ):
        values = evaluation.pivot(index="estimator", columns=["position", "gap_days"], values=figure)
        rows = [(name, METHODS[name], *(plain(values.loc[name, case]) for case in cases)) for name in names]
        yield table_of(caption, ("method", "", *by_gap), rows)
    chosen = evaluation[evaluation["estimator"] == method]
    figures = ("n", "scenes", "rmse", "bias", "r2", "coverage", "width", "outside")
    rows = [
        (gap, *(_cell(row, name) for name in figures), str(row["note"]))
        for gap, row in zip(by_gap, chosen.to_dict("records"), strict=True)
    ]
    columns = ("gap", "values", "scenes", "RMSE", "bias", "R2", "coverage", "width", "clipped", "note")
    yield table_of(f"The method of this page, {method}, with 95 % intervals", columns, rows)


def _cell(row: Mapping[Any, Any], figure: str) -> str:
    ends = {"value": row[figure], "low": row.get(f"{figure}_low"), "high": row.get(f"{figure}_high")}
    return plain(row[figure]) if ends["low"] is None else with_interval(ends)


def sources_table(subject: Subject, clear: xr.Dataset, backscatter: xr.Dataset | None) -> dict[str, Any]:
    """What the page was made from."""
    rows = []
    for request, series in zip(subject.requests, (clear, backscatter), strict=False):
        first, last = request.window
        days = 0 if series is None else series.sizes["time"]
        dates, recipe = number_of(days, "date"), f"recipe {request.recipe_digest}"
        text = f"{', '.join(request.collections)}; {first} to {last}; {dates}; {recipe}"
        if request.recipe.mask.kind == "classes":
            text += f"; clear are the classes {', '.join(map(str, request.recipe.mask.values))}"
        rows.append((PRODUCTS[request.product].title, text))
    rows += [
        ("engine", subject.engine),
        ("study", f"{subject.study}, {subject.study_digest}"),
        software(*_PACKAGES),
    ]
    return table_of("What it was made from", ("", ""), rows)
