"""The whole system as a person uses it: the command line on a small synthetic archive, then its artifacts."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import rasterio
import yaml
from rio_cogeo import cog_validate

from fusion_assets.demo import build_demo_archive
from fusion_assets.storage.documents import FACTS_KEY
from fusion_assets_tests import command_line
from fusion_assets_tests.demo_study import demo_study

pytestmark = pytest.mark.slow

CLASSES = (
    "built_up_prediction/here/2016~built_up",
    "built_up_change/here~change",
    "ghsl_labels/here/2015",
    "ghsl_labels/here/2015~built_up",
)
RASTERS = ["sentinel2_composite", "night_lights_composite", "fused_stack", "built_up_prediction"]


class Project:
    """A folder with a small archive, a study and storage, and the command line run in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        catalog = build_demo_archive(folder / "archive", size_km=45, seed=3, years=[2015, 2016])
        self.study = demo_study(catalog)
        self.study["products"]["sentinel2"] = {"product": "sentinel2_l2a", "bands": ["B02", "B04", "B08", "B11"]}
        self.settings = {"FUSION_ARCHIVE": str(catalog), "FUSION_STUDY": "study.yaml"}
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FUSION", "DAGSTER"))}
        self.environment = kept | self.settings
        self.write_study()

    def write_study(self, **changes):
        (self.folder / "study.yaml").write_text(yaml.safe_dump({**self.study, **changes}))

    def process(self, *arguments):
        """A process of its own, as a person starts one."""
        command = [sys.executable, "-m", "fusion_assets.cli.main", *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)

    def fusion(self, *arguments, **environment):
        return command_line.fusion(arguments, self.folder, {**self.settings, **environment})

    def path(self, asset, year, extension="tif"):
        return self.folder / "data" / asset / "here" / f"{year}.{extension}"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = Project(tmp_path_factory.mktemp("project"))
    done = project.process("run")
    assert done.returncode == 0, done.stdout + done.stderr
    project.first_output, project.first_errors = done.stdout, done.stderr
    return project


@pytest.fixture
def copy(project, tmp_path):
    """The finished project in a folder of its own, to be spoilt."""
    shutil.copytree(project.folder, tmp_path / "copy")
    other = object.__new__(Project)
    other.__dict__.update(project.__dict__, folder=tmp_path / "copy")
    return other


def test_no_library_warns_on_the_users_screen(project):
    assert "Warning" not in project.first_errors + project.first_output


def test_every_artifact_is_where_the_design_says(project):
    expected = {
        *(f"{asset}/here/{year}.tif" for asset in RASTERS[:3] for year in (2015, 2016)),
        *(
            f"{asset}/here/{year}.json"
            for asset in ("sentinel2_export", "night_lights_export")
            for year in (2015, 2016)
        ),
        *(
            f"{name}{end}"
            for name in (
                "built_up_prediction/here/2016~built_up",
                "built_up_change/here~change",
                "ghsl_labels/here/2015",
            )
            for end in (".tif", ".tif.aux.xml", ".qml")
        ),
        *(f"ghsl_labels/here/2015~built_up{end}" for end in (".tif", ".tif.aux.xml", ".qml")),
        "built_up_prediction/here/2016.tif",
        "ghsl_export/here/2015.json",
        "training_samples/here/2015.parquet",
        "built_up_model/here/2015.keras",
        "built_up_model/here/2015.json",
        "model_evaluation/here/2015.parquet",
        "model_evaluation/here/2015.json",
        "feature_ablation/here/2015.parquet",
        "feature_ablation/here/2015.json",
        "built_up_trend/here.parquet",
        "built_up_trend/here.json",
        "built_up_change/here.tif",
        "built_up_report/here.html",
        "built_up_catalog/here.json",
        "stac/catalog.json",
        "stac/built_up/collection.json",
        "stac/built_up/here/2016.json",
        "built_up_change_catalog/here.json",
        "stac/built_up_change/collection.json",
        "stac/built_up_change/here/2016.json",
        "stac/built_up_change-thumbnails/here/2016.png",
        "stac/thumbnails/here/2016.png",
        "maps/here.png",
    }
    data = project.folder / "data"
    found = {str(path.relative_to(data)) for path in data.rglob("*") if path.is_file()}
    assert {name for name in found if not name.startswith("_operations/")} == expected


