"""`fusion export`: built-up area per region and year, for statisticians, as GeoPackage or CSV."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from math import isclose, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.site import Site
from fusion_assets.settings import Settings
from fusion_assets.storage.leftovers import PARTIAL_SUFFIX
from fusion_assets.storage.simulation import NOTICE
from fusion_assets.study import Study
from fusion_assets.study.provenance import rests_on_simulation
from fusion_assets.systems.built_up.areas.measuring import measure
from fusion_assets.systems.built_up.areas.reference import reference_source
from fusion_assets.systems.built_up.areas.trend import ADJUSTED, ESTIMAND, MAPPED, VERSION

if TYPE_CHECKING:
    import pandas as pd
    from shapely.geometry.base import BaseGeometry

FORMATS = (".gpkg", ".csv")
_ONE_VALUE = [
    "study", "region_km2", "compared_share", "n_valid", "kind", "low_high_meaning", "labels", "label_year", "note",
]  # fmt: skip
_BY_YEAR = ("area_km2", "low_km2", "high_km2", "mapped_km2")
_TREND, _MAP, _EVALUATION = "built_up_trend", "built_up_prediction", "model_evaluation"
_MEANING = {
    ADJUSTED: "95 % confidence interval",
    MAPPED: "sensitivity to the threshold, no confidence interval",
}
COLUMNS = {
    "study": "name of the study",
    "region": "name of the region",
    "year": "year",
    "area_km2": f"{ESTIMAND}; see kind",
    "low_km2": "lower end of what low_high_meaning says; empty where there is none",
    "high_km2": "upper end",
    "low_high_meaning": "what low_km2 and high_km2 are",
    "kind": "error-adjusted by a reference sample, or mapped, relative to the labels",
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
    """Write built-up area per region and year, from the stored trend where there is one, else from the maps.

    Args:
        site: whose maps.
        output: `.gpkg` or `.csv`.
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
    target = _writable(Path(output), force)
    unknown = sorted(set(years) - set(study.prediction_years))
    if unknown:
        years_of_study = ", ".join(map(str, study.prediction_years))
        raise FusionError(
            f"study {study.name} does not predict {', '.join(map(str, unknown))}", years_of_study, "correct --years"
        )
    chosen = [study.region(name).name for name in regions] or [region.name for region in study.regions]
    parts, statements, missing = [], {}, []
    for region in dict.fromkeys(chosen):
        rows = _of_region(site, region)
        if rows is None:
            missing.append(f"{region} has no maps stored and is left out")
            continue
        table, statement = rows
        parts.append(table[table["year"].isin(years)] if years else table)
        statements[region] = statement
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    if table.empty:
        raise FusionError(f"{settings.storage} holds no maps of these regions and years", "maps", "fusion run")
    if rests_on_simulation(study, settings):
        table["note"] = (f"{NOTICE} " + table["note"]).str.strip()
    about = [*COLUMNS.items(), *((f"statement on {region}", text) for region, text in statements.items())]
    outlines = {region: study.polygon(region) for region in statements}
    _write_tables(target, table, outlines, pd.DataFrame(about, columns=["name", "meaning"]))
    notes = sorted({note for note in table["note"] if note})
    return "\n".join([f"{output}: {len(table)} rows, {len(statements)} regions", *notes, *missing])


def _of_region(site: Site, region: str) -> tuple[pd.DataFrame, str] | None:
    """Rows of one region and the sentence on its change; None where no map is stored."""
    study, settings = site.study, site.settings

    def load(manager: str, asset: str, year: int | None) -> Any:
        artifact, stored = Artifact(asset, region, None if year is None else str(year)), site.managers[manager]
        return stored.load(artifact) if stored.storage.exists(stored.path(artifact)) else None

    maps = {year: load("rasters", _MAP, year) for year in study.prediction_years}
    maps = {year: mapped for year, mapped in maps.items() if mapped is not None}
    trend = load("tables", _TREND, None)
    if not maps and trend is None:
        return None
    evaluation = load("tables", _EVALUATION, study.label_year)
    metrics = evaluation[1] if evaluation is not None else {}
    if trend is None:
        table, statement = _mapped(study, region, maps)
    else:
        table, document = trend
        statement = document["statement"]
        table = table.rename(columns={"low": "low_km2", "high": "high_km2", "share": "compared_share"})
        table = table.assign(
            region_km2=document["region_km2"],
            low_high_meaning=_MEANING.get(document["kind"], document["kind"]),
            note=_note(study, settings, region, table, document, maps),
        )
    table = table.assign(
        study=study.name,
        region=region,
        threshold=[float(maps[year].attrs.get("threshold", "nan")) if year in maps else nan for year in table["year"]],
        labels=study.use("labels").recipe.title,
        label_year=study.label_year,
        label_prevalence=metrics.get("prevalence", nan),
    )
    return table[list(COLUMNS)].round(6), statement  # a millionth of a km2 is a square metre


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


