"""`fusion export`: built-up area per region and year, and its change, for statisticians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.site import Site
from fusion_assets.settings import Settings
from fusion_assets.storage.documents import beside
from fusion_assets.storage.simulation import NOTICE
from fusion_assets.study import Study
from fusion_assets.study.provenance import rests_on_simulation
from fusion_assets.systems.built_up.areas.measuring import measure
from fusion_assets.systems.built_up.areas.reference import reference_source
from fusion_assets.systems.built_up.areas.trend import ADJUSTED, ESTIMANDS, MAPPED, VERSION
from fusion_assets.systems.built_up.change_table import CHANGE_COLUMNS, change_table
from fusion_assets.systems.built_up.export_files import Figures, changes_path, check_writable, write_figures

if TYPE_CHECKING:
    import pandas as pd

_TREND, _MAP, _EVALUATION = "built_up_trend", "built_up_prediction", "model_evaluation"
_SYNTHETIC = "SYNTHETIC: from a simulated archive, no place looks like this. "
_RENAMED = {"low": "low_km2", "high": "high_km2", "standard_error": "standard_error_km2", "share": "compared_share"}
_MEANING = {
    ADJUSTED: "95 % confidence interval",
    MAPPED: "sensitivity to the threshold, no confidence interval",
}
COLUMNS = {
    "study": "name of the study",
    "region": "name of the region",
    "year": "year",
    "area_km2": f"{ESTIMANDS[ADJUSTED]}; see kind",
    "low_km2": "lower end of what low_high_meaning says; empty where there is none",
    "high_km2": "upper end",
    "standard_error_km2": "standard error of area_km2; empty where there is none",
    "built_up_share": "area_km2 as share of what is compared of the region, 0 to 1",
    "low_high_meaning": "what low_km2 and high_km2 are",
    "kind": "error-adjusted by a reference sample, or mapped, relative to the labels",
    "region_title": "what people call the region",
    "mapped_km2": "built-up area of the map itself, not adjusted",
    "region_km2": "area of the region's pixels",
    "compared_share": "share of region_km2 that is valid in every year, 0 to 1; areas are those of this part",
    "n_valid": "number of pixels valid in every year",
    "threshold": "probability from which the map says built-up",
    "labels": "labels that the maps were learnt from",
    "label_year": "their year",
    "label_prevalence": "share of the labelled pixels that are built-up, 0 to 1",
    "note": "what to know about this row",
}
"""Columns of the table, and what they mean. Areas are geodesic, on the WGS84 ellipsoid."""


def export_areas(
    site: Site,
    output: str | Path,
    regions: Sequence[str] = (),
    years: Sequence[int] = (),
    force: bool = False,
) -> str:
    """Write built-up area per region and year and its changes, from stored trends where there are, else from the maps.

    Args:
        site: whose maps.
        output: `.gpkg`, `.csv` or `.parquet`; see `export_files.write_figures`.
        regions: names; empty means all.
        years: empty means all prediction years.
        force: whether a file that exists is replaced.

    Returns:
        What was written and what is missing, in words.

    Raises:
        FusionError: an unknown region, year or format, a file that exists, nothing stored, or artifacts of another
            study; nothing is written then.
    """
    import pandas as pd

    study, settings = site.study, site.settings
    target = Path(output)
    check_writable(target, force)
    unknown = sorted(set(years) - set(study.prediction_years))
    if unknown:
        years_of_study = ", ".join(map(str, study.prediction_years))
        raise FusionError(
            f"study {study.name} does not predict {', '.join(map(str, unknown))}", years_of_study, "correct --years"
        )
    chosen = [study.region_called(name).name for name in regions] or [region.name for region in study.regions]
    parts, changes, statements, missing = [], [], {}, []
    for region in dict.fromkeys(chosen):
        rows = _of_region(site, region)
        if rows is None:
            missing.append(f"{region} has no maps stored and is left out")
            continue
        table, document = rows
        table = table[table["year"].isin(years)] if years else table
        parts.append(table)
        changes.append(change_table(table, document))
        statements[region] = document["statement"]
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if table.empty:
        raise FusionError(f"{settings.storage} holds no maps of these regions and years", "maps", "fusion run")
    changed = pd.concat(changes, ignore_index=True)
    if rests_on_simulation(study, settings):
        for each in (table, changed):
            each["note"] = (f"{NOTICE} " + each["note"]).str.strip()
    statement_rows = ((f"statement on {region}", text) for region, text in statements.items())
    about = pd.DataFrame([*(COLUMNS | CHANGE_COLUMNS).items(), *statement_rows], columns=["name", "meaning"])
    outlines = {region: study.polygon(region) for region in statements}
    # A millionth of a km2 is a square metre.
    write_figures(target, Figures(table.round(6), changed.round(6), outlines, about))
    notes = sorted({note for note in table["note"] if note})
    beside = changes_path(target) if len(changed) else None
    more = [f"{beside}: {number_of(len(changed), 'change')}"] if beside else []
    held = f"{number_of(len(table), 'row')}, {number_of(len(statements), 'region')}"
    return "\n".join([f"{output}: {held}", *more, *notes, *missing])


def _of_region(site: Site, region: str) -> tuple[pd.DataFrame, Mapping[str, Any]] | None:
    """Rows of one region, and the document of its trend or what stands in for one; None where no map is stored."""
    study, settings = site.study, site.settings

    def load(manager: str, asset: str, year: int | None) -> Any:
        artifact, stored = Artifact(asset, region, None if year is None else str(year)), site.managers[manager]
        path = stored.path(artifact)
        if not stored.storage.exists(path):
            if not any(stored.storage.names_something(half) for half in (path, beside(path))):
                return None
            stored.verify(artifact)  # says what lies there instead
        return stored.load(artifact)

    maps = {year: load("rasters", _MAP, year) for year in study.prediction_years}
    maps = {year: mapped for year, mapped in maps.items() if mapped is not None}
    trend = load("tables", _TREND, None)
    if not maps and trend is None:
        return None
    evaluation = load("tables", _EVALUATION, study.label_year)
    metrics = evaluation[1] if evaluation is not None else {}
    if trend is None:
        table, document = _mapped(study, region, maps)
    else:
        table, document = trend
        names = {
            "low": "low_km2",
            "high": "high_km2",
            "standard_error": "standard_error_km2",
            "share": "compared_share",
        }
        table = table.rename(columns=names)
        if "standard_error_km2" not in table:  # one of a version that kept none
            table["standard_error_km2"] = nan
        table = table.assign(
            region_km2=document["region_km2"],
            low_high_meaning=_MEANING.get(document["kind"], document["kind"]),
            note=_note(study, settings, region, table, document, maps),
        )
    table = table.assign(
        study=study.name,
        region=region,
        region_title=study.region(region).called,
        built_up_share=table["area_km2"] / (table["region_km2"] * table["compared_share"]),
        threshold=[float(maps[year].attrs.get("threshold", "nan")) if year in maps else nan for year in table["year"]],
        labels=study.use("labels").recipe.title,
        label_year=study.label_year,
        label_prevalence=metrics.get("prevalence", nan),
    )
    return table[list(COLUMNS)], document


def _note(
    study: Study,
    settings: Settings,
    region: str,
    table: pd.DataFrame,
    document: Mapping[str, Any],
    maps: Mapping[int, Any],
) -> str:
    """What is wrong with a stored trend: nothing, unless what it was made from is no longer what there is."""
    then, now = document.get("reference", {}), reference_source(study.reference_sample, settings.archive)
    reasons = []
    if then and not now:
        reasons.append("the study names no reference sample any more")
    elif now and not then:
        reasons.append("the study names a reference sample that these areas do not rest on")
    elif document.get("version") != VERSION:  # and may not say which sample it was
        reasons.append("the areas were made in another way than they would be now")
    elif then.get("digest") != now.get("digest"):
        reasons.append("the reference sample has changed since")
    if _maps_are_new(study, region, table, maps):
        reasons.append("the maps have been made anew since")
    return f"{'; '.join(reasons)}: make the areas anew with: fusion run --select {_TREND}" if reasons else ""


def _maps_are_new(study: Study, region: str, table: pd.DataFrame, maps: Mapping[int, Any]) -> bool:
    """Whether the maps have other areas than those that a trend was made from; False where some are not stored."""
    years = [int(year) for year in table["year"]]
    if set(years) - set(maps):
        return False
    now = measure({year: maps[year] for year in years}, study.polygon(region), (0.5, 0.5)).mapped_km2
    then = dict(zip(years, table["mapped_km2"], strict=True))
    return not all(isclose(now[year], then[year], rel_tol=1e-6) for year in years)


def _mapped(study: Study, region: str, maps: dict[int, Any]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Mapped area where no trend is stored: on the pixels valid in every stored year, without any range."""
    import pandas as pd

    areas = measure(maps, study.polygon(region), (0.5, 0.5))
    years = sorted(maps)
    absent = sorted(set(study.prediction_years) - set(maps))
    without = f"; no map of {', '.join(map(str, absent))}" if absent else ""
    note = f"no {_TREND} is stored: mapped area without a range{without}; make it with: fusion run --select {_TREND}"
    table = pd.DataFrame(
        {
            "year": years,
            "area_km2": [areas.mapped_km2[year] for year in years],
            "mapped_km2": [areas.mapped_km2[year] for year in years],
            "low_km2": nan,
            "high_km2": nan,
            "standard_error_km2": nan,
            "low_high_meaning": "none",
            "kind": MAPPED,
            "region_km2": areas.region_km2,
            "compared_share": areas.valid_km2 / areas.region_km2 if areas.region_km2 else nan,
            "n_valid": areas.n_valid,
            "note": note,
        }
    )
    statement = "The data cannot tell whether built-up land grew or shrank: only mapped areas are stored."
    return table, {"statement": statement}
