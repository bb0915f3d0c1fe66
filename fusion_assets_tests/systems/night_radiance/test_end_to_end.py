"""Night radiance as a person makes it: four small places of a demo archive, from imagery to maps, on an instance."""

import json
import os
import shutil
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import yaml
from shapely.geometry import shape

from fusion_assets.cli import main as cli
from fusion_assets.demo.catalog import footprint
from fusion_assets.demo.squares.place import squares_beside
from fusion_assets.grids.grid import Grid
from fusion_assets.storage.raster_reading import open_raster
from fusion_assets.systems.night_radiance.imagery_requests import CELLS, EVALUATION, MAP, MODEL, OPTICS, SENSOR
from fusion_assets_tests.demo.squares.square_archive import FRAME, RESERVED, archive_of
from fusion_assets_tests.systems.night_radiance.finer_sensors import EAST, NORTH, out_of_place
from fusion_assets_tests.test_pages import commands

pytestmark = pytest.mark.slow
YEAR, EDGE_KM, STEP = 2022, 6.0, 120
SQUARES = squares_beside(FRAME)
NAMES = [square.name for square in SQUARES]
LEARNT = [name for name in NAMES if name != RESERVED.name]


def region(square):
    """The middle of a square."""
    west, south, east, north = square.bounds
    x, y = (STEP * round(middle / STEP) for middle in ((west + east) / 2, (south + north) / 2))
    half = EDGE_KM * 500
    corners = [(x - half, y - half), (x + half, y - half), (x + half, y + half), (x - half, y + half)]
    return {"name": square.name, "crs": square.crs, "geometry": footprint(square.crs, corners)}


def content(**section):
    return {
        "name": "nights",
        "regions": [region(square) for square in SQUARES],
        "resolution": STEP,
        "working_resolution": STEP,
        "prediction_years": [YEAR],
        "season": "any",
        "products": {"sentinel2": {"product": "landsat_c2_l2"}, "night_lights": {"product": "viirs_annual"}},
        "night_radiance": {"resolution": STEP, "reserved": [RESERVED.name], **section},
    }


