"""A study of four small places by night, as YAML gives it, and the small archives that tests make of the squares."""

import numpy as np

from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.storage.simulation import MARK
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.night_radiance.imagery_requests import MAP
from fusion_assets.systems.night_radiance.section import grid_of
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.whole_studies import study_of

YEAR = 2022
PLACES = ("west", "middle", "east", "kept")


def content(**section):
    """A study whose regions are four boxes in a row; keys of its section replaced."""
    boxes = [[86.5 + 0.05 * column, 27.0, 86.55 + 0.05 * column, 27.05] for column in range(len(PLACES))]
    return {
        "name": "nights",
        "regions": [{"name": name, "bbox": box, "crs": "EPSG:32645"} for name, box in zip(PLACES, boxes, strict=True)],
        "resolution": 100,
        "prediction_years": [YEAR],
        "season": "any",
        "products": {"sentinel2": {"product": "landsat_c2_l2"}, "night_lights": {"product": "viirs_annual"}},
        "night_radiance": {"resolution": 100, "reserved": ["kept"], **section},
    }


def study(**section):
    return study_of(content(**section))


def site_at(folder, made=None):
    made = made or study()
    return site_of(SYSTEMS, made, Settings(study=made.name, storage=str(folder)))


def place_map(site, region, radiance, simulated=False):
    """Store a map of one radiance, with half of it for `low` and twice for `high`."""
    grid = grid_of(site.study, region)
    bands = {
        name: np.full(grid.shape, radiance * by, "f4") for name, by in (("radiance", 1), ("low", 0.5), ("high", 2))
    }
    tags = study_tags(site.study, region=region, year=YEAR, method="trees")
    tags |= site.facts(MAP, region, str(YEAR)) | (MARK if simulated else {})
    units = dict.fromkeys(bands, "nW/cm2/sr")
    raster = write_raster(grid.dataset(bands), nodata=float("nan"), tags=tags, units=units)
    site.managers["rasters"].save(raster, Artifact(MAP, region, str(YEAR)))
