"""Night radiance on real lights: methods found again from cells four times as coarse, and the speed of a map.

Reads `../shared/real-lights`: VIIRS over Belgium on 1 km cells with built-up land, population and land of GHSL, and
VIIRS over Nairobi on its own cells, recovered from pixels of 250 m, with NDVI. Folds are blocks of 48 (24) cells in a
chequered layout of four, with a buffer of two coarser cells.
"""

import math
import resource
import time
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from fusion_assets.grids.grid import Grid
from fusion_assets.systems.night_radiance import evaluation, footprint, intervals, mapping, scores
from fusion_assets.systems.night_radiance.effective_resolution import effective_resolutions, text_of
from fusion_assets.systems.night_radiance.examples import FACTOR, Place, examples_of
from fusion_assets.systems.night_radiance.guides import guides_of
from fusion_assets.systems.night_radiance.imagery_requests import cells_around
from fusion_assets.systems.night_radiance.methods import trees
from fusion_assets.systems.night_radiance.methods.table import NO_IMAGERY
from fusion_assets.systems.night_radiance.sensor import pixel_metres
from fusion_assets.systems.night_radiance.task import degraded, with_noise

LIGHTS = Path(__file__).resolve().parents[2] / "shared" / "real-lights"
WIDTHS = (1.0, 1.3, 1.6, 2.0, 2.6)
"""Of footprints, in cells."""
EDGE_PIXELS = 3334
"""Of a map of 100 x 100 km at 30 m."""


def run() -> list[dict]:
    """One row for each place and method, and one for the speed of a map."""
    rows = []
    for place, edge in ((_belgium(), 48), (_nairobi(), 24)):
        rows += [*_compared(place, edge), *_footprints(place)]
    return [*rows, _speed()]


def _footprints(place: Place) -> list[dict]:
    """Known footprints, told from cells four times as coarse that they made."""
    rows, edge = [], FACTOR * math.prod(pixel_metres(place.cells)) ** 0.5
    for width in WIDTHS:
        psf = mapping.psf_of(width * edge)
        task, _ = degraded(place.cells, place.radiance, place.guides, psf, FACTOR)
        seen = with_noise(task, 0.02, 0.1, seed=0).measured
        found = footprint.estimated(task.sensor.fine, task.sensor.cells, seen, task.guides)
        told = f"{found.value / edge:.2f} ({found.low / edge:.2f} to {found.high / edge:.2f})"
        # The limits in metres are those of the product's own cells.
        rows.append({"place": place.name, "footprint": f"{width:g} cells", "told": told, "by_imagery": found.told})
    return rows


def _compared(place: Place, edge: int) -> list[dict]:
    rows, columns = np.indices(place.radiance.shape)
    fold = rows // edge % 2 * 2 + columns // edge % 2
    rounds = evaluation.chosen_rounds([place])
    found = evaluation.out_of_fold([place], {place.name: fold}, rounds, stress=True)
    table = scores.table_of(found)
    method, _ = scores.choice(table[table["sensor"] == "wald"])
    made = []
    for sensor, part in table.groupby("sensor", sort=False):
        for name, entry in scores.figures(part)["methods"].items():
            made.append(
                {
                    "place": place.name,
                    "sensor": sensor,
                    "rounds": rounds,
                    "method": f"{name} (auto)" if name == method else name,
                    "rmse": round(entry["rmse"]["value"], 3),
                    "to_bicubic": _shown(entry["to_bicubic"]),
                    "to_no_imagery": _shown(entry["to_bicubic_conserved"]),
                }
            )
    compared = list(dict.fromkeys((scores.BASELINE, NO_IMAGERY, method)))
    for name, entry in effective_resolutions(found["wald"], compared, pixel_metres(place.cells), FACTOR).items():
        made.append({"place": place.name, "sensor": "wald", "method": name, "effective_resolution": text_of(entry)})
    spread = intervals.spread_of(found["wald"], method)
    (each,) = found["wald"]
    low, high = intervals.bounds(each.answers[method], spread)
    known = np.isfinite(each.truth)
    held = float(((low <= each.truth) & (each.truth <= high))[known].mean())
    return [
        *made,
        {"place": place.name, "sensor": "wald", "method": f"cells within the interval of {method}", "rmse": held},
    ]


def _shown(entry: dict[str, float]) -> str:
    return f"{entry['value']:.3f} ({entry['low']:.3f} to {entry['high']:.3f})"


def _read(path: str) -> tuple[np.ndarray, Grid]:
    with rasterio.open(LIGHTS / path) as file:
        return file.read(1).astype(float), Grid.of(file)


def _belgium() -> Place:
    radiance, grid = _read("belgium/processed-viirs-light-belgium.tif")
    built, _ = _read("belgium/processed-ghs-built-s-belgium.tif")
    people, _ = _read("belgium/POP.tif")
    land, _ = _read("belgium/LAND.tif")
    guides = {"settlement": built, "people": np.log1p(people), "land": land / 1e6}
    return _place("belgium", grid, radiance, guides, 24)


def _nairobi() -> Place:
    pixels, grid = _read("nairobi/viirs_2016.tif")
    green, _ = _read("nairobi/ndvi_2016.tif")
    cells = cells_around(grid)
    inside = cells.window(9, 9, cells.height - 18, cells.width - 18)
    x, y = inside.centres()
    columns = ((x - grid.transform.c) / grid.resolution).astype(int)
    rows = ((grid.transform.f - y) / grid.resolution).astype(int)
    from fusion_assets.systems.night_radiance.guides import on_cells

    ndvi = on_cells({"ndvi": green}, grid, inside)["ndvi"]
    return _place("nairobi", inside, pixels[np.ix_(rows, columns)], {"settlement": 1 - ndvi}, 12)


def _place(name: str, grid: Grid, radiance: np.ndarray, guides: dict[str, np.ndarray], edge: int) -> Place:
    rows, columns = np.indices(radiance.shape)
    block = rows // edge * 1000 + columns // edge
    return Place(name, grid, radiance, {key: np.nan_to_num(values) for key, values in guides.items()}, block)


def _speed() -> dict:
    chance = np.random.default_rng(0)
    place = _nairobi()
    fine = Grid("EPSG:32645", Affine(30, 0, 400_000, 0, -30, 3_000_000), EDGE_PIXELS, EDGE_PIXELS)
    bands = {f"SR_B{number}": chance.random(fine.shape, dtype="float32") for number in range(1, 8)}
    guides = guides_of(bands, tuple(bands))
    learnt = Place(
        place.name,
        place.cells,
        place.radiance,
        {name: chance.random(place.radiance.shape) for name in guides},
        place.block,
    )
    model = {"method": "trees", "rounds": 20, "growth": 1.0, "trees": trees.fit(examples_of(learnt)).to_dict()}
    model["spread"] = {"level": [0.0, 10.0], "low": [-0.5, -0.3], "high": [0.5, 0.3]}
    cells = cells_around(fine)
    begun = time.perf_counter()
    mapping.fine_map(mapping.task_of(fine, cells, chance.random(cells.shape) * 20, guides, 742, 20), model)
    return {
        "place": "100 x 100 km at 30 m",
        "method": "trees",
        "rounds": 20,
        "seconds": round(time.perf_counter() - begun, 1),
        "gigabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 2),
    }
