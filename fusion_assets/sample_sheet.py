"""The table that `fusion sample` writes: places for people to interpret, one row a place and year, labels empty.

What does not belong here: the design of the sample (`imagery/sampling.py`), reading it back (`built_up/reference.py`).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xarray as xr

from fusion_assets.built_up.labels import BUILT_UP
from fusion_assets.errors import FusionError
from fusion_assets.imagery.grid import Grid
from fusion_assets.imagery.rasters import open_raster
from fusion_assets.imagery.sampling import draw_points, strata_of
from fusion_assets.imagery.storage import Storage
from fusion_assets.settings import Settings
from fusion_assets.study import Study


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
    """Draw a stratified random sample of a region's pixels and write it as CSV.

    Args:
        study: whose grid and years.
        settings: where its artifacts are.
        output: path of the CSV to write; never one that exists, which may hold people's work.
        region: name; may be left out where the study has one.
        map_path: GeoTIFF on the region's grid with a band `built_up` (1 and 0); or
        year: a prediction year, or the label year for the labels.
        points: places, each to be interpreted in every prediction year.
        seed: the same seed draws the same places.

    Returns:
        What was written, in words.

    Raises:
        FusionError: an unknown region, no such map or another grid, an output that exists.
    """
    if region is None and len(study.regions) > 1:
        names = ", ".join(each.name for each in study.regions)
        raise FusionError(f"study {study.name} has {len(study.regions)} regions", names, "choose one with --region")
    name = study.region(region or study.regions[0].name).name
    if Path(output).exists():
        raise FusionError(f"{output} exists", "a new file: it may hold interpretations", "choose another name")
    raster, source = _map(study, settings, name, map_path, year)
    grid = study.grid(name)
    if Grid.of(raster).digest != grid.digest or BUILT_UP not in raster:
        raise FusionError(
            f"{source} is not a map of region {name}: bands {', '.join(map(str, raster.data_vars))}, "
            f"{raster.sizes['y']} x {raster.sizes['x']} pixels in {Grid.of(raster).crs}",
            f"a band {BUILT_UP} on the region's grid: {grid.height} x {grid.width} pixels in {grid.crs}",
            "resample it, for example with gdalwarp, or name a stored map with --year",
        )
    values = np.asarray(raster[BUILT_UP].values, np.float32)
    strata = strata_of(values == 1, np.isin(values, (0, 1)) & grid.inside(study.polygon(name)))
    places = draw_points(grid, strata, points, seed)
    years = study.prediction_years
    sheet = places.loc[places.index.repeat(len(years))].reset_index(drop=True)
    sheet.insert(0, "region", name)
    sheet["year"] = list(years) * len(places)
    sheet["label"], sheet["notes"] = "", ""
    sheet.to_csv(output, index=False)
    counts = ", ".join(f"{count} {stratum}" for stratum, count in places["stratum"].value_counts(sort=False).items())
    return (
        f"{output}: {len(places)} places ({counts}) in {len(years)} years, drawn from {source} with seed {seed}\n"
        "write 1 (built-up) or 0 (not) into `label` of every row, without looking at the map, then name the file in "
        "the study: reference_sample"
    )


def _map(
    study: Study, settings: Settings, region: str, map_path: str | None, year: int | None
) -> tuple[xr.Dataset, str]:
    """The map to stratify by, and its name."""
    if (map_path is None) == (year is None):
        raise FusionError("no map to stratify by" if year is None else "--map and --year", "one of --map, --year",
                          f"write for example --year {study.prediction_years[0]}")  # fmt: skip
    if map_path is not None:
        return open_raster(map_path), map_path
    if year != study.label_year and year not in study.prediction_years:
        known = ", ".join(map(str, study.years))
        raise FusionError(f"study {study.name} has no map of {year}", known, "choose one of these years")
    asset = "built_up_prediction" if year in study.prediction_years else "ghsl_labels"
    storage = Storage(settings.storage)
    path = storage.path(asset, region, year, "tif")
    if not storage.exists(path):
        raise FusionError(f"{asset} of {year} is not stored: no {path}", "it to be made first", "fusion run")
    return open_raster(storage.open_local(path)), path
