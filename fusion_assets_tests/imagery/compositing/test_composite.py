"""Composites against plain numpy on generated files."""

import datetime as dt
import os
import warnings
from pathlib import Path

import dask
import numpy as np
import pytest
import rasterio
from affine import Affine

from fusion_assets.errors import FusionError
from fusion_assets.grids.grid import Grid
from fusion_assets.imagery.acquisitions import acquisitions
from fusion_assets.imagery.compositing import scene_reading as reading
from fusion_assets.imagery.compositing.composite import CompositeRecipe, composite, is_clear
from fusion_assets.imagery.compositing.plan import Tiling
from fusion_assets.imagery.products import PRODUCTS
from fusion_assets.imagery.recipe import Mask
from fusion_assets.imagery.unreadable import UnreadableFile
from fusion_assets_tests.imagery.archives import (
    CRS,
    FIRST_DAY,
    NORTH,
    STEP,
    WEST,
    damage,
    lattice,
    make_scene,
    noise,
    truncate,
    write_tif,
)

SCL, QA60, NO_MASK = PRODUCTS["sentinel2_l2a"].mask, PRODUCTS["sentinel2_l1c"].mask, Mask("none")
SHAPE = (90, 120)


def make_grid(height=SHAPE[0], width=SHAPE[1], west=WEST, north=NORTH, step=STEP, crs=CRS):
    return Grid(crs, Affine(step, 0, west, 0, -step, north), height, width)


def on_day(n, seconds=0):
    return FIRST_DAY + dt.timedelta(days=n, seconds=seconds)


def compute(scenes, recipe, grid):
    return composite(acquisitions(scenes), recipe, grid).compute()


