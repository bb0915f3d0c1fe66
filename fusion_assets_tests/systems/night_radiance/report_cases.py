"""What a region's report is made of, from small simulated arrays: four regions of 10 km, one held back."""

import functools

import numpy as np
from scipy.ndimage import gaussian_filter

from fusion_assets.imagery.engines.protocol import Export
from fusion_assets.settings import Settings
from fusion_assets.systems.night_radiance import evaluation, mapping, scores
from fusion_assets.systems.night_radiance import imagery_requests as requests
from fusion_assets.systems.night_radiance.report import Findings, Subject
from fusion_assets.systems.night_radiance.section import grid_of
from fusion_assets_tests.systems.night_radiance.towns import place
from fusion_assets_tests.whole_studies import study_of

YEAR, REGIONS, ROUNDS = 2019, ("west", "middle", "east", "kept"), 5
METHODS = ["bicubic", "bicubic_conserved", "dasymetric"]
SCENES = ("LC08_L2SP_140041_20190101_02_T1", "LC08_L2SP_140041_20191203_02_T1")
STUDY = study_of(
    {
        "name": "nights",
        "title": "Nights of four regions",
        "regions": [
            {"name": name, "bbox": [87.0 + k / 10, 27.0, 87.1 + k / 10, 27.1], "crs": "EPSG:32645"}
            for k, name in enumerate(REGIONS)
        ],
        "resolution": 250,
        "prediction_years": [YEAR],
        "products": {"sentinel2": "landsat_c2_l2", "night_lights": "viirs_annual"},
        "night_radiance": {"resolution": 250, "optics": "landsat_c2_l2", "reserved": ["kept"]},
    }
)
SETTINGS = Settings(study="nights", archive="unused", storage="unused")
RESOLUTION = {"value": 900.0, "low": 800.0, "high": 1000.0, "finest": 500.0, "coarsest": 6000.0}
SUBJECT = Subject("nights", STUDY.title, "west", "0123456789ab", "2024-05-06", "archive", 742.0, reserved=False)


@functools.cache
def evaluated():
    """Table and document of an evaluation of three methods on three places."""
    places = [place(seed, REGIONS[seed]) for seed in range(3)]
    folds = {each.name: np.full(each.radiance.shape, index) for index, each in enumerate(places)}
    table = scores.table_of(evaluation.out_of_fold(places, folds, ROUNDS, METHODS, stress=True))
    by_sensor = {name: scores.figures(part, draws=200) for name, part in table.groupby("sensor")}
    document = {
        "method": "dasymetric",
        "growth": 1.0,
        "why": "it errs least",
        "rounds": ROUNDS,
        "wald": by_sensor.pop("wald"),
        "sensors": by_sensor,
        "effective_resolution": {
            "bicubic": {"wald": RESOLUTION | {"value": 1900.0}},
            "dasymetric": {"wald": RESOLUTION},
        },
        "spread": {"dasymetric": {"level": [0.0], "low": [-0.5], "high": [0.5]}},
    }
    return table, document


def night(region="west"):
    """The task of a region whose lamps follow settlement."""
    fine, chance = grid_of(STUDY, region), np.random.default_rng(3)
    share = np.clip(gaussian_filter((chance.random(fine.shape) > 0.97).astype(float), 2) * 9, 0, 1).astype("f4")
    cells, guides = requests.cells_around(fine), {"settlement": share}
    unlit = mapping.task_of(fine, cells, np.zeros(cells.shape), guides, 742.0, ROUNDS)
    measured = np.where(unlit.sensor.pixels > 0, unlit.sensor.forward(0.2 + 40 * share), np.nan)
    return mapping.task_of(fine, cells, measured, guides, 742.0, ROUNDS)


def rasters(region="west"):
    """Bands of the map, the lights and the day imagery of a region, each on its grid."""
    task, document = night(region), evaluated()[1]
    model = document | {"spread": document["spread"]["dasymetric"]}
    lights = {
        "avg_rad": task.measured.astype("f4"),
        "cf_cvg": np.where(np.isfinite(task.measured), 80, np.nan).astype("f4"),
    }
    fine, cells = task.sensor.fine, task.sensor.cells
    optics = {"SR_B4": np.full(fine.shape, 0.1, "f4"), "observation_count": np.full(fine.shape, 6, "f4")}
    sight = {"footprint_m": "742.0", "footprint_source": "default"}
    maps = fine.dataset(mapping.fine_map(task, model)).assign_attrs(sight)
    return {
        requests.MAP: maps,
        requests.CELLS: cells.dataset(lights).assign_attrs(scene_count="1"),
        requests.OPTICS: fine.dataset(optics).assign_attrs(scene_count="2"),
    }


def ticket(region="west"):
    """Of the day imagery of a region."""
    request = requests.optics_request(STUDY, SETTINGS, region, YEAR)
    return Export("0a1b2c3d4e5f", request, SCENES, "SUCCEEDED", "archive", "2024-05-06T00:00:00Z")


def findings(region="west"):
    """All that a report shows."""
    made = rasters(region)
    return Findings(
        maps={YEAR: made[requests.MAP]},
        cells={YEAR: made[requests.CELLS]},
        optics={YEAR: made[requests.OPTICS]},
        evaluations={YEAR: evaluated()},
        exports=[ticket(region)],
        lights=[requests.cells_request(STUDY, SETTINGS, region, YEAR)],
    )
