"""Cells of two years on an instance: what burns in one of them alone stays or gives way, as the study says."""

import os
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
import rasterio

from fusion_assets.grids.grid import Grid
from fusion_assets.orchestration.assembly import build_definitions
from fusion_assets.storage.raster_reading import open_raster
from fusion_assets.systems.night_radiance.cells import without_fires
from fusion_assets.systems.night_radiance.imagery_requests import CELLS
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.systems.night_radiance.nights import content
from fusion_assets_tests.whole_studies import study_of

pytestmark = pytest.mark.slow
BEFORE, NOW = 2015, 2016
FIRE = 300.0
"""nW/cm2/sr in one month, over one cell of the archive."""


@pytest.fixture(scope="module")
def burning(catalog, tmp_path_factory):
    """An archive in which something burns in one year, beside all that burns in it anyway."""
    folder = tmp_path_factory.mktemp("burning")
    shutil.copytree(Path(catalog).parent, folder, copy_function=os.link, dirs_exist_ok=True)
    for path in (folder / "viirs-dnb-monthly").rglob("*avg_rad*.tif"):
        if f"{NOW}" not in str(path.relative_to(folder)):
            continue
        with rasterio.open(path) as file:
            profile, numbers, tags = file.profile, file.read(), file.tags()
        middle = tuple(edge // 2 for edge in numbers.shape[1:])
        numbers[0, middle[0], middle[1]] = FIRE
        path.unlink()
        with rasterio.open(path, "w", **profile) as file:
            file.write(numbers)
            file.update_tags(**tags)
    return folder / Path(catalog).name


def cells(archive, storage, fires, *years):
    """Cells of a region by year, and metadata of the last one."""
    whole = content(lights="viirs_monthly", fires=fires) | {"prediction_years": [BEFORE, NOW]}
    west, south = 86.95, 26.96
    for index, region in enumerate(whole["regions"]):
        step = 0.025 * index
        region["bbox"] = [west + step, south, west + step + 0.025, south + 0.08]
    settings = {"study": study_of(whole), "archive": str(archive), "storage": str(storage)}
    made = build_definitions(SYSTEMS, settings)
    job = made.resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        for year in years:
            done = job.execute_in_process(
                instance=instance, asset_selection=[dg.AssetKey(CELLS)], partition_key=f"middle|{year}"
            )
            (event,) = done.get_asset_materialization_events()
    said = event.step_materialization_data.materialization.metadata
    rasters = {year: open_raster(storage / CELLS / "middle" / f"{year}.tif").compute() for year in years}
    return rasters, {name: value.value for name, value in said.items() if name.startswith("fires_")}


def test_a_fire_gives_way_where_the_study_says_so_and_its_light_is_told(burning, tmp_path):
    kept, said_nothing = cells(burning, tmp_path / "kept", "keep", BEFORE, NOW)
    removed, said = cells(burning, tmp_path / "removed", "remove", NOW)
    before, now = (kept[year]["avg_rad"].to_numpy() for year in (BEFORE, NOW))
    expected, fires = without_fires(now, [before], Grid.of(kept[NOW]))
    np.testing.assert_array_equal(removed[NOW]["avg_rad"], expected)
    assert (expected != now).any() and np.nanmax(expected) < np.nanmax(now)
    assert said == pytest.approx({f"fires_{name}": value for name, value in fires.items()}) and not said_nothing
    for name, value in fires.items():
        assert float(removed[NOW].attrs[f"fires_{name}"]) == pytest.approx(value)
        assert f"fires_{name}" not in kept[NOW].attrs
    assert removed[NOW].attrs["recipe_digest"] != kept[NOW].attrs["recipe_digest"]
