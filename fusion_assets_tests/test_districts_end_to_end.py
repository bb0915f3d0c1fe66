"""A study of districts of a file, as a person uses it: run, reports, and figures in every format, recomputed."""

import json
import os
import subprocess
import sys
from itertools import combinations, pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pytest
import rasterio
import shapely
import yaml

from fusion_assets.demo import build_demo_archive
from fusion_assets_tests import command_line
from fusion_assets_tests.demo_study import demo_study

pytestmark = pytest.mark.slow
YEARS = (2015, 2016, 2017)
NAMES = {"São Paulo": "São_Paulo", "北京": "北京"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with an archive, a study of districts, and all that a run makes of it."""
    folder = tmp_path_factory.mktemp("districts")
    catalog = build_demo_archive(folder / "archive", size_km=45, seed=3, years=list(YEARS))
    region = json.loads((folder / "archive/demo.json").read_text())["region"]
    whole = shapely.geometry.shape(region["geometry"])
    west, south, east, north = whole.bounds
    edges = np.linspace(west, east, len(NAMES) + 1)
    strips = [shapely.intersection(whole, shapely.box(left, south, right, north)) for left, right in pairwise(edges)]
    frame = gpd.GeoDataFrame({"区名": list(NAMES)}, geometry=strips, crs="EPSG:4326").to_crs(region["crs"])
    frame.to_file(folder / "districts.gpkg")
    study = demo_study(catalog, regions={"file": "districts.gpkg", "name": "区名", "crs": region["crs"]})
    study |= {"prediction_years": list(YEARS), "reference_sample": "archive"}
    study["features"] = "optics"  # without an ablation, which learns several times more
    study["products"]["sentinel2"] = {"product": "sentinel2_l2a", "bands": ["B02", "B04", "B08", "B11"]}
    del study["products"]["night_lights"]
    (folder / "study.yaml").write_text(yaml.safe_dump(study, allow_unicode=True), encoding="utf-8")
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("FUSION", "DAGSTER"))}
    command = [sys.executable, "-m", "fusion_assets.cli.main", "run"]
    done = subprocess.run(command, cwd=folder, env=clean | settings(folder), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout + done.stderr
    return folder


def settings(folder):
    return {"FUSION_ARCHIVE": str(folder / "archive/catalog.json"), "FUSION_STUDY": "study.yaml"}


def test_districts_keep_their_names(folder):
    for title, name in NAMES.items():
        page = (folder / f"data/built_up_report/{name}.html").read_text(encoding="utf-8")
        assert f": {title}</title>" in page
    items = [json.loads(path.read_text(encoding="utf-8")) for path in (folder / "data/stac").rglob("*.json")]
    titles = [item["properties"]["title"] for item in items if item["type"] == "Feature"]
    assert all(any(title in each for each in titles) for title in NAMES)


@pytest.mark.filterwarnings("ignore:Geometry is in a geographic CRS")
def test_figures_are_the_same_in_every_format_and_recomputed(folder):
    for ending in ("csv", "gpkg", "parquet"):
        done = command_line.fusion(["export", f"areas.{ending}"], folder, settings(folder))
        assert done.returncode == 0, done.stderr
    areas, changes = pd.read_csv(folder / "areas.csv"), pd.read_csv(folder / "areas_changes.csv")
    pairs = list(combinations(YEARS, 2))
    assert list(zip(areas["region"], areas["year"], strict=True)) == [(n, y) for n in NAMES.values() for y in YEARS]
    found = list(zip(changes["region_title"], changes["from_year"], changes["to_year"], strict=True))
    assert found == [(title, *pair) for title in NAMES for pair in pairs]

    stored = gpd.read_file(folder / "districts.gpkg").to_crs(4326)
    for table, path, layer in (
        (areas, "areas.parquet", None),
        (changes, "areas_changes.parquet", None),
        (changes, "areas.gpkg", "changes"),
    ):
        drawn = gpd.read_file(folder / path, layer=layer) if layer else gpd.read_parquet(folder / path)
        assert drawn.crs.to_epsg() == 4326
        plain = pd.DataFrame(drawn.drop(columns="geometry")).replace("", np.nan)
        pd.testing.assert_frame_equal(plain, table, check_dtype=False, check_exact=False)
        for title, shape in zip(stored["区名"], stored.geometry, strict=True):
            mine = drawn[drawn["region_title"] == title].geometry
            assert (mine.symmetric_difference(shape).area < 1e-3 * shape.area).all()
    wide = gpd.read_file(folder / "areas.gpkg", layer="regions").set_index("region")
    by_year = pyogrio.read_dataframe(folder / "areas.gpkg", layer="area_by_year")
    pd.testing.assert_frame_equal(by_year.replace("", np.nan), areas, check_dtype=False, check_exact=False)

    for name in NAMES.values():
        table = pd.read_parquet(folder / f"data/built_up_trend/{name}.parquet").set_index("year")
        mine = areas[areas["region"] == name].set_index("year")
        assert (mine["low_km2"] <= mine["area_km2"]).all() and (mine["standard_error_km2"] > 0).all()
        assert mine["standard_error_km2"].to_numpy() == pytest.approx(table["standard_error"].to_numpy(), abs=1e-6)
        compared = mine["region_km2"] * mine["compared_share"]
        assert mine["built_up_share"].to_numpy() == pytest.approx((mine["area_km2"] / compared).to_numpy(), abs=1e-5)
        for year in YEARS:
            assert wide.loc[name, f"standard_error_km2_{year}"] == pytest.approx(mine.loc[year, "standard_error_km2"])
            with rasterio.open(folder / f"data/built_up_prediction/{name}/{year}~built_up.tif") as raster:
                built = raster.read(1) == 1
                assert mine.loc[year, "mapped_km2"] == pytest.approx(built.sum() * raster.res[0] ** 2 / 1e6, rel=0.01)
        for _, row in changes[changes["region"] == name].iterrows():
            before, after = mine.loc[row["from_year"]], mine.loc[row["to_year"]]
            years = row["to_year"] - row["from_year"]
            inside = before["area_km2"] > 0 and after["area_km2"] > 0
            if inside:
                assert row["change_km2"] == pytest.approx(after["area_km2"] - before["area_km2"], abs=1e-5)
                growth = 100 * ((after["area_km2"] / before["area_km2"]) ** (1 / years) - 1)
                assert row["percent_a_year"] == pytest.approx(growth, abs=1e-3)
            assert row["km2_a_year"] == pytest.approx(row["change_km2"] / years, abs=1e-5)
            verdict = "grew" if row["change_low_km2"] > 0 else "shrank" if row["change_high_km2"] < 0 else "cannot tell"
            assert row["verdict"] == verdict
            assert row["change_low_km2"] < row["change_km2"] < row["change_high_km2"]
            half = row["change_high_km2"] - row["change_km2"]
            assert 1.9 < half / row["change_standard_error_km2"] < 13
