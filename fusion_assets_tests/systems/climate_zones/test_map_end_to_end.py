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
from fusion_assets.systems.climate_zones import map_model
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


def test_a_map_is_learnt_from_areas_that_people_drew(tmp_path, monkeypatch):
    monkeypatch.setattr(map_model, "_FEWEST_STEPS", 30)
    section = {"source": str(tmp_path), "map": {"years": [YEARS[0]]}}
    corners = {name: map_grid(study(**section), name).bounds for name in ("north", "south")}
    squares = [
        ("G" if row else "3", shapely.box(*(np.array([0, 0, 400, 400]) + np.tile([west + 300 + 800 * place, y], 2))))
        for west, south, _, north in corners.values()
        for row, y in enumerate((south + 500, north - 700))
        for place in range(2 - row)
    ]
    shapes = [unproject(shape, "EPSG:32633") for _, shape in squares]
    table = geopandas.GeoDataFrame({"lcz": [zone for zone, _ in squares]}, geometry=shapes, crs=4326)
    table.to_file(tmp_path / "areas.geojson")
    made = study(areas=str(tmp_path / "areas.geojson"), **section)
    settings = settings_at(tmp_path / "data", made)
    for name in corners:
        place_imagery(made, settings, name, YEARS[0])
    definitions = build_definitions(SYSTEMS, dataclasses.asdict(settings) | {"study": made})
    with dg.DagsterInstance.ephemeral() as instance:
        assert definitions.resolve_job_def("learn_zones").execute_in_process(instance=instance).success
        job = definitions.resolve_job_def("map_zones")
        assert job.execute_in_process(partition_key=f"south|{YEARS[0]}", instance=instance).success
    site = site_of(SYSTEMS, made, settings)
    card = site.managers["models"].load(Artifact("lcz_model", None, None)).card
    # Two of the squares lie under the gap in the south-east.
    assert card["unit"] == "polygon" and len(card["cities"]) == 4 and card["areas"]["zones"] == {"3": 4, "G": 2}
    codes = site.managers["rasters"].load(Artifact("lcz_map", "south", str(YEARS[0])))["lcz"].values
    assert set(np.unique(codes)) <= {3, 17, 255} and (codes != 255).any()
    # Other areas make another model, and what was learnt from the first is refused.
    table[1:].to_file(tmp_path / "areas.geojson")
    with pytest.raises(FusionError, match="recipe"):
        site_of(SYSTEMS, made, settings).managers["models"].load(Artifact("lcz_model", None, None))