def _mapped(study: Study, region: str, maps: dict[int, Any]) -> tuple[pd.DataFrame, str]:
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
            "low_high_meaning": "none",
            "kind": MAPPED,
            "region_km2": areas.region_km2,
            "compared_share": areas.valid_km2 / areas.region_km2 if areas.region_km2 else nan,
            "n_valid": areas.n_valid,
            "note": note,
        }
    )
    return table, "The data cannot tell whether built-up land grew or shrank: only mapped areas are stored."


def _writable(target: Path, force: bool) -> Path:
    """Find out whether a file can be written before anything is computed.

    Raises:
        FusionError: an unknown extension, a file that exists (unless `force`), a folder that does not.
    """
    if target.suffix.lower() not in FORMATS:
        raise FusionError(f"{target} is no known format", " or ".join(FORMATS), "end the name with one of these")
    if target.is_dir() or (target.exists() and not force):
        raise FusionError(f"{target} exists", "a new file", "choose another name, or replace it with --force")
    if not target.parent.is_dir():
        raise FusionError(f"there is no folder {target.parent}", "a folder that exists", "make it, or choose another")
    return target


def _write_tables(target: Path, table: pd.DataFrame, outlines: Mapping[str, BaseGeometry], about: pd.DataFrame) -> None:
    """Write the table, and in a GeoPackage what belongs to it.

    A CSV is the table: UTF-8, comma, decimal point, units in the column names. A GeoPackage holds `regions`, one
    polygon a region in longitude and latitude (EPSG:4326) with a column for each year, such as `area_km2_2016`, to be
    drawn as it is; `area_by_year`, the table itself; and `about`, what the columns mean. The last two have no geometry.

    Args:
        target: file with a known extension; replaced.
        table: one row a region and year.
        outlines: by region, degrees.
        about: `name` and `meaning`.

    Raises:
        FusionError: the file cannot be written.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=PARTIAL_SUFFIX, dir=target.parent))
    except OSError as error:
        raise _unwritable(target, error) from None
    partial = folder / f"export{target.suffix.lower()}"
    try:
        if partial.suffix == ".csv":
            table.to_csv(partial, index=False, encoding="utf-8")
        else:
            _write_geopackage(partial, table, outlines, about)
        partial.replace(target)
    except (OSError, RuntimeError) as error:  # GDAL's are of the second kind
        raise _unwritable(target, error) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write_geopackage(
    path: Path, table: pd.DataFrame, outlines: Mapping[str, BaseGeometry], about: pd.DataFrame
) -> None:
    import geopandas
    import pyogrio
    from shapely.geometry import MultiPolygon, Polygon

    wide = table.groupby("region", sort=False)[list(_ONE_VALUE)].first().reset_index()
    by_year = table.pivot(index="region", columns="year", values=list(_BY_YEAR)).loc[wide["region"]]
    for name in _BY_YEAR:
        for year in sorted(table["year"].unique()):
            wide[f"{name}_{year}"] = by_year[name][year].to_numpy(float)
    polygons = [outlines[region] for region in wide["region"]]
    # One geometry type a layer: a lone polygon is a multipolygon of one.
    many = [MultiPolygon([shape]) if isinstance(shape, Polygon) else shape for shape in polygons]
    layers = {
        "regions": geopandas.GeoDataFrame(wide, geometry=many, crs="EPSG:4326"),
        "area_by_year": table,
        "about": about,
    }
    for layer, content in layers.items():
        pyogrio.write_dataframe(content, path, layer=layer, driver="GPKG", append=path.exists())


def _unwritable(target: Path, error: Exception) -> FusionError:
    return FusionError(f"{target} cannot be written: {error}", "a writable folder with free space", "choose another")
