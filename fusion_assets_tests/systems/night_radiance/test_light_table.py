"""`fusion radiance`: the light of regions and of areas from a file, in every format, whole or not at all."""

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from fusion_assets.cli import main as cli
from fusion_assets.errors import FusionError
from fusion_assets.storage.simulation import NOTICE
from fusion_assets.systems.night_radiance.imagery_requests import MAP
from fusion_assets.systems.night_radiance.light_table import COLUMNS, INTERVAL, export_light
from fusion_assets_tests.systems.night_radiance.nights import YEAR, content, place_map, site_at, study
from fusion_assets_tests.whole_studies import study_of

SHINING = {"west": 2.0, "middle": 20.0, "east": 5.0}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Maps of three of the four regions, each of one radiance; one is simulated."""
    site = site_at(tmp_path_factory.mktemp("maps"))
    for region, radiance in SHINING.items():
        place_map(site, region, radiance, simulated=region == "east")
    return site


@pytest.fixture
def districts(tmp_path):
    """A file of areas in a folder of its own: one over two regions, one partly mapped, one far away."""
    shapes = [
        shapely.box(86.54, 27.01, 86.56, 27.03),
        shapely.box(86.45, 27.01, 86.55, 27.03),
        shapely.box(10, 5, 11, 6),
    ]
    folder = tmp_path / "given"
    folder.mkdir()
    frame = gpd.GeoDataFrame({"Nom": ["Bōth sides", "half", "far"]}, geometry=shapes, crs=4326)
    for ending in ("gpkg", "shp", "geojson"):
        frame.to_file(folder / f"d.{ending}")
    frame.to_parquet(folder / "d.parquet")
    return folder


def test_regions_by_default_with_what_is_missing_said(site, tmp_path):
    said = export_light(site, tmp_path / "l.csv")
    table = pd.read_csv(tmp_path / "l.csv")
    assert list(table.columns) == list(COLUMNS)
    assert table["area"].to_list() == list(SHINING) and set(table["year"]) == {YEAR}
    assert table["mean_nw_cm2_sr"].to_numpy() == pytest.approx(list(SHINING.values()))
    assert table["sum_nw_cm2_sr_km2"].to_numpy() == pytest.approx(
        (table["mean_nw_cm2_sr"] * table["area_km2"]), rel=2e-3
    )
    for kind in ("sum_{}nw_cm2_sr_km2", "mean_{}nw_cm2_sr"):
        middle, low, high = (table[kind.format(end)].to_numpy() for end in ("", "low_", "high_"))
        assert low == pytest.approx(middle / 2, rel=1e-5) and high == pytest.approx(middle * 2, rel=1e-5)
    assert (table["mapped_share"] > 0.99).all() and set(table["interval"]) == {INTERVAL}
    assert set(table["note"]) == {NOTICE}
    assert f"no {MAP} of kept {YEAR} is stored: left out" in said
    assert "nW/cm2/sr x km2" in said and INTERVAL in said and NOTICE in said


def test_areas_of_every_kind_of_file_have_the_same_light(site, districts, tmp_path):
    tables = {}
    for file in sorted(districts.glob("d.*")):
        if file.suffix in (".gpkg", ".shp", ".geojson", ".parquet"):
            said = export_light(site, tmp_path / f"{file.suffix[1:]}.csv", areas=str(file), name="Nom")
            assert "outside all maps, left out: far" in said
            tables[file.suffix] = pd.read_csv(tmp_path / f"{file.suffix[1:]}.csv").set_index("area_title")
    assert len(tables) == 4
    for table in tables.values():
        pd.testing.assert_frame_equal(table, tables[".gpkg"])
    both, half = table.loc["Bōth sides"], table.loc["half"]
    # Half of it lies in the west, half in the middle.
    assert both["mean_nw_cm2_sr"] == pytest.approx(11, rel=1e-3) and both["mapped_share"] == pytest.approx(1)
    assert half["mapped_share"] == pytest.approx(0.5, abs=1e-3) and "a map knows 50.0% of it" in half["note"]
    assert half["sum_nw_cm2_sr_km2"] == pytest.approx(half["area_km2"] / 2 * SHINING["west"], rel=2e-3)


def test_geopackage_and_geoparquet_hold_polygons_and_what_columns_mean(site, tmp_path):
    for ending in ("csv", "gpkg", "parquet"):
        export_light(site, tmp_path / f"l.{ending}")
    plain = pd.read_csv(tmp_path / "l.csv").fillna("")
    assert [name for name, _ in pyogrio.list_layers(tmp_path / "l.gpkg")] == ["radiance", "about"]
    for drawn in (gpd.read_file(tmp_path / "l.gpkg", layer="radiance"), gpd.read_parquet(tmp_path / "l.parquet")):
        assert drawn.crs.to_epsg() == 4326 and drawn.geometry[0].equals(site.study.polygon("west"))
        table = pd.DataFrame(drawn.drop(columns="geometry")).fillna("")
        pd.testing.assert_frame_equal(table, plain, check_dtype=False)
    about = pyogrio.read_dataframe(tmp_path / "l.gpkg", layer="about").set_index("name")["meaning"]
    assert about.to_dict() == COLUMNS


@pytest.mark.parametrize(
    ("file", "chosen", "found"),
    [
        ("l.xlsx", {}, "no known format"),
        ("nowhere/l.csv", {}, "no folder"),
        ("l.csv", {"regions": ["north"]}, "no region 'north'"),
        ("l.csv", {"regions": ["kept"]}, "holds no radiance_map"),
        ("l.csv", {"years": [2030]}, "makes no night radiance of 2030"),
        ("l.csv", {"name": "Nom"}, "--name without --areas"),
        ("l.csv", {"layer": "d"}, "--layer without --areas"),
        ("l.csv", {"areas": "given/d.gpkg"}, "--areas without --name"),
        ("l.csv", {"areas": "given/e.gpkg", "name": "Nom"}, "no file given/e.gpkg"),
        ("l.csv", {"areas": "given/d.gpkg", "name": "Name"}, "which .* has not"),
        ("l.csv", {"areas": "given/d.gpkg", "name": "Nom", "regions": ["east"]}, "none of 3 areas lies in a map"),
        ("given/d.gpkg", {}, "exists"),
    ],
)
def test_what_cannot_be_exported_is_explained_and_nothing_is_written(
    site, districts, tmp_path, monkeypatch, file, chosen, found
):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(FusionError, match=found):
        export_light(site, file, **chosen)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_study_without_the_section_and_maps_of_another_study_are_refused(site, tmp_path):
    plain = {key: value for key, value in content().items() if key != "night_radiance"}
    with pytest.raises(FusionError, match="makes no night radiance"):
        export_light(site_at(tmp_path, study_of(plain)), tmp_path / "l.csv")
    other = site_at(site.settings.storage, study(footprint=900))
    with pytest.raises(FusionError, match="recipe_digest"):
        export_light(other, tmp_path / "l.csv")
    assert not (tmp_path / "l.csv").exists()


def test_a_file_that_exists_is_replaced_only_by_force_and_whole(site, tmp_path, monkeypatch):
    path = tmp_path / "l.csv"
    path.write_text("mine")
    monkeypatch.setattr(pd.DataFrame, "to_csv", lambda *a, **k: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(FusionError, match="disk full"):
        export_light(site, path, force=True)
    assert path.read_text() == "mine" and list(tmp_path.iterdir()) == [path]
    monkeypatch.undo()
    export_light(site, path, force=True)
    assert path.read_text().startswith("study,area,")


def test_the_command_line_knows_it_by_both_names(monkeypatch):
    given = []
    monkeypatch.setattr(cli, "_of_a_system", lambda command, options: given.append((command.name, options)) or 0)
    monkeypatch.setattr(cli, "_quieten", lambda: None)
    options = ["l.gpkg", "--areas", "d.gpkg", "--name", "Nom", "--years", "2019", "--force"]
    for words in (
        ["radiance", *options],
        ["export", "--radiance", *options],
        ["export", *options[:3], "--radiance", *options[3:]],
    ):
        assert cli.main(words) == 0
    assert cli.main(["export", "areas.gpkg"]) == 0
    assert [name for name, _ in given] == ["radiance"] * 3 + ["export"]
    assert {(each.areas, each.name, tuple(each.years), each.force) for _, each in given[:3]} == {
        ("d.gpkg", "Nom", (2019,), True)
    }
