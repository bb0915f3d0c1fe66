"""Mapping throughput: the five-network ensemble, streamed, against scikit-learn's forest of 500 trees."""

import time

import numpy as np
import pandas as pd

FEATURES = ["B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "avg_rad"]
EDGE = 2048
FOREST_PIXELS = 40_000


def run() -> list[dict]:
    """Pixels per second of both on the same features, for each context level of the model."""
    from sklearn.ensemble import RandomForestClassifier

    from fusion_assets.built_up import classifier
    from fusion_assets.built_up.context import LEVELS

    training, samples = _world(120)
    stack, _ = _world(EDGE)
    stack = stack.chunk({"y": 1024, "x": 1024})
    values = samples[FEATURES].to_numpy()
    forest = RandomForestClassifier(500, max_samples=0.5, n_jobs=-1, random_state=0).fit(values, samples["label"])
    tiled = np.resize(values, (FOREST_PIXELS, len(FEATURES)))
    start = time.perf_counter()
    forest.predict_proba(tiled)
    forest_rate = FOREST_PIXELS / (time.perf_counter() - start) / 1e6
    rows = [{"name": "forest, 500 trees", "mpixel_per_s": forest_rate, "ratio": 1.0}]
    for level in LEVELS:
        model = classifier.train(samples, training, FEATURES, levels=[level])
        lazy = classifier.predict_dataset(model, stack)
        lazy[:64, :64].compute()
        start = time.perf_counter()
        lazy.compute()
        rate = EDGE * EDGE / (time.perf_counter() - start) / 1e6
        rows.append({"name": f"model, level {level.name}", "mpixel_per_s": rate, "ratio": rate / forest_rate})
    return rows


def _world(edge: int) -> tuple:
    """A stack of smooth random features, and a label for each of its first 120 x 120 pixels."""
    import geopandas as gpd
    from affine import Affine
    from scipy.ndimage import gaussian_filter

    from fusion_assets.built_up.samples import draw_samples
    from fusion_assets.imagery.grid import Grid

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
    for row in run():
        print(row)
