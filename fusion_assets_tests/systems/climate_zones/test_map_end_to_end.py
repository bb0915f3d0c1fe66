"""From patches and imagery to maps, areas, files for other software and a catalog, by the jobs of the graph."""

import dataclasses
import json
import zipfile
from pathlib import Path

import dagster as dg
import geopandas
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely

from fusion_assets.errors import FusionError
from fusion_assets.grids.crs import unproject
from fusion_assets.orchestration.artifacts import Artifact
from fusion_assets.orchestration.assembly import build_definitions, site_of
from fusion_assets.systems.climate_zones import imagery_requests as requests
from fusion_assets.systems.climate_zones import map_model, summaries
from fusion_assets.systems.climate_zones.section import map_grid
from fusion_assets.systems.registry import SYSTEMS
from fusion_assets_tests.stac_documents import check_stac
from fusion_assets_tests.systems.climate_zones import so2sat_files
from fusion_assets_tests.systems.climate_zones.zone_maps import YEARS, place_imagery, settings_at, study

pytestmark = pytest.mark.slow
CITIES = ("berlin", "jakarta", "munich", "cairo")


class Desk:
    """A study of two places, its files and its storage."""

    def __init__(self, folder, count=68):
        for seed, part in enumerate(("training", "testing")):
            so2sat_files.write(folder / f"files/{part}.h5", so2sat_files.patches(count, seed))
            so2sat_files.write(folder / f"files/{part}_geo.h5", so2sat_files.places(count, CITIES, seed))
        so2sat_files.write(folder / "files/validation.h5", so2sat_files.patches(count, 3))
        so2sat_files.write(folder / "files/validation_geo.h5", so2sat_files.places(count, CITIES, 3))
        self.study = study(source=str(folder / "files"))
        self.settings = settings_at(folder / "data", self.study)
        self.site = site_of(SYSTEMS, self.study, self.settings)
        self.data = folder / "data"

    def run(self, *jobs):
        definitions = build_definitions(SYSTEMS, dataclasses.asdict(self.settings) | {"study": self.study})
        with dg.DagsterInstance.ephemeral() as instance:
            return [
                definitions.resolve_job_def(job).execute_in_process(partition_key=key, instance=instance)
                for job, key in jobs
            ]

    def load(self, manager, asset, region=None, year=None):
        return self.site.managers[manager].load(Artifact(asset, region, year))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("zone_maps"))
    for year in YEARS:
        place_imagery(desk.study, desk.settings, "north", year)
    years = [("map_zones", f"north|{year}") for year in YEARS]
    results = desk.run(("read_zone_patches", None), ("learn_zones", None), *years, ("publish_zones", "north"))
    assert all(result.success for result in results)
    return desk


def test_the_card_says_what_the_network_is_worth_in_cities_not_seen(made):
    card = made.load("models", "lcz_model").card
    assert card["features"][:3] == ["VH_lee", "VV_lee", "B2"] and len(card["features"]) == 12
    assert sorted(CITIES) == card["cities"] and card["patches"] == 3 * 68
    held_out = card["held_out"]
    # Every patch is answered for once, by a network that has not seen its city.
    assert held_out["patches"] == card["patches"] and held_out["cities"] == len(CITIES)
    assert set(held_out["calibration"]["coverage_by_city"]) == set(CITIES)
    assert {"promised", "kept", "cut"} == set(held_out["calibration"]["random"])
    assert card["temperature"] > 0 and 0 <= card["cut"] < 1 and card["groups"] == len(CITIES)
    assert 1 <= card["epochs"] <= 12 and not list((made.data / "zone_states").rglob("*.npz"))


def test_a_map_is_on_its_grid_in_official_colours_with_gaps_where_imagery_has_them(made):
    raster = made.load("rasters", "lcz_map", "north", str(YEARS[0])).compute()
    grid = map_grid(made.study, "north")
    inside = grid.inside(made.study.polygon("north"))
    codes = raster["lcz"].values
    known = codes != 255
    assert codes.shape == grid.shape and codes.dtype == np.uint8 and set(np.unique(codes[known])) <= set(range(1, 18))
    assert not known[-1, -1] and not known[~inside].any() and known[inside].mean() > 0.9
    for name, (low, high) in {"probability": (1 / 17, 1), "set_size": (1, 17), "entropy": (0, 1)}.items():
        values = raster[name].values
        assert np.array_equal(np.isfinite(values), known)
        assert values[known].min() >= low - 1e-6 and values[known].max() <= high + 1e-6
    with rasterio.open(made.data / f"lcz_map/north/{YEARS[0]}~lcz.tif") as file:
        assert file.colormap(1)[3][:3] == (255, 0, 0) and file.nodata == 255 and file.crs.to_epsg() == 32633


def test_areas_are_those_of_the_cells_mapped_in_every_year(made):
    table = made.load("tables", "lcz_areas", "north")
    maps = [made.load("rasters", "lcz_map", "north", str(year))["lcz"].values for year in YEARS]
    shared = (maps[0] != 255) & (maps[1] != 255)
    km2 = map_grid(made.study, "north").pixel_areas_km2()
    assert sorted(set(table["year"])) == list(YEARS) and len(table) == 17 * len(YEARS)
    for codes, (_, rows) in zip(maps, table.groupby("year"), strict=True):
        expected = [km2[shared & (codes == code)].sum() for code in range(1, 18)]
        assert rows["km2"].to_numpy() == pytest.approx(expected)