def test_rasters_are_valid_cogs_on_one_grid_with_named_bands(project):
    grids = set()
    for path in sorted((project.folder / "data").rglob("*.tif")):
        valid, errors, warnings = cog_validate(str(path), strict=True, quiet=True)
        assert valid, (path, errors, warnings)
        with rasterio.open(path) as raster:
            assert all(raster.descriptions) and raster.nodata is not None and raster.tags()["FUSION_STUDY"] == "small"
            grids.add((raster.crs, raster.transform, raster.shape))
    assert len(grids) == 1


def test_prediction_is_a_probability_and_a_class(project):
    threshold = json.loads(project.path("model_evaluation", 2015, "json").read_text())["threshold"]
    path = project.path("built_up_prediction", 2016)
    with rasterio.open(path) as raster, rasterio.open(path.with_name("2016~built_up.tif")) as classes:
        assert (raster.descriptions, classes.descriptions) == (("probability",), ("built_up",))
        probability, built = raster.read(1), classes.read(1)
    known = np.isfinite(probability)
    assert known.mean() > 0.95
    assert ((built == 1) == (probability >= threshold))[known].all()
    assert built.dtype == np.uint8 and (built[~known] == 255).all()


def test_everything_stored_says_that_its_imagery_is_simulated(project):
    data = project.folder / "data"
    for path in data.rglob("*.tif"):
        with rasterio.open(path) as raster:
            assert (
                raster.tags()["FUSION_SYNTHETIC"] == "yes" and "SYNTHETIC" in raster.tags()["TIFFTAG_IMAGEDESCRIPTION"]
            )
    for path in data.rglob("*.parquet"):
        assert b'"synthetic": "yes"' in pq.read_metadata(path).metadata[FACTS_KEY.encode()]
    for path in (*data.rglob("*.json"), *data.rglob("*.html")):
        assert "synthetic" in path.read_text().lower(), path


def test_trend_without_a_reference_sample_is_relative_to_the_labels(project):
    table = pd.read_parquet(project.folder / "data/built_up_trend/here.parquet")
    columns = ["year", "area_km2", "low", "high", "standard_error", "share", "n_valid", "mapped_km2", "kind"]
    assert list(table) == columns and list(table["year"]) == [2016]
    assert table["kind"][0] == "mapped, relative to labels" and table["share"][0] > 0.95
    document = json.loads((project.folder / "data/built_up_trend/here.json").read_text())
    assert "nothing about change" in document["statement"] and "95 %" not in document["statement"]


def test_a_reference_sample_adjusts_the_trend_and_only_the_trend(copy):
    path = copy.folder / "points.csv"
    drawn = copy.fusion("sample", "--year", "2015", "--points", "200", "--seed", "4", str(path))
    assert drawn.returncode == 0, drawn.stderr
    assert "exists" in failure(copy.fusion("sample", "--year", "2015", str(path)))
    points = pd.read_csv(path)
    assert len(points) == 200 and points["label"].isna().all()
    copy.write_study(reference_sample="points.csv")
    assert "no label" in failure(copy.fusion("run", "--select", "built_up_trend"))
    truth = next((copy.folder / "archive/synthetic-truth").glob("*_2016/built_up.tif"))
    with rasterio.open(truth) as raster:
        points["label"] = [int(value[0]) for value in raster.sample(points[["x", "y"]].to_numpy())]
        true_km2 = float(raster.read(1).sum())
    points.to_csv(path, index=False)
    done = copy.fusion("run", "--select", "*built_up_trend")
    assert done.returncode == 0 and "1 made" in done.stdout, done.stdout
    assert "95 % interval" in copy.fusion("run").stdout
    row = pd.read_parquet(copy.folder / "data/built_up_trend/here.parquet").iloc[0]
    assert row["kind"] == "error-adjusted" and row["low"] < true_km2 < row["high"]


def test_samples_and_out_of_fold_table(project):
    samples = gpd.read_parquet(project.path("training_samples", 2015, "parquet"))
    table = pd.read_parquet(project.path("model_evaluation", 2015, "parquet"))
    assert {"x", "y", "lon", "lat", "B02", "avg_rad", "label", "block", "fold"} <= set(samples.columns)
    columns = {"x", "y", "label", "fold", "probability", "predicted", "baseline_probability", "baseline_predicted"}
    assert columns <= set(table.columns)
    assert len(table) == len(samples)
    assert (samples.groupby("block")["fold"].nunique() == 1).all()


