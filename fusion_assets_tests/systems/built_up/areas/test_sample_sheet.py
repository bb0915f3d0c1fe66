"""`fusion sample`: a table that stands for the whole region, and what is refused before anything is written."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from fusion_assets.errors import FusionError
from fusion_assets.systems.built_up.areas.reference_checks import checked_reference
from fusion_assets.systems.built_up.areas.sample_sheet import write_sample
from fusion_assets_tests.small_maps import YEARS, settings_at, small_study, store_map


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Study of one region of 1 km2 pixels, and settings; the map of 2016 knows nothing of its two northern rows."""
    region = {"name": "west", "bbox": [87.0, 27.0, 87.2, 27.2], "crs": "EPSG:32645"}
    study, settings = small_study(regions=[region]), settings_at(tmp_path_factory.mktemp("sample"))
    for year in YEARS:
        store_map(study, settings, "west", year, missing=8 * (year == 2016))
    return study, settings


@pytest.mark.parametrize("name", ["points.csv", "points.parquet"])
def test_a_map_with_a_hole_gives_a_sample_of_the_whole_region(stored, tmp_path, name):
    study, settings = stored
    said = write_sample(study, settings, str(tmp_path / name), year=2016, points=300, seed=1)
    assert "says nothing about" in said and "`rest`" in said and "300 places" in said
    table = (pd.read_csv if name.endswith("csv") else pd.read_parquet)(tmp_path / name)
    assert table["label"].isna().all() and len(table) == 300 * len(YEARS)
    north = study.grid("west").bounds[3]
    assert (table["y"] > north - 8 * 500).any()  # some lie where the map has no data
    table["label"] = 0
    grid, outline = study.grid("west"), study.polygon("west")
    found = checked_reference(table, name, grid, outline, YEARS, region="west")
    inside = grid.pixel_areas_km2()[grid.inside(outline)].sum()
    assert found[found["year"] == 2016]["weight"].sum() == pytest.approx(inside, rel=2e-3)


def test_a_whole_map_says_nothing_of_holes_and_the_same_seed_draws_the_same(stored, tmp_path):
    study, settings = stored
    drawn = []
    for name, seed in (("a.csv", 3), ("b.csv", 3), ("c.csv", 4)):
        said = write_sample(study, settings, str(tmp_path / name), year=2017, points=300, seed=seed)
        assert "nothing about" not in said
        drawn.append(pd.read_csv(tmp_path / name))
    assert drawn[0].equals(drawn[1]) and not drawn[0].equals(drawn[2])
    assert np.isin(YEARS, drawn[0]["year"]).all()


@pytest.mark.parametrize("name", ["points.csv", "points.parquet"])
def test_places_of_a_simulated_map_say_so(stored, tmp_path, name):
    study, settings = stored
    archive = tmp_path / "archive" / "catalog.json"
    archive.parent.mkdir()
    (archive.parent / "demo.json").write_text('{"synthetic": true}')
    for where, simulated in ((settings, False), (dataclasses.replace(settings, archive=str(archive)), True)):
        said = write_sample(study, where, str(tmp_path / f"{simulated}_{name}"), year=2017, points=300)
        assert ("SYNTHETIC" in said) is simulated
        table = (pd.read_csv if name.endswith("csv") else pd.read_parquet)(tmp_path / f"{simulated}_{name}")
        assert all(("SYNTHETIC" in str(note)) is simulated for note in table["notes"])


@pytest.mark.parametrize(
    ("name", "chosen", "words"),
    [
        ("points.xlsx", {}, "no known format"),
        ("points", {}, ".csv or .parquet"),
        ("nowhere/points.csv", {}, "no folder"),
        ("points.csv", {"points": 0}, "--points 0"),
        ("points.csv", {"points": -5}, "--points -5"),
        ("points.csv", {"points": 10**7}, "10000000 points"),
        ("points.csv", {"seed": -1}, "--seed -1"),
        ("points.csv", {"year": 2030}, "no map of 2030"),
        ("points.csv", {"year": None}, "no map to stratify by"),
    ],
)
def test_what_cannot_be_drawn_is_explained_and_nothing_written(stored, tmp_path, name, chosen, words):
    with pytest.raises(FusionError) as caught:
        write_sample(*stored, str(tmp_path / name), **{"year": 2016, "points": 300} | chosen)
    assert words in str(caught.value) and caught.value.remedy and list(tmp_path.iterdir()) == []


def test_a_map_that_is_none_is_told_what_one_is(stored, tmp_path):
    study, settings = stored
    (tmp_path / "a.csv").write_text("x,y\n")
    with pytest.raises(FusionError) as caught:
        write_sample(study, settings, str(tmp_path / "points.csv"), map_path=str(tmp_path / "a.csv"))
    assert "GeoTIFF" in caught.value.expected and "--map" in caught.value.remedy
