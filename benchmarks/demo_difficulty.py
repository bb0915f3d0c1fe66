"""Is the demo archive a fair exam? The tutorial's forest under spatial blocks, on archives of several seeds.

    python benchmarks/demo_difficulty.py --seeds 0-9

Reads the archive's files directly, so that it judges the generator and not the pipeline. Wanted: MCC 0.55 to 0.75 with
optics and lights together, clearly less with either alone; 0.12 to 0.22 built-up; truth growing by 10 to 20 percent.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import warnings
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from rasterio.warp import Resampling, reproject
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import average_precision_score, matthews_corrcoef

from fusion_assets.demo import build_demo_archive

BANDS = ("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08")
CLEAR = (2, 4, 5, 6, 7, 11)
BLOCK = 20


def read(path: Path) -> np.ndarray:
    """Band 1 of a file."""
    with rasterio.open(path) as file:
        return file.read(1)


def on_grid(path: Path, values: np.ndarray, record: dict, refine: int, resampling: Resampling) -> np.ndarray:
    """Values of a file's raster on the truth's grid, refined."""
    rows, cols = record["grid"]["shape"]
    out = np.full((rows * refine, cols * refine), np.nan, np.float32)
    with rasterio.open(path) as file:
        reproject(
            values.astype(np.float32), out, src_transform=file.transform, src_crs=file.crs, src_nodata=np.nan,
            dst_transform=Affine(*record["grid"]["transform"]) @ Affine.scale(1 / refine),
            dst_crs=record["grid"]["crs"], dst_nodata=np.nan, resampling=resampling,
        )  # fmt: skip
    return out


def coarse(fine: np.ndarray) -> np.ndarray:
    """Mean of the valid sub-pixels of 4 x 4."""
    rows, cols = (n // 4 for n in fine.shape)
    return np.nanmean(fine.reshape(rows, 4, cols, 4).transpose(0, 2, 1, 3).reshape(rows, cols, 16), axis=-1)


def features(root: Path, record: dict, year: int) -> tuple[np.ndarray, np.ndarray]:
    """Nine features on the 1 km grid, and the number of clear dates on the 250 m pixels."""
    scenes = sorted((root / "sentinel-2-l2a").glob(f"*_{year}????_L2A"))
    size = record["grid"]["shape"][0] * 4
    stack = np.full((len(BANDS), len(scenes), size, size), np.nan, np.float32)
    west, north = record["grid"]["transform"][2], record["grid"]["transform"][5]
    for number, scene in enumerate(scenes):
        clear = np.isin(read(scene / "scl.tif"), CLEAR)
        with rasterio.open(scene / "scl.tif") as file:
            row, col = round((north - file.transform.f) / 250), round((file.transform.c - west) / 250)
        where = slice(row, row + clear.shape[0]), slice(col, col + clear.shape[1])
        for band, name in enumerate(BANDS):
            stack[(band, number, *where)] = np.where(clear, read(scene / f"{name}.tif") * 1e-4, np.nan)
    optics = [coarse(np.nanmedian(band, axis=0)) for band in stack]
    months = [m for n in range(7, 13) for m in (root / "viirs-dnb-monthly").glob(f"*_VIIRS_{year}{n:02d}")]
    lit = [np.where(read(m / "cf_cvg.tif") > 0, read(m / "avg_rad.tif"), np.nan) for m in months]
    lights = on_grid(months[0] / "avg_rad.tif", np.nanmedian(lit, axis=0), record, 4, Resampling.bilinear)
    return np.stack([*optics, coarse(lights)]), np.isfinite(stack[0]).sum(axis=0)


def judge(root: Path, trees: int) -> dict[str, float]:
    """All figures of one archive."""
    record = json.loads((root / "demo.json").read_text())
    values, clear = features(root, record, 2015)
    path = next(iter(root.glob("ghsl-smod-p2016/*/smod_code.tif")))
    codes = read(path).astype(np.float32)
    codes = on_grid(path, np.where(codes == 255, np.nan, codes), record, 1, Resampling.nearest)
    truth = {y: read(next(iter(root.glob(f"synthetic-truth/*_{y}/built_up.tif")))) for y in (2015, 2019)}
    usable = (np.isfinite(values).all(axis=0) & np.isfinite(codes)).ravel()
    table, label = values.reshape(len(values), -1).T[usable], (codes >= 2).ravel()[usable]
    rows, cols = np.divmod(np.flatnonzero(usable), codes.shape[1])
    block = rows // BLOCK * -(-codes.shape[1] // BLOCK) + cols // BLOCK
    fold = (np.random.default_rng(0).permutation(block.max() + 1) % 5)[block]
    figures = {"prevalence": label.mean(), "truth": truth[2015].mean()}
    figures["growth"] = truth[2019].sum() / truth[2015].sum() - 1
    figures |= {"clear_dates": clear.mean(), "never_clear": (clear == 0).mean()}
    figures["label_vs_truth"] = matthews_corrcoef(truth[2015].ravel()[usable], label)
    for name, columns in (("both", slice(0, 9)), ("optics", slice(0, 8)), ("lights", slice(8, 9))):
        probability = np.zeros(label.size)
        for number in range(5):
            test = fold == number
            forest = RandomForestClassifier(trees, max_samples=0.5, max_features="sqrt", n_jobs=-1, random_state=0)
            forest.fit(table[~test][:, columns], label[~test])
            probability[test] = forest.predict_proba(table[test][:, columns])[:, 1]
        figures[f"mcc_{name}"] = matthews_corrcoef(label, probability >= 0.5)
        figures[f"ap_{name}"] = average_precision_score(label, probability)
    return {name: round(float(value), 3) for name, value in figures.items()}


def main() -> None:
    """Build one archive a seed, judge it, remove it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-2", help="first-last")
    parser.add_argument("--size-km", type=int, default=100)
    parser.add_argument("--trees", type=int, default=500)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "All-NaN|Mean of empty", RuntimeWarning)
    first, _, last = options.seeds.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        folder = Path(tempfile.mkdtemp(prefix="demo-difficulty-"))
        try:
            catalog = build_demo_archive(folder / "archive", seed=seed, size_km=options.size_km, years=(2015, 2019))
            print(json.dumps({"seed": seed, **judge(catalog.parent, options.trees)}), flush=True)
        finally:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