def test_a_second_run_finds_nothing_to_do(project):
    done = project.fusion("run")
    assert done.returncode == 0
    assert "fresh" in done.stdout and "made" not in done.stdout


def test_the_summary_puts_baselines_beside_accuracy(project):
    for words in ("accuracy", "MCC", "random forest", "majority", "built-up in 2016"):
        assert words in project.first_output


def test_a_removed_file_is_made_again_and_is_the_same(copy):
    before = copy.path("built_up_prediction", 2016)
    with rasterio.open(before) as raster:
        digest = raster.tags()["FUSION_CONTENT_DIGEST"]
    before.unlink()
    done = copy.fusion("run", DAGSTER_HOME=str(copy.folder / ".dagster" / "small"))
    assert done.returncode == 0, done.stdout
    assert "1 made" in done.stdout
    with rasterio.open(before) as raster:
        assert raster.tags()["FUSION_CONTENT_DIGEST"] == digest


def test_a_changed_season_makes_everything_that_rests_on_it_stale(copy):
    copy.write_study(season={"start": "08-01", "end": "12-31"})
    done = copy.fusion("run", "--select", "sentinel2_export,sentinel2_composite")
    assert done.returncode == 0, done.stdout
    assert "4 made" in done.stdout


def failure(done):
    """The error text of a failed command: one screen, no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert len(text.splitlines()) <= 25, text
    return text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--region", "nowhere"], ["nowhere", "here"]),
        (["run", "--years", "2031"], ["2031", "2015, 2016"]),
        (["run", "--select", "colour"], ["colour", "fused_stack"]),
    ],
)
def test_a_wrong_command_line_is_explained(project, arguments, words):
    text = failure(project.fusion(*arguments))
    assert all(word in text for word in words)


def test_a_season_without_scenes(copy):
    copy.write_study(
        products={
            **copy.study["products"],
            "sentinel2": {"product": "sentinel2_l2a", "windows": {2015: ["2015-01-01", "2015-02-01"]}},
        }
    )
    text = failure(copy.fusion("run", "--select", "sentinel2_export", "--years", "2015"))
    assert "no scenes" in text and "2015-01-01" in text


def test_an_archive_that_is_not_there(copy):
    text = failure(
        copy.fusion(
            "run",
            "--select",
            "sentinel2_export",
            FUSION_ARCHIVE="gone/catalog.json",
            FUSION_STORAGE="other",
            DAGSTER_HOME=str(copy.folder / "home"),
        )
    )
    assert "gone/catalog.json" in text and "FUSION_ARCHIVE" in text


def test_a_storage_root_that_cannot_be_written(copy):
    (copy.folder / "file").write_text("in the way")
    text = failure(copy.fusion("run", FUSION_STORAGE="file/data"))
    assert "file/data" in text and "FUSION_STORAGE" in text


def test_a_truncated_scene_is_named_and_nothing_is_written(copy):
    scene = next((copy.folder / "archive" / "sentinel-2-l2a").rglob("*2016*/red.tif"))
    scene.write_bytes(scene.read_bytes()[: scene.stat().st_size // 2])
    home = {
        "DAGSTER_HOME": str(copy.folder / "home"),
        "FUSION_STORAGE": "fresh",
        "FUSION_ARCHIVE": str(copy.folder / "archive" / "catalog.json"),
    }
    text = failure(copy.fusion("run", "--select", "sentinel2_export,sentinel2_composite", "--years", "2016", **home))
    assert scene.parent.name in text and "max_unreadable_share" in text
    assert not list((copy.folder / "fresh").rglob("*.tif"))
    copy.write_study(max_unreadable_share=0.5)
    done = copy.fusion("run", "--select", "sentinel2_export,sentinel2_composite", "--years", "2016", **home)
    assert done.returncode == 0, done.stdout
    with rasterio.open(copy.folder / "fresh/sentinel2_composite/here/2016.tif") as raster:
        assert raster.tags()["FUSION_SCENES_LEFT_OUT"] == "1"


def test_a_model_of_other_features_is_refused(copy):
    copy.write_study(features="optics")
    text = failure(copy.fusion("run", "--select", "built_up_prediction"))
    assert "features" in text


def test_storage_of_another_study_is_refused(copy):
    copy.write_study(resolution=500)
    text = failure(copy.fusion("run", "--select", "fused_stack", "--years", "2016"))
    assert "grid" in text and "FUSION_STORAGE" in text


def test_doctor_says_what_is_wrong_and_what_to_do(copy):
    assert copy.fusion("doctor").returncode == 0
    done = copy.fusion("doctor", FUSION_ARCHIVE="gone/catalog.json")
    assert done.returncode == 1 and "FAIL archive " in done.stdout and "to do:" in done.stdout


def test_a_killed_run_leaves_nothing_half_written_and_the_next_one_completes(copy):
    shutil.rmtree(copy.folder / "data")
    home = {"DAGSTER_HOME": str(copy.folder / "home")}
    selection = ["--select", "sentinel2_export,sentinel2_composite,ghsl_export,ghsl_labels"]
    for files in (1, 3, 4):
        process = subprocess.Popen(
            [sys.executable, "-m", "fusion_assets.cli.main", "run", *selection],
            cwd=copy.folder, env={**copy.environment, **home}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        while process.poll() is None and len(artifacts(copy)) < files:
            time.sleep(0.01)
        process.kill()
        process.wait()
        for path in artifacts(copy):
            if path.suffix == ".tif":
                with rasterio.open(path) as raster:
                    raster.read()
            else:
                json.loads(path.read_text())
    done = copy.fusion("run", *selection, **home)
    assert done.returncode == 0, done.stdout
    assert len(artifacts(copy)) == 6


def artifacts(project):
    """Files a reader would find: no hidden ones, the engine's own list or what lies beside a raster."""
    data = project.folder / "data"
    found = (path for path in data.rglob("*") if path.is_file() and not path.name.startswith("."))
    beside = ("~", ".qml", ".xml")
    return [path for path in found if "_operations" not in path.parts and not any(at in path.name for at in beside)]


