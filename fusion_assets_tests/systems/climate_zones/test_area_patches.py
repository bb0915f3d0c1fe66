"""Patches cut around the areas that people drew."""

import geopandas
import numpy as np
import pytest
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import unproject
from fusion_assets.systems.climate_zones import mapping
from fusion_assets.systems.climate_zones.area_patches import AreaPatches
from fusion_assets.systems.climate_zones.channels import MAPPABLE
from fusion_assets.systems.climate_zones.training_areas import training_areas
from fusion_assets_tests.systems.climate_zones.test_mapping import GRID, imagery

EAST = GRID.window(0, 100, 5, 7)
GRIDS = {"west": GRID, "east": EAST}
WEST, NORTH = GRID.transform.c, GRID.transform.f


def boxes(tmp_path, *areas):
    """Areas of a zone from the corner of the western grid on: (zone, first column, first row, columns, rows)."""
    shapes = [
        unproject(shapely.box(WEST + 100 * c, NORTH - 100 * (r + h), WEST + 100 * (c + w), NORTH - 100 * r), GRID.crs)
        for _, c, r, w, h in areas
    ]
    path = tmp_path / "areas.geojson"
    geopandas.GeoDataFrame({"lcz": [zone for zone, *_ in areas]}, geometry=shapes, crs=4326).to_file(path)
    return training_areas(path)[0]


def pictures(**bands):
    return {name: imagery(grid, **bands.get(name, {})) for name, grid in GRIDS.items()}


def test_a_patch_is_what_a_map_would_be_asked_for_there(tmp_path):
    x, _ = np.meshgrid(*mapping.imagery_grid(EAST).centres())
    made = AreaPatches(
        boxes(tmp_path, ("3", 0, 0, 2, 2), ("G", 102, 1, 3, 1)), pictures(east={"B02": (x - WEST) / 1e4}), GRIDS
    )
    assert made.labels.tolist() == [2] * 4 + [16] * 3 and len(made) == 7
    table = made.table()
    assert table["row"].tolist() == list(range(7)) and set(table["epsg"]) == {32633}
    assert table["x"].tolist()[4:] == [WEST + 10_250, WEST + 10_350, WEST + 10_450]
    values = made.batch(np.array([6, 0]), ("B2", "VV_lee"))
    assert values.shape == (2, 32, 32, 2) and values[0, ..., 0].mean() == pytest.approx(1.045, abs=1e-4)
    assert values[1, ..., 0] == pytest.approx(0.01) and values[..., 1] == pytest.approx(-10)
    linear = made.batch(np.array([0]), MAPPABLE, decibels=False)
    assert linear[0, 0, 0, :3] == pytest.approx([10**-1.8, 0.1, 0.01])


def test_in_few_regions_whole_areas_are_held_back_and_those_that_overlap_together(tmp_path):
    areas = boxes(tmp_path, ("3", 0, 0, 2, 2), ("3", 1, 0, 3, 2), ("G", 0, 3, 2, 2), ("G", 100, 0, 2, 2))
    made = AreaPatches(areas, pictures(), GRIDS)
    city = made.table()["city"]
    assert made.unit == "polygon" and city.nunique() == 3
    assert city[made.labels == 2].nunique() == 1


def test_in_enough_regions_these_are(tmp_path):
    grids = {f"part {number}": GRID.window(0, number, 5, 1) for number in range(4)}
    made = AreaPatches(boxes(tmp_path, ("3", 0, 0, 7, 5)), {name: imagery(grid) for name, grid in grids.items()}, grids)
    assert made.unit == "city" and sorted(set(made.table()["city"])) == sorted(grids)


def test_cells_under_a_gap_are_left_out(tmp_path):
    values = np.full(mapping.imagery_grid(GRID).shape, 0.5)
    values[:, :32] = np.nan
    areas = boxes(tmp_path, ("3", 0, 0, 4, 1))
    made = AreaPatches(areas, pictures(west={"B11": values}), GRIDS)
    assert 0 < len(made) < 4 and made.table()["x"].min() > WEST + 100
    with pytest.raises(FusionError, match="none of the 4 cells of training areas"):
        AreaPatches(areas, pictures(west={"B11": values * np.nan}), GRIDS)


def test_areas_elsewhere_are_refused(tmp_path):
    with pytest.raises(FusionError, match="none of the 0 cells"):
        AreaPatches(boxes(tmp_path, ("3", 500, 0, 4, 1)), pictures(), GRIDS)
