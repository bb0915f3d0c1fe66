"""Mapping throughput: the five-network ensemble, streamed, against scikit-learn's forest of 500 trees."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

FEATURES = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "avg_rad"]
EDGE = 2048
FOREST_PIXELS = 200_000
TURNS = 5
MEMORY_EDGES = (5000, 10_000)


def run() -> list[dict]:
    """Pixels per second of both on the same features, in turns; medians over the turns.

    The ratio is of pixels per second, the median of the ratios of each turn; `cpu_ratio` is of processor seconds per
    pixel, which other programs on the machine disturb less.
    """
    from sklearn.ensemble import RandomForestClassifier

    from fusion_assets.learning.blockwise import predict_dataset
    from fusion_assets.systems.built_up.model import classifier
    from fusion_assets.systems.built_up.model.neighbourhood import LEVELS

    training, samples = _world(120)
    stack, _ = _world(EDGE)
    stack = stack.chunk({"y": 1024, "x": 1024})
    values = samples[FEATURES].to_numpy()
    forest = RandomForestClassifier(500, max_samples=0.5, n_jobs=-1, random_state=0).fit(values, samples["label"])
    pixels = np.stack([stack[name].values.ravel()[:FOREST_PIXELS] for name in FEATURES], axis=1)
    maps = {}
    for level in LEVELS:
        start = time.perf_counter()
        model = classifier.train(samples, training, FEATURES, levels=[level])
        print(
            f"level {level.name}: trained on {len(samples)} samples in {time.perf_counter() - start:.1f} s", flush=True
        )
        maps[f"model, level {level.name}"] = predict_dataset(model, stack, classifier.SAME_STUDY)
    for lazy in maps.values():
        lazy[:1024, :1024].compute()
    turns = [
        {"forest, 500 trees": _rates(lambda: forest.predict_proba(pixels), FOREST_PIXELS)}
        | {name: _rates(lazy.compute, EDGE * EDGE) for name, lazy in maps.items()}
        for _ in range(TURNS)
    ]
    rows = []
    for name in turns[0]:
        rate, per_cpu = np.median([turn[name] for turn in turns], axis=0)
        ratio, cpu_ratio = np.median([np.divide(turn[name], turn["forest, 500 trees"]) for turn in turns], axis=0)
        row = {"name": name, "mpixel_per_s": rate, "ratio": ratio, "mpixel_per_cpu_s": per_cpu, "cpu_ratio": cpu_ratio}
        rows.append({key: value if key == "name" else float(value) for key, value in row.items()})
    return rows + [_memory(edge) for edge in MEMORY_EDGES]


def _rates(work: Callable[[], object], pixels: int) -> tuple[float, float]:
    """Megapixels per second, and per second of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    work()
    return pixels / (time.perf_counter() - wall) / 1e6, pixels / (time.process_time() - processor) / 1e6


def _memory(edge: int) -> dict:
    """Peak memory of a fresh process that maps edge x edge pixels with the widest context into a file."""
    found = subprocess.run(
        [sys.executable, "-m", "benchmarks.prediction", str(edge)], check=True, capture_output=True, text=True
    )
    return {"name": f"model, level wide, {edge} x {edge} to a file"} | json.loads(found.stdout.splitlines()[-1])


def _map_to_file(edge: int) -> dict:
    """Map a lazy stack of random features, never whole in memory."""
    import resource

    import dask.array as da
    from affine import Affine

    from fusion_assets.grids.grid import Grid
    from fusion_assets.learning.blockwise import predict_dataset
    from fusion_assets.storage.raster_writing import write_raster
    from fusion_assets.systems.built_up.model import classifier
    from fusion_assets.systems.built_up.model.neighbourhood import LEVELS

    training, samples = _world(120)
    model = classifier.train(samples, training, FEATURES, levels=LEVELS[-1:])
    grid = Grid("EPSG:32631", Affine(10, 0, 500_000, 0, -10, 5_600_000), edge, edge)
    random = da.random.default_rng(0)
    stack = grid.dataset(
        {name: random.standard_normal((edge, edge), dtype="float32", chunks=1024) for name in FEATURES}
    )
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        mapped = grid.dataset({"probability": predict_dataset(model, stack, classifier.SAME_STUDY).data})
        write_raster(mapped, nodata=-9999, tags={}, directory=folder)
    rate = edge * edge / (time.perf_counter() - start) / 1e6
    return {"mpixel_per_s": rate, "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}


def _world(edge: int) -> tuple:
    """A stack of smooth random features, and a label for each of its first 120 x 120 pixels."""
    import geopandas as gpd
    from affine import Affine
    from scipy.ndimage import gaussian_filter

    from fusion_assets.grids.grid import Grid
    from fusion_assets.systems.built_up.features.samples import draw_samples

    rng = np.random.default_rng(0)
    grid = Grid("EPSG:32631", Affine(10, 0, 500_000, 0, -10, 5_600_000), edge, edge)
    field = {name: gaussian_filter(rng.standard_normal((edge, edge)), 4).astype("float32") for name in FEATURES}
    stack = grid.dataset(field)
    if edge > 500:
        return stack, gpd.GeoDataFrame(pd.DataFrame())
    labels = grid.dataset({"built_up": (sum(field.values()) > 0.1).astype("uint8")})
    labels.attrs |= {"source_crs": grid.crs, "source_transform": " ".join(map(str, grid.transform[:6]))}
    return stack, draw_samples(stack, labels, FEATURES)[0]


if __name__ == "__main__":
    print(json.dumps(_map_to_file(int(sys.argv[1]))))