def test_a_damaged_table_is_made_again(copy):
    path = copy.path("training_samples", 2015, "parquet")
    path.write_bytes(path.read_bytes()[:2000])
    done = copy.fusion("run", "--select", "training_samples")
    assert done.returncode == 0 and "1 made" in done.stdout, done.stdout
    assert len(gpd.read_parquet(path)) > 100


def test_a_model_that_does_not_belong_to_its_card_is_made_again_bit_for_bit(copy):
    path = copy.path("built_up_model", 2015, "keras")
    before = path.read_bytes()
    path.write_bytes(before + b"another model")
    done = copy.process("run", "--select", "built_up_model")
    assert done.returncode == 0 and "1 made" in done.stdout, done.stdout
    assert path.read_bytes() == before


def test_another_study_may_not_replace_what_is_there(copy):
    path = copy.path("sentinel2_export", 2015, "json")
    before = path.read_bytes()
    copy.write_study(name="other")
    text = failure(copy.fusion("run", "--select", "sentinel2_export", "--years", "2015"))
    assert "belongs to study small" in text and "FUSION_STORAGE" in text
    assert path.read_bytes() == before


def test_a_failed_year_does_not_hold_back_the_others(copy):
    scene = next((copy.folder / "archive" / "sentinel-2-l2a").rglob("*2015*/red.tif"))
    scene.write_bytes(scene.read_bytes()[:1000])
    catalog = str(copy.folder / "archive" / "catalog.json")
    environment = {"DAGSTER_HOME": str(copy.folder / "home"), "FUSION_STORAGE": "fresh", "FUSION_ARCHIVE": catalog}
    assets = "sentinel2_export,sentinel2_composite,night_lights_export,night_lights_composite,fused_stack"
    done = copy.fusion("run", "--select", assets, **environment)
    assert done.returncode == 1
    assert "1 failed, 8 made, 1 skipped" in done.stdout
    assert (copy.folder / "fresh/fused_stack/here/2016.tif").is_file()


def test_an_instance_that_cannot_be_kept_is_explained(project):
    text = failure(project.fusion("run", DAGSTER_HOME="study.yaml"))
    assert "DAGSTER_HOME" in text


def test_a_selection_without_partitions_in_these_years_is_explained(project):
    text = failure(project.fusion("run", "--select", "built_up_model", "--years", "2016"))
    assert "label year, 2015" in text


@pytest.mark.parametrize("years", ["1-99999999", "2019-2016", "soon"])
def test_years_that_make_no_sense(project, years):
    done = project.fusion("run", "--years", years)
    assert done.returncode == 2 and "2016-2019" in done.stderr


def test_a_wrong_scheduler_address_is_explained(project):
    text = failure(project.fusion("run", FUSION_DASK_SCHEDULER="foo bar"))
    assert "FUSION_DASK_SCHEDULER" in text
