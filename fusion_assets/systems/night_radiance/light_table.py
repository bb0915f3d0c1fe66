"""`fusion radiance`: light of areas and years, sum and mean, for statisticians."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.site import Site
from fusion_assets.publishing.figure_files import check_new, drawn, made_beside, write_layers, write_table
from fusion_assets.storage.simulation import NOTICE, is_marked
from fusion_assets.study.areas import areas_from_file
from fusion_assets.study.regions import Region
from fusion_assets.systems.night_radiance.imagery_requests import MAP
from fusion_assets.systems.night_radiance.section import section_of, years_of

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from fusion_assets.systems.night_radiance.area_light import Light

INTERVAL = "90 % of every pixel, as if all pixels erred together"
COLUMNS = {
    "study": "name of the study",
    "area": "name of the area: of the region, or as --name gives it, in letters that file names have",
    "area_title": "what people call it",
    "year": "year",
    "sum_nw_cm2_sr_km2": "radiance times area, summed: nW/cm2/sr x km2. Pixels on the boundary count by the share of "
    "them that lies inside",
    "sum_low_nw_cm2_sr_km2": "lower end of its interval",
    "sum_high_nw_cm2_sr_km2": "upper end",
    "mean_nw_cm2_sr": "mean radiance of what is mapped of the area, nW/cm2/sr",
    "mean_low_nw_cm2_sr": "lower end of its interval",
    "mean_high_nw_cm2_sr": "upper end",
    "area_km2": "geodesic area, on the WGS84 ellipsoid",
    "mapped_share": "share of it that a map of the year knows, 0 to 1; sum and mean are those of this part",
    "interval": "what low and high are. The ends of the pixels' 90 % intervals are summed: right where all pixels err "
    "the same way, and else too wide, for errors of distant blocks cancel, and what one pixel has too much its "
    "neighbours have too little. The sum of a whole region is what the product holds there",
    "method": "how light was placed",
    "note": "what to know about this row",
}
"""Columns of the table, and what they mean."""
_WHOLE = 0.995
"""Shares from here on are all of an area, but for the points on its boundary."""


def export_light(
    site: Site,
    output: str | Path,
    areas: str | None = None,
    name: str | None = None,
    layer: str | None = None,
    regions: Sequence[str] = (),
    years: Sequence[int] = (),
    force: bool = False,
) -> str:
    """Write the light of areas by year, sum and mean with intervals, from stored maps.

    Args:
        site: whose maps.
        output: `.gpkg`, `.csv` or `.parquet`.
        areas: file of polygons; None for the study's regions.
        name: column that names them.
        layer: of a GeoPackage with several.
        regions: names, whose maps are read; empty means all.
        years: empty means all that the study has night radiance of.
        force: whether a file that exists is replaced.

    Returns:
        What was written and what is missing, in words.

    Raises:
        FusionError: a study without night radiance, an unknown region, year, format or column, a file that exists, no
            map stored, or areas outside all maps; nothing is written then.
    """
    target, study = Path(output), site.study
    if section_of(study) is None:
        raise FusionError(
            f"study {study.name} makes no night radiance", "a section `night_radiance`", "docs/night-radiance.md"
        )
    check_new(target, force)
    chosen = [study.region_called(each).name for each in regions] or [region.name for region in study.regions]
    chosen = list(dict.fromkeys(chosen))
    asked = _years(site, years)
    wanted = _areas(site, areas, name, layer, chosen)
    table, missing = _table(site, wanted, chosen, asked)
    about = _about(table)
    outlines = {area.name: area.polygon for area in wanted}
    with made_beside(target) as folder:
        partial = folder / f"export{target.suffix.lower()}"
        if target.suffix.lower() == ".gpkg":
            write_layers(partial, {"radiance": drawn(table, "area", outlines), "about": about})
        else:
            write_table(partial, table, "area", outlines)
        partial.replace(target)
    held = f"{number_of(len(table), 'row')}, {number_of(table['area'].nunique(), 'area')}"
    marks = [NOTICE] if table["note"].str.startswith(NOTICE).any() else []
    return "\n".join([f"{output}: {held}; sums in nW/cm2/sr x km2, low and high {INTERVAL}", *marks, *missing])


def _years(site: Site, years: Sequence[int]) -> list[int]:
    mapped = years_of(site.study)
    unknown = sorted(set(years) - set(mapped))
    if unknown:
        raise FusionError(
            f"study {site.study.name} makes no night radiance of {', '.join(map(str, unknown))}",
            ", ".join(map(str, mapped)),
            "correct --years",
        )
    return sorted(set(years)) or list(mapped)


def _areas(site: Site, file: str | None, name: str | None, layer: str | None, chosen: Sequence[str]) -> list[Region]:
    if file is None:
        if name is not None or layer is not None:
            given = "--name" if name is not None else "--layer"
            raise FusionError(f"{given} without --areas", "both, or neither", "name the file with --areas")
        return [site.study.region(region) for region in chosen]
    if name is None:
        raise FusionError("--areas without --name", "the column that names the areas", "add for example --name ADM2_EN")
    return areas_from_file(file, name, layer)


def _table(
    site: Site, areas: Sequence[Region], regions: Sequence[str], years: Sequence[int]
) -> tuple[pd.DataFrame, list[str]]:
    """One row an area and year, and what is missing in words."""
    import pandas as pd
    from pyproj import Geod

    from fusion_assets.systems.night_radiance.area_light import light_of_regions

    study, globe = site.study, Geod(ellps="WGS84")
    outlines = [(region, study.polygon(region)) for region in regions]
    km2 = {area.name: abs(globe.geometry_area_perimeter(area.polygon)[0]) / 1e6 for area in areas}
    by_year: dict[int, dict[str, xr.Dataset]] = {year: _maps(site, regions, year) for year in years}
    absent = [f"{region} {year}" for year in years for region in regions if region not in by_year[year]]
    if not any(by_year.values()):
        raise FusionError(
            f"{site.settings.storage} holds no {MAP} of these regions and years",
            "maps",
            "fusion run --select 'group:night_radiance'",
        )
    rows, outside = [], []
    for area in areas:
        lights = {year: light_of_regions(maps, outlines, area.polygon) for year, maps in by_year.items()}
        known = {year: light for year, light in lights.items() if light.km2}
        outside += [] if known else [area.name]
        for year, light in known.items():
            tags = [fine_map.attrs for fine_map in by_year[year].values()]
            rows.append({"study": study.name, "year": year, **_row(area, light, km2[area.name], tags)})
    if not rows:
        raise FusionError(
            f"none of {number_of(len(areas), 'area')} lies in a map ({', '.join(outside[:8])})",
            f"areas in regions that are mapped: {', '.join(next(filter(None, by_year.values())))}",
            "choose other areas, or look whether longitude and latitude are the right way round",
        )
    missing = [f"no {MAP} of {', '.join(absent)} is stored: left out"] if absent else []
    missing += [f"outside all maps, left out: {', '.join(outside)}"] if outside else []
    table = pd.DataFrame(rows)[list(COLUMNS)]
    numbers = table.select_dtypes("float").columns
    return table.assign(**{column: table[column].round(6) for column in numbers}), missing


def _row(area: Region, light: Light, km2: float, tags: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Figures of an area.

    Args:
        area: which.
        light: in what is mapped of it.
        km2: all of it.
        tags: of the year's maps.
    """
    share = min(1.0, light.km2 / km2)
    partly = f"a map knows {share:.1%} of it" if share < _WHOLE else ""
    ends = {"": light.radiance, "low_": light.low, "high_": light.high}
    return {
        "area": area.name,
        "area_title": area.called,
        **{f"sum_{end}nw_cm2_sr_km2": value for end, value in ends.items()},
        **{f"mean_{end}nw_cm2_sr": value / light.km2 for end, value in ends.items()},
        "area_km2": km2,
        "mapped_share": share,
        "interval": INTERVAL,
        "method": tags[0].get("method", ""),
        "note": " ".join(filter(None, [NOTICE if any(map(is_marked, tags)) else "", partly])),
    }


def _maps(site: Site, regions: Sequence[str], year: int) -> dict[str, Any]:
    stored, maps = site.managers["rasters"], {}
    for region in regions:
        artifact = Artifact(MAP, region, str(year))
        if stored.storage.exists(stored.path(artifact)):
            maps[region] = stored.load(artifact)
    return maps


def _about(table: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame([(name, COLUMNS[name]) for name in table.columns], columns=["name", "meaning"])