class Desk:
    """A folder where a person works: a study, an archive, a storage, an instance."""

    def __init__(self, folder, archive):
        self.folder, self.archive = folder, Path(archive)
        self.settings = {
            "FUSION_STUDY": "study.yaml", "FUSION_ARCHIVE": str(self.archive), "FUSION_STORAGE": "data",
            "DAGSTER_HOME": str(self.folder / "home"),
        }  # fmt: skip
        self.write()

    def write(self, **section):
        if (self.folder / "finer.tif").is_file():
            section |= {"references": [{"path": "finer.tif", "unit": "DN", "date": f"{YEAR}-05-05"}]}
        (self.folder / "study.yaml").write_text(yaml.safe_dump(content(**section)))

    def fusion(self, *words):
        """Exit code of a command."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            for name in [name for name in os.environ if name.startswith("FUSION_")]:
                patch.delenv(name)
            for name, value in self.settings.items():
                patch.setenv(name, value)
            return cli.main(words)

    def stored(self, asset=""):
        return sorted(path for path in (self.folder / "data" / asset).rglob("*.*") if path.is_file())

    def raster(self, asset, name):
        return open_raster(self.folder / "data" / asset / name / f"{YEAR}.tif")


def copied(desk, folder):
    """A desk with the same archive, whose files may be replaced one by one, and an empty storage."""
    shutil.copytree(desk.archive.parent, folder / "archive", copy_function=os.link)
    return Desk(folder, folder / "archive/catalog.json")


def rewrite(path, change):
    """Replace a raster's numbers."""
    with rasterio.open(path) as file:
        profile, numbers, tags = file.profile, file.read(), file.tags()
    path.unlink()
    with rasterio.open(path, "w", **profile) as file:
        file.write(change(numbers).astype(profile["dtype"]))
        file.update_tags(**tags)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A desk where everything was made."""
    folder = tmp_path_factory.mktemp("nights")
    out_of_place(folder / "finer.tif", step=60)
    desk = Desk(folder, archive_of(folder / "archive", SQUARES))
    assert desk.fusion("run", "--select", "group:night_radiance") == 0
    return desk


def test_maps_of_all_regions_hold_the_light_of_the_product(made):
    for square in SQUARES:
        fine, cells = made.raster(MAP, square.name).compute(), made.raster(CELLS, square.name).compute()
        radiance = fine["radiance"].to_numpy()
        assert np.isfinite(radiance).all() and radiance.min() >= 0
        assert (fine["low"] <= fine["radiance"]).all() and (fine["radiance"] <= fine["high"]).all()
        # A pixel may lie in several cells: a ninth of it in one.
        grid, lattice = Grid.of(fine).refine(3), Grid.of(cells)
        longitude, latitude = grid.lonlat()
        column = np.floor((longitude - lattice.transform.c) / lattice.resolution).astype(int)
        row = np.floor((lattice.transform.f - latitude) / lattice.resolution).astype(int)
        number = (row * lattice.width + column).ravel()
        pixels = np.bincount(number, minlength=lattice.height * lattice.width)
        sums = np.bincount(number, np.kron(radiance, np.ones((3, 3))).ravel(), minlength=len(pixels))
        product = np.maximum(cells["avg_rad"].to_numpy().ravel(), 0)
        known = (pixels > 0) & np.isfinite(product)
        assert sums[known].sum() == pytest.approx((product * pixels)[known].sum(), rel=2e-4)
        assert np.corrcoef(sums[known] / pixels[known], product[known])[0, 1] > 0.8


def test_maps_say_what_they_are(made):
    for name in NAMES:
        fine = made.raster(MAP, name)
        assert (fine.attrs["study"], fine.attrs["region"], fine.attrs["year"]) == ("nights", name, str(YEAR))
        assert fine.attrs["synthetic"] == "yes" and fine.attrs["method"] and fine.attrs["rounds"]
        sensor = json.loads((made.folder / f"data/{SENSOR}/{name}/{YEAR}.json").read_text())
        assert (sensor["metres"], sensor["source"], sensor["unit"]) == (742, "default", "m")
        assert float(fine.attrs["footprint_m"]) == 742 and fine.attrs["footprint_source"] == "default"
        units = {band: fine[band].attrs["units"] for band in fine.data_vars}
        assert units == {**dict.fromkeys(("radiance", "low", "high"), "nW/cm2/sr"), "imagery_effect": "1"}
        for asset in (OPTICS, CELLS):
            assert made.raster(asset, name).attrs["synthetic"] == "yes"


def test_the_reserved_region_is_mapped_and_not_learnt_from(made):
    model = json.loads((made.folder / f"data/{MODEL}/{YEAR}.json").read_text())
    assert model["places"] == LEARNT and model["unit"] == "nW/cm2/sr"
    table = pd.read_parquet(made.folder / f"data/{EVALUATION}/{YEAR}.parquet")
    places = table.groupby("level")["place"].agg(set).to_dict()
    alone = {level: {RESERVED.name} for level in ("reserved", "truth", "reference")}
    assert places == {"wald": set(LEARNT), **alone}
    assert [path.name for path in made.stored(MODEL)] == [f"{YEAR}.json"]
    assert {path.parent.name for path in made.stored(MAP)} == set(NAMES)


def test_the_evaluation_holds_every_method_and_the_one_chosen(made):
    (path,) = [path for path in made.stored(EVALUATION) if path.suffix == ".json"]
    document = json.loads(path.read_text())
    finest = document["effective_resolution"]
    assert set(finest) == set(document["compared"])
    for each in finest.values():
        assert set(each) == {"wald", "truth"}
        assert all(entry["finest"] <= entry["value"] <= entry["coarsest"] for entry in each.values())
    rows = document["wald"]["methods"]
    assert document["method"] in rows and {"bicubic", "bicubic_conserved", "trees"} <= set(rows)
    for row in rows.values():
        assert row["rmse"]["low"] <= row["rmse"]["value"] <= row["rmse"]["high"]
    assert rows["bicubic"]["to_bicubic"]["value"] == 1


def test_a_finer_sensor_says_what_the_truth_says(made):
    (path,) = [path for path in made.stored(EVALUATION) if path.suffix == ".json"]
    document = json.loads(path.read_text())
    (entry,) = document["reference"]
    assert (entry["region"], entry["name"], entry["metres"]) == (RESERVED.name, "finer.tif", STEP)
    assert np.hypot(entry["shift"]["east"] + EAST, entry["shift"]["north"] + NORTH) < 0.3 * 60
    truth = document["truth"][f"{STEP} m"]["methods"]
    for name, row in entry["errors"]["methods"].items():
        assert row["to_bicubic"]["value"] == pytest.approx(truth[name]["to_bicubic"]["value"], abs=0.08)
    report = (made.folder / f"data/radiance_report/{RESERVED.name}.html").read_text(encoding="utf-8")
    assert "finer.tif" in report and "rank correlation" in report


def test_light_of_regions_is_that_of_their_maps(made):
    assert made.fusion("radiance", "light.csv", "--force") == 0
    table = pd.read_csv(made.folder / "light.csv").set_index("area")
    for name in NAMES:
        fine, outline = made.raster(MAP, name).compute(), shape(region(SQUARES[NAMES.index(name)])["geometry"])
        grid = Grid.of(fine)
        inside = grid.inside(outline)
        km2 = grid.pixel_areas_km2()[inside]
        expected = (fine["radiance"].to_numpy()[inside] * km2).sum()
        assert table.loc[name, "sum_nw_cm2_sr_km2"] == pytest.approx(expected, rel=0.03)
        assert table.loc[name, "area_km2"] == pytest.approx(EDGE_KM**2, rel=2e-3)
    assert table["note"].str.contains("SYNTHETIC").all()


def test_the_page_s_commands_do_what_it_says(made):
    shapes = [shape(region(square)["geometry"]) for square in SQUARES]
    districts = gpd.GeoDataFrame({"ADM2_EN": NAMES}, geometry=shapes, crs="EPSG:4326")
    districts.to_file(made.folder / "districts.gpkg")
    page = (Path(__file__).parents[3] / "docs" / "night-radiance.md").read_text(encoding="utf-8")
    done = [words for words in commands(page) if words[0] != "catalog"]
    for words in done:
        assert made.fusion(*words, *(["--force"] if words[0] == "radiance" else [])) == 0, words
    assert {words[0] for words in done} == {"doctor", "run", "radiance"}
    light = pd.read_csv(made.folder / "light.csv")
    assert light["area"].to_list() == NAMES and (light["mapped_share"] > 0.99).all()


def test_a_second_run_makes_nothing_and_another_footprint_makes_all_that_rests_on_it_stale(made, capsys):
    before = {path: path.stat().st_mtime_ns for path in made.stored()}
    capsys.readouterr()
    assert made.fusion("run", "--select", "group:night_radiance") == 0
    assert "30 fresh" in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in made.stored()} == before
    made.write(footprint=900)
    try:
        assert made.fusion("status", "--select", "group:night_radiance") == 0
    finally:
        made.write()
    said = capsys.readouterr().out
    of_regions = [f"{asset} {name}|{YEAR}" for asset in (SENSOR, MAP) for name in NAMES]
    for name in (f"{EVALUATION} {YEAR}", f"{MODEL} {YEAR}", *of_regions):
        assert name in said
    assert {path: path.stat().st_mtime_ns for path in made.stored()} == before


@pytest.mark.parametrize(
    ("section", "found"),
    [
        ({"reserved": []}, "night_radiance.reserved is empty"),
        ({"reserved": ["radiance_elsewhere"]}, "names radiance_elsewhere"),
        ({"reserved": NAMES[:2]}, "leave 2 to learn night radiance from"),
        ({"footprint": 5000}, "night_radiance.footprint is 5000"),
    ],
)
def test_a_study_that_cannot_be_is_refused_before_anything_is_written(made, tmp_path, capsys, section, found):
    desk = Desk(tmp_path, made.archive)
    desk.write(**section)
    assert desk.fusion("run", "--select", "group:night_radiance") == 1
    assert found in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["study.yaml"]


def test_lights_in_another_unit_are_refused(made, tmp_path, capsys):
    desk = copied(made, tmp_path)
    for path in (tmp_path / "archive/viirs-dnb-annual").rglob("avg_rad.tif"):
        rewrite(path, lambda numbers: numbers * 1e-5)
    assert desk.fusion("run", "--select", CELLS) == 1
    said = "".join(capsys.readouterr())
    assert "radiance in nW/cm2/sr, from -1.5 on" in said and "convert the files" in said
    assert desk.stored(CELLS) == []


def test_a_year_without_a_clear_scene_is_refused(made, tmp_path, capsys):
    desk = copied(made, tmp_path)
    for path in (tmp_path / "archive/landsat-c2-l2").rglob("qa_pixel.tif"):
        rewrite(path, lambda numbers: np.full_like(numbers, 0b1000))
    assert desk.fusion("run", "--select", "group:night_radiance", "--region", RESERVED.name) == 1
    said = "".join(capsys.readouterr())
    assert f"no pixel of {RESERVED.name} {YEAR} was clear in SR_B1" in said and "10 scenes" in said
    assert desk.stored(OPTICS) == [] and desk.stored(MAP) == []