def median(values, clear):
    """The plain way: float, NaN, nanmedian."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanmedian(np.where(clear, values.astype(float), np.nan), axis=0)


def block_mean(values, k, share):
    h, w = values.shape[0] // k, values.shape[1] // k
    blocks = values.reshape(h, k, w, k).swapaxes(1, 2).reshape(h, w, k * k)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.where(np.isfinite(blocks).sum(2) >= share * k * k, np.nanmean(blocks, axis=2), np.nan)


@pytest.fixture
def season(tmp_path):
    """Nine dates of B02, B03 and SCL: (scenes, {band: stack}, scl stack)."""
    scenes, stacks = [], {"B02": [], "B03": []}
    classes = np.random.default_rng(5).choice([0, 1, 3, 4, 5, 6, 8, 9, 10, 11], (9, *SHAPE)).astype(np.uint8)
    classes[:, :5, :7] = 9  # always cloud
    for day in range(9):
        paths = {}
        for i, band in enumerate(stacks):
            values = noise(SHAPE, 10 * day + i)
            values[day * 8 : day * 8 + 6] = 0
            stacks[band].append(values)
            paths[band] = write_tif(tmp_path / f"{day}_{band}.tif", values, block=32)
        mask = write_tif(tmp_path / f"{day}_SCL.tif", classes[day], block=32)
        scenes.append(make_scene(f"s{day}", paths, mask, on_day(day), usual_nodata=0))
    return scenes, {band: np.stack(stack) for band, stack in stacks.items()}, classes


def test_bands_and_count_agree_with_numpy(season):
    scenes, stacks, classes = season
    pixels = compute(scenes, CompositeRecipe(("B02", "B03"), SCL), make_grid())
    fewest = np.full(SHAPE, 99)
    for band, stack in stacks.items():
        clear = np.isin(classes, (2, 4, 5, 6, 7, 11)) & (stack != 0)
        np.testing.assert_allclose(pixels[band], median(stack, clear) * 1e-4, atol=1e-6)
        assert pixels[band].dtype == np.float32
        fewest = np.minimum(fewest, clear.sum(0))
    np.testing.assert_array_equal(pixels.observation_count, fewest)
    # Never clear: no data, not 0, and a count of 0.
    assert np.isnan(pixels.B02[:5, :7]).all() and (pixels.observation_count[:5, :7] == 0).all()
    assert not (pixels.B02 == 0).any()
    assert Grid.of(pixels) == make_grid()


@pytest.mark.parametrize("subdivision", [1, 3])
def test_the_result_does_not_depend_on_tiles(season, subdivision):
    recipe, grid = (
        CompositeRecipe(("B02", "B03"), SCL, subdivision=subdivision),
        make_grid(30, 40, step=10 * subdivision),
    )
    whole = composite(acquisitions(season[0]), recipe, grid)
    cut = composite(acquisitions(season[0]), recipe, grid, tiling=Tiling(stack_bytes=7500, smallest=16))
    assert cut.B02.data.npartitions > 4 and whole.B02.data.npartitions == 1
    with dask.config.set(scheduler="threads", num_workers=3):
        cut, whole = cut.compute(), whole.compute()
    for name in whole:
        np.testing.assert_array_equal(cut[name], whole[name])


def test_both_qa60_bits_are_tested(tmp_path):
    # 0 clear, 1024 opaque cloud (bit 10), 2048 cirrus (bit 11), 3072 both; other bits say nothing here.
    qa = np.array([[0, 1024, 2048, 3072, 512, 1024 + 1]], np.uint16)
    np.testing.assert_array_equal(is_clear(qa, QA60), [[True, False, False, False, True, False]])
    for bit in (10, 11):
        only = Mask("bits", values=(bit,))
        assert (is_clear(qa, only) != is_clear(qa, QA60)).any()
    mask = write_tif(tmp_path / "qa.tif", qa, nodata=0)  # a tag of 0, which is also "clear": the tag is not asked
    band = write_tif(tmp_path / "B02.tif", np.full((1, 6), 1000, np.uint16))
    pixels = compute([make_scene("s", {"B02": band}, mask)], CompositeRecipe(("B02",), QA60), make_grid(1, 6))
    np.testing.assert_array_equal(np.isfinite(pixels.B02), [[True, False, False, False, True, False]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_masks_of_any_dtype(dtype):
    np.testing.assert_array_equal(is_clear(np.array([0, 4, 3, 11], dtype), SCL), [False, True, False, True])
    np.testing.assert_array_equal(is_clear(np.array([0, 3], dtype), Mask("positive")), [False, True])
    np.testing.assert_array_equal(is_clear(np.array([0, 5, 1], dtype), Mask("bits", values=(0,))), [True, False, False])


@pytest.mark.parametrize("share", [0.25, 0.5, 0.0])
def test_blocks_are_means_of_their_valid_sub_pixels(season, share):
    scenes, stacks, classes = season
    k, clear = 5, np.isin(classes, SCL.values) & (stacks["B02"] != 0)
    clear[:, 10:14, 10:14] = False  # 16 of the 25 sub-pixels of one block
    scl = np.where(clear[:, 10:14, 10:14], classes[:, 10:14, 10:14], 9)
    classes[:, 10:14, 10:14] = scl
    for day, scene in enumerate(scenes):
        write_tif(scene.mask.href, classes[day], block=32)
    recipe = CompositeRecipe(("B02",), SCL, subdivision=k, min_valid_share=share)
    pixels = compute(scenes, recipe, make_grid(SHAPE[0] // k, SHAPE[1] // k, step=STEP * k))
    expected = block_mean(median(stacks["B02"], clear) * 1e-4, k, share)
    np.testing.assert_allclose(pixels.B02, expected, atol=1e-6)
    assert np.isnan(pixels.B02[2, 2]) == (share == 0.5)
    assert np.isnan(pixels.B02[0, 0])  # always cloud
    count = clear.sum(0).reshape(SHAPE[0] // k, k, SHAPE[1] // k, k).mean((1, 3))
    assert (count % 1 != 0).any()
    np.testing.assert_array_equal(pixels.observation_count, np.floor(count))


def test_mixed_offsets_are_harmonised_before_the_median(tmp_path):
    # The same reflectance, once as stored before baseline 04.00 and once after it; and 65535 must not wrap around.
    reflectance = np.random.default_rng(1).uniform(0.01, 0.9, (6, *SHAPE))
    scenes, physical = [], []
    for day, truth in enumerate(reflectance):
        offset = -0.1 if day % 2 else 0.0
        stored = np.round((truth - offset) * 1e4).astype(np.uint16)
        stored[0, 0] = 65535 if not day % 2 else 1  # an outlier in every second scene
        physical.append(np.minimum(stored * 1e-4 + offset, 65535e-4 - 0.1))
        path = write_tif(tmp_path / f"{day}.tif", stored)
        scenes.append(make_scene(f"s{day}", {"B02": path}, None, on_day(day), offset=offset, usual_nodata=0))
    pixels = compute(scenes, CompositeRecipe(("B02",), NO_MASK), make_grid())
    np.testing.assert_allclose(pixels.B02, np.median(physical, axis=0), atol=2e-6)
    assert abs(np.nanmedian(pixels.B02) - np.median(np.median(reflectance, axis=0))) < 1e-3


def test_offsets_that_are_no_whole_steps_are_kept_exactly(tmp_path):
    paths = [write_tif(tmp_path / f"{i}.tif", np.full((2, 2), 10, np.int16)) for i in range(2)]
    scenes = [
        make_scene(f"s{i}", {"B02": path}, None, on_day(i), scale=1.0, offset=i * 0.3) for i, path in enumerate(paths)
    ]
    pixels = compute(scenes, CompositeRecipe(("B02",), NO_MASK), make_grid(2, 2))
    np.testing.assert_allclose(pixels.B02, 10.15, atol=1e-6)


def test_scales_that_differ_are_refused(tmp_path):
    path = write_tif(tmp_path / "a.tif", noise((4, 4), 1))
    scenes = [make_scene(f"s{scale}", {"B02": path}, scale=scale) for scale in (1e-4, 1e-3)]
    with pytest.raises(FusionError, match=r"B02 with different scales: 0\.0001, 0\.001"):
        composite(acquisitions(scenes), CompositeRecipe(("B02",), NO_MASK), make_grid(4, 4))


@pytest.mark.parametrize(
    ("dtypes", "low"), [(("int16",), -500), (("float32",), -500), (("uint8",), 0), (("uint16", "int16"), -500)]
)
def test_sources_of_any_dtype(tmp_path, dtypes, low):
    stack = np.random.default_rng(3).integers(low, 255, (5, *SHAPE))
    scenes = []
    for day, values in enumerate(stack):
        dtype = np.dtype(dtypes[day % len(dtypes)])
        stack[day] = values = np.maximum(values, 0) if dtype.kind == "u" else values
        path = write_tif(tmp_path / f"{day}.tif", values.astype(dtype), nodata=7)
        scenes.append(make_scene(f"s{day}", {"B02": path}, None, on_day(day), scale=1.0))
    pixels = compute(scenes, CompositeRecipe(("B02",), NO_MASK), make_grid())
    np.testing.assert_allclose(pixels.B02, median(stack, stack != 7), atol=1e-5)


def test_overlapping_tiles_of_one_pass_count_once(tmp_path):
    """Two granules of one pass overlap; a third scene is another pass."""
    left, right, later = (noise((40, 60), seed) for seed in (1, 2, 3))
    cloud = np.full((40, 60), 4, np.uint8)
    cloud[:, 50:] = 9  # the left granule is cloudy at its right edge: there the right one counts
    scenes = [
        make_scene(
            "a left",
            {"B02": write_tif(tmp_path / "l.tif", left)},
            write_tif(tmp_path / "ls.tif", cloud),
            on_day(0),
        ),
        make_scene(
            "b right",
            {"B02": write_tif(tmp_path / "r.tif", right, lattice(WEST + 400))},
            write_tif(tmp_path / "rs.tif", np.full((40, 60), 4, np.uint8), lattice(WEST + 400)),
            on_day(0, seconds=14),
        ),
        make_scene(
            "later",
            {"B02": write_tif(tmp_path / "n.tif", later)},
            write_tif(tmp_path / "ns.tif", np.full((40, 60), 4, np.uint8)),
            on_day(5),
        ),
    ]
    grid = make_grid(40, 110)
    pixels = compute(scenes, CompositeRecipe(("B02",), SCL), grid)
    one_pass = np.zeros((40, 110))
    one_pass[:, :60], one_pass[:, 50:100] = left, right[:, 10:]
    stack = np.stack([one_pass, np.pad(later.astype(float), ((0, 0), (0, 50)))])
    np.testing.assert_allclose(pixels.B02, median(stack, stack > 0) * 1e-4, atol=1e-6)
    np.testing.assert_array_equal(pixels.observation_count, (stack > 0).sum(0))
    assert np.isnan(pixels.B02[:, 100:]).all()
    swapped = compute(scenes[::-1], CompositeRecipe(("B02",), SCL), grid)
    np.testing.assert_array_equal(swapped.B02, pixels.B02)


def test_scenes_of_two_utm_zones_meet_on_one_grid(tmp_path):
    """A smooth field, sampled in both zones, gives the field back wherever either zone covers it."""
    import pyproj

    grid = make_grid(50, 60, 712_000, 5_600_000)

    def field(crs, transform, shape):
        x, y = np.meshgrid(
            transform.c + transform.a * (np.arange(shape[1]) + 0.5),
            transform.f + transform.e * (np.arange(shape[0]) + 0.5),
        )
        lon, lat = pyproj.Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform(x, y)
        return np.round(2000 + 1e5 * (lon - 6.0) + 1e5 * (lat - 50.5)).astype(np.uint16)

    west, east = lattice(712_000, 5_600_000), lattice(286_200, 5_601_000)
    here, there = field(CRS, west, (50, 30)), field("EPSG:32632", east, (200, 200))
    scenes = [
        make_scene("31", {"B02": write_tif(tmp_path / "31.tif", here, west)}, None, on_day(0), scale=1.0),
        make_scene(
            "32",
            {"B02": write_tif(tmp_path / "32.tif", there, east, "EPSG:32632", block=64)},
            None,
            on_day(1),
            scale=1.0,
        ),
    ]
    pixels = compute(scenes, CompositeRecipe(("B02",), NO_MASK), grid)
    truth = field(CRS, grid.transform, grid.shape).astype(float)
    # Half a pixel of 10 m is at most 7e-5 degrees, which is 14 steps of the field.
    np.testing.assert_allclose(pixels.B02, truth, atol=14)
    np.testing.assert_array_equal(pixels.observation_count, np.where(np.arange(60) < 30, 2, 1)[None].repeat(50, 0))


def test_lights_are_interpolated_before_the_median(tmp_path):
    months = [noise((20, 20), seed).astype(np.float32) for seed in range(3)]
    coarse = lattice(WEST - 1000, NORTH + 1000, 400)
    scenes = []
    for n, month in enumerate(months):
        cover = np.full(month.shape, 0 if n == 2 else 3, np.int16)
        mask = write_tif(tmp_path / f"{n}c.tif", cover, coarse) if n else None  # the first has none: optional
        bands = {"avg_rad": write_tif(tmp_path / f"{n}.tif", month, coarse)}
        scenes.append(make_scene(f"m{n}", bands, mask, on_day(30 * n), scale=1.0))
    recipe = CompositeRecipe(("avg_rad",), PRODUCTS["viirs_monthly"].mask, "bilinear", subdivision=2)
    pixels = compute(scenes, recipe, make_grid(8, 10, step=400))
    assert (pixels.observation_count == 2).all()
    single = [compute([scene], recipe, make_grid(8, 10, step=400)).avg_rad for scene in scenes[:2]]
    np.testing.assert_allclose(pixels.avg_rad, (single[0] + single[1]) / 2, rtol=1e-6)


def test_latest_mosaics_tiles_of_an_epoch_and_prefers_newer_epochs(tmp_path):
    def epoch(name, year, values, west):
        moment = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
        path = write_tif(tmp_path / f"{name}.tif", np.full((10, 10), values, np.int16), lattice(west), nodata=-200)
        return make_scene(name, {"smod_code": path}, None, moment, "", scale=1.0)

    old = [epoch("old left", 2010, 11, WEST), epoch("old right", 2010, 12, WEST + 100)]
    new = [epoch("new left", 2015, 30, WEST)]
    recipe = CompositeRecipe(("smod_code",), NO_MASK, reducer="latest")
    pixels = compute(new + old, recipe, make_grid(10, 25))
    np.testing.assert_array_equal(pixels.smod_code[0], [30] * 10 + [12] * 10 + [np.nan] * 5)
    np.testing.assert_array_equal(pixels.observation_count[0], [1] * 20 + [0] * 5)
    assert pixels.attrs["source_crs"] == CRS
    assert Affine(*map(float, pixels.attrs["source_transform"].split())) == lattice(WEST)


def test_labels_are_read_at_full_resolution_whatever_overviews_say(tmp_path):
    codes = noise((64, 64), 4, 10, 31)
    path = write_tif(tmp_path / "a.tif", codes, block=16, overviews=(2, 4))
    with rasterio.open(path, "r+") as target:
        target.build_overviews([2, 4], rasterio.enums.Resampling.average)
    scene = make_scene("s", {"smod_code": path}, None, scale=1.0)
    recipe = CompositeRecipe(("smod_code",), NO_MASK, reducer="latest")
    pixels = compute([scene], recipe, make_grid(16, 16, step=40))
    np.testing.assert_array_equal(pixels.smod_code, codes[2::4, 2::4])
    assert Affine(*map(float, pixels.attrs["source_transform"].split())) == lattice()


def test_files_outside_a_tile_and_scenes_without_a_clear_pixel_are_not_read(season, tmp_path, monkeypatch):
    far = write_tif(tmp_path / "far.tif", noise((64, 64), 1), lattice(WEST + 90_000), block=16)
    east = write_tif(tmp_path / "east.tif", noise((64, 64), 1), lattice(286_000), "EPSG:32633", block=16)
    cloudy = write_tif(tmp_path / "cloudy.tif", noise(SHAPE, 1), block=16)
    cloud = write_tif(tmp_path / "cloud.tif", np.full(SHAPE, 9, np.uint8))
    extra = [
        make_scene("far", {"B02": far}, far, on_day(50)),
        make_scene("east", {"B02": east}, east, on_day(51)),
        make_scene("cloudy", {"B02": cloudy}, cloud, on_day(52)),
    ]
    read, real = set(), reading.read_window
    monkeypatch.setattr(
        reading, "read_window", lambda href, *rest, **more: read.add(Path(href).name) or real(href, *rest, **more)
    )
    recipe, scenes = CompositeRecipe(("B02",), SCL), season[0]
    with_extra = compute(scenes + extra, recipe, make_grid()).B02
    assert "cloud.tif" in read and "0_B02.tif" in read
    assert not read & {"far.tif", "east.tif", "cloudy.tif"}
    np.testing.assert_array_equal(with_extra, compute(scenes, recipe, make_grid()).B02)


@pytest.mark.parametrize("harm", [truncate, damage, os.remove])
def test_damaged_files_are_named(season, harm):
    scenes, *_ = season
    harm(scenes[4].bands["B02"].href)
    with pytest.raises(UnreadableFile, match=r"4_B02\.tif"):
        compute(scenes, CompositeRecipe(("B02",), SCL), make_grid())


@pytest.mark.slow
def test_a_cluster_of_two_processes_gives_the_same_pixels(season):
    from distributed import Client, LocalCluster

    recipe, tiny = CompositeRecipe(("B02", "B03"), SCL), Tiling(stack_bytes=1)
    lazy = composite(acquisitions(season[0]), recipe, make_grid(), tiling=tiny)
    here = lazy.compute(scheduler="threads")
    with (
        LocalCluster(n_workers=2, processes=True, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        assert len({os.getpid(), *client.run(os.getpid).values()}) == 3
        there = lazy.compute()
        truncate(season[0][0].bands["B03"].href)
        with pytest.raises(UnreadableFile, match=r"0_B03\.tif"):
            lazy.compute()
    for name in here:
        np.testing.assert_array_equal(here[name], there[name])


def test_a_season_of_the_real_place_agrees_with_rasterio_alone(real_archive):
    """The Leie over all dates, 10 m, SCL nearest: an independent computation, and figures known beforehand."""
    import pystac

    from fusion_assets.imagery.engines.archive.engine import scenes_for
    from fusion_assets.settings import Settings
    from fusion_assets.study import load_study
    from fusion_assets.study.imagery_requests import request_for

    study = load_study(Path(__file__).parents[2] / "studies" / "leie.yaml")
    request = request_for(study, Settings(archive=str(real_archive)), "sentinel2", "leie", 2019)
    scenes = scenes_for(request)
    assert len(scenes) == 118
    recipe = CompositeRecipe(("B02",), request.recipe.mask)
    pixels = compute(scenes, recipe, request.grid)

    values, classes = [], []
    collection = next(
        c for c in pystac.Catalog.from_file(str(real_archive)).get_collections() if c.id == "sentinel-2-l2a"
    )
    for item in collection.get_items(recursive=True):
        if item.id not in {scene.id for scene in scenes}:
            continue
        with rasterio.open(item.assets["B02"].get_absolute_href()) as band:
            assert band.transform == request.grid.transform and band.shape == request.grid.shape
            values.append(band.read(1))
        with rasterio.open(item.assets["SCL"].get_absolute_href()) as scl:
            classes.append(scl.read(1).repeat(2, 0).repeat(2, 1))
    values, classes = np.stack(values), np.stack(classes)
    expected = median(values, np.isin(classes, (2, 4, 5, 6, 7, 11)) & (values != 0)) * 1e-4
    np.testing.assert_allclose(pixels.B02, expected, atol=1e-4)
    assert np.nanmedian(pixels.B02) == pytest.approx(0.0548, abs=2e-4)
    unmasked = compute(scenes, CompositeRecipe(("B02",), NO_MASK), request.grid)
    assert np.nanmedian(unmasked.B02) == pytest.approx(0.0941, abs=2e-4)
