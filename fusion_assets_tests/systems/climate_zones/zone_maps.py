"""A study that maps zones in two small places, and imagery of them, for tests."""

import numpy as np

from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.settings import Settings
from fusion_assets.storage.raster_writing import write_raster
from fusion_assets.study.provenance import study_tags
from fusion_assets.systems.climate_zones import imagery_requests as requests
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.whole_studies import study_of

YEARS = (2020, 2021)
CORNERS = {"north": (13.3, 52.50), "south": (13.3, 52.45)}


def content(**section):
    """The study as YAML gives it; keys of its section replaced."""
    regions = [{"name": n, "bbox": [x, y, x + 0.02, y + 0.012]} for n, (x, y) in CORNERS.items()]
    return {
        "name": "zones",
        "regions": [{**region, "crs": "EPSG:32633"} for region in regions],
        "resolution": 1000,
        "prediction_years": list(YEARS),
        "season": {"start": "05-01", "end": "09-30"},
        "features": "optics",
        "products": {"sentinel2": "sentinel2_l1c"},
        "climate_zones": {"source": "demo", "settings": ["random"], "stages": [0], "seeds": 1, "map": {}, **section},
    }


def study(**section):
    return study_of(content(**section))


def settings_at(folder, made):
    return Settings(study=made.name, storage=str(folder))


def place_imagery(made, settings, region, year, darker=0.0):
    """Store optics and radar of a region, as noisy as radar is, with a gap in the south-eastern corner.

    Args:
        made: the study.
        settings: of its storage.
        region: name.
        year: of the imagery.
        darker: reflectance that the northern half lacks.
    """
    site, chance = site_of(SYSTEMS, made, settings), np.random.default_rng(year)
    for asset, request in requests.asked_for(made).items():
        asked = request(made, settings, region, year)
        levels = {"VH": -18.0, "VV": -10.0}
        bands = {name: np.full(asked.grid.shape, levels.get(name, 0.1), "f4") for name in asked.recipe.bands}
        for name, values in bands.items():
            values += chance.normal(0, 1.0 if name in levels else 0.01, values.shape).astype("f4")
            values[: len(values) // 2] -= 0.0 if name in levels else darker
            values[-40:, -40:] = np.nan
        tags = study_tags(made, region=region, year=year, scene_count=6, product=asked.product, engine="archive")
        tags |= site.facts(asset, region, str(year))
        raster = write_raster(asked.grid.dataset(bands), nodata=float("nan"), tags=tags)
        site.managers["rasters"].save(raster, Artifact(asset, region, str(year)))
        raster.discard()
