"""The table that `fusion sample` writes: places for people to interpret, one row a place and year, labels empty."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from fusion_assets.counts import number_of
from fusion_assets.errors import FusionError
from fusion_assets.evaluation.probability_sample import draw_points, strata_of
from fusion_assets.grids.grid import Grid, rows_and_columns
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_writing import open_raster
from fusion_assets.storage.root import Storage
from fusion_assets.storage.simulation import NOTICE, is_marked
from fusion_assets.storage.stored_rasters import open_stored
from fusion_assets.study import Study
from fusion_assets.study.provenance import rests_on_simulation
from fusion_assets.systems.built_up.features.labels import BUILT_UP

FORMATS = (".csv", ".parquet")


def write_sample(
    study: Study,
    settings: Settings,
    output: str,
    *,
    region: str | None = None,
    map_path: str | None = None,
    year: int | None = None,
    points: int = 400,
    seed: int = 0,
) -> str:
    """Draw a stratified random sample of a region's pixels and write it as CSV or Parquet.

    Args:
        study: whose grid and years.
        settings: where its artifacts are.
        output: path of the table to write, .csv or .parquet; never one that exists, which may hold people's work.
        region: name; may be left out where the study has one.
        map_path: GeoTIFF on the region's grid with a band `built_up` (1 and 0); or
        year: a prediction year, or the label year for the labels.
        points: places, each to be interpreted in every prediction year.
        seed: 0 or more; the same seed draws the same places.

    Returns:
        What was written, in words.

    Raises:
        FusionError: an unknown region, no such map or another grid, a number of points that cannot be drawn, an output
            that exists, has another format or cannot be written.
    """
    target = _checked(output, points, seed)
    if region is None and len(study.regions) > 1:
        names = ", ".join(each.name for each in study.regions)
        raise FusionError(f"study {study.name} has {len(study.regions)} regions", names, "choose one with --region")
    name = study.region_called(region or study.regions[0].name).name
    raster, source = _map(study, settings, name, map_path, year)
    grid = study.grid(name)
    if Grid.of(raster).digest != grid.digest or BUILT_UP not in raster:
        raise FusionError(
            f"{source} is not a map of region {name}: bands {', '.join(map(str, raster.data_vars))}, "
            f"{rows_and_columns(*Grid.of(raster).shape)} in {Grid.of(raster).crs}",
            f"a band {BUILT_UP} on the region's grid: {rows_and_columns(*grid.shape)} in {grid.crs}",
            "resample it, for example with gdalwarp, or name a stored map with --year",
        )
    values, inside = np.asarray(raster[BUILT_UP].values, np.float32), grid.inside(study.polygon(name))
    unknown = int((inside & ~np.isin(values, (0, 1))).sum())
    if unknown == inside.sum():
        raise FusionError(f"{BUILT_UP} of {source} is nowhere 1 or 0 in region {name}", "a map of it", "name another")
    places = draw_points(grid, strata_of(values == 1, inside), points, seed, BUILT_UP)
    years = study.prediction_years
    sheet = places.loc[places.index.repeat(len(years))].reset_index(drop=True)
    sheet.insert(0, "region", name)
    sheet["year"] = list(years) * len(places)
    simulated = is_marked(raster.attrs) or rests_on_simulation(study, settings, name)
    sheet["label"], sheet["notes"] = pd.array([pd.NA] * len(sheet), "Int8"), NOTICE if simulated else ""
    _write(sheet, target)
    counts = ", ".join(f"{count} {stratum}" for stratum, count in places["stratum"].value_counts(sort=False).items())
    drawn = f"{number_of(len(places), 'place')} ({counts}) in {number_of(len(years), 'year')}"
    lines = [f"{output}: {drawn}, drawn from {source} with seed {seed}"]
    if simulated:
        lines.append(NOTICE)
    if unknown:
        share = f"{unknown} of the region's {inside.sum()} pixels ({unknown / inside.sum():.1%})"
        lines.append(f"{source} says nothing about {share}: they were drawn as `rest`, or as `near` close to built-up")
    lines.append(
        "write 1 (built-up) or 0 (not) into `label` of every row, without looking at the map, then name the file in "
        "the study: reference_sample"
    )
    return "\n".join(lines)


def _checked(output: str, points: int, seed: int) -> Path:
    """Where the table goes; what cannot be written or drawn is refused before a map is read."""
    target = Path(output)
    if target.suffix not in FORMATS:
        raise FusionError(f"{output} is no known format", " or ".join(FORMATS), "end the name with one of these")
    if target.exists():
        raise FusionError(f"{output} exists", "a new file: it may hold interpretations", "choose another name")
    if not target.parent.is_dir():
        raise FusionError(f"there is no folder {target.parent}", "a folder that exists", "make it, or choose another")
    if points < 1:
        raise FusionError(f"--points {points}", "a number above 0; 400 is usual", "choose another number of points")
    if seed < 0:
        raise FusionError(f"--seed {seed}", "a whole number, 0 or more", "choose another seed")
    return target


def _write(sheet: pd.DataFrame, target: Path) -> None:
    try:
        if target.suffix == ".csv":
            sheet.to_csv(target, index=False)
        else:
            sheet.to_parquet(target, index=False)
    except OSError as error:
        raise FusionError(f"{target} cannot be written: {error}", "a writable folder", "choose another") from None


def _map(
    study: Study, settings: Settings, region: str, map_path: str | None, year: int | None
) -> tuple[xr.Dataset, str]:
    """The map to stratify by, and its name."""
    if (map_path is None) == (year is None):
        raise FusionError("no map to stratify by" if year is None else "--map and --year", "one of --map, --year",
                          f"write for example --year {study.prediction_years[0]}")  # fmt: skip
    if map_path is not None:
        try:
            return open_raster(map_path), map_path
        except FusionError as error:
            wanted = f"a GeoTIFF on the region's grid with a band {BUILT_UP}"
            raise FusionError(error.found, wanted, "name one with --map, or a stored map with --year") from None
    if year != study.label_year and year not in study.prediction_years:
        known = ", ".join(map(str, study.years))
        raise FusionError(f"study {study.name} has no map of {year}", known, "choose one of these years")
    asset = "built_up_prediction" if year in study.prediction_years else "ghsl_labels"
    storage = Storage(settings.storage)
    path = storage.path(asset, region, year, "tif")
    if not storage.exists(path):
        raise FusionError(f"{asset} of {year} is not stored: no {path}", "it to be made first", "fusion run")
    return open_stored(storage, path), path
