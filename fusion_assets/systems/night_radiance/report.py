"""The report on a region's night radiance: cells and map in the same colours, every method, what cannot be told.

One HTML file that opens anywhere, offline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from fusion_assets.counts import number_of
from fusion_assets.grids.grid import Grid, rows_and_columns
from fusion_assets.imagery.credits import attributions, citations
from fusion_assets.imagery.engines.protocol import Export, ExportRequest
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.reports import source_tables as sources
from fusion_assets.reports.page import render
from fusion_assets.reports.tables import table_of
from fusion_assets.systems.night_radiance import judgement, mapping, pictures, tables
from fusion_assets.systems.night_radiance.effective_resolution import text_of
from fusion_assets.systems.night_radiance.examples import FACTOR
from fusion_assets.systems.night_radiance.methods.table import METHODS, NO_IMAGERY
from fusion_assets.systems.night_radiance.resampling import nearest
from fusion_assets.systems.night_radiance.scores import BASELINE
from fusion_assets.systems.night_radiance.sensor import pixel_metres

if TYPE_CHECKING:
    import pandas as pd

HEADINGS = {
    "maps": "The nights, before and after",
    "quality": "How far to trust it",
    "conservation": "No light is invented or lost",
    "cannot": "What this cannot tell",
    "sources": "What it was made from",
    "credits": "How to cite, and who is to be named",
}
_SOURCES = {
    "study": "so the study says",
    "default": "the default",
    "estimated": "told from its cells and day imagery",
}
_PACKAGES = ("fusion-assets", "dagster", "scikit-learn", "scipy", "rasterio", "xarray", "numpy")


@dataclass(frozen=True)
class Subject:
    """What a report is about.

    Attributes:
        study: name.
        title: for people.
        region: name, for people.
        digest: of the study.
        made: day on which the page was made, ISO 8601.
        engine: name of the engine that gave the imagery.
        footprint: full width at half maximum of what the sensor sees, metres.
        reserved: whether nothing was learnt from this region.
        synthetic: whether the imagery is simulated.
        footprint_from: `study`, `default` or `estimated`.
    """

    study: str
    title: str
    region: str
    digest: str
    made: str
    engine: str
    footprint: float
    reserved: bool
    synthetic: bool = False
    footprint_from: str = "default"


@dataclass(frozen=True)
class Findings:
    """What was stored for the region, as loaded, by year.

    Attributes:
        maps: stored maps, lazy.
        cells: lights on the product's own cells, lazy.
        optics: composites of day imagery, lazy.
        evaluations: table and document of the evaluation.
        exports: tickets of the day imagery.
        lights: requests of the lights.
        told_by: year to the years that tell what burns in it alone.
    """

    maps: Mapping[int, xr.Dataset]
    cells: Mapping[int, xr.Dataset]
    optics: Mapping[int, xr.Dataset]
    evaluations: Mapping[int, tuple[pd.DataFrame, Mapping[str, Any]]]
    exports: Sequence[Export]
    lights: Sequence[ExportRequest]
    told_by: Callable[[int], Sequence[int]] = lambda year: ()


def build_report(subject: Subject, findings: Findings) -> str:
    """The page.

    Args:
        subject: what it is about.
        findings: what is shown.
    """
    maps = {year: mapped.compute() for year, mapped in sorted(findings.maps.items())}
    years, fine = list(maps), Grid.of(next(iter(maps.values())))
    measured = {year: np.asarray(findings.cells[year]["avg_rad"].values, float) for year in years}
    lattice = {year: Grid.of(findings.cells[year]) for year in years}
    kept = {
        year: _kept(subject, maps[year], fine, measured[year], lattice[year], findings.evaluations[year][1])
        for year in years
    }
    drawn, legend, effect_legend = pictures.draw(
        maps, {year: nearest(measured[year], lattice[year], fine) for year in years}
    )
    judged = list(_judgements(maps, kept, findings.evaluations))
    requests = [*(export.request for export in findings.exports), *findings.lights]
    study = f"{subject.study}, digest {subject.digest}"
    edge = round(float(np.sqrt(np.prod(pixel_metres(next(iter(lattice.values())))))))
    return render(
        "fusion_assets.systems.night_radiance",
        title=subject.title or subject.study,
        study=subject.study,
        region=subject.region,
        years=years,
        made=subject.made,
        synthetic=subject.synthetic,
        against=[each.sentence for each in judged if not each.passed],
        findings=[_finding(year, findings.evaluations[year][1], kept[year]) for year in years],
        headings=HEADINGS,
        grid=f"{rows_and_columns(*fine.shape)} of {fine.resolution:g} m pixels, {fine.crs}",
        cell=f"{edge} m",
        pictures=drawn,
        legend=legend,
        effect_legend=effect_legend,
        brightness=tables.brightness_table(maps),
        quality=list(_quality_notes(subject, findings.evaluations)),
        quality_tables=list(tables.year_tables(years, findings.evaluations)),
        conservation=tables.conservation_table(kept),
        cannot=list(_cannot_tell(subject, fine, edge, maps, findings)),
        source_tables=[
            tables.inputs_table(findings.optics, findings.cells),
            *filter(None, [tables.fires_table(findings.cells, findings.told_by)]),
            sources.exports_table(findings.exports),
            _lights_table(findings.lights, study, subject.engine),
        ],
        scene_lists=sources.scene_lists(findings.exports),
        cited=sources.citation(subject.title or subject.study, subject.region, subject.made, study),
        attributions=list(attributions((request.product, *request.window) for request in requests)),
        citations=list(citations(dict.fromkeys(request.product for request in requests))),
    )


def _kept(
    subject: Subject, mapped: xr.Dataset, fine: Grid, measured: np.ndarray, cells: Grid, document: Mapping[str, Any]
) -> dict[str, float]:
    """What a stored map keeps of the product; no imagery is needed to tell."""
    footprint = float(mapped.attrs.get("footprint_m", subject.footprint))  # each year has its own
    task = mapping.task_of(fine, cells, measured, {}, footprint, document["rounds"])
    return mapping.conservation(task, np.nan_to_num(np.asarray(mapped["radiance"].values, float)))


def _judgements(
    maps: Mapping[int, xr.Dataset],
    kept: Mapping[int, Mapping[str, float]],
    evaluations: Mapping[int, tuple[pd.DataFrame, Mapping[str, Any]]],
) -> Iterator[judgement.Judgement]:
    """Everything that is asked of maps and method, with the year."""
    for year, mapped in maps.items():
        known = np.isfinite(mapped["radiance"].values)
        bands = {name: mapped[name].values[known] for name in ("radiance", "low", "high")}
        for each in (*judgement.of_map(kept[year], bands), *judgement.of_methods(evaluations[year][1])):
            yield replace(each, sentence=f"{year}: {each.sentence}")


def _finding(year: int, document: Mapping[str, Any], kept: Mapping[str, float]) -> str:
    """What a year's map is worth, in a sentence."""
    method = document["method"]
    scores = document["wald"]["methods"][method]
    most, total = judgement.MOST_OF_TOTAL, kept["total"]
    light = (
        f"The map has as much light as the product, within {most:.2%}."
        if abs(total) <= most
        else f"The map has {total:+.2%} light against the product."
    )
    gain = "" if method == NO_IMAGERY else f", and {tables.interval(scores[f'to_{NO_IMAGERY}'])} times deblurring alone"
    return (
        f"{year}: where nothing was learnt, the product's own cells are found again with an RMSE of "
        f"{tables.interval(scores['rmse'])} nW/cm2/sr, {tables.interval(scores[f'to_{BASELINE}'])} times that of "
        f"interpolation{gain}. {light}"
    )


