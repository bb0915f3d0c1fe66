"""`fusion export`: the figures of the stored artifacts, under names that say what they are, whole or not at all."""

import os
import shutil

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest

from fusion_assets.cli import main as cli
from fusion_assets.errors import FusionError
from fusion_assets.orchestration.assembly import site_of
from fusion_assets.storage.raster_writing import open_raster
from fusion_assets.systems.built_up.area_table import COLUMNS, export_areas
from fusion_assets.systems.built_up.areas.measuring import measure
from fusion_assets.systems.built_up.change_table import CHANGE_COLUMNS
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.small_maps import YEARS, settings_at, small_study, store_map, store_trend


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Study and settings: a trend in the west; in the east only maps, of which one has a row without data."""
    study, settings = small_study(reference_sample="archive"), settings_at(tmp_path_factory.mktemp("export"))
    for region in ("west", "east"):
        for year in YEARS:
            store_map(study, settings, region, year, missing=2 * (year == YEARS[0] and region == "east"))
    store_trend(study, settings, "west")
    return study, settings


def test_csv_has_the_figures_of_the_trend_and_of_maps_where_there_is_none(stored, tmp_path):
    study, settings = stored
    said = export_areas(site_of(SYSTEMS, study, settings), tmp_path / "areas.csv")
    table = pd.read_csv(tmp_path / "areas.csv", encoding="utf-8")
    assert list(table.columns) == list(COLUMNS)
    assert list(zip(table["region"], table["year"], strict=True)) == [(r, y) for r in ("west", "east") for y in YEARS]
    west, east = table[table["region"] == "west"], table[table["region"] == "east"]
    assert west[["area_km2", "low_km2", "high_km2"]].to_numpy().tolist() == [[3.25, 3.0, 3.5], [3.5, 3.1, 3.9]]
    assert set(west["low_high_meaning"]) == {"95 % confidence interval"} and west["note"].isna().all()
    maps = {y: open_raster(f"{settings.storage}/built_up_prediction/east/{y}.tif") for y in YEARS}
    found = measure(maps, study.polygon("east"), (0.5, 0.5))
    assert east["area_km2"].to_list() == pytest.approx([found.mapped_km2[year] for year in YEARS])
    # Both years on the same pixels, also where only one of them lacks some.
    assert (east["n_valid"] == found.n_valid).all() and east["compared_share"].iloc[0] < 0.9
    assert east["low_km2"].isna().all() and set(east["low_high_meaning"]) == {"none"}
    assert "built_up_trend" in said and east["note"].str.contains("built_up_trend").all()
    assert set(table["threshold"]) == {0.6} and set(table["label_year"]) == {2015}


def test_choosing_a_year_changes_no_figure(stored, tmp_path):
    export_areas(site_of(SYSTEMS, *stored), tmp_path / "all.csv")
    export_areas(site_of(SYSTEMS, *stored), tmp_path / "one.csv", regions=["east"], years=[2017])
    every, one = pd.read_csv(tmp_path / "all.csv"), pd.read_csv(tmp_path / "one.csv")
    expected = every[(every["region"] == "east") & (every["year"] == 2017)].reset_index(drop=True)
    pd.testing.assert_frame_equal(one, expected)


def test_geopackage_has_polygons_to_draw_and_the_table_to_count(stored, tmp_path):
    study, settings = stored
    path = tmp_path / "areas.gpkg"
    export_areas(site_of(SYSTEMS, study, settings), path)
    assert [name for name, _ in pyogrio.list_layers(path)] == ["regions", "changes", "area_by_year", "about"]
    regions = geopandas.read_file(path, layer="regions").set_index("region")
    assert regions.crs.to_epsg() == 4326
    assert regions.loc["west", "area_km2_2016"] == 3.25 and regions.loc["west", "high_km2_2017"] == 3.9
    assert np.isnan(regions.loc["east", "low_km2_2016"])
    assert regions.loc["west", "note"] == "" and "no built_up_trend is stored" in regions.loc["east", "note"]
    assert regions.loc["east", "geometry"].equals(study.polygon("east"))
    export_areas(site_of(SYSTEMS, study, settings), tmp_path / "areas.csv")
    table = pyogrio.read_dataframe(path, layer="area_by_year")
    pd.testing.assert_frame_equal(
        table.replace("", np.nan), pd.read_csv(tmp_path / "areas.csv"), check_dtype=False, check_exact=False
    )
    about = pyogrio.read_dataframe(path, layer="about").set_index("name")["meaning"]
    assert about["statement on west"] == "What west tells." and set(COLUMNS) < set(about.index)


def test_a_file_that_exists_is_kept_unless_forced_and_nothing_half_written_stays(stored, tmp_path, monkeypatch):
    path = tmp_path / "areas.csv"
    path.write_text("mine")
    with pytest.raises(FusionError, match="exists"):
        export_areas(site_of(SYSTEMS, *stored), path)
    assert path.read_text() == "mine"
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(FusionError, match="disk full"):
        export_areas(site_of(SYSTEMS, *stored), path, force=True)
    assert path.read_text() == "mine" and [p.name for p in tmp_path.iterdir()] == ["areas.csv"]
    monkeypatch.undo()
    export_areas(site_of(SYSTEMS, *stored), path, force=True)
    assert path.read_text().startswith("study,region,year,area_km2")


@pytest.mark.parametrize(
    ("name", "chosen", "found"),
    [
        ("areas.xlsx", {}, "no known format"),
        ("nowhere/areas.csv", {}, "no folder"),
        ("areas.csv", {"regions": ["north"]}, "no region 'north'"),
        ("areas.csv", {"years": [2030]}, "does not predict 2030"),
    ],
)
def test_what_cannot_be_exported_is_explained(stored, tmp_path, name, chosen, found):
    with pytest.raises(FusionError, match=found):
        export_areas(site_of(SYSTEMS, *stored), tmp_path / name, **chosen)
    assert list(tmp_path.iterdir()) == []


def test_a_region_without_maps_is_named_and_an_empty_storage_refused(stored, tmp_path):
    study, _ = stored
    settings = settings_at(tmp_path)
    with pytest.raises(FusionError, match="no maps"):
        export_areas(site_of(SYSTEMS, study, settings), tmp_path / "areas.csv")
    store_map(study, settings, "west", 2016)
    said = export_areas(site_of(SYSTEMS, study, settings), tmp_path / "areas.csv")
    assert "east has no maps" in said and "no map of 2017" in said
    assert len(pd.read_csv(tmp_path / "areas.csv")) == 1


def test_a_trend_of_maps_that_have_been_made_anew_is_not_passed_on_in_silence(stored, tmp_path):
    study, _ = stored
    settings = settings_at(tmp_path)
    for year in YEARS:
        store_map(study, settings, "west", year)
    store_trend(study, settings, "west")
    assert "anew" not in export_areas(site_of(SYSTEMS, study, settings), tmp_path / "before.csv", regions=["west"])
    store_map(study, settings, "west", 2017, missing=2)
    assert "made anew since" in export_areas(
        site_of(SYSTEMS, study, settings), tmp_path / "after.csv", regions=["west"]
    )


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        ("archive", "archive", "the reference sample has changed"),
        ("archive", None, "names no reference sample any more"),
        (None, "archive", "names a reference sample that these areas do not rest on"),
    ],
)
def test_a_trend_of_another_reference_sample_is_not_passed_on_in_silence(tmp_path, then, now, said):
    settings, table = settings_at(tmp_path), tmp_path / "archive" / "reference_sample.csv"
    table.parent.mkdir()
    table.write_text("x,y,label\n1,2,1\n")
    before, after = (small_study(reference_sample=name) if name else small_study() for name in (then, now))
    for year in YEARS:
        store_map(before, settings, "west", year)
    store_trend(before, settings, "west")
    assert "anew" not in export_areas(site_of(SYSTEMS, before, settings), tmp_path / "before.csv", regions=["west"])
    table.write_text("x,y,label\n1,2,0\n" if then == now else "x,y,label\n1,2,1\n")
    assert said in export_areas(site_of(SYSTEMS, after, settings), tmp_path / "after.csv", regions=["west"])
    assert pd.read_csv(tmp_path / "after.csv")["note"].str.contains(said).all()


def test_a_trend_of_an_older_version_is_not_passed_on_in_silence(stored, tmp_path, monkeypatch):
    monkeypatch.setattr("fusion_assets.systems.built_up.area_table.VERSION", "later")
    assert "made in another way" in export_areas(site_of(SYSTEMS, *stored), tmp_path / "areas.csv", regions=["west"])


def test_figures_of_simulated_imagery_say_so_in_every_row(stored, tmp_path):
    study, _ = stored
    settings = settings_at(tmp_path)
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "demo.json").write_text('{"synthetic": true}')
    for year in YEARS:
        store_map(study, settings, "west", year)
    store_trend(study, settings, "west")
    assert "SYNTHETIC" in export_areas(site_of(SYSTEMS, study, settings), tmp_path / "areas.csv")
    assert pd.read_csv(tmp_path / "areas.csv")["note"].str.startswith("SYNTHETIC").all()
    export_areas(site_of(SYSTEMS, study, settings), tmp_path / "areas.gpkg")
    assert pyogrio.read_dataframe(tmp_path / "areas.gpkg", layer="regions")["note"][0].startswith("SYNTHETIC")


def test_maps_of_other_settings_are_refused(stored, tmp_path):
    _, settings = stored
    other = small_study(season={"start": "01-01", "end": "06-30"})
    with pytest.raises(FusionError, match="other settings"):
        export_areas(site_of(SYSTEMS, other, settings), tmp_path / "areas.csv")
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_exports(stored, tmp_path, monkeypatch, capsys):
    import yaml

    from fusion_assets_tests.small_maps import STUDY

    file = tmp_path / "two.yaml"
    file.write_text(yaml.safe_dump(STUDY | {"reference_sample": "archive"}))
    for key, value in {"STUDY": str(file), "ARCHIVE": stored[1].archive, "STORAGE": stored[1].storage}.items():
        monkeypatch.setenv(f"FUSION_{key}", value)
    assert cli.main(["export", str(tmp_path / "a.csv"), "--region", "west", "--years", "2016-2017"]) == 0
    assert "2 rows, 1 region" in capsys.readouterr().out
    assert cli.main(["export", str(tmp_path / "a.csv")]) == 1
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_changes_lie_beside_tables_and_follow_them(stored, tmp_path, ending):
    site, path, beside = site_of(SYSTEMS, *stored), tmp_path / f"a.{ending}", tmp_path / f"a_changes.{ending}"
    beside.write_text("mine")
    with pytest.raises(FusionError, match=f"a_changes.{ending} exists"):
        export_areas(site, path)
    assert not path.exists() and f"{beside}: 2 changes" in export_areas(site, path, force=True)
    changes = pd.read_csv(beside) if ending == "csv" else geopandas.read_parquet(beside)
    assert list(changes)[: len(CHANGE_COLUMNS)] == list(CHANGE_COLUMNS)
    west = changes.set_index("region").loc["west"]
    assert (west["from_year"], west["to_year"], west["change_km2"]) == (*YEARS, 0.25)
    assert west["verdict"] == "cannot tell" and np.isnan(west["change_low_km2"])
    export_areas(site, path, years=[2017], force=True)
    assert not beside.exists()


@pytest.mark.parametrize("half", ["west.parquet", "west.json"])
@pytest.mark.parametrize(
    "place",
    [
        lambda path: None,
        lambda path: path.mkdir(),
        lambda path: os.mkfifo(path),
        lambda path: path.symlink_to(path),
        lambda path: path.symlink_to("/dev/zero"),
    ],
    ids=["nothing", "folder", "pipe", "loop", "device"],
)
def test_a_broken_trend_is_not_taken_for_none(stored, tmp_path, half, place):
    study, settings = stored
    shutil.copytree(settings.storage, tmp_path / "data")
    broken = tmp_path / "data" / "built_up_trend" / half
    broken.unlink()
    place(broken)
    site = site_of(SYSTEMS, study, settings_at(tmp_path))
    with pytest.raises(FusionError, match=f"built_up_trend.*{half.partition('.')[0]}"):
        export_areas(site, tmp_path / "areas.csv")
    assert not (tmp_path / "areas.csv").exists()