def test_files_for_other_software_hold_the_map(made):
    year = str(YEARS[0])
    paths = made.load("folders", "lcz_export", "north", year)
    assert set(paths) >= {"wudapt.tif", "map.kmz", "wudapt.qml", "canopy.csv"}
    codes = made.load("rasters", "lcz_map", "north", year)["lcz"].values
    with rasterio.open(paths["wudapt.tif"]) as file:
        assert np.array_equal(file.read(1), np.where(codes == 255, 0, codes)) and file.nodata == 0
    assert {"doc.kml", "zones.png"} <= set(zipfile.ZipFile(paths["map.kmz"]).namelist())
    assert len(pd.read_csv(paths["canopy.csv"])) == 17
    record = json.loads((made.data / f"lcz_export/north/{year}.json").read_text())
    # The corner without imagery lies in the domain that is tried: W2W would take it for natural land.
    assert ("w2w.tif" in paths) == ("without_w2w" not in record)


def test_the_catalog_is_valid_and_names_the_zones(made):
    documents = list((Path(made.settings.storage) / "stac").rglob("*.json"))
    assert len(documents) == 2 + len(YEARS)
    for path in documents:
        check_stac(json.loads(path.read_text()))
    item = json.loads(next(path for path in documents if str(YEARS[0]) in path.name).read_text())
    assert item["properties"]["start_datetime"] == f"{YEARS[0]}-05-01T00:00:00Z"
    assert "Compact midrise" in json.dumps(item)


def test_imagery_of_another_season_is_refused(made):
    changed = study(source=made.study.section("climate_zones").source, sentinel1={
        "product": "sentinel1_grd", "windows": {YEARS[0]: [f"{YEARS[0]}-01-01", f"{YEARS[0]}-02-01"]}
    })  # fmt: skip
    site = site_of(SYSTEMS, changed, made.settings)
    with pytest.raises(FusionError, match="recipe"):
        site.managers["rasters"].load(Artifact(requests.RADAR, "north", str(YEARS[0])))
    site.managers["rasters"].load(Artifact(requests.OPTICS, "north", str(YEARS[0])))


class Areas:
    """Areas drawn in two regions: zone 3 in the south of each, zone G in the north."""

    def __init__(self, folder, darker):
        self.path = folder / "areas.geojson"
        self.section = {"source": str(folder), "map": {"years": [YEARS[0]]}, "areas": str(self.path)}
        self.made = study(**{key: value for key, value in self.section.items() if key != "areas"})
        squares = []
        for name in ("north", "south"):
            west, south, _, north = map_grid(self.made, name).bounds
            for zone, y in (("3", south + 200), ("G", north - 500)):
                boxes = [shapely.box(x, y, x + 300, y + 300) for x in west + 120 + 400 * np.arange(3)]
                squares += [(zone, unproject(box, "EPSG:32633")) for box in boxes]
        shapes = [shape for _, shape in squares]
        self.table = geopandas.GeoDataFrame({"lcz": [zone for zone, _ in squares]}, geometry=shapes, crs=4326)
        self.draw(self.table)
        self.made = study(**self.section)
        self.settings = settings_at(folder / "data", self.made)
        for name in ("north", "south"):
            place_imagery(self.made, self.settings, name, YEARS[0], darker)

    def draw(self, table):
        table.to_file(self.path)

    def run(self, *jobs):
        definitions = build_definitions(SYSTEMS, dataclasses.asdict(self.settings) | {"study": self.made})
        with dg.DagsterInstance.ephemeral() as instance:
            for job, key in jobs:
                definitions.resolve_job_def(job).execute_in_process(partition_key=key, instance=instance)

    def load(self, manager, asset, *partition):
        return site_of(SYSTEMS, self.made, self.settings).managers[manager].load(Artifact(asset, *partition))


def test_a_map_is_learnt_from_areas_that_people_drew(tmp_path, monkeypatch):
    monkeypatch.setattr(map_model, "_FEWEST_STEPS", 30)
    monkeypatch.setattr(summaries, "STEPS", 40)
    areas = Areas(tmp_path, darker=0.08)
    areas.run(("learn_zones", None), ("map_zones", f"south|{YEARS[0]}"))
    card = areas.load("models", "lcz_model", None, None).card
    assert card["unit"] == "polygon" and card["areas"]["zones"] == {"3": 6, "G": 6} and len(card["cities"]) == 12
    known = card["compared"]["known"]
    assert set(known) == {"convolutions", "summaries", "forest"}
    assert known[card["learner"]] == max(known["convolutions"], known["summaries"]) > 0.8
    assert card["compared"]["ahead_of_forest"]["groups"] == len(card["cities"])
    codes = areas.load("rasters", "lcz_map", "south", str(YEARS[0]))["lcz"].values
    assert set(np.unique(codes)) <= {3, 17, 255} and (codes != 255).any()
    # Other areas make another model, and what was learnt from the first is refused.
    areas.draw(areas.table[1:])
    with pytest.raises(FusionError, match="recipe"):
        areas.load("models", "lcz_model", None, None)