def _quality_notes(
    subject: Subject, evaluations: Mapping[int, tuple[pd.DataFrame, Mapping[str, Any]]]
) -> Iterator[str]:
    yield (
        f"The product's cells were made {FACTOR} times as coarse, as its sensor would see them, and found again by "
        "every method from what it had learnt in the other places (Wald et al. 1997). Errors are those of the "
        "product's own cells."
    )
    yield (
        f"{subject.region} was held back: nothing was learnt or chosen on it."
        if subject.reserved
        else f"{subject.region} is among the places learnt from; where it is judged, methods have learnt elsewhere."
    )
    for year, (_, document) in sorted(evaluations.items()):
        method, scores = document["method"], document["wald"]["methods"]
        rounds = number_of(document["rounds"], "round")
        yield f"{year}: chosen was “{METHODS[method].text}”, in {rounds} of conservation: {document['why']}."
        yield from _resolutions(year, document)
        alone = tables.interval(scores[NO_IMAGERY][f"to_{BASELINE}"])
        share = _by_imagery(scores, method)
        yield f"{year}: deblurring alone, without any imagery, errs {alone} times as much as interpolation. {share}"


def _resolutions(year: int, document: Mapping[str, Any]) -> Iterator[str]:
    """How fine the detail is that maps have in common with what they should be."""
    by_method = document.get("effective_resolution", {})
    against = {
        "wald": f"of the product's own cells, found again from cells {FACTOR} times as coarse",
        "truth": "of maps of the places held back, against the truth of the synthetic archive",
    }
    for level, what in against.items():
        shown = [f"{METHODS[name].text} {text_of(each[level])}" for name, each in by_method.items() if level in each]
        if shown:
            yield (
                f"{year}: the effective resolution {what}: {'; '.join(shown)}. It is half the period at which map and "
                "truth are correlated by 0.5, with 95 % intervals; of contrast it says nothing."
            )


