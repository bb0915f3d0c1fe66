"""The demo archive: reproducible, valid, honest about being synthetic, and with the flaws that it promises."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from affine import Affine
from rio_cogeo.cogeo import cog_validate
from shapely import unary_union
from shapely.geometry import shape

from fusion_assets.demo import DemoParameters, build_demo_archive, demo_is_current
from fusion_assets.demo.catalog import NOTICE
from fusion_assets.demo.frame import Frame, demo_region
from fusion_assets.demo.land import build_land
from fusion_assets.demo.optics import Scenery
from fusion_assets.demo.settlement import build_settlements, built_up
from fusion_assets.demo.sky import acquisitions, photograph
from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets_tests.stac_documents import check_stac

# As of `catalog`.
TINY = {"size_km": 12, "years": (2015, 2016)}


@pytest.fixture(scope="module")
def archive(catalog: Path) -> Path:
    return catalog.parent


def read(path: Path) -> np.ndarray:
    with rasterio.open(path) as file:
        return file.read(1)


def content(root: Path) -> dict[str, str]:
    files = sorted(p for p in root.rglob("*") if p.is_file())
    return {str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


@pytest.mark.slow
def test_same_parameters_give_the_same_bytes_and_other_seeds_other_pixels(archive: Path, tmp_path: Path) -> None:
    again = build_demo_archive(tmp_path / "again", seed=3, **TINY).parent
    assert content(again) == content(archive)
    other = build_demo_archive(tmp_path / "other", seed=4, size_km=12, years=(2015,)).parent
    assert not {p.name for p in other.glob("sentinel-2-l2a/*_L2A")} & {p.name for p in archive.glob("*/*_L2A")}


@pytest.mark.slow
def test_nothing_is_done_twice_and_other_parameters_replace(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    build_demo_archive(root, size_km=10, years=(2015,))
    assert demo_is_current(root, size_km=10, years=(2015,))
    before = (root / "catalog.json").stat().st_ino
    build_demo_archive(root, size_km=10, years=(2015,))
    assert (root / "catalog.json").stat().st_ino == before
    assert not demo_is_current(root, size_km=10, years=(2015,), seed=1)
    build_demo_archive(root, size_km=10, years=(2015,), seed=1)
    assert demo_is_current(root, size_km=10, years=(2015,), seed=1)
    assert [p.name for p in tmp_path.iterdir()] == ["archive"]


def test_an_interrupted_build_leaves_no_archive(tmp_path: Path) -> None:
    def stop(done: int, total: int, what: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_demo_archive(tmp_path / "archive", size_km=10, years=(2015,), progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_every_document_is_valid_stac_with_relative_links_that_exist(archive: Path) -> None:
    documents = [p for p in archive.rglob("*.json") if p.name != "demo.json"]
    for path in documents:
        document = json.loads(path.read_text())
        for link in [*document["links"], *document.get("assets", {}).values()]:
            assert link["href"].startswith(".")
            assert (path.parent / link["href"]).is_file()
        check_stac(document)
    catalog = pystac.Catalog.from_file(str(archive / "catalog.json"))
    assert len(list(catalog.get_items(recursive=True))) == len(documents) - 7


def test_items_describe_their_files(archive: Path) -> None:
    for path in archive.glob("*/*/*.json"):
        item = json.loads(path.read_text())
        assert item["properties"]["proj:code"].split(":")[0] in ("EPSG", "ESRI")
        for asset in item["assets"].values():
            with rasterio.open(path.parent / asset["href"]) as file:
                band = asset["raster:bands"][0]
                assert list(file.shape) == asset["proj:shape"]
                assert file.transform == Affine(*asset["proj:transform"])
                assert file.crs == rasterio.CRS.from_user_input(item["properties"]["proj:code"])
                assert file.dtypes[0] == band["data_type"]
                assert str(file.nodata) == str(float(band["nodata"])) if "nodata" in band else file.nodata is None


def test_every_raster_is_a_cog_and_says_that_it_is_synthetic(archive: Path) -> None:
    for path in list(archive.rglob("*.tif"))[::9]:
        assert cog_validate(path, strict=True, quiet=True)[0], path
        with rasterio.open(path) as file:
            assert file.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith(NOTICE)
    for path in archive.rglob("*.json"):
        assert "SYNTHETIC" in path.read_text()
    for path in archive.glob("*/*/"):
        assert path.name.startswith("SYNTHETIC_")


def test_big_rasters_have_overviews(tmp_path: Path) -> None:
    from fusion_assets.demo.catalog import Layer, write_cog

    values = np.zeros((800, 800), np.uint8)
    write_cog(tmp_path / "big.tif", Layer("scl", values, 0), "EPSG:32645", Affine(250, 0, 0, 0, -250, 0))
    assert cog_validate(tmp_path / "big.tif", strict=True, quiet=True) == (True, [], [])
    with rasterio.open(tmp_path / "big.tif") as file:
        assert file.overviews(1)


@pytest.mark.parametrize("seed", [0, 1])
def test_settlements_only_grow_and_do_not_without_growth(seed: int) -> None:
    frame = Frame.at((87.0, 27.0), 30)
    land = build_land(seed, frame)
    grown = build_settlements(seed, frame, land, range(2015, 2020), 1.0)
    still = build_settlements(seed, frame, land, range(2015, 2020), 0.0)
    years = [grown.built(year) for year in range(2015, 2020)]
    assert all((later >= earlier).all() for earlier, later in itertools.pairwise(years))
    assert years[0].min() >= 0 and years[-1].max() < 0.9
    assert built_up(grown, 2019).sum() > built_up(grown, 2015).sum()
    assert (years[-1] == years[0]).mean() > 0.2, "some places do not grow at all"
    assert all((still.built(year) == years[0]).all() for year in range(2015, 2020))


def test_truth_growth_and_prevalence_are_as_promised() -> None:
    frame = Frame.at((87.0, 27.0), 100)
    settlements = build_settlements(0, frame, build_land(0, frame), (2015, 2019), 1.0)
    before, after = (built_up(settlements, year)[4:-4, 4:-4] for year in (2015, 2019))
    assert 0.12 <= before.mean() <= 0.22
    assert 1.10 <= after.sum() / before.sum() <= 1.20
    assert not (before & ~after).any()


@pytest.fixture(scope="module")
def pictures() -> tuple[list, list, list]:
    """Scenes of one season over 30 km, the cloud that was there, and the passes."""
    frame = Frame.at((87.0, 27.0), 30)
    land = build_land(0, frame)
    scenery = Scenery(0, frame, land, build_settlements(0, frame, land, (2015,), 1.0))
    passes = list(acquisitions(0, frame, (2015,)))
    shots = [photograph(scenery, one) for one in passes]
    ground = [scenery.surface(one.moment.date(), frame.inner)[0] for one in passes]
    return shots, ground, passes


def test_masks_err_both_ways(pictures: tuple[list, list, list]) -> None:
    missed = wrong = 0
    for shot, ground, _ in zip(*pictures, strict=True):
        change = shot.numbers[0] * 1e-4 - ground[0]
        seen = shot.classes > 0
        cloudy = np.isin(shot.classes, (3, 8, 9, 10))
        missed += int((seen & ~cloudy & (change > 0.1)).sum())
        # A cloud brightens the blue; where it did not, there is none.
        wrong += int((seen & np.isin(shot.classes, (8, 9)) & (np.abs(change) < 0.012)).sum())
    assert missed > 100, "omission: cloud that the mask calls clear"
    assert wrong > 100, "commission: clear ground that the mask calls cloud"


def test_a_season_shows_every_point_often_enough(pictures: tuple[list, list, list]) -> None:
    classes = np.stack([shot.classes for shot in pictures[0]])
    assert ((classes > 0).sum(axis=0) >= 10).all()
    clear = np.isin(classes, (2, 4, 5, 6, 7, 11)).sum(axis=0)
    assert 3 <= clear.mean() <= 8.5
    assert (clear == 0).mean() < 0.02
    assert {shot.numbers.dtype.name for shot in pictures[0]} == {"uint16"}
    assert all(((shot.classes == 0) == (shot.numbers == 0).all(axis=0)).all() for shot in pictures[0])
    assert any(len(one.tiles) == 2 for one in pictures[2])


def test_tiles_of_one_pass_overlap_and_agree(archive: Path) -> None:
    north = sorted(archive.glob("sentinel-2-l2a/*N_2015*_L2A"))[0]
    south = north.with_name(north.name.replace("N_2015", "S_2015"))
    first, second = (json.loads((p / f"{p.name}.json").read_text()) for p in (north, south))
    assert first["properties"]["datetime"] == second["properties"]["datetime"]
    common = shape(first["geometry"]).intersection(shape(second["geometry"]))
    assert 0 < common.area < shape(first["geometry"]).area / 2
    with rasterio.open(north / "red.tif") as a, rasterio.open(south / "red.tif") as b:
        rows = round((b.transform.f - a.transform.f) / -250)
        shared = a.height - rows
        left, right = max(a.bounds.left, b.bounds.left), min(a.bounds.right, b.bounds.right)
        cut = [slice(round((left - f.bounds.left) / 250), round((right - f.bounds.left) / 250)) for f in (a, b)]
        assert (a.read(1)[rows:, cut[0]] == b.read(1)[:shared, cut[1]]).all()


def test_level_1c_has_both_qa60_bits(archive: Path) -> None:
    values = np.concatenate([np.unique(read(p)) for p in archive.glob("sentinel-2-l1c/*/qa60.tif")])
    assert set(values) == {0, 1 << 10, 1 << 11}


def test_an_archive_of_level_1c_covers_the_square_in_every_year_with_both_kinds_of_codes(tmp_path: Path) -> None:
    root = build_demo_archive(tmp_path / "archive", seed=3, level="l1c", **TINY).parent
    assert {p.name for p in root.iterdir() if p.is_dir()} == {
        "sentinel-1-grd", "sentinel-2-l1c", "ghsl-smod-p2016", "ghsl-smod-v2", "synthetic-truth", "viirs-dnb-monthly"
    }  # fmt: skip
    for year in TINY["years"]:
        folders = list(root.glob(f"sentinel-2-l1c/*_{year}*_L1C"))
        assert len(folders) > 20
        items = [json.loads((p / f"{p.name}.json").read_text()) for p in folders]
        months = {item["properties"]["datetime"][5:7] for item in items}
        assert {"07", "12"} <= months
        region = shape(json.loads((root / "aoi.geojson").read_text())["geometry"])
        assert unary_union([shape(item["geometry"]) for item in items]).intersection(region).area > 0.99 * region.area
    # Archives made before there was a choice stay what they are.
    assert "level" not in DemoParameters().checked()
    old = read(next(iter(root.glob("ghsl-smod-p2016/*/smod_code.tif"))))
    path = next(iter(root.glob("ghsl-smod-v2/*/smod_code.tif")))
    new = read(path)
    assert ((new >= 21) == np.isin(old, (2, 3))).all() and ((new == -200) == (old == 255)).all()
    with rasterio.open(path) as file:
        assert file.nodata == -200 and file.dtypes == ("int16",)


def test_nights_without_coverage_hold_zeros_and_negative_noise_exists(archive: Path) -> None:
    folders = sorted(archive.glob("viirs-dnb-monthly/SYNTHETIC_*"))
    assert len(folders) == 24
    nights = np.stack([read(p / "cf_cvg.tif") for p in folders])
    radiance = np.stack([read(p / "avg_rad.tif") for p in folders])
    assert (nights == 0).all(axis=(1, 2)).sum() == 1, "2016 has one month without any coverage"
    assert (radiance[nights == 0] == 0).all()
    assert (radiance < 0).any()
    # A fire is one month's; the month after does not show it.
    brightest = radiance.max(axis=0)
    assert (brightest > 5 * np.median(radiance, axis=0) + 20).any()


def test_labels_err_but_mean_the_truth(archive: Path) -> None:
    codes = read(next(iter(archive.glob("ghsl-smod-p2016/*/smod_code.tif"))))
    assert set(np.unique(codes)) <= {0, 1, 2, 3, 255}


@pytest.mark.slow
@pytest.mark.parametrize("place", [(-70.7, -33.4), (2.9, 50.8), (179.0 - 2, -18.0)])
def test_other_places_work_in_either_hemisphere(place: tuple[float, float], tmp_path: Path) -> None:
    root = build_demo_archive(tmp_path / "archive", place=place, size_km=10, years=(2015,)).parent
    record = json.loads((root / "demo.json").read_text())
    assert record["grid"]["crs"].startswith("EPSG:327" if place[1] < 0 else "EPSG:326")
    assert shape(record["region"]["geometry"]).contains(shape({"type": "Point", "coordinates": place}))
    assert (read(next(iter(root.glob("sentinel-2-l2a/*/scl.tif")))) > 0).any()


@pytest.mark.parametrize(
    ("place", "size_km"), [((87.0, 27.0), 100), ((87.0, 27.0), 200), ((84.5, 27.7), 100), ((-70.7, -33.4), 37)]
)
def test_the_stated_region_gives_the_grid_of_the_truth(place: tuple[float, float], size_km: int) -> None:
    from shapely.geometry import box

    frame = Frame.at(place, size_km)
    region = demo_region(frame)
    outlines = [shape(region["geometry"])] + ([box(*region["bbox"])] if "bbox" in region else [])
    for outline in outlines:
        grid = Grid.from_geometry(outline, region["crs"], 1000)
        assert grid.bounds == frame.bounds
        assert grid.inside(outline).all()
    assert ("bbox" in region) == (place == (87.0, 27.0) and size_km == 100)


@pytest.mark.parametrize(
    "wrong",
    [
        {"size_km": 5},
        {"size_km": 300},
        {"seed": -1},
        {"growth": -1},
        {"years": (2014,)},
        {"place": (27, 87)},
        {"level": "l3"},
    ],
)
def test_bad_parameters_are_explained(wrong: dict, tmp_path: Path) -> None:
    with pytest.raises(FusionError):
        build_demo_archive(tmp_path / "archive", **wrong)
    assert list(tmp_path.iterdir()) == []


def test_other_peoples_folders_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep me")
    with pytest.raises(FusionError, match="not a demo archive"):
        build_demo_archive(tmp_path, size_km=10)
    assert (tmp_path / "letter.txt").read_text() == "keep me"


@pytest.mark.slow
def test_squares_come_beside_an_archive_that_stays_what_it_is(tmp_path: Path) -> None:
    small = {"size_km": 10, "years": (2015,)}
    alone = content(build_demo_archive(tmp_path / "alone", **small).parent)
    beside = content(build_demo_archive(tmp_path / "beside", **small, squares=True).parent)
    assert content(build_demo_archive(tmp_path / "again", **small, squares=True).parent) == beside
    documents = {"catalog.json", "demo.json"}
    assert {name for name in alone if beside[name] != alone[name]} == documents
    new = {name.split("/")[0] for name in beside.keys() - alone.keys()}
    assert new == {"landsat-c2-l2", "viirs-dnb-annual", "synthetic-radiance-truth"}
    record = json.loads((tmp_path / "beside" / "demo.json").read_text())
    assert len(record["squares"]) == 4
    assert not demo_is_current(tmp_path / "alone", **small, squares=True)
