"""The commands that README and docs print: all of them are commands, and those of a region of one's own make a map."""

import datetime as dt
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pyproj
import pytest
import rasterio
import shapely
from affine import Affine

from fusion_assets.cli import init, main
from fusion_assets.demo import build_demo_archive
from fusion_assets.settings import DEMO_ARCHIVE
from fusion_assets_tests.imagery.archives import make_item, write_catalog, write_tif

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WEST, SOUTH, EAST, NORTH = 36.5, -1.6, 37.3, -0.9
YEARS = (2018, 2019, 2020)


def commands(text):
    """Lines of shell blocks that call `fusion`, without comments, joined where a backslash ends them."""
    for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            for part in " ".join(map(shlex.quote, words)).split(" '&&' "):
                if part.startswith("fusion "):
                    yield shlex.split(part)[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_are_commands(page):
    for words in commands(page.read_text()):
        if words not in (["init", "--help"],):
            main._parser().parse_args(words)


def test_links_between_pages_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


# Rows, columns and bytes a pixel of what publishers give out.
_PUBLISHED = {
    "12 GB": (33_601, 86_401, 4),
    "6 GB": (33_601, 86_401, 2),
    "2 GB": (18_000, 28_800, 4),
    "1 GB": (18_000, 28_800, 2),
    "1.3 GB": (18_000, 36_082, 2),
    "200 MB": (10_000, 10_000, 2),
}


def test_sizes_of_files_are_about_right_and_say_so():
    text = (ROOT / "docs" / "your-region.md").read_text()
    sizes = re.findall(r"(\S+)\s+([\d.]+\s[GMT]B)", text)
    assert {size for _, size in sizes} == set(_PUBLISHED)
    assert {word for word, _ in sizes} == {"about"}
    for size, (rows, columns, depth) in _PUBLISHED.items():
        number, unit = size.split()
        assert float(number) == pytest.approx(rows * columns * depth / {"GB": 1e9, "MB": 1e6}[unit], rel=0.1)


def _settled(lon, lat):
    """Share of built-up land: three towns, which are seen by day and by night."""
    towns = ((36.82, -1.29, 0.12), (37.07, -1.03, 0.07), (36.66, -1.1, 0.05))
    distance = np.stack([np.hypot(lon - x, lat - y) / size for x, y, size in towns]).min(axis=0)
    return np.clip(1.6 - distance, 0, 1)


def _at(transform, shape, crs):
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    x, y = transform @ (cols + 0.5, rows + 0.5)
    return pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with files as publishers name them, and scenes where the page looks for them on the web."""
    random = np.random.default_rng(0)
    lights = Affine(1 / 240, 0, WEST, 0, -1 / 240, NORTH), (168, 192), "EPSG:4326"
    for year in YEARS:
        bright = 40 * _settled(*_at(*lights)) + random.uniform(0.1, 0.4, lights[1])
        name = f"VNL_v21_npp_{year}_global_vcmslcfg_c202205302300"
        write_tif(tmp_path / f"lights/{name}.average.dat.tif", bright.astype("float32"), lights[0], lights[2])
        write_tif(tmp_path / f"lights/{name}.cf_cvg.dat.tif", np.full(lights[1], 40, "uint16"), lights[0], lights[2])
    labels = Affine(1000, 0, 3_640_000, 0, -1000, -110_000), (90, 80), "ESRI:54009"
    built = (_settled(*_at(*labels)) * 1e6 * random.uniform(0.7, 1, labels[1])).astype("uint32")
    write_tif(tmp_path / "ghsl/GHS_BUILT_S_E2020_GLOBE_R2023A_54009_1000_V1_0_R9_C22.tif", built, labels[0], labels[2],
              nodata=4294967295)  # fmt: skip
    scenes = Affine(500, 0, 220_000, 0, -500, 9_905_000), (160, 190), "EPSG:32737"
    share, items = _settled(*_at(*scenes)), []
    for year in YEARS:
        assets = {"scl": np.full(scenes[1], 5, "uint8")}
        for number, band in enumerate(("blue", "green", "red", "rededge1", "rededge2", "rededge3", "nir", "nir08")):
            grey = 600 + 200 * number + share * (900 - 250 * number) + random.normal(0, 60, scenes[1])
            assets[band] = np.clip(grey, 1, 10_000).astype("uint16")
        paths = {key: write_tif(tmp_path / f"web/{year}_{key}.tif", value, scenes[0], scenes[2], 0)
                 for key, value in assets.items()}  # fmt: skip
        moment = dt.datetime(year, 8, 1, 8, tzinfo=dt.UTC)
        items.append(make_item(f"S2_{year}", paths, moment, properties={"earthsearch:boa_offset_applied": True}))
        for path, asset in zip(paths.values(), items[-1].assets.values(), strict=True):
            with rasterio.open(path) as source:
                asset.extra_fields["proj:transform"] = list(source.transform)[:6]
    write_tif(tmp_path / "classes.tif", np.full((80, 80), 50, "uint8"), Affine(0.001, 0, WEST, 0, -0.001, NORTH),
              "EPSG:4326")  # fmt: skip
    districts = [shapely.box(36.7 + x, -1.4, 36.9 + x, -1.1) for x in (0, 0.2)]
    frame = gpd.GeoDataFrame({"ADM2_EN": ["Kiambu", "Nairobi West"]}, geometry=districts, crs="EPSG:4326")
    frame.to_file(tmp_path / "districts.gpkg")
    monkeypatch.setattr(init, "EARTH_SEARCH", write_catalog(tmp_path / "web", {"sentinel-2-l2a": items}))
    monkeypatch.chdir(tmp_path)
    for name in ("FUSION_STUDY", "FUSION_ARCHIVE", "FUSION_STORAGE", "FUSION_ENGINE", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.slow
def test_a_region_of_ones_own_is_mapped_as_the_pages_say(folder, monkeypatch, capsys):
    readme = (ROOT / "README.md").read_text()
    chapters = readme[readme.index("## Your own region") :], (ROOT / "docs" / "your-region.md").read_text()
    done = []
    for words in (words for chapter in chapters for words in commands(chapter)):
        if words in done or words == ["ui"]:
            continue
        done.append(words)
        files = [str(path) for word in words if "*" in word for path in sorted(folder.glob(word))]
        words = [word for word in words if "*" not in word]
        words = [*words[:3], *files, *words[3:]]
        assert main.main(words) == 0, (words, capsys.readouterr())
        if words[0] == "init":
            # The chapters go on with the first of their studies.
            monkeypatch.setenv("FUSION_STUDY", f"{done[2][1]}.yaml")
    assert [words[0] for words in done[:3]] == ["catalog", "catalog", "init"]
    assert {words[0] for words in done} == {"catalog", "init", "doctor", "run", "status", "verify", "export"}
    out = capsys.readouterr().out
    assert "report: " in out
    with rasterio.open(folder / "data/built_up_prediction/nairobi/2020~built_up.tif") as source:
        mapped = source.read(1)
    assert 0.02 < np.mean(mapped == 1) < 0.5


@pytest.fixture
def demo(tmp_path, monkeypatch):
    """A folder with the demo archive, and of the demo what its pages go on from: labels, and what was asked for."""
    monkeypatch.chdir(tmp_path)
    for name in ("FUSION_STUDY", "FUSION_ARCHIVE", "FUSION_STORAGE", "FUSION_ENGINE", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    build_demo_archive(Path(DEMO_ARCHIVE).parent)
    monkeypatch.setenv("FUSION_ARCHIVE", DEMO_ARCHIVE)
    for words in (["--select", "+ghsl_labels"], ["--select", "sentinel2_export", "--years", "2016"]):
        assert main.main(["run", *words]) == 0
    return tmp_path


_ELSEWHERE = ("README.md", "your-region.md", "night-radiance.md", "climate-zones.md", "embeddings.md", "loopback.md")
"""Pages whose commands are tried above, or go on from other studies than the demo, in rooms of their own."""


@pytest.mark.slow
def test_commands_of_the_other_pages_do_on_the_demo_what_they_say(demo, capsys):
    done = []
    for page in PAGES:
        for words in commands(page.read_text()):
            if page.name in _ELSEWHERE or words in done:
                continue
            done.append(words)
            # Whole runs are those of other tests; that they can be planned is seen here.
            planned = words[0] == "run" and "--region" not in words
            assert main.main([*words, "--dry-run"] if planned else words) == 0, (words, capsys.readouterr())
    assert {words[0] for words in done} == {"doctor", "run", "sample"}
    assert (demo / "points.csv").exists() and (demo / "data/sentinel2_composite/demo/2016.tif").exists()


@pytest.mark.slow
def test_the_demo_s_page_builds_an_archive(tmp_path):
    (line,) = re.findall(r"^python (-m fusion_assets\.demo .*)$", (ROOT / "docs" / "demo.md").read_text(), re.MULTILINE)
    words = shlex.split(line)
    subprocess.run([sys.executable, *words], cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})
    assert (tmp_path / words[2] / "catalog.json").exists()