def _by_imagery(scores: Mapping[str, Any], method: str) -> str:
    """How much of what is gained over interpolation is gained by imagery."""
    if method == NO_IMAGERY:
        return "Imagery tells no more here, and is not used."
    ratio = scores[method][f"to_{NO_IMAGERY}"]
    if ratio["high"] >= 1:
        return "What imagery adds to that cannot be told from chance."
    first, alone, all_of_it = (scores[name]["rmse"]["value"] for name in (BASELINE, NO_IMAGERY, method))
    if not first > alone > all_of_it:
        return ""
    return f"Of all that is gained over interpolation, {(alone - all_of_it) / (first - all_of_it):.0%} is by imagery."


def _lights_table(requests: Sequence[ExportRequest], study: str, engine: str) -> dict[str, Any]:
    rows = []
    for request in sorted(requests, key=lambda each: each.year):
        first, last = request.window
        text = f"{', '.join(request.collections)}; {first} to {last}; recipe {request.recipe_digest}"
        rows.append((f"{PRODUCTS[request.product].title}, {request.year}", text))
    rows += [("engine", engine), ("study", study), sources.software(*_PACKAGES)]
    return table_of("Lights, study, software", ("", ""), rows, anywhere=(1,))


def _cannot_tell(
    subject: Subject, fine: Grid, edge: int, maps: Mapping[int, xr.Dataset], findings: Findings
) -> Iterator[str]:
    documents = [document for _, document in findings.evaluations.values()]
    step = max(1.0, edge / fine.resolution / FACTOR)
    widest = max(step ** document["growth"] for document in documents)
    yield (
        f"Whether a single pixel is right. The test is from {FACTOR * edge / 1000:.2f} km to {edge} m: it says nothing "
        f"of pixels of {fine.resolution:g} m. That the same holds below them is an assumption, and "
        f"the intervals of pixels are {widest:.1f} times as wide for it, as a logarithm."
    )
    yield (
        f"What lies between cells. The sensor sees about {subject.footprint:.0f} m at once "
        f"({_SOURCES[subject.footprint_from]}); nothing finer was measured. "
        f"Pixels are {fine.resolution:g} m apart; that is no resolution. Where light lies within a cell is what day "
        "imagery suggests: a lit road in a field, a dark factory or one lamp on a square look alike to it."
    )
    yield (
        "More light, or less, than the product has. Imagery moves light among pixels; it invents none and loses none. "
        "What the product misses, the map misses too."
    )
    negative, unknown = _odd_cells(findings.cells)
    yield (
        "The faintest and the brightest. Airglow and noise are taken away by the product, which leaves cells below 0 "
        f"({negative:.1%} of those here, counted as dark); below about 0.5 nW/cm2/sr a light is not told from none. "
        "Saturated cells are as the product has them, and so are gas flares and fires, unless a table below says that "
        "lights of one year alone were taken out."
    )
    if unknown:
        yield f"What lies where nothing was observed: {unknown:.1%} of the cells; there the map goes on from others."
    yield (
        "A place unlike those learnt from: another climate, other lamps, other ways to build. The table by place shows "
        "how far places differ; a place further off may err more, and its intervals may be too narrow."
    )
    yield (
        "Water and what is on it. Rivers and coasts get little light because imagery shows water; ships, bridges, rigs "
        "and glare over water are then put on the nearest land."
    )
    yield (
        "When lamps were lit. A map is the mean of a year, after midnight, seen from above and clear of cloud: no "
        "season, no outage, no evening, and little of what shines sideways or is blue, which the sensor does not see."
    )


def _odd_cells(cells: Mapping[int, xr.Dataset]) -> tuple[float, float]:
    """Shares of negative cells among those known, and of unknown cells."""
    values = np.concatenate([np.asarray(each["avg_rad"].values, float).ravel() for each in cells.values()])
    known = np.isfinite(values)
    return float((values[known] < 0).mean()) if known.any() else 0.0, float((~known).mean())
