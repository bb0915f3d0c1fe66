"""The commands that README and docs print: all of them are commands, and those of a region of one's own make a map."""

import datetime as dt
import re
import shlex
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine

from fusion_assets.cli import init, main
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
    monkeypatch.setattr(init, "EARTH_SEARCH", write_catalog(tmp_path / "web", {"sentinel-2-l2a": items}))
    monkeypatch.chdir(tmp_path)
    for name in ("FUSION_STUDY", "FUSION_ARCHIVE", "FUSION_STORAGE", "FUSION_ENGINE", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md"])
def test_a_region_of_ones_own_is_mapped_as_the_page_says(page, folder, monkeypatch, capsys):
    text = (ROOT / page).read_text()
    chapter = text[text.index("## Your own region") :] if page == "README.md" else text
    done = []
    for words in commands(chapter):
        if words[0] in ("catalog", "init", "doctor", "run", "export") and "land_cover" not in words:
            files = [str(path) for word in words if "*" in word for path in sorted(folder.glob(word))]
            words = [word for word in words if "*" not in word]
            words = [*words[:3], *files, *words[3:]]
            assert main.main(words) == 0, (words, capsys.readouterr())
            done.append(words[0])
        if words[0] == "init":
            monkeypatch.setenv("FUSION_STUDY", f"{words[1]}.yaml")
    assert done[:3] == ["catalog", "catalog", "init"] and "run" in done
    out = capsys.readouterr().out
    assert "report: " in out
    with rasterio.open(folder / "data/built_up_prediction/nairobi/2020~built_up.tif") as source:
        mapped = source.read(1)
    assert 0.02 < np.mean(mapped == 1) < 0.5
