"""Maps of two small neighbouring regions, stored as assets store them: for tests of what is made from maps."""

import numpy as np
import pandas as pd

from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.orchestration.io_managers import managers
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_writing import open_raster, write_raster
from fusion_assets.study import study_of
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.built_up.areas.measuring import measure
from fusion_assets.systems.built_up.areas.reference import reference_source
from fusion_assets.systems.built_up.areas.trend import VERSION
from fusion_assets.systems.built_up.palettes import PALETTES
from fusion_assets.systems.registry import SYSTEMS

YEARS = (2016, 2017)
STUDY = {
    "name": "two",
    "title": "Two small regions",
    "regions": [
        {"name": "west", "bbox": [87.0, 27.0, 87.03, 27.04], "crs": "EPSG:32645"},
        {"name": "east", "bbox": [87.03, 27.0, 87.08, 27.04], "crs": "EPSG:32645"},
    ],
    "resolution": 500,
    "label_year": 2015,
    "prediction_years": list(YEARS),
    "season": {"start": "07-01", "end": "12-31"},
    "products": {
        "sentinel2": {"product": "sentinel2_l2a", "bands": ["B04", "B08"]},
        "night_lights": {"product": "viirs_annual"},
        "labels": {"product": "ghsl_smod_v2"},
    },
}


def small_study(**changes):
    """The study, with keys replaced."""
    return study_of(STUDY | changes)


def store_map(study, settings, region, year, missing=0):
    """Store one prediction; the first `missing` rows of pixels hold no data. Returns its probabilities."""
    grid = study.grid(region)
    probability = np.random.default_rng(year).random(grid.shape, np.float32)
    probability[~grid.inside(study.polygon(region))] = np.nan
    probability[:missing] = np.nan
    built = np.where(np.isnan(probability), np.nan, (probability >= 0.6).astype("f4"))
    facts = site_of(SYSTEMS, study, settings).facts
    tags = study_tags(
        study, region=region, year=year, threshold=0.6, model="0123456789ab", scene_count=7, engine="archive"
    )
    raster = write_raster(
        grid.dataset({"probability": probability, "built_up": built.astype("f4")}),
        palettes=PALETTES,
        nodata=float("nan"),
        tags=tags | facts("built_up_prediction", region, str(year)),
        units={"probability": "1", "built_up": "1"},
    )
    managers(settings.storage, facts)["rasters"].save(raster, Artifact("built_up_prediction", region, str(year)))
    raster.discard()
    return probability


def store_trend(study, settings, region, kind="error-adjusted"):
    """Store a trend: the maps' own areas, and invented figures for the rest; returns its table."""
    maps = {y: open_raster(f"{settings.storage}/built_up_prediction/{region}/{y}.tif") for y in YEARS}
    mapped = measure(maps, study.polygon(region), (0.5, 0.5)).mapped_km2
    table = pd.DataFrame(
        {
            "year": YEARS,
            "area_km2": [3.25, 3.5],
            "low": [3.0, 3.1],
            "high": [3.5, 3.9],
            "share": 0.9,
            "n_valid": 40,
            "mapped_km2": [mapped[year] for year in YEARS],
            "kind": kind,
        }
    )
    document = {"version": VERSION, "kind": kind, "statement": f"What {region} tells.", "region_km2": 11.5}
    if source := reference_source(study.reference_sample, settings.archive):
        document["reference"] = source
    facts = site_of(SYSTEMS, study, settings).facts
    managers(settings.storage, facts)["tables"].save((table, document), Artifact("built_up_trend", region, None))
    return table


def settings_at(folder):
    """Settings whose storage is a folder."""
    return Settings(study="two", archive=str(folder / "archive" / "catalog.json"), storage=str(folder / "data"))
