"""Areas beside what a sample says of them, and the file that it comes from."""

import numpy as np
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.climate_zones.area_table import COLUMNS, area_table, read_sample
from fusion_assets.systems.climate_zones.legend import SIGNS
from fusion_assets.systems.climate_zones.zone_areas import zone_areas_by_year, zone_sample
from fusion_assets_tests.systems.climate_zones.test_zone_areas import GRID, INSIDE, MAP, TRUTH

MAPS = {2018: MAP, 2020: np.where(np.arange(90)[:, None] < 9, 255, MAP)}


def sample(path, year=2020, region="north", **changed):
    """Points whose zones people tell without error, as a file."""
    points = zone_sample(MAPS[year], GRID, INSIDE, 500, seed=1)
    col = ((points["x"] - GRID.transform.c) // 100).astype(int)
    row = ((GRID.transform.f - points["y"]) // 100).astype(int)
    signs = np.array(SIGNS)[TRUTH[row, col] - 1]
    points.assign(region=region, year=year, zone=signs, **changed).to_csv(path, index=False)
    return path


def test_adjusted_areas_stand_beside_those_of_the_map(tmp_path):
    points = read_sample(sample(tmp_path / "sample.csv"))
    table = area_table(MAPS, GRID, INSIDE, points)
    plain = zone_areas_by_year(MAPS, GRID, INSIDE)
    assert table[list(plain)].equals(plain) and table.attrs == plain.attrs
    told, silent = table[table["year"] == 2020], table[table["year"] == 2018]
    assert silent["adjusted_km2"].isna().all() and told["adjusted_km2"].sum() == pytest.approx(told["km2"].sum())
    km2, known = GRID.pixel_areas_km2(), INSIDE & (MAPS[2020] != 255)
    true = np.array([km2[known & (code == TRUTH)].sum() for code in range(1, 18)])
    found, mapped = told["adjusted_km2"].to_numpy(), told["km2"].to_numpy()
    present = true > 0
    assert np.abs(found - true)[present].sum() < 0.5 * np.abs(mapped - true)[present].sum()
    inside = (told["low_km2"].to_numpy() <= true) & (true <= told["high_km2"].to_numpy())
    assert inside[present].mean() >= 0.8


def test_without_points_there_are_no_columns_of_them(tmp_path):
    none = read_sample(sample(tmp_path / "sample.csv"))[:0]
    assert list(area_table(MAPS, GRID, INSIDE, none)) == list(zone_areas_by_year(MAPS, GRID, INSIDE))


def test_points_of_a_year_that_is_not_mapped_are_refused(tmp_path):
    points = read_sample(sample(tmp_path / "sample.csv")).assign(year=2019)
    with pytest.raises(FusionError, match="points of 2019"):
        area_table(MAPS, GRID, INSIDE, points)


def test_names_stay_names(tmp_path):
    points = read_sample(sample(tmp_path / "sample.csv", region="NA"))
    assert set(points["region"]) == {"NA"} and points["zone"].map(type).eq(str).all()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("region,year\nnorth,2020\n", "has no column x"),
        (",".join(COLUMNS) + "\nn,2020,east,1,1,1,1\n", "cannot be read"),
    ],
)
def test_what_is_no_sample_is_refused(tmp_path, content, said):
    path = tmp_path / "sample.csv"
    path.write_text(content)
    with pytest.raises(FusionError, match=said):
        read_sample(path)
    with pytest.raises(FusionError, match="cannot be read"):
        read_sample(tmp_path / "nothing.csv")
