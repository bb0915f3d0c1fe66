"""Real Sentinel-2, VIIRS and GHSL pixels through the whole command line."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import rasterio
from sklearn.metrics import matthews_corrcoef

STUDIES = Path(__file__).parent / "studies"


def run(study, folder, catalog, *arguments):
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("FUSION", "DAGSTER"))}
    environment |= {"FUSION_STUDY": str(STUDIES / f"{study}.yaml"), "FUSION_ARCHIVE": str(catalog)}
    command = [sys.executable, "-m", "fusion_assets.cli.main", "run", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "data"


@pytest.mark.parametrize(("study", "region"), [("mol", "mol"), ("belgium", "belgium"), ("tile", "tile_433D_629L")])
def test_a_real_place_is_mapped_at_least_as_well_as_a_forest_maps_it(study, region, tmp_path, real_archive):
    data = run(study, tmp_path, real_archive)
    grids = set()
    for path in data.rglob(f"{region}/*.tif"):
        with rasterio.open(path) as raster:
            grids.add((raster.crs, raster.transform, raster.shape))
    assert len(grids) == 1
    with rasterio.open(data / f"built_up_prediction/{region}/2020.tif") as raster:
        probability = raster.read(1)
    assert np.isfinite(probability).mean() > 0.5 and np.nanmax(probability) <= 1
    table = pd.read_parquet(data / f"model_evaluation/{region}/2020.parquet")
    model, forest = (matthews_corrcoef(table["label"], table[c]) for c in ("predicted", "baseline_predicted"))
    assert model >= forest


def test_the_median_of_all_dates_at_leie(tmp_path, real_archive):
    data = run("leie", tmp_path, real_archive, "--years", "2019")
    with rasterio.open(data / "sentinel2_composite/leie/2019.tif") as raster:
        blue = raster.read(raster.descriptions.index("B02") + 1)
    assert np.nanmedian(blue) == pytest.approx(0.0548, abs=2e-4)
